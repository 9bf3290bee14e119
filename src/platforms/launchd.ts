// launchd's jobs: what their property lists say, and whether they run.
// https://www.manpagez.com/man/5/launchd.plist/, https://ss64.com/mac/launchctl.html
import type { Host } from '../host/host.ts'
import { parseServerOptions } from './command-line.ts'
import { parsePostmasterPid } from './data-directory.ts'
import { pgCtlService, quoted } from './pg-ctl.ts'
import type { Cluster, Command, Note, Service } from './platform.ts'
import { absolute, accountOf, actingFor, directoryOf, entriesOf, ran, statOf, textOf } from './reading.ts'
import type { Survey } from './survey.ts'

export const DAEMONS = '/Library/LaunchDaemons'

interface PropertyList {
  readonly label?: string
  readonly program: readonly string[]
  readonly logFile?: string
  readonly keepAlive: boolean
}

function unescaped(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }
  return text.replaceAll(/&(?:#(\d+)|#x([0-9a-f]+)|(lt|gt|quot|apos|amp));/gi, (_all, decimal?: string, hex?: string, name?: string) =>
    name !== undefined ? named[name.toLowerCase()]! : String.fromCodePoint(decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal)))
}

/** What matters here of a property list in XML, the form in which installers write it. */
export function parsePropertyList(xml: string): PropertyList {
  const text = xml.replaceAll(/<!--.*?-->/gs, '')
  const after = (key: string): string => new RegExp(`<key>${key}</key>\\s*(<(?:string|true|array)\\b.*?)(?=<key>|</dict>)`, 's').exec(text)?.[1] ?? ''
  const strings = (part: string): string[] => [...part.matchAll(/<string>(.*?)<\/string>/gs)].map((found) => unescaped(found[1]!))
  const [label] = strings(after('Label'))
  const [logFile] = strings(after('StandardErrorPath'))
  return {
    program: [...strings(after('Program')), ...strings(after('ProgramArguments')).slice(after('Program') === '' ? 0 : 1)],
    keepAlive: after('KeepAlive').startsWith('<true'),
    ...(label === undefined ? {} : { label }),
    ...(logFile === undefined || logFile === '/dev/null' ? {} : { logFile }),
  }
}

export interface ServerJob {
  /** The property list. */
  readonly file: string
  readonly label: string
  readonly directory: string
  readonly binDir?: string
  readonly logFile?: string
  readonly keepAlive: boolean
}

/** Jobs of a directory that start a PostgreSQL server by its own name. */
export async function serverJobs(host: Host, directory: string): Promise<ServerJob[]> {
  const found: ServerJob[] = []
  for (const { name } of await entriesOf(host, directory)) {
    if (!/postgres|edb/i.test(name) || !name.endsWith('.plist')) continue
    const file = `${directory}/${name}`
    const { label, program, logFile, keepAlive } = parsePropertyList(await textOf(host, file) ?? '')
    const at = program.findIndex((word) => /(^|\/)(postgres|postmaster|edb-postgres)$/.test(word))
    const data = at === -1 ? undefined : parseServerOptions(program.slice(at + 1)).directory
    if (label === undefined || data?.startsWith('/') !== true) continue
    found.push({ file, label, directory: absolute('/', data), keepAlive, ...(program[at]!.startsWith('/') ? { binDir: directoryOf(program[at]!) } : {}), ...(logFile === undefined ? {} : { logFile }) })
  }
  return found
}

export interface JobState {
  /** Undefined while it does not run. */
  readonly pid?: number
}

/** What `launchctl print DOMAIN/LABEL`, or `launchctl list LABEL` of older systems, says of a job. */
export function parseJobState(text: string): JobState {
  // The job's own lines have one tab, those of what belongs to it have more.
  const pid = /^\t(?:pid = |"PID" = )(\d+);?$/m.exec(text)?.[1]
  return pid === undefined ? {} : { pid: Number(pid) }
}

/** A daemon as launchd knows it; undefined where it does not know it. */
export async function daemonState(host: Host, label: string): Promise<JobState | undefined> {
  for (const args of [['print', `system/${label}`], ['list', label]]) {
    const said = await ran(host, 'launchctl', args)
    if (said?.code === 0) return parseJobState(said.stdout)
  }
  return undefined
}

/** The live server of a data directory by its own file, whoever started it. */
export async function livePid({ host, self }: Survey, directory: string): Promise<number | undefined> {
  const info = await statOf(host, directory)
  const acting = info === undefined ? {} : actingFor(self, await accountOf(host, info.uid, info.gid))
  const pid = parsePostmasterPid(await textOf(host, `${directory}/postmaster.pid`, acting) ?? '')?.pid
  return pid !== undefined && pid > 0 && await host.processExists(pid) ? pid : undefined
}

/** For a server that runs although its supervisor has another process, or none: what to type to bring it back. */
export function outsideSupervisor(name: string, pid: number, directory: string, binDir: string | undefined, start: string): Note {
  return { code: 'outside-unit', params: { unit: name, pid, command: `${quoted(binDir === undefined ? 'pg_ctl' : `${binDir}/pg_ctl`)} stop -D ${quoted(directory)} -m fast && ${start}` } }
}

/**
 * The commands for a daemon. launchd itself stops with SIGTERM, for which PostgreSQL waits until every client has gone, and then
 * with SIGKILL: so the server is stopped fast, and launchd starts it, by itself when the job is to be kept alive.
 */
export async function daemonService(cluster: Cluster, host: Host): Promise<Service> {
  const { name } = cluster.service
  const launchctl = (...args: string[]): Command => ({ file: 'launchctl', args: [...args, `system/${name}`], timeoutMs: 60_000 })
  const plain = await pgCtlService(cluster, host)
  const { keepAlive } = parsePropertyList(await textOf(host, `${DAEMONS}/${name}.plist`) ?? '')
  const outside = cluster.notes.some(({ code }) => code === 'outside-unit')
  // A job that is kept alive would start anew between pg_ctl's stop and our start: SIGINT is the fast stop.
  const interrupt: Command = { ...launchctl('kill', 'SIGINT'), tolerate: 'no process to signal' }
  const start = launchctl('kickstart')
  return {
    describe: keepAlive && !outside ? `launchctl kill SIGINT system/${name}` : `pg_ctl stop -D ${quoted(cluster.dataDir)} -m fast && launchctl kickstart system/${name}`,
    restart: keepAlive && !outside ? [interrupt] : [...plain.stop, start],
    start: [start],
    stop: outside || !keepAlive ? plain.stop : [launchctl('bootout')],
    reload: plain.reload,
    needsRoot: true,
  }
}
