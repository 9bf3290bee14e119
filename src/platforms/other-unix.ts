// Kinds of installation that need no more than a place to look and a service's name: Alpine, FreeBSD, and on macOS
// EDB's installer, Postgres.app and MacPorts. Arch is a unit of systemd like any other, see units.ts.
// https://wiki.alpinelinux.org/wiki/Postgresql_16, main/postgresql-common in alpinelinux/aports;
// databases/postgresql16-server/files/postgresql.in in freebsd/freebsd-ports; EnterpriseDB/edb-installers server/scripts/osx;
// https://postgresapp.com/documentation/; databases/postgresql16-server in macports/macports-ports
import type { Host } from '../host/host.ts'
import { DAEMONS, daemonService, daemonState, livePid, outsideSupervisor, serverJobs } from './launchd.ts'
import { pgCtlService, WAIT_MS } from './pg-ctl.ts'
import type { Cluster, ClusterService, Command, Platform, Service } from './platform.ts'
import { absolute, directoryOf, entriesOf, ran, statOf, textOf } from './reading.ts'
import type { Sighting, Survey } from './survey.ts'
import { parseEnvironmentFile } from './systemd.ts'
import { systemdService } from './systemd-service.ts'

async function sightings(survey: Survey): Promise<Sighting[]> {
  switch (survey.host.os) {
    case 'linux': return named('Alpine', await alpine(survey))
    case 'freebsd': return named('FreeBSD', await freeBsd(survey))
    case 'darwin': return [...named('EDB', await edb(survey)), ...named('Postgres.app', await postgresApp(survey)), ...named('MacPorts', await macPorts(survey))]
    default: return []
  }
}

const named = (product: string, found: readonly Sighting[]): Sighting[] => found.map((sighting) => ({ ...sighting, product }))

// Alpine: OpenRC starts the server with -D /etc/postgresql and names the data directory on the command line.

