/** recover: for the day when it is needed. Finds the backup and the way to the target, shows both, asks, restores, and says how to go on. */
import type { Context, Selection } from '../base-command.ts'
import { HostError, isFull, UserError } from '../errors.ts'
import { archiveCommandFact } from '../facts/archive-command.ts'
import { detectClusters, platformOf, typedPath } from '../platforms/index.ts'
import { isMountPoint } from '../platforms/mounts.ts'
import type { Cluster } from '../platforms/platform.ts'
import { accountOf, actingFor, majorIn, readControlFile, serverProgram, statOf, textOf, unlessRefused } from '../platforms/reading.ts'
import { freePort } from '../host/free-port.ts'
import type { Account } from '../host/host.ts'
import { readPostmaster } from '../plan/postmaster.ts'
import { parentOf } from '../plan/state-directory.ts'
import type { ControlFile } from '../postgres/control-file.ts'
import { targetSettings } from '../postgres/recovery/configuration.ts'
import type { TargetAction } from '../postgres/recovery/configuration.ts'
import { localOffset, timeInUtc, timeInZone } from '../postgres/recovery/target.ts'
import type { RecoveryTarget } from '../postgres/recovery/target.ts'
import { lsnToText, numberedSegment, parseHistory, parseWalName, segmentNumber } from '../postgres/wal/index.ts'
import type { History, Landmark } from '../postgres/wal/index.ts'
import { surveyArchive } from '../recover/archive.ts'
import type { Archive } from '../recover/archive.ts'
import { findBackups, withoutLive } from '../recover/backup.ts'
import type { Backup } from '../recover/backup.ts'
import { choose, noBackup, obstacleError, readTarget } from '../recover/choose.ts'
import { finish } from '../recover/finish.ts'
import { commandsFor } from '../recover/guide.ts'
import type { Judging, Remainder, Route } from '../recover/judge.ts'
import { checkPlace, discardRestorePlace, makeRestorePlace, occupied, tablespacesOf } from '../recover/place.ts'
import type { PlaceState } from '../recover/place.ts'
import { restoreBackup, sizeOf } from '../recover/restore.ts'
import { fromHere, walIn, walOf } from '../recover/windows.ts'
import { restoringFor } from '../recover/working.ts'
import type { Restoring } from '../recover/working.ts'
import type { Moment, RecoverReport } from '../report/recover-report.ts'
import { recoverGuideText, recoverPlanText } from '../report/recover-text.ts'
import { PLAIN } from '../report/style.ts'
import { compose } from '../report/words.ts'
import { gatheringFor } from './gathering.ts'
import { interruptibly } from './interruption.ts'

export interface RecoverOptions {
  /** A backup, or a directory with several. */
  readonly fromBackup: string
  readonly into: string
  readonly to: string
  readonly archive?: string
  readonly timeline?: number
  readonly action: TargetAction
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly signal?: AbortSignal
}

/** Kept free for others, and for the restored server's own WAL. */
const RESERVE_BYTES = 64 << 20
const RESERVE_SEGMENTS = 8

/** @throws UserError where there is no way to the target, or where it may not be made; Cancelled where looking was given up */
export async function recover(context: Context, selection: Selection, options: RecoverOptions): Promise<RecoverReport> {
  const { host, ui } = context
  const { restoring, ...plan } = await interruptibly(context, options.signal, (looking) => lookForWay(looking, selection, options))
  if (options.dryRun === true) return { ...plan.report, outcome: 'planned' }
  if (options.yes !== true && (!ui.interactive || context.json)) return { ...plan.report, outcome: 'planned', needsConfirmation: true }
  if (!context.json) ui.note(`\n${recoverPlanText(plan.report, ui.style)}\n`)
  if (options.yes !== true && !(await ui.confirm({ message: ui.words.prompts.restore }))) return { ...plan.report, outcome: 'cancelled' }
  // What is made is also taken away again, whoever interrupts it.
  return carryOut(context, { ...restoring, host }, plan)
}

