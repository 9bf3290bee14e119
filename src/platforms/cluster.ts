// All that is known of one cluster, from every trace of it: the most trusted first.
import { hostFileSource } from '../host/file-source.ts'
import type { Account, Acting, Host } from '../host/host.ts'
import { readConfiguration } from '../postgres/conf/index.ts'
import type { Configuration } from '../postgres/conf/index.ts'
import { parseServerOptions } from './command-line.ts'
import type { Pairs } from './command-line.ts'
import { parseCurrentLogfiles, parsePostmasterOpts, parsePostmasterPid, parseSocketDirectories } from './data-directory.ts'
import type { PostmasterPid } from './data-directory.ts'
import { ANY_MAJOR } from './locate.ts'
import type { Located } from './locate.ts'
import { managerOf } from './managers.ts'
import { EVIDENCE_ORDER } from './platform.ts'
import type { Cluster, ClusterService, Evidence, Note } from './platform.ts'
import { quoted } from './pg-ctl.ts'
import { outputFile } from './processes.ts'
import type { Postmaster } from './processes.ts'
import { absolute, accountOf, actingFor, directoryOf, isAbsolute, ran, statOf, textOf } from './reading.ts'
import type { Survey } from './survey.ts'
import { showUnits, unitOfCgroup } from './systemd.ts'
import { programOfProcess } from './windows-services.ts'

const DEFAULT_PORT = 5432

/** Traces of one cluster, most trusted first. */
export type Traces = readonly [Located, ...Located[]]

function firstOf<T>(traces: Traces, get: (trace: Located) => T | undefined): T | undefined {
  for (const trace of traces) {
    const value = get(trace)
    if (value !== undefined) return value
  }
  return undefined
}

interface Life {
  readonly running: boolean
  readonly pid?: number
  readonly postmaster?: Postmaster
  /** postmaster.pid, when it is this server's. */
  readonly file?: PostmasterPid
  readonly evidence: readonly Evidence[]
  readonly notes: readonly Note[]
}

/** Whether the server of this data directory runs: a process that lives there, not what a file says. */
async function lifeOf(survey: Survey, traces: Traces, acting: Acting, contested: boolean): Promise<Life> {
  const { host } = survey
  const { dataDir, dataKey } = traces[0]
  const path = `${dataDir}/postmaster.pid`
  const file = parsePostmasterPid(await textOf(host, path, acting) ?? '')
  const postmaster = firstOf(traces, ({ sighting }) => sighting.postmaster)
    ?? (contested ? undefined : survey.postmasters.find(({ cwdKey }) => cwdKey === dataKey))
    ?? survey.postmasters.find(({ cwdKey, pid, elsewhere }) => !elsewhere && cwdKey === undefined && pid === file?.pid)
  const evidence: Evidence[] = [{ kind: 'postmaster.pid', detail: path }]
  if (postmaster !== undefined) {
    // In a container a process has another number in there.
    const own = file !== undefined && (file.pid === postmaster.pid || postmaster.elsewhere)
    return { running: true, pid: postmaster.pid, postmaster, evidence: own ? evidence : [], notes: [], ...(own ? { file } : {}) }
  }
  if (file !== undefined && file.pid > 0) {
    const alive = await host.processExists(file.pid)
    const program = alive && host.os === 'win32' ? await programOfProcess(host, file.pid) : undefined
    const another = program !== undefined && program !== 'postgres.exe' && program !== 'edb-postgres.exe'
    if (alive && !another && !survey.complete) return { running: true, pid: file.pid, file, evidence, notes: [] }
    // Another configuration of the same directory may be the one that runs.
    if (alive && survey.postmasters.some(({ pid, cwdKey }) => pid === file.pid && cwdKey === dataKey)) return { running: false, evidence: [], notes: [] }
    return { running: false, evidence: [], notes: [{ code: alive ? 'reused-pid' : 'stale-pid-file', params: { file: path, pid: file.pid } }] }
  }
  const told = !survey.complete && traces.some(({ sighting }) => sighting.running === true)
  return { running: told, evidence: [], notes: [] }
}

function majorInPath(binDir: string | undefined): number | undefined {
  const found = /(?:\/postgresql\/(\d+)\/bin|\/pgsql-(\d+)\/bin|\/postgresql@?(\d+)(?:\/bin)?)$/i.exec(binDir ?? '')
  return found === null ? undefined : Number(found[1] ?? found[2] ?? found[3])
}

