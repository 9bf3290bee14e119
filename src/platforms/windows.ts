// PostgreSQL on Windows: EDB's installer (Chocolatey and winget run it, too), services registered by hand, and unpacked archives.
// https://www.postgresql.org/download/windows/, https://www.postgresql.org/docs/current/app-pg-ctl.html (register),
// https://learn.microsoft.com/en-us/troubleshoot/windows-server/networking/net-commands-on-operating-systems
import type { Host } from '../host/host.ts'
import { parsePostmasterPid } from './data-directory.ts'
import { WAIT_MS } from './pg-ctl.ts'
import type { Cluster, Command, Note, Platform, Service } from './platform.ts'
import { entriesOf, textOf } from './reading.ts'
import type { Sighting, Survey } from './survey.ts'
import { registeredInstallations, registeredServices } from './windows-registry.ts'
import type { RegisteredService } from './windows-registry.ts'
import { forward, parseServiceCommand, runningDependents, serviceAccount, serviceState, STOPPED } from './windows-services.ts'

/** As long as the service manager may hold a service that has stopped, or takes orders for another one. */
const MANAGER_BUSY_MS = 60_000
/** `net helpmsg` numbers stand in its output in every language: 2182 already started, 2189 starting or stopping right now. */
const BUSY = String.raw`\b(2182|2189)\b|already running`
/** 3521: not started. */
const NOT_STARTED = String.raw`\b3521\b|not (been )?started`
/** Seconds for a server to come up or go down. */
const WAIT = ['-w', '-t', '600']

async function sightings({ host }: Survey): Promise<Sighting[]> {
  if (host.os !== 'win32') return []
  const services = await registeredServices(host, (imagePath) => /pg_ctl/i.test(imagePath))
  const found: Sighting[] = []
  for (const service of services) {
    const seen = await sightingOfService(host, service)
    if (seen !== undefined) found.push(seen)
  }
  for (const { name, baseDirectory, dataDirectory } of await registeredInstallations(host)) {
    found.push({ evidence: { kind: 'known-place', detail: `HKLM\\SOFTWARE\\PostgreSQL\\Installations\\${name}` }, directory: forward(dataDirectory), binDir: `${forward(baseDirectory)}/bin` })
  }
  for (const directory of await knownPlaces(host)) found.push({ evidence: { kind: 'known-place', detail: directory }, directory })
  const pgdata = forward(host.env['PGDATA'] ?? '')
  if (/^[A-Za-z]:\//.test(pgdata)) found.push({ evidence: { kind: 'PGDATA', detail: pgdata }, directory: pgdata })
  return found
}

async function sightingOfService(host: Host, { name, imagePath, account }: RegisteredService): Promise<Sighting | undefined> {
  const command = parseServiceCommand(imagePath, host.env)
  if (command === undefined) return undefined
  const { directory, binDir, settings } = command
  return {
    evidence: { kind: 'service', detail: name },
    id: name,
    directory,
    ...(binDir === undefined ? {} : { binDir }),
    ...(settings.length === 0 ? {} : { commandLine: settings }),
    owner: serviceAccount(account, host.env['COMPUTERNAME'] ?? host.hostName()),
    service: { kind: 'windows', name },
    notes: await outsideService(host, name, directory, binDir),
  }
}

/** A server that somebody started with pg_ctl although it has a service: the service manager calls that stopped. */
async function outsideService(host: Host, name: string, directory: string, binDir: string | undefined): Promise<Note[]> {
  const pid = parsePostmasterPid(await textOf(host, `${directory}/postmaster.pid`) ?? '')?.pid
  if (pid === undefined || pid <= 0 || !await host.processExists(pid) || await serviceState(host, name) !== STOPPED) return []
  const stop = `"${binDir === undefined ? 'pg_ctl' : `${binDir}/pg_ctl`}" stop -D "${directory}" -m fast`
  return [{ code: 'outside-unit', params: { unit: name, pid, command: `${stop} && net start "${name}"` } }]
}

async function knownPlaces(host: Host): Promise<string[]> {
  const places: string[] = []
  for (const variable of ['ProgramFiles', 'ProgramW6432']) {
    const base = `${forward(host.env[variable] ?? 'C:/Program Files')}/PostgreSQL`
    for (const { name } of await entriesOf(host, base)) if (/^\d+$/.test(name)) places.push(`${base}/${name}/data`)
  }
  const home = forward(host.env['USERPROFILE'] ?? '')
  if (home !== '') places.push(`${home}/scoop/apps/postgresql/current/data`)
  return [...new Set(places)]
}

async function service(cluster: Cluster, host: Host): Promise<Service> {
  const { binDir, dataDir } = cluster
  const program = binDir === undefined ? 'pg_ctl' : `${binDir}/pg_ctl`
  const pgCtl = (...args: string[]): Command => ({ file: program, args: [...args, '-D', dataDir], timeoutMs: WAIT_MS })
  const reload = [pgCtl('reload')]
  if (cluster.service.kind !== 'windows') {
    // pg_ctl hands its own output on to the server, which would hold it for ever: so it writes to a file of its own.
    const log = ['-l', cluster.logFile ?? `${dataDir}/server.log`]
    return {
      describe: `pg_ctl restart -D "${dataDir}" -m fast`,
      restart: [pgCtl('restart', ...WAIT, '-m', 'fast', ...log)],
      start: [pgCtl('start', ...WAIT, ...log)],
      stop: [pgCtl('stop', ...WAIT, '-m', 'fast')],
      reload,
      needsRoot: false,
    }
  }
  const { name } = cluster.service
  const net = (...args: string[]): Command => ({ file: 'net', args, timeoutMs: WAIT_MS })
  // pg_ctl tells the manager that the service has stopped when it has waited long enough, not when the server is gone.
  const start: Command = { ...net('start', name), afterServerEnd: true, tryAgain: { when: BUSY, forMs: MANAGER_BUSY_MS } }
  const outside = cluster.notes.some(({ code }) => code === 'outside-unit')
  const dependents = outside ? [] : await runningDependents(host, name)
  // `/y` answers the question whether what depends on it shall stop, too. Nobody starts that again but we.
  const yes = dependents?.length === 0 ? [] : ['/y']
  const stop: Command = outside ? pgCtl('stop', ...WAIT, '-m', 'fast') : { ...net('stop', name, ...yes), tolerate: NOT_STARTED }
  const after = (dependents ?? []).map((one): Command => ({ ...net('start', one), tolerate: BUSY }))
  return {
    describe: `net stop ${[`"${name}"`, ...yes].join(' ')} && net start "${name}"`,
    restart: [stop, start, ...after],
    start: [start],
    stop: [stop],
    reload,
    needsRoot: true,
  }
}

/** Not in a user's profile and not on a mapped drive, which the service's account has none of. */
function archiveDirectory(): string {
  return 'C:/pg_backups/wal'
}

export const windows: Platform = { id: 'windows', sightings, service, archiveDirectory }
