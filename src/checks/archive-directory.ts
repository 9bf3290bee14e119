// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL
import { archiveDirectoryFact } from '../facts/archive-directory.ts'
import type { ArchiveDirectoryFact } from '../facts/archive-directory.ts'
import { octal } from '../platforms/reading.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import type { Coded } from './support/finding.ts'
import { granteeOn, wordOn } from './support/shell-word.ts'

type Code = 'missing' | 'parent-missing' | 'not-a-directory' | 'blocked' | 'not-writable' | 'no-access' | 'mapped-drive' | 'read-only' | 'full' | 'inside-data-directory' | 'foreign-owner' | 'open-to-all' | 'same-file-system' | 'network' | 'object-store'

/** Of other machines, by the names that Linux has for them. */
const NETWORK = /^(nfs[34]?|cifs|smb[23]?|smbfs|9p|afs|ceph|lustre|glusterfs|beegfs|gpfs|vboxsf|vmhgfs|fuse\.(sshfs|glusterfs|ceph-fuse|davfs|vmhgfs-fuse|smbnetfs|cifs))$/
/** Object stores behind a face of files. */
const OBJECT_STORE = /^fuse\.(s3fs|goofys|geesefs|gcsfuse|rclone|blobfuse2?|mount-s3|mountpoint-s3|ossfs|cosfs|yas3fs|riofs)$/

