// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
// What a start makes of the file: read_backup_label in src/backend/access/transam/xlogrecovery.c (xlog.c up to 14).
import { serverFact } from '../facts/server.ts'
import { strayFilesFact } from '../facts/stray-files.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { wordOn } from './support/shell-word.ts'

/** A copy takes that long at most; a backup of this kind that is older was forgotten. */
const FORGOTTEN_MS = 24 * 3_600_000

export default defineCheck({
  id: 'backup-label',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP',
  needs: { strays: strayFilesFact, server: serverFact },

  run({ strays: { label }, server: { inRecovery } }, _uses, { cluster, now }) {
    // A copy of a base backup that is being rolled forward has put its label away, or is about to.
    if (label === undefined || inRecovery) return []
    const { path, modified, exclusive } = label
    const ageMs = Math.max(0, now.getTime() - modified.getTime())
    if (exclusive) return [finding('exclusive', ageMs > FORGOTTEN_MS ? 'warning' : 'info', { ageMs }, { at: { file: path } })]
    return [finding('left-over', 'warning', { word: wordOn(cluster, path), owner: cluster.owner.name }, { at: { file: path } })]
  },

  text: {
    en: {
      title: 'no backup_label lies in the way of the next start',
      about: 'backup_label tells a server that its data directory is a copy which was made while another server wrote, and where the replay of the WAL must begin. A copy needs it: without the file it is corrupt and may not show it, which is why `pgwal recover` takes no base backup without one. In the directory of a server that runs, it only harms. A copied file leaves it there, or up to 14 pg_start_backup(…) with exclusive, for as long as that backup takes.',
      findings: {
        'left-over': {
          message: 'backup_label lies in the data directory of a running server, which is in no backup',
          why: 'The next start takes this directory for a restored backup and replays from the place in that file: "could not locate required checkpoint record" if the WAL from there is gone, and the server stays down.',
          remedy: 'sudo -u {owner} mv {word} {word}.stray   (while the server runs; never in a copy that is to be restored)',
          windows: 'ren {word} backup_label.stray   (while the server runs; never in a copy that is to be restored)',
        },
        exclusive: {
          message: 'the server is in an exclusive backup, for {ageMs}',
          why: 'If it crashes or the machine does before the backup ends, the next start takes the directory for a restored backup and may refuse. 15 has this kind of backup no more.',
          remedy: 'end it as a superuser if nobody makes it any more: SELECT pg_stop_backup(); and take base backups with pg_basebackup or `pgwal backup`',
        },
      },
    },
    'zh-TW': {
      title: '沒有 backup_label 妨礙下次啟動',
      about: 'backup_label 告訴伺服器：這個資料目錄是另一個伺服器寫入期間製作的副本，以及必須從何處開始重播 WAL。副本不能沒有它：少了這個檔案，副本就是損壞的，而且可能看不出來，因此 `pgwal recover` 不接受沒有此檔的基礎備份。但在執行中伺服器的目錄裡，它只會造成危害。它可能是被複製進來的，或在 14 以前由 pg_start_backup(…) 的 exclusive 模式留下，直到該備份結束為止。',
      findings: {
        'left-over': {
          message: '執行中伺服器的資料目錄裡有 backup_label，但並沒有備份正在進行',
          why: '下次啟動會將這個目錄當成還原的備份，並從該檔所載之處開始重播：若其後的 WAL 已不存在，會出現「could not locate required checkpoint record」，伺服器將無法啟動。',
          remedy: 'sudo -u {owner} mv {word} {word}.stray   （在伺服器執行期間；絕不可用於即將還原的副本）',
          windows: 'ren {word} backup_label.stray　（在伺服器執行期間；絕不可用於即將還原的副本）',
        },
        exclusive: {
          message: '伺服器正處於 exclusive 備份中，已持續 {ageMs}',
          why: '若備份結束之前伺服器或主機當機，下次啟動會將此目錄當成還原的備份，可能拒絕啟動。15 起已無這種備份。',
          remedy: '若已無人進行該備份，請以超級使用者結束它：SELECT pg_stop_backup()；基礎備份請改用 pg_basebackup 或 `pgwal backup`',
        },
      },
    },
  },
})
