// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY: recovery ends at the first
// segment that it does not get, and opens the server without an error.
import { archiveContentsFact } from '../facts/archive-contents.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { wordOn } from './support/shell-word.ts'

/** Gaps that are named one by one, the newest. */
const MOST_GAPS = 5

export default defineCheck({
  id: 'archive-gaps',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY',
  needs: { contents: archiveContentsFact },

  run({ contents: { path, timelines, gaps, moreGaps, backups, current } }, _uses, { cluster }) {
    const at = { file: path }
    const newest = timelines.at(-1)?.timeline ?? 0
    // Right after a switch nothing of the new timeline is archived yet: recovery goes as far as its parent.
    const followed = timelines.findLast(({ timeline }) => timeline <= (current ?? newest))?.timeline
    // What a base backup itself lacks is archive-backups' to tell; nothing can be recovered from it, so no gap matters for it.
    const usable = backups.filter(({ missing }) => missing === 0)
    const named = gaps.slice(-MOST_GAPS).map(({ first, last, count, from, to, neededBy, timeline, held }) => {
      const params = { first, last, count, timeline }
      if (followed !== undefined && !neededBy.includes(followed)) return finding('other-timeline', 'info', params, { at })
      const [oldest] = usable
      if (oldest !== undefined && oldest.from > to) return finding('older-than-backups', 'info', { ...params, backup: oldest.name }, { at })
      // With a younger backup the way to the present is whole; only the way from the older ones is broken.
      const since = oldest !== undefined && !usable.some((backup) => backup.from > to)
      const severity = since ? 'error' : 'warning'
      if (held === count) return finding('still-in-pg-wal', severity, { ...params, status: wordOn(cluster, `${cluster.dataDir}/pg_wal/archive_status/${first}.ready`) }, { at })
      if (oldest === undefined) return finding('gap', severity, params, { at })
      return since
        ? finding('gap-since-backup', severity, { ...params, backup: usable.at(-1)!.name }, { at })
        : finding('gap-after-backup', severity, { ...params, backup: usable.findLast((backup) => backup.from <= from)?.name ?? oldest.name }, { at })
    })
    const older = gaps.length + moreGaps - named.length
    return older > 0 ? [...named, finding('more-gaps', 'info', { gaps: older }, { at })] : named
  },

  text: {
    en: {
      title: 'no segment is missing from the archive',
      about: 'Recovery replays one segment after the other. At the first that it does not get it ends, opens the server and reports no error: whatever was archived behind the gap is lost. The names of all files in the archive are compared here with the segments that must be there, timeline by timeline and along the history files, from the oldest on and up to what the server writes now. The .backup files tell which gaps a known base backup has behind it. What still waits for the archiver is no gap.',
      findings: {
        gap: {
          message: '{count} {count|segment is|segments are} missing from the archive, {first} to {last}',
          why: 'Recovery from a base backup that is older than the gap ends there, without an error. Which base backups there are, the archive does not tell.',
          remedy: 'look for the files in pg_wal and in copies of the archive; if they are gone, take a new base backup now',
        },
        'gap-since-backup': {
          message: '{count} {count|segment is|segments are} missing from the archive since the newest base backup, {first} to {last}',
          why: 'From no base backup that the archive knows (the newest is {backup}) can anything behind the gap be recovered.',
          remedy: 'look for the files in pg_wal and in copies of the archive; if they are gone, take a new base backup now',
        },
        'gap-after-backup': {
          message: '{count} {count|segment is|segments are} missing from the archive between base backups, {first} to {last}',
          why: 'Recovery from {backup} ends at the gap, without an error; from younger base backups it does not meet it.',
          remedy: 'recover from a younger base backup, and discard the older ones, or find the files again',
        },
        'older-than-backups': {
          message: '{count} {count|segment is|segments are} missing from the archive, {first} to {last}; the oldest known base backup is younger',
          why: 'No base backup that the archive knows needs them; {backup} is the oldest.',
          remedy: 'nothing, unless you keep an older base backup; `pg_archivecleanup` removes what no base backup needs',
        },
        'still-in-pg-wal': {
          message: '{count} {count|segment is|segments are} missing from the archive, {first} to {last}, but still in pg_wal',
          why: 'The server counts {count|it|them} as archived, and removes {count|it|them} from pg_wal at one of the next checkpoints. Then the WAL behind {count|it|them} cannot be reached.',
          remedy: 'as the server\'s account, for each of them: `touch {status}`; the archiver then takes them again',
          windows: 'as the server\'s account, for each of them: `type nul > {status}`; the archiver then takes them again',
        },
        'more-gaps': {
          message: '{gaps} more {gaps|gap|gaps} in the archive, older than these',
          why: 'Only the newest are named.',
          remedy: 'put the newer ones right first, or take a new base backup',
        },
        'other-timeline': {
          message: '{count} {count|segment is|segments are} missing on timeline {timeline}, which the server has left, {first} to {last}',
          why: 'Only a recovery to that timeline meets the gap.',
          remedy: 'nothing, unless you want to recover to timeline {timeline}',
        },
      },
    },
    'zh-TW': {
      title: '歸檔中沒有遺漏的區段',
      about: '還原會逐一重播區段，一旦取不到某個區段就會結束、開啟伺服器，且不回報錯誤：缺口之後歸檔的內容全都遺失。這裡將歸檔中所有檔名與應有的區段相比，逐一時間線並依歷史檔推算，自最舊的區段開始，直到伺服器目前寫入之處。.backup 檔說明已知的基礎備份會遇到哪些缺口。仍在等待 archiver 的區段不算缺口。',
      findings: {
        gap: {
          message: '歸檔中缺少 {count} 個區段，{first} 至 {last}',
          why: '由早於缺口的基礎備份還原時，會在該處結束且不回報錯誤。歸檔無法得知有哪些基礎備份。',
          remedy: '請在 pg_wal 與歸檔的副本中尋找這些檔案；若已遺失，請立即製作新的基礎備份',
        },
        'gap-since-backup': {
          message: '自最新的基礎備份以來，歸檔中缺少 {count} 個區段，{first} 至 {last}',
          why: '由歸檔所知的任何基礎備份（最新為 {backup}）都無法還原缺口之後的內容。',
          remedy: '請在 pg_wal 與歸檔的副本中尋找這些檔案；若已遺失，請立即製作新的基礎備份',
        },
        'gap-after-backup': {
          message: '兩次基礎備份之間，歸檔中缺少 {count} 個區段，{first} 至 {last}',
          why: '由 {backup} 還原會在缺口處結束且不回報錯誤；由較新的基礎備份還原則不受影響。',
          remedy: '請由較新的基礎備份還原並捨棄較舊的，或設法找回這些檔案',
        },
        'older-than-backups': {
          message: '歸檔中缺少 {count} 個區段，{first} 至 {last}；已知最舊的基礎備份較新',
          why: '歸檔所知的基礎備份都不需要它們；最舊的是 {backup}。',
          remedy: '除非您保留了更舊的基礎備份，否則無須處理；`pg_archivecleanup` 會移除沒有備份需要的檔案',
        },
        'still-in-pg-wal': {
          message: '歸檔中缺少 {count} 個區段，{first} 至 {last}，但仍在 pg_wal 中',
          why: '伺服器認為它們已歸檔，會在之後的檢查點將其自 pg_wal 移除；屆時便無法到達其後的 WAL。',
          remedy: '請以伺服器的帳號對每個區段執行：`touch {status}`；archiver 便會再次歸檔',
          windows: '請以伺服器的帳號對每個區段執行：`type nul > {status}`；archiver 便會再次歸檔',
        },
        'more-gaps': {
          message: '歸檔中還有 {gaps} 個較舊的缺口',
          why: '這裡只列出最新的幾個。',
          remedy: '請先處理較新的缺口，或製作新的基礎備份',
        },
        'other-timeline': {
          message: '伺服器已離開的時間線 {timeline} 缺少 {count} 個區段，{first} 至 {last}',
          why: '只有還原到該時間線才會遇到這個缺口。',
          remedy: '除非要還原到時間線 {timeline}，否則無須處理',
        },
      },
    },
  },
})
