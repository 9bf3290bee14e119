// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY: restore_command asks for a segment by
// its exact name, so what lies in the archive under another one is not found.
import { archiveContentsFact } from '../facts/archive-contents.ts'
import { archiverFact } from '../facts/archiver.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

export default defineCheck({
  id: 'archive-leftovers',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY',
  needs: { contents: archiveContentsFact },
  uses: { archiver: archiverFact },

  run({ contents: { path, timelines, forms, twice, partials, leftovers, others, impossible } }, { archiver }) {
    const at = { file: path }
    const found = []
    const archived = archiver.ok ? archiver.value.archivedCount : 0
    if (timelines.length === 0 && others.count > 0 && archived > 0 && impossible.count === 0) {
      found.push(finding('no-segment-names', 'error', { path, count: others.count, example: others.names[0]!, archived }, { at }))
    }
    if (impossible.count > 0) found.push(finding('impossible-names', 'warning', { count: impossible.count, example: impossible.names[0]! }, { at: { file: `${path}/${impossible.names[0]!}` } }))
    for (const name of partials.slice(-1)) found.push(finding('partial-only', 'info', { name, segment: name.slice(0, 24), count: partials.length }, { at: { file: `${path}/${name}` } }))
    if (twice !== undefined) found.push(finding('twice', 'info', { count: twice.count, segment: twice.first, one: `${twice.first}${twice.suffixes[0]}`, other: `${twice.first}${twice.suffixes[1]}` }, { at }))
    if (forms.length > 1) found.push(finding('mixed-forms', 'info', { forms: forms.map(({ suffix, count }) => `${suffix === '' ? '-' : suffix}: ${count}`).join(', ') }, { at }))
    if (leftovers.count > 0) found.push(finding('unfinished-copies', 'info', { count: leftovers.count, example: leftovers.names[0]! }, { at: { file: `${path}/${leftovers.names[0]!}` } }))
    return found
  },

  text: {
    en: {
      title: 'what lies in the archive has names that recovery asks for',
      about: 'Recovery asks restore_command for one file after the other by its exact name. What is there under another name is not found: partial segments, segments that some other tool compressed, copies that were never finished, files of a cluster with segments of another size, and the one file that a command without %f writes again and again. All names in the archive are sorted by their kind.',
      findings: {
        'no-segment-names': {
          message: 'of {count} {count|file|files} in {path} none has the name of a segment, after {archived} were archived',
          why: 'The command does not use the name that the server gives (%f): each segment replaces the one before, as in {example}. Nothing can be restored.',
          remedy: 'let the command write to a file named %f: `pgwal enable`; then take a new base backup',
        },
        'impossible-names': {
          message: '{count} {count|name belongs|names belong} to segments of another size, such as {example}',
          why: 'This cluster never writes a segment of that name: another cluster, or this one before it was made anew, has archived here. Where names are the same, one blocks the other.',
          remedy: 'move the files of the other cluster out of this archive',
        },
        'partial-only': {
          message: 'of {segment} the archive has only {name}',
          why: 'It is the last WAL of its timeline, as a server left it. Recovery does not ask for it: the transactions in it are lost unless somebody helps.',
          remedy: 'to recover to the very end of that timeline, put a copy of it, named {segment}, beside it, and no segment may follow',
        },
        twice: {
          message: '{count} {count|segment is|segments are} there twice, such as {one} and {other}',
          why: 'restore_command takes one of both. Where they differ, it is luck which one.',
          remedy: 'compare them, and remove the form that restore_command does not ask for',
        },
        'mixed-forms': {
          message: 'segments come in several forms ({forms})',
          why: 'A restore_command that knows only one of them ends at the first segment in another, without an error.',
          remedy: 'see that restore_command takes each of them',
        },
        'unfinished-copies': {
          message: '{count} unfinished {count|copy|copies}, such as {example}, {count|lies|lie} in the archive',
          why: 'An archive command was interrupted and left what it had copied. It takes room, and nobody removes it.',
          remedy: 'remove files of such names that have not changed for an hour',
        },
      },
    },
    'zh-TW': {
      title: '歸檔中的檔案名稱是還原會要求的',
      about: '還原時會以確切的名稱逐一向 restore_command 要求檔案，名稱不同就找不到：部分區段、被其他工具壓縮的區段、從未完成的複製、區段大小不同的叢集的檔案，以及沒有 %f 的命令一再覆寫的單一檔案。這裡將歸檔中的所有檔名依種類區分。',
      findings: {
        'no-segment-names': {
          message: '已歸檔 {archived} 個區段，但 {path} 的 {count} 個檔案沒有一個是區段的名稱',
          why: '命令沒有使用伺服器給的名稱（%f）：每個區段都覆寫前一個，例如 {example}。無法還原任何東西。',
          remedy: '請讓命令寫入名為 %f 的檔案：`pgwal enable`；然後製作新的基礎備份',
        },
        'impossible-names': {
          message: '{count} 個檔名屬於其他大小的區段，例如 {example}',
          why: '本叢集不會寫出這個名稱的區段：另一個叢集，或重建之前的本叢集，曾歸檔到這裡。名稱相同時會互相阻擋。',
          remedy: '請將另一個叢集的檔案移出此歸檔',
        },
        'partial-only': {
          message: '歸檔中只有 {segment} 的 {name}',
          why: '這是伺服器留下的該時間線最後的 WAL。還原不會要求它：除非有人協助，否則其中的交易會遺失。',
          remedy: '若要還原到該時間線的最末端，請在旁邊放一份名為 {segment} 的副本，且其後不可再有區段',
        },
        twice: {
          message: '{count} 個區段有兩份，例如 {one} 與 {other}',
          why: 'restore_command 只取其一。若兩者不同，取到哪一份全憑運氣。',
          remedy: '請比較兩者，並移除 restore_command 不會要求的那一種',
        },
        'mixed-forms': {
          message: '區段有多種形式（{forms}）',
          why: '只認得其中一種的 restore_command 會在第一個其他形式的區段處結束，且不會報錯。',
          remedy: '請確認 restore_command 能處理每一種形式',
        },
        'unfinished-copies': {
          message: '歸檔中有 {count} 個未完成的複製，例如 {example}',
          why: '歸檔命令曾被中斷，留下已複製的部分。它佔用空間，且無人清除。',
          remedy: '請移除一小時內未變動的此類檔案',
        },
      },
    },
  },
})
