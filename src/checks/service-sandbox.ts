// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Sandboxing
import { serviceSandboxFact } from '../facts/service-sandbox.ts'
import { dropInPath, readWriteLine } from '../platforms/sandbox.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { shellWord } from './support/shell-word.ts'

export default defineCheck({
  id: 'service-sandbox',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
  needs: { sandbox: serviceSandboxFact },

  run({ sandbox }, _uses, { cluster }) {
    const { unit, path, access, line, tried } = sandbox
    if (access === 'open') return []
    const params = { unit, path, owner: cluster.owner.name, because: line ?? 'systemd.exec(5)', dropIn: dropInPath(unit), line: readWriteLine(path), word: shellWord(path) }
    // What the unit says holds from its next start on; only what was tried is certain to fail now.
    const severity = tried ? 'error' : 'warning'
    if (access === 'hidden') return [finding('hidden', severity, params, { at: { file: path } })]
    return [finding('read-only', severity, params, { at: { file: path }, fix: { kind: 'archive', directory: path } })]
  },

  text: {
    en: {
      title: 'the service may write into the archive directory',
      about: 'A unit of systemd can have a view of the file system of its own: read-only (ProtectSystem, ReadOnlyPaths), without the homes (ProtectHome), with another /tmp (PrivateTmp). Then archiving fails although a test as the server\'s account succeeds in a shell. As root this is tried inside of the running service\'s mount namespace; else the unit\'s settings are read.',
      findings: {
        'read-only': {
          message: 'inside of {unit}, {path} is read-only ({because}), although {owner} may write there outside',
          why: 'Every attempt to archive fails ("Read-only file system"), and pg_wal grows until its disk is full.',
          remedy: '`pgwal enable`, or: put `{line}` under [Service] into {dropIn}, then: sudo systemctl daemon-reload && sudo systemctl restart {unit}',
        },
        hidden: {
          message: 'inside of {unit}, {path} is not the directory that you see ({because})',
          why: 'The service has another directory in that place, or none: segments do not arrive where you look for them, and a private /tmp is deleted when the service stops.',
          remedy: 'choose another place: `pgwal enable --archive-dir DIR`',
        },
      },
    },
    'zh-TW': {
      title: '服務可以寫入歸檔目錄',
      about: 'systemd 單元可以擁有自己的檔案系統視角：唯讀（ProtectSystem、ReadOnlyPaths）、沒有家目錄（ProtectHome）、另一個 /tmp（PrivateTmp）。此時即使在 shell 中以伺服器帳號測試成功，歸檔仍會失敗。以 root 執行時，會在執行中服務的掛載命名空間內實際測試；否則讀取單元的設定。',
      findings: {
        'read-only': {
          message: '在 {unit} 之內，{path} 是唯讀的（{because}），儘管 {owner} 在外部可以寫入',
          why: '每次歸檔都會失敗（「Read-only file system」），pg_wal 將持續增長直到磁碟滿載。',
          remedy: '執行 `pgwal enable`，或將 `{line}` 放在 {dropIn} 的 [Service] 之下，然後執行：sudo systemctl daemon-reload && sudo systemctl restart {unit}',
        },
        hidden: {
          message: '在 {unit} 之內，{path} 並不是您看到的那個目錄（{because}）',
          why: '服務在該位置有另一個目錄，或什麼都沒有：區段不會到達您尋找的地方，而私有的 /tmp 會在服務停止時被刪除。',
          remedy: '選擇其他位置：`pgwal enable --archive-dir DIR`',
        },
      },
    },
  },
})
