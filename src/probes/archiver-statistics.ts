/**
 * What pg_stat_archiver says after the round trip. It lies by omission (a command that cannot be started is not counted), so it
 * is a witness beside the round trip and never instead of it.
 * @see https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW
 */
import { failed, passed, skipped } from './probe.ts'
import type { Probe } from './probe.ts'

type Code = 'failing'

export const archiverStatistics: Probe<Code> = {
  id: 'archiver-statistics',
  source: 'https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW',

  async run({ session }) {
    const [row] = await session.query(
      "SELECT archived_count AS archived, failed_count AS failed, last_archived_wal AS newest, last_failed_wal AS wal, last_failed_time > coalesce(last_archived_time, '-infinity') AS failing, current_setting('archive_mode') AS mode, pg_is_in_recovery() AS recovery FROM pg_stat_archiver")
    if (row?.['mode'] === 'off') return skipped('archive-mode-off')
    if (row?.['recovery'] === true && row['mode'] !== 'always') return skipped('in-recovery')
    const params = { archived: Number(row?.['archived']), failed: Number(row?.['failed']) }
    if (row?.['failing'] === true) return failed({ code: 'failing' satisfies Code, severity: 'error', params: { ...params, segment: String(row['wal']) } })
    return passed('counted', { ...params, segment: String(row?.['newest'] ?? '–') })
  },

  text: {
    en: {
      title: 'pg_stat_archiver: the last attempt was a success',
      about: 'After the round trip the server\'s own statistics must agree: the newest attempt of the archiver succeeded. Failures before it are history.',
      passed: { counted: 'pg_stat_archiver: {archived} archived, {failed} failed, newest {segment}' },
      findings: {
        failing: {
          message: 'the archiver\'s last attempt failed, on {segment} ({failed} failures so far)',
          why: 'The server retries the same segment for ever and keeps all WAL behind it.',
          remedy: '`pgwal doctor` shows the log lines and the cause',
        },
      },
    },
    'zh-TW': {
      title: 'pg_stat_archiver：最近一次嘗試成功',
      about: '完成實測後，伺服器自己的統計也必須一致：archiver 最近一次的嘗試是成功的。在那之前的失敗只是紀錄。',
      passed: { counted: 'pg_stat_archiver：已歸檔 {archived} 個，失敗 {failed} 次，最新為 {segment}' },
      findings: {
        failing: {
          message: 'archiver 最近一次嘗試失敗，區段為 {segment}（累計失敗 {failed} 次）',
          why: '伺服器會一直重試同一個區段，並保留其後的所有 WAL。',
          remedy: '`pgwal doctor` 會顯示相關記錄與原因',
        },
      },
    },
  },
}
