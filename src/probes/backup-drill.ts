/**
 * A restore that is really made from a base backup which somebody keeps: it is restored beside the server, and rolled forward from
 * the archive to now, or to a target that was asked for.
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY
 */
import { askTablespaces } from '../backup/tablespaces.ts'
import type { CheckText } from '../checks/check.ts'
import { codeOf, HostError, UserError } from '../errors.ts'
import { archiveCommandFact } from '../facts/archive-command.ts'
import { errorTexts } from '../messages/errors.ts'
import type { ErrorCode } from '../messages/errors.ts'
import type { Locale } from '../messages/locale.ts'
import { readPostmaster } from '../plan/postmaster.ts'
import type { Connection, Session } from '../host/host.ts'
import { actingFor, serverProgram } from '../platforms/reading.ts'
import { mostOf } from '../postgres/control-file.ts'
import type { ControlLimits } from '../postgres/control-file.ts'
import { archiveScripting, restoreCommand } from '../postgres/archive-command/index.ts'
import { recoveryConfiguration } from '../postgres/recovery/configuration.ts'
import { timeInUtc } from '../postgres/recovery/target.ts'
import type { RecoveryTarget } from '../postgres/recovery/target.ts'
import { timelineAt } from '../postgres/recovery/way.ts'
import { lsnFromText, lsnToText, numberedSegment, parseWalName, segmentName, segmentNumber } from '../postgres/wal/index.ts'
import { readSegment, surveyArchive } from '../recover/archive.ts'
import type { Archive } from '../recover/archive.ts'
import { findBackups, withoutLive } from '../recover/backup.ts'
import { choose, noBackup, readTarget } from '../recover/choose.ts'
import { writeTablespaceMap } from '../recover/finish.ts'
import type { Route } from '../recover/judge.ts'
import { restoreBackup, sizeOf } from '../recover/restore.ts'
import { fetchWal, walIn, walOf } from '../recover/windows.ts'
import { checkpoint, restoringFor } from '../recover/working.ts'
import type { Restoring } from '../recover/working.ts'
import { lowPriority } from './drill/copy.ts'
import { ANSWER_MS, askRestored } from './drill/answers.ts'
import { DrillFailure } from './drill/failure.ts'
import { readRecoveryLog } from './drill/log.ts'
import type { RecoveryLog } from './drill/log.ts'
import { defaultDrillDirectory, makePlace, removeLeftovers, removePlace, reserveBytes, watchSpace } from './drill/place.ts'
import type { DrillPlace, Working } from './drill/place.ts'
import { addressOf, hbaOf, loopbackOf, mayBeStarting } from './drill/windows.ts'
import type { Loopback } from './drill/windows.ts'
import { failed, passed, skipped } from './probe.ts'
import type { Probe, Probing } from './probe.ts'

/** What keeps a backup from being restored: errors that recover has as well, here as findings with the same words. */
const NO_WAY = [
  'no-backup', 'backup-no-backup-label', 'backup-running', 'backup-label-unreadable', 'backup-incremental', 'backup-control-file', 'backup-manifest', 'backup-not-readable',
  'backup-needs-program', 'backup-form-unknown', 'backup-tablespace-missing', 'backup-tablespace-live', 'backup-version-unknown', 'backup-damaged', 'backup-differs', 'backup-wrong-size', 'restore-failed',
  'archive-unusable', 'archive-empty', 'archive-needs-program', 'archive-form-not-here', 'archive-no-header', 'target-other-cluster', 'target-no-timeline', 'target-other-timeline', 'target-start-missing', 'target-end-missing',
  'target-gap', 'target-damaged', 'target-before-backup', 'target-beyond-archive', 'target-no-such-point', 'target-in-partial', 'target-tablespace-made',
] as const satisfies readonly ErrorCode[]
type NoWay = (typeof NO_WAY)[number]
type OwnCode = 'not-reached' | 'library-needed' | 'relation-missing' | 'stalled' | 'no-space' | 'space-ran-out' | 'directory-unusable' | 'not-archived' | 'refused'
type Code = NoWay | OwnCode

/** Of recover, whose remedy names an option that verify does not have. */
const WITHOUT_OPTION: readonly NoWay[] = ['archive-unusable', 'archive-empty', 'archive-form-not-here', 'archive-no-header', 'target-other-cluster', 'target-no-timeline', 'target-other-timeline']

