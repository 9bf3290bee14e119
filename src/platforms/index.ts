// Every cluster of this machine, once each, from everything that tells of one.
import type { Host } from '../host/host.ts'
import { askVersion, buildCluster } from './cluster.ts'
import type { Traces } from './cluster.ts'
import { parseServerOptions } from './command-line.ts'
import { homebrew } from './homebrew.ts'
import { linuxApt } from './linux-apt.ts'
import { linuxRpm } from './linux-rpm.ts'
import { locate, sightingOfPostmaster } from './locate.ts'
import type { Located } from './locate.ts'
import { containerManager } from './managers.ts'
import { otherUnix } from './other-unix.ts'
import { EVIDENCE_ORDER } from './platform.ts'
import type { Cluster, Note, Platform, Service } from './platform.ts'
import type { Postmaster } from './processes.ts'
import { absolute, accountOf, directoryOf, isAbsolute, realPathOf } from './reading.ts'
import { source } from './source.ts'
import { makeSurvey } from './survey.ts'
import type { Selection, Sighting, Survey } from './survey.ts'
import { windows } from './windows.ts'

export type { Selection } from './survey.ts'

/** In order: a cluster belongs to the first that knows it. `source` takes what is left. */
export const platforms: readonly Platform[] = [linuxApt, linuxRpm, homebrew, otherUnix, windows, source]

/** The adapter of a cluster. */
export function platformOf(cluster: Pick<Cluster, 'platform'>): Platform {
  return platforms.find(({ id }) => id === cluster.platform) ?? source
}

/** What restarts, starts, stops and reloads a cluster, gathered now: the options of a running server are lost with it. */
export function serviceOf(cluster: Cluster, host: Host): Promise<Service> {
  return platformOf(cluster).service(cluster, host)
}

export interface Detection {
  readonly clusters: readonly Cluster[]
  /** About the machine: what could not be seen. */
  readonly notes: readonly Note[]
}

/** An absolute path for what a user typed: relative to our working directory. */
export async function typedPath(host: Host, path: string): Promise<string> {
  // A share, whose name begins with two slashes.
  if (host.os === 'win32' && /^[\\/]{2}/.test(path)) return path.replaceAll('\\', '/')
  return isAbsolute(path) ? absolute('/', path) : await realPathOf(host, path) ?? path
}

/** What the user named is looked at wherever it is. */
async function askedSighting(host: Host, { dataDir, configFile }: Selection): Promise<Sighting | undefined> {
  if (dataDir === undefined && configFile === undefined) return undefined
  const directory = dataDir === undefined ? undefined : await typedPath(host, dataDir)
  const file = configFile === undefined ? undefined : await typedPath(host, configFile)
  return {
    evidence: { kind: 'asked', detail: file ?? directory! },
    ...(directory === undefined ? {} : { directory }),
    ...(file === undefined ? {} : { configFile: file }),
  }
}

/**
 * Groups traces by data directory. Traces of one directory that name different configuration files are different clusters;
 * a trace that names none goes with the most trusted one.
 */
function groupTraces(located: readonly Located[]): Traces[] {
  const rank = ({ sighting }: Located): number => EVIDENCE_ORDER.indexOf(sighting.evidence.kind)
  const groups: { dataKey: string; configKey?: string; traces: [Located, ...Located[]] }[] = []
  for (const trace of [...located].sort((a, b) => Number(a.configKey === undefined) - Number(b.configKey === undefined) || rank(a) - rank(b))) {
    const group = groups.find(({ dataKey, configKey }) => dataKey === trace.dataKey && (trace.configKey === undefined || configKey === undefined || configKey === trace.configKey))
    if (group === undefined) {
      groups.push({ dataKey: trace.dataKey, ...(trace.configKey === undefined ? {} : { configKey: trace.configKey }), traces: [trace] })
      continue
    }
    group.traces.push(trace)
  }
  return groups.map(({ traces }) => {
    const order = [...traces].sort((a, b) => rank(a) - rank(b))
    const platform = platforms.find(({ id }) => traces.some((trace) => trace.platform === id))?.id ?? 'source'
    return order.map((trace) => ({ ...trace, platform })) as unknown as Traces
  })
}

/** Whether a group may be what was asked for. Where its files are is compared later; this saves looking at all others. */
function mayBeMeant(traces: Traces, asked: Selection, place: Located | undefined): boolean {
  if (place !== undefined) return traces[0].dataKey === place.dataKey
  if (asked.id === undefined) return true
  const names = traces.flatMap(({ sighting, dataDir, configFile }) => [sighting.id ?? dataDir, configFile])
  return fitsId(names, asked.id)
}

