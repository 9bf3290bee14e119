// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES: recovery follows the newest timeline that
// has a history file, and finds the way to it by that file.
import { archiveContentsFact } from '../facts/archive-contents.ts'
import { historyName } from '../postgres/wal/index.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { wordOn } from './support/shell-word.ts'

export default defineCheck({
  id: 'archive-timelines',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES',
  needs: { contents: archiveContentsFact },

  run({ contents: { path, timelines, histories, missingHistories, historyFaults, current } }, _uses, { cluster }) {
    const at = { file: path }
    const found = []
    if (current !== undefined) {
      const history = histories.findLast((timeline) => timeline > current)
      const newest = timelines.at(-1)
      const stray = Math.max(history ?? 0, newest?.timeline ?? 0)
      const segments = timelines.filter(({ timeline }) => timeline > current).reduce((sum, { count }) => sum + count, 0)
      if (history !== undefined) found.push(finding('newer-timeline', 'error', { timeline: stray, current, history: historyName(history), segments }, { at: { file: `${path}/${historyName(history)}` } }))
      else if (newest !== undefined && newest.timeline > current) found.push(finding('newer-segments', 'warning', { timeline: stray, current, last: newest.last }, { at }))
    }
    // A timeline that the archive begins with needs no history: nothing leads to it from anything older.
    const first = timelines[0]?.timeline ?? Number.POSITIVE_INFINITY
    const last = current ?? timelines.at(-1)?.timeline ?? 0
    const wal = `${cluster.dataDir}/pg_wal`
    for (const name of missingHistories) {
      const timeline = Number.parseInt(name, 16)
      if (timeline > first && timeline <= last) found.push(finding('history-missing', 'warning', { history: name, timeline, status: wordOn(cluster, `${wal}/archive_status/${name}.ready`) }, { at }))
    }
    for (const { name, code } of historyFaults) {
      if (Number.parseInt(name, 16) > last) continue
      found.push(code === 'differs'
        ? finding('history-differs', 'error', { history: name, own: `${wal}/${name}` }, { at: { file: `${path}/${name}` } })
        : finding('history-unreadable', 'warning', { history: name }, { at: { file: `${path}/${name}` } }))
    }
    return found
  },

  text: {
    en: {
      title: 'the archive has this server\'s timelines, and their histories',
      about: 'Each promotion and each recovery to a point in time begins a new timeline. Its history file tells where it branched off; recovery follows the newest timeline that has one. A restored copy that goes on archiving leaves a timeline that is not this server\'s; a missing, broken or replaced history file sends recovery the wrong way, or nowhere. The names in the archive are held against the server\'s timeline, and its history files against those in pg_wal.',
      findings: {
        'newer-timeline': {
          message: 'the archive has timeline {timeline} ({history}); the server is on timeline {current}',
          why: 'A restored copy or a promoted standby has archived into the same place. Recovery follows the newest timeline by default, and so the other server\'s; from a base backup that is younger than the branch it fails: the timeline "is not a child of this server\'s history".',
          remedy: 'give the other server an archive of its own; move {history} and all files of that timeline out of the archive; until then recover with recovery_target_timeline = {current}',
        },
        'newer-segments': {
          message: 'the archive has segments of timeline {timeline}, up to {last}; the server is on timeline {current}',
          why: 'A restored copy or a promoted standby has archived into the same place. Without a history file recovery does not follow it; its segments get in the way once this server gets to timeline {timeline} itself.',
          remedy: 'give the other server an archive of its own, and move its files out of this one',
        },
        'history-missing': {
          message: '{history} is missing from the archive, which has segments of older timelines',
          why: 'Without it recovery from a base backup of an older timeline never gets to timeline {timeline}.',
          remedy: 'if pg_wal still has it, as the server\'s account: `touch {status}`, and the archiver takes it again; else find a copy, or take a new base backup',
          windows: 'if pg_wal still has it, as the server\'s account: `type nul > {status}`, and the archiver takes it again; else find a copy, or take a new base backup',
        },
        'history-differs': {
          message: '{history} in the archive is not the one in pg_wal',
          why: 'Two servers have begun a timeline of this number. Recovery takes the branch that the archive\'s file tells, which is the other server\'s.',
          remedy: 'give the other server an archive of its own; move the archived file away, copy {own} in its place, and take a new base backup',
        },
        'history-unreadable': {
          message: '{history} in the archive is empty or no history file',
          why: 'Recovery stops at it, or does not find the way to this timeline.',
          remedy: 'move it away and copy the one from the server\'s pg_wal, or a copy of the archive, in its place',
        },
      },
    },
    'zh-TW': {
      title: '歸檔中有本伺服器的時間線及其歷史檔',
      about: '每次升格、每次還原到某個時間點都會開始一條新的時間線，其歷史檔記載由何處分出；還原會沿著有歷史檔的最新時間線進行。還原出的副本若繼續歸檔，就會留下不屬於本伺服器的時間線；歷史檔遺失、損壞或被換掉，還原便會走錯路或無路可走。這裡將歸檔中的檔名與伺服器的時間線相比，並將歷史檔與 pg_wal 中的相比。',
      findings: {
        'newer-timeline': {
          message: '歸檔中有時間線 {timeline}（{history}）；伺服器位於時間線 {current}',
          why: '還原出的副本或升格的備援伺服器曾歸檔到同一處。還原預設會沿最新的時間線進行，也就是另一台伺服器的時間線；由晚於分岔處的基礎備份還原則會失敗，因為該時間線並非本伺服器歷史的後代。',
          remedy: '請讓另一台伺服器使用自己的歸檔；將 {history} 與該時間線的所有檔案移出歸檔；在此之前，請以 recovery_target_timeline = {current} 還原',
        },
        'newer-segments': {
          message: '歸檔中有時間線 {timeline} 的區段，直到 {last}；伺服器位於時間線 {current}',
          why: '還原出的副本或升格的備援伺服器曾歸檔到同一處。沒有歷史檔，還原不會沿著它走；但本伺服器自己到達時間線 {timeline} 時，這些區段就會造成阻礙。',
          remedy: '請讓另一台伺服器使用自己的歸檔，並將其檔案移出此處',
        },
        'history-missing': {
          message: '歸檔中有較舊時間線的區段，卻缺少 {history}',
          why: '缺少它時，由較舊時間線的基礎備份還原將永遠到不了時間線 {timeline}。',
          remedy: '若 pg_wal 中仍有該檔，請以伺服器的帳號執行：`touch {status}`，archiver 便會再次歸檔；否則請尋找副本，或製作新的基礎備份',
          windows: '若 pg_wal 中仍有該檔，請以伺服器的帳號執行：`type nul > {status}`，archiver 便會再次歸檔；否則請尋找副本，或製作新的基礎備份',
        },
        'history-differs': {
          message: '歸檔中的 {history} 與 pg_wal 中的不同',
          why: '兩台伺服器都開始了這個編號的時間線。還原會走歸檔中檔案所指的分支，也就是另一台伺服器的。',
          remedy: '請讓另一台伺服器使用自己的歸檔；移走歸檔中的檔案，以 {own} 取代，並製作新的基礎備份',
        },
        'history-unreadable': {
          message: '歸檔中的 {history} 是空的，或不是歷史檔',
          why: '還原會停在該處，或找不到通往這條時間線的路。',
          remedy: '請將它移走，並以伺服器 pg_wal 或歸檔副本中的檔案取代',
        },
      },
    },
  },
})