function noWayTexts(locale: Locale, why: string, remedy: string): Record<NoWay, CheckText<NoWay>['findings'][NoWay]> {
  return Object.fromEntries(NO_WAY.map((code) => [code, { message: errorTexts[code][locale].message, why, remedy: WITHOUT_OPTION.includes(code) ? remedy : errorTexts[code][locale].remedy }])) as ReturnType<typeof noWayTexts>
}

function isNoWay(code: string): code is NoWay {
  return NO_WAY.some((one) => one === code)
}

const POLL_MS = 50
const STALL_MS = 300_000
const NICENESS = 10
const SEGMENTS_KEPT = 8

export const backupDrill: Probe<Code> = {
  id: 'backup-drill',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-PITR-RECOVERY',
  onRequest: true,

  async run(probing) {
    const { gathering, session, fromBackup } = probing
    const { host, cluster } = gathering
    if (fromBackup === undefined || cluster.binDir === undefined) return skipped('not-applicable')
    const [state] = await session.query("SELECT pg_is_in_recovery() AS recovery, current_setting('archive_mode') AS mode, current_setting('is_superuser') AS super, current_user::text AS login")
    if (state?.['recovery'] === true) return skipped('in-recovery')
    if (state?.['mode'] === 'off') return skipped('archive-mode-off')
    if (state?.['super'] !== 'on') return skipped('no-privilege', { user: String(state?.['login']) })
    const command = await gathering.fact(archiveCommandFact)
    const archive = command.ok ? command.value.destination : undefined
    if (archive === undefined) return skipped('unknown-destination')
    const self = await host.self()
    if (!self.privileged && self.uid !== cluster.owner.uid) return skipped('not-readable', { target: cluster.dataDir })
    const working: Working = { host, cluster, self, as: actingFor(self, cluster.owner) }
    const restoring = restoringFor(host, self, cluster.owner, {
      ...(probing.drill?.signal === undefined ? {} : { signal: probing.drill.signal }),
      prefix: await lowPriority(working, probing.drill?.niceness ?? NICENESS),
      doing: ({ params: { copiedBytes, totalBytes } }) => {
        if (copiedBytes !== undefined && totalBytes !== undefined) probing.waiting({ code: 'drill-copying', params: { doneBytes: copiedBytes, totalBytes } })
      },
    })
    const connection = await gathering.connection()
    if (!connection.ok) return { kind: 'skip', why: connection.why }
    const asked = probing.drill?.directory ?? defaultDrillDirectory(host)
    const parent = host.os === 'win32' ? asked.replaceAll('\\', '/') : asked
    const started = host.now().getTime()
    let place: DrillPlace | undefined
    try {
      await removeLeftovers(working, parent)
      const found = await prepare(probing, restoring, fromBackup, archive)
      place = await makePlace(working, parent)
      const done = await new BackupDrill(probing, working, restoring, place, found, connection.value, await loopbackOf(host, connection.value.password)).run()
      const { backup, last, sameName } = found.route
      return passed(fromBackup.to === undefined ? 'restored' : sameName.length === 0 ? 'restored-to-target' : 'restored-to-first', {
        ...(sameName.length === 0 ? {} : { count: sameName.length, at: timeInUtc(sameName[0]!.time), newest: timeInUtc(sameName.at(-1)!.time), lsn: lsnToText(sameName.at(-1)!.end) }),
        ...done, backup: backup.path, begunAt: backup.begunAt === undefined ? '' : new Date(backup.begunAt).toISOString(), target: fromBackup.to ?? 'now', last,
        segments: found.route.count, archive, elapsedMs: host.now().getTime() - started,
      })
    } catch (error) {
      if (error instanceof UserError && isNoWay(error.code)) return failed({ code: error.code, severity: 'error', params: error.params, at: { file: fromBackup.directory } })
      if (error instanceof DrillFailure) return failed({ code: error.code === 'did-not-start' ? 'not-reached' : error.code, severity: 'error', params: error.params })
      if (error instanceof HostError) return failed({ code: 'refused' satisfies Code, severity: 'error', params: { cause: error.message } })
      throw error
    } finally {
      probing.waiting({ code: 'drill-removing', params: {} })
      if (place !== undefined) await removePlace(working, place.root)
    }
  },

  text: {
    en: {
      title: 'a kept base backup is restored from the archive',
      about: 'Only with `pgwal verify --drill --from-backup DIR`. The base backup (the newest of several that leads to the target) is restored into a directory of its own and compared with its manifest, a restore point is written into the live server, and a server is started on the copy that gets its WAL from the archive alone. It must stop at that restore point, come up, answer, and have a file for every relation; with `--to`, at that target instead, and then nothing is written into the live server. The copy archives nothing, listens nowhere, and is removed.',
      passed: {
        restored: 'proved: the backup {backup} restores to now with {segments} {segments|segment|segments} from {archive} ({copiedBytes}, {elapsedMs})',
        'restored-to-target': 'proved: the backup {backup} restores to {target} with {segments} {segments|segment|segments} from {archive} ({copiedBytes}, {elapsedMs})',
        'restored-to-first': 'proved: the backup {backup} restores to the first of {count} restore points {target} ({at}) with {segments} {segments|segment|segments} from {archive} ({copiedBytes}, {elapsedMs}); for the newest ({newest}), --to {lsn}',
      },
      findings: {
        ...noWayTexts('en', 'On the day when it is needed, it would not restore either.', 'correct what the message names, or take a new base backup now'),
        'library-needed': { message: 'the WAL has records of a library that the copy does not preload: {cause}', why: 'The copy preloads nothing, so that no job of a library acts in it. Up to there the restore worked; what comes behind is not proved.', remedy: 'prove it by hand: `pgwal recover`, with the library in shared_preload_libraries of its postgresql.conf' },
        'relation-missing': { message: 'the restored server lacks {file}, the file of {relation} in the database {database}', why: 'Nothing of that relation would come back. Without a manifest, a file that was lost from a backup shows only when it is asked for.', remedy: 'take a new base backup now, with a manifest: `pgwal backup DIR`' },
        'not-reached': { message: 'the server on the restored backup did not reach its target: {cause}', why: 'A restore that stops early loses what was committed after that.', remedy: '`pgwal verify --drill` says whether it is the archive; else take a new base backup now' },
        'no-space': { message: 'too little space below {path}: {neededBytes} are needed, {freeBytes} are free', why: 'The copy is as large as the cluster.', remedy: 'name a directory on a larger file system: --drill-dir DIR' },
        stalled: { message: 'the server on the restored backup did nothing for {seconds} s: {cause}', why: 'Reading from the archive hangs.', remedy: 'look whether the archive answers (a network file system?)' },
        'space-ran-out': { message: 'the space below {path} ran low ({freeBytes} free, {reserveBytes} are kept for others); the drill was given up', why: 'A full file system stops whoever else uses it.', remedy: 'name a directory on a larger file system: --drill-dir DIR' },
        'directory-unusable': { message: 'no directory for the copy can be made in {path} ({reason})', why: 'The copy runs in the name of the cluster\'s owner.', remedy: 'name another directory: --drill-dir DIR' },
        'not-archived': { message: '{segment} did not arrive in the archive in {seconds} s', why: 'The restore point is in it.', remedy: '`pgwal verify` says why segments do not arrive; for a slow archive, `--timeout 600`' },
        refused: { message: 'the drill was broken off: {cause}', why: 'Nothing is proved, neither that a restore works nor that it does not.', remedy: 'correct what the message names, and run it again' },
      },
    },
    'zh-TW': {
      title: '從歸檔還原一份保留的基礎備份',
      about: '僅在 `pgwal verify --drill --from-backup DIR` 時執行。將基礎備份（有多份時，取能到達目標的最新一份）還原到專屬的目錄並與其 manifest 比對，在執行中的伺服器寫入一個還原點，再於副本上啟動一個只從歸檔取得 WAL 的伺服器。它必須停在該還原點、完成啟動並回應查詢，且每個關聯都有檔案；指定 `--to` 時則停在該目標，且不會在執行中的伺服器寫入任何內容。副本不會歸檔、不接聽任何位址，最後會被移除。',
      passed: {
        restored: '已證明：備份 {backup} 可用 {archive} 的 {segments} 個區段還原到現在（{copiedBytes}，{elapsedMs}）',
        'restored-to-target': '已證明：備份 {backup} 可用 {archive} 的 {segments} 個區段還原到 {target}（{copiedBytes}，{elapsedMs}）',
        'restored-to-first': '已證明：備份 {backup} 可用 {archive} 的 {segments} 個區段還原到 {count} 個還原點 {target} 中的第一個（{at}；{copiedBytes}，{elapsedMs}）；要還原到最新的一個（{newest}）：--to {lsn}',
      },
      findings: {
        ...noWayTexts('zh-TW', '需要它的那一天，同樣無法還原。', '修正訊息所指的問題，或立即重新製作基礎備份'),
        'library-needed': { message: 'WAL 中有某個程式庫的紀錄，而副本沒有預先載入它：{cause}', why: '副本不預先載入任何程式庫，以免其中的工作在副本裡執行。到該處為止還原正常；其後的內容未經證明。', remedy: '以手動方式證明：執行 `pgwal recover`，並在它的 postgresql.conf 的 shared_preload_libraries 中加入該程式庫' },
        'relation-missing': { message: '還原後的伺服器缺少 {file}，即資料庫 {database} 中 {relation} 的檔案', why: '該關聯的內容完全無法還原。沒有 manifest 時，備份遺失的檔案要到被讀取時才會發現。', remedy: '立即重新製作帶有 manifest 的基礎備份：`pgwal backup DIR`' },
        'not-reached': { message: '還原後的伺服器沒有到達目標：{cause}', why: '提前停止的還原會遺失其後提交的內容。', remedy: '`pgwal verify --drill` 會說明是否為歸檔的問題；否則請立即重新製作基礎備份' },
        'no-space': { message: '{path} 之下的空間不足：需要 {neededBytes}，可用 {freeBytes}', why: '副本與叢集一樣大。', remedy: '指定較大檔案系統上的目錄：--drill-dir DIR' },
        stalled: { message: '還原後的伺服器在 {seconds} 秒內沒有任何動作：{cause}', why: '從歸檔讀取時沒有回應。', remedy: '確認歸檔是否有回應（網路檔案系統？）' },
        'space-ran-out': { message: '{path} 之下的空間即將用盡（可用 {freeBytes}，為他人保留 {reserveBytes}）；演練已放棄', why: '檔案系統寫滿會讓其他使用者停擺。', remedy: '指定較大檔案系統上的目錄：--drill-dir DIR' },
        'directory-unusable': { message: '無法在 {path} 建立副本的目錄（{reason}）', why: '副本以叢集擁有者的身分執行。', remedy: '指定另一個目錄：--drill-dir DIR' },
        'not-archived': { message: '{segment} 未在 {seconds} 秒內送達歸檔', why: '還原點就在其中。', remedy: '`pgwal verify` 會說明區段為何沒有送達；歸檔較慢時可用 `--timeout 600`' },
        refused: { message: '演練已中斷：{cause}', why: '沒有證明任何事：既未證明可以還原，也未證明不能還原。', remedy: '修正訊息所指的問題，然後再執行一次' },
      },
    },
  },
}