async function alpine({ host }: Survey): Promise<Sighting[]> {
  const script = '/etc/init.d/postgresql'
  if (!/^#!\S*\bopenrc-run\b/.test(await textOf(host, script) ?? '')) return []
  const variables = parseEnvironmentFile(await textOf(host, '/etc/conf.d/postgresql') ?? '')
  const path = (name: string): string | undefined => (variables.get(name)?.startsWith('/') === true && !variables.get(name)!.includes('$') ? absolute('/', variables.get(name)!) : undefined)
  const home = '/var/lib/postgresql'
  const majors = (await entriesOf(host, home)).map(({ name }) => name).filter((name) => /^\d+$/.test(name))
  const usual = path('data_dir') ?? await defaultDirectory(host, home, majors)
  const configuration = path('conf_dir') ?? '/etc/postgresql'
  const shared = await statOf(host, `${configuration}/postgresql.conf`) !== undefined
  const found: Sighting[] = []
  for (const directory of new Set([...(usual === undefined ? [] : [usual]), ...majors.map((major) => `${home}/${major}/data`)])) {
    const major = /\/(\d+)\/data$/.exec(directory)?.[1]
    const isService = directory === usual
    found.push({
      evidence: isService ? { kind: 'service', detail: script } : { kind: 'known-place', detail: directory },
      dataDir: directory,
      ...(isService ? { service: { kind: 'openrc', name: 'postgresql' }, logFile: path('logfile') ?? '/var/log/postgresql/postmaster.log' } : {}),
      ...(major === undefined ? {} : { binDir: `/usr/libexec/postgresql${major}` }),
      // One directory of configuration, so it is the service's. Older installations have it among the data.
      ...(isService && shared ? { directory: configuration, configFile: `${configuration}/postgresql.conf`, commandLine: [['data_directory', directory]] as const } : {}),
      socketDirs: ['/run/postgresql'],
    })
  }
  return found
}

async function defaultDirectory(host: Host, home: string, majors: readonly string[]): Promise<string | undefined> {
  if (majors.length <= 1) return majors[0] === undefined ? undefined : `${home}/${majors[0]}/data`
  const chosen = (await ran(host, 'pg_versions', ['get-default']))?.stdout.trim() ?? ''
  return /^\d+$/.test(chosen) ? `${home}/${chosen}/data` : undefined
}

// FreeBSD: rc.d starts the server that rc.conf names, else the one of the installed version.

async function freeBsd({ host }: Survey): Promise<Sighting[]> {
  const script = await textOf(host, '/usr/local/etc/rc.d/postgresql')
  const home = '/var/db/postgres'
  const variable = async (name: string): Promise<string> => {
    const said = await ran(host, 'sysrc', ['-n', name])
    return said?.code === 0 ? said.stdout.trim() : ''
  }
  const named = script === undefined ? '' : await variable('postgresql_data')
  const usual = named.startsWith('/') ? absolute('/', named) : /\/var\/db\/postgres\/data\d+/.exec(script ?? '')?.[0]
  const enabled = script !== undefined && /^(yes|true|on|1)$/i.test(await variable('postgresql_enable'))
  const places = (await entriesOf(host, home)).filter(({ name }) => /^data\d+$/.test(name)).map(({ name }) => `${home}/${name}`)
  return [...new Set([...(usual === undefined ? [] : [usual]), ...places])].map((directory) => ({
    evidence: directory === usual ? { kind: 'service', detail: '/usr/local/etc/rc.d/postgresql' } : { kind: 'known-place', detail: directory },
    directory,
    binDir: '/usr/local/bin',
    socketDirs: ['/tmp'],
    ...(directory === usual && enabled ? { service: { kind: 'rc.d', name: 'postgresql' } as const } : {}),
  }))
}

// macOS

/** The sections of a file of `key=value` lines, as EDB's installer writes it. */
export function parseRegistryFile(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>()
  let section: Map<string, string> | undefined
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[(.+)\]\s*$/.exec(line)
    if (header !== null) sections.set(header[1]!, section = new Map())
    const found = header === null ? /^\s*([^=;#\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) : null
    if (found !== null) section?.set(found[1]!, found[2]!)
  }
  return sections
}

async function edb(survey: Survey): Promise<Sighting[]> {
  const { host } = survey
  const places = new Map<string, { readonly binDir?: string; readonly evidence: Sighting['evidence'] }>()
  const file = '/etc/postgres-reg.ini'
  for (const [name, values] of parseRegistryFile(await textOf(host, file) ?? '')) {
    const [directory, base] = [values.get('DataDirectory') ?? '', values.get('InstallationDirectory') ?? '']
    if (directory.startsWith('/')) places.set(absolute('/', directory), { evidence: { kind: 'known-place', detail: `${file} [${name}]` }, ...(base.startsWith('/') ? { binDir: `${absolute('/', base)}/bin` } : {}) })
  }
  for (const { name } of await entriesOf(host, '/Library/PostgreSQL')) {
    const directory = `/Library/PostgreSQL/${name}/data`
    if (/^\d+$/.test(name) && !places.has(directory)) places.set(directory, { evidence: { kind: 'known-place', detail: directory }, binDir: `/Library/PostgreSQL/${name}/bin` })
  }
  const found: Sighting[] = []
  for (const job of await serverJobs(host, DAEMONS)) {
    if (!/^(com\.edb\.launchd\.)?postgresql-\d+$/.test(job.label)) continue
    found.push(await ofDaemon(survey, { kind: 'service', detail: job.file }, job.label, job))
  }
  return [...found, ...[...places].map(([directory, { binDir, evidence }]) => ({ evidence, directory, socketDirs: ['/tmp'], ...(binDir === undefined ? {} : { binDir }) }))]
}

async function ofDaemon(survey: Survey, evidence: Sighting['evidence'], label: string, { directory, binDir, logFile }: { readonly directory: string; readonly binDir?: string; readonly logFile?: string }): Promise<Sighting> {
  const state = await daemonState(survey.host, label)
  const live = state === undefined ? undefined : await livePid(survey, directory)
  return {
    evidence, directory, socketDirs: ['/tmp'],
    ...(binDir === undefined ? {} : { binDir }),
    ...(logFile === undefined ? {} : { logFile }),
    ...(state === undefined ? {} : { service: { kind: 'launchd', name: label } as const }),
    ...(live !== undefined && live !== state?.pid ? { notes: [outsideSupervisor(label, live, directory, binDir, `sudo launchctl kickstart system/${label}`)] } : {}),
  }
}

/** Below the home of each user whom we may look at: the server is the user's own. */
async function postgresApp({ host, self }: Survey): Promise<Sighting[]> {
  const homes = self.privileged ? (await entriesOf(host, '/Users')).map(({ name }) => `/Users/${name}`) : [host.env['HOME'] ?? self.home ?? '']
  const found: Sighting[] = []
  for (const home of homes) {
    if (!home.startsWith('/')) continue
    const parent = `${home}/Library/Application Support/Postgres`
    for (const { name } of await entriesOf(host, parent)) {
      const major = /^var-(\d+)$/.exec(name)?.[1]
      if (major === undefined) continue
      const directory = `${parent}/${name}`
      found.push({
        evidence: { kind: 'known-place', detail: directory }, directory, socketDirs: ['/tmp'], logFile: `${directory}/postgres-server.log`,
        binDir: `/Applications/Postgres.app/Contents/Versions/${major}/bin`,
      })
    }
  }
  return found
}

async function macPorts({ host }: Survey): Promise<Sighting[]> {
  const found: Sighting[] = []
  for (const { name } of await entriesOf(host, '/opt/local/var/db')) {
    const major = /^postgresql(\d+)$/.exec(name)?.[1]
    if (major === undefined) continue
    const directory = `/opt/local/var/db/${name}/defaultdb`
    const port = `${name}-server`
    // A wrapper of MacPorts is launchd's process, so the server itself is never the job's.
    const loaded = await statOf(host, `${DAEMONS}/org.macports.${port}.plist`) !== undefined && await daemonState(host, `org.macports.${port}`) !== undefined
    found.push({
      evidence: { kind: 'known-place', detail: directory }, directory, socketDirs: ['/tmp'], binDir: `/opt/local/lib/${name}/bin`,
      ...(loaded ? { service: { kind: 'launchd', name: port } as const } : {}),
    })
  }
  return found
}

// Restarts

/** The programs that drive a service, with the words that go before and after the verb. */
const DRIVERS: Partial<Record<ClusterService['kind'], (name: string, verb: string) => readonly [file: string, ...args: string[]]>> = {
  openrc: (name, verb) => ['rc-service', name, verb],
  'rc.d': (name, verb) => ['service', name, verb],
}

async function service(cluster: Cluster, host: Host): Promise<Service> {
  const { kind, name } = cluster.service
  if (kind === 'systemd') return systemdService(cluster, host)
  if (kind === 'launchd' && name.startsWith('postgresql') && cluster.dataDir.startsWith('/opt/local/')) return macPortsService(cluster, host)
  if (kind === 'launchd') return daemonService(cluster, host)
  const driver = DRIVERS[kind]
  if (driver === undefined) return pgCtlService(cluster, host)
  const command = (verb: string): Command => {
    const [file, ...args] = driver(name, verb)
    return { file, args, timeoutMs: WAIT_MS }
  }
  const verb = (word: string): readonly Command[] => [command(word)]
  return { describe: driver(name, 'restart').join(' '), restart: verb('restart'), start: verb('start'), stop: verb('stop'), reload: verb('reload'), needsRoot: true }
}

async function macPortsService(cluster: Cluster, host: Host): Promise<Service> {
  const { name } = cluster.service
  const port = (verb: string): Command => ({ file: '/opt/local/bin/port', args: [verb, name], timeoutMs: WAIT_MS })
  const { reload } = await pgCtlService(cluster, host)
  return {
    describe: `port unload ${name} && port load ${name}`, restart: [port('unload'), { ...port('load'), afterServerEnd: true }], start: [port('load')], stop: [port('unload')], reload, needsRoot: true,
  }
}

function archiveDirectory(cluster: Cluster): string {
  return absolute(directoryOf(cluster.dataDir), 'backups/wal')
}

export const otherUnix: Platform = { id: 'other', sightings, service, archiveDirectory }