/** Looks only. */
async function lookForWay(context: Context, selection: Selection, options: RecoverOptions): Promise<PlannedWay & { readonly restoring: Restoring }> {
  const { host, ui } = context
  const target = readTarget(options.to)
  const [fromBackup, into, archivePath] = await Promise.all([typedPath(host, options.fromBackup), newPath(context, options.into), options.archive === undefined ? undefined : typedPath(host, options.archive)])
  const progress = ui.progress(ui.words.progress.looking)
  try {
    const clusters = await detectClusters(host, {}).catch((error: unknown) => {
      if (error instanceof HostError) return []
      throw error
    })
    const named = await namedCluster(context, selection)
    const self = await host.self()
    const owner = await ownerOf(context, named ?? await clusterOfBackup(context, clusters, fromBackup), [archivePath, fromBackup])
    const looker = restoringFor(host, self, owner, {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      doing: ({ code, params }) => progress.update(compose(ui.words.progress[code], params, context.locale)),
    })
    const all = named === undefined ? clusters : [...clusters, named]
    const taken = (await Promise.all(all.map((one) => tablespacesOf(looker, one)))).flatMap((places) => [...places?.values() ?? []])
    const found = await withoutLive(looker, await findBackups(looker, fromBackup), taken)
    if (found.usable.length === 0) throw noBackup(fromBackup, found.unusable)
    const cluster = named ?? await matching(context, clusters, found.usable)
    const restoring = host.os === 'win32' ? { ...looker, owner: await ownerOf(context, cluster, []) } : looker
    const surveyed = await surveyArchive(restoring, archivePath ?? await archiveOf(context, cluster))
    const sources = found.usable.flatMap(({ format, tablespaces }) => (format === 'plain' ? tablespaces.map(({ source }) => source) : []))
    const forbidden = [...await occupied(restoring, all), surveyed.path, fromBackup, ...sources]
    const state = await checkPlace(restoring, into, forbidden)
    const rest = await remainderOf(restoring, cluster, surveyed)
    const archive = { ...surveyed, histories: new Map([...rest?.histories ?? [], ...surveyed.histories]) }
    const remainder = rest?.remainder
    const lastControl = cluster === undefined ? undefined : await controlOf(context, cluster)
    // Looked at once more: what the archive had a moment ago was made before.
    const spaces = cluster !== undefined && lastControl?.systemIdentifier === archive.systemIdentifier ? await tablespacesOf(restoring, cluster) : undefined
    const judging: Judging = {
      neighbour: { tablespaces: spaces === undefined ? undefined : new Set(spaces.keys()), mayMake: true },
      ...(options.timeline === undefined ? {} : { timeline: options.timeline }), ...(remainder === undefined ? {} : { remainder }),
    }
    const { route, passedOver } = await choose(restoring, archive, found, target, judging)
    const plan = await planOf(context, restoring, { cluster, archive, route, target, options, into, state, remainder, lastControl, passedOver })
    const older = found.usable.slice(found.usable.findIndex(({ path }) => path === route.backup.path) + 1)
    return { ...plan, restoring, older: async (looking) => (older.length === 0 ? undefined : choose(looking, archive, { usable: older, unusable: [] }, target, judging).then((next) => next.route.backup.path, () => undefined)) }
  } finally {
    progress.done()
  }
}

/** @throws UserError `into-unusable` for one that has no place to be in */
async function newPath({ host }: Context, typed: string): Promise<string> {
  if (host.os === 'win32') return typedPath(host, fromHere(await typedPath(host, '.'), typed))
  const tidy = typed.replace(/(?<=.)\/+$/, '')
  if (tidy.startsWith('/')) return typedPath(host, tidy)
  const here = await typedPath(host, '.')
  return typedPath(host, `${here}/${tidy}`)
}

