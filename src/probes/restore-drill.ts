/**
 * A restore that is really made: a copy of the cluster without its WAL is rolled forward from the archive alone, to a restore
 * point that was written for it, and has to come up.
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 * @see https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-RECOVERY-TARGET-NAME
 */
import { codeOf, HostError, UserError } from '../errors.ts'
import { archiveCommandFact } from '../facts/archive-command.ts'
import type { Session } from '../host/host.ts'
import { archiveScripting } from '../postgres/archive-command/index.ts'
import { readPostmaster } from '../plan/postmaster.ts'
import { actingFor, serverProgram } from '../platforms/reading.ts'
import { historyName, lsnFromText, lsnToText, numberedSegment, parseWalName, segmentNumber } from '../postgres/wal/index.ts'
import type { Lsn } from '../postgres/wal/index.ts'
import { mostWalBytes } from '../postgres/recovery/configuration.ts'
import { copyConfiguration, LIMITS, tablespaceMap } from './drill/copy-configuration.ts'
import { copyTree, lowPriority, surveyTree } from './drill/copy.ts'
import { explain, sameContent } from './drill/explain.ts'
import type { Range } from './drill/explain.ts'
import { ANSWER_MS, askRestored } from './drill/answers.ts'
import { DrillFailure } from './drill/failure.ts'
import { withoutLimits } from './drill/limits.ts'
import type { DrillCode } from './drill/failure.ts'
import { foundMark, foundPosition, readRecoveryLog } from './drill/log.ts'
import type { RecoveryLog } from './drill/log.ts'
import { defaultDrillDirectory, isUnderWay, makePlace, removeLeftovers, removePlace, reserveBytes, watchSpace } from './drill/place.ts'
import type { DrillPlace, Working } from './drill/place.ts'
import { addressOf, fetchRange, hbaOf, loopbackOf, mayBeStarting } from './drill/windows.ts'
import type { Loopback } from './drill/windows.ts'
import { failed, passed, skipped } from './probe.ts'
import type { Probe, Probing } from './probe.ts'

/** A fast checkpoint on a busy server takes a while. */
const STATEMENT_TIMEOUT_MS = 1_800_000
const POLL_MS = 50
/** A recovery whose log does not grow for so long hangs. */
const STALL_MS = 300_000
const NICENESS = 10
const LONGEST_POLL_MS = 1_000
/** A copy program may make a file as long as it is going to be before it fills it. */
const SETTLE_MS = 5_000
/** Segments that a server makes for what it writes itself. */
const SPARE_SEGMENTS = 8

