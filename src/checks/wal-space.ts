// https://www.postgresql.org/docs/current/wal-configuration.html: what stays in pg_wal, and for whom
import { archiveStatusFact } from '../facts/archive-status.ts'
import { archiverFact } from '../facts/archiver.ts'
import type { ArchiverFact } from '../facts/archiver.ts'
import { diskFact } from '../facts/disk.ts'
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { identityFact } from '../facts/identity.ts'
import { replicationFact } from '../facts/replication.ts'
import type { ReplicationFact } from '../facts/replication.ts'
import { serverFact } from '../facts/server.ts'
import { walFlowFact } from '../facts/wal-flow.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { knownValue, numberOf } from './support/settings.ts'
import { NOT_LOOKED_AT, walTimes } from './support/wal-times.ts'
import type { WalHold } from './support/wal-times.ts'

const DEFAULT_SEGMENT_SIZE = 16 << 20
/** With fewer segments of room than this, the server stops at any moment. */
const LEAST_SEGMENTS = 2
const LOW_SHARE = 0.05
const LOW_BYTES = 5 * 2 ** 30
const HOUR = 3_600_000
const SOON_MS = 24 * HOUR
/** Nothing archived for so long while segments wait. */
const STUCK_MS = 10 * 60_000
const WITHIN_DAYS_MS = 7 * SOON_MS