async function namedCluster(context: Context, selection: Selection): Promise<Cluster | undefined> {
  if (selection.id === undefined && selection.dataDir === undefined && selection.configFile === undefined) return undefined
  const [only, other] = await detectClusters(context.host, selection)
  if (only === undefined) throw new UserError('no-such-cluster', { target: selection.id ?? selection.dataDir ?? selection.configFile ?? '' })
  if (other !== undefined) throw new UserError('several-clusters', { list: `${only.id}, ${other.id}` })
  return only
}

/** In whose name it is done: the cluster's owner; where no cluster is known, whose the archive or the backup is. Without root it can only be ourselves. */
async function ownerOf({ host }: Context, cluster: Cluster | undefined, paths: readonly (string | undefined)[]): Promise<Account> {
  const self = await host.self()
  if (!self.privileged) return self
  // Files on Windows tell nobody.
  if (host.os === 'win32') return cluster?.owner ?? self
  if (cluster !== undefined && cluster.owner.uid !== 0) return cluster.owner
  for (const path of paths) {
    const info = path === undefined ? undefined : await statOf(host, path)
    if (info !== undefined && info.uid !== 0) return accountOf(host, info.uid, info.gid)
  }
  const usual = await host.account('postgres')
  if (usual === undefined) throw new UserError('recover-no-owner')
  return usual
}

/** What a cluster had last; undefined where that cannot be read. */
async function controlOf({ host }: Context, cluster: Cluster): Promise<ControlFile | undefined> {
  const acting = actingFor(await host.self(), cluster.owner)
  const control = await unlessRefused(readControlFile(host, cluster.dataDir, acting))
  return control === undefined || 'problem' in control ? undefined : control
}

/** The cluster whose owner has the backup, before it was read: it may be closed to others. */
async function clusterOfBackup({ host }: Context, clusters: readonly Cluster[], path: string): Promise<Cluster | undefined> {
  const info = await statOf(host, path)
  return clusters.find(({ owner }) => owner.uid === info?.uid) ?? (clusters.length === 1 ? clusters[0] : undefined)
}

/** The cluster of this machine that a backup is of. */
async function matching(context: Context, clusters: readonly Cluster[], backups: readonly Backup[]): Promise<Cluster | undefined> {
  const identifiers = new Set(backups.flatMap(({ control, manifest }) => control?.systemIdentifier ?? manifest?.systemIdentifier ?? []))
  for (const cluster of clusters) {
    const control = await controlOf(context, cluster)
    if (control !== undefined && identifiers.has(control.systemIdentifier)) return cluster
  }
  return undefined
}

/** @throws UserError `archive-unknown` */
async function archiveOf(context: Context, cluster: Cluster | undefined): Promise<string> {
  if (cluster === undefined) throw new UserError('archive-unknown', { cluster: '–' })
  // The files decide, and nobody logs in: the server may be down, or not to be disturbed.
  const open = await gatheringFor(context.host, { ...cluster, running: false })
  try {
    const command = await open.gathering.fact(archiveCommandFact)
    if (command.ok && command.value.destination !== undefined) return command.value.destination
    throw new UserError('archive-unknown', { cluster: cluster.id })
  } finally {
    await open.close()
  }
}

interface Rest {
  readonly remainder: Remainder
  /** Of the timelines that the remainder names. */
  readonly histories: ReadonlyMap<number, History>
}

