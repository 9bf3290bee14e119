// Homebrew's formulae postgresql@NN and the old postgresql, on macOS (either processor) and Linux.
// https://docs.brew.sh/Installation, https://docs.brew.sh/Manpage#services-subcommand, Library/Homebrew/services in Homebrew/brew,
// Formula/p/postgresql@NN.rb in Homebrew/homebrew-core
import type { Account, Acting, Host } from '../host/host.ts'
import { parseServerOptions } from './command-line.ts'
import { parsePgVersion } from './data-directory.ts'
import { DAEMONS, daemonService, daemonState, livePid, outsideSupervisor, serverJobs } from './launchd.ts'
import { pgCtlService } from './pg-ctl.ts'
import type { Cluster, ClusterService, Command, Platform, Service } from './platform.ts'
import { absolute, accountOf, actingFor, directoryOf, entriesOf, ran, statOf, textOf, unlessRefused } from './reading.ts'
import type { Sighting, Survey } from './survey.ts'
import { systemdService } from './systemd-service.ts'

const FORMULA = /^postgresql(@\d+)?$/
/** Compiled into its servers. */
const SOCKETS = ['/tmp']
/** brew is Ruby, and other people's machines are slow. */
const ASK_MS = 30_000
/** A stop waits a minute, or for ever in older versions, and launchd kills what has not ended in time. */
const DRIVE_MS = 240_000
const QUIET = { HOMEBREW_NO_AUTO_UPDATE: '1', HOMEBREW_NO_ENV_HINTS: '1', HOMEBREW_SERVICES_NO_DOMAIN_WARNING: '1' }

export interface BrewService {
  readonly name: string
  readonly status: string
  /** Only `brew services info` tells it. */
  readonly pid?: number
  readonly user?: string
  /** Its property list or unit, where one is registered. */
  readonly file?: string
  /** What `-D` of its command says. */
  readonly directory?: string
  readonly binDir?: string
  readonly logFile?: string
}

/** What `brew services info --all --json` or `brew services list --json` prints; older versions print nothing where there is no service. */
export function parseBrewServices(json: string): BrewService[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return []
  }
  if (!Array.isArray(parsed)) return []
  return (parsed as unknown[]).flatMap((one): BrewService[] => {
    if (typeof one !== 'object' || one === null) return []
    const fields = one as Readonly<Record<string, unknown>>
    const text = (key: string): string | undefined => (typeof fields[key] === 'string' && fields[key] !== '' ? fields[key] : undefined)
    const name = text('name')
    if (name === undefined || !FORMULA.test(name)) return []
    const [user, file, logFile, pid] = [text('user'), text('file'), text('error_log_path') ?? text('log_path'), fields['pid']]
    return [{
      name, status: text('status') ?? 'unknown', ...serverOf(text('command') ?? ''),
      ...(typeof pid === 'number' && pid > 0 ? { pid } : {}),
      ...(user === undefined ? {} : { user }),
      ...(file === undefined ? {} : { file }),
      ...(logFile === undefined ? {} : { logFile }),
    }]
  })
}

