// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL
// Types and domain: policy/modules/services/postgresql.{fc,te} of the SELinux reference policy.
import { selinuxFact } from '../facts/selinux.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { shellWord } from './support/shell-word.ts'

/** The domain that the policy confines; a server with another one is not held by these rules. */
const CONFINED = 'postgresql_t'
/** Where that domain may make files. */
const WRITABLE: ReadonlySet<string> = new Set(['postgresql_db_t', 'postgresql_log_t'])

export default defineCheck({
  id: 'archive-selinux',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
  needs: { selinux: selinuxFact },

  run({ selinux }) {
    const { path, label, type, domain } = selinux
    if ((domain !== undefined && domain !== CONFINED) || WRITABLE.has(type)) return []
    // semanage takes a regular expression.
    const pattern = shellWord(`${path.replaceAll(/[.*+?^$(){}|[\]\\]/g, '\\$&')}(/.*)?`)
    return [finding('wrong-type', 'warning', { path, word: shellWord(path), label, type, pattern }, { at: { file: path } })]
  },

  text: {
    en: {
      title: 'SELinux lets the server write into the archive directory',
      about: 'Where SELinux enforces its policy, the server\'s domain (postgresql_t) may write only into directories with a type made for it, whatever their owner and mode. A directory inside /var/lib/pgsql has that type by itself; one made elsewhere has not. Looked at are /sys/fs/selinux/enforce (what `getenforce` reads), the directory\'s label and the running server\'s own.',
      findings: {
        'wrong-type': {
          message: '{path} has the SELinux type {type}, into which the policy does not let the server write',
          why: 'Every attempt to archive fails ("Permission denied"), although owner and mode are right. `ausearch -m avc -c postgres -ts recent` shows the refusals.',
          remedy: 'sudo semanage fcontext -a -t postgresql_db_t {pattern} && sudo restorecon -Rv {word}   (semanage: package policycoreutils-python-utils)',
        },
      },
    },
    'zh-TW': {
      title: 'SELinux 允許伺服器寫入歸檔目錄',
      about: '在 SELinux 強制執行政策的系統上，伺服器的網域（postgresql_t）只能寫入具有對應類型的目錄，與擁有者及權限模式無關。/var/lib/pgsql 之內的目錄自動具有該類型；在其他位置建立的則沒有。此項查看 /sys/fs/selinux/enforce（`getenforce` 所讀取的檔案）、目錄的標籤，以及執行中伺服器的標籤。',
      findings: {
        'wrong-type': {
          message: '{path} 的 SELinux 類型為 {type}，政策不允許伺服器寫入',
          why: '每次歸檔都會失敗（「Permission denied」），即使擁有者與模式正確。`ausearch -m avc -c postgres -ts recent` 會顯示被拒絕的紀錄。',
          remedy: 'sudo semanage fcontext -a -t postgresql_db_t {pattern} && sudo restorecon -Rv {word}　（semanage 屬於套件 policycoreutils-python-utils）',
        },
      },
    },
  },
})