/** What `postgres --version` says; never run as root, because a cluster's programs may be its owner's. */
async function versionOf(survey: Survey, owner: Account, binDir: string): Promise<string | undefined> {
  if (survey.self.privileged && owner.uid === survey.self.uid && survey.host.os !== 'win32') return undefined
  const key = `${owner.uid} ${binDir}`
  let said = survey.versions.get(key)
  if (said === undefined) {
    said = ran(survey.host, `${binDir}/postgres`, ['--version'], actingFor(survey.self, owner)).then((result) => result?.stdout ?? '')
    survey.versions.set(key, said)
  }
  return /^(?:postgres|edb-postgres) \([^)]*\) (\d+(?:\.\d+)*\w*)/.exec(await said)?.[1]
}

/** Has the programs of a running server say their version before it is needed; whoever needs it waits for the same answer. */
export async function askVersion(survey: Survey, { exe, uid, elsewhere }: Postmaster): Promise<void> {
  if (exe === undefined || elsewhere) return
  const info = await statOf(survey.host, exe)
  if (info !== undefined) await versionOf(survey, await accountOf(survey.host, uid, -1), directoryOf(exe)).catch(() => undefined)
}

interface Programs { readonly binDir?: string; readonly version?: string }

/** The programs of a cluster: those that run it, else those that ran it last, else those of its version in the usual places. */
async function programsOf(survey: Survey, owner: Account, running: string | undefined, others: readonly (string | undefined)[], major: number | undefined): Promise<Programs> {
  if (running !== undefined) {
    const version = await versionOf(survey, owner, running)
    return { binDir: running, ...(version === undefined ? {} : { version }) }
  }
  const usual = major === undefined ? [] : [
    `/usr/lib/postgresql/${major}/bin`, `/usr/pgsql-${major}/bin`, `/usr/lib/postgresql${major}/bin`, `/usr/libexec/postgresql${major}`,
    `/usr/local/pgsql-${major}/bin`, '/usr/local/pgsql/bin', '/usr/local/bin', '/usr/bin',
  ]
  const program = survey.host.os === 'win32' ? 'postgres.exe' : 'postgres'
  for (const binDir of new Set([...others, ...usual])) {
    if (binDir === undefined || (await statOf(survey.host, `${binDir}/${program}`, actingFor(survey.self, owner)))?.kind !== 'file') continue
    const version = await versionOf(survey, owner, binDir)
    if (version === undefined) {
      if (major !== undefined && majorInPath(binDir) === major) return { binDir }
    } else if (major === undefined || Number.parseInt(version, 10) === major) return { binDir, version }
  }
  return {}
}

/** Another place with pg_hba.conf: relative names count from where the server was started, which may be unknown. */
async function hbaFileOf(host: Host, acting: Acting, configured: string | undefined, fallback: string, bases: readonly (string | undefined)[]): Promise<string> {
  if (configured === undefined || configured === '') return fallback
  if (configured.startsWith('/')) return configured
  if (host.os === 'win32') return absolute(directoryOf(fallback), configured.replaceAll('\\', '/'))
  for (const base of bases) {
    if (base?.startsWith('/') === true && await statOf(host, absolute(base, configured), acting) !== undefined) return absolute(base, configured)
  }
  return absolute(directoryOf(fallback), configured)
}

/** Where `-D` says; for a server that is down, it may be said otherwise at its next start. */
async function usualHbaFile(host: Host, acting: Acting, directories: readonly string[]): Promise<string> {
  for (const directory of directories) if (await statOf(host, `${directory}/pg_hba.conf`, acting) !== undefined) return `${directory}/pg_hba.conf`
  return `${directories[0]!}/pg_hba.conf`
}

async function socketDirsOf(survey: Survey, parts: { acting: Acting; dataDir: string; directory: string; configFile: string; file: PostmasterPid | undefined; configured: string | undefined; compiled: readonly string[] | undefined; readable: boolean; binDir: string | undefined }): Promise<string[]> {
  const { dataDir, file, configured, compiled, readable, binDir, acting } = parts
  // Servers there may have one, but no program looks for it.
  if (survey.host.os === 'win32') return []
  const fromFile = file?.socketDir === undefined ? undefined : absolute(dataDir, file.socketDir)
  if (configured !== undefined) {
    const named = parseSocketDirectories(configured, dataDir)
    // Changed since the start: the server still has the old one.
    return fromFile === undefined || named.includes(fromFile) ? named : [fromFile]
  }
  if (fromFile !== undefined) return [...new Set([fromFile, ...(compiled?.includes(fromFile) === true ? compiled : [])])]
  if (file !== undefined && file.port !== undefined) return []
  if (compiled !== undefined) return [...compiled]
  if (readable && binDir !== undefined && (acting.as !== undefined || !survey.self.privileged)) {
    const asked = await ran(survey.host, `${binDir}/postgres`, ['-C', 'unix_socket_directories', '-D', parts.directory, '-c', `config_file=${parts.configFile}`, '-c', `data_directory=${dataDir}`], acting)
    if (asked?.code === 0) return parseSocketDirectories(asked.stdout.trim(), dataDir)
  }
  return /^\/usr\/(lib|libexec)\//.test(binDir ?? '') ? ['/var/run/postgresql'] : ['/tmp']
}