interface Prepared {
  readonly archive: Archive
  readonly route: Route
  readonly target: RecoveryTarget
}

/** @throws UserError where no backup leads to the target, DrillFailure `not-archived` */
async function prepare(probing: Probing, restoring: Restoring, { directory, to }: NonNullable<Probing['fromBackup']>, path: string): Promise<Prepared> {
  const { session } = probing
  const there = await findBackups(restoring, directory)
  if (there.usable.length === 0) throw noBackup(directory, there.unusable)
  const asked = to === undefined ? undefined : readTarget(to)
  const [now] = await session.query('SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline')
  // Without a mark, the end of the archive would move on while the copy gets there.
  const target = asked === undefined || asked.kind === 'latest' ? await mark(probing, restoring, path) : asked
  const archive = await surveyArchive(restoring, path)
  // Last of all: what the copy replays was written before.
  const tablespaces = await askTablespaces(session)
  const found = await withoutLive(restoring, there, tablespaces.map(({ location }) => location))
  if (found.usable.length === 0) throw noBackup(directory, found.unusable)
  const { route } = await choose(restoring, archive, found, target, {
    timeline: Number.parseInt(String(now?.['timeline']), 16), neighbour: { tablespaces: new Set(tablespaces.map(({ oid }) => oid)), mayMake: false },
  })
  return { archive, route, target }
}