export const restoreDrill: Probe<DrillCode> = {
  id: 'restore-drill',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY',
  onRequest: true,

  async run(probing) {
    const { gathering, session } = probing
    const { host, cluster } = gathering
    const [state] = await session.query(
      "SELECT pg_is_in_recovery() AS recovery, current_setting('archive_mode') AS mode, current_setting('wal_level') AS level, current_setting('is_superuser') AS super, current_user::text AS login, (SELECT count(*)::int FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS spaces")
    if (state?.['mode'] === 'off') return skipped('archive-mode-off')
    const standby = state?.['recovery'] === true
    // With "on", a server in recovery archives nothing: only its primary has an archive to prove.
    if (standby && state['mode'] !== 'always') return skipped('standby-archives-nothing')
    // Nobody can keep a standby from replaying CREATE TABLESPACE, and what the copy then replays empties the place that it names.
    if (standby && Number(state['spaces']) > 0) return skipped('standby-tablespaces')
    if (state?.['level'] === 'minimal') return skipped('wal-level-minimal')
    if (state?.['super'] !== 'on') return skipped('no-privilege', { user: String(state?.['login']) })
    const windows = host.os === 'win32'
    if (cluster.binDir === undefined) return skipped('not-applicable')
    // The links of the copy would be junctions, which no test here can prove.
    if (windows && Number(state['spaces']) > 0) return skipped('windows-tablespaces')
    const connection = await gathering.connection()
    if (!connection.ok) return { kind: 'skip', why: connection.why }
    const command = await gathering.fact(archiveCommandFact)
    const archive = command.ok ? command.value.destination : undefined
    // A suffix means that the files are not stored as they are.
    if (archive === undefined || (command.ok && (command.value.judgement?.suffix !== undefined || command.value.spool === true))) return skipped('unknown-destination')

    const self = await host.self()
    if (!windows && !self.privileged && self.uid !== cluster.owner.uid) return skipped('not-readable', { target: cluster.dataDir })
    const working: Working = { host, cluster, self, as: actingFor(self, cluster.owner) }
    const asked = probing.drill?.directory ?? defaultDrillDirectory(host)
    const parent = windows ? asked.replaceAll('\\', '/') : asked
    const started = host.now().getTime()
    // Statements of a backup take longer than those of a look.
    const backup = await host.connect({ ...connection.value, timeoutMs: STATEMENT_TIMEOUT_MS })
    let place: DrillPlace | undefined
    try {
      await removeLeftovers(working, parent)
      place = await makePlace(working, parent)
      const done = await new Drill(probing, working, place, backup, archive, standby, await loopbackOf(host, connection.value.password)).run()
      return passed(standby ? 'restored-to-position' : 'restored', { ...done, archive, elapsedMs: host.now().getTime() - started })
    } catch (error) {
      if (error instanceof DrillFailure) {
        return failed({ code: error.code, severity: 'error', params: error.params, ...(error.file === undefined ? {} : { at: { file: error.file } }) })
      }
      if (error instanceof HostError) return failed({ code: 'refused' satisfies DrillCode, severity: 'error', params: { cause: error.message } })
      throw error
    } finally {
      // The server gives up a backup whose session ends.
      await backup.close().catch(() => undefined)
      probing.waiting({ code: 'drill-removing', params: {} })
      if (place !== undefined) await removePlace(working, place.root)
    }
  },

  text: {
    en: {
      title: 'a copy of the cluster is restored from the archive',
      about: 'Only with `pgwal verify --drill`. The cluster\'s data is copied without its WAL, a restore point is written, and a server is started on the copy that gets its WAL from the archive alone. It must stop at that restore point, come up and answer. The copy archives nothing, listens nowhere, runs no jobs, and is removed. It needs space for the cluster, and lies in a directory of its own below --drill-dir (default: /var/tmp, on Windows C:\\ProgramData) that only the cluster\'s owner may enter. Of the production server it wants one fast checkpoint, two WAL switches, and that nobody makes or drops a tablespace meanwhile (CREATE TABLESPACE waits).',
      passed: {
        restored: 'restored {copiedBytes} and {segments} {segments|segment|segments} from {archive} to the restore point {restorePoint} ({lsn}) in {elapsedMs}; the copy came up and answered',
        'restored-to-position': 'restored {copiedBytes} and {segments} {segments|segment|segments} from {archive} to {lsn}, where this standby was, in {elapsedMs}; the copy came up and answered',
      },
      findings: {
        'not-archived': {
          message: '{segment} did not arrive in the archive in {seconds} s, so that nothing could be restored',
          why: 'The base backup needs the WAL up to its end, and the restore point comes after that.',
          remedy: '`pgwal verify` says why segments do not arrive; for a slow archive, `--timeout 600`',
        },
        'segment-missing': {
          message: '{segment} is missing in the archive: the restore stopped there',
          why: 'Nothing after this segment can be restored from any base backup that is older than it.',
          remedy: 'find out what removed it, and take a new base backup now',
        },
        'segment-damaged': {
          message: '{segment} in the archive is damaged ({problem}): the restore stopped there',
          why: 'Nothing after the damage can be restored from any base backup that is older than it.',
          remedy: 'find out what damaged it (disk, copy program), and take a new base backup now',
        },
        'segment-foreign': {
          message: '{segment} in the archive is of another cluster (system identifier {found}, this one has {own})',
          why: 'Two servers archive into one directory: each destroys what the other needs.',
          remedy: 'give each cluster an archive directory of its own (`pgwal enable --archive-dir DIR`), and take a new base backup',
        },
        'segment-different': {
          message: '{segment} in the archive differs from the server\'s own',
          why: 'A restore would stop at this segment, or go on with something else\'s data.',
          remedy: 'find out what else writes into the archive, and take a new base backup now',
        },
        'history-missing': {
          message: '{file} is missing in the archive',
          why: 'Without the history file of a timeline, no base backup of an earlier timeline can be rolled forward into it.',
          remedy: 'copy it from pg_wal into the archive',
        },
        'archive-unreadable': {
          message: '{path} cannot be read by the cluster\'s owner ({reason}): the restore got nothing from it',
          why: 'restore_command runs in that account\'s name.',
          remedy: 'give the owner the right to read the archive and every file in it',
        },
        'restore-command-failed': {
          message: 'restore_command failed for {file}, which is in the archive: {cause}',
          why: 'In a real emergency it would fail in the same way.',
          remedy: 'correct the command, and try it by hand as the cluster\'s owner',
        },
        'restore-command-empty': {
          message: 'restore_command did not bring {segment}, which is in the archive, whatever it answered',
          why: 'Recovery takes that for the end of the archive, and all that was committed later is lost.',
          remedy: 'correct the command: exit status 0 only when the file is there',
        },
        'restore-command-wrong': {
          message: 'restore_command brought something else for {file} than what the archive has',
          why: 'Recovery stops at it, or goes on with the wrong data.',
          remedy: 'correct the command: %f is the file that is wanted, %p where it has to go',
        },
        'segment-unfinished': {
          message: '{segment} is not full after {seconds} s: its primary writes too little for a standby to archive it',
          why: 'A standby cannot end a segment by itself, and archives whole ones only.',
          remedy: 'run `SELECT pg_switch_wal()` on the primary meanwhile, or allow more time: `--timeout 600`',
        },
        'stopped-early': {
          message: 'the restore ended before its restore point: {cause}',
          why: 'What was committed before the restore point would be lost in a real emergency as well.',
          remedy: 'correct what the message names, and run `pgwal verify --drill` again',
        },
        'library-needed': {
          message: 'the WAL has records of a library that the copy does not preload: {cause}',
          why: 'The copy preloads nothing, so that no job of a library acts in it. Up to there the restore worked; what comes behind is not proved.',
          remedy: 'prove it by hand: `pgwal recover`, with the library in shared_preload_libraries of its postgresql.conf',
        },
        'relation-missing': {
          message: 'the restored copy lacks {file}, the file of {relation} in the database {database}',
          why: 'Nothing of that relation would come back; the cluster itself may have lost it.',
          remedy: 'look whether the cluster still has the file, and bring the relation back from an older backup',
        },
        'did-not-start': {
          message: 'the server on the copy did not come up: {cause}',
          why: 'A restore that does not start restores nothing.',
          remedy: 'correct what the message names, and run `pgwal verify --drill` again',
        },
        stalled: {
          message: 'the restore did nothing for {seconds} s; last it had {segment}',
          why: 'Reading from the archive hangs.',
          remedy: 'look whether {archive} answers (a network file system?)',
        },
        'no-space': {
          message: 'too little space below {path}: {neededBytes} are needed, {freeBytes} are free',
          why: 'The copy is as large as the cluster, and the file system must not fill up for others.',
          remedy: 'name a directory on a larger file system: --drill-dir DIR',
        },
        'space-ran-out': {
          message: 'the space below {path} ran low ({freeBytes} free, {reserveBytes} are kept for others); the drill was given up',
          why: 'A full file system stops whoever else uses it.',
          remedy: 'name a directory on a larger file system: --drill-dir DIR',
        },
        'copy-failed': {
          message: 'the cluster\'s data could not be copied: {cause}',
          why: 'A base backup would fail at the same file.',
          remedy: 'correct what the message names; if it is an input/output error, save the data now',
        },
        'directory-unusable': {
          message: 'no directory for the copy can be made in {path} ({reason})',
          why: 'The copy runs in the name of the cluster\'s owner, who must be able to reach it.',
          remedy: 'name another directory: --drill-dir DIR',
        },
        'archive-touched': {
          message: '{file} appeared in the archive while the copy ran',
          why: 'It is of a timeline that this cluster does not have: a restored server archives into the same directory.',
          remedy: 'find the server that wrote it, and give it an archive of its own',
        },
        refused: {
          message: 'the drill was broken off: {cause}',
          why: 'Nothing is proved, neither that a restore works nor that it does not.',
          remedy: 'correct what the message names, and run `pgwal verify --drill` again',
        },
      },
    },
    'zh-TW': {
      title: '從歸檔還原一份叢集的副本',
      about: '僅在 `pgwal verify --drill` 時執行。複製叢集的資料（不含 WAL），寫入一個還原點，並在副本上啟動一個只從歸檔取得 WAL 的伺服器。它必須停在該還原點、完成啟動並回應查詢。副本不會歸檔、不接聽任何位址、不執行任何工作，最後會被移除。所需空間與叢集相當，位於 --drill-dir（預設：/var/tmp，Windows 為 C:\\ProgramData）之下專屬的目錄，只有叢集的擁有者可以進入。對正式伺服器的影響是一次快速檢查點、兩次 WAL 切換，以及期間不能建立或刪除表空間（CREATE TABLESPACE 會等待）。',
      passed: {
        restored: '已在 {elapsedMs}內從 {archive} 還原 {copiedBytes} 與 {segments} 個區段，到達還原點 {restorePoint}（{lsn}）；副本已啟動並回應查詢',
        'restored-to-position': '已在 {elapsedMs}內從 {archive} 還原 {copiedBytes} 與 {segments} 個區段，到達此備援伺服器當時的位置 {lsn}；副本已啟動並回應查詢',
      },
      findings: {
        'not-archived': {
          message: '{segment} 未在 {seconds} 秒內送達歸檔，因此無法還原任何內容',
          why: '基礎備份需要直到其結束為止的 WAL，而還原點在那之後。',
          remedy: '`pgwal verify` 會說明區段為何沒有送達；歸檔較慢時可用 `--timeout 600`',
        },
        'segment-missing': {
          message: '歸檔中缺少 {segment}：還原停在該處',
          why: '任何早於此區段的基礎備份，都無法還原此區段之後的內容。',
          remedy: '找出是什麼移除了它，並立即重新製作基礎備份',
        },
        'segment-damaged': {
          message: '歸檔中的 {segment} 已損壞（{problem}）：還原停在該處',
          why: '任何早於此處的基礎備份，都無法還原損壞處之後的內容。',
          remedy: '找出損壞的原因（磁碟、複製程式），並立即重新製作基礎備份',
        },
        'segment-foreign': {
          message: '歸檔中的 {segment} 屬於另一個叢集（系統識別碼 {found}，本叢集為 {own}）',
          why: '兩個伺服器歸檔到同一個目錄，會互相破壞所需的檔案。',
          remedy: '讓每個叢集使用各自的歸檔目錄（`pgwal enable --archive-dir DIR`），並重新製作基礎備份',
        },
        'segment-different': {
          message: '歸檔中的 {segment} 與伺服器的檔案不同',
          why: '還原會停在這個區段，或接續到別的資料。',
          remedy: '找出還有誰寫入歸檔目錄，並立即重新製作基礎備份',
        },
        'history-missing': {
          message: '歸檔中缺少 {file}',
          why: '缺少時間軸的歷史檔，較早時間軸的基礎備份就無法向前復原到這條時間軸。',
          remedy: '將它從 pg_wal 複製到歸檔目錄',
        },
        'archive-unreadable': {
          message: '叢集的擁有者無法讀取 {path}（{reason}）：還原時無法取得任何檔案',
          why: 'restore_command 是以該帳號的身分執行。',
          remedy: '讓擁有者能讀取歸檔目錄與其中的每個檔案',
        },
        'restore-command-failed': {
          message: 'restore_command 無法取得 {file}，而歸檔中有此檔案：{cause}',
          why: '在真正的緊急情況下也會以同樣的方式失敗。',
          remedy: '修正該命令，並以叢集擁有者的身分手動試一次',
        },
        'restore-command-empty': {
          message: 'restore_command 沒有取回 {segment}（無論它回報什麼），而歸檔中有此檔案',
          why: '復原程序會把這視為歸檔的結尾，之後提交的內容全部遺失。',
          remedy: '修正該命令：只有檔案確實存在時，結束狀態才可為 0',
        },
        'restore-command-wrong': {
          message: 'restore_command 為 {file} 取回的內容與歸檔中的不同',
          why: '復原程序會停在該處，或以錯誤的資料繼續。',
          remedy: '修正該命令：%f 是所要的檔案，%p 是它應放置的位置',
        },
        'segment-unfinished': {
          message: '{segment} 在 {seconds} 秒後仍未寫滿：主要伺服器寫入太少，備援伺服器無法歸檔',
          why: '備援伺服器無法自行結束一個區段，而且只歸檔完整的區段。',
          remedy: '期間在主要伺服器上執行 `SELECT pg_switch_wal()`，或給予更多時間：`--timeout 600`',
        },
        'stopped-early': {
          message: '還原在到達還原點之前就結束了：{cause}',
          why: '在真正的緊急情況下，還原點之前已提交的內容同樣會遺失。',
          remedy: '修正訊息所指的問題，然後再執行 `pgwal verify --drill`',
        },
        'library-needed': {
          message: 'WAL 中有某個程式庫的紀錄，而副本沒有預先載入它：{cause}',
          why: '副本不預先載入任何程式庫，以免其中的工作在副本裡執行。到該處為止還原正常；其後的內容未經證明。',
          remedy: '以手動方式證明：執行 `pgwal recover`，並在它的 postgresql.conf 的 shared_preload_libraries 中加入該程式庫',
        },
        'relation-missing': {
          message: '還原的副本缺少 {file}，即資料庫 {database} 中 {relation} 的檔案',
          why: '該關聯的內容完全無法還原；叢集本身可能已遺失該檔案。',
          remedy: '確認叢集是否仍有該檔案，並從較舊的備份取回該關聯',
        },
        'did-not-start': {
          message: '副本上的伺服器未能啟動：{cause}',
          why: '無法啟動的還原等於沒有還原。',
          remedy: '修正訊息所指的問題，然後再執行 `pgwal verify --drill`',
        },
        stalled: {
          message: '還原已 {seconds} 秒沒有進展；最後取得的是 {segment}',
          why: '從歸檔讀取時卡住了。',
          remedy: '檢查 {archive} 是否有回應（網路檔案系統？）',
        },
        'no-space': {
          message: '{path} 之下的空間不足：需要 {neededBytes}，可用 {freeBytes}',
          why: '副本與叢集一樣大，而且不能讓檔案系統為他人填滿。',
          remedy: '指定較大檔案系統上的目錄：--drill-dir DIR',
        },
        'space-ran-out': {
          message: '{path} 之下的空間即將用盡（可用 {freeBytes}，為他人保留 {reserveBytes}）；已放棄演練',
          why: '檔案系統填滿時，其他使用者也會停擺。',
          remedy: '指定較大檔案系統上的目錄：--drill-dir DIR',
        },
        'copy-failed': {
          message: '無法複製叢集的資料：{cause}',
          why: '基礎備份也會在同一個檔案失敗。',
          remedy: '修正訊息所指的問題；若為輸入輸出錯誤，請立即搶救資料',
        },
        'directory-unusable': {
          message: '無法在 {path} 建立副本的目錄（{reason}）',
          why: '副本以叢集擁有者的身分執行，該帳號必須能夠到達此目錄。',
          remedy: '指定另一個目錄：--drill-dir DIR',
        },
        'archive-touched': {
          message: '副本執行期間，歸檔中出現了 {file}',
          why: '它屬於本叢集沒有的時間軸：有還原出來的伺服器歸檔到同一個目錄。',
          remedy: '找出寫入它的伺服器，並讓它使用自己的歸檔目錄',
        },
        refused: {
          message: '演練已中斷：{cause}',
          why: '沒有證明任何事：既未證明可以還原，也未證明不能還原。',
          remedy: '修正訊息所指的問題，然後再執行 `pgwal verify --drill`',
        },
      },
    },
  },
}

