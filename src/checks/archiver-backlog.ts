// Files NAME.ready in pg_wal/archive_status: src/backend/postmaster/pgarch.c
import { archiveStatusFact } from '../facts/archive-status.ts'
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

export default defineCheck({
  id: 'archiver-backlog',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
  needs: { status: archiveStatusFact, settings: effectiveSettingsFact },
  uses: { identity: identityFact, server: serverFact },

  run({ status, settings }, { identity, server }, { cluster, now }) {
    archivesNow(settings, server)
    const { ready, oldest } = status
    if (oldest === undefined) return []
    const bytes = ready * (identity.ok ? identity.value.segmentSize : DEFAULT_SEGMENT_SIZE)
    // What waited while the server was down could not be taken.
    const since = server.ok ? Math.max(oldest.since.getTime(), server.value.startedAt.getTime()) : oldest.since.getTime()
    const ageMs = Math.max(0, now.getTime() - since)
    const params = { ready, segment: oldest.name, ageMs, waitingBytes: bytes }
    if (!cluster.running) return [finding('waiting-while-down', 'info', params)]
    if (ageMs >= LATE_MS) return [finding('late', ageMs >= VERY_LATE_MS ? 'error' : 'warning', params)]
    if (bytes >= MUCH) return [finding('much', 'warning', params)]
    return []
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
        'waiting-while-down': {
          message: '尚有 {ready} 個區段未歸檔；伺服器未執行',
          why: '它們會在下次啟動後歸檔，在那之前只存在於 pg_wal。',
          remedy: '啟動伺服器；請勿刪除 pg_wal 中的任何檔案',
        },
      },
    },
  },
})
