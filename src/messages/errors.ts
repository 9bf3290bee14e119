import type { Locale } from './locale.ts'

export interface ErrorText {
  /** What happened. */
  readonly message: string
  /** What to do next. */
  readonly remedy: string
  /** What to do next where there is an `older` backup. */
  readonly remedyOlder?: string
}

const OLDER = {
  en: 'Nothing of it is left. An older backup leads to the target as well: --from-backup {older}',
  'zh-TW': '沒有留下任何內容。另有一份較舊的備份也能到達目標：--from-backup {older}',
}

/** Words for every UserError, by its code. `{name}` stands for a parameter. */
export const errorTexts = {
  usage: {
    en: { message: '{reason}', remedy: 'pgwal {command} --help' },
    'zh-TW': { message: '{reason}', remedy: 'pgwal {command} --help' },
  },
  'no-such-cluster': {
    en: { message: 'There is no PostgreSQL cluster at {target}.', remedy: '`pgwal clusters` lists those of this machine; as root it sees all of them.' },
    'zh-TW': { message: '{target} 沒有 PostgreSQL 叢集。', remedy: '`pgwal clusters` 會列出本機的叢集；以 root 執行可看到全部。' },
  },
  'no-clusters': {
    en: { message: 'No PostgreSQL cluster was found on this machine.', remedy: 'Name its data directory with -D DIR; as root pgwal sees more.' },
    'zh-TW': { message: '在這台機器上找不到任何 PostgreSQL 叢集。', remedy: '請以 -D DIR 指定資料目錄；以 root 執行可看到更多。' },
  },
  'several-clusters': {
    en: { message: 'There are several clusters: {list}.', remedy: 'Name one with --cluster ID.' },
    'zh-TW': { message: '有多個叢集：{list}。', remedy: '請以 --cluster ID 指定其中一個。' },
  },
  remote: {
    en: { message: '{host} is another machine; files and services can only be changed where they are.', remedy: 'Run `pgwal enable` on {host}.' },
    'zh-TW': { message: '{host} 是另一台機器；檔案與服務只能在該機器上變更。', remedy: '請在 {host} 上執行 `pgwal enable`。' },
  },
  managed: {
    en: { message: '{manager} manages this cluster\'s configuration ({evidence}); what pgwal wrote would be overwritten.', remedy: '{command}' },
    'zh-TW': { message: '本叢集的設定由 {manager} 管理（{evidence}）；pgwal 寫入的內容會被覆蓋。', remedy: '{command}' },
  },
  'need-privileges': {
    en: { message: '{user} may not do this: the cluster belongs to {owner}.', remedy: '{command}' },
    'zh-TW': { message: '{user} 無權執行：叢集屬於 {owner}。', remedy: '{command}' },
  },
  'need-elevation': {
    en: { message: '{user} may not do this without elevated rights.', remedy: 'In a prompt started with "Run as administrator": {command}' },
    'zh-TW': { message: '{user} 需要提升的權限才能執行。', remedy: '請在「以系統管理員身分執行」的命令提示字元中執行：{command}' },
  },
  'server-down': {
    en: { message: 'The server of {cluster} is down.', remedy: 'Start it first: {command}' },
    'zh-TW': { message: '{cluster} 的伺服器未執行。', remedy: '請先啟動：{command}' },
  },
  'in-recovery': {
    en: { message: '{cluster} is a standby: it archives nothing until it is promoted.', remedy: 'Run `pgwal enable` on the primary.' },
    'zh-TW': { message: '{cluster} 是備援伺服器：在升格之前不會歸檔。', remedy: '請在主要伺服器上執行 `pgwal enable`。' },
  },
  'no-login': {
    en: { message: 'No login to {cluster}: {reason}', remedy: 'Run as the cluster\'s owner or as root, or give a role and a password: -U NAME and PGPASSWORD or ~/.pgpass.' },
    'zh-TW': { message: '無法登入 {cluster}：{reason}', remedy: '請以叢集的擁有者或 root 執行，或指定角色與密碼：-U NAME 搭配 PGPASSWORD 或 ~/.pgpass。' },
  },
  unreadable: {
    en: { message: '{what} could not be read: {reason}', remedy: 'Run as root or as {owner}.' },
    'zh-TW': { message: '無法讀取 {what}：{reason}', remedy: '請以 root 或 {owner} 執行。' },
  },
  'configuration-broken': {
    en: { message: '{file}:{line}: {reason}', remedy: 'PostgreSQL would not start with this file. Correct that line first; pgwal changes nothing in a broken file.' },
    'zh-TW': { message: '{file}:{line}：{reason}', remedy: 'PostgreSQL 無法以這個檔案啟動。請先修正該行；pgwal 不會變更損壞的檔案。' },
  },
  'command-line-wins': {
    en: { message: '{name} is set on the server\'s command line ({value}); no file can change it.', remedy: 'Remove it from the unit or script that starts the server ({service}), then run `pgwal enable` again.' },
    'zh-TW': { message: '{name} 由伺服器的命令列設定（{value}），任何檔案都無法變更。', remedy: '請從啟動伺服器的單元或指令稿（{service}）移除它，然後再次執行 `pgwal enable`。' },
  },
  'restart-others': {
    en: { message: 'A restart of {cluster} would also bring into force what somebody else has changed and the server does not run with yet: {list}. Whether it starts with that, nobody has tried.', remedy: 'Restart the server once yourself, when you can correct those lines, or take them back; then run this again. `pgwal enable --no-restart` leaves the restart to you.' },
    'zh-TW': { message: '重新啟動 {cluster} 也會讓他人已更改、但伺服器尚未採用的設定生效：{list}。伺服器能否以這些設定啟動，還沒有人試過。', remedy: '請先在能夠修正這些行的時候自行重新啟動伺服器一次，或將其改回；然後再次執行。`pgwal enable --no-restart` 會將重新啟動留給您。' },
  },
  'restart-copy': {
    en: { message: '{path} lies in the data directory of a running server that is no standby: its next start would be that of a copy, or fail.', remedy: 'If nothing is being restored or backed up there: sudo -u {owner} mv {path} {path}.stray. An exclusive backup (up to 14) must end first: SELECT pg_stop_backup()' },
    'zh-TW': { message: '{path} 位於執行中且並非備援伺服器的資料目錄裡：下次啟動會被當成副本的啟動，或者失敗。', remedy: '若該處並未進行還原或備份：sudo -u {owner} mv {path} {path}.stray。exclusive 備份（14 以前）必須先結束：SELECT pg_stop_backup()' },
  },
  'restart-mode': {
    en: { message: '{path} has mode {mode}: the running server does not mind, but no server starts with it.', remedy: 'chown {owner} {path} && chmod 0700 {path}   (0750 where a group shall read it)' },
    'zh-TW': { message: '{path} 的權限為 {mode}：執行中的伺服器不受影響，但任何伺服器都無法以此啟動。', remedy: 'chown {owner} {path} && chmod 0700 {path}   （若要讓群組讀取則為 0750）' },
  },
  'restart-file': {
    en: { message: '{setting}: the running server no longer needs {path}, but its next start does, and it would fail ({reason}).', remedy: 'Have {path} there, as {owner} may use it (a private key: nobody else), or change {setting}; then run this again.' },
    'zh-TW': { message: '{setting}：執行中的伺服器已不需要 {path}，但下次啟動時需要，而且會失敗（{reason}）。', remedy: '請讓 {path} 存在並可供 {owner} 使用（私鑰則只限其使用），或更改 {setting}；然後再次執行。' },
  },
  'restart-not-pem': {
    en: { message: '{setting}: {path} does not hold what its name says, in the form that PostgreSQL reads (PEM); the running server has the old one, its next start would fail.', remedy: 'Put the whole file there again (PEM), or change {setting}; then run this again.' },
    'zh-TW': { message: '{setting}：{path} 的內容並非 PostgreSQL 能讀取的格式（PEM）；執行中的伺服器仍使用舊的內容，但下次啟動會失敗。', remedy: '請重新放入完整的檔案（PEM），或更改 {setting}；然後再次執行。' },
  },
  'restart-other-key': {
    en: { message: '{setting}: {path} is not the private key of the certificate in ssl_cert_file; the running server has the old pair, its next start would fail.', remedy: 'Put certificate and key of one renewal there; then run this again.' },
    'zh-TW': { message: '{setting}：{path} 不是 ssl_cert_file 憑證的私鑰；執行中的伺服器仍使用舊的一對，但下次啟動會失敗。', remedy: '請放入同一次更新的憑證與私鑰；然後再次執行。' },
  },
  'restart-passphrase': {
    en: { message: '{setting}: {path} is protected by a passphrase, which nobody would be there to type when the server starts.', remedy: 'Set ssl_passphrase_command, or restart the server yourself: `pgwal enable --no-restart` leaves that to you.' },
    'zh-TW': { message: '{setting}：{path} 受密語保護，而伺服器啟動時無人可以輸入。', remedy: '請設定 ssl_passphrase_command，或自行重新啟動伺服器：`pgwal enable --no-restart` 會將重新啟動留給您。' },
  },
  'restart-program': {
    en: { message: 'The next start of this server of version {major} would take {path}, and that is no such program any more: {reason}', remedy: 'Install version {major} there again. While the running server lives it can still be dumped (pg_dumpall).' },
    'zh-TW': { message: '這個第 {major} 版的伺服器下次啟動時會使用 {path}，但它已不是對應的程式：{reason}', remedy: '請在該處重新安裝第 {major} 版。執行中的伺服器存活期間仍可匯出資料（pg_dumpall）。' },
  },
  'restart-space': {
    en: { message: 'The disk of {path} has {freeBytes} left: a server that is stopped there may not start again (it needs up to {leastBytes}).', remedy: 'Make room on that disk (never in pg_wal); then run this again.' },
    'zh-TW': { message: '{path} 所在的磁碟只剩 {freeBytes}：在此停止的伺服器可能無法再啟動（最多需要 {leastBytes}）。', remedy: '請在該磁碟騰出空間（切勿刪除 pg_wal 中的檔案）；然後再次執行。' },
  },
  'restart-address': {
    en: { message: 'The server listens on {address}, port {port}, and this machine does not have that address any more: after a restart nobody would reach it there.', remedy: 'Give the machine that address again, or correct listen_addresses and restart the server yourself; then run this again.' },
    'zh-TW': { message: '伺服器正在 {address} 的連接埠 {port} 上接聽，但這台機器已不再擁有該位址：重新啟動後，將無人能由此連上伺服器。', remedy: '請讓機器重新擁有該位址，或修正 listen_addresses 並自行重新啟動伺服器；然後再次執行。' },
  },
  'restart-huge-pages': {
    en: { message: 'huge_pages is on, and the system keeps {have} of the {need} huge pages that are in use now: those that the server gives back when it stops, its next start would not get.', remedy: 'echo {need} | sudo tee {path} (and vm.nr_hugepages in /etc/sysctl.d), or set huge_pages = try and restart the server yourself; then run this again.' },
    'zh-TW': { message: 'huge_pages 為 on，而系統只保留目前使用中 {need} 個大型分頁裡的 {have} 個：伺服器停止時歸還的分頁，下次啟動將無法取得。', remedy: 'echo {need} | sudo tee {path}（並設定 /etc/sysctl.d 中的 vm.nr_hugepages），或設定 huge_pages = try 並自行重新啟動伺服器；然後再次執行。' },
  },
  'restart-backup': {
    en: { message: 'A base backup is being made ({name}, process {pid}): a restart would break it off.', remedy: 'Wait for its end, then run this again. To give that backup up: SELECT pg_terminate_backend({pid}). `pgwal enable --no-restart` leaves the restart to you.' },
    'zh-TW': { message: '正在製作基礎備份（{name}，行程 {pid}）：重新啟動會使其中斷。', remedy: '請等待其結束，然後再次執行。若要放棄該備份：SELECT pg_terminate_backend({pid})。`pgwal enable --no-restart` 會將重新啟動留給您。' },
  },
  'restart-receiver': {
    en: { message: 'A receiver of WAL ({name}, {address}, process {pid}) has been silent for {seconds} s, and wal_sender_timeout does not end its connection: a shutdown would wait for it, with nobody let in.', remedy: 'SELECT pg_terminate_backend({pid}), or set wal_sender_timeout to one minute and reload; then run this again.' },
    'zh-TW': { message: 'WAL 接收端（{name}，{address}，行程 {pid}）已沉默 {seconds} 秒，而 wal_sender_timeout 不會結束其連線：關閉伺服器時會一直等待它，期間不接受任何連線。', remedy: 'SELECT pg_terminate_backend({pid})，或將 wal_sender_timeout 設為一分鐘並重新載入；然後再次執行。' },
  },
  'restart-archiver': {
    en: { message: 'WAL has been waiting for {seconds} s, and archive_command has neither stored a segment nor failed in that time: it hangs, and a shutdown would wait for it, with nobody let in.', remedy: 'See what the process `postgres: archiver` has started (ps axf) and end that; then run this again.' },
    'zh-TW': { message: 'WAL 已等待 {seconds} 秒，而 archive_command 在此期間既未存下區段也未失敗：它卡住了，關閉伺服器時會一直等待它，期間不接受任何連線。', remedy: '請查看 `postgres: archiver` 行程啟動了什麼（ps axf）並將其結束；然後再次執行。' },
  },
  'restart-relative': {
    en: { message: '{setting} is {value}: PostgreSQL looks for it where the server is started from, and nobody knows any more where that was. A restart from elsewhere would fail.', remedy: 'Give {setting} a path that begins with /; then run this again.' },
    'zh-TW': { message: '{setting} 為 {value}：PostgreSQL 會從啟動伺服器時的目錄尋找它，而現在已無從得知那是哪裡。從別處重新啟動會失敗。', remedy: '請將 {setting} 改為以 / 開頭的路徑；然後再次執行。' },
  },
  'alter-system-forbidden': {
    en: { message: '{name} is set in postgresql.auto.conf, and allow_alter_system is off.', remedy: 'Have whoever set allow_alter_system change {name}.' },
    'zh-TW': { message: '{name} 設定於 postgresql.auto.conf，而 allow_alter_system 為 off。', remedy: '請由設定 allow_alter_system 的人變更 {name}。' },
  },
  'archive-library-set': {
    en: { message: 'archive_library is {value}: it archives in place of archive_command.', remedy: 'Keep it and test it with `pgwal verify`, or set archive_library = \'\' and run `pgwal enable` again.' },
    'zh-TW': { message: 'archive_library 為 {value}：由它取代 archive_command 進行歸檔。', remedy: '若要保留，請以 `pgwal verify` 測試；否則設定 archive_library = \'\' 後再次執行 `pgwal enable`。' },
  },
  'archive-tool-present': {
    en: { message: 'archive_command hands the WAL to {tool}; in its place, the backups that {tool} makes would no longer be restorable.', remedy: 'Keep it and test it with `pgwal verify`, or set archive_command = \'\' and run `pgwal enable` again.' },
    'zh-TW': { message: 'archive_command 將 WAL 交給 {tool}；若取代它，{tool} 製作的備份將無法再還原。', remedy: '若要保留，請以 `pgwal verify` 測試；否則設定 archive_command = \'\' 後再次執行 `pgwal enable`。' },
  },
  'archive-command-present': {
    en: { message: 'archive_command stores WAL already ({path}), by a command that is not pgwal\'s; in its place, that archive ends, and base backups that rely on it can be restored no further.', remedy: 'Keep it and test it with `pgwal verify`, or replace it with --replace-command (then keep its archive as long as its backups, and take a new base backup), or archive into the same directory: --archive-dir DIR' },
    'zh-TW': { message: 'archive_command 已在儲存 WAL（{path}），而該指令並非 pgwal 的；若取代它，該歸檔到此為止，依賴它的基礎備份無法還原到更後面的時間。', remedy: '若要保留，請以 `pgwal verify` 測試；或以 --replace-command 取代（並在保留其備份期間保留其歸檔，再製作新的基礎備份）；或歸檔到同一目錄：--archive-dir DIR' },
  },
  'archive-directory-relative': {
    en: { message: '{path} is not an absolute path.', remedy: 'Give one that begins with /.' },
    'zh-TW': { message: '{path} 不是絕對路徑。', remedy: '請指定以 / 開頭的路徑。' },
  },
  'archive-directory-inside': {
    en: { message: '{path} lies inside the data directory {inside}.', remedy: 'An archive must survive the loss of the data directory: choose a place outside it, on another disk if there is one.' },
    'zh-TW': { message: '{path} 位於資料目錄 {inside} 之中。', remedy: '歸檔必須在資料目錄遺失後仍然存在：請選擇其外的位置，最好在另一顆磁碟上。' },
  },
  'archive-directory-foreign': {
    en: { message: '{path} holds segments of another cluster (system identifier {found}, this one is {own}).', remedy: 'Give each cluster an archive directory of its own: --archive-dir DIR' },
    'zh-TW': { message: '{path} 存有另一個叢集的區段（系統識別碼 {found}，本叢集為 {own}）。', remedy: '請讓每個叢集使用各自的歸檔目錄：--archive-dir DIR' },
  },
  'archive-directory-used': {
    en: { message: '{path} is the archive directory of {cluster}.', remedy: 'Give each cluster an archive directory of its own: --archive-dir DIR' },
    'zh-TW': { message: '{path} 是 {cluster} 的歸檔目錄。', remedy: '請讓每個叢集使用各自的歸檔目錄：--archive-dir DIR' },
  },
  'archive-directory-not-directory': {
    en: { message: '{path} is not a directory.', remedy: 'Choose another place: --archive-dir DIR' },
    'zh-TW': { message: '{path} 不是目錄。', remedy: '請選擇其他位置：--archive-dir DIR' },
  },
  'archive-directory-unwritable': {
    en: { message: '{owner} cannot write into {path} ({reason}).', remedy: 'Choose another place with --archive-dir DIR, or give the directory to {owner}.' },
    'zh-TW': { message: '{owner} 無法寫入 {path}（{reason}）。', remedy: '請以 --archive-dir DIR 選擇其他位置，或將該目錄的擁有權交給 {owner}。' },
  },
  'archive-directory-hidden': {
    en: { message: 'Inside of {unit}, {path} is another directory or none ({because}).', remedy: 'Choose a place that the service shares with everybody: --archive-dir DIR.' },
    'zh-TW': { message: '在 {unit} 之內，{path} 是另一個目錄，或不存在（{because}）。', remedy: '請以 --archive-dir DIR 選擇服務與外部共用的位置。' },
  },
  'archive-directory-fleeting': {
    en: { message: '{path} is in a place whose files do not last ({place}): it is emptied at the next boot, or cleaned while the server runs.', remedy: 'Choose a place on a disk, outside of /tmp and the like: --archive-dir DIR' },
    'zh-TW': { message: '{path} 所在之處的檔案不會長久保留（{place}）：下次開機時會被清空，或在伺服器執行期間被清理。', remedy: '請選擇磁碟上 /tmp 之類以外的位置：--archive-dir DIR' },
  },
  'archive-directory-guarded': {
    en: { message: 'macOS keeps {path} from background services, whatever its mode says: the server would get "Operation not permitted".', remedy: 'Choose a place outside of Documents, Desktop, Downloads, iCloud and /Volumes: --archive-dir DIR' },
    'zh-TW': { message: '無論權限模式為何，macOS 都不讓背景服務存取 {path}：伺服器會收到「Operation not permitted」。', remedy: '請選擇 Documents、Desktop、Downloads、iCloud 與 /Volumes 以外的位置：--archive-dir DIR' },
  },
  'rule-refused': {
    en: { message: '{file}:{line} rejects {user} from {address} on purpose.', remedy: 'pgwal puts no rule above a reject. Change that line if you want this login.' },
    'zh-TW': { message: '{file}:{line} 刻意拒絕 {user} 從 {address} 連線。', remedy: 'pgwal 不會把規則放在 reject 之前。若要允許此登入，請修改該行。' },
  },
  changed: {
    en: { message: '{path} was changed by somebody else since the plan was shown.', remedy: 'Nothing of theirs was touched. Run the command again to see the new plan.' },
    'zh-TW': { message: '顯示計畫之後，{path} 已被他人變更。', remedy: '未觸碰他人的變更。請再次執行以查看新的計畫。' },
  },
  locked: {
    en: { message: 'Another pgwal works on this cluster: process {pid}, since {since}.', remedy: 'Wait for it to end.' },
    'zh-TW': { message: '另一個 pgwal 正在處理這個叢集：行程 {pid}，自 {since} 起。', remedy: '請等待它結束。' },
  },
  'edited-since': {
    en: { message: '{path} was edited since that run.', remedy: '`pgwal undo --force` puts the old content back all the same; the edited one is kept in the run\'s directory.' },
    'zh-TW': { message: '{path} 在那次執行之後已被編輯。', remedy: '`pgwal undo --force` 仍會還原舊內容；編輯過的版本會保留在該次執行的目錄中。' },
  },
  'wal-keep-no-room': {
    en: { message: '{value} of WAL kept in {path} would fill its disk, of which {freeBytes} are free; the server would stop with a PANIC.', remedy: 'Give a smaller --wal-keep-size, or none: enable then takes what fits.' },
    'zh-TW': { message: '在 {path} 保留 {value} 的 WAL 會塞滿其磁碟（剩餘 {freeBytes}）；伺服器會以 PANIC 停止。', remedy: '請指定較小的 --wal-keep-size，或不指定：enable 會採用放得下的大小。' },
  },
  'old-files-refused': {
    en: { message: 'With its old files {cluster} would not start any more: {reason}. Nothing was changed.', remedy: 'Take back first what was added since that run and needs the new ones (a slot that nobody uses: SELECT pg_drop_replication_slot(\'NAME\')); then run this again.' },
    'zh-TW': { message: '{cluster} 以舊檔案將無法再啟動：{reason}。未做任何變更。', remedy: '請先移除那次執行之後新增、且需要新檔案的項目（無人使用的 slot：SELECT pg_drop_replication_slot(\'NAME\')）；然後再次執行。' },
  },
  'no-such-run': {
    en: { message: 'There is no run {run}.', remedy: '`pgwal history` lists them.' },
    'zh-TW': { message: '沒有 {run} 這次執行。', remedy: '`pgwal history` 會列出所有執行。' },
  },
  'state-directory-unsafe': {
    en: { message: '{path} cannot hold the journal: others than you own it or may change it (mode {mode}).', remedy: 'Set PGWAL_STATE_DIR to a directory of your own with mode 0700, or take these rights away.' },
    'zh-TW': { message: '{path} 無法存放日誌：它屬於他人，或他人可以變更它（模式 {mode}）。', remedy: '請將 PGWAL_STATE_DIR 設為您自己的、模式為 0700 的目錄，或移除這些權限。' },
  },
  'interrupted-run': {
    en: { message: 'Run {run} was interrupted and left things half done.', remedy: 'Put them back first: `pgwal undo {run}`' },
    'zh-TW': { message: '{run} 這次執行曾被中斷，只完成了一部分。', remedy: '請先還原：`pgwal undo {run}`' },
  },
  'journal-unreadable': {
    en: { message: 'The journal of run {run} cannot be read: {reason}', remedy: 'A newer pgwal may have written it, or the disk does not give it back. It holds the files as they were: {path}. Move that directory away only when the run needs no undo.' },
    'zh-TW': { message: '無法讀取 {run} 這次執行的日誌：{reason}', remedy: '它可能由較新的 pgwal 寫入，或磁碟無法讀出。其中保存檔案原本的內容：{path}。確定該次執行不需要還原後，才可移走這個目錄。' },
  },
  'setting-impossible': {
    en: { message: 'No place in the configuration files makes {name} = {value} take effect.', remedy: 'See which lines set it with `pgwal settings {name}`, and change the one that decides.' },
    'zh-TW': { message: '設定檔中沒有任何位置能讓 {name} = {value} 生效。', remedy: '請以 `pgwal settings {name}` 查看由哪些行設定，並修改起決定作用的那一行。' },
  },
  'rule-unknown': {
    en: { message: '{file}:{line} may reject {user} from {address}; that depends on what cannot be seen from here.', remedy: 'pgwal puts no rule above a reject. Change that line if you want this login.' },
    'zh-TW': { message: '{file}:{line} 可能會拒絕 {user} 從 {address} 連線；這取決於此處無法得知的資訊。', remedy: 'pgwal 不會把規則放在 reject 之前。若要允許此登入，請修改該行。' },
  },
  'rule-impossible': {
    en: { message: 'No replication rule for {user} can be added: {reason}', remedy: 'Add it to pg_hba.conf by hand.' },
    'zh-TW': { message: '無法為 {user} 加入複寫規則：{reason}', remedy: '請手動將它加入 pg_hba.conf。' },
  },
  'needs-confirmation': {
    en: { message: 'There is no terminal to ask on.', remedy: 'Add --yes to apply what is shown above.' },
    'zh-TW': { message: '沒有可供詢問的終端機。', remedy: '若要套用以上內容，請加上 --yes。' },
  },
  'unknown-check': {
    en: { message: 'There is no check {id}.', remedy: '`pgwal checks` lists them.' },
    'zh-TW': { message: '沒有 {id} 這項檢查。', remedy: '`pgwal checks` 會列出所有檢查。' },
  },
  'for-version-unknown': {
    en: { message: '--for-version takes a major that pgwal knows, not {asked}.', remedy: 'One of {allowed}.' },
    'zh-TW': { message: '--for-version 須為 pgwal 認得的主要版本，而非 {asked}。', remedy: '可用的值：{allowed}。' },
  },
  'for-version-not-newer': {
    en: { message: '{cluster} is PostgreSQL {major} already: --for-version {asked} is no upgrade.', remedy: 'One of {allowed}.' },
    'zh-TW': { message: '{cluster} 已經是 PostgreSQL {major}：--for-version {asked} 並非升級。', remedy: '可用的值：{allowed}。' },
  },
  'for-version-newest': {
    en: { message: '{cluster} is PostgreSQL {major}: pgwal knows no newer one.', remedy: 'Leave out --for-version {asked}.' },
    'zh-TW': { message: '{cluster} 是 PostgreSQL {major}：pgwal 不認得更新的版本。', remedy: '請去掉 --for-version {asked}。' },
  },
  'no-such-service': {
    en: { message: 'No service file has the service {service} (PGSERVICE): {files}.', remedy: 'Correct or unset PGSERVICE; PGSERVICEFILE names another file.' },
    'zh-TW': { message: '沒有任何服務檔含有服務 {service}（PGSERVICE）：{files}。', remedy: '請更正或取消 PGSERVICE；PGSERVICEFILE 可指定其他檔案。' },
  },
  'bad-connection-setting': {
    en: { message: '{name} cannot be {value}.', remedy: 'Correct it where it comes from: the option, the PG… variable or the service file.' },
    'zh-TW': { message: '{name} 不能是 {value}。', remedy: '請在來源處更正：選項、PG… 環境變數或服務檔。' },
  },
  'no-unprivileged-account': {
    en: { message: 'PostgreSQL does not run as root, and there is neither an account postgres nor nobody.', remedy: 'Run `pgwal demo` as an ordinary user.' },
    'zh-TW': { message: 'PostgreSQL 無法以 root 執行，而系統沒有 postgres 或 nobody 帳號。', remedy: '請以一般使用者執行 `pgwal demo`。' },
  },
  'no-binaries': {
    en: { message: 'No PostgreSQL programs (initdb, pg_ctl, postgres) were found on this machine.', remedy: 'Install a PostgreSQL server, or name the directory: pgwal demo --bin-dir DIR' },
    'zh-TW': { message: '在這台機器上找不到 PostgreSQL 程式（initdb、pg_ctl、postgres）。', remedy: '請安裝 PostgreSQL 伺服器，或指定目錄：pgwal demo --bin-dir DIR' },
  },
  'no-free-port': {
    en: { message: 'No free port was found on the loopback.', remedy: 'Try again.' },
    'zh-TW': { message: '在迴路介面上找不到可用的連接埠。', remedy: '請再試一次。' },
  },
  'backup-windows-tablespaces': {
    en: { message: '{cluster} has tablespaces, which pgwal does not back up on Windows.', remedy: 'Use pg_basebackup, which comes with PostgreSQL.' },
    'zh-TW': { message: '{cluster} 有表空間，pgwal 在 Windows 上無法備份。', remedy: '請使用 PostgreSQL 附帶的 pg_basebackup。' },
  },
  'backup-down': {
    en: { message: 'The server of {cluster} is down; a base backup is taken from a running one.', remedy: 'Start it, and run this again.' },
    'zh-TW': { message: '{cluster} 的伺服器未執行；基礎備份必須從執行中的伺服器製作。', remedy: '請啟動伺服器後再執行一次。' },
  },
  'backup-standby': {
    en: { message: '{cluster} is a standby; pgwal takes base backups of the primary.', remedy: 'Run it on the primary.' },
    'zh-TW': { message: '{cluster} 是備援伺服器；pgwal 只從主要伺服器製作基礎備份。', remedy: '請在主要伺服器上執行。' },
  },
  'backup-directory': {
    en: { message: '{path} cannot hold base backups ({reason}): the cluster\'s owner must be able to write there.', remedy: 'Name a directory on another disk than the data, by its absolute path.' },
    'zh-TW': { message: '{path} 無法存放基礎備份（{reason}）：叢集的擁有者必須能寫入該目錄。', remedy: '請以絕對路徑指定一個與資料不同磁碟的目錄。' },
  },
  'backup-inside': {
    en: { message: '{path} lies inside {inside}, which belongs to the cluster itself ({what}).', remedy: 'Name a directory outside of it.' },
    'zh-TW': { message: '{path} 位於叢集本身使用的 {inside} 之內（{what}）。', remedy: '請指定其外的目錄。' },
  },
  'backup-space': {
    en: { message: 'Too little space in {path}: {needed} are needed, {free} are free.', remedy: 'Name a directory on a larger file system.' },
    'zh-TW': { message: '{path} 的空間不足：需要 {needed}，可用 {free}。', remedy: '請指定較大檔案系統上的目錄。' },
  },
  'backup-space-ran-out': {
    en: { message: 'The space in {path} ran low ({free} free, {reserve} are kept for others); the backup was given up and removed.', remedy: 'Name a directory on a larger file system.' },
    'zh-TW': { message: '{path} 的空間即將用盡（可用 {free}，為他人保留 {reserve}）；已放棄並移除這份備份。', remedy: '請指定較大檔案系統上的目錄。' },
  },
  'backup-failed': {
    en: { message: 'No base backup was made: {program}: {reason}', remedy: 'Correct what the message names, and run it again.' },
    'zh-TW': { message: '基礎備份未完成：{program}：{reason}', remedy: '請修正訊息所指的問題，然後再執行一次。' },
  },
  'backup-unverified': {
    en: { message: 'The backup was not what its manifest says, and was removed: {file} ({problem}); {count} {count|file|files} in all', remedy: 'The disk may be failing: look into the system\'s log, and use another one.' },
    'zh-TW': { message: '備份與其 manifest 不符，已移除：{file}（{problem}），共 {count} 個檔案', remedy: '磁碟可能即將故障：請查看系統日誌，並改用其他磁碟。' },
  },
  'backup-archive': {
    en: { message: 'The base backup of {cluster} needs its archive, because pg_basebackup is missing or is not let in, and no archive that holds plain segments is known.', remedy: 'Set archiving up with `pgwal enable`, or install pg_basebackup.' },
    'zh-TW': { message: '缺少 pg_basebackup 或無法以複寫登入，因此 {cluster} 的基礎備份需要歸檔，但找不到存放未壓縮區段的歸檔目錄。', remedy: '請以 `pgwal enable` 設定歸檔，或安裝 pg_basebackup。' },
  },
  'backup-archive-windows': {
    en: { message: 'The base backup of {cluster} needs its archive, and no archive that holds plain segments is known.', remedy: 'Set archiving up with `pgwal enable`.' },
    'zh-TW': { message: '{cluster} 的基礎備份需要歸檔，但找不到存放未壓縮區段的歸檔目錄。', remedy: '請以 `pgwal enable` 設定歸檔。' },
  },
  'backup-not-archived': {
    en: { message: '{segment} did not arrive in the archive in {seconds} s; without it the backup cannot be restored, and it was removed.', remedy: '`pgwal verify` says why segments do not arrive; for a slow archive, `--timeout 600`.' },
    'zh-TW': { message: '{segment} 未在 {seconds} 秒內送達歸檔；沒有它就無法還原這份備份，因此已移除。', remedy: '`pgwal verify` 會說明區段為何沒有送達；歸檔較慢時可用 `--timeout 600`。' },
  },
  interrupted: {
    en: { message: 'Interrupted.', remedy: 'Run it again.' },
    'zh-TW': { message: '已中斷。', remedy: '請再次執行。' },
  },
  'bad-network': {
    en: { message: '{text} is not a network in CIDR form.', remedy: 'Write it like 192.0.2.7/32 or 2001:db8::/64.' },
    'zh-TW': { message: '{text} 不是 CIDR 格式的網路。', remedy: '請寫成 192.0.2.7/32 或 2001:db8::/64 的形式。' },
  },
  'command-failed': {
    en: { message: '{command} failed: {output}', remedy: 'Correct what it says and try again.' },
    'zh-TW': { message: '{command} 失敗：{output}', remedy: '請依訊息修正後再試一次。' },
  },
  'unknown-setting': {
    en: { message: 'PostgreSQL {major} has no setting {name}.', remedy: 'Names that are near: {suggestions}. Without a name, `pgwal settings` shows everything that is set.' },
    'zh-TW': { message: 'PostgreSQL {major} 沒有 {name} 這項設定。', remedy: '相近的名稱：{suggestions}。不指定名稱時，`pgwal settings` 會顯示所有已設定的項目。' },
  },
  'setting-of-other-major': {
    en: { message: '{name} is not a setting of PostgreSQL {major}, but of {others}.', remedy: 'Without a name, `pgwal settings` shows everything that is set.' },
    'zh-TW': { message: '{name} 不是 PostgreSQL {major} 的設定，而是 {others} 的設定。', remedy: '不指定名稱時，`pgwal settings` 會顯示所有已設定的項目。' },
  },
  'needs-server-version': {
    en: { message: 'Which major reads {path} cannot be told from here.', remedy: 'Name it: --server-version 16' },
    'zh-TW': { message: '無法得知由哪個主要版本讀取 {path}。', remedy: '請指定：--server-version 16' },
  },
  'no-such-file': {
    en: { message: '{path} does not exist.', remedy: 'Correct the name; `pgwal clusters` shows where the files of each cluster are.' },
    'zh-TW': { message: '{path} 不存在。', remedy: '請更正檔名；`pgwal clusters` 會顯示各叢集的檔案位置。' },
  },
  'not-readable': {
    en: { message: '{path} could not be read.', remedy: 'Run as root or as the owner of the cluster.' },
    'zh-TW': { message: '無法讀取 {path}。', remedy: '請以 root 或叢集的擁有者執行。' },
  },
  'remote-files': {
    en: { message: '{host} is another machine; its files cannot be read from here.', remedy: 'Run `pgwal {command}` on {host}, or copy the files here and name them.' },
    'zh-TW': { message: '{host} 是另一台機器，無法從這裡讀取其檔案。', remedy: '請在 {host} 上執行 `pgwal {command}`，或將檔案複製到此處再指定。' },
  },
  'question-incomplete': {
    en: { message: '{missing} is missing: a rule goes by user, database and address together.', remedy: 'For example: pgwal hba --user postgres --database replication --address 127.0.0.1' },
    'zh-TW': { message: '缺少 {missing}：規則須同時依使用者、資料庫與位址判斷。', remedy: '例如：pgwal hba --user postgres --database replication --address 127.0.0.1' },
  },
  'bad-address': {
    en: { message: '{text} is no address.', remedy: 'Write a numeric one such as 192.0.2.7 or ::1, or local for the socket.' },
    'zh-TW': { message: '{text} 不是位址。', remedy: '請寫成 192.0.2.7 或 ::1 這樣的數字位址，socket 則為 local。' },
  },
  'facts-not-written': {
    en: { message: 'The facts could not be written to {path} ({reason}).', remedy: 'Name a file in a directory of your own: --save-facts FILE' },
    'zh-TW': { message: '無法將事實寫入 {path}（{reason}）。', remedy: '請指定自己目錄中的檔案：--save-facts FILE' },
  },
  'facts-unreadable': {
    en: { message: 'The file of facts {path} could not be read ({reason}).', remedy: 'Name a file that `pgwal doctor --save-facts FILE` wrote.' },
    'zh-TW': { message: '無法讀取事實檔 {path}（{reason}）。', remedy: '請指定由 `pgwal doctor --save-facts FILE` 寫出的檔案。' },
  },
  'facts-not-json': {
    en: { message: '{path}:{line}: this is not JSON.', remedy: 'The file was cut off or edited; take the original, or write it anew with `pgwal doctor --save-facts FILE`.' },
    'zh-TW': { message: '{path}:{line}：不是 JSON。', remedy: '檔案被截斷或編輯過；請使用原始檔案，或以 `pgwal doctor --save-facts FILE` 重新產生。' },
  },
  'facts-version': {
    en: { message: '{path} has version {found} of the facts, which this pgwal does not read.', remedy: 'Read it with the pgwal that wrote it, or a newer one.' },
    'zh-TW': { message: '{path} 的事實版本為 {found}，此版 pgwal 無法讀取。', remedy: '請以寫出該檔的 pgwal 或更新的版本讀取。' },
  },
  'facts-malformed': {
    en: { message: '{path} is no file of facts: {where} is missing or not what it should be.', remedy: 'Name a file that `pgwal doctor --save-facts FILE` wrote, unedited.' },
    'zh-TW': { message: '{path} 不是事實檔：{where} 缺少或內容不符。', remedy: '請指定由 `pgwal doctor --save-facts FILE` 寫出且未經編輯的檔案。' },
  },
  'recover-no-owner': {
    en: { message: 'Nothing tells in whose name the server is to run: the backup and the archive belong to root, and there is no account postgres.', remedy: 'Run as the account that is to own the restored server, or give it the backup.' },
    'zh-TW': { message: '無法得知伺服器應以誰的身分執行：備份與歸檔都屬於 root，而且沒有 postgres 帳號。', remedy: '請以將擁有還原後伺服器的帳號執行，或將備份交給該帳號。' },
  },
  'bad-target-empty': {
    en: { message: '--to is empty.', remedy: 'Give a time, an LSN, the name of a restore point, or latest.' },
    'zh-TW': { message: '--to 是空的。', remedy: '請指定時間、LSN、還原點名稱或 latest。' },
  },
  'bad-target-date': {
    en: { message: '{text} is no time.', remedy: 'Write it like "2026-11-23 10:15:30" or "2026-11-23 10:15:30+08".' },
    'zh-TW': { message: '{text} 不是時間。', remedy: '請寫成 "2026-11-23 10:15:30" 或 "2026-11-23 10:15:30+08" 的形式。' },
  },
  'bad-target-skipped': {
    en: { message: '{text} did not exist in your time zone: the clocks were put forward then.', remedy: 'Name the zone: "2026-11-23 10:15:30+00".' },
    'zh-TW': { message: '{text} 在您的時區不存在：當時時鐘往前撥。', remedy: '請指定時區："2026-11-23 10:15:30+00"。' },
  },
  'bad-target-twice': {
    en: { message: '{text} came twice in your time zone: the clocks were put back then.', remedy: 'Name the zone: "2026-11-23 10:15:30+00".' },
    'zh-TW': { message: '{text} 在您的時區出現過兩次：當時時鐘往後撥。', remedy: '請指定時區："2026-11-23 10:15:30+00"。' },
  },
  'bad-target-lsn': {
    en: { message: '{text} is no LSN.', remedy: 'Write it like 0/3000148.' },
    'zh-TW': { message: '{text} 不是 LSN。', remedy: '請寫成 0/3000148 的形式。' },
  },
  'no-backup': {
    en: { message: 'There is no base backup in {path}.', remedy: 'Name the directory of a base backup, or one that holds several: --from-backup DIR' },
    'zh-TW': { message: '{path} 中沒有基礎備份。', remedy: '請指定基礎備份的目錄，或存放多個備份的目錄：--from-backup DIR' },
  },
  'backup-no-backup-label': {
    en: { message: '{path} is no base backup: {what} is missing.', remedy: 'A copy of a data directory without it looks whole and is not. Name a backup that pg_basebackup or pgwal backup made.' },
    'zh-TW': { message: '{path} 不是基礎備份：缺少 {what}。', remedy: '沒有它的資料目錄副本看似完整，其實不然。請指定由 pg_basebackup 或 pgwal backup 製作的備份。' },
  },
  'backup-running': {
    en: { message: '{path} is no base backup but a data directory in use: {what} is there.', remedy: 'Name a backup that pg_basebackup or pgwal backup made.' },
    'zh-TW': { message: '{path} 不是基礎備份，而是使用中的資料目錄：其中有 {what}。', remedy: '請指定由 pg_basebackup 或 pgwal backup 製作的備份。' },
  },
  'backup-label-unreadable': {
    en: { message: '{path} cannot be restored: {what} does not say where the backup begins.', remedy: 'Take another backup.' },
    'zh-TW': { message: '無法還原 {path}：{what} 沒有說明備份從何處開始。', remedy: '請使用另一份備份。' },
  },
  'backup-incremental': {
    en: { message: '{path} is an incremental backup ({what}), and useless without the one before.', remedy: 'Combine them first with pg_combinebackup, and name its result.' },
    'zh-TW': { message: '{path} 是增量備份（{what}），缺少前一份就無法使用。', remedy: '請先以 pg_combinebackup 合併，再指定合併的結果。' },
  },
  'backup-control-file': {
    en: { message: '{path} cannot be restored: its pg_control is damaged ({problem}).', remedy: 'Take another backup.' },
    'zh-TW': { message: '無法還原 {path}：其 pg_control 已損壞（{problem}）。', remedy: '請使用另一份備份。' },
  },
  'backup-manifest': {
    en: { message: '{path} cannot be checked: its backup_manifest is damaged ({problem}).', remedy: 'Take another backup. To restore it all the same, unchecked, move backup_manifest away.' },
    'zh-TW': { message: '無法檢查 {path}：其 backup_manifest 已損壞（{problem}）。', remedy: '請使用另一份備份。若仍要不經檢查直接還原，請移走 backup_manifest。' },
  },
  'backup-not-readable': {
    en: { message: '{path} could not be read ({what}).', remedy: 'The restored server\'s owner must be able to read the backup: run as root or as that owner, or give it the right.' },
    'zh-TW': { message: '無法讀取 {path}（{what}）。', remedy: '還原後伺服器的擁有者必須能讀取備份：請以 root 或該擁有者執行，或授予讀取權限。' },
  },
  'backup-needs-program': {
    en: { message: '{path} cannot be unpacked: {what} is not on this machine.', remedy: 'Install it (Debian and Ubuntu: apt install {what}), or unpack the backup yourself.' },
    'zh-TW': { message: '無法解開 {path}：這台機器上沒有 {what}。', remedy: '請安裝它（Debian 與 Ubuntu：apt install {what}），或自行解開備份。' },
  },
  'backup-form-unknown': {
    en: { message: '{path} cannot be unpacked: it has {what}, and which tar files make up the backup cannot be told.', remedy: 'Each must be there once: plain, or with the ending .gz, .lz4 or .zst. Unpack it yourself, or move what does not belong to it away.' },
    'zh-TW': { message: '無法解開 {path}：其中有 {what}，無法得知備份由哪些 tar 檔組成。', remedy: '每個 tar 檔只能有一份：未壓縮，或副檔名為 .gz、.lz4 或 .zst。請自行解開，或移走不屬於備份的檔案。' },
  },
  'backup-tablespace-missing': {
    en: { message: '{path} is incomplete: the files of a tablespace are not at {what}.', remedy: 'Put them there, or take another backup.' },
    'zh-TW': { message: '{path} 不完整：{what} 沒有表空間的檔案。', remedy: '請將檔案放回該處，或使用另一份備份。' },
  },
  'backup-tablespace-live': {
    en: { message: '{path} has no files of its own for a tablespace: its link leads to {what}, which a cluster of this machine uses.', remedy: 'A copy of a data directory without its tablespaces is no base backup. Name one that pg_basebackup or pgwal backup made.' },
    'zh-TW': { message: '{path} 沒有自己的表空間檔案：其連結指向這台機器上某個叢集正在使用的 {what}。', remedy: '不含表空間的資料目錄副本不是基礎備份。請指定由 pg_basebackup 或 pgwal backup 製作的備份。' },
  },
  'backup-version-unknown': {
    en: { message: 'The version of {path} cannot be told ({what}).', remedy: 'Take another backup.' },
    'zh-TW': { message: '無法得知 {path} 的版本（{what}）。', remedy: '請使用另一份備份。' },
  },
  'backup-damaged': {
    en: { message: 'The backup {path} is damaged: {file} ({problem}). Nothing of it was kept.', remedy: 'Take another backup: --from-backup DIR', remedyOlder: OLDER.en },
    'zh-TW': { message: '備份 {path} 已損壞：{file}（{problem}）。沒有保留任何還原的內容。', remedy: '請使用另一份備份：--from-backup DIR', remedyOlder: OLDER['zh-TW'] },
  },
  'backup-differs': {
    en: { message: 'The backup {path} is not what its manifest lists: {file} ({problem}); {count} {count|file|files} in all. Nothing of it was kept.', remedy: 'Take another backup: --from-backup DIR', remedyOlder: OLDER.en },
    'zh-TW': { message: '備份 {path} 與其 manifest 不符：{file}（{problem}），共 {count} 個檔案。沒有保留任何還原的內容。', remedy: '請使用另一份備份：--from-backup DIR', remedyOlder: OLDER['zh-TW'] },
  },
  'backup-wrong-size': {
    en: { message: 'The backup {path} is not what its manifest lists: {file} has {found} bytes instead of {expected}; {count} {count|file|files} in all. Nothing of it was kept.', remedy: 'Take another backup: --from-backup DIR', remedyOlder: OLDER.en },
    'zh-TW': { message: '備份 {path} 與其 manifest 不符：{file} 的大小為 {found} 位元組，應為 {expected}；共 {count} 個檔案。沒有保留任何還原的內容。', remedy: '請使用另一份備份：--from-backup DIR', remedyOlder: OLDER['zh-TW'] },
  },
  'restore-failed': {
    en: { message: '{path} could not be restored: {reason}', remedy: 'Everything was taken away again. Correct what it says, and run it once more.', remedyOlder: OLDER.en },
    'zh-TW': { message: '無法還原 {path}：{reason}', remedy: '已全部移除。請依訊息修正後再執行一次。', remedyOlder: OLDER['zh-TW'] },
  },
  'archive-unusable': {
    en: { message: 'Nothing can be recovered from {path} ({reason}).', remedy: 'Name the directory with the archived WAL, which the restored server\'s owner must be able to read: --archive DIR' },
    'zh-TW': { message: '無法從 {path} 復原（{reason}）。', remedy: '請指定存放 WAL 歸檔的目錄，還原後伺服器的擁有者必須能讀取它：--archive DIR' },
  },
  'archive-empty': {
    en: { message: 'There is no archived WAL in {path}.', remedy: 'Name the directory with the archived WAL: --archive DIR' },
    'zh-TW': { message: '{path} 中沒有 WAL 歸檔。', remedy: '請指定存放 WAL 歸檔的目錄：--archive DIR' },
  },
  'archive-form-not-here': {
    en: { message: 'The WAL in {path} is compressed with {program}, which pgwal does not read on Windows.', remedy: 'Decompress its files into another directory, and name that: --archive DIR' },
    'zh-TW': { message: '{path} 中的 WAL 以 {program} 壓縮，pgwal 在 Windows 上無法讀取。', remedy: '請將其檔案解壓縮到另一個目錄，再指定該目錄：--archive DIR' },
  },
  'archive-needs-program': {
    en: { message: 'The WAL in {path} is compressed with {program}, which is not on this machine.', remedy: 'Install it (Debian and Ubuntu: apt install {program}): the restored server needs it as well.' },
    'zh-TW': { message: '{path} 中的 WAL 以 {program} 壓縮，而這台機器上沒有它。', remedy: '請安裝它（Debian 與 Ubuntu：apt install {program}）：還原後的伺服器也需要它。' },
  },
  'archive-no-header': {
    en: { message: 'None of the newest segments in {path} can be read as WAL.', remedy: 'Give the restored server\'s owner the right to read them, or name another archive: --archive DIR' },
    'zh-TW': { message: '{path} 中最新的區段都無法當作 WAL 讀取。', remedy: '請授予還原後伺服器的擁有者讀取權限，或指定另一個歸檔：--archive DIR' },
  },
  'archive-unknown': {
    en: { message: 'Where the archived WAL is cannot be told (cluster: {cluster}).', remedy: 'Name it: --archive DIR' },
    'zh-TW': { message: '無法得知 WAL 歸檔在何處（叢集：{cluster}）。', remedy: '請指定：--archive DIR' },
  },
  'into-unusable': {
    en: { message: '{path} cannot be used ({reason}).', remedy: 'Name a directory that does not exist yet: --into DIR' },
    'zh-TW': { message: '無法使用 {path}（{reason}）。', remedy: '請指定尚不存在的目錄：--into DIR' },
  },
  'into-too-long': {
    en: { message: 'The name {path} is too long: the server\'s socket in it could not be opened.', remedy: 'Name a directory whose path has at most {most} bytes: --into DIR' },
    'zh-TW': { message: '路徑 {path} 太長：無法開啟其中的伺服器通訊端。', remedy: '請指定路徑不超過 {most} 位元組的目錄：--into DIR' },
  },
  'into-of-another': {
    en: { message: '{path} belongs to {found}; the restored server runs as {owner}.', remedy: 'Name a directory that does not exist yet: --into DIR' },
    'zh-TW': { message: '{path} 屬於 {found}；還原後的伺服器以 {owner} 的身分執行。', remedy: '請指定尚不存在的目錄：--into DIR' },
  },
  'into-not-empty': {
    en: { message: '{path} is not empty.', remedy: 'Nothing in it was touched. Name a directory that does not exist yet: --into DIR' },
    'zh-TW': { message: '{path} 不是空的。', remedy: '未觸碰其中任何內容。請指定尚不存在的目錄：--into DIR' },
  },
  'into-inside': {
    en: { message: '{path} is or lies in {inside}, which is in use.', remedy: 'Name a directory elsewhere: --into DIR' },
    'zh-TW': { message: '{path} 就是使用中的 {inside}，或位於其中。', remedy: '請指定其他位置的目錄：--into DIR' },
  },
  'into-busy': {
    en: { message: 'Another pgwal restores into {path}: process {pid}, since {since}.', remedy: 'Wait for it to end, or name another directory: --into DIR' },
    'zh-TW': { message: '另一個 pgwal 正在還原到 {path}：行程 {pid}，自 {since} 起。', remedy: '請等待它結束，或指定其他目錄：--into DIR' },
  },
  'into-no-space': {
    en: { message: 'Too little space for {path}: {needed} are needed, {free} are free.', remedy: 'Name a directory on a larger file system: --into DIR' },
    'zh-TW': { message: '{path} 的空間不足：需要 {needed}，可用 {free}。', remedy: '請指定較大檔案系統上的目錄：--into DIR' },
  },
  'target-other-cluster': {
    en: { message: 'The archive {path} is of another cluster (system identifier {found}, the backup has {own}).', remedy: 'Name the archive that belongs to the backup: --archive DIR' },
    'zh-TW': { message: '歸檔 {path} 屬於另一個叢集（系統識別碼 {found}，備份為 {own}）。', remedy: '請指定屬於該備份的歸檔：--archive DIR' },
  },
  'target-no-timeline': {
    en: { message: '{path} has no {file}: how timeline {timeline} came to be is not known.', remedy: 'Look for it in pg_wal and in copies of the archive, or follow another timeline: --timeline N' },
    'zh-TW': { message: '{path} 沒有 {file}：無法得知時間軸 {timeline} 的由來。', remedy: '請在 pg_wal 與歸檔的副本中尋找它，或沿另一條時間軸還原：--timeline N' },
  },
  'target-other-timeline': {
    en: { message: 'The backup {backup} is of timeline {own}, which does not lead to timeline {timeline}.', remedy: 'Take another backup, or follow another timeline: --timeline N' },
    'zh-TW': { message: '備份 {backup} 位於時間軸 {own}，無法通往時間軸 {timeline}。', remedy: '請使用另一份備份，或沿另一條時間軸還原：--timeline N' },
  },
  'target-start-missing': {
    en: { message: '{segment}, with which the backup {backup} begins, is neither in it nor in {path}.', remedy: 'Without it this backup is useless: look for the segment in copies of the archive, or take another backup.' },
    'zh-TW': { message: '備份 {backup} 由 {segment} 開始，但備份與 {path} 中都沒有它。', remedy: '缺少它就無法使用這份備份：請在歸檔的副本中尋找該區段，或使用另一份備份。' },
  },
  'target-end-missing': {
    en: { message: '{segment} is missing in {path}: the backup {backup} is consistent only at {end}, and the archive ends before.', remedy: 'If the server still runs, have it archive: SELECT pg_switch_wal(). Else take another backup.' },
    'zh-TW': { message: '{path} 中缺少 {segment}：備份 {backup} 要到 {end} 才一致，而歸檔在那之前就結束了。', remedy: '若伺服器仍在執行，請讓它歸檔：SELECT pg_switch_wal()。否則請使用另一份備份。' },
  },
  'target-gap': {
    en: { message: '{path} has a gap before the target: {first} to {last} ({count}).', remedy: 'Recovery would end there. Look for the segments in pg_wal and in copies of the archive, take a younger backup, or give a target before the gap.' },
    'zh-TW': { message: '{path} 在目標之前有缺口：{first} 至 {last}（{count} 個）。', remedy: '還原會停在該處。請在 pg_wal 與歸檔的副本中尋找這些區段、使用較新的備份，或指定缺口之前的目標。' },
  },
  'target-damaged': {
    en: { message: '{file} is damaged ({problem}): recovery would end there.', remedy: 'Look for the segment in pg_wal and in copies of the archive, take a younger backup, or give a target before it.' },
    'zh-TW': { message: '{file} 已損壞（{problem}）：還原會停在該處。', remedy: '請在 pg_wal 與歸檔的副本中尋找該區段、使用較新的備份，或指定在它之前的目標。' },
  },
  'target-before-backup': {
    en: { message: '{target} is before the end of the backup {backup} ({end}). The earliest that it can restore: {time}.', remedy: 'Give a later target, or an older backup: --from-backup DIR' },
    'zh-TW': { message: '{target} 早於備份 {backup} 的結束位置（{end}）。它最早能還原到：{time}。', remedy: '請指定較晚的目標，或較舊的備份：--from-backup DIR' },
  },
  'target-beyond-archive': {
    en: { message: '{target} is beyond the archive {path}, which ends at {last}. Its last commit: {time}.', remedy: 'For everything there is: --to latest. If the server still runs, first have it archive the rest: SELECT pg_switch_wal()' },
    'zh-TW': { message: '{target} 超出歸檔 {path} 的範圍，歸檔結束於 {last}。最後一筆提交：{time}。', remedy: '若要還原到最後：--to latest。若伺服器仍在執行，請先讓它歸檔其餘部分：SELECT pg_switch_wal()' },
  },
  'target-tablespace-made': {
    en: { message: 'Since the backup {backup}, a tablespace was made ({location}, in {segment}). To replay that on this machine would empty the tablespace in use.', remedy: 'Take a backup that was begun after that, or a target before it, or recover on another machine.' },
    'zh-TW': { message: '在備份 {backup} 之後建立了表空間（{location}，位於 {segment}）。在這台機器上重播會清空使用中的表空間。', remedy: '請使用在那之後才開始的備份、指定在那之前的目標，或在另一台機器上還原。' },
  },
  'target-in-partial': {
    en: { message: '{target} is in no whole segment of {path}. {file} goes on behind them; its last commit: {time}.', remedy: 'If its server writes no more, copy it to {name} there (cp -p), and run this again. Else wait until the segment is complete.' },
    'zh-TW': { message: '{path} 的完整區段中沒有 {target}。其後還有 {file}，它的最後一次提交：{time}。', remedy: '若其伺服器不再寫入，請在該處將它複製為 {name}（cp -p），然後再執行一次；否則請等待區段完成。' },
  },
  'target-no-such-point': {
    en: { message: 'There is no restore point {name} in {path} since the backup. The newest that are there: {known}.', remedy: 'Correct the name, or give a time or an LSN. A name that looks like a time: --to name:NAME' },
    'zh-TW': { message: '自備份以來，{path} 中沒有還原點 {name}。最新的有：{known}。', remedy: '請更正名稱，或指定時間或 LSN。名稱看似時間時：--to name:NAME' },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<Locale, ErrorText>>>>

export type ErrorCode = keyof typeof errorTexts