/** Debian's unit names have a dash where the id has a slash. */
function fitsId(names: readonly string[], id: string): boolean {
  const tidy = id.replace(/(.)\/+$/, '$1')
  return names.some((name) => name === id || name === tidy || (!isAbsolute(name) && name.replace('/', '-') === id))
}

/**
 * Everything that was found, and what could not be seen.
 *
 * @param asked only what fits all of this; what it names is looked at even where nothing else tells of it
 */
export async function detect(host: Host, asked: Selection = {}): Promise<Detection> {
  const survey = await makeSurvey(host, asked)
  const own = await askedSighting(survey.host, asked)
  const place = own === undefined ? undefined : await locate(survey, host.os === 'win32' ? 'windows' : 'source', own)
  if (own !== undefined && place === undefined) return { clusters: [], notes: [] }
  // Programs take a moment to say their version: they are asked while the adapters look around.
  const meant = survey.postmasters.filter(({ cwdKey }) => place === undefined || cwdKey === place.dataKey)
  if (meant.length <= 4) for (const postmaster of meant) void askVersion(survey, postmaster)
  const sightings = (await Promise.all(platforms.filter(({ id }) => (id === 'windows') === (host.os === 'win32')).map(async (platform) => (await platform.sightings(survey)).map((sighting) => [platform.id, sighting] as const)))).flat()
  const located = [...await Promise.all(sightings.map(([platform, sighting]) => locate(survey, platform, sighting, place?.dataKey))), place].filter((one) => one !== undefined)
  const groups = groupTraces(located).filter((traces) => mayBeMeant(traces, asked, place))
  const found = await Promise.all(groups.map((traces) => buildCluster(survey, traces, groups.some((other) => other !== traces && other[0].dataKey === traces[0].dataKey))))
  const clusters = [...distinct(found, groups), ...await Promise.all(survey.postmasters.filter(({ elsewhere, pid }) => elsewhere && !found.some((cluster) => cluster.pid === pid)).map((postmaster) => clusterElsewhere(survey, postmaster)))]
  const notes: Note[] = []
  for (const postmaster of survey.postmasters) {
    if (!postmaster.elsewhere && await sightingOfPostmaster(host, postmaster) === undefined && !found.some(({ pid }) => pid === postmaster.pid)) notes.push({ code: 'postmaster-unidentified', params: { pid: postmaster.pid } })
  }
  return { clusters: (await matching(host, clusters, asked)).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)), notes }
}

/** No two with the same id, and those that share a data directory know of each other. */
function distinct(found: readonly Cluster[], groups: readonly Traces[]): Cluster[] {
  const ids = new Set<string>()
  return found.map((cluster, at) => {
    const id = ids.has(cluster.id) ? cluster.configFile : cluster.id
    ids.add(id)
    const rivals = found.filter((_other, index) => index !== at && groups[index]![0].dataKey === groups[at]![0].dataKey)
    return { ...cluster, id, notes: [...cluster.notes, ...rivals.map(({ configFile }) => ({ code: 'data-directory-shared', params: { directory: cluster.dataDir, config: configFile } }) as const)] }
  })
}

/**
 * A server in a container of its own. Its paths are those in there: they are prefixed so that they lead nowhere here,
 * because a file of the same name out here is another cluster's.
 */
async function clusterElsewhere(survey: Survey, postmaster: Postmaster): Promise<Cluster> {
  const { host } = survey
  const manager = containerManager(postmaster)
  const within = (path: string): string => `${manager.name}:${postmaster.pid}:${path}`
  const { settings, directory } = parseServerOptions(postmaster.argv.slice(1))
  const dataDir = postmaster.cwd ?? directory ?? '?'
  const setting = (name: string): string | undefined => settings.findLast(([key]) => key === name)?.[1]
  const port = Number(setting('port') ?? postmaster.environment.get('PGPORT') ?? 5432)
  const major = Number(/\d+/.exec(postmaster.environment.get('PG_MAJOR') ?? '')?.[0] ?? 0)
  return {
    platform: 'other',
    id: within(dataDir),
    version: postmaster.environment.get('PG_VERSION')?.replace(/-.*/, '') ?? (major === 0 ? '?' : String(major)),
    major,
    dataDir: within(dataDir),
    configFile: within(setting('config_file') ?? `${dataDir}/postgresql.conf`),
    hbaFile: within(setting('hba_file') ?? `${dataDir}/pg_hba.conf`),
    owner: await accountOf(host, postmaster.uid, postmaster.gid),
    port: Number.isInteger(port) ? port : 5432,
    socketDirs: [],
    commandLine: settings,
    running: true,
    pid: postmaster.pid,
    service: { kind: 'unknown', name: manager.name },
    evidence: [{ kind: 'postmaster', detail: String(postmaster.pid) }],
    manager,
    notes: [],
  }
}

