/**
 * The server's child processes by their titles, for what SQL does not show: without a login, and the archiver before 14.
 * Titles are `postgres: ROLE …`, with `cluster_name: ` before the role where that is set (src/backend/utils/misc/ps_status.c).
 */
import { unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'

export interface ServerProcess {
  readonly pid: number
  readonly role: 'archiver' | 'walsender' | 'walreceiver' | 'startup' | 'other'
  /** The whole title. */
  readonly title: string
  /** What the archiver runs at this moment, and since when (Linux). */
  readonly runs?: { readonly command: string; readonly since: Date }
}

export const processesFact: Fact<readonly ServerProcess[]> = {
  name: 'processes',
  async gather(from) {
    const { host, cluster } = from
    if (!cluster.running) throw unavailable('server-down')
    if (cluster.pid === undefined) throw unavailable('remote')
    if (host.os === 'win32') throw unavailable('not-applicable')
    const children = host.os === 'linux' ? await linuxChildren(from, cluster.pid) : await listedChildren(from, cluster.pid)
    return Promise.all(children.map(async ({ pid, title }) => {
      const role = roleOf(title)
      const runs = role === 'archiver' && host.os === 'linux' ? await childOf(from, pid) : undefined
      return { pid, title, role, ...(runs === undefined ? {} : { runs }) }
    }))
  },
}

interface Child { readonly pid: number; readonly title: string }

async function linuxChildren(from: Gathering, parent: number): Promise<Child[]> {
  const text = async (path: string) => new TextDecoder().decode(await from.host.read(path))
  let pids: number[]
  try {
    pids = (await text(`/proc/${parent}/task/${parent}/children`)).trim().split(' ').filter((pid) => pid !== '').map(Number)
  } catch {
    // Kernels without CONFIG_PROC_CHILDREN.
    return listedChildren(from, parent)
  }
  const children = await Promise.all(pids.map(async (pid) => {
    // A process that has just ended is no child any more.
    const title = await text(`/proc/${pid}/cmdline`).catch(() => '')
    return { pid, title: title.replace(/\0.*$/s, '').trim() }
  }))
  return children.filter(({ title }) => title !== '')
}

/** Units of /proc/PID/stat in a second, on every Linux that Node runs on. */
const TICKS = 100

/** The command that a process has started and waits for; undefined where there is none. */
async function childOf(from: Gathering, parent: number): Promise<ServerProcess['runs']> {
  const text = async (path: string) => new TextDecoder().decode(await from.host.read(path))
  try {
    const pid = (await text(`/proc/${parent}/task/${parent}/children`)).trim().split(' ')[0]
    if (pid === undefined || pid === '') return undefined
    const [command, stat, system] = await Promise.all([text(`/proc/${pid}/cmdline`), text(`/proc/${pid}/stat`), text('/proc/stat')])
    // Field 22 is the time of its start since boot; the name in field 2 may hold anything, a bracket too.
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
    const boot = Number(/^btime (\d+)$/m.exec(system)?.[1])
    return Number.isFinite(ticks + boot) ? { command: command.replaceAll('\0', ' ').replace(/^(\/bin\/)?sh -c /, '').trim(), since: new Date((boot + ticks / TICKS) * 1000) } : undefined
  } catch {
    return undefined
  }
}

async function listedChildren({ host }: Gathering, parent: number): Promise<Child[]> {
  const { code, stdout } = await host.run('ps', ['-A', '-o', 'pid=,ppid=,args='], { timeoutMs: 5000 })
  if (code !== 0) throw unavailable('host-error', { target: 'ps', cause: code })
  return stdout.split('\n').flatMap((line) => {
    const [, pid, ppid, title] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    return pid !== undefined && Number(ppid) === parent ? [{ pid: Number(pid), title: title! }] : []
  })
}

/** Exported for its test. */
export function roleOf(title: string): ServerProcess['role'] {
  const role = /^postgres: (?:.*?: )?(archiver|walsender|walreceiver|startup)(?: |$)/.exec(title)?.[1]
  return (role as ServerProcess['role'] | undefined) ?? 'other'
}