/** What the server has now, which may be more than at the time of the backup. */
async function askLimits(session: Session): Promise<ControlLimits> {
  const names = ['max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction'] as const
  const [row] = await session.query(`SELECT ${names.map((name) => `current_setting('${name}')::int AS ${name}`).join(', ')}`)
  return Object.fromEntries(names.map((name) => [name, Number(row?.[name])])) as Record<keyof ControlLimits, number>
}

/** A restore point in the live server, in a segment that is closed at once and archived. */
async function mark({ session, waiting, timeoutMs }: Probing, restoring: Restoring, archive: string): Promise<RecoveryTarget> {
  const { host, as } = restoring
  const name = `pgwal_${host.randomId(16)}`
  const [row] = await session.query(
    `SELECT pg_create_restore_point($1)::text AS lsn, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline,
            (SELECT setting::bigint * CASE unit WHEN '8kB' THEN 8192 ELSE 1 END FROM pg_settings WHERE name = 'wal_segment_size') AS size`, [name])
  await session.query('SELECT pg_switch_wal()')
  // The position is that of the byte after the record.
  const segment = segmentName(Number.parseInt(String(row?.['timeline']), 16), lsnFromText(String(row?.['lsn']))! - 1n, Number(row?.['size']))
  const started = host.now().getTime()
  for (;;) {
    for (const suffix of ['', '.gz', '.lz4', '.zst']) {
      const there = await host.stat(`${archive}/${segment}${suffix}`, as).then(() => true, (error: unknown) => {
        if (codeOf(error) === 'ENOENT') return false
        throw error
      })
      // What archives may write in place: a moment for the rest of it.
      if (there && (await session.query('SELECT last_archived_wal >= $1 AS done FROM pg_stat_archiver', [segment]))[0]?.['done'] === true) return { kind: 'name', name }
    }
    checkpoint(restoring)
    const waited = host.now().getTime() - started
    if (waited >= timeoutMs) throw new DrillFailure('not-archived', { segment, seconds: Math.round(waited / 1000) })
    waiting({ code: 'segment', params: { segment, seconds: Math.floor(waited / 1000), limit: Math.round(timeoutMs / 1000) } })
    await host.sleep(POLL_MS)
  }
}

