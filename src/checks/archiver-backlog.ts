// Files NAME.ready in pg_wal/archive_status: src/backend/postmaster/pgarch.c
import { archiveStatusFact } from '../facts/archive-status.ts'
import { archiverPaceFact } from '../facts/archiver-pace.ts'
import type { ArchiverPaceFact } from '../facts/archiver-pace.ts'
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { identityFact } from '../facts/identity.ts'
import { serverFact } from '../facts/server.ts'
import { defineCheck } from './check.ts'
import { archivesNow } from './support/archives-now.ts'
import { finding } from './support/finding.ts'

const DEFAULT_SEGMENT_SIZE = 16 << 20
/** A healthy archiver takes a segment within moments; after failures it pauses for a minute. */
const LATE_MS = 2 * 60_000
const VERY_LATE_MS = 10 * 60_000
/** Bytes of WAL that wait, however young. */
const MUCH = 2 ** 30

type Code = 'file-gone' | 'late' | 'much' | 'too-slow' | 'catching-up' | 'waiting-while-down'

export default defineCheck({
  id: 'archiver-backlog',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
  needs: { status: archiveStatusFact, settings: effectiveSettingsFact },
  uses: { identity: identityFact, server: serverFact, pace: archiverPaceFact },

  run({ status, settings }, { identity, server, pace }, { cluster, now }) {
    archivesNow(settings, server)
    const { ready, oldest, gone = [] } = status
    const lost = gone.length === 0 ? [] : [finding<Code>('file-gone', 'error', { count: gone.length, segment: gone[0]!, last: gone.at(-1)! })]
    if (oldest === undefined) return lost
    const bytes = ready * (identity.ok ? identity.value.segmentSize : DEFAULT_SEGMENT_SIZE)
    // What waited while the server was down could not be taken.
    const since = server.ok ? Math.max(oldest.since.getTime(), server.value.startedAt.getTime()) : oldest.since.getTime()
    const ageMs = Math.max(0, now.getTime() - since)
    const params = { ready, segment: oldest.name, ageMs, waitingBytes: bytes }
    if (!cluster.running) return [...lost, finding('waiting-while-down', 'info', params)]
    if (ageMs < LATE_MS && bytes < MUCH) return lost
    const severity = ageMs >= VERY_LATE_MS ? 'error' : 'warning'
    // Nothing at all in that time: then the command hangs, which is another matter.
    const measured = pace.ok && pace.value.archived > 0 ? paces(pace.value, ready, now.getTime() - oldest.since.getTime()) : undefined
    if (measured !== undefined) {
      const { etaMs, ...rates } = measured
      return [...lost, etaMs === undefined ? finding('too-slow', severity, { ...params, ...rates }) : finding('catching-up', 'info', { ...params, ...rates, etaMs })]
    }
    return [...lost, ageMs >= LATE_MS ? finding('late', severity, params) : finding('much', 'warning', params)]
  },

  text: {
    en: {
      title: 'no WAL waits for the archiver',
      about: 'For each finished segment the server makes a file NAME.ready in pg_wal/archive_status, which the archiver renames to NAME.done when it has archived it. How many wait, and for how long, is the truth about archiving even where pg_stat_archiver shows no failure. What waits stays in pg_wal, whose disk fills.',
      findings: {
        late: {
          message: '{ready} {ready|segment waits|segments wait} for the archiver; the oldest, {segment}, for {ageMs}',
          why: 'If this disk died now, all of it would be lost; and what waits stays in pg_wal until its disk is full and the server stops.',
          remedy: 'see archiver-failures and archive-directory for the cause; after it is corrected the archiver catches up by itself',
        },
        much: {
          message: '{ready} {ready|segment waits|segments wait} for the archiver, {waitingBytes} of WAL',
          why: 'The server writes WAL faster than the archive command stores it. What waits stays in pg_wal.',
          remedy: 'run this again in a minute: if it grows, the archive command is too slow',
        },
        'too-slow': {
          message: 'the archive command is slower than the server: {archivedPerMinute} segments a minute archived, {writtenPerMinute} written; {ready} wait, the oldest for {ageMs}',
          why: 'The queue grows for ever, and with it pg_wal and what would be lost: {waitingBytes} by now.',
          remedy: 'make each run of the command faster: a local disk or spool, lz4 or zstd in place of gzip, a tool that archives in parallel; or larger segments (pg_resetwal --wal-segsize)',
        },
        'catching-up': {
          message: 'the archiver catches up: {ready} {ready|segment waits|segments wait}, {archivedPerMinute} a minute are archived; done in {etaMs}',
          why: 'Until then the oldest, {segment}, and all behind it ({waitingBytes}) exist only in pg_wal.',
          remedy: 'nothing to do but wait',
        },
        'file-gone': {
          message: '{count} {count|file waits|files wait} for the archiver but {count|is|are} not in pg_wal any more: {segment} to {last}',
          why: 'Somebody removed WAL that was not archived yet. It is nowhere now: no recovery goes beyond {segment}.',
          remedy: 'never delete in pg_wal; take a new base backup now',
        },
        'waiting-while-down': {
          message: '{ready} {ready|segment|segments} not archived yet; the server is down',
          why: 'They are archived after the next start. Until then they exist only in pg_wal.',
          remedy: 'start the server; do not delete anything from pg_wal',
        },
      },
    },
    'zh-TW': {
      title: '沒有 WAL 在等待 archiver',
      about: '每完成一個區段，伺服器就會在 pg_wal/archive_status 建立 NAME.ready，archiver 歸檔後將其改名為 NAME.done。等待的數量與時間才是歸檔的真相，即使 pg_stat_archiver 沒有顯示失敗。等待中的區段會留在 pg_wal，逐漸塞滿磁碟。',
      findings: {
        late: {
          message: '有 {ready} 個區段在等待 archiver；最舊的 {segment} 已等待 {ageMs}',
          why: '如果磁碟現在損壞，這些都會遺失；等待中的區段會留在 pg_wal，直到磁碟滿載、伺服器停止。',
          remedy: '原因請見 archiver-failures 與 archive-directory；修正之後 archiver 會自行趕上',
        },
        much: {
          message: '有 {ready} 個區段在等待 archiver，共 {waitingBytes} 的 WAL',
          why: '伺服器寫入 WAL 的速度快於歸檔命令。等待中的區段會留在 pg_wal。',
          remedy: '一分鐘後再執行一次：若持續增加，表示歸檔命令太慢',
        },
        'too-slow': {
          message: '歸檔命令比伺服器慢：每分鐘歸檔 {archivedPerMinute} 個區段，寫入 {writtenPerMinute} 個；{ready} 個在等待，最舊的已等待 {ageMs}',
          why: '佇列會持續增長，pg_wal 與可能遺失的量也隨之增加：目前為 {waitingBytes}。',
          remedy: '讓每次執行更快：使用本機磁碟或暫存區、以 lz4 或 zstd 取代 gzip、使用能平行歸檔的工具；或加大區段（pg_resetwal --wal-segsize）',
        },
        'catching-up': {
          message: 'archiver 正在趕上：{ready} 個區段在等待，每分鐘歸檔 {archivedPerMinute} 個；約 {etaMs}後完成',
          why: '在那之前，最舊的 {segment} 及其後的所有區段（{waitingBytes}）只存在於 pg_wal。',
          remedy: '只需等待',
        },
        'file-gone': {
          message: '有 {count} 個檔案在等待 archiver，但已不在 pg_wal 中：{segment} 至 {last}',
          why: '有人移除了尚未歸檔的 WAL。它已不存在於任何地方：還原無法越過 {segment}。',
          remedy: '切勿刪除 pg_wal 中的檔案；請立即製作新的基礎備份',
        },
        'waiting-while-down': {
          message: '尚有 {ready} 個區段未歸檔；伺服器未執行',
          why: '它們會在下次啟動後歸檔，在那之前只存在於 pg_wal。',
          remedy: '啟動伺服器；請勿刪除 pg_wal 中的任何檔案',
        },
      },
    },
  },
})

/** A fifth faster than it is written: then the queue gets shorter, and not by chance. */
const MARGIN = 1.2

/** What came to the queue since its oldest file did, against what the archiver gets done; `etaMs` where that is more. */
function paces({ archived, added, spanMs }: ArchiverPaceFact, ready: number, backlogMs: number): { archivedPerMinute: number; writtenPerMinute: number; etaMs?: number } {
  const archivedEach = archived / spanMs
  // Over the whole of the queue, and just now: the greater of both, so that a pause in writing is no comfort.
  const writtenEach = Math.max(ready / Math.max(backlogMs, spanMs), added / spanMs)
  const perMinute = (each: number) => Math.round(each * 60_000)
  const rates = { archivedPerMinute: perMinute(archivedEach), writtenPerMinute: perMinute(writtenEach) }
  return archivedEach > MARGIN * writtenEach ? { ...rates, etaMs: Math.round(ready / (archivedEach - writtenEach)) } : rates
}
