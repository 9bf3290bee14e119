// Postmasters among the processes of a machine: from /proc on Linux, elsewhere from ps.
// https://man7.org/linux/man-pages/man5/proc.5.html
import type { Acting, Host } from '../host/host.ts'
import { startsServer } from './command-line.ts'
import { accountOf, actingFor, linkOf, ran, sameKey, statOf, textOf } from './reading.ts'
import { fileOfDescriptor, postmastersOfPs, PS } from './ps.ts'
import { containerOfCgroup } from './systemd.ts'

export interface Postmaster {
  readonly pid: number
  /** Who runs it. */
  readonly uid: number
  readonly gid: number
  readonly parent: { readonly pid: number; readonly name: string; readonly command?: string }
  /** The program and its arguments. */
  readonly argv: readonly string[]
  /** The program, when we may see it; without the mark of a file that is gone. */
  readonly exe?: string
  /** The program's file is gone or was replaced since the start. */
  readonly replaced: boolean
  /** Its working directory, which is the data directory, when we may see it. */
  readonly cwd?: string
  /** Tells the working directory apart whatever its name. */
  readonly cwdKey?: string
  /** Its environment, when we may see it. */
  readonly environment: ReadonlyMap<string, string>
  /** /proc/PID/cgroup. */
  readonly cgroup: string
  /** It lives below another root directory: a container. */
  readonly elsewhere: boolean
}

export interface Processes {
  readonly postmasters: readonly Postmaster[]
  /** Whether the system let us see all processes. */
  readonly complete: boolean
}

interface Entry { readonly pid: number; readonly name: string; readonly parent: number; readonly state: string }

/** Name, parent and state from /proc/PID/stat. The name may hold blanks and parentheses. */
export function parseStat(text: string): Omit<Entry, 'pid'> | undefined {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  const [state, parent] = text.slice(close + 2).split(' ')
  if (open === -1 || close < open || state === undefined || !/^\d+$/.test(parent ?? '')) return undefined
  return { name: text.slice(open + 1, close), state, parent: Number(parent) }
}

/** `postmaster` is the name under the units of PGDG's packages up to 15; `edb-postgres` that of EDB's own server. */
export const SERVER_PROGRAMS: ReadonlySet<string> = new Set(['postgres', 'postmaster', 'edb-postgres', 'postgres.real'])

/** Strings that end in NUL. */
function strings(text: string): string[] {
  return text.split('\0').slice(0, -1)
}