/** Files of the backup in whose place those of the copy go. */
const OWN_FILES = ['postgresql.conf', 'postgresql.auto.conf', 'pg_hba.conf', 'pg_ident.conf', 'recovery.signal', 'standby.signal', 'recovery.conf']

class BackupDrill {
  constructor(
    private readonly probing: Probing, private readonly working: Working, private readonly restoring: Restoring, private readonly place: DrillPlace, private readonly found: Prepared,
    private readonly connection: Connection, private readonly loopback: Loopback | undefined,
  ) {}

  async run(): Promise<{ copiedBytes: number; compared: boolean; prepared: number }> {
    const { working, restoring, place, found } = this
    const { backup } = found.route
    const space = await reserveBytes(working, place.root)
    const neededBytes = (await sizeOf(restoring, backup)).bytes + (SEGMENTS_KEPT + this.#fetched.length) * found.archive.segmentSize + space.reserveBytes
    if (space.freeBytes < neededBytes) throw new DrillFailure('no-space', { path: place.root.slice(0, place.root.lastIndexOf('/')), neededBytes, freeBytes: space.freeBytes })
    const restored = await restoreBackup(restoring, backup, place)
    await writeTablespaceMap(restoring, place, restored)
    await this.#configure(mostOf([restored.control.limits, await askLimits(this.probing.session), ...found.route.limits]))
    const { prepared } = await this.#recover(restored.control.systemIdentifier)
    return { copiedBytes: restored.bytes, compared: restored.compared, prepared }
  }

  /** Files of the archive that are copied for a server that may not read it. */
  get #fetched(): readonly string[] {
    const { archive, route } = this.found
    return this.loopback === undefined ? [] : walOf(archive, route)
  }

