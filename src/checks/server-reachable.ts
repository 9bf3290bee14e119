// https://www.postgresql.org/docs/current/app-pg-isready.html
import { loginFact } from '../facts/login.ts'
import { cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

export default defineCheck({
  id: 'server-reachable',
  source: 'https://www.postgresql.org/docs/current/app-pg-isready.html',
  needs: { login: loginFact },

  run({ login }, _uses, { cluster }) {
    const { port } = cluster
    switch (login.kind) {
      case 'in': return []
      case 'down': return [finding('down', 'warning', { port })]
      case 'no-login': return [finding('no-login', 'info', { user: login.user, reason: login.reason })]
      case 'no-answer': return [finding('no-answer', 'error', { target: login.target })]
      case 'starting': return [finding('starting', 'info', { target: login.target, reason: login.reason })]
      case 'too-many-connections': return [finding('too-many-connections', 'warning', { target: login.target, reason: login.reason })]
      case 'unknown': throw cannotJudge('not-readable', { target: login.file })
      case 'other-server': return [finding('other-server', 'error', { target: login.target, found: login.found })]
      case 'failed': return [finding('failed', 'warning', { target: login.target, reason: login.reason })]
    }
  },

  text: {
    en: {
      title: 'the server runs and lets pgwal in',
      about: 'Much can be told from files alone, but what the server runs with and what its archiver does only the server knows. pgwal tries the cluster\'s sockets, as the cluster\'s owner where it may, then 127.0.0.1.',
      findings: {
        down: {
          message: 'the server is not running',
          why: 'What it runs with, and whether its archiver works, cannot be seen.',
          remedy: 'start it, and run this again',
        },
        'no-login': {
          message: 'the server does not let {user} in: {reason}',
          why: 'What the server runs with, and whether its archiver works, cannot be seen without a login.',
          remedy: 'run as root or as the cluster\'s owner, or give a role: -U NAME with PGPASSWORD or ~/.pgpass',
          windows: 'give a role: -U NAME with PGPASSWORD or %APPDATA%\\postgresql\\pgpass.conf',
        },
        'no-answer': {
          message: '{target} accepts connections and does not answer',
          why: 'A server that hangs archives nothing; its clients wait as pgwal did.',
          remedy: 'look at the server\'s log and at its processes (`ps -ef | grep postgres`)',
          windows: 'look at the server\'s log and at its processes (`tasklist /fi "imagename eq postgres.exe"`)',
        },
        starting: {
          message: '{target} lets nobody in yet: {reason}',
          why: 'So it is while a server starts or recovers, and always on a standby with hot_standby = off. What it runs with cannot be seen meanwhile.',
          remedy: 'run this again when it accepts connections; its log says how far recovery has come',
        },
        'too-many-connections': {
          message: '{target} has no connection left: {reason}',
          why: 'Nobody can log in until one ends, monitoring and backups included; what the server runs with cannot be seen.',
          remedy: 'end what is not needed, and keep superuser_reserved_connections above 0; a pooler serves better than a larger max_connections',
        },
        'other-server': {
          message: '{target} is the server of another cluster (system identifier {found})',
          why: 'What it says is not about this data directory, and was not used.',
          remedy: 'give each cluster a port of its own; name the way in with -h and -p',
        },
        failed: {
          message: 'no connection to {target}: {reason}',
          why: 'A postmaster is there, but nothing answers where its files say that it listens.',
          remedy: 'name the way in with -h and -p',
        },
      },
    },
    'zh-TW': {
      title: '伺服器正在執行，且 pgwal 可以登入',
      about: '許多事情僅憑檔案就能判斷，但伺服器實際採用的設定與 archiver 的狀態只有伺服器知道。pgwal 會先嘗試叢集的 socket（有權限時以叢集擁有者的身分），再嘗試 127.0.0.1。',
      findings: {
        down: {
          message: '伺服器未執行',
          why: '無法得知它實際採用的設定，也無法得知 archiver 是否正常。',
          remedy: '啟動伺服器後再執行一次',
        },
        'no-login': {
          message: '伺服器拒絕 {user} 登入：{reason}',
          why: '無法登入，就無法得知伺服器實際採用的設定，也無法得知 archiver 是否正常。',
          remedy: '請以 root 或叢集擁有者執行，或指定角色：-U NAME 搭配 PGPASSWORD 或 ~/.pgpass',
          windows: '指定角色：-U NAME 搭配 PGPASSWORD 或 %APPDATA%\\postgresql\\pgpass.conf',
        },
        'no-answer': {
          message: '{target} 接受連線但沒有回應',
          why: '停滯的伺服器不會歸檔任何內容；它的用戶端也同樣在等待。',
          remedy: '查看伺服器的記錄檔與行程（`ps -ef | grep postgres`）',
          windows: '查看伺服器的記錄檔及其行程（`tasklist /fi "imagename eq postgres.exe"`）',
        },
        starting: {
          message: '{target} 尚未開放登入：{reason}',
          why: '伺服器啟動或復原期間，以及設有 hot_standby = off 的備援伺服器，都是如此。這段期間無法得知它實際採用的設定。',
          remedy: '待它接受連線後再執行一次；其記錄檔會顯示復原的進度',
        },
        'too-many-connections': {
          message: '{target} 已沒有可用的連線：{reason}',
          why: '在有連線結束之前誰都無法登入，監控與備份也不例外；也無法得知伺服器實際採用的設定。',
          remedy: '結束不需要的連線，並讓 superuser_reserved_connections 大於 0；與其加大 max_connections，不如使用連線池',
        },
        'other-server': {
          message: '{target} 是另一個叢集的伺服器（系統識別碼 {found}）',
          why: '它所回報的內容與這個資料目錄無關，因此未予採用。',
          remedy: '讓每個叢集使用各自的連接埠；請以 -h 與 -p 指定連線方式',
        },
        failed: {
          message: '無法連線至 {target}：{reason}',
          why: 'postmaster 正在執行，但依其檔案所示的接聽位置沒有回應。',
          remedy: '請以 -h 與 -p 指定連線方式',
        },
      },
    },
  },
})