/** The server in a shell's command line: `LC_ALL="C" /opt/homebrew/opt/postgresql@17/bin/postgres -D …`. */
function serverOf(command: string): { readonly directory?: string; readonly binDir?: string } {
  const words = [...command.matchAll(/(?:[^\s"'\\]|"[^"]*"|'[^']*'|\\.)+/g)].map(([word]) => word.replaceAll(/"([^"]*)"|'([^']*)'|\\(.)/g, '$1$2$3'))
  const at = words.findIndex((word) => /\/(postgres|postmaster)$/.test(word))
  if (at === -1) return {}
  const { directory } = parseServerOptions(words.slice(at + 1))
  return { binDir: directoryOf(words[at]!), ...(directory?.startsWith('/') === true ? { directory: absolute('/', directory) } : {}) }
}

/** A job that brew's supervisor holds; `none` and `stopped` are formulae that somebody may run by hand. */
function supervised({ status }: BrewService): boolean {
  return status !== 'none' && status !== 'stopped'
}

/** Every prefix with a brew in it: both of macOS can be on one machine. */
async function prefixes(survey: Survey): Promise<string[]> {
  const { host } = survey
  const home = host.env['HOME']
  const usual = host.os === 'darwin' ? ['/opt/homebrew', '/usr/local'] : ['/home/linuxbrew/.linuxbrew', ...(home?.startsWith('/') === true ? [`${home}/.linuxbrew`] : [])]
  const named = host.env['HOMEBREW_PREFIX']
  const found: string[] = []
  for (const prefix of new Set([...(named?.startsWith('/') === true ? [absolute('/', named)] : []), ...usual])) {
    if (await makerOf(host, prefix) !== undefined) found.push(prefix)
  }
  // One that lives elsewhere is on its user's path.
  const brew = await host.which('brew')
  if (brew !== undefined && !found.some((prefix) => brew === `${prefix}/bin/brew`)) {
    for (const user of await usersOf(survey, directoryOf(directoryOf(brew)))) {
      const prefix = (await runBrew(survey, brew, user, ['--prefix']))?.trim()
      if (prefix?.startsWith('/') === true && !found.includes(prefix)) found.push(prefix)
    }
  }
  return found
}

/** Whose a prefix's brew is: the uid. It may be a link, which root does not follow in somebody's directory. */
async function makerOf(host: Host, prefix: string): Promise<number | undefined> {
  const info = await unlessRefused(host.stat(`${prefix}/bin/brew`, { followLinks: false }))
  return info?.kind === 'file' || info?.kind === 'symlink' ? info.uid : undefined
}

/**
 * In whose name brew is asked: our own, but it refuses root. Then in its maker's; and where that is root, in the name of whoever
 * called sudo. Nobody's program runs in the name of somebody else who only happens to be an administrator.
 */
async function usersOf({ host, self }: Survey, prefix: string): Promise<Account[]> {
  if (!self.privileged) return [self]
  const maker = await makerOf(host, prefix)
  const sudo = host.env['SUDO_USER']
  const user = maker === undefined ? undefined : maker !== 0 ? await host.account(maker) : sudo === undefined || sudo === '' ? undefined : await host.account(sudo)
  return user === undefined || user.uid === 0 ? [] : [user]
}

/** Whether a prefix may speak of a directory: what it names will be run in the name of the directory's owner. */
async function maySpeakOf({ host, self }: Survey, prefix: string, { directory }: Sighting): Promise<boolean> {
  if (!self.privileged) return true
  const [maker, info] = [await makerOf(host, prefix), directory === undefined ? undefined : await statOf(host, directory)]
  return maker !== undefined && info !== undefined && (maker === 0 || maker === info.uid)
}

/** How to call brew in somebody's name; never as root. */
function brewCommand(host: Host, privileged: boolean, brew: string, user: Account, args: readonly string[]): { readonly file: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>>; readonly acting: Acting } {
  const env = { ...QUIET, ...(host.os === 'linux' ? { XDG_RUNTIME_DIR: `/run/user/${user.uid}` } : {}) }
  const acting = privileged ? { as: user } : {}
  // On macOS root becomes somebody else through sudo, and below sudo brew looks for services in another domain than the user's own.
  if (privileged && host.os === 'darwin') return { file: '/usr/bin/env', args: ['-u', 'SUDO_USER', '-u', 'SUDO_UID', '-u', 'SUDO_GID', '-u', 'SUDO_COMMAND', brew, ...args], env, acting }
  return { file: brew, args, env, acting }
}

async function runBrew({ host, self }: Survey, brew: string, user: Account, args: readonly string[]): Promise<string | undefined> {
  const { file, args: words, env, acting } = brewCommand(host, self.privileged, brew, user, args)
  const said = await ran(host, file, words, { ...acting, env, timeoutMs: ASK_MS })
  return said?.code === 0 ? said.stdout : undefined
}

/** The services of a prefix as its users see them; undefined where brew gives no answer. */
async function servicesOf(survey: Survey, prefix: string): Promise<BrewService[] | undefined> {
  let answered = false
  const found = new Map<string, BrewService>()
  for (const user of await usersOf(survey, prefix)) {
    // `info` came later than `list`, and says more.
    const said = await runBrew(survey, `${prefix}/bin/brew`, user, ['services', 'info', '--all', '--json']) ?? await runBrew(survey, `${prefix}/bin/brew`, user, ['services', 'list', '--json'])
    if (said === undefined) continue
    answered = true
    for (const one of parseBrewServices(said)) {
      const known = found.get(one.name)
      if (known === undefined || (!supervised(known) && supervised(one))) found.set(one.name, one)
    }
  }
  return answered ? [...found.values()] : undefined
}

async function sightings(survey: Survey): Promise<Sighting[]> {
  const { host } = survey
  if (host.os !== 'darwin' && host.os !== 'linux') return []
  const found = (await Promise.all((await prefixes(survey)).map((prefix) => sightingsBelow(survey, prefix)))).flat()
  if (host.os === 'darwin') found.unshift(...await daemons(survey))
  return found
}

async function sightingsBelow(survey: Survey, prefix: string): Promise<Sighting[]> {
  const { host } = survey
  const found: Sighting[] = []
  const services = await servicesOf(survey, prefix)
  for (const service of services ?? []) found.push(await sightingOfService(survey, prefix, service))
  if (services === undefined) found.push(...await registered(survey, prefix))
  for (const { name } of await entriesOf(host, `${prefix}/var`)) {
    if (name !== 'postgres' && !FORMULA.test(name)) continue
    const directory = `${prefix}/var/${name}`
    const binDir = await programsOf(survey, prefix, directory)
    found.push({
      evidence: { kind: 'known-place', detail: directory }, directory, socketDirs: SOCKETS, logFile: `${prefix}/var/log/${name}.log`, ...(binDir === undefined ? {} : { binDir }),
    })
  }
  const allowed = await Promise.all(found.map((sighting) => maySpeakOf(survey, prefix, sighting)))
  return found.filter((_sighting, at) => allowed[at])
}

/** The old formula was of whatever version was newest: its directory tells which, by name or inside. */
async function programsOf({ host, self }: Survey, prefix: string, directory: string): Promise<string | undefined> {
  const info = await statOf(host, directory)
  const acting = info === undefined ? {} : actingFor(self, await accountOf(host, info.uid, info.gid))
  const major = /@(\d+)$/.exec(directory)?.[1] ?? parsePgVersion(await textOf(host, `${directory}/PG_VERSION`, acting) ?? '')
  for (const name of [...(major === undefined ? [] : [`postgresql@${major}`]), 'postgresql']) {
    if (await statOf(host, `${prefix}/opt/${name}/bin/postgres`, acting) !== undefined) return `${prefix}/opt/${name}/bin`
  }
  return undefined
}

async function sightingOfService(survey: Survey, prefix: string, service: BrewService): Promise<Sighting> {
  const { name, logFile, pid } = service
  const directory = service.directory ?? (name === 'postgresql' && await statOf(survey.host, `${prefix}/var/postgres`) !== undefined ? `${prefix}/var/postgres` : `${prefix}/var/${name}`)
  const binDir = service.binDir ?? `${prefix}/opt/${name}/bin`
  const common = {
    evidence: { kind: 'service', detail: name }, directory, binDir, socketDirs: SOCKETS, logFile: logFile ?? `${prefix}/var/log/${name}.log`,
  } as const
  // One that root's launchd holds is found among the daemons.
  if (!supervised(service) || service.file?.startsWith(`${DAEMONS}/`) === true) return common
  const live = await livePid(survey, directory)
  const outside = live !== undefined && (service.status === 'error' || (pid !== undefined && pid !== live))
  return {
    ...common,
    service: { kind: 'brew', name },
    ...(outside ? { notes: [outsideSupervisor(name, live, directory, binDir, `brew services restart ${name}`)] } : {}),
  }
}

/** Where brew gives no answer, what it left behind tells which services start at login. */
async function registered(survey: Survey, prefix: string): Promise<Sighting[]> {
  const { host } = survey
  const found: Sighting[] = []
  for (const user of await usersOf(survey, prefix)) {
    const home = user.home ?? (survey.self.privileged ? undefined : host.env['HOME'])
    if (home?.startsWith('/') !== true || host.os !== 'darwin') continue
    for (const job of await serverJobs(host, `${home}/Library/LaunchAgents`)) {
      const name = formulaOf(job.label)
      if (name === undefined || !job.directory.startsWith(`${prefix}/`)) continue
      found.push(sightingOfJob(job, { kind: 'brew', name }))
    }
  }
  return found
}

function formulaOf(label: string): string | undefined {
  const name = /^homebrew\.(?:mxcl\.)?(.+)$/.exec(label)?.[1]
  return name !== undefined && FORMULA.test(name) ? name : undefined
}

function sightingOfJob({ file, directory, binDir, logFile }: Awaited<ReturnType<typeof serverJobs>>[number], service: ClusterService | undefined): Sighting {
  return {
    evidence: { kind: 'service', detail: file }, directory, socketDirs: SOCKETS,
    ...(binDir === undefined ? {} : { binDir }), ...(logFile === undefined ? {} : { logFile }), ...(service === undefined ? {} : { service }),
  }
}

/** `sudo brew services start` makes daemons, which are root's to restart. */
async function daemons(survey: Survey): Promise<Sighting[]> {
  const found: Sighting[] = []
  for (const job of await serverJobs(survey.host, DAEMONS)) {
    if (formulaOf(job.label) === undefined) continue
    const state = await daemonState(survey.host, job.label)
    const live = state === undefined ? undefined : await livePid(survey, job.directory)
    found.push({
      ...sightingOfJob(job, state === undefined ? undefined : { kind: 'launchd', name: job.label }),
      ...(live !== undefined && live !== state?.pid ? { notes: [outsideSupervisor(job.label, live, job.directory, job.binDir, `sudo launchctl kickstart system/${job.label}`)] } : {}),
    })
  }
  return found
}

/** The prefix of a cluster, by its programs, else by its directory. */
function prefixOf({ binDir, dataDir }: Cluster): string | undefined {
  return /^(.*)\/(?:opt|Cellar)\/postgresql(?:@\d+)?(?:\/|$)/.exec(binDir ?? '')?.[1] ?? /^(.*)\/var\/postgres(?:ql(?:@\d+)?)?$/.exec(dataDir)?.[1]
}

async function service(cluster: Cluster, host: Host): Promise<Service> {
  const { kind, name } = cluster.service
  if (kind === 'launchd') return daemonService(cluster, host)
  if (kind === 'systemd') return systemdService(cluster, host)
  const plain = await pgCtlService(cluster, host)
  if (kind !== 'brew') return plain
  const prefix = prefixOf(cluster)
  const { privileged } = await host.self()
  const command = (...words: string[]): Command => {
    const { file, args, env } = brewCommand(host, privileged, prefix === undefined ? 'brew' : `${prefix}/bin/brew`, cluster.owner, ['services', ...words, name])
    return { file, args, env, as: cluster.owner, timeoutMs: DRIVE_MS }
  }
  const outside = cluster.notes.some(({ code }) => code === 'outside-unit')
  return {
    describe: `brew services restart ${name}`,
    // Returns before the server is up.
    restart: [...(outside ? plain.stop : []), command('restart')],
    start: [command('start')],
    stop: outside ? plain.stop : [command('stop')],
    reload: plain.reload,
    needsRoot: false,
  }
}

function archiveDirectory(cluster: Cluster): string {
  return `${cluster.dataDir}-wal`
}

export const homebrew: Platform = { id: 'homebrew', sightings, service, archiveDirectory }
