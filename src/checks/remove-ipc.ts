// https://www.postgresql.org/docs/current/kernel-resources.html#SYSTEMD-REMOVEIPC
import { removeIpcFact } from '../facts/remove-ipc.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

export default defineCheck({
  id: 'remove-ipc',
  source: 'https://www.postgresql.org/docs/current/kernel-resources.html#SYSTEMD-REMOVEIPC',
  needs: { ipc: removeIpcFact },

  run({ ipc: { removes, lingers } }, _uses, { cluster: { owner, service } }) {
    if (!removes || lingers) return []
    // One that somebody started from a shell ends with the session anyway, or is there to be tried out.
    const severity = service.kind === 'systemd' && service.userManager === undefined ? 'warning' : 'info'
    return [finding('removed-at-logout', severity, { owner: owner.name, uid: owner.uid })]
  },

  text: {
    en: {
      title: 'nobody\'s logout takes the server\'s shared memory away',
      about: 'systemd-logind removes the shared memory and the semaphores of an account when its last session ends (RemoveIPC), unless it is one of the system\'s own accounts, with a low number. A server that runs under an ordinary account loses them, whoever started it. What logind has in force is asked for, and whether the account lingers.',
      findings: {
        'removed-at-logout': {
          message: 'when {owner} (uid {uid}) logs out, systemd removes the server\'s shared memory',
          why: 'Parallel queries and base backups fail with "could not open shared memory segment", and the server may crash, at a moment that has nothing to do with it.',
          remedy: 'RemoveIPC=no below [Login] in /etc/systemd/logind.conf, then: sudo systemctl restart systemd-logind; or run the server under a system account (adduser --system)',
        },
      },
    },
    'zh-TW': {
      title: '任何人登出都不會移除伺服器的共享記憶體',
      about: '當帳號的最後一個登入階段結束時，systemd-logind 會移除該帳號的共享記憶體與號誌（RemoveIPC），但編號較小的系統帳號除外。以一般帳號執行的伺服器會失去它們，不論由誰啟動。這裡詢問 logind 目前採用的設定，以及該帳號是否設為 linger。',
      findings: {
        'removed-at-logout': {
          message: '當 {owner}（uid {uid}）登出時，systemd 會移除伺服器的共享記憶體',
          why: '平行查詢與基礎備份會以「could not open shared memory segment」失敗，伺服器也可能在毫不相干的時刻當掉。',
          remedy: '在 /etc/systemd/logind.conf 的 [Login] 之下加入 RemoveIPC=no，然後執行：sudo systemctl restart systemd-logind；或改以系統帳號執行伺服器（adduser --system）',
        },
      },
    },
  },
})