/**
 * The clusters of this machine that fit what was asked for, all of them when nothing was, in the order of their ids.
 *
 * @throws HostError only for what concerns the whole machine; a cluster that cannot be read is listed with what is known
 */
export async function detectClusters(host: Host, asked: Selection = {}): Promise<Cluster[]> {
  return [...(await detect(host, asked)).clusters]
}

/** Which cluster a user means. */
export type Choice =
  | { readonly kind: 'one'; readonly cluster: Cluster }
  /** Nothing was said, or more than one fits: the caller reports each, asks, or gives up. */
  | { readonly kind: 'several'; readonly clusters: readonly Cluster[] }
  /** `target`: what was asked for and is not there. */
  | { readonly kind: 'none'; readonly target?: string }

/** The clusters that all parts of a selection fit. */
async function matching(host: Host, clusters: readonly Cluster[], { id, dataDir, configFile }: Selection): Promise<Cluster[]> {
  const data = dataDir === undefined ? undefined : await placeOf(host, await typedPath(host, dataDir))
  const config = configFile === undefined ? undefined : await placeOf(host, await typedPath(host, configFile))
  const fits = await Promise.all(clusters.map(async (cluster) => {
    if (id !== undefined && !fitsId([cluster.id, cluster.dataDir], id)) return false
    if (data !== undefined && data !== await placeOf(host, cluster.dataDir) && data !== await placeOf(host, directoryOf(cluster.configFile))) return false
    return config === undefined || config === await placeOf(host, cluster.configFile)
  }))
  return clusters.filter((_cluster, at) => fits[at])
}

/** A name for comparing places: without links, where we may look. A container's is compared as it stands. */
async function placeOf(host: Host, path: string): Promise<string> {
  if (!path.startsWith('/') && host.os !== 'win32') return path
  return await realPathOf(host, path) ?? path
}

/**
 * Which of the clusters is meant: by `--cluster`, `-D` and `--config-file` (all that are given must fit), else by PGDATA or
 * Debian's PGCLUSTER where they fit one, else the only one.
 */
export async function chooseCluster(host: Host, clusters: readonly Cluster[], selection: Selection = {}): Promise<Choice> {
  const target = selection.id ?? selection.dataDir ?? selection.configFile
  if (target !== undefined) {
    const found = await matching(host, clusters, selection)
    if (found.length === 0) return { kind: 'none', target }
    return found.length === 1 ? { kind: 'one', cluster: found[0]! } : { kind: 'several', clusters: found }
  }
  if (clusters.length === 0) return { kind: 'none' }
  const { PGDATA, PGCLUSTER } = host.env
  for (const hint of [...(PGDATA === undefined || PGDATA === '' ? [] : [{ dataDir: PGDATA }]), ...(PGCLUSTER === undefined || PGCLUSTER === '' ? [] : [{ id: PGCLUSTER }])]) {
    const found = await matching(host, clusters, hint)
    if (found.length === 1) return { kind: 'one', cluster: found[0]! }
  }
  return clusters.length === 1 ? { kind: 'one', cluster: clusters[0]! } : { kind: 'several', clusters }
}

/** A place for the archive that no other cluster uses. `usedByOthers`: their archive directories. */
export function archiveDirectoryFor(cluster: Cluster, usedByOthers: readonly string[]): string {
  const usual = platformOf(cluster).archiveDirectory(cluster)
  const used = new Set(usedByOthers.map((path) => path.replace(/(.)\/+$/, '$1')))
  if (!used.has(usual)) return usual
  const parent = directoryOf(usual)
  const name = (isAbsolute(cluster.id) ? cluster.dataDir.slice(cluster.dataDir.lastIndexOf('/') + 1) : cluster.id).replaceAll('/', '-')
  for (let number = 1; ; number++) {
    const directory = `${parent}/${name}-wal${number === 1 ? '' : `-${number}`}`
    if (!used.has(directory)) return directory
  }
}
