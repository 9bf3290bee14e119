// https://gitlab.com/apparmor/apparmor/-/wikis/Documentation
import { apparmorFact } from '../facts/apparmor.ts'
import { archiveDirectoryFact } from '../facts/archive-directory.ts'
import { archiveStatusFact } from '../facts/archive-status.ts'
import { logFact } from '../facts/log.ts'
import { defineCheck } from './check.ts'
import { archivingCause } from './support/archiving-cause.ts'
import { finding } from './support/finding.ts'

export default defineCheck({
  id: 'archive-apparmor',
  source: 'https://gitlab.com/apparmor/apparmor/-/wikis/Documentation',
  needs: { apparmor: apparmorFact },
  uses: { directory: archiveDirectoryFact, log: logFact, status: archiveStatusFact },

  run({ apparmor: { profile, mode } }, { directory, log, status }) {
    if (profile === undefined || mode === undefined || !/^(enforce|kill|mixed|prompt)$/.test(mode)) return []
    const path = directory.ok ? directory.value.path : ''
    const params = { profile, mode, path, file: profile.replace(/^\//, '').replaceAll('/', '.') }
    const line = log.ok && log.value.rotated !== true ? log.value.archiverLines.at(-1) : undefined
    const waits = status.ok && status.value.ready > 0
    // What the account may do, and the service may not: something stands between them.
    const refused = waits && line !== undefined && archivingCause(line) === 'permission-denied' && directory.ok && directory.value.writable?.ok === true
    return [refused ? finding('denied', 'error', { ...params, cause: line.text }) : finding('confined', 'info', params)]
  },

  text: {
    en: {
      title: 'AppArmor lets the server archive',
      about: 'A server that runs under a profile of AppArmor, as one from a snap does, may only touch what the profile names, and so may the archive command that it starts. A refusal looks like a wrong owner or mode. The profile of the running server is read; where archiving fails with "Permission denied" although its account can write into the directory, the profile is to blame. Whether a profile allows a directory is known to the kernel alone.',
      findings: {
        denied: {
          message: 'AppArmor forbids it: the profile {profile} ({mode}) confines the server, whose account could write into {path} ({cause})',
          why: 'Every attempt to archive fails ("Permission denied"), and pg_wal grows until its disk is full.',
          remedy: 'sudo journalctl -k | grep -i apparmor.*DENIED names what was refused; add `{path}/ r,` and `{path}/** rwkl,` to /etc/apparmor.d/local/{file}, then: sudo apparmor_parser -r /etc/apparmor.d/{file}   (a snap takes no rules: archive below its own data directory)',
        },
        confined: {
          message: 'the server runs under AppArmor\'s profile {profile} ({mode}): its archive command may only touch what that names',
          why: 'A test as the server\'s account in a shell is not confined, and proves nothing.',
          remedy: 'nothing as long as archiving works (`pgwal verify` proves it); before another directory is used, add it to the profile',
        },
      },
    },
    'zh-TW': {
      title: 'AppArmor 允許伺服器歸檔',
      about: '在 AppArmor 設定檔之下執行的伺服器（例如來自 snap 者）只能存取設定檔列出的項目，它所啟動的歸檔命令也一樣。遭拒絕時看起來就像擁有者或權限模式不正確。這裡讀取執行中伺服器的設定檔；若歸檔以「Permission denied」失敗，而其帳號其實可以寫入該目錄，原因就是設定檔。設定檔是否允許某個目錄，只有核心知道。',
      findings: {
        denied: {
          message: 'AppArmor 禁止此操作：伺服器受設定檔 {profile}（{mode}）限制，而其帳號本可寫入 {path}（{cause}）',
          why: '每次歸檔都會失敗（「Permission denied」），pg_wal 將持續增長直到磁碟滿載。',
          remedy: 'sudo journalctl -k | grep -i apparmor.*DENIED 可看出遭拒絕的項目；在 /etc/apparmor.d/local/{file} 加入 `{path}/ r,` 與 `{path}/** rwkl,`，然後執行：sudo apparmor_parser -r /etc/apparmor.d/{file}　（snap 無法加入規則：請歸檔至其自己的資料目錄之下）',
        },
        confined: {
          message: '伺服器在 AppArmor 設定檔 {profile}（{mode}）之下執行：歸檔命令只能存取其中列出的項目',
          why: '在 shell 中以伺服器帳號測試並不受限制，因此無法證明什麼。',
          remedy: '只要歸檔正常就無須處理（可用 `pgwal verify` 驗證）；改用其他目錄之前，請先加入設定檔',
        },
      },
    },
  },
})
