// What the planner goes by, from the machine.
import { knowledgeOf } from '../checks/support/replication-rules.ts'
import { codeOf, UserError } from '../errors.ts'
import { archiveCommandFact } from '../facts/archive-command.ts'
import { archiverFact } from '../facts/archiver.ts'
import { configurationFact } from '../facts/configuration.ts'
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { required } from '../facts/fact.ts'
import type { Gathering, Outcome } from '../facts/fact.ts'
import { hbaFact } from '../facts/hba.ts'
import { identityFact } from '../facts/identity.ts'
import { liveSettingsFact } from '../facts/live-settings.ts'
import { rolesFact } from '../facts/roles.ts'
import type { RolesFact } from '../facts/roles.ts'
import { serverFact } from '../facts/server.ts'
import { examineSandbox } from '../facts/service-sandbox.ts'
import type { Cluster, Service } from '../platforms/platform.ts'
import { dropInPath } from '../platforms/sandbox.ts'
import { archiveScripting } from '../postgres/archive-command/index.ts'
import { surveyArchivePlace } from './archive-place.ts'
import type { Goal } from './goal.ts'
import type { PlanInput, RoleState, UnitSandbox } from './planner.ts'
import { actingFor } from '../platforms/reading.ts'
import { parentOf } from './state-directory.ts'

export interface PlanWish {
  readonly service: Service
  readonly goals: readonly Goal[]
  /** The clusters of this machine: none of the others may share the archive. */
  readonly clusters: readonly Cluster[]
  /** False for --no-restart. */
  readonly restart: boolean
}

/**
 * Everything that {@link makePlan} needs. The goals must be about the role that `from` wants.
 * @throws UserError `unreadable` where a file that decides cannot be read; FactUnavailable where the cluster cannot be told from others
 */
export async function gatherPlanInput(from: Gathering, wish: PlanWish): Promise<PlanInput> {
  const { host, cluster } = from
  const self = await host.self()
  const context = { host, cluster, self }
  const [{ configuration, unreadable }, hba, identity] = [await required(from, configurationFact), await required(from, hbaFact), await required(from, identityFact)]
  if (unreadable[0] !== undefined) throw new UserError('unreadable', { what: unreadable[0], reason: 'EACCES', owner: cluster.owner.name })
  const [live, roles, server] = [await from.fact(liveSettingsFact), await from.fact(rolesFact), await from.fact(serverFact)]
  const archive = wish.goals.find((goal) => goal.kind === 'archive')
  const shell = host.os === 'win32' ? 'cmd' : 'sh'
  const scriptPath = `${parentOf(cluster.configFile)}/${archiveScripting(shell).scriptName}`
  const script = await host.read(scriptPath, actingFor(self, cluster.owner)).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
  const sandbox = archive === undefined ? undefined : await unitSandbox(from, archive.directory)
  const archiving = archive === undefined ? undefined : await archivingNow(from)
  const user = wish.goals.flatMap((goal) => (goal.kind === 'replication-role' || goal.kind === 'replication-rule' ? [goal.user] : []))[0]
  if (user !== undefined && user !== from.wanted.replicationUser) throw new Error(`the facts are about ${from.wanted.replicationUser}, the goals about ${user}`)
  const role = user === undefined ? undefined : roleState(roles, user)
  return {
    cluster, service: wish.service, goals: wish.goals, configuration, hba: hba.hba, shell, scriptPath, script, restart: wish.restart,
    hbaKnowledge: knowledgeOf(hba, roles, user ?? ''),
    hbaStale: server.ok && hba.modified.getTime() > server.value.configurationLoadedAt.getTime(),
    dataPlaces: await dataPlaces(from),
    ...(archive === undefined ? {} : { archive: await surveyArchivePlace(context, archive.directory, { systemIdentifier: identity.systemIdentifier, others: wish.clusters }) }),
    ...(archiving === undefined ? {} : { archiving }),
    ...(sandbox === undefined ? {} : { sandbox }),
    systemIdentifier: identity.systemIdentifier,
    segmentSize: identity.segmentSize,
    ...(live.ok ? { running: new Map([...live.value].map(([name, { value }]) => [name, value])) } : {}),
    ...(role === undefined ? {} : { role }),
    connections: await connections(from),
    // GNU, busybox and FreeBSD; the dd of macOS does not know it.
    ddCanSync: host.os !== 'darwin',
    rootsFiles: await rootsFiles(context, [scriptPath, ...configuration.files.map(({ path }) => path), ...hba.hba.files.map(({ path }) => path)]),
    sha256: (bytes) => host.sha256(bytes),
  }
}

