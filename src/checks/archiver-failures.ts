// https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW
// A command that exits above 125 or is killed is not counted there: src/backend/postmaster/pgarch.c.
import { archiveStatusFact } from '../facts/archive-status.ts'
import type { ArchiveStatusFact } from '../facts/archive-status.ts'
import { archiverFact } from '../facts/archiver.ts'
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import type { Outcome } from '../facts/fact.ts'
import { logFact } from '../facts/log.ts'
import type { LogFact } from '../facts/log.ts'
import type { ArchiverLine } from '../facts/log-lines.ts'
import { processesFact } from '../facts/processes.ts'
import { serverFact } from '../facts/server.ts'
import { stuckSegmentFact } from '../facts/stuck-segment.ts'
import type { StuckSegmentFact } from '../facts/stuck-segment.ts'
import { CannotJudge, defineCheck } from './check.ts'
import type { Severity } from './check.ts'
import { archivesNow } from './support/archives-now.ts'
import { archivingCause } from './support/archiving-cause.ts'
import type { ArchivingCause } from './support/archiving-cause.ts'
import { finding } from './support/finding.ts'
import { granteeOn, wordOn } from './support/shell-word.ts'

type InTheWay = 'incomplete-copy' | 'stored-already' | 'stored-by-another' | 'other-file'
type Code = Exclude<ArchivingCause, 'other'> | InTheWay | 'hanging' | 'failing-because' | 'failing' | 'failing-by-log'

const IN_THE_WAY: Readonly<Record<StuckSegmentFact['state'], InTheWay | undefined>> = {
  absent: undefined, exists: undefined, identical: 'stored-already', incomplete: 'incomplete-copy', different: 'other-file',
}
/** Longer than a copy takes, and longer than most uploads do. */
const HANGS_MS = 2 * 60_000
const HANGS_FOR_GOOD_MS = 10 * 60_000