  async #restoreCommand(): Promise<string> {
    const { working, restoring, place, found: { archive } } = this
    if (this.loopback === undefined) return restoreCommand(archive.path, archive.suffixes)
    await fetchWal(restoring, archive, walIn(place.root), this.#fetched, async () => {
      await watchSpace(working, place.root, archive.segmentSize)
    })
    return archiveScripting('cmd').restoreCommand(walIn(place.root))
  }

  async #configure(limits: ControlLimits): Promise<void> {
    const { working: { host, as, cluster }, place, loopback, found: { archive, route, target } } = this
    for (const name of OWN_FILES) {
      await host.removeFile(`${place.dataDir}/${name}`, as).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error
      })
    }
    const text = recoveryConfiguration({
      major: cluster.major, dataDir: place.dataDir, hbaFile: `${place.dataDir}/pg_hba.conf`, identFile: `${place.dataDir}/pg_ident.conf`,
      ...(loopback === undefined ? { socketDir: place.socketDir, port: cluster.port } : { port: loopback.port }),
      restoreCommand: await this.#restoreCommand(), segmentSize: archive.segmentSize, target, action: 'promote', limits, timeline: route.timeline === route.backup.timeline ? 'current' : route.timeline,
    })
    // Ready then means that recovery is over. What it writes is thrown away.
    const more = "\nhot_standby = off\nfsync = off\nfull_page_writes = off\nrestart_after_crash = off\ncluster_name = 'pgwal_drill'\n"
    for (const [name, content] of [['postgresql.conf', text + more], ['postgresql.auto.conf', ''], ['pg_hba.conf', hbaOf(loopback)], ['pg_ident.conf', ''], ['recovery.signal', '']] as const) {
      await host.replace(`${place.dataDir}/${name}`, new TextEncoder().encode(content), { ...as, expect: null, mode: 0o600 })
    }
  }

  async #recover(systemIdentifier: bigint): Promise<{ prepared: number }> {
    const { working, place, restoring, found: { target } } = this
    const { host, cluster, self, as } = working
    this.probing.waiting({ code: 'drill-recovering', params: {} })
    checkpoint(restoring)
    const [file, ...args] = [...restoring.prefix, serverProgram(host, cluster.binDir!, 'pg_ctl'), '-D', place.dataDir, '-l', place.logFile, '-w', '-t', '5', 'start']
    await host.run(file!, args, { ...as, timeoutMs: 60_000 })
    const copy = { host, self, cluster: { ...cluster, dataDir: place.dataDir } }
    let size = -1
    const begun = host.now().getTime()
    let changed = begun
    for (;;) {
      checkpoint(restoring)
      const postmaster = await readPostmaster(copy)
      const text = await host.read(place.logFile, as).then((bytes) => new TextDecoder().decode(bytes), () => '')
      const log = readRecoveryLog(text)
      if (postmaster === undefined && host.os === 'win32' && mayBeStarting(host.now().getTime() - begun, text)) {
        await host.sleep(POLL_MS)
        continue
      }
      if (postmaster === undefined) throw await this.#explain(log)
      if (postmaster.status === 'ready') {
        const stopped = target.kind === 'latest' || (target.kind === 'name' ? log.stoppedAt.includes(target.name) : /recovery stopping (?:before|after)/.test(text))
        // Without its mark it came up with less than it should have: 12 does so when the archive ends too early.
        if (!stopped) throw await this.#explain(log)
        return this.#answers(systemIdentifier)
      }
      await watchSpace(working, place.root)
      const now = host.now().getTime()
      if (text.length !== size) [size, changed] = [text.length, now]
      if (now - changed > STALL_MS) throw new DrillFailure('stalled', { seconds: Math.round(STALL_MS / 1000), cause: log.cause })
      await host.sleep(POLL_MS)
    }
  }

  /** Why the target was not reached: the file of the archive at which recovery ended, where it is at fault, else what the log says. */
  async #explain(log: RecoveryLog): Promise<Error> {
    const { restoring, found: { archive, route } } = this
    const size = BigInt(archive.segmentSize)
    const at = (number: number): [timeline: number, number: number] => [timelineAt(route.way, number) ?? route.timeline, number]
    const damaged = (number: number, problem: string): UserError => {
      return new UserError('target-damaged', { file: archive.fileOf(...at(number)) ?? numberedSegment(...at(number), archive.segmentSize), problem })
    }
    if (log.library) return new DrillFailure('library-needed', { cause: log.cause })
    if (log.badRecord !== undefined) return damaged(Number(log.badRecord.lsn / size), log.badRecord.text)
    const restored = log.restored === undefined ? undefined : parseWalName(log.restored)
    const next = restored?.kind === 'segment' ? segmentNumber(restored, archive.segmentSize)! + 1 : route.begin
    if (next <= route.end && archive.has(...at(next)) && (await readSegment(restoring, archive, ...at(next)))?.length !== archive.segmentSize) return damaged(next, 'unreadable')
    return new DrillFailure('did-not-start', { cause: log.cause })
  }

  async #answers(systemIdentifier: bigint): Promise<{ prepared: number }> {
    const { working: { host, cluster, as }, place, connection: { user, database } } = this
    return askRestored(host, { ...addressOf(place, cluster.port, this.loopback), user, database, timeoutMs: ANSWER_MS, ...as }, systemIdentifier)
  }
}
