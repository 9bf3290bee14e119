// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-BASE-BACKUP: WAL restores nothing without a base
// backup, and a base backup nothing without the WAL of its own time.
import { archiveContentsFact } from '../facts/archive-contents.ts'
import { numberedSegment } from '../postgres/wal/index.ts'
import { identityFact } from '../facts/identity.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

/** An archive that is older and still knows of no base backup was not set up just now. */
const SETTLED_MS = 7 * 86_400_000
const MOST_BROKEN = 3

export default defineCheck({
  id: 'archive-backups',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-BASE-BACKUP',
  needs: { contents: archiveContentsFact, identity: identityFact },

  run({ contents: { path, timelines, backups, oldestChanged }, identity: { segmentSize } }, _uses, { now }) {
    const at = { file: path }
    if (timelines.length === 0) return []
    if (backups.length === 0) {
      const settled = oldestChanged !== undefined && now.getTime() - oldestChanged.getTime() > SETTLED_MS
      return [finding('none', settled ? 'warning' : 'info', { path }, { at })]
    }
    const broken = backups.filter(({ missing, expired }) => missing > 0 && !expired)
    const found = broken.slice(-MOST_BROKEN).map((backup) => {
      const params = { backup: backup.name, missing: backup.missing, first: numberedSegment(backup.timeline, backup.from, segmentSize), last: numberedSegment(backup.timeline, backup.to, segmentSize) }
      // Younger ones that are whole restore the present.
      const newer = backups.some(({ missing, from, undone }) => missing === 0 && undone !== true && from >= backup.from)
      return finding('incomplete', newer ? 'warning' : 'error', params, { at: { file: `${path}/${backup.name}` } })
    })
    if (backups.every(({ expired }) => expired)) {
      return [...found, finding('none-left', 'warning', { count: backups.length, backup: backups.at(-1)!.name, first: timelines.at(-1)!.first }, { at })]
    }
    if (backups.every(({ expired, undone }) => expired || undone === true)) {
      return [...found, finding('undone', 'warning', { backup: backups.findLast(({ undone }) => undone === true)!.name }, { at })]
    }
    return found
  },

  text: {
    en: {
      title: 'a base backup that can be restored with this archive',
      about: 'A base backup is restored together with every segment from its beginning to its end; what is archived after that brings it to any later point. When one ends, the server archives a small file, NAME.backup, that tells both segments. They are looked for in the archive. Copies that were made in another way leave no such file, and are not known here.',
      findings: {
        none: {
          message: 'the archive knows of no base backup',
          why: 'Segments alone restore nothing: each recovery begins with a base backup. The server leaves a .backup file in the archive when one ends, and there is none.',
          remedy: 'take one now: `pgwal backup DIR`; if yours are made in another way, nothing',
        },
        'none-left': {
          message: 'no base backup that the archive knows of can be restored with it: their first segments are gone',
          why: 'The newest of {count} is {backup}; the archive begins with {first}. What is archived since then restores nothing.',
          remedy: 'take a new base backup now: `pgwal backup DIR`; let retention spare what the newest needs; if yours are made in another way, nothing',
        },
        undone: {
          message: 'no base backup that the archive knows of leads to what the server writes now',
          why: 'The newest, {backup}, ended on its timeline after that was left: a recovery went back to before it. It restores only what was given up then.',
          remedy: 'take a new base backup now: `pgwal backup DIR`; if yours are made in another way, nothing',
        },
        incomplete: {
          message: '{missing} {missing|segment|segments} that base backup {backup} needs {missing|is|are} missing from the archive',
          why: 'It is consistent only with all from {first} to {last}. Without them the server does not start from it.',
          remedy: 'look for the segments in pg_wal and in copies of the archive; if they are gone, discard this base backup and take a new one',
        },
      },
    },
    'zh-TW': {
      title: '有基礎備份可與此歸檔一同還原',
      about: '基礎備份要連同自其開始到結束的每個區段一起還原；之後歸檔的內容可將它帶到任何更晚的時間點。備份結束時，伺服器會歸檔一個小檔案 NAME.backup，記載這兩個區段；這裡在歸檔中尋找它們。以其他方式製作的備份不會留下這種檔案，這裡無從得知。',
      findings: {
        none: {
          message: '歸檔中沒有任何基礎備份的紀錄',
          why: '只有區段無法還原任何東西：每次還原都從基礎備份開始。備份結束時伺服器會在歸檔中留下 .backup 檔，而這裡沒有。',
          remedy: '請立即製作：`pgwal backup DIR`；若您以其他方式製作備份，則無須處理',
        },
        'none-left': {
          message: '歸檔所知的基礎備份都無法以它還原：它們最前面的區段已不存在',
          why: '{count} 個之中最新的是 {backup}；歸檔自 {first} 開始。之後歸檔的內容無法還原任何東西。',
          remedy: '請立即製作新的基礎備份：`pgwal backup DIR`；並讓保留規則留下最新備份所需的區段；若您以其他方式製作備份，則無須處理',
        },
        undone: {
          message: '歸檔所知的基礎備份都無法通往伺服器目前寫入的內容',
          why: '最新的 {backup} 在其時間軸被離開之後才結束：某次復原回到了它之前。它只能還原當時放棄的內容。',
          remedy: '請立即製作新的基礎備份：`pgwal backup DIR`；若您以其他方式製作備份，則無須處理',
        },
        incomplete: {
          message: '歸檔中缺少基礎備份 {backup} 所需的 {missing} 個區段',
          why: '必須有 {first} 至 {last} 的所有區段，它才會一致；否則伺服器無法由它啟動。',
          remedy: '請在 pg_wal 與歸檔的副本中尋找這些區段；若已遺失，請捨棄此基礎備份並製作新的',
        },
      },
    },
  },
})