/** An archive that is filled now, as far as can be seen: with a command that only fails, nobody has one to lose. */
async function archivingNow(from: Gathering): Promise<PlanInput['archiving']> {
  const [command, archiver, settings] = [await from.fact(archiveCommandFact), await from.fact(archiverFact), await from.fact(effectiveSettingsFact)]
  const mode = settings.ok ? settings.value.get('archive_mode') : undefined
  if (!command.ok || command.value.via !== 'command' || (mode?.running?.value ?? mode?.configured?.value ?? 'off') === 'off') return undefined
  const { judgement, destination } = command.value
  if (judgement === undefined || judgement.kind === 'empty' || judgement.kind === 'placeholder') return undefined
  const { lastArchivedAt, lastFailedAt } = archiver.ok ? archiver.value : { lastArchivedAt: null, lastFailedAt: null }
  if (lastFailedAt !== null && (lastArchivedAt === null || lastFailedAt >= lastArchivedAt)) return undefined
  return { own: judgement.kind === 'pgwal', ...(destination === undefined ? {} : { directory: destination }) }
}

/** What the unit of the server leaves of the directory to it, and what is in our drop-in now. */
async function unitSandbox(from: Gathering, directory: string): Promise<UnitSandbox | undefined> {
  const found = await examineSandbox(from, directory)
  if (found === undefined) return undefined
  const { unit, access, line } = found
  const dropIn = dropInPath(unit)
  const unlessMissing = <T>(work: Promise<T>): Promise<T | null> => work.catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
  const parent = parentOf(dropIn)
  return {
    unit, access, because: line ?? 'systemd.exec(5)', dropIn,
    before: await unlessMissing(from.host.read(dropIn)),
    missing: await unlessMissing(from.host.stat(parent)) === null ? [parent] : [],
  }
}

function roleState(roles: Outcome<RolesFact>, user: string): RoleState | undefined {
  if (!roles.ok) return undefined
  const found = roles.value.roles.find(({ name }) => name === user)
  if (found === undefined) return { exists: false, login: false, replication: false, superuser: false, secret: 'none' }
  return { exists: true, login: found.login, replication: found.replication, superuser: found.superuser, secret: found.secret }
}

/** Where the data are: an archive in there would be lost with them. */
async function dataPlaces({ host, cluster, as }: Gathering): Promise<string[]> {
  const acting = as === undefined ? {} : { as }
  const real = (path: string): Promise<string | undefined> => host.realPath(path, acting).catch(() => undefined)
  const spaces = await host.list(`${cluster.dataDir}/pg_tblspc`, acting).catch(() => [])
  const places = [cluster.dataDir, await real(cluster.dataDir), await real(`${cluster.dataDir}/pg_wal`)]
  for (const { name } of spaces.slice(0, 200)) places.push(await real(`${cluster.dataDir}/pg_tblspc/${name}`))
  return [...new Set(places.filter((place) => place !== undefined))]
}

/** Connections that a restart would drop, without ours. */
async function connections(from: Gathering): Promise<number | null> {
  const session = await from.session()
  if (!session.ok) return null
  try {
    const [row] = await session.value.query("SELECT count(*)::int AS n FROM pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type IN ('client backend', 'walsender')")
    return Number(row?.['n'] ?? 0)
  } catch {
    return null
  }
}

/** Those files that the owner may not replace and root may, because their directory is root's. */
async function rootsFiles(context: Parameters<typeof surveyArchivePlace>[0], paths: readonly string[]): Promise<Set<string>> {
  const { host, self, cluster } = context
  const found = new Set<string>()
  if (!self.privileged || cluster.owner.uid === self.uid) return found
  const known = new Map<string, boolean>()
  for (const path of new Set(paths)) {
    const directory = parentOf(await host.realPath(path, { as: cluster.owner }).catch(() => path))
    let roots = known.get(directory)
    if (roots === undefined) {
      const writable = await host.canWriteInto(directory, { as: cluster.owner })
      roots = !writable.ok && writable.code === 'EACCES' && (await host.stat(directory).then(({ uid }) => uid === self.uid, () => false))
      known.set(directory, roots)
    }
    if (roots) found.add(path)
  }
  return found
}
