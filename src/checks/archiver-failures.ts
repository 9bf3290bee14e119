// https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW
// A command that exits above 125 or is killed is not counted there: src/backend/postmaster/pgarch.c.
import { archiveStatusFact } from '../facts/archive-status.ts'
import type { ArchiveStatusFact } from '../facts/archive-status.ts'
import { archiverFact } from '../facts/archiver.ts'
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import type { Outcome } from '../facts/fact.ts'
import { logFact } from '../facts/log.ts'
import type { LogFact } from '../facts/log.ts'
import type { ArchiverLine } from '../facts/log-lines.ts'
import { serverFact } from '../facts/server.ts'
import { CannotJudge, defineCheck } from './check.ts'
import { archivesNow } from './support/archives-now.ts'
import { finding } from './support/finding.ts'

export default defineCheck({
  id: 'archiver-failures',
  source: 'https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW',
  needs: { settings: effectiveSettingsFact },
  uses: { archiver: archiverFact, status: archiveStatusFact, log: logFact, server: serverFact },

  run({ settings }, { archiver, status, log, server }, { now }) {
    archivesNow(settings, server)
    // What failed is still waiting; with nothing in the queue the failure is over.
    if (status.ok && status.value.ready === 0) return []
    const line = lastLine(log, status)
    const at = log.ok && log.value.source.startsWith('/') ? { file: log.value.source } : undefined
    if (line !== undefined && (line.signal !== undefined || (line.exitCode ?? 0) > 125)) {
      return [finding('uncounted', 'error', { cause: line.text, segment: status.ok ? status.value.oldest?.name ?? '' : '' }, { at })]
    }
    if (!archiver.ok) {
      if (line === undefined) throw new CannotJudge(archiver.why)
      return [finding('failing-by-log', 'error', { cause: line.text }, { at })]
    }
    const { lastFailedAt, lastArchivedAt, lastFailedWal, failedCount } = archiver.value
    if (lastFailedAt === null || (lastArchivedAt !== null && lastFailedAt <= lastArchivedAt)) return []
    const params = { segment: lastFailedWal ?? '', failed: failedCount, agoMs: Math.max(0, now.getTime() - lastFailedAt.getTime()) }
    return [line === undefined ? finding('failing', 'error', params) : finding('failing-because', 'error', { ...params, cause: line.text }, { at })]
  },

  text: {
    en: {
      title: 'the archiver\'s last attempt was a success',
      about: 'The statistics say when the last attempt failed and when the last one succeeded; the reason stands in the server\'s log alone, in the words of the archive command. An exit status above 125 and a signal end the archiver and are counted nowhere, so that failed_count 0 proves nothing; the log and the queue do.',
      findings: {
        'failing-because': {
          message: 'archiving fails, last {agoMs} ago on {segment}: {cause}',
          why: 'The server tries the same segment again for ever, and keeps all WAL behind it until its disk is full.',
          remedy: 'correct that cause; the archiver then goes on by itself within a minute (`pgwal verify` proves it)',
        },
        failing: {
          message: 'archiving fails: {failed} {failed|failure|failures}, last {agoMs} ago on {segment}',
          why: 'The server tries the same segment again for ever, and keeps all WAL behind it until its disk is full. The reason stands in the server\'s log, which could not be read or no longer holds it.',
          remedy: 'read the server\'s log (look for "archive command failed"), and correct the cause',
        },
        'failing-by-log': {
          message: 'archiving fails, says the log: {cause}',
          why: 'The server tries the same segment again for ever, and keeps all WAL behind it until its disk is full.',
          remedy: 'correct that cause; the archiver then goes on by itself within a minute (`pgwal verify` proves it)',
        },
        uncounted: {
          message: 'the archive command cannot be run, or is killed, and the archiver ends with it: {cause}',
          why: 'Nothing is archived, and pg_stat_archiver counts no failure: exit 127 is a program that is not there, 126 one that may not be run, 255 often ssh.',
          remedy: 'give the program\'s full path, and let the command end in 1 to 125: append ` || exit 1`; then `pgwal verify`',
        },
      },
    },
    'zh-TW': {
      title: 'archiver 最近一次嘗試成功',
      about: '統計資料記載最近一次失敗與最近一次成功的時間；原因則只寫在伺服器的記錄檔中，即歸檔命令自己的訊息。結束狀態大於 125 或被訊號終止會讓 archiver 結束，且不計入任何統計，因此 failed_count 為 0 不能證明什麼；記錄檔與等待佇列才能。',
      findings: {
        'failing-because': {
          message: '歸檔失敗，區段 {segment}，最近一次距今 {agoMs}：{cause}',
          why: '伺服器會一直重試同一個區段，並保留其後的所有 WAL，直到磁碟滿載。',
          remedy: '修正上述原因；archiver 會在一分鐘內自行繼續（可用 `pgwal verify` 驗證）',
        },
        failing: {
          message: '歸檔失敗共 {failed} 次，最近一次距今 {agoMs}，區段 {segment}',
          why: '伺服器會一直重試同一個區段，並保留其後的所有 WAL，直到磁碟滿載。原因寫在伺服器的記錄檔中，但無法讀取或已不在其中。',
          remedy: '查看伺服器的記錄檔（尋找「archive command failed」）並修正原因',
        },
        'failing-by-log': {
          message: '記錄檔顯示歸檔失敗：{cause}',
          why: '伺服器會一直重試同一個區段，並保留其後的所有 WAL，直到磁碟滿載。',
          remedy: '修正上述原因；archiver 會在一分鐘內自行繼續（可用 `pgwal verify` 驗證）',
        },
        uncounted: {
          message: '歸檔命令無法執行或被終止，archiver 也隨之結束：{cause}',
          why: '沒有任何內容被歸檔，而 pg_stat_archiver 不會計為失敗：127 代表找不到程式，126 代表無法執行，255 常見於 ssh。',
          remedy: '寫出程式的完整路徑，並讓命令以 1 至 125 結束：在結尾加上 ` || exit 1`；然後執行 `pgwal verify`',
        },
      },
    },
  },
})

/** A WAL file's name, as it stands in a command that was run. */
const WAL_NAME = /[0-9A-F]{24}|[0-9A-F]{8}\.history/

/** The newest line about what is next in the queue; where lines name no segment at all, the newest. */
function lastLine(log: Outcome<LogFact>, status: Outcome<ArchiveStatusFact>): ArchiverLine | undefined {
  if (!log.ok) return undefined
  const next = status.ok ? status.value.oldest?.name : undefined
  const failures = log.value.archiverLines.filter(({ exitCode, signal, cause }) => exitCode !== undefined || signal !== undefined || cause !== undefined)
  const words = ({ command = '', cause = '', message }: ArchiverLine) => `${command}\n${cause}\n${message}`
  const about = next === undefined ? undefined : failures.findLast((line) => words(line).includes(next))
  const newest = failures.at(-1)
  return about ?? (newest !== undefined && (next === undefined || !WAL_NAME.test(words(newest))) ? newest : undefined)
}