export default defineCheck({
  id: 'wal-space',
  source: 'https://www.postgresql.org/docs/current/wal-configuration.html',
  needs: { disk: diskFact },
  uses: { identity: identityFact, flow: walFlowFact, settings: effectiveSettingsFact, server: serverFact, status: archiveStatusFact, archiver: archiverFact, replication: replicationFact },

  run({ disk }, uses, { cluster, now }) {
    const value = <T>(outcome: { readonly ok: true; readonly value: T } | { readonly ok: false }) => (outcome.ok ? outcome.value : undefined)
    const identity = value(uses.identity)
    const settings = value(uses.settings)
    const replication = value(uses.replication)
    const archiver = value(uses.archiver)
    const { freeBytes, totalBytes } = disk.wal
    // The disk of a linked pg_wal is where the link leads.
    const at = { file: disk.walPath ?? `${cluster.dataDir}/pg_wal` }
    const { holds, rate, walFullMs } = walTimes({
      ...NOT_LOOKED_AT, flow: value(uses.flow), identity, settings, server: value(uses.server), status: value(uses.status), archiver, replication, disk,
    })
    const holder = holds.find((hold) => (hold.by === 'archiver' ? archiver !== undefined && stuck(archiver, now) : abandoned(hold, replication)))
    const params = { freeBytes, totalBytes, by: holder === undefined ? '' : named(holder) }
    if (freeBytes < LEAST_SEGMENTS * (identity?.segmentSize ?? DEFAULT_SEGMENT_SIZE)) return [finding('full', 'error', params, { at })]
    // What the server keeps for itself does not grow; what it keeps for somebody who does not come does.
    const usual = settings === undefined ? Number.NaN : numberOf(knownValue(settings.get('max_wal_size')) ?? '', 'MB') * 2 ** 20
    if (holder !== undefined && rate !== undefined && walFullMs !== undefined && holder.bytes > usual && walFullMs < WITHIN_DAYS_MS) {
      return [finding('filling', walFullMs < SOON_MS ? 'error' : 'warning', { ...params, keptBytes: holder.bytes, fullMs: walFullMs, hourBytes: Math.round(rate.bytesPerSecond * 3600), spanMs: rate.spanMs }, { at })]
    }
    if (freeBytes < LOW_BYTES && freeBytes < totalBytes * LOW_SHARE) return [finding('low', 'warning', params, { at })]
    return []
  },

  text: {
    en: {
      title: 'the disk of pg_wal has room',
      about: 'The server stops with a PANIC when it can write no more WAL. pg_wal grows without end only while something keeps WAL there: an archiver that does not succeed, or a replication slot whose user is away. Then the time until the disk is full is reckoned from the rate at which WAL was written lately, which is measured over minutes at least.',
      findings: {
        full: {
          message: 'the disk of pg_wal is full: {freeBytes} left',
          why: '"could not write to file pg_wal/xlogtemp: No space left on device": the server stops with a PANIC, and does not start again without room.',
          remedy: 'make room on that disk at once; never delete from pg_wal: see what keeps WAL there (archiver-backlog, replication-slots)',
        },
        filling: {
          message: 'the disk of pg_wal is full in {fullMs}: {by} keeps {keptBytes} there, and {hourBytes} come an hour',
          why: 'Nothing is removed until that is put right; when the disk is full the server stops with a PANIC. The rate was measured over {spanMs}.',
          remedy: 'put right what keeps it (archiver-failures, replication-slots tell how); never delete from pg_wal',
        },
        low: {
          message: 'the disk of pg_wal has {freeBytes} of {totalBytes} left',
          why: 'When an archiver or a standby fails, pg_wal grows; there is little room for that.',
          remedy: 'make room on that disk, or move pg_wal to a larger one (initdb --waldir, or a symbolic link while the server is down)',
        },
      },
    },
    'zh-TW': {
      title: 'pg_wal 所在的磁碟仍有空間',
      about: '無法再寫入 WAL 時，伺服器會以 PANIC 停止。pg_wal 只有在 WAL 被某個對象保留時才會無止境地增長：無法成功的 archiver，或使用者不在的複寫槽。此時會依最近寫入 WAL 的速度估計磁碟滿載的時間，量測期間至少數分鐘。',
      findings: {
        full: {
          message: 'pg_wal 所在的磁碟已滿：剩餘 {freeBytes}',
          why: '「could not write to file pg_wal/xlogtemp: No space left on device」：伺服器以 PANIC 停止，沒有空間就無法再啟動。',
          remedy: '立即在該磁碟騰出空間；切勿刪除 pg_wal 中的檔案：請查看是什麼保留了 WAL（archiver-backlog、replication-slots）',
        },
        filling: {
          message: 'pg_wal 所在的磁碟將在 {fullMs}後滿載：{by} 在此保留了 {keptBytes}，且每小時增加 {hourBytes}',
          why: '在修正之前不會移除任何 WAL；磁碟滿載時伺服器會以 PANIC 停止。速度的量測期間為 {spanMs}。',
          remedy: '修正保留的原因（請見 archiver-failures、replication-slots）；切勿刪除 pg_wal 中的檔案',
        },
        low: {
          message: 'pg_wal 所在的磁碟剩餘 {freeBytes}（共 {totalBytes}）',
          why: 'archiver 或備援伺服器故障時 pg_wal 會增長，而可用的空間很少。',
          remedy: '在該磁碟騰出空間，或將 pg_wal 移至較大的磁碟（initdb --waldir，或在伺服器停止時使用符號連結）',
        },
      },
    },
  },
})

/** Whether the archiver does not get on: one that does catches up sooner or later. */
function stuck({ lastFailedAt, lastArchivedAt }: ArchiverFact, now: Date): boolean {
  if (lastArchivedAt === null || (lastFailedAt !== null && lastFailedAt > lastArchivedAt)) return true
  return now.getTime() - lastArchivedAt.getTime() > STUCK_MS
}

/** A slot without a user and without a limit; safe bytes are known only where max_slot_wal_keep_size sets one. */
function abandoned({ by, name }: WalHold, replication: ReplicationFact | undefined): boolean {
  const slot = by === 'slot' ? replication?.slots.find((one) => one.name === name) : undefined
  return slot !== undefined && !slot.active && !slot.synced && slot.safeBytes === null
}

function named({ by, name }: WalHold): string {
  return by === 'slot' ? `slot ${name ?? ''}` : by
}