interface Marked {
  /** The restore point's name; a standby can write none, and its mark is the position alone. */
  readonly restorePoint?: string
  /** Where the restore point's record ends, or the position. */
  readonly end: Lsn
  readonly range: Range
}

interface Copied {
  readonly copiedBytes: number
  readonly start: Lsn
  readonly timeline: number
}

/** One drill, from the backup to the restored server. Whoever makes it removes the place. */
class Drill {
  readonly #as
  constructor(
    private readonly probing: Probing, private readonly working: Working, private readonly place: DrillPlace,
    private readonly backup: Session, private readonly archive: string, private readonly standby: boolean,
    private readonly loopback: Loopback | undefined,
  ) {
    this.#as = working.as
  }

  async run(): Promise<{ restorePoint: string; lsn: string; segments: number; copiedBytes: number; prepared: number }> {
    const prefix = await lowPriority(this.working, this.probing.drill?.niceness ?? NICENESS)
    const copied = await this.#copy(prefix)
    const marked = this.standby ? await this.#position(copied) : await this.#mark(copied)
    const before = await this.#laterTimelines(marked.range)
    await this.#awaitArchived(marked.range)
    const { prepared } = await this.#recover(prefix, marked, before)
    const stray = [...(await this.#laterTimelines(marked.range))].find((path) => !before.has(path))
    if (stray !== undefined) throw new DrillFailure('archive-touched', { file: stray.slice(stray.lastIndexOf('/') + 1) }, stray)
    const { range, end } = marked
    return { restorePoint: marked.restorePoint ?? lsnToText(end), lsn: lsnToText(end), segments: range.last - range.first + 1, copiedBytes: copied.copiedBytes, prepared }
  }

  #checkpoint(): void {
    if (this.probing.drill?.signal?.aborted === true) throw new UserError('interrupted')
  }

  /** What may take long, given up when people do. */
  async #unlessInterrupted<T>(work: Promise<T>): Promise<T> {
    const signal = this.probing.drill?.signal
    if (signal === undefined) return work
    work.catch(() => undefined)
    let stop = (): void => undefined
    const stopped = new Promise<never>((_resolve, reject) => {
      stop = () => { reject(new UserError('interrupted')) }
      signal.addEventListener('abort', stop, { once: true })
    })
    try {
      this.#checkpoint()
      return await Promise.race([work, stopped])
    } finally {
      signal.removeEventListener('abort', stop)
      stopped.catch(() => undefined)
    }
  }

