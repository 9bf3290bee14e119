// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL
// https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-ARCHIVE-COMMAND
import { archiveCommandFact } from '../facts/archive-command.ts'
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import type { Problem, ProblemCode } from '../postgres/archive-command/index.ts'
import { cannotJudge, defineCheck } from './check.ts'
import type { FindingText, Severity } from './check.ts'
import { finding } from './support/finding.ts'
import type { Coded } from './support/finding.ts'
import { inForce, knownValue } from './support/settings.ts'
import { sqlLiteral } from './support/sql-literal.ts'

type Code = 'empty' | 'preloaded-only' | 'program-missing' | 'program-off-path' | 'both-set' | 'both-set-stops' | ProblemCode | 'bad-placeholder-later'

/** What is an error loses WAL, or archives none; a warning does so in some case that comes sooner or later. */
const SEVERITY: Readonly<Record<ProblemCode, Severity>> = {
  discards: 'error',
  'may-discard': 'warning',
  'always-fails': 'error',
  'no-p': 'error',
  'no-f': 'warning',
  'fixed-target': 'error',
  'maybe-fixed-target': 'warning',
  'f-as-source': 'error',
  'p-in-target': 'error',
  overwrites: 'warning',
  'guard-elsewhere': 'warning',
  'skips-existing': 'warning',
  'fails-when-identical': 'info',
  'not-atomic': 'warning',
  'not-durable': 'info',
  'hides-failure': 'error',
  'pipe-hides-failure': 'error',
  background: 'error',
  'exit-above-125': 'info',
  'bad-placeholder': 'error',
  'touches-source': 'error',
  appends: 'error',
  'odd-exit-codes': 'error',
  prompts: 'warning',
  'takes-ahead': 'error',
  syntax: 'warning',
}

/** Where these are found, the finer points of storing are beside the point. */
const DECISIVE: readonly ProblemCode[] = ['discards', 'always-fails', 'syntax', 'f-as-source', 'no-p']
const FINER: readonly ProblemCode[] = ['overwrites', 'not-atomic', 'not-durable', 'fails-when-identical', 'skips-existing', 'no-f', 'exit-above-125', 'may-discard']

export default defineCheck<{ readonly command: typeof archiveCommandFact; readonly settings: typeof effectiveSettingsFact }, Record<string, never>, Code>({
  id: 'archive-command',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
  needs: { command: archiveCommandFact, settings: effectiveSettingsFact },

  run({ command, settings }, _uses, { cluster }) {
    const { at, text, judgement, destination, spool } = command
    const setting = cluster.major >= 15 ? 'archive_command or archive_library' : 'archive_command'
    if (command.via === 'none') {
      if (inForce(settings, 'archive_mode') === 'off') throw cannotJudge('archive-mode-off')
      const library = preloadedModule(knownValue(settings.get('shared_preload_libraries')) ?? '')
      if (library !== undefined && cluster.major >= 15) return [finding<Code>('preloaded-only', 'error', { library, literal: sqlLiteral(library) }, { at: settings.get('shared_preload_libraries')?.at })]
      return [finding<Code>('empty', 'error', { setting }, { at })]
    }
    const both: Coded<Code>[] = !command.both ? [] : cluster.major >= 16 ? [finding('both-set-stops', 'error', { library: text }, { at })] : [finding('both-set', 'warning', { library: text }, { at })]
    if (judgement === undefined) return both
    if (command.unread?.why === 'missing') return [...both, finding('program-missing', 'error', { program: command.unread.path, command: text }, { at })]
    if (command.offPath !== undefined) {
      const { program, path, elsewhere = `/PATH/TO/${program}` } = command.offPath
      return [...both, finding('program-off-path', 'error', { program, path, elsewhere, command: text }, { at })]
    }
    const decisive = judgement.problems.some(({ code }) => DECISIVE.includes(code))
    const findings = judgement.problems
      .filter(({ code }) => !decisive || !FINER.includes(code))
      // cmd.exe has no way to flush, and enable has nothing better to offer there: decision 0006.
      .filter(({ code }) => code !== 'not-durable' || judgement.kind !== 'pgwal')
      // From 16 on a placeholder that the server does not know is why the command always fails.
      .filter(({ code }) => code !== 'always-fails' || judgement.badPlaceholders.length === 0)
      .map((problem) => {
        const fix = destination === undefined ? undefined : { kind: 'archive', directory: destination } as const
        return finding(codeOf(problem, cluster.major), severityOf(problem, cluster.major, spool), { command: text, detail: problem.detail ?? '' }, { at, fix })
      })
    if (findings.length + both.length > 0) return [...both, ...findings]
    if (command.unread?.why === 'closed') throw cannotJudge('not-readable', { target: command.unread.path })
    if (judgement.kind === 'unknown' || (command.unread !== undefined && judgement.kind === 'script')) throw cannotJudge('unknown-destination')
    return []
  },

  text: {
    en: {
      title: 'the archive command stores each segment, once and whole',
      about: 'The command is read as its shell would read it, a script that it runs too: whether it stores %p under %f, keeps what is there already, publishes only whole files, and ends in 0 only when the file is stored. The server believes the exit status: after a 0 it recycles the segment. What cannot be judged from the text is left to `pgwal verify`.',
      findings: inEnglish(),
    },
    'zh-TW': {
      title: '歸檔命令會完整保存每個區段，且只保存一次',
      about: '依照 shell 的方式解讀命令（以及它執行的指令稿）：是否以 %f 為名保存 %p、是否保留既有檔案、是否只公開完整的檔案，以及是否只在保存成功後才以 0 結束。伺服器相信結束狀態：得到 0 之後就會回收該區段。無法從文字判斷的部分交由 `pgwal verify` 驗證。',
      findings: inChinese(),
    },
  },
})

