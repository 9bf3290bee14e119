// https://www.postgresql.org/docs/current/checksums.html
import { identityFact } from '../facts/identity.ts'
import { cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { wordOn } from './support/shell-word.ts'

export default defineCheck({
  id: 'data-checksums',
  source: 'https://www.postgresql.org/docs/current/checksums.html',
  needs: { identity: identityFact },

  run({ identity: { checksums } }, _uses, { cluster }) {
    if (checksums === undefined) throw cannotJudge('not-applicable')
    if (checksums) return []
    const program = cluster.binDir === undefined ? 'pg_checksums' : wordOn(cluster, `${cluster.binDir}/pg_checksums`)
    return [finding('off', 'info', { owner: cluster.owner.name, program, word: wordOn(cluster, cluster.dataDir) })]
  },

  text: {
    en: {
      title: 'damaged pages are noticed before they are in every backup',
      about: 'With data checksums each page that is read, also by a base backup, is compared with its checksum. Without them a page that the disk or the memory has damaged is copied as it is: backups, standbys and what is restored all have the damage, and the last sound backup may be gone when somebody notices. initdb turns them on by itself from 18 on. This is read from pg_control, with the server down as well.',
      findings: {
        off: {
          message: 'data checksums are off: a base backup copies damaged pages without a word',
          why: 'Archived WAL does not help then: it repairs only what was written since the last sound backup. The manifest of a backup proves the copy, not what was copied.',
          remedy: 'in a maintenance window, with the server stopped: sudo -u {owner} {program} --enable -D {word}   (reads and writes the whole cluster; do the standbys, too)',
          windows: 'in a maintenance window, with the service stopped, in a command prompt of {owner} or an administrator: {program} --enable -D {word}   (reads and writes the whole cluster; do the standbys, too)',
        },
      },
    },
    'zh-TW': {
      title: '損壞的資料頁在進入每份備份之前就會被發現',
      about: '啟用資料檢查碼後，每個讀取的資料頁（包括基礎備份讀取的）都會與其檢查碼比對。若未啟用，被磁碟或記憶體損壞的資料頁會原樣複製：備份、備援伺服器與還原的結果都會帶有同樣的損壞，等到有人發現時，最後一份完好的備份可能早已不在。自 18 起 initdb 預設啟用。這裡讀取 pg_control，伺服器停止時也能得知。',
      findings: {
        off: {
          message: '資料檢查碼未啟用：基礎備份會默默複製損壞的資料頁',
          why: '此時歸檔的 WAL 也無濟於事：它只能修復自最後一份完好備份之後寫入的內容。備份的 manifest 只證明副本正確，不證明來源正確。',
          remedy: '在維護時段停止伺服器後執行：sudo -u {owner} {program} --enable -D {word}   （會讀寫整個叢集；備援伺服器也請一併處理）',
          windows: '在維護時段停止服務後，以 {owner} 或系統管理員的命令提示字元執行：{program} --enable -D {word}　（會讀寫整個叢集；備援伺服器也請一併處理）',
        },
      },
    },
  },
})
