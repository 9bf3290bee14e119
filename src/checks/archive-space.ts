// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL
import { archiveDirectoryFact } from '../facts/archive-directory.ts'
import { archiveGrowthFact } from '../facts/archive-growth.ts'
import { identityFact } from '../facts/identity.ts'
import { walFlowFact } from '../facts/wal-flow.ts'
import { cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { wordOn } from './support/shell-word.ts'
import { NOT_LOOKED_AT, walTimes } from './support/wal-times.ts'

const DEFAULT_SEGMENT_SIZE = 16 << 20
/** With fewer segments of room than this, archiving stops at any moment. */
const LEAST_SEGMENTS = 2
/** Little in both senses: less than this share of the file system and less than this many bytes. */
const LOW_SHARE = 0.05
const LOW_BYTES = 5 * 2 ** 30
const LOW_INODES = 1000
/** A night and a morning: so long it may take until somebody reads a warning. */
const SOON_MS = 24 * 3_600_000

export default defineCheck({
  id: 'archive-space',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
  needs: { directory: archiveDirectoryFact },
  uses: { identity: identityFact, flow: walFlowFact, growth: archiveGrowthFact },

  run({ directory }, { identity, flow, growth }, { cluster }) {
    const { fileSystem, path } = directory
    if (fileSystem === undefined) throw cannotJudge('not-readable', { target: path })
    const segment = identity.ok ? identity.value.segmentSize : DEFAULT_SEGMENT_SIZE
    const { freeBytes, totalBytes, freeInodes } = fileSystem
    const params = { path, word: wordOn(cluster, path), freeBytes, totalBytes, segments: Math.floor(freeBytes / segment) }
    const at = { file: path }
    if (freeBytes < LEAST_SEGMENTS * segment) return [finding('full', 'error', params, { at })]
    if (freeBytes < LOW_BYTES && freeBytes < totalBytes * LOW_SHARE) return [finding('low', 'warning', params, { at })]
    const { rate, archiveFullMs } = walTimes({
      ...NOT_LOOKED_AT, directory, flow: flow.ok ? flow.value : undefined, identity: identity.ok ? identity.value : undefined, growth: growth.ok ? growth.value : undefined,
    })
    if (rate !== undefined && archiveFullMs !== undefined && archiveFullMs < SOON_MS) {
      return [finding('filling', 'warning', { ...params, fullMs: archiveFullMs, hourBytes: Math.round(rate.bytesPerSecond * 3600), spanMs: rate.spanMs }, { at })]
    }
    // File systems without a fixed number of inodes report none at all.
    if (freeInodes > 0 && freeInodes < LOW_INODES) return [finding('few-inodes', 'warning', { ...params, freeInodes }, { at })]
    return []
  },

  text: {
    en: {
      title: 'there is room for the archive to grow',
      about: 'When the archive\'s file system is full, archiving fails, the server keeps every segment, and pg_wal fills its own disk: the server then stops with a PANIC. Free space and free inodes of the archive\'s file system are looked at, and how long the space lasts at the rate at which WAL was written lately.',
      findings: {
        full: {
          message: '{path} is full: {freeBytes} left',
          why: 'Archiving stops, pg_wal grows until its disk is full too, and then the server stops.',
          remedy: 'make room there: remove WAL older than the oldest base backup with pg_archivecleanup; never delete from pg_wal by hand',
        },
        low: {
          message: '{path} has {freeBytes} of {totalBytes} left, room for {segments} segments',
          why: 'When it is full archiving stops, and pg_wal grows until its disk is full too.',
          remedy: 'remove WAL older than the oldest base backup with pg_archivecleanup, or enlarge the disk',
        },
        filling: {
          message: '{path} is full in {fullMs}: {hourBytes} of WAL come an hour, and {freeBytes} are left',
          why: 'When it is full archiving stops, and pg_wal grows until its disk is full too. The rate was measured over the last {spanMs}.',
          remedy: 'remove WAL older than the oldest base backup with pg_archivecleanup, or enlarge the disk',
        },
        'few-inodes': {
          message: 'the file system of {path} has {freeInodes} inodes left',
          why: 'Each segment is a file: without inodes none can be made, however much space is left.',
          remedy: 'see what uses them: df -i {word}',
        },
      },
    },
    'zh-TW': {
      title: '歸檔仍有成長空間',
      about: '歸檔的檔案系統滿載時歸檔會失敗，伺服器會保留所有區段，pg_wal 也會塞滿自己的磁碟，伺服器最終以 PANIC 停止。這裡查看歸檔所在檔案系統的剩餘空間與 inode，以及依最近寫入 WAL 的速度還能維持多久。',
      findings: {
        full: {
          message: '{path} 已滿：剩餘 {freeBytes}',
          why: '歸檔停止，pg_wal 持續增長直到磁碟滿載，伺服器隨之停止。',
          remedy: '在該處騰出空間：以 pg_archivecleanup 移除早於最舊基礎備份的 WAL；切勿手動刪除 pg_wal 中的檔案',
        },
        low: {
          message: '{path} 剩餘 {freeBytes}（共 {totalBytes}），可再存放 {segments} 個區段',
          why: '滿載之後歸檔就會停止，pg_wal 也將持續增長直到磁碟滿載。',
          remedy: '以 pg_archivecleanup 移除早於最舊基礎備份的 WAL，或擴充磁碟',
        },
        filling: {
          message: '{path} 將在 {fullMs}後滿載：每小時增加 {hourBytes} 的 WAL，剩餘 {freeBytes}',
          why: '滿載之後歸檔就會停止，pg_wal 也將持續增長直到磁碟滿載。速度的量測期間為最近 {spanMs}。',
          remedy: '以 pg_archivecleanup 移除早於最舊基礎備份的 WAL，或擴充磁碟',
        },
        'few-inodes': {
          message: '{path} 所在的檔案系統只剩 {freeInodes} 個 inode',
          why: '每個區段都是一個檔案：沒有 inode，空間再多也無法建立。',
          remedy: '查看使用情形：df -i {word}',
        },
      },
    },
  },
})
