// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY: recovery ends at the first
// segment that it does not get, and opens the server without an error.
import { archiveContentsFact } from '../facts/archive-contents.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

/** Gaps that are named one by one, the newest. */
const MOST_GAPS = 5

export default defineCheck({
  id: 'archive-gaps',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY',
  needs: { contents: archiveContentsFact },

  run({ contents: { path, timelines, gaps, missingHistories, backups, current } }) {
    const at = { file: path }
    const newest = timelines.at(-1)?.timeline ?? 0
    // Right after a switch nothing of the new timeline is archived yet: recovery goes as far as its parent.
    const followed = timelines.findLast(({ timeline }) => timeline <= (current ?? newest))?.timeline
    const named = gaps.slice(-MOST_GAPS).map(({ first, last, count, from, to, neededBy, timeline }) => {
      const params = { first, last, count, timeline }
      if (followed !== undefined && !neededBy.includes(followed)) return finding('other-timeline', 'info', params, { at })
      const [oldest] = backups
      if (oldest === undefined) return finding('gap', 'warning', params, { at })
      if (oldest.from > to) return finding('older-than-backups', 'info', { ...params, backup: oldest.name }, { at })
      // With a younger backup the way to the present is whole; only the way from the older ones is broken.
      return backups.some((backup) => backup.from > to)
        ? finding('gap-after-backup', 'warning', { ...params, backup: backups.findLast((backup) => backup.from <= from)?.name ?? oldest.name }, { at })
        : finding('gap-since-backup', 'error', { ...params, backup: backups.at(-1)!.name }, { at })
    })
    // A timeline that the archive begins with needs no history: nothing leads to it from anything older.
    const first = timelines[0]?.timeline ?? 0
    const lost = missingHistories
      .filter((name) => Number.parseInt(name, 16) > first && Number.parseInt(name, 16) <= (current ?? newest))
      .map((history) => finding('history-missing', 'warning', { history, timeline: Number.parseInt(history, 16) }, { at }))
    const ahead = current !== undefined && newest > current ? [finding('newer-timeline', 'warning', { timeline: newest, current, last: timelines.at(-1)!.last }, { at })] : []
    return [...named, ...lost, ...ahead]
  },

  text: {
    en: {
      title: 'no segment is missing from the archive',
      about: 'Recovery replays one segment after the other. At the first that it does not get it ends, opens the server and reports no error: whatever was archived behind the gap is lost. The names of all files in the archive are compared here with the segments that must be there, timeline by timeline and along the history files, from the oldest on. The .backup files tell which gaps a known base backup has behind it. What still waits for the archiver is no gap.',
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
        'other-timeline': {
          message: '{count} {count|segment is|segments are} missing on timeline {timeline}, which the server has left, {first} to {last}',
          why: 'Only a recovery to that timeline meets the gap.',
          remedy: 'nothing, unless you want to recover to timeline {timeline}',
        },
        'history-missing': {
          message: '{history} is missing from the archive, which has segments of timeline {timeline}',
          why: 'Without it recovery from a base backup of an older timeline never gets to timeline {timeline}.',
          remedy: 'copy {history} from the server\'s pg_wal into the archive, or take a new base backup',
        },
        'newer-timeline': {
          message: 'the archive has segments of timeline {timeline}, up to {last}; the server is on timeline {current}',
          why: 'A restored copy or a promoted standby archives into the same place. Recovery follows the newest timeline by default, and so the other server\'s.',
          remedy: 'give the other server an archive of its own; until its files are moved away, recover with recovery_target_timeline = {current}',
        },
      },
    },
    'zh-TW': {
      title: '歸檔中沒有遺漏的區段',
      about: '還原會逐一重播區段，一旦取不到某個區段就會結束、開啟伺服器，且不回報錯誤：缺口之後歸檔的內容全都遺失。這裡將歸檔中所有檔名與應有的區段相比，逐一時間線並依歷史檔推算，自最舊的區段開始。.backup 檔說明已知的基礎備份會遇到哪些缺口。仍在等待 archiver 的區段不算缺口。',
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
        'other-timeline': {
          message: '伺服器已離開的時間線 {timeline} 缺少 {count} 個區段，{first} 至 {last}',
          why: '只有還原到該時間線才會遇到這個缺口。',
          remedy: '除非要還原到時間線 {timeline}，否則無須處理',
        },
        'history-missing': {
          message: '歸檔中有時間線 {timeline} 的區段，卻缺少 {history}',
          why: '缺少它時，由較舊時間線的基礎備份還原將永遠到不了時間線 {timeline}。',
          remedy: '請從伺服器的 pg_wal 複製 {history} 至歸檔，或製作新的基礎備份',
        },
        'newer-timeline': {
          message: '歸檔中有時間線 {timeline} 的區段，直到 {last}；伺服器位於時間線 {current}',
          why: '還原出的副本或升格的備援伺服器正歸檔到同一處。還原預設會沿最新的時間線進行，也就是另一台伺服器的時間線。',
          remedy: '請讓另一台伺服器使用自己的歸檔；在移走其檔案之前，請以 recovery_target_timeline = {current} 還原',
        },
      },
    },
  },
})