  /** The base backup, with nothing of WAL in it. */
  async #copy(prefix: readonly string[]): Promise<Copied> {
    const { cluster } = this.working
    const { backup, place } = this
    const [size] = await backup.query(
      `SELECT (SELECT sum(pg_tablespace_size(oid)) FROM pg_tablespace)::float8 AS data,
              (SELECT setting::bigint * CASE unit WHEN '8kB' THEN 8192 ELSE 1 END FROM pg_settings WHERE name = 'wal_segment_size')::float8 AS segment`)
    const space = await reserveBytes(this.working, place.root)
    // Segments come one after the other, and some are kept to be used again.
    const neededBytes = Number(size?.['data']) + SPARE_SEGMENTS * Number(size?.['segment']) + space.reserveBytes
    if (space.freeBytes < neededBytes) throw new DrillFailure('no-space', { path: place.root.slice(0, place.root.lastIndexOf('/')), neededBytes, freeBytes: space.freeBytes })

    await withoutLimits(backup)
    await backup.query("SET lock_timeout = '10s'")
    await backup.query('BEGIN')
    // To replay CREATE TABLESPACE would empty the tablespace of production: its place is the same in the copy. While the
    // backup runs, and until the restore point is written, nobody makes one. A standby knows no such lock, and must have none.
    if (!this.standby) await backup.query('LOCK TABLE pg_catalog.pg_tablespace IN SHARE MODE')
    this.probing.waiting({ code: 'drill-checkpoint', params: {} })
    const label = `pgwal drill ${place.root.slice(-12)}`
    const modern = cluster.major >= 15
    const starting = backup.query(modern ? 'SELECT pg_backup_start($1, true)::text AS lsn' : 'SELECT pg_start_backup($1, true, false)::text AS lsn', [label])
    const [begun] = await this.#unlessInterrupted(starting)
    const tree = await surveyTree(this.working, place)
    const copiedBytes = await copyTree(this.working, tree, place, {
      prefix,
      onProgress: (bytes) => this.probing.waiting({ code: 'drill-copying', params: { doneBytes: bytes, totalBytes: tree.bytes } }),
      checkpoint: () => this.#checkpoint(),
      ...(this.probing.drill?.signal === undefined ? {} : { stop: this.probing.drill.signal }),
    })
    const [ended] = await backup.query(modern ? 'SELECT labelfile AS label FROM pg_backup_stop(false)' : 'SELECT labelfile AS label FROM pg_stop_backup(false, false)')
    const backupLabel = String(ended?.['label'])
    await this.#write('backup_label', backupLabel)
    const map = tablespaceMap(tree.tablespaces)
    if (map !== undefined) await this.#write('tablespace_map', map)
    return { copiedBytes, start: lsnFromText(String(begun?.['lsn']))!, timeline: Number(/^START TIMELINE: (\d+)$/m.exec(backupLabel)?.[1] ?? 1) }
  }

  /** The restore point, in a segment that is closed at once. */
  async #mark({ start }: Copied): Promise<Marked> {
    const { backup } = this
    const restorePoint = `pgwal_${this.working.host.randomId(16)}`
    const [point] = await backup.query("SELECT pg_create_restore_point($1)::text AS lsn, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline", [restorePoint])
    await backup.query('SELECT pg_switch_wal()')
    await backup.query('COMMIT')
    const end = lsnFromText(String(point?.['lsn']))!
    // The position is that of the byte after the record.
    return { restorePoint, end, range: await this.#range(Number.parseInt(String(point?.['timeline']), 16), start, end - 1n) }
  }

  /** On a standby, which can write nothing: the position up to which it has replayed, once the backup is complete. */
  async #position({ start, timeline }: Copied): Promise<Marked> {
    const [state] = await this.backup.query("SELECT pg_last_wal_replay_lsn()::text AS lsn, (SELECT count(*)::int FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')) AS spaces")
    await this.backup.query('COMMIT')
    if (Number(state?.['spaces']) > 0) throw new DrillFailure('refused', { cause: 'CREATE TABLESPACE' })
    const end = lsnFromText(String(state?.['lsn']))!
    // Recovery stops at the first record from there on, so that one has to be there, too.
    return { end, range: await this.#range(timeline, start, end) }
  }

  async #range(timeline: number, start: Lsn, last: Lsn): Promise<Range> {
    const [row] = await this.backup.query(
      `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS id,
              (SELECT setting::bigint * CASE unit WHEN '8kB' THEN 8192 ELSE 1 END FROM pg_settings WHERE name = 'wal_segment_size') AS size`)
    const segmentSize = Number(row?.['size'])
    const number = (lsn: Lsn): number => Number(lsn / BigInt(segmentSize))
    return {
      archive: this.archive, timeline, segmentSize, systemIdentifier: BigInt(String(row?.['id'])),
      first: number(start), last: number(last), own: `${this.working.cluster.dataDir}/pg_wal`,
    }
  }

  /** Waits for the segment with the restore point, and compares it with the server's own. */
  async #awaitArchived(range: Range): Promise<void> {
    const { host } = this.working
    const segment = numberedSegment(range.timeline, range.last, range.segmentSize)
    const file = `${range.archive}/${segment}`
    const started = host.now().getTime()
    for (;;) {
      const size = await host.stat(file, this.#as).then((info) => info.size, (error: unknown) => {
        if (codeOf(error) === 'ENOENT') return -1
        throw new DrillFailure('archive-unreadable', { path: range.archive, reason: codeOf(error) }, file)
      })
      const waited = host.now().getTime() - started
      // What is still being written may have its full length already.
      if (size >= range.segmentSize) {
        if ((await sameContent(host, this.#as, file, `${range.own}/${segment}`)) !== false) break
        if (waited >= Math.min(this.probing.timeoutMs, SETTLE_MS)) throw new DrillFailure('segment-different', { segment }, file)
      }
      this.#checkpoint()
      if (waited >= this.probing.timeoutMs) {
        const seconds = Math.round(waited / 1000)
        if (this.standby && await this.#unfinished(range)) throw new DrillFailure('segment-unfinished', { segment, seconds })
        throw new DrillFailure('not-archived', { segment, seconds }, file)
      }
      this.probing.waiting({ code: 'segment', params: { segment, seconds: Math.floor(waited / 1000), limit: Math.round(this.probing.timeoutMs / 1000) } })
      await host.sleep(POLL_MS)
    }
    if (range.timeline === 1) return
    const history = historyName(range.timeline)
    await host.stat(`${range.archive}/${history}`, this.#as).catch(() => {
      throw new DrillFailure('history-missing', { file: history }, `${range.archive}/${history}`)
    })
  }

  /** Whether the primary has not gone beyond this segment yet: then no standby can have archived it. */
  async #unfinished({ last, segmentSize }: Range): Promise<boolean> {
    const [row] = await this.backup.query('SELECT pg_last_wal_replay_lsn()::text AS lsn')
    return (lsnFromText(String(row?.['lsn'])) ?? 0n) < BigInt(last + 1) * BigInt(segmentSize)
  }

  async #recover(prefix: readonly string[], marked: Marked, before: ReadonlySet<string>): Promise<{ prepared: number }> {
    const { host, cluster, self } = this.working
    const { place } = this
    const { range, end, restorePoint } = marked
    const found = (log: RecoveryLog): boolean => (restorePoint === undefined ? foundPosition(log, end) : foundMark(log, restorePoint, end))
    await this.#roomForWal(range)
    await this.#configure(marked)
    this.probing.waiting({ code: 'drill-recovering', params: {} })
    await watchSpace(this.working, place.root)
    const [file, ...args] = [...prefix, serverProgram(host, cluster.binDir!, 'pg_ctl'), '-D', place.dataDir, '-l', place.logFile, '-W', 'start']
    this.#checkpoint()
    await host.run(file!, args, { ...this.#as, timeoutMs: 60_000 })
    const copy = { host, self, cluster: { ...cluster, dataDir: place.dataDir } }
    let size = -1
    const begun = host.now().getTime()
    let changed = begun
    for (;;) {
      this.#checkpoint()
      // First whether it runs, then what it said: what it says last it says before it ends.
      const postmaster = await readPostmaster(copy)
      let text = await this.#log()
      let log = readRecoveryLog(text)
      const why = async (started: boolean, about = log): Promise<DrillFailure> => explain(host, this.#as, range, about, `${place.dataDir}/pg_wal`, started)
      if (postmaster === undefined && await this.#isStarting(host.now().getTime() - begun, text)) {
        // It has not written its number yet.
        await host.sleep(POLL_MS)
        continue
      }
      if (postmaster === undefined) {
        // What it said in the end, it may have said after we looked.
        log = readRecoveryLog(text = await this.#log())
        if (log.noSpace) await this.#spaceRanOut()
        await watchSpace(this.working, place.root)
        throw await why(text.includes('starting archive recovery') || log.restored !== undefined)
      }
      if (postmaster.status === 'ready') {
        // Without the mark it came up with less than it should have: 12 does so when the archive ends too early.
        if (!found(log)) throw await why(true, { ...log, cause: `${restorePoint ?? lsnToText(end)} was not found` })
        return this.#answers(range)
      }
      // A command that brings something for every name would have the server look for ever newer timelines.
      const invented = log.histories.find((name) => Number.parseInt(name, 16) > range.timeline && !before.has(`${this.archive}/${name}`))
      if (invented !== undefined) throw new DrillFailure('restore-command-wrong', { file: invented })
      await watchSpace(this.working, place.root)
      const now = host.now().getTime()
      if (text.length !== size) [size, changed] = [text.length, now]
      if (now - changed > STALL_MS) throw new DrillFailure('stalled', { seconds: Math.round((now - changed) / 1000), segment: log.restored ?? '–', archive: range.archive })
      if (log.restored !== undefined) this.probing.waiting({ code: 'drill-replaying', params: { segment: log.restored, ...replayed(range, log.restored) } })
      // The whole log is read each time: one that became long is read less often.
      await host.sleep(Math.min(LONGEST_POLL_MS, POLL_MS + (now - begun) / 50))
    }
  }

  /** Whether the server is on its way and has not written its number yet. */
  async #isStarting(elapsedMs: number, log: string): Promise<boolean> {
    if (this.working.host.os === 'win32') return mayBeStarting(elapsedMs, log)
    return elapsedMs < STALL_MS && await isUnderWay(this.working, this.place.root)
  }

  /** Room for the WAL that the copy is going to replay: it keeps as much as max_wal_size lets it. */
  async #roomForWal({ first, last, segmentSize }: Range): Promise<void> {
    const { place } = this
    const space = await reserveBytes(this.working, place.root)
    const fetched = this.#fetches ? (last - first + 1) * segmentSize : 0
    const neededBytes = fetched + Math.min((last - first + 1) * segmentSize, mostWalBytes(segmentSize)) + SPARE_SEGMENTS * segmentSize + space.reserveBytes
    if (space.freeBytes < neededBytes) throw new DrillFailure('no-space', { path: place.root.slice(0, place.root.lastIndexOf('/')), neededBytes, freeBytes: space.freeBytes })
  }

  /** The server itself found no room, though there may be some again. */
  async #spaceRanOut(): Promise<never> {
    const { freeBytes, reserveBytes: kept } = await reserveBytes(this.working, this.place.root)
    throw new DrillFailure('space-ran-out', { path: this.place.root, freeBytes, reserveBytes: kept })
  }

  async #configure({ restorePoint, end, range }: Marked): Promise<void> {
    const { host, cluster } = this.working
    const rows = await this.backup.query('SELECT name, setting FROM pg_settings WHERE name = ANY ($1)', [[...LIMITS]])
    const limits = new Map(rows.map((row) => [String(row['name']), String(row['setting'])]))
    const { loopback } = this
    await this.#write('postgresql.conf', copyConfiguration({
      major: cluster.major, port: loopback?.port ?? cluster.port, restoreCommand: await this.#restoreCommand(range),
      ...(loopback === undefined ? { socketDir: this.place.socketDir } : {}),
      target: restorePoint === undefined ? { lsn: lsnToText(end) } : { name: restorePoint }, segmentSize: range.segmentSize, limits,
    }))
    await this.#write('postgresql.auto.conf', '')
    await this.#write('pg_hba.conf', hbaOf(loopback))
    await this.#write('pg_ident.conf', '')
    await this.#write('recovery.signal', '')
    await host.stat(this.archive, this.#as).catch((error: unknown) => {
      throw new DrillFailure('archive-unreadable', { path: this.archive, reason: codeOf(error) }, this.archive)
    })
  }

  /** Whether pgwal gets the WAL out of the archive, and not the copy's server. */
  get #fetches(): boolean {
    return this.working.host.os === 'win32' && this.probing.drill?.restoreCommand === undefined
  }

  async #restoreCommand(range: Range): Promise<string> {
    const { os } = this.working.host
    return this.probing.drill?.restoreCommand
      ?? archiveScripting(os === 'win32' ? 'cmd' : 'sh').restoreCommand(this.#fetches ? await fetchRange(this.working, this.place, range, () => this.#checkpoint()) : this.archive)
  }

  /** The restored server answers, is this cluster, and has all its relations. */
  async #answers(range: Range): Promise<{ prepared: number }> {
    const connection = await this.probing.gathering.connection()
    if (!connection.ok) throw new DrillFailure('did-not-start', { cause: connection.why.code })
    const { user, database } = connection.value
    try {
      return await askRestored(this.working.host, { ...addressOf(this.place, this.working.cluster.port, this.loopback), user, database, timeoutMs: ANSWER_MS, ...this.#as }, range.systemIdentifier)
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      throw new DrillFailure('did-not-start', { cause: error.message })
    }
  }

  async #log(): Promise<string> {
    return this.working.host.read(this.place.logFile, this.#as).then((bytes) => new TextDecoder().decode(bytes), () => '')
  }

  async #write(name: string, text: string): Promise<void> {
    await this.working.host.replace(`${this.place.dataDir}/${name}`, new TextEncoder().encode(text), { ...this.#as, expect: null, mode: 0o600 })
  }

  /**
   * Files of timelines that come after this one, in the archive and in what the server is about to archive: a server that left
   * this timeline may add none.
   */
  async #laterTimelines(range: Range): Promise<Set<string>> {
    const later = new Set<string>()
    for (const directory of [this.archive, range.own, `${range.own}/archive_status`]) {
      for await (const names of this.working.host.listBatches(directory, this.#as)) {
        for (const name of names) {
          const parsed = parseWalName(name.replace(/\.(?:ready|done)$/, ''))
          if (parsed.kind !== 'other' && parsed.timeline > range.timeline) later.add(`${directory}/${name}`)
        }
      }
    }
    return later
  }
}

/** How far a replay has come that has this segment; nothing where it is of another range. */
function replayed({ first, last, segmentSize }: Range, segment: string): { doneBytes?: number; totalBytes?: number } {
  const parsed = parseWalName(segment)
  const number = parsed.kind === 'segment' ? segmentNumber(parsed, segmentSize) : undefined
  return number === undefined || number < first ? {} : { doneBytes: (number - first) * segmentSize, totalBytes: (last - first + 1) * segmentSize }
}
