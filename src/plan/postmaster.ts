// Who runs on the data directory, by postmaster.pid, and whether it lets anybody in.
// https://github.com/postgres/postgres/blob/master/src/include/utils/pidfile.h
import { codeOf } from '../errors.ts'
import type { Connection } from '../host/host.ts'
import { SERVER_PROGRAMS } from '../platforms/processes.ts'
import { fileOfDescriptor } from '../platforms/ps.ts'
import { ran, sameKey, statOf } from '../platforms/reading.ts'
import { asOwner } from './server-context.ts'
import type { ServerContext } from './server-context.ts'

export interface Postmaster {
  readonly pid: number
  /** Seconds since 1970. */
  readonly started: number
  readonly port: number
  /** Empty where there is none. */
  readonly socketDir: string
  readonly listen: string
  /** `starting`, `stopping`, `ready`, or `standby`: up, but closed to everybody (hot_standby off). Empty in the first moments. */
  readonly status: string
}

type Looking = Pick<ServerContext, 'host' | 'cluster' | 'self'>

/** The live postmaster of the cluster, or undefined when none runs. */
export async function readPostmaster(context: Looking): Promise<Postmaster | undefined> {
  const { host, cluster } = context
  let lines: string[]
  try {
    const bytes = await host.read(`${cluster.dataDir}/postmaster.pid`, { ...asOwner(context), limit: 65_536 })
    lines = new TextDecoder('latin1').decode(bytes).split('\n')
  } catch (error) {
    // It is written in place: a moment later it can be read. On Windows a file that is being deleted cannot be opened any more.
    if (codeOf(error) === 'ENOENT' || (host.os === 'win32' && ['EPERM', 'EBUSY'].includes(codeOf(error)))) return undefined
    throw error
  }
  const [pid, , started, port, socketDir, listen, , status] = lines
  const found = {
    pid: Number(pid), started: Number(started), port: Number(port ?? ''), socketDir: socketDir ?? '', listen: listen ?? '', status: (status ?? '').trim(),
  }
  if (!Number.isInteger(found.pid) || found.pid <= 0) return undefined
  return (await host.processExists(found.pid)) && (await livesThere(context, found.pid)) ? found : undefined
}

/** After a crash the number in the file may be that of another process, even of another cluster's server, which must not get our signals. True where it cannot be seen. */
async function livesThere(context: Looking, pid: number): Promise<boolean> {
  const { host, cluster } = context
  if (host.os === 'win32') return true
  const as = asOwner(context)
  if (host.os !== 'linux') {
    const program = (await ran(host, 'ps', ['-o', 'comm=', '-p', String(pid)]))?.stdout.trim() ?? ''
    if (program !== '' && !SERVER_PROGRAMS.has(program.slice(program.lastIndexOf('/') + 1))) return false
  }
  const seen = host.os === 'linux' ? `/proc/${pid}/cwd` : await fileOfDescriptor(host, pid, 'cwd')
  const at = seen === undefined ? undefined : await statOf(host, seen) ?? await statOf(host, seen, as)
  const own = at === undefined ? undefined : await statOf(host, cluster.dataDir, as)
  return at === undefined || own === undefined || sameKey(at) === sameKey(own)
}

export function samePostmaster(a: Pick<Postmaster, 'pid' | 'started'> | null | undefined, b: Pick<Postmaster, 'pid' | 'started'> | null | undefined): boolean {
  return a !== null && a !== undefined && b !== null && b !== undefined && a.pid === b.pid && a.started === b.started
}

/** cannot_connect_now, admin_shutdown, crash_shutdown: nobody is let in at the moment. */
const NOT_NOW = ['57P03', '57P01', '57P02']

/**
 * Whether the server answers those who knock. It may answer no: that is a matter of its rules, not of its being up.
 * Undefined where it listens nowhere that we know of.
 */
async function answers(context: Looking, postmaster: Postmaster): Promise<boolean | undefined> {
  const { socketDir, port, listen } = postmaster
  const host = socketDir.startsWith('/') ? socketDir : listen === '' ? undefined : ['*', '0.0.0.0', 'localhost'].includes(listen) ? '127.0.0.1' : listen === '::' ? '::1' : listen
  if (host === undefined || !Number.isInteger(port) || port <= 0) return undefined
  const connection: Connection = { host, port, user: context.cluster.owner.name, database: 'postgres', timeoutMs: 5_000, ...asOwner(context) }
  try {
    const answer = await context.host.probeAuthentication(connection, false)
    return answer.kind === 'request' || !NOT_NOW.includes(answer.sqlstate)
  } catch {
    return false
  }
}

/** Whether the server is up: by its own word, and, where it lets anybody in, by answering. */
export async function isUp(context: Looking, postmaster: Postmaster): Promise<boolean> {
  return postmaster.status === 'standby' || (postmaster.status === 'ready' && (await answers(context, postmaster)) !== false)
}