export default defineCheck({
  id: 'archive-directory',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
  needs: { directory: archiveDirectoryFact },

  run({ directory }, _uses, { cluster }): Coded<Code>[] {
    const { path, obstacle = path } = directory
    const owner = cluster.owner.name
    const params = { path, ...granteeOn(cluster), word: wordOn(cluster, path), owner, obstacle, obstacleWord: wordOn(cluster, obstacle) }
    const at = { file: path }
    const inside = directory.insideDataDirectory ? [finding('inside-data-directory', 'error', { ...params, dataDir: cluster.dataDir }, { at })] : []
    if (directory.state === 'missing') return [finding(obstacle === path ? 'missing' : 'parent-missing', 'error', params, { at, fix: { kind: 'archive', directory: path } }), ...inside]
    if (directory.state === 'not-a-directory') return [finding('not-a-directory', 'error', params, { at: { file: obstacle } }), ...inside]
    if (directory.state === 'closed') return [finding('blocked', 'error', params, { at: { file: obstacle } }), ...inside]

    const { writable, mode = 0 } = directory
    const state = { ...params, mode: octal(mode), found: directory.owner?.name ?? '' }
    const refused = writable?.ok === false ? [refusal(directory, writable.code, { ...state, reason: writable.code }, at)] : []
    const foreign = directory.owner !== undefined && directory.owner.uid !== cluster.owner.uid && directory.owner.uid !== 0 && refused.length === 0
    const open = (mode & 0o002) !== 0 && (mode & 0o1000) === 0
    const shared = directory.sameFileSystemAsData === true || directory.sameFileSystemAsWal === true
    return [
      ...refused,
      ...inside,
      ...(foreign ? [finding<Code>('foreign-owner', 'warning', state, { at })] : []),
      ...(open ? [finding<Code>('open-to-all', 'warning', state, { at })] : []),
      ...remote(directory, state, at),
      ...(directory.share === undefined ? [] : [finding<Code>('mapped-drive', 'warning', { ...state, share: directory.share.replaceAll('/', '\\') }, { at })]),
      ...(shared && inside.length === 0 ? [finding<Code>('same-file-system', 'warning', { ...state, with: directory.sameFileSystemAsData === true ? cluster.dataDir : `${cluster.dataDir}/pg_wal` }, { at })] : []),
    ]
  },

  text: {
    en: {
      title: 'the server can write into the archive directory',
      about: 'The directory that the archive command names is looked at as the server\'s account sees it: each component of the path, owner and mode, and whether a file can really be made there, which mode bits alone do not tell. An archive on the data directory\'s own file system is lost with it and fills up with it.',
      findings: {
        missing: {
          message: 'the archive directory {path} does not exist',
          why: 'Every attempt to archive fails ("No such file or directory"), and pg_wal grows until its disk is full.',
          remedy: 'sudo install -d -o {owner} -m 0700 {word}   (or `pgwal enable`)',
          windows: 'in an administrator\'s command prompt: mkdir {word} && icacls {word} /grant "{grantee}:(OI)(CI)M"   (or `pgwal enable`)',
        },
        'parent-missing': {
          message: 'the archive directory {path} does not exist: {obstacle} is missing already',
          why: 'Every attempt to archive fails ("No such file or directory"), and pg_wal grows until its disk is full. A file system that is not mounted looks like this too.',
          remedy: 'mount it if it is a mount point, else: sudo mkdir -p {word} && sudo chown {owner} {word} && sudo chmod 0700 {word}',
          windows: 'a service has no drives that somebody mapped: write \\\\server\\share\\… in place of such a letter; else, in an administrator\'s command prompt: mkdir {word} && icacls {word} /grant "{grantee}:(OI)(CI)M"',
        },
        'not-a-directory': {
          message: '{obstacle} is no directory, so nothing can be archived into {path}',
          why: 'Every attempt to archive fails, or each segment replaces the one before.',
          remedy: 'move it away, then: sudo install -d -o {owner} -m 0700 {word}',
          windows: 'move it away, then, in an administrator\'s command prompt: mkdir {word} && icacls {word} /grant "{grantee}:(OI)(CI)M"',
        },
        blocked: {
          message: '{owner} may not pass through {obstacle}, so {path} cannot be reached',
          why: 'Every attempt to archive fails ("Permission denied"), although the directory itself may belong to {owner}.',
          remedy: 'choose another place (`pgwal enable --archive-dir DIR`), or let accounts pass: sudo chmod o+x {obstacleWord}',
          windows: 'choose another place (`pgwal enable --archive-dir DIR`), or let the account pass: icacls {obstacleWord} /grant "{grantee}:RX"',
        },
        'not-writable': {
          message: '{owner} may not write into {path}: it belongs to {found}, mode {mode} ({reason})',
          why: 'Every attempt to archive fails ("Permission denied"), and pg_wal grows until its disk is full.',
          remedy: 'sudo chown {owner} {word} && sudo chmod 0700 {word}',
        },
        'no-access': {
          message: '{owner} may not write into {path} ({reason})',
          why: 'Every attempt to archive fails ("Access is denied"), and pg_wal grows until its disk is full.',
          remedy: 'icacls {word} /grant "{grantee}:(OI)(CI)M"',
        },
        'mapped-drive': {
          message: 'the archive {path} is on a drive that is mapped in your session alone: {share}',
          why: 'Such a letter belongs to who logged in and mapped it. A service has none of them: for it the path does not exist, and every attempt to archive fails ("The system cannot find the path specified").',
          remedy: 'write the share\'s own name into the archive command, and give {owner} the right to write there (NetworkService goes as the computer: DOMAIN\\HOST$), both on the share and on its files',
        },
        'read-only': {
          message: 'the file system of {path} is mounted read-only',
          why: 'Every attempt to archive fails, and pg_wal grows until its disk is full. Linux remounts a file system so after an I/O error.',
          remedy: 'see why (`dmesg`, `findmnt -T {word}`), then mount it writable again',
          windows: 'see why (`diskpart`, `attributes volume`; a switch on the medium), then make it writable again',
        },
        full: {
          message: 'no file can be made in {path}: no space or no inodes left, or a quota is used up ({reason})',
          why: 'Every attempt to archive fails, and pg_wal grows until its disk is full too.',
          remedy: 'make room (`df -h {word}; df -i {word}`); never delete from pg_wal by hand',
          windows: 'make room on that drive, or raise the quota (`fsutil quota query`); never delete from pg_wal by hand',
        },
        'inside-data-directory': {
          message: 'the archive {path} lies inside the data directory {dataDir}',
          why: 'It is lost together with the data that it should bring back, and every base backup copies it.',
          remedy: '`pgwal enable --archive-dir DIR` with a directory outside, best on another disk',
        },
        'foreign-owner': {
          message: '{path} belongs to {found}, not to {owner}',
          why: 'The server can write there now, but another account may delete, replace or lock away the archive.',
          remedy: 'sudo chown {owner} {word}',
        },
        'open-to-all': {
          message: 'everybody may write into {path} (mode {mode})',
          why: 'Any account of this machine can delete or replace WAL, and a restore replays what it finds.',
          remedy: 'sudo chmod 0700 {word}',
        },
        network: {
          message: 'the archive is on a file system of another machine: {type}, {source}',
          why: 'When that machine does not answer, the archive command hangs and is counted nowhere. Owners may be mapped (root_squash, all_squash, uid=), so that {owner} may write there and root may not read; some kinds know no locks and no hard links.',
          remedy: 'give the command a limit (timeout 300 …) and mount only when it is there (systemd: RequiresMountsFor=); `pgwal verify` proves that storing works',
        },
        'object-store': {
          message: 'the archive is an object store behind a file system ({type})',
          why: 'There a file is uploaded when it is closed and a rename is a copy: a segment may be reported as stored and be lost in a cache, or be seen half.',
          remedy: 'use a tool that speaks to the store itself (pgBackRest, WAL-G, barman-cloud), or archive to a local disk and copy from there',
        },
        'same-file-system': {
          message: 'the archive is on the same file system as {with}: one full or broken disk stops both',
          why: 'The archive is there for the day that the data\'s disk dies.',
          remedy: 'move it to another disk (`pgwal enable --archive-dir DIR`), or copy it to another machine regularly',
        },
      },
    },
    'zh-TW': {
      title: '伺服器可以寫入歸檔目錄',
      about: '以伺服器帳號的視角查看歸檔命令所指的目錄：路徑的每一層、擁有者與權限模式，以及是否真的能在其中建立檔案（單看權限位元並不足夠）。若歸檔與資料目錄位於同一個檔案系統，兩者會一起遺失，也會一起滿載。',
      findings: {
        missing: {
          message: '歸檔目錄 {path} 不存在',
          why: '每次歸檔都會失敗（「No such file or directory」），pg_wal 將持續增長直到磁碟滿載。',
          remedy: 'sudo install -d -o {owner} -m 0700 {word}　（或執行 `pgwal enable`）',
          windows: '在系統管理員的命令提示字元中執行：mkdir {word} && icacls {word} /grant "{grantee}:(OI)(CI)M"　（或執行 `pgwal enable`）',
        },
        'parent-missing': {
          message: '歸檔目錄 {path} 不存在：其上層的 {obstacle} 就已缺少',
          why: '每次歸檔都會失敗（「No such file or directory」），pg_wal 將持續增長直到磁碟滿載。檔案系統未掛載時也會如此。',
          remedy: '若為掛載點請先掛載，否則執行：sudo mkdir -p {word} && sudo chown {owner} {word} && sudo chmod 0700 {word}',
          windows: '服務沒有使用者自行對應的磁碟機：請改寫為 \\\\server\\share\\…；否則在系統管理員的命令提示字元中執行：mkdir {word} && icacls {word} /grant "{grantee}:(OI)(CI)M"',
        },
        'not-a-directory': {
          message: '{obstacle} 不是目錄，因此無法歸檔至 {path}',
          why: '每次歸檔都會失敗，或每個區段都會覆蓋前一個。',
          remedy: '將它移走，然後執行：sudo install -d -o {owner} -m 0700 {word}',
          windows: '將它移走，然後在系統管理員的命令提示字元中執行：mkdir {word} && icacls {word} /grant "{grantee}:(OI)(CI)M"',
        },
        blocked: {
          message: '{owner} 無權通過 {obstacle}，因此無法到達 {path}',
          why: '每次歸檔都會失敗（「Permission denied」），即使目錄本身屬於 {owner}。',
          remedy: '選擇其他位置（`pgwal enable --archive-dir DIR`），或允許通過：sudo chmod o+x {obstacleWord}',
          windows: '選擇其他位置（`pgwal enable --archive-dir DIR`），或允許該帳號通過：icacls {obstacleWord} /grant "{grantee}:RX"',
        },
        'not-writable': {
          message: '{owner} 無權寫入 {path}：其擁有者為 {found}，模式 {mode}（{reason}）',
          why: '每次歸檔都會失敗（「Permission denied」），pg_wal 將持續增長直到磁碟滿載。',
          remedy: 'sudo chown {owner} {word} && sudo chmod 0700 {word}',
        },
        'no-access': {
          message: '{owner} 無權寫入 {path}（{reason}）',
          why: '每次歸檔都會失敗（「存取被拒」），pg_wal 將持續增長直到磁碟滿載。',
          remedy: 'icacls {word} /grant "{grantee}:(OI)(CI)M"',
        },
        'mapped-drive': {
          message: '歸檔 {path} 位於只在您的登入階段中對應的磁碟機：{share}',
          why: '這樣的磁碟機代號屬於登入並對應它的人。服務沒有這些磁碟機：對它而言路徑並不存在，每次歸檔都會失敗（「系統找不到指定的路徑」）。',
          remedy: '在歸檔命令中寫出共用資料夾本身的名稱，並讓 {owner} 有權寫入（NetworkService 使用電腦帳號：DOMAIN\\HOST$），共用與檔案兩處都需要權限',
        },
        'read-only': {
          message: '{path} 所在的檔案系統以唯讀方式掛載',
          why: '每次歸檔都會失敗，pg_wal 將持續增長直到磁碟滿載。Linux 在 I/O 錯誤後會這樣重新掛載檔案系統。',
          remedy: '查明原因（`dmesg`、`findmnt -T {word}`），再重新掛載為可寫入',
          windows: '查明原因（`diskpart` 的 `attributes volume`，或裝置上的開關），再使其可寫入',
        },
        full: {
          message: '無法在 {path} 建立檔案：空間或 inode 用盡，或已達配額（{reason}）',
          why: '每次歸檔都會失敗，pg_wal 也將持續增長直到磁碟滿載。',
          remedy: '騰出空間（`df -h {word}; df -i {word}`）；切勿手動刪除 pg_wal 中的檔案',
          windows: '在該磁碟機騰出空間，或提高配額（`fsutil quota query`）；切勿手動刪除 pg_wal 中的檔案',
        },
        'inside-data-directory': {
          message: '歸檔 {path} 位於資料目錄 {dataDir} 之中',
          why: '它會與所要救回的資料一起遺失，而且每次基礎備份都會複製它。',
          remedy: '執行 `pgwal enable --archive-dir DIR` 並指定外部目錄，最好在另一顆磁碟上',
        },
        'foreign-owner': {
          message: '{path} 的擁有者是 {found}，而不是 {owner}',
          why: '伺服器目前可以寫入，但另一個帳號能夠刪除、替換或鎖住歸檔。',
          remedy: 'sudo chown {owner} {word}',
        },
        'open-to-all': {
          message: '任何人都能寫入 {path}（模式 {mode}）',
          why: '本機的任何帳號都能刪除或替換 WAL，而還原會重播它所找到的內容。',
          remedy: 'sudo chmod 0700 {word}',
        },
        network: {
          message: '歸檔位於另一台機器的檔案系統：{type}，{source}',
          why: '當那台機器沒有回應時，歸檔命令會一直等待，且不會計入任何統計。擁有者可能被對應為其他帳號（root_squash、all_squash、uid=），使得 {owner} 可以寫入而 root 卻無法讀取；有些種類不支援鎖定與硬連結。',
          remedy: '為命令設定時限（timeout 300 …），並確保掛載後才使用（systemd：RequiresMountsFor=）；`pgwal verify` 可驗證保存是否正常',
        },
        'object-store': {
          message: '歸檔是以檔案系統形式呈現的物件儲存（{type}）',
          why: '在那裡，檔案要到關閉時才會上傳，而重新命名等於複製：區段可能已回報保存卻在快取中遺失，或被看到只有一半。',
          remedy: '使用能直接存取物件儲存的工具（pgBackRest、WAL-G、barman-cloud），或先歸檔至本機磁碟再複製過去',
        },
        'same-file-system': {
          message: '歸檔與 {with} 位於同一個檔案系統：磁碟滿載或損壞時兩者會一起停擺',
          why: '歸檔正是為了資料磁碟損壞的那一天而存在。',
          remedy: '移到另一顆磁碟（`pgwal enable --archive-dir DIR`），或定期複製到另一台機器',
        },
      },
    },
  },
})

function remote({ mount }: ArchiveDirectoryFact, params: Readonly<Record<string, string>>, at: { file: string }): Coded<Code>[] {
  if (mount === undefined) return []
  if (OBJECT_STORE.test(mount.type)) return [finding('object-store', 'warning', { ...params, type: mount.type }, { at })]
  return NETWORK.test(mount.type) ? [finding('network', 'info', { ...params, type: mount.type, source: mount.source }, { at })] : []
}

/** Windows has no mode that could be told. */
function refusal({ mode }: ArchiveDirectoryFact, reason: string, params: Readonly<Record<string, string>>, at: { file: string }): Coded<Code> {
  if (reason === 'EROFS') return finding('read-only', 'error', params, { at })
  if (reason === 'ENOSPC' || reason === 'EDQUOT') return finding('full', 'error', params, { at })
  return finding(mode === undefined ? 'no-access' : 'not-writable', 'error', params, { at })
}