function portFrom(value: string | undefined): number | undefined {
  const text = value?.trim() ?? ''
  const port = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(/^0\d/.test(text) ? `0o${text.slice(1)}` : text) : Number.NaN
  return Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined
}

async function logFileOf(host: Host, acting: Acting, dataDir: string, configuration: Configuration | undefined, postmaster: Postmaster | undefined, told: string | undefined): Promise<string | undefined> {
  const current = parseCurrentLogfiles(await textOf(host, `${dataDir}/current_logfiles`, acting) ?? '')
  if (current !== undefined && /^(on|true|yes|1|t|y)/i.test(configuration?.get('logging_collector')?.value ?? 'off')) return absolute(dataDir, current)
  const output = postmaster === undefined ? undefined : await outputFile(host, postmaster.pid, acting)
  return output !== undefined && output !== '/dev/null' ? output : told
}

/** The service of a cluster, and what is wrong between the two. */
async function serviceOf(survey: Survey, traces: Traces, dataDir: string, life: Life, owner: Account, binDir: string | undefined): Promise<{ readonly service: ClusterService; readonly notes: Note[] }> {
  const told = firstOf(traces, ({ sighting }) => sighting.service)
  const { postmaster } = life
  const unit = survey.systemd && postmaster !== undefined ? unitOfCgroup(postmaster.cgroup) : undefined
  if (told === undefined) {
    if (unit?.user !== undefined && /postgres|pgsql/.test(unit.name)) return { service: { kind: 'systemd', name: unit.name, userManager: unit.user }, notes: [] }
    if (unit !== undefined && unit.user === undefined) {
      // Whatever was started from a shell below a service (cron, a CI agent) is in its control group too.
      const shown = (await showUnits(survey.host, [`${unit.name}.service`], ['MainPID'])).get(`${unit.name}.service`)
      if (shown?.get('MainPID') === String(postmaster!.pid)) return { service: { kind: 'systemd', name: unit.name }, notes: [] }
    }
    return { service: { kind: 'pg_ctl', name: dataDir }, notes: [] }
  }
  if (told.kind !== 'systemd' || postmaster === undefined || told.userManager !== undefined) return { service: told, notes: [] }
  const state = (await showUnits(survey.host, [`${told.name}.service`], ['ActiveState'])).get(`${told.name}.service`)?.get('ActiveState')
  const notes: Note[] = []
  const outside = unit?.name !== told.name || unit.user !== undefined
  // For people to type; systemd would not stop what it did not start.
  const program = binDir === undefined ? 'pg_ctl' : `${binDir}/pg_ctl`
  const stop = outside ? `runuser -u ${owner.name} -- ${quoted(program)} stop -D ${quoted(dataDir)} -m fast && ` : ''
  const command = `${stop}systemctl reset-failed ${told.name}${outside ? ` && systemctl start ${told.name}` : ''}`
  if (outside) notes.push({ code: 'outside-unit', params: { unit: told.name, pid: postmaster.pid, command } })
  if (state === 'failed') notes.push({ code: 'unit-failed', params: { unit: told.name, command } })
  return { service: told, notes }
}

/**
 * Makes one cluster of its traces. Never refuses: what cannot be seen has a note, and the default where there is one.
 *
 * @param contested whether another configuration file claims the same data directory, so that a process there is this cluster's only when its own trace says so
 */