export default defineCheck({
  id: 'archiver-failures',
  source: 'https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW',
  needs: { settings: effectiveSettingsFact },
  uses: { archiver: archiverFact, status: archiveStatusFact, log: logFact, server: serverFact, processes: processesFact, stuck: stuckSegmentFact },

  run({ settings }, { archiver, status, log, server, processes, stuck }, { cluster, now }) {
    archivesNow(settings, server)
    // What failed is still waiting; with nothing in the queue the failure is over.
    if (status.ok && status.value.ready === 0) return []
    const oldest = status.ok ? status.value.oldest : undefined
    const process = processes.ok ? processes.value.find(({ role }) => role === 'archiver') : undefined
    const runsMs = process?.runs === undefined ? 0 : now.getTime() - process.runs.since.getTime()
    if (process?.runs !== undefined && runsMs >= HANGS_MS) {
      const severity: Severity = runsMs >= HANGS_FOR_GOOD_MS ? 'error' : 'warning'
      return [finding<Code>('hanging', severity, { segment: oldest?.name ?? '', forMs: runsMs, command: process.runs.command, pid: process.pid })]
    }

    const line = lastLine(log, status)
    const at = log.ok && log.value.source.startsWith('/') ? { file: log.value.source } : undefined
    const uncounted = line !== undefined && (line.signal !== undefined || (line.exitCode ?? 0) > 125)
    const stats = archiver.ok ? archiver.value : undefined
    const { lastFailedAt = null, lastArchivedAt = null } = stats ?? {}
    if (!uncounted) {
      if (!archiver.ok && line === undefined) throw new CannotJudge(archiver.why)
      if (archiver.ok && (lastFailedAt === null || (lastArchivedAt !== null && lastFailedAt <= lastArchivedAt))) return []
    }
    // Since then nothing is archived: the file that is next waits for so long, or the last success is so long ago.
    const since = oldest?.since ?? lastArchivedAt ?? lastFailedAt ?? undefined
    const segment = oldest?.name ?? stats?.lastFailedWal ?? ''
    if (since === undefined) return [finding<Code>('failing-by-log', 'error', { cause: line?.text ?? '' }, { at })]

    const params = {
      segment, forMs: Math.max(0, now.getTime() - since.getTime()), cause: line?.text ?? '', owner: cluster.owner.name, ...granteeOn(cluster), unit: cluster.service.name,
      signal: line === undefined ? 0 : line.signal ?? (line.exitCode ?? 128) - 128, exception: line?.exception ?? '',
    }
    const cause = line === undefined ? 'other' : archivingCause(line, segment === '' ? undefined : segment)
    const inTheWay = stuck.ok && stuck.value.name === segment ? IN_THE_WAY[stuck.value.state] : undefined
    // A guard that finds the name taken says nothing, or that it exists.
    if (inTheWay !== undefined && stuck.ok && (cause === 'other' || cause === 'name-refused')) {
      const { path, size: sizeBytes = 0, wanted: wantedBytes = 0 } = stuck.value
      // With archive_mode = always a standby is handed the very segments that its primary archives.
      const code = inTheWay === 'stored-already' && server.ok && server.value.inRecovery ? 'stored-by-another' : inTheWay
      return [finding<Code>(code, 'error', { ...params, path, sizeBytes, wantedBytes, word: wordOn(cluster, path) }, { at: { file: path } })]
    }
    if (cause !== 'other') return [finding<Code>(cause, 'error', params, { at })]
    if (line !== undefined) return [finding<Code>('failing-because', 'error', params, { at })]
    return [finding<Code>('failing', 'error', { segment, failed: stats?.failedCount ?? 0, agoMs: Math.max(0, now.getTime() - (lastFailedAt ?? since).getTime()) })]
  },

  text: {
    en: {
      title: 'the archiver\'s last attempt was a success',
      about: 'The statistics say when the last attempt failed and when the last one succeeded; the reason stands in the server\'s log alone, in the words of the archive command (text, CSV, JSON, the journal, syslog or the event log, also the file from before the last rotation, in any language). An exit status above 125 and a signal end the archiver and are counted nowhere, so that failed_count 0 proves nothing; the log and the queue do. A command that never ends says nothing at all: it is found among the archiver\'s processes. Where a guard fails without a word, the file that lies under the segment\'s name in the archive is compared with the server\'s own.',
      findings: {
        hanging: {
          message: 'the archive command for {segment} has been running for {forMs}: {command}',
          why: 'Nothing is archived, logged or counted until it ends: a file system that does not answer, a question (ssh) that nobody sees, a server elsewhere that is gone.',
          remedy: 'see what it waits for (`ps -o pid,stat,wchan:20,args --ppid {pid}`), correct it, then end that command (`kill`, the archiver starts it anew); for the next time give it a limit: `timeout 300 …`, `ssh -o BatchMode=yes -o ConnectTimeout=20`',
          windows: 'see what it waits for (the processes below postgres.exe {pid} in Process Explorer), correct it, then end that command (`taskkill /T`; the archiver starts it anew)',
        },
        'program-not-found': {
          message: '{segment} is not archived, for {forMs}: a program of the archive command is not found ({cause})',
          why: 'The archiver process ends with it and pg_stat_archiver counts no failure. The server\'s PATH is not that of your shell.',
          remedy: 'write the program\'s full path into archive_command, and end the command with ` || exit 1`; then `pgwal verify`',
        },
        'program-not-executable': {
          message: '{segment} is not archived, for {forMs}: a program of the archive command may not be run ({cause})',
          why: 'The archiver process ends with it and pg_stat_archiver counts no failure. The file is not executable for {owner}, its interpreter is missing, or its file system is mounted noexec.',
          remedy: 'sudo chmod a+rx on that file (and see its first line, and `findmnt -T` on it), then `pgwal verify`',
          windows: 'let the service\'s account run that file: icacls FILE /grant "{grantee}:RX"; then `pgwal verify`',
        },
        'connection-failed': {
          message: '{segment} is not archived, for {forMs}: the machine that stores it is not reached or does not let the server in ({cause})',
          why: 'The server tries again for ever, and keeps all WAL until its disk is full.',
          remedy: 'try the connection as the server\'s account: sudo -u {owner} ssh -o BatchMode=yes HOST true   (keys and known_hosts of {owner} count, not yours)',
          windows: 'try the connection as {owner}, the service\'s account: its keys and known_hosts count, not yours',
        },
        'timed-out': {
          message: '{segment} is not archived, for {forMs}: the archive command takes longer than its own limit ({cause})',
          why: 'The server tries again for ever, and keeps all WAL until its disk is full.',
          remedy: 'see how long one file takes: time sudo -u {owner} the command by hand; then find what is slow, or raise the limit of timeout(1)',
          windows: 'see how long one file takes by hand; then find what is slow, or raise the command\'s limit',
        },
        killed: {
          message: '{segment} is not archived, for {forMs}: the archive command is killed, signal {signal} ({cause})',
          why: 'The archiver process ends with it and pg_stat_archiver counts no failure. Signal 9 comes from the kernel when memory runs out, from `timeout -s KILL`, or from a person.',
          remedy: 'find who does it: sudo dmesg -T | grep -i -E \'out of memory|killed process\'; then `pgwal verify`',
          windows: 'find who ends it (a virus scanner, a scheduled task, a person); then `pgwal verify`',
        },
        'system-call-blocked': {
          message: '{segment} is not archived, for {forMs}: a system call of the archive command is forbidden to the service (signal 31, {cause})',
          why: 'The archiver process ends with it and pg_stat_archiver counts no failure. A unit with SystemCallFilter= kills what uses a call that it does not list.',
          remedy: 'systemctl show -p SystemCallFilter {unit}; allow the call in a drop-in (sudo systemctl edit {unit}), then restart the service',
        },
        crashed: {
          message: '{segment} is not archived, for {forMs}: the archive command crashes, exception {exception} ({cause})',
          why: 'The server tries again for ever, and keeps all WAL until its disk is full.',
          remedy: 'run the command by hand as the service\'s account; 0xC0000005 is a fault in the program, 0xC0000142 a service without a desktop, 0xC0000135 a missing DLL',
        },
        'permission-denied': {
          message: '{segment} is not archived, for {forMs}: {owner} may not do what the archive command does ({cause})',
          why: 'The server tries again for ever, and keeps all WAL until its disk is full.',
          remedy: 'in this order: what this report says of archive-directory, archive-selinux and service-sandbox; each part of the path in the message (sudo -u {owner} namei -l PATH); AppArmor (sudo aa-status names what it confines)',
          windows: 'the service runs as {owner}: icacls DIR /grant "{grantee}:(OI)(CI)M" for the directory in the message; a share needs the rights of that account too (for NetworkService those of the computer: DOMAIN\\HOST$), both on the share and on its files',
        },
        'no-such-file': {
          message: '{segment} is not archived, for {forMs}: a file or directory is missing ({cause})',
          why: 'The server tries again for ever, and keeps all WAL until its disk is full.',
          remedy: 'make the directory in the message (sudo install -d -o {owner} -m 0700 DIR) or mount its file system; where the message names the segment itself, the command needs %p, not %f',
          windows: 'make the directory in the message; a service has no drives that somebody mapped: write \\\\server\\share\\… in place of such a letter; where the message names the segment itself, the command needs %p, not %f',
        },
        'read-only': {
          message: '{segment} is not archived, for {forMs}: the file system is read-only for the server ({cause})',
          why: 'The server tries again for ever, and keeps all WAL until its disk is full.',
          remedy: 'findmnt -T DIR and dmesg tell whether the kernel remounted it after an error; if it is writable for you, the service has its own view: systemctl show -p ProtectSystem,ReadOnlyPaths {unit}',
          windows: 'see why (`diskpart`, `attributes volume`; a switch on the medium), then make it writable again',
        },
        'no-space': {
          message: '{segment} is not archived, for {forMs}: the archive is full ({cause})',
          why: 'The server tries again for ever, and pg_wal grows until its disk is full too: then the server stops.',
          remedy: 'make room (`df -h; df -i`), best with pg_archivecleanup up to the oldest base backup that is kept; never delete from pg_wal; then look whether half a copy was left under a segment\'s name',
          windows: 'make room on that drive, best with pg_archivecleanup up to the oldest base backup that is kept; never delete from pg_wal; then look whether half a copy was left under a segment\'s name',
        },
        'quota-exceeded': {
          message: '{segment} is not archived, for {forMs}: the disk quota of {owner} is used up ({cause})',
          why: 'The server tries again for ever, and keeps all WAL until its disk is full. df does not show it.',
          remedy: 'quota -v -u {owner}; raise it (sudo setquota) or make room in the archive',
          windows: '`fsutil quota query`; raise it, or make room in the archive',
        },
        'io-error': {
          message: '{segment} is not archived, for {forMs}: the storage does not answer ({cause})',
          why: 'A disk that fails, or a network file system whose server is gone or was exported anew. The server keeps all WAL until its own disk is full.',
          remedy: 'dmesg tells of the disk; for a network file system: umount -l and mount it again, then `pgwal verify`',
          windows: 'the System event log tells of the disk; for a share: see whether its server answers, then `pgwal verify`',
        },
        'name-refused': {
          message: '{segment} is not archived, for {forMs}: the archive command refuses a file that is no segment ({cause})',
          why: 'Besides segments the server archives timeline histories, backup labels and partial segments. While one of them is refused nothing behind it is archived, and after a failover there is no recovery without the history.',
          remedy: 'let the command take every name up to 64 characters of [0-9A-Za-z.], then `pgwal verify`',
        },
        'in-use': {
          message: '{segment} is not archived, for {forMs}: another program holds a file open ({cause})',
          why: 'A virus scanner, an indexer or a backup of files; Windows lets nobody copy or rename such a file. While it lasts the server keeps all WAL.',
          remedy: 'exclude the data directory and the archive from what scans or backs up files there; `handle.exe` or resmon shows who holds it',
        },
        'incomplete-copy': {
          message: '{segment} is not archived, for {forMs}: half a copy of it, {sizeBytes} of {wantedBytes}, lies under its name ({path})',
          why: 'A copy was broken off, by a full disk or a crash; the archive command finds the name taken and fails for ever.',
          remedy: 'sudo mv {word} {word}.incomplete   (the archiver then stores it anew), and `pgwal enable` for a command that leaves no halves',
          windows: 'ren {word} {segment}.incomplete   (the archiver then stores it anew), and `pgwal enable` for a command that leaves no halves',
        },
        'stored-already': {
          message: '{segment} is in the archive already, identical, but the archive command refuses it, for {forMs} ({path})',
          why: 'It was stored before a crash that came ahead of the note about it. The command fails for ever on a file that is right.',
          remedy: '`pgwal enable` (its command succeeds on an identical file), or for once: sudo mv {word} {word}.before',
          windows: '`pgwal enable` (its command succeeds on an identical file), or for once: ren {word} {segment}.before',
        },
        'stored-by-another': {
          message: '{segment} is in the archive already, identical, and this standby\'s archive command refuses it, for {forMs} ({path})',
          why: 'With archive_mode = always a standby archives what it receives. Its primary, or another standby, stores the same segments in the same place: whoever comes second fails for ever and keeps all WAL until its disk is full.',
          remedy: 'archive_mode = on for the standby (it archives from its promotion on), or a directory of its own; or, on both, a command that succeeds on an identical file (`pgwal enable`)',
        },
        'other-file': {
          message: '{segment} is not archived, for {forMs}: another file of that name lies in the archive ({path})',
          why: 'Another server, a clone or the same cluster before a restore archives to the same place. Which of both is right only you can tell.',
          remedy: 'pg_waldump both and compare; give each cluster a directory of its own: `pgwal enable --archive-dir DIR`',
        },
        'failing-because': {
          message: '{segment} is not archived, for {forMs}: {cause}',
          why: 'The server tries the same file again for ever, and keeps all WAL behind it until its disk is full.',
          remedy: 'correct that cause; the archiver then goes on by itself within a minute (`pgwal verify` proves it)',
        },
        failing: {
          message: 'archiving fails: {failed} {failed|failure|failures}, last {agoMs} ago on {segment}',
          why: 'The server tries the same segment again for ever, and keeps all WAL behind it until its disk is full. The reason stands in the server\'s log, which could not be read or no longer holds it.',
          remedy: 'read the server\'s log (look for "archive command failed"), and correct the cause',
        },
        'failing-by-log': {
          message: 'archiving fails, says the log: {cause}',
          why: 'The server tries the same segment again for ever, and keeps all WAL behind it until its disk is full.',
          remedy: 'correct that cause; the archiver then goes on by itself within a minute (`pgwal verify` proves it)',
        },
      },
    },
    'zh-TW': {
      title: 'archiver 最近一次嘗試成功',
      about: '統計資料記載最近一次失敗與最近一次成功的時間；原因則只寫在伺服器的記錄檔中，即歸檔命令自己的訊息（文字、CSV、JSON、journal、syslog 或事件記錄，也包括上次輪替之前的檔案，不限語言）。結束狀態大於 125 或被訊號終止會讓 archiver 結束，且不計入任何統計，因此 failed_count 為 0 不能證明什麼；記錄檔與等待佇列才能。永不結束的命令不會留下任何訊息，只能從 archiver 的行程中發現。若檢查檔名的命令無聲地失敗，則會將歸檔中同名的檔案與伺服器自己的檔案比對。',
      findings: {
        hanging: {
          message: '{segment} 的歸檔命令已執行 {forMs} 仍未結束：{command}',
          why: '在它結束之前，不會歸檔、不會記錄，也不會計數：可能是檔案系統沒有回應、ssh 正在等待無人看見的輸入，或遠端伺服器已不存在。',
          remedy: '查看它在等待什麼（`ps -o pid,stat,wchan:20,args --ppid {pid}`），修正後結束該命令（`kill`，archiver 會重新執行）；並為日後設定時限：`timeout 300 …`、`ssh -o BatchMode=yes -o ConnectTimeout=20`',
          windows: '查看它在等待什麼（Process Explorer 中 postgres.exe {pid} 之下的行程），修正後結束該命令（`taskkill /T`，archiver 會重新執行）',
        },
        'program-not-found': {
          message: '{segment} 已有 {forMs} 未能歸檔：找不到歸檔命令中的程式（{cause}）',
          why: 'archiver 行程會隨之結束，而 pg_stat_archiver 不會計為失敗。伺服器的 PATH 與您的 shell 不同。',
          remedy: '在 archive_command 中寫出程式的完整路徑，並在命令結尾加上 ` || exit 1`；然後執行 `pgwal verify`',
        },
        'program-not-executable': {
          message: '{segment} 已有 {forMs} 未能歸檔：歸檔命令中的程式無法執行（{cause}）',
          why: 'archiver 行程會隨之結束，而 pg_stat_archiver 不會計為失敗。{owner} 沒有該檔案的執行權限、缺少直譯器，或其檔案系統以 noexec 掛載。',
          remedy: '對該檔案執行 sudo chmod a+rx（並查看其第一行，以及 `findmnt -T`），然後執行 `pgwal verify`',
          windows: '允許服務的帳號執行該檔案：icacls FILE /grant "{grantee}:RX"；然後執行 `pgwal verify`',
        },
        'connection-failed': {
          message: '{segment} 已有 {forMs} 未能歸檔：無法連上存放歸檔的機器，或遭其拒絕（{cause}）',
          why: '伺服器會一直重試，並保留所有 WAL，直到磁碟滿載。',
          remedy: '以伺服器帳號測試連線：sudo -u {owner} ssh -o BatchMode=yes HOST true　（使用的是 {owner} 的金鑰與 known_hosts，而不是您的）',
          windows: '以服務的帳號 {owner} 測試連線：使用的是它的金鑰與 known_hosts，而不是您的',
        },
        'timed-out': {
          message: '{segment} 已有 {forMs} 未能歸檔：歸檔命令超過自身設定的時限（{cause}）',
          why: '伺服器會一直重試，並保留所有 WAL，直到磁碟滿載。',
          remedy: '以 {owner} 手動執行命令並計時（time sudo -u {owner} …）；找出緩慢的原因，或提高 timeout(1) 的時限',
          windows: '手動執行命令並計時；找出緩慢的原因，或提高命令的時限',
        },
        killed: {
          message: '{segment} 已有 {forMs} 未能歸檔：歸檔命令被訊號 {signal} 終止（{cause}）',
          why: 'archiver 行程會隨之結束，而 pg_stat_archiver 不會計為失敗。訊號 9 來自記憶體不足時的核心、`timeout -s KILL`，或某個人。',
          remedy: '找出來源：sudo dmesg -T | grep -i -E \'out of memory|killed process\'；然後執行 `pgwal verify`',
          windows: '找出是誰終止它（防毒軟體、排程工作或某個人）；然後執行 `pgwal verify`',
        },
        'system-call-blocked': {
          message: '{segment} 已有 {forMs} 未能歸檔：歸檔命令使用了服務不允許的系統呼叫（訊號 31，{cause}）',
          why: 'archiver 行程會隨之結束，而 pg_stat_archiver 不會計為失敗。單元若設有 SystemCallFilter=，會終止使用未列出系統呼叫的程式。',
          remedy: 'systemctl show -p SystemCallFilter {unit}；在 drop-in 中允許該系統呼叫（sudo systemctl edit {unit}），再重新啟動服務',
        },
        crashed: {
          message: '{segment} 已有 {forMs} 未能歸檔：歸檔命令當掉，例外 {exception}（{cause}）',
          why: '伺服器會一直重試，並保留所有 WAL，直到磁碟滿載。',
          remedy: '以服務帳號手動執行命令；0xC0000005 是程式錯誤，0xC0000142 是服務沒有桌面，0xC0000135 是缺少 DLL',
        },
        'permission-denied': {
          message: '{segment} 已有 {forMs} 未能歸檔：{owner} 沒有執行歸檔命令所需的權限（{cause}）',
          why: '伺服器會一直重試，並保留所有 WAL，直到磁碟滿載。',
          remedy: '依此順序：本報告中的 archive-directory、archive-selinux 與 service-sandbox；訊息中路徑的每一層（sudo -u {owner} namei -l PATH）；AppArmor（sudo aa-status 會列出受限的程式）',
          windows: '服務以 {owner} 執行：對訊息中的目錄執行 icacls DIR /grant "{grantee}:(OI)(CI)M"；若為共用資料夾，該帳號在共用與檔案兩處都需要權限（NetworkService 使用電腦帳號：DOMAIN\\HOST$）',
        },
        'no-such-file': {
          message: '{segment} 已有 {forMs} 未能歸檔：缺少檔案或目錄（{cause}）',
          why: '伺服器會一直重試，並保留所有 WAL，直到磁碟滿載。',
          remedy: '建立訊息中的目錄（sudo install -d -o {owner} -m 0700 DIR）或掛載其檔案系統；若訊息所指的是區段本身，命令需要的是 %p 而不是 %f',
          windows: '建立訊息中的目錄；服務沒有使用者自行對應的磁碟機，請改寫為 \\\\server\\share\\…；若訊息所指的是區段本身，命令需要的是 %p 而不是 %f',
        },
        'read-only': {
          message: '{segment} 已有 {forMs} 未能歸檔：檔案系統對伺服器而言是唯讀的（{cause}）',
          why: '伺服器會一直重試，並保留所有 WAL，直到磁碟滿載。',
          remedy: '以 findmnt -T DIR 與 dmesg 查看核心是否在錯誤後重新掛載；若您可以寫入，表示服務有自己的視角：systemctl show -p ProtectSystem,ReadOnlyPaths {unit}',
          windows: '查明原因（`diskpart` 的 `attributes volume`，或裝置上的開關），再使其可寫入',
        },
        'no-space': {
          message: '{segment} 已有 {forMs} 未能歸檔：歸檔空間已滿（{cause}）',
          why: '伺服器會一直重試，pg_wal 也會持續增長直到磁碟滿載，屆時伺服器會停止。',
          remedy: '騰出空間（`df -h; df -i`），最好以 pg_archivecleanup 清理到仍保留的最舊基礎備份；切勿刪除 pg_wal 中的檔案；之後查看是否有不完整的區段留在歸檔中',
          windows: '在該磁碟機騰出空間，最好以 pg_archivecleanup 清理到仍保留的最舊基礎備份；切勿刪除 pg_wal 中的檔案；之後查看是否有不完整的區段留在歸檔中',
        },
        'quota-exceeded': {
          message: '{segment} 已有 {forMs} 未能歸檔：{owner} 的磁碟配額已用盡（{cause}）',
          why: '伺服器會一直重試，並保留所有 WAL，直到磁碟滿載。df 不會顯示配額。',
          remedy: 'quota -v -u {owner}；提高配額（sudo setquota）或在歸檔中騰出空間',
          windows: '`fsutil quota query`；提高配額，或在歸檔中騰出空間',
        },
        'io-error': {
          message: '{segment} 已有 {forMs} 未能歸檔：儲存裝置沒有回應（{cause}）',
          why: '可能是故障的磁碟，或網路檔案系統的伺服器已不存在或重新匯出。伺服器會保留所有 WAL，直到自己的磁碟滿載。',
          remedy: 'dmesg 會說明磁碟的狀況；若為網路檔案系統，先 umount -l 再重新掛載，然後執行 `pgwal verify`',
          windows: '系統事件記錄會說明磁碟的狀況；若為共用資料夾，請確認其伺服器是否回應，然後執行 `pgwal verify`',
        },
        'name-refused': {
          message: '{segment} 已有 {forMs} 未能歸檔：歸檔命令拒絕了不是區段的檔案（{cause}）',
          why: '除了區段之外，伺服器還會歸檔時間線歷史、備份標籤與部分區段。只要其中一個被拒絕，其後的檔案都不會歸檔；故障切換之後沒有歷史檔就無法復原。',
          remedy: '讓命令接受 64 個字元以內、由 [0-9A-Za-z.] 組成的任何名稱，然後執行 `pgwal verify`',
        },
        'in-use': {
          message: '{segment} 未歸檔，已持續 {forMs}：另一個程式開啟了該檔案（{cause}）',
          why: '可能是防毒軟體、索引服務或檔案備份；Windows 不允許任何人複製或更名這樣的檔案。在此期間伺服器會保留所有 WAL。',
          remedy: '請將資料目錄與歸檔排除在掃描或備份檔案的程式之外；`handle.exe` 或 resmon 可顯示是誰開啟了它',
        },
        'incomplete-copy': {
          message: '{segment} 已有 {forMs} 未能歸檔：同名之處有一份不完整的複本，{sizeBytes} / {wantedBytes}（{path}）',
          why: '複製因磁碟滿載或當機而中斷；歸檔命令發現名稱已被使用，於是一直失敗。',
          remedy: 'sudo mv {word} {word}.incomplete　（archiver 會重新保存），並以 `pgwal enable` 設定不會留下半個檔案的命令',
          windows: 'ren {word} {segment}.incomplete　（archiver 會重新保存），並以 `pgwal enable` 設定不會留下半個檔案的命令',
        },
        'stored-already': {
          message: '{segment} 已在歸檔中且內容相同，但歸檔命令拒絕它，已有 {forMs}（{path}）',
          why: '它在當機之前就已保存，只是來不及註記。命令會在正確的檔案上一直失敗。',
          remedy: '執行 `pgwal enable`（其命令遇到相同檔案視為成功），或僅此一次：sudo mv {word} {word}.before',
          windows: '執行 `pgwal enable`（其命令遇到相同檔案視為成功），或僅此一次：ren {word} {segment}.before',
        },
        'stored-by-another': {
          message: '{segment} 已在歸檔中且內容相同，但這台備援伺服器的歸檔命令拒絕它，已有 {forMs}（{path}）',
          why: 'archive_mode = always 時，備援伺服器會歸檔它所收到的 WAL。其主要伺服器或另一台備援伺服器也將相同的區段存到同一處：後到的一方會一直失敗，並保留所有 WAL，直到磁碟滿載。',
          remedy: '備援伺服器改用 archive_mode = on（升格之後才開始歸檔），或使用自己的目錄；或兩者都改用遇到相同檔案視為成功的命令（`pgwal enable`）',
        },
        'other-file': {
          message: '{segment} 已有 {forMs} 未能歸檔：歸檔中有另一個同名的檔案（{path}）',
          why: '另一台伺服器、複製出的叢集，或還原之前的同一叢集也歸檔到同一處。兩者何者正確，只有您能判斷。',
          remedy: '以 pg_waldump 比較兩者；讓每個叢集有自己的目錄：`pgwal enable --archive-dir DIR`',
        },
        'failing-because': {
          message: '{segment} 已有 {forMs} 未能歸檔：{cause}',
          why: '伺服器會一直重試同一個檔案，並保留其後的所有 WAL，直到磁碟滿載。',
          remedy: '修正上述原因；archiver 會在一分鐘內自行繼續（可用 `pgwal verify` 驗證）',
        },
        failing: {
          message: '歸檔失敗共 {failed} 次，最近一次距今 {agoMs}，區段 {segment}',
          why: '伺服器會一直重試同一個區段，並保留其後的所有 WAL，直到磁碟滿載。原因寫在伺服器的記錄檔中，但無法讀取或已不在其中。',
          remedy: '查看伺服器的記錄檔（尋找「archive command failed」）並修正原因',
        },
        'failing-by-log': {
          message: '記錄檔顯示歸檔失敗：{cause}',
          why: '伺服器會一直重試同一個區段，並保留其後的所有 WAL，直到磁碟滿載。',
          remedy: '修正上述原因；archiver 會在一分鐘內自行繼續（可用 `pgwal verify` 驗證）',
        },
      },
    },
  },
})

/** A WAL file's name, as it stands in a command that was run. */
const WAL_NAME = /[0-9A-F]{24}|[0-9A-F]{8}\.history/

const SIGQUIT = 3

/** The newest line, where it names no file at all; else the newest about what is next in the queue. */
function lastLine(log: Outcome<LogFact>, status: Outcome<ArchiveStatusFact>): ArchiverLine | undefined {
  if (!log.ok) return undefined
  const next = status.ok ? status.value.oldest?.name : undefined
  // The postmaster sends SIGQUIT to everything that it started when it is told to stop at once: that says nothing of the command.
  const failures = log.value.archiverLines.filter(({ exitCode, signal, exception, cause }) => signal !== SIGQUIT && (exitCode ?? signal ?? exception ?? cause) !== undefined)
  const words = ({ command = '', cause = '', message }: ArchiverLine) => `${command}\n${cause}\n${message}`
  const about = next === undefined ? undefined : failures.findLast((line) => words(line).includes(next))
  const newest = failures.at(-1)
  // A line of before the last rotation counts only where it is about the very file that waits now.
  if (log.value.rotated === true) return about
  return newest !== undefined && (next === undefined || !WAL_NAME.test(words(newest))) ? newest : about
}