/** Every postmaster that can be seen. On Windows the services tell of them. */
export async function findPostmasters(host: Host): Promise<Processes> {
  if (host.os === 'win32') return { postmasters: [], complete: false }
  if (host.os !== 'linux') return fromPs(host)
  const entries = new Map<number, Entry>()
  for (const { name } of await host.list('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue
    const stat = parseStat(await textOf(host, `/proc/${name}/stat`) ?? '')
    if (stat !== undefined) entries.set(Number(name), { pid: Number(name), ...stat })
  }
  const servers = [...entries.values()].filter(({ name, parent, state }) =>
    SERVER_PROGRAMS.has(name) && !SERVER_PROGRAMS.has(entries.get(parent)?.name ?? '') && state !== 'Z' && state !== 'X')
  const found = await Promise.all(servers.map((entry) => examine(host, entry, entries.get(entry.parent)?.name ?? '')))
  return { postmasters: found.filter((one) => one !== undefined), complete: entries.has(1) }
}

async function fromPs(host: Host): Promise<Processes> {
  const listed = await ran(host, 'ps', PS)
  if (listed?.code !== 0) return { postmasters: [], complete: false }
  const { servers, complete } = postmastersOfPs(listed.stdout, SERVER_PROGRAMS)
  const postmasters = await Promise.all(servers.map(async ({ pid, user, argv, parent }): Promise<Postmaster | undefined> => {
    const account = await host.account(user)
    if (account === undefined || !startsServer(argv.slice(1))) return undefined
    const cwd = await fileOfDescriptor(host, pid, 'cwd')
    const info = cwd === undefined ? undefined : await statOf(host, cwd) ?? await statOf(host, cwd, actingFor(await host.self(), account))
    const exe = argv[0]!.startsWith('/') ? argv[0] : undefined
    return {
      pid, uid: account.uid, gid: account.gid, parent, argv, replaced: false, environment: new Map(), cgroup: '', elsewhere: false,
      ...(exe === undefined ? {} : { exe }),
      ...(cwd === undefined ? {} : { cwd }),
      ...(info === undefined ? {} : { cwdKey: sameKey(info) }),
    }
  }))
  return { postmasters: postmasters.filter((one) => one !== undefined), complete }
}

async function examine(host: Host, { pid, parent }: Entry, parentName: string): Promise<Postmaster | undefined> {
  const at = `/proc/${pid}`
  const argv = strings(await textOf(host, `${at}/cmdline`) ?? '')
  // A child that outlived its postmaster has a title for a command line.
  if (argv.length === 0 || argv[0]!.startsWith('postgres: ') || !startsServer(argv.slice(1))) return undefined
  const info = await statOf(host, at)
  if (info === undefined) return undefined
  // Root of a container may lack the right to look at others' processes, but may do so in their name.
  const self = await host.self()
  const own = actingFor(self, await accountOf(host, info.uid, info.gid))
  const seen = async <T>(look: (acting: Acting) => Promise<T | undefined>): Promise<T | undefined> => await look({}) ?? (own.as === undefined ? undefined : await look(own))
  const [exe, cwd, cwdInfo, environ, cgroup, root] = await Promise.all([
    seen((acting) => linkOf(host, `${at}/exe`, acting)),
    seen((acting) => linkOf(host, `${at}/cwd`, acting)),
    seen((acting) => statOf(host, `${at}/cwd`, acting)),
    seen((acting) => textOf(host, `${at}/environ`, acting)),
    textOf(host, `${at}/cgroup`),
    seen((acting) => statOf(host, `${at}/root`, acting)),
  ])
  const ours = await statOf(host, '/')
  // Root of a container cannot be seen by everybody, its control group can.
  const container = containerOfCgroup(cgroup ?? '')
  const ownContainer = container === undefined ? undefined : containerOfCgroup(await textOf(host, `/proc/${host.pid}/cgroup`) ?? '')
  const gone = / \(deleted\)$/
  const environment = new Map(strings(environ ?? '').map((text) => [text.split('=', 1)[0]!, text.slice(text.indexOf('=') + 1)]))
  return {
    pid,
    uid: info.uid,
    gid: info.gid,
    parent: { pid: parent, name: parentName },
    argv,
    ...(exe === undefined ? {} : { exe: exe.replace(gone, '') }),
    replaced: exe !== undefined && gone.test(exe),
    ...(cwd === undefined || gone.test(cwd) ? {} : { cwd }),
    ...(cwdInfo === undefined ? {} : { cwdKey: sameKey(cwdInfo) }),
    environment,
    cgroup: cgroup ?? '',
    elsewhere: (container !== undefined && container.id !== ownContainer?.id) || (root !== undefined && ours !== undefined && sameKey(root) !== sameKey(ours)),
  }
}

/** The file that a process writes its messages to, when its standard output or error is a regular file. */
export async function outputFile(host: Host, pid: number, acting: Acting): Promise<string | undefined> {
  for (const fd of ['2', '1']) {
    const path = `/proc/${pid}/fd/${fd}`
    const target = host.os === 'linux' ? await linkOf(host, path) ?? await linkOf(host, path, acting) : await fileOfDescriptor(host, pid, fd)
    if (target === undefined || !target.startsWith('/')) continue
    if (target === '/dev/null') return target
    const info = await statOf(host, target, acting)
    if (info?.kind === 'file') return target
  }
  return undefined
}