export async function buildCluster(survey: Survey, traces: Traces, contested: boolean): Promise<Cluster> {
  const { host, self } = survey
  const { dataDir } = traces[0]
  const notes: Note[] = traces.flatMap(({ sighting }) => sighting.notes ?? [])
  const main = traces.find(({ configKey }) => configKey !== undefined) ?? traces[0]
  const { configFile } = main
  const directory = main.configKey === undefined ? dataDir : main.directory
  const configInfo = await statOf(host, configFile)
  const process = firstOf(traces, ({ sighting }) => sighting.postmaster)
  const owner = firstOf(traces, ({ sighting }) => sighting.owner) ?? firstOf(traces, (trace) => trace.owner) ?? (process !== undefined ? await accountOf(host, process.uid, process.gid) : undefined) ?? (configInfo === undefined ? self : await accountOf(host, configInfo.uid, configInfo.gid))
  const acting = actingFor(self, owner)

  const life = await lifeOf(survey, traces, acting, contested)
  const { postmaster, file } = life
  notes.push(...life.notes)

  const last = postmaster === undefined ? parsePostmasterOpts(await textOf(host, `${dataDir}/postmaster.opts`, acting) ?? '') : undefined
  const commandLine: Pairs = postmaster !== undefined
    ? parseServerOptions(postmaster.argv.slice(1)).settings
    : firstOf(traces, ({ sighting }) => sighting.commandLine) ?? (last === undefined ? [] : parseServerOptions(last.args).settings)

  const running = postmaster === undefined ? undefined : firstOf(traces, ({ sighting }) => (sighting.postmaster === undefined ? undefined : sighting.binDir))
  const told = firstOf(traces, ({ sighting }) => (sighting.postmaster === undefined ? sighting.binDir : undefined))
  const lastPrograms = last !== undefined && isAbsolute(last.program) ? directoryOf(last.program.replaceAll('\\', '/')) : undefined
  const known = firstOf(traces, (trace) => trace.major) ?? firstOf(traces, ({ sighting }) => sighting.major) ?? majorInPath(running)
  const programs = await programsOf(survey, owner, running, [told, lastPrograms], known)
  const major = known ?? (programs.version === undefined ? majorInPath(programs.binDir) ?? 0 : Number.parseInt(programs.version, 10))
  if (major === 0) notes.push({ code: 'version-unknown', params: { directory: dataDir } })
  else if (programs.binDir === undefined) notes.push({ code: 'binaries-missing', params: { major } })
  // A newer file in place of the one that runs tells nothing about what runs, but no other major.
  const version = programs.version !== undefined && Number.parseInt(programs.version, 10) === major ? programs.version : major === 0 ? '?' : String(major)

  const configuration = await readConfiguration(hostFileSource(host, acting.as), { configFile, dataDir: directory, major: major === 0 ? ANY_MAJOR : major, commandLine, windows: host.os === 'win32' })
  if (!configuration.files.some(({ path }) => path === configFile)) notes.push({ code: configInfo === undefined && traces.every(({ content }) => content !== 'hidden') ? 'config-missing' : 'config-unreadable', params: { file: configFile } })
  if (traces.every(({ content }) => content === 'hidden')) notes.push({ code: 'data-unreadable', params: { directory: dataDir } })
  const value = (name: string): string | undefined => configuration.get(name)?.value

  const product = firstOf(traces, ({ sighting }) => sighting.product)
  const supervisor = firstOf(traces, ({ sighting }) => sighting.supervisor)
  const hba = async (): Promise<string> => {
    const fallback = firstOf(traces, ({ sighting }) => sighting.hbaFile) ?? await usualHbaFile(host, acting, postmaster === undefined ? [directory, directoryOf(configFile)] : [directory])
    return hbaFileOf(host, acting, value('hba_file'), fallback, [postmaster?.environment.get('PWD'), dataDir, directoryOf(configFile)])
  }
  const [hbaFile, { service, notes: serviceNotes }, logFile, manager, socketDirs] = await Promise.all([
    hba(),
    serviceOf(survey, traces, dataDir, life, owner, programs.binDir),
    logFileOf(host, acting, dataDir, configuration, postmaster, firstOf(traces, ({ sighting }) => sighting.logFile)),
    managerOf({
      host, acting, dataDir, configFile, configuration,
      ...(postmaster === undefined ? {} : { postmaster }),
      ...(supervisor === undefined ? {} : { supervisor }),
    }),
    socketDirsOf(survey, {
      acting, dataDir, directory, configFile, file, configured: value('unix_socket_directories'),
      compiled: firstOf(traces, ({ sighting }) => sighting.socketDirs), readable: traces.some(({ content }) => content === 'cluster'), binDir: programs.binDir,
    }),
  ])
  notes.push(...serviceNotes)
  const port = file?.port ?? portFrom(value('port')) ?? portFrom(postmaster?.environment.get('PGPORT'))
  return {
    platform: traces[0].platform,
    ...(product === undefined ? {} : { product }),
    id: firstOf(traces, ({ sighting }) => sighting.id) ?? dataDir,
    version,
    major,
    ...(programs.binDir === undefined ? {} : { binDir: programs.binDir }),
    dataDir,
    configFile,
    hbaFile,
    owner,
    port: port ?? DEFAULT_PORT,
    ...(port === undefined && notes.some(({ code }) => code === 'config-unreadable') ? { portGuessed: true } : {}),
    socketDirs,
    commandLine,
    running: life.running,
    ...(life.pid === undefined ? {} : { pid: life.pid }),
    service,
    ...(logFile === undefined ? {} : { logFile }),
    evidence: sortEvidence([...traces.map(({ sighting }) => sighting.evidence), ...life.evidence]),
    ...(manager === undefined ? {} : { manager }),
    notes,
  }
}

function sortEvidence(evidence: readonly Evidence[]): Evidence[] {
  const seen = new Map(evidence.map((one) => [`${one.kind} ${one.detail}`, one]))
  return [...seen.values()].sort((a, b) => EVIDENCE_ORDER.indexOf(a.kind) - EVIDENCE_ORDER.indexOf(b.kind))
}