/** Segments that the server wrote and never archived; only of one that is down, because the newest one still grows. */
async function remainderOf(restoring: Restoring, cluster: Cluster | undefined, archive: Archive): Promise<Rest | undefined> {
  if (cluster === undefined || cluster.running) return undefined
  const { host, self } = restoring
  if (await unlessRefused(readPostmaster({ host, cluster, self })) !== undefined) return undefined
  const directory = `${cluster.dataDir}/pg_wal`
  const found = new Map<number, Set<number>>()
  const histories = new Map<number, History>()
  for (const { name, kind } of await unlessRefused(host.list(directory, restoring.as)) ?? []) {
    const parsed = parseWalName(name)
    if (parsed.kind === 'history' && !archive.histories.has(parsed.timeline)) {
      const text = await textOf(host, `${directory}/${name}`, restoring.as)
      if (text !== undefined) histories.set(parsed.timeline, parseHistory(text, parsed.timeline))
    }
    const number = kind === 'file' && parsed.kind === 'segment' ? segmentNumber(parsed, archive.segmentSize) : undefined
    if (parsed.kind !== 'segment' || number === undefined || archive.has(parsed.timeline, number) || number <= (archive.newest.get(parsed.timeline) ?? -1)) continue
    // Recycled files have the names of segments to come, and the content of old ones.
    const bytes = await unlessRefused(host.readPart(`${directory}/${name}`, 0, 40, restoring.as))
    if (bytes === undefined || !begins(bytes, BigInt(number) * BigInt(archive.segmentSize), archive.systemIdentifier)) continue
    found.set(parsed.timeline, (found.get(parsed.timeline) ?? new Set()).add(number))
  }
  const timeline = Math.max(...found.keys(), ...histories.keys())
  return found.size + histories.size === 0 ? undefined : { remainder: { directory, timeline, numbers: found.get(timeline) ?? new Set(), histories: [...histories.keys()] }, histories }
}

function begins(bytes: Uint8Array, address: bigint, identifier: bigint): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return bytes.length >= 40 && [true, false].some((little) => view.getBigUint64(8, little) === address && view.getBigUint64(24, little) === identifier)
}

interface Planned {
  readonly report: RecoverReport
  readonly archive: Archive
  readonly route: Route
  readonly target: RecoveryTarget
  readonly state: PlaceState
  readonly remainder: Remainder | undefined
  readonly fetched: readonly string[] | undefined
  readonly cluster: Cluster | undefined
  readonly lastControl: ControlFile | undefined
  readonly commands: (restoring: Restoring, major: number) => Promise<{ readonly binDir?: string; readonly commands: RecoverReport['commands'] }>
}

interface PlannedWay extends Planned {
  /** The next older backup that leads to the target. */
  readonly older: (restoring: Restoring) => Promise<string | undefined>
}

/** What is wrong with a backup, and shows only when it is restored. */
const OF_BACKUP = ['backup-damaged', 'backup-differs', 'backup-wrong-size', 'restore-failed']

interface Planning {
  readonly cluster: Cluster | undefined
  readonly archive: Archive
  readonly route: Route
  readonly target: RecoveryTarget
  readonly options: RecoverOptions
  readonly into: string
  readonly state: PlaceState
  readonly remainder: Remainder | undefined
  readonly lastControl: ControlFile | undefined
  readonly passedOver: RecoverReport['passedOver']
}