/** A module that archives, by its name, in a list of libraries: what else would be called so. */
function preloadedModule(libraries: string): string | undefined {
  return libraries.split(',').map((name) => name.trim().replace(/^"(.*)"$/, '$1')).find((name) => /archiv/i.test(name.replace(/^.*\//, '')))
}

function codeOf({ code }: Problem, major: number): Code {
  return code === 'bad-placeholder' && major < 16 ? 'bad-placeholder-later' : code
}

function severityOf({ code }: Problem, major: number, spool: boolean | undefined): Severity {
  // Barman compares what comes in with what it has, and keeps both where they differ.
  if (code === 'overwrites' && spool === true) return 'info'
  return code === 'bad-placeholder' && major < 16 ? 'info' : SEVERITY[code]
}

type Texts = Readonly<Record<Code, FindingText>>

function inEnglish(): Texts {
  const remedy = '`pgwal enable` puts a command in place that stores each segment once, whole and on disk'
  const lost = 'The server takes exit 0 for "stored" and recycles the segment: it is nowhere, and no recovery goes past it.'
  const stuck = 'Nothing is archived; pg_wal grows until its disk is full.'
  const afterwards = `${remedy}; take a new base backup afterwards`
  return {
    empty: { message: 'archive_mode is on, but {setting} is empty: nothing is archived', why: stuck, remedy },
    'preloaded-only': { message: 'archiving is on, and {library} is in shared_preload_libraries, but not in archive_library: nothing archives', why: 'To preload a module loads its code; the archiver calls only what archive_library names. The server keeps all WAL until its disk is full.', remedy: 'ALTER SYSTEM SET archive_library = {literal}; SELECT pg_reload_conf()   (preloading it is not needed)' },
    'program-missing': { message: 'the archive command runs {program}, which does not exist: {command}', why: 'The shell ends in 127: the archiver process dies, nothing is archived, and pg_stat_archiver counts no failure.', remedy: 'correct the path (the server\'s PATH is not that of your shell), or `pgwal enable`' },
    'program-off-path': { message: 'the archive command runs {program}, which is in no directory of the server\'s PATH ({path}): {command}', why: 'The server was not started from your shell: its service has a PATH of its own. The shell ends in 127: the archiver process dies, nothing is archived, and pg_stat_archiver counts no failure.', remedy: 'write the full path into archive_command ({elsewhere}), and reload; or set PATH for the service (Debian: /etc/postgresql/VERSION/CLUSTER/environment; a unit: Environment=PATH=…) and restart it', windows: 'write the full path into archive_command ({elsewhere}), and reload; or add its directory to the PATH of the system, not to yours, and restart the service' },
    'both-set': { message: 'archive_library ({library}) and archive_command are both set: the command is never run', why: 'PostgreSQL 15 prefers the library without a word; from 16 on nothing is archived at all.', remedy: 'clear the one that is not meant' },
    'both-set-stops': { message: 'archive_library ({library}) and archive_command are both set: nothing is archived', why: 'The archiver stops with an error each time it is started, while the server looks healthy and pg_wal grows.', remedy: 'clear the one that is not meant, and reload' },
    discards: { message: 'the archive command stores nothing and reports success: {command}', why: lost, remedy: afterwards },
    'may-discard': { message: 'the archive command can report success without having stored the file: {command}', why: lost, remedy },
    'always-fails': { message: 'the archive command always fails: {command}', why: stuck, remedy },
    'no-p': { message: 'the archive command has no %p, the path of the file to store: {command}', why: 'It cannot know which file is meant.', remedy },
    'no-f': { message: 'the archive command has no %f, the name to store under: {command}', why: 'What the file is called in the archive is left to chance, and the restore asks for it by name.', remedy },
    'fixed-target': { message: 'every segment is stored under the same name: {command}', why: 'Each one overwrites the one before; only the last is left.', remedy: afterwards },
    'maybe-fixed-target': { message: 'the archive command names no file for the segment: if {detail} is no directory, each one overwrites the one before', why: 'Right only as long as the directory is there.', remedy: 'write %f into the target' },
    'f-as-source': { message: 'the archive command reads %f, which is a name without a path: {command}', why: 'The archiver runs in the data directory, where no such file is; %p is the path.', remedy },
    'p-in-target': { message: 'the archive command writes to a path with %p in it: {command}', why: '%p is a path (pg_wal/…), not a name; the target lies somewhere else than meant, or nowhere.', remedy },
    overwrites: { message: 'the archive command overwrites a segment that is in the archive already: {command}', why: 'A second server, a clone or a new cluster with the same archive replaces good WAL without a message.', remedy },
    'guard-elsewhere': { message: 'the archive command looks for another file than the one that it writes: {command}', why: 'The guard never sees the file, so that it is overwritten.', remedy },
    'skips-existing': { message: 'the archive command reports success where a file of that name exists, whatever is in it: {command}', why: 'A half file left by a full disk, or another server\'s, counts as archived; the true segment is recycled.', remedy },
    'fails-when-identical': { message: 'the archive command refuses a segment that it stored before: {command}', why: 'After a crash the server sends the last segment again; the command then fails for ever, until somebody moves the file away.', remedy },
    'not-atomic': { message: 'the archive command copies straight to the final name: {command}', why: 'A copy that breaks off (full disk, crash) leaves half a segment under the right name.', remedy },
    'not-durable': { message: 'the archive command does not wait until the segment is on disk', why: 'If the archive\'s machine crashes, segments that were acknowledged are missing or full of zeros.', remedy },
    'hides-failure': { message: 'a failing copy still ends in success: {command}', why: lost, remedy: afterwards },
    'pipe-hides-failure': { message: 'in a pipe only the last command\'s failure counts, so that a failing first one ends in success: {command}', why: lost, remedy: 'redirect the input instead (gzip < %p > …), or use a script with pipefail' },
    background: { message: 'the archive command stores in the background and reports success before it is done: {command}', why: lost, remedy: 'remove the &' },
    'exit-above-125': { message: 'a failure of the archive command may end in a status above 125', why: 'That ends the archiver process itself, and pg_stat_archiver does not count it.', remedy: 'append ` || exit 1` to the command' },
    'bad-placeholder': { message: 'the archive command holds {detail}, which the server does not know: it fails every time', why: 'From 16 on an unknown placeholder is an error. A literal % is written %%.', remedy: 'write %% for each % that is meant as such' },
    'bad-placeholder-later': { message: 'the archive command holds {detail}, which fails from 16 on', why: 'Up to 15 it is passed on as it is; from 16 on archiving stops. A literal % is written %%.', remedy: 'write %% for each % that is meant as such' },
    'touches-source': { message: 'the archive command changes or moves the server\'s own segment: {command}', why: 'pg_wal is the server\'s: without that file it may not come up after a crash.', remedy },
    appends: { message: 'the archive command appends to a file: {command}', why: 'A segment that is sent twice makes a file that no restore can read.', remedy: afterwards },
    'odd-exit-codes': { message: 'robocopy ends in 1 when it copied and in 0 when it did not: {command}', why: 'The server takes the one for a failure and the other for "stored".', remedy: 'use another program to copy' },
    prompts: { message: 'the archive command may ask a question that nobody answers: {command}', why: 'It then hangs for ever: nothing is archived, logged or counted.', remedy: 'tell it not to ask (ssh -o BatchMode=yes, copy /Y with a guard)' },
    'takes-ahead': { message: '{detail} archives files before their turn and marks them as done, so that the other archiver in the same command never gets them: {command}', why: 'The second archive has holes that nobody is told of: no recovery from it goes past the first.', remedy: 'use one archiver, and copy its archive elsewhere; or have it leave the marks alone (wal-g: PG_READY_RENAME=false, wal-e: --pool-size=1, pg_probackup: --no-ready-rename), then take a new base backup' },
    syntax: { message: 'the shell cannot read the archive command ({detail}): {command}', why: stuck, remedy },
  }
}

function inChinese(): Texts {
  const remedy = '`pgwal enable` 會設定只保存一次、內容完整且確實寫入磁碟的歸檔命令'
  const lost = '伺服器將結束狀態 0 視為「已保存」並回收區段：該區段從此不存在，任何復原都無法越過它。'
  const stuck = '沒有任何內容被歸檔；pg_wal 將持續增長直到磁碟滿載。'
  const afterwards = `${remedy}；之後請重新製作基礎備份`
  return {
    empty: { message: 'archive_mode 已開啟，但 {setting} 是空的：沒有任何內容被歸檔', why: stuck, remedy },
    'preloaded-only': { message: '歸檔已開啟，{library} 也在 shared_preload_libraries 中，但不在 archive_library 中：沒有任何內容被歸檔', why: '預先載入模組只會載入其程式碼；archiver 只呼叫 archive_library 指定的模組。伺服器會保留所有 WAL，直到磁碟用盡。', remedy: 'ALTER SYSTEM SET archive_library = {literal}; SELECT pg_reload_conf()   （無須預先載入）' },
    'program-missing': { message: '歸檔命令執行的 {program} 不存在：{command}', why: 'shell 會以 127 結束：archiver 行程隨之結束，沒有任何內容被歸檔，而 pg_stat_archiver 不會計為失敗。', remedy: '修正路徑（伺服器的 PATH 與您的 shell 不同），或執行 `pgwal enable`' },
    'program-off-path': { message: '歸檔命令執行 {program}，但伺服器 PATH（{path}）的任何目錄中都沒有它：{command}', why: '伺服器並非從您的 shell 啟動：其服務有自己的 PATH。shell 會以 127 結束：archiver 行程隨之結束，沒有任何內容被歸檔，而 pg_stat_archiver 不會計為失敗。', remedy: '在 archive_command 中寫出完整路徑（{elsewhere}）並重新載入；或為服務設定 PATH（Debian：/etc/postgresql/VERSION/CLUSTER/environment；單元：Environment=PATH=…）後重新啟動', windows: '在 archive_command 中寫出完整路徑（{elsewhere}）並重新載入；或將其目錄加入系統（而非您自己）的 PATH 後重新啟動服務' },
    'both-set': { message: '同時設定了 archive_library（{library}）與 archive_command：歸檔命令不會執行', why: 'PostgreSQL 15 會默默採用程式庫；自 16 版起則完全不會歸檔。', remedy: '清空不需要的那一個' },
    'both-set-stops': { message: '同時設定了 archive_library（{library}）與 archive_command：沒有任何內容被歸檔', why: 'archiver 每次啟動都會因錯誤而停止，伺服器看似正常，但 pg_wal 持續增長。', remedy: '清空不需要的那一個，並重新載入' },
    discards: { message: '歸檔命令沒有保存任何內容卻回報成功：{command}', why: lost, remedy: afterwards },
    'may-discard': { message: '歸檔命令可能在未保存檔案時回報成功：{command}', why: lost, remedy },
    'always-fails': { message: '歸檔命令必定失敗：{command}', why: stuck, remedy },
    'no-p': { message: '歸檔命令沒有 %p（要保存的檔案路徑）：{command}', why: '命令無從得知要處理哪個檔案。', remedy },
    'no-f': { message: '歸檔命令沒有 %f（保存時使用的名稱）：{command}', why: '檔案在歸檔中的名稱無法確定，而還原時是以名稱尋找。', remedy },
    'fixed-target': { message: '每個區段都以相同名稱保存：{command}', why: '每個區段都會覆蓋前一個，只會留下最後一個。', remedy: afterwards },
    'maybe-fixed-target': { message: '歸檔命令未指定區段的檔名：若 {detail} 不是目錄，每個區段都會覆蓋前一個', why: '只有在該目錄存在時才正確。', remedy: '在目標路徑中寫入 %f' },
    'f-as-source': { message: '歸檔命令讀取 %f，但它只是名稱而沒有路徑：{command}', why: 'archiver 在資料目錄中執行，那裡沒有這個檔案；路徑是 %p。', remedy },
    'p-in-target': { message: '歸檔命令寫入的路徑含有 %p：{command}', why: '%p 是路徑（pg_wal/…）而非名稱；目標會落在別處，或根本不存在。', remedy },
    overwrites: { message: '歸檔命令會覆蓋歸檔中已有的區段：{command}', why: '另一台伺服器、複製出的叢集或使用同一歸檔的新叢集，會在沒有任何訊息的情況下取代正確的 WAL。', remedy },
    'guard-elsewhere': { message: '歸檔命令檢查的檔案與它寫入的檔案不同：{command}', why: '檢查永遠看不到該檔案，因此它會被覆蓋。', remedy },
    'skips-existing': { message: '只要同名檔案存在，歸檔命令就回報成功，無論其內容為何：{command}', why: '磁碟滿載留下的半個檔案或另一台伺服器的檔案都會被視為已歸檔，真正的區段則被回收。', remedy },
    'fails-when-identical': { message: '歸檔命令會拒絕先前已保存的區段：{command}', why: '當機之後伺服器會再次送出最後的區段；命令將一直失敗，直到有人移走該檔案。', remedy },
    'not-atomic': { message: '歸檔命令直接複製到最終的檔名：{command}', why: '複製中斷（磁碟滿載、當機）時，會以正確的檔名留下半個區段。', remedy },
    'not-durable': { message: '歸檔命令不會等到區段確實寫入磁碟', why: '如果歸檔所在的機器當機，已確認的區段可能遺失或全為零。', remedy },
    'hides-failure': { message: '複製失敗時仍以成功結束：{command}', why: lost, remedy: afterwards },
    'pipe-hides-failure': { message: '管線中只有最後一個命令的失敗才算數，因此前面的失敗仍以成功結束：{command}', why: lost, remedy: '改用輸入重新導向（gzip < %p > …），或使用設定 pipefail 的指令稿' },
    background: { message: '歸檔命令在背景保存，尚未完成就回報成功：{command}', why: lost, remedy: '移除 &' },
    'exit-above-125': { message: '歸檔命令失敗時，結束狀態可能大於 125', why: '這會讓 archiver 行程本身結束，且 pg_stat_archiver 不會計入。', remedy: '在命令結尾加上 ` || exit 1`' },
    'bad-placeholder': { message: '歸檔命令含有伺服器不認得的 {detail}：每次都會失敗', why: '自 16 版起，不認得的佔位符即為錯誤。% 本身須寫成 %%。', remedy: '將每個代表 % 本身的字元寫成 %%' },
    'bad-placeholder-later': { message: '歸檔命令含有 {detail}，自 16 版起會失敗', why: '15 版以前會原樣傳遞；自 16 版起歸檔會停止。% 本身須寫成 %%。', remedy: '將每個代表 % 本身的字元寫成 %%' },
    'touches-source': { message: '歸檔命令會變更或移動伺服器自己的區段：{command}', why: 'pg_wal 屬於伺服器：缺少該檔案時，當機後可能無法啟動。', remedy },
    appends: { message: '歸檔命令以附加方式寫入檔案：{command}', why: '重複送出的區段會產生任何還原都無法讀取的檔案。', remedy: afterwards },
    'odd-exit-codes': { message: 'robocopy 在複製成功時以 1 結束，未複製時以 0 結束：{command}', why: '伺服器會把前者視為失敗，把後者視為「已保存」。', remedy: '改用其他程式複製' },
    prompts: { message: '歸檔命令可能提出無人回答的問題：{command}', why: '它會永遠停住：不會歸檔、不會記錄，也不會計數。', remedy: '要求它不要詢問（ssh -o BatchMode=yes、搭配檢查的 copy /Y）' },
    'takes-ahead': { message: '{detail} 會提前歸檔尚未輪到的檔案並標記為完成，因此同一命令中的另一個歸檔工具永遠得不到它們：{command}', why: '第二個歸檔會有無人知曉的缺口：以它進行的復原無法越過第一個缺口。', remedy: '只使用一個歸檔工具，再將其歸檔複製到別處；或讓它不要更動標記（wal-g：PG_READY_RENAME=false、wal-e：--pool-size=1、pg_probackup：--no-ready-rename），然後重新製作基礎備份' },
    syntax: { message: 'shell 無法解讀歸檔命令（{detail}）：{command}', why: stuck, remedy },
  }
}
