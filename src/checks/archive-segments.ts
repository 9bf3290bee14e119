// The 40 bytes at the beginning of each segment prove version, timeline, place, cluster and size: XLogLongPageHeaderData in
// src/include/access/xlog_internal.h.
import { archiveContentsFact } from '../facts/archive-contents.ts'
import { archiveSegmentsFact } from '../facts/archive-segments.ts'
import type { FaultySegment, SegmentFault } from '../facts/archive-segments.ts'
import { cannotJudge, defineCheck } from './check.ts'
import type { Severity } from './check.ts'
import { finding } from './support/finding.ts'
import { wordOn } from './support/shell-word.ts'

/** In the order in which they are told; the system identifier has a check of its own. */
const CODES = {
  stub: 'stub',
  conflict: 'conflict',
  'file-size': 'wrong-size',
  zeroed: 'zeroed',
  short: 'not-wal',
  'not-wal': 'not-wal',
  'segment-size': 'other-segment-size',
  name: 'misplaced',
  'page-address': 'misplaced',
  timeline: 'other-timeline',
  damaged: 'damaged',
  minimal: 'minimal',
  'unknown-version': 'unknown-version',
} as const satisfies Partial<Record<SegmentFault, string>>

type Told = keyof typeof CODES

export default defineCheck({
  id: 'archive-segments',
  source: 'https://www.postgresql.org/docs/current/wal-internals.html',
  needs: { segments: archiveSegmentsFact, contents: archiveContentsFact },

  run({ segments: { path, total, looked, deep, inTime, unread, faults, counts }, contents: { timelines, backups, current } }, _uses, { cluster }) {
    // Nothing but strangers: segments that are encrypted, or packed in a way that is not known.
    if (looked > 1 && counts['not-wal'] === looked) throw cannotJudge('unknown-form', { target: path })
    if (looked === 0 && unread > 0) throw cannotJudge('unknown-form', { target: path })

    const followed = timelines.findLast(({ timeline }) => timeline <= (current ?? timeline))?.timeline
    const oldest = backups.find(({ missing }) => missing === 0)
    const matters = ({ timeline, number }: FaultySegment) => (followed === undefined || timeline <= followed) && (oldest === undefined || number >= oldest.from)
    // A younger base backup does not meet it, and of those that are not known here one may be.
    const passed = ({ code, number }: FaultySegment) => code === 'minimal' && (oldest === undefined || backups.some(({ missing, from }) => missing === 0 && from > number))
    const severityOf = (fault: FaultySegment): Severity => (fault.code === 'unknown-version' || !matters(fault) ? 'info' : passed(fault) ? 'warning' : 'error')

    const found = (Object.keys(CODES) as Told[]).flatMap((told) => {
      const own = faults.filter(({ code }) => code === told)
      const one = own.find(matters) ?? own[0]
      if (one === undefined) return []
      const params = { segment: one.name, count: counts[told] ?? own.length, found: one.found, expected: one.expected, own: `${cluster.dataDir}/pg_wal/${one.name}`, file: wordOn(cluster, `${path}/${one.name}`) }
      return [finding(CODES[told], severityOf(one), params, { at: { file: `${path}/${one.name}` } })]
    })
    if (found.length === 0 && deep && !inTime) throw cannotJudge('too-many-segments', { total, count: looked })
    return found
  },

  text: {
    en: {
      title: 'archived segments are what their names say',
      about: 'Each segment has one size, and begins with a header that tells its cluster, its timeline and its place. Recovery that meets a segment which is cut short, full of zeros, misplaced or damaged ends there, mostly without an error. Size and header of the newest and the oldest segments are looked at, and of those beside gaps and at the ends of base backups; the newest are compared with what pg_wal still has. With `--deep` every header is read, all that pg_wal still has is compared, and pg_waldump, where it is installed, reads the newest segments as a whole, and tells where the server went over to wal_level minimal. Of compressed segments those of gzip are looked into.',
      findings: {
        stub: {
          message: '{segment} was only copied in part: {found} bytes of {expected}, the beginning of what pg_wal has',
          why: 'A copy was cut short by a full disk or a crash, under its final name. The server counts it as archived; recovery stops at it with an error.',
          remedy: 'copy {own} over {file} before the server removes it',
        },
        conflict: {
          message: '{segment} in the archive is not what pg_wal has under the name',
          why: 'Another server (a clone, a restored copy) archives into the same place, or the file was damaged. A recovery replays the other content, or ends there.',
          remedy: 'give every server an archive of its own; compare {file} with {own}, keep the right one, and take a new base backup',
        },
        'wrong-size': {
          message: '{count} {count|segment has|segments have} the wrong size, such as {segment}: {found} bytes in place of {expected}',
          why: 'Recovery stops at it with an error, after the server has seemed to start.',
          remedy: 'replace it from pg_wal or a copy of the archive; if there is none, take a new base backup now',
        },
        zeroed: {
          message: '{count} {count|segment begins|segments begin} with zeros, such as {segment}',
          why: 'The name was made and the content never written, as after a crash of the archive\'s machine. Recovery ends there, without an error.',
          remedy: 'replace it from pg_wal or a copy of the archive; if there is none, take a new base backup now',
        },
        'not-wal': {
          message: '{count} {count|file has|files have} the name of a segment but no WAL inside, such as {segment}',
          why: 'Recovery ends there, without an error.',
          remedy: 'look what {file} is; replace it from pg_wal or a copy of the archive; if there is none, take a new base backup now',
        },
        'other-segment-size': {
          message: '{segment} is from a cluster with segments of {found} bytes; here they have {expected}',
          why: 'It cannot be of this cluster. Recovery ends there.',
          remedy: 'move it away; replace it from pg_wal or a copy of the archive; if there is none, take a new base backup now',
        },
        misplaced: {
          message: '{count} {count|segment belongs|segments belong} to another place in the WAL than the name says, such as {segment}',
          why: 'It was renamed, or another one was copied over it (an archive command with a fixed or a wrong name does that). Recovery ends there, without an error.',
          remedy: 'find out what wrote {file}; replace it from pg_wal or a copy of the archive; if there is none, take a new base backup now',
        },
        'other-timeline': {
          message: '{count} {count|segment is|segments are} of a newer timeline than the name says, such as {segment}: {found} in place of {expected}',
          why: 'It was renamed, or another one was copied over it. Recovery ends there.',
          remedy: 'replace it from pg_wal or a copy of the archive; if there is none, take a new base backup now',
        },
        damaged: {
          message: 'pg_waldump cannot read {count} {count|segment|segments} to the end, such as {segment}: {found}',
          why: 'Bytes in it have changed since the server wrote them. Recovery ends there, without an error.',
          remedy: 'replace it from pg_wal or a copy of the archive; if there is none, take a new base backup now; and look after the disk',
        },
        minimal: {
          message: 'the server went over to wal_level minimal in {segment}: no base backup from before can be rolled past it',
          why: 'What is written with minimal lacks what a recovery needs. It ends there with "WAL was generated with wal_level=minimal, cannot continue recovering", even where no segment is missing.',
          remedy: 'take a new base backup now, and keep those from before only for the time before that',
        },
        'unknown-version': {
          message: '{count} {count|segment is|segments are} of a WAL format that pgwal does not know ({found}), such as {segment}',
          why: 'A newer or a modified PostgreSQL has written it; what is in it cannot be judged here.',
          remedy: 'nothing, unless this cluster is PostgreSQL 12 to 18: then take a newer pgwal, or report it',
        },
      },
    },
    'zh-TW': {
      title: '歸檔的區段與其名稱相符',
      about: '每個區段的大小相同，並以標頭開始，記載其叢集、時間線與位置。還原時若遇到被截短、全為零、位置錯誤或損壞的區段，便會在該處結束，且多半不會報錯。這裡查看最新與最舊、缺口旁以及基礎備份兩端的區段的大小與標頭，並將最新的與 pg_wal 中仍有的相比。加上 `--deep` 則讀取每個標頭、比較 pg_wal 中仍有的全部，並在裝有 pg_waldump 時以它完整讀取最新的區段，並指出伺服器在何處改用 wal_level minimal。壓縮的區段只會查看 gzip 格式。',
      findings: {
        stub: {
          message: '{segment} 只複製了一部分：{expected} 位元組中的 {found}，是 pg_wal 中該檔的開頭',
          why: '複製因磁碟已滿或當機而中斷，卻已使用最終的名稱。伺服器認為它已歸檔；還原會在該處因錯誤而停止。',
          remedy: '請在伺服器移除 {own} 之前，以它取代 {file}',
        },
        conflict: {
          message: '歸檔中的 {segment} 與 pg_wal 中同名的內容不同',
          why: '另一台伺服器（複製品或還原出的副本）歸檔到同一處，或檔案已損壞。還原會重播另一份內容，或在該處結束。',
          remedy: '請讓每台伺服器使用自己的歸檔；比較 {file} 與 {own}，留下正確的，並製作新的基礎備份',
        },
        'wrong-size': {
          message: '{count} 個區段的大小錯誤，例如 {segment}：{found} 位元組，應為 {expected}',
          why: '還原會在伺服器看似已啟動之後，於該處因錯誤而停止。',
          remedy: '請以 pg_wal 或歸檔的副本取代；若都沒有，請立即製作新的基礎備份',
        },
        zeroed: {
          message: '{count} 個區段以零開始，例如 {segment}',
          why: '檔案已建立，內容卻從未寫入，例如存放歸檔的主機曾當機。還原會在該處結束，且不會報錯。',
          remedy: '請以 pg_wal 或歸檔的副本取代；若都沒有，請立即製作新的基礎備份',
        },
        'not-wal': {
          message: '{count} 個檔案有區段的名稱，內容卻不是 WAL，例如 {segment}',
          why: '還原會在該處結束，且不會報錯。',
          remedy: '請查看 {file} 是什麼；以 pg_wal 或歸檔的副本取代；若都沒有，請立即製作新的基礎備份',
        },
        'other-segment-size': {
          message: '{segment} 來自區段為 {found} 位元組的叢集；這裡的區段為 {expected}',
          why: '它不可能屬於本叢集。還原會在該處結束。',
          remedy: '請移走它；以 pg_wal 或歸檔的副本取代；若都沒有，請立即製作新的基礎備份',
        },
        misplaced: {
          message: '{count} 個區段屬於 WAL 中的其他位置，與名稱不符，例如 {segment}',
          why: '它被改名，或被另一個區段覆寫（使用固定或錯誤名稱的歸檔命令會如此）。還原會在該處結束，且不會報錯。',
          remedy: '請找出是什麼寫入了 {file}；以 pg_wal 或歸檔的副本取代；若都沒有，請立即製作新的基礎備份',
        },
        'other-timeline': {
          message: '{count} 個區段的時間線比名稱所示的新，例如 {segment}：{found}，應為 {expected}',
          why: '它被改名，或被另一個區段覆寫。還原會在該處結束。',
          remedy: '請以 pg_wal 或歸檔的副本取代；若都沒有，請立即製作新的基礎備份',
        },
        damaged: {
          message: 'pg_waldump 無法讀完 {count} 個區段，例如 {segment}：{found}',
          why: '伺服器寫入之後，其中的位元組已改變。還原會在該處結束，且不會報錯。',
          remedy: '請以 pg_wal 或歸檔的副本取代；若都沒有，請立即製作新的基礎備份；並檢查磁碟',
        },
        minimal: {
          message: '伺服器在 {segment} 改用 wal_level minimal：在此之前的基礎備份都無法重播越過此處',
          why: '以 minimal 寫入的 WAL 缺少復原所需的內容。即使沒有缺少任何區段，還原也會在該處結束，並出現「WAL was generated with wal_level=minimal, cannot continue recovering」。',
          remedy: '請立即製作新的基礎備份；之前的備份只能用於還原到該處以前的時間點',
        },
        'unknown-version': {
          message: '{count} 個區段使用 pgwal 不認得的 WAL 格式（{found}），例如 {segment}',
          why: '由較新的或修改過的 PostgreSQL 寫入；這裡無法判斷其內容。',
          remedy: '除非本叢集是 PostgreSQL 12 至 18，否則無須處理；若是，請改用較新的 pgwal 或回報此問題',
        },
      },
    },
  },
})