async function planOf(context: Context, restoring: Restoring, { cluster, archive, route, target, options, into, state, remainder, lastControl, passedOver }: Planning): Promise<Planned> {
  const { host } = context
  const { backup } = route
  const major = backup.major ?? archive.major
  const size = await sizeOf(restoring, backup)
  // Who sets a later target while it waits needs what lies behind this one.
  const fetched = host.os === 'win32' ? walOf(archive, route, { beyond: options.action === 'pause' }) : undefined
  const neededBytes = size.bytes + (RESERVE_SEGMENTS + route.remainder.length + (fetched?.length ?? 0)) * archive.segmentSize + RESERVE_BYTES
  const { freeBytes } = await host.fileSystem(state.kind === 'new' ? parentOf(into) : into, restoring.self.privileged ? {} : restoring.as)
  if (freeBytes < neededBytes && state.kind !== 'unfinished') throw new UserError('into-no-space', { path: into, needed: megabytes(neededBytes), free: megabytes(freeBytes) })
  const service = cluster === undefined ? undefined : await platformOf(cluster).service(cluster, host)
  // Elsewhere its socket is in a directory of its own, and the port a part of its name.
  const port = host.os === 'win32' ? await freePort(host) : (cluster?.port ?? 5432) === 65_535 ? 5432 : (cluster?.port ?? 5432) + 1
  // No server that may have none has any.
  const limits = [backup.control?.limits, lastControl?.limits, ...route.limits].flatMap((one) => one?.max_prepared_transactions ?? [])
  const prepared = limits.length === 0 || limits.some((most) => most > 0)
  // The path as it is: a link to a mount point can be moved.
  const mounted = cluster !== undefined && isMountPoint(await textOf(host, '/proc/self/mountinfo') ?? '', cluster.dataDir.replace(/(?<=.)\/+$/, ''))
  const commands = async (restoring: Restoring, known: number) => {
    const binDir = await programsOf(restoring, known, cluster)
    const hasClients = binDir !== undefined && (await statOf(host, serverProgram(host, binDir, 'psql'), restoring.as)) !== undefined
    return {
      ...(binDir === undefined ? {} : { binDir }),
      commands: commandsFor(restoring, {
        root: into, port, archive: archive.path, paused: target.kind !== 'latest' && options.action === 'pause', hasClients, prepared, mounted, superuser: 'postgres',
        ...(binDir === undefined ? {} : { binDir }), ...(cluster === undefined ? {} : { cluster }), ...(service === undefined ? {} : { service }),
      }),
    }
  }
  const value = target.kind === 'latest' ? undefined : targetSettings(target, 'current', options.action)[0]![1]
  const report: RecoverReport = {
    outcome: 'planned', needsConfirmation: false, passedOver, port, shell: host.os === 'win32' ? 'cmd' : 'sh',
    ...(cluster === undefined ? {} : { cluster: cluster.id }),
    backup: {
      path: backup.path, format: backup.format, label: backup.label.label ?? '', timeline: backup.timeline, start: lsnToText(backup.start),
      manifest: backup.manifest !== undefined, bytes: size.bytes, bytesCertain: size.certain,
      ...(backup.begunAt === undefined ? {} : { begunAt: new Date(backup.begunAt).toISOString() }),
      ...(route.backupEnd === undefined ? {} : { end: lsnToText(route.backupEnd) }),
      ...(major === undefined ? {} : { major }),
    },
    archive: {
      path: archive.path, first: route.first, last: route.last, count: route.count,
      remainder: route.remainder.map((number) => numberedSegment(remainder!.timeline, number, archive.segmentSize)),
      ...(remainder === undefined ? {} : { remainderFrom: remainder.directory }),
      ...(fetched === undefined ? {} : { copiedTo: walIn(into) }),
      ...(route.partial === undefined ? {} : { partial: { file: route.partial.file, name: route.partial.name, ...(route.partial.time === undefined ? {} : { local: timeInZone(route.partial.time, localOffset) }) } }),
    },
    target: {
      kind: target.kind, seen: route.targetSeen, timeline: route.timeline, action: options.action,
      ...(value === undefined ? {} : { value }),
      ...(target.kind === 'time' ? { local: timeInZone(target.time, localOffset) } : {}),
      ...(route.lastIn === undefined ? {} : { lastIn: momentOf(route.lastIn) }),
      ...(route.firstOut === undefined ? {} : { firstOut: momentOf(route.firstOut) }),
      ...(route.clockBack === undefined ? {} : { clockBack: momentOf({ ...route.clockBack, lsn: route.clockBack.end }) }),
      ...(route.sameName.length === 0 ? {} : { sameName: route.sameName.map((point) => momentOf({ ...point, lsn: point.end })) }),
    },
    into: { path: into, owner: restoring.owner.name, neededBytes, freeBytes, ...(state.kind === 'unfinished' ? { replaces: { since: state.since } } : {}) },
    makes: route.makes.map(({ oid, location }) => ({ oid, location })),
    tablespaces: backup.tablespaces.map(({ oid, location }) => ({ oid, path: `${into}/tablespaces/${oid}`, ...(location === undefined ? {} : { location }) })),
    ...await commands(restoring, major ?? 0),
  }
  return { report, archive, route, target, state, remainder, fetched, cluster, commands, lastControl }
}

function momentOf({ time, lsn }: Pick<Landmark, 'time' | 'lsn'>): Moment {
  return { at: timeInUtc(time), local: timeInZone(time, localOffset), lsn: lsnToText(lsn) }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MB`
}

/** Where the programs of a major are: the cluster's own, else in the usual places. */
async function programsOf({ host, as }: Restoring, major: number, cluster: Cluster | undefined): Promise<string | undefined> {
  const usual = host.os === 'win32' ? [`${host.env['ProgramFiles']?.replaceAll('\\', '/') ?? 'C:/Program Files'}/PostgreSQL/${major}/bin`] : [
    `/usr/lib/postgresql/${major}/bin`, `/usr/pgsql-${major}/bin`, `/usr/lib/postgresql${major}/bin`, `/usr/libexec/postgresql${major}`, `/usr/local/pgsql-${major}/bin`,
    `/opt/homebrew/opt/postgresql@${major}/bin`, `/usr/local/opt/postgresql@${major}/bin`, '/usr/local/pgsql/bin', '/usr/bin',
  ]
  for (const binDir of [...(cluster?.binDir === undefined ? [] : [cluster.binDir]), ...usual]) {
    const program = serverProgram(host, binDir, 'postgres')
    if ((await statOf(host, program, as))?.kind !== 'file') continue
    const said = await unlessRefused(host.run(program, ['--version'], { ...as, timeoutMs: 10_000 }))
    if (said?.code === 0 && majorIn(said.stdout) === major) return binDir
  }
  return undefined
}

async function carryOut(context: Context, restoring: Restoring, plan: PlannedWay): Promise<RecoverReport> {
  const { host, ui } = context
  const { report, route, archive, target, state, remainder, fetched } = plan
  const started = host.now().getTime()
  const progress = ui.progress(ui.words.progress.restoring)
  const telling: Restoring = { ...restoring, doing: ({ code, params }) => progress.update(compose(ui.words.progress[code], params, context.locale)) }
  let made = false
  try {
    const place = await makeRestorePlace(telling, report.into.path, state, report.backup.path)
    made = true
    const restored = await restoreBackup(telling, route.backup, place)
    const { control } = restored
    if (control.systemIdentifier !== archive.systemIdentifier) throw obstacleError(host, route.backup, { code: 'other-cluster', found: String(archive.systemIdentifier), own: String(control.systemIdentifier) }, archive, target)
    const major = control.major ?? report.backup.major
    if (major === undefined) throw new UserError('backup-version-unknown', { path: report.backup.path, what: 'pg_control' })
    const known = { ...report, ...await plan.commands(telling, major) }
    await finish(telling, place, {
      archive, route, restored, target, action: report.target.action, port: report.port, major,
      guide: `${recoverPlanText(report, { ...PLAIN, locale: context.locale })}\n\n${recoverGuideText(known, { ...PLAIN, locale: context.locale })}\n`,
      ...(plan.lastControl === undefined ? {} : { limits: plan.lastControl.limits }), ...(remainder === undefined ? {} : { remainder }),
      ...(fetched === undefined ? {} : { fetched }),
    })
    return { ...known, outcome: 'applied', done: { bytes: restored.bytes, files: restored.files, compared: restored.compared, elapsedMs: host.now().getTime() - started, major } }
  } catch (error) {
    // Half of a restore must not be taken for one.
    if (made) await discardRestorePlace(telling, report.into.path, state)
    if (error instanceof UserError && error.code === 'interrupted') return { ...report, outcome: 'cancelled', takenAway: true }
    if (isFull(error)) throw new UserError('into-no-space', { path: report.into.path, needed: megabytes(report.into.neededBytes), free: '0 MB' }, { cause: error })
    const older = error instanceof UserError && OF_BACKUP.includes(error.code) ? await plan.older(telling) : undefined
    if (error instanceof UserError && older !== undefined) throw new UserError(error.code, { ...error.params, older }, { cause: error })
    throw error
  } finally {
    progress.done()
  }
}
