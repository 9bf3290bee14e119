// A machine as data, behind the Host interface. Strict: a command or a place that the machine does not have fails the
// test, so that no test passes because something looked in the wrong place.
import { HostError } from '../../src/errors.ts'
import type { Account, Acting, DirectoryEntry, FileInfo, FileKind, Host, RunOptions, RunResult } from '../../src/host/host.ts'

export interface FakeEntry {
  readonly text?: string
  /** A symbolic link. */
  readonly link?: string
  /** Where it really leads, for the links of /proc whose text is a path in another place. */
  readonly leadsTo?: string
  readonly kind?: FileKind
  readonly uid?: number
  readonly gid?: number
  readonly mode?: number
  /** Only these uids get in, to a directory's content too. Root does, unless it is left out with `notRoot`. */
  readonly only?: readonly number[]
  readonly notRoot?: boolean
  /** Tells directories apart; entries with the same number are the same. Default: one each. */
  readonly inode?: number
}

interface FakeCommand {
  readonly stdout?: string
  readonly stderr?: string
  readonly code?: number
  /** The account's name it must be run as; undefined: as ourselves. */
  readonly as?: string
}

export interface FakeMachine {
  readonly os?: NodeJS.Platform
  readonly env?: Readonly<Record<string, string>>
  readonly self?: Account & { readonly privileged: boolean }
  readonly accounts?: readonly Account[]
  /** Path to content. A text is a file; `{}` is a directory. Parents come by themselves. */
  readonly files: Readonly<Record<string, string | FakeEntry>>
  /** The whole command line to what it prints. */
  readonly commands?: Readonly<Record<string, FakeCommand>>
  /** Processes that exist beside those in /proc. */
  readonly pids?: readonly number[]
}

const root: Account & { privileged: boolean } = { name: 'root', uid: 0, gid: 0, home: '/root', privileged: true }
export const postgres: Account = { name: 'postgres', uid: 101, gid: 104, home: '/var/lib/postgresql' }

interface Node extends FakeEntry { readonly path: string; readonly number: number }

export class FakeHost {
  readonly os: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pid = 4242
  /** Command lines, in order. */
  readonly ranCommands: string[] = []
  /** Failures that something may have swallowed. */
  readonly unexpected: string[] = []
  readonly #nodes = new Map<string, Node>()

  constructor(private readonly machine: FakeMachine) {
    this.os = machine.os ?? 'linux'
    this.env = machine.env ?? {}
    const add = (path: string, entry: FakeEntry): void => { this.#nodes.set(path, { ...entry, path, number: entry.inode ?? 1000 + this.#nodes.size }) }
    add('/', { kind: 'directory' })
    for (const [path, entry] of Object.entries(machine.files)) {
      const parts = path.split('/').slice(1)
      for (let length = 1; length < parts.length; length++) {
        const parent = `/${parts.slice(0, length).join('/')}`
        if (!this.#nodes.has(parent)) add(parent, typeof machine.files[parent] === 'object' ? machine.files[parent] : { kind: 'directory' })
      }
      if (!this.#nodes.has(path)) add(path, typeof entry === 'string' ? { text: entry } : entry)
    }
  }

  /** The real interface, for code under test. What is not here is not for finding clusters, and says so. */
  get host(): Host {
    return new Proxy(this as unknown as Host, {
      get: (target, name) => {
        const value = Reflect.get(target, name, this) as unknown
        if (value === undefined && typeof name === 'string' && name !== 'then') throw new Error(`the fake host has no ${name}`)
        return typeof value === 'function' ? value.bind(this) : value
      },
    })
  }

  #fail(what: string): never {
    this.unexpected.push(what)
    throw new Error(`unexpected: ${what}`)
  }

  #uid(acting?: Acting): number {
    const self = this.machine.self ?? root
    if (acting?.as !== undefined && acting.as.uid !== self.uid && !self.privileged) throw new HostError('act as', acting.as.name, 'EPERM')
    return acting?.as?.uid ?? self.uid
  }

  #walk(operation: string, asked: string, acting: Acting | undefined, follow: boolean, links = 0): Node {
    if (links > 20) throw new HostError(operation, asked, 'ELOOP')
    if (!asked.startsWith('/')) this.#fail(`relative path ${asked}`)
    const uid = this.#uid(acting)
    const parts = asked.split('/').filter((part) => part !== '')
    let here = this.#nodes.get('/')!
    for (const [at, part] of parts.entries()) {
      if (here.only !== undefined && !here.only.includes(uid) && (uid !== 0 || here.notRoot === true)) throw new HostError(operation, asked, 'EACCES')
      const path = here.path === '/' ? `/${part}` : `${here.path}/${part}`
      const next = this.#nodes.get(path)
      if (next === undefined) {
        if (here.path === '/') this.#fail(`path ${asked}`)
        throw new HostError(operation, asked, here.text === undefined ? 'ENOENT' : 'ENOTDIR')
      }
      const last = at === parts.length - 1
      if (next.link !== undefined && (!last || follow)) {
        this.#enter(operation, asked, next, uid)
        const target = next.leadsTo ?? (next.link.startsWith('/') ? next.link : `${here.path}/${next.link}`)
        return this.#walk(operation, [target.replace(/ \(deleted\)$/, ''), ...parts.slice(at + 1)].join('/'), acting, follow, links + 1)
      }
      here = next
    }
    return here
  }

  #enter(operation: string, asked: string, node: Node, uid: number): void {
    if (node.only !== undefined && !node.only.includes(uid) && (uid !== 0 || node.notRoot === true)) throw new HostError(operation, asked, 'EACCES')
  }

  #kind(node: Node): FileKind {
    return node.kind ?? (node.link !== undefined ? 'symlink' : node.text !== undefined ? 'file' : 'directory')
  }

  async self(): Promise<Account & { readonly privileged: boolean }> {
    return this.machine.self ?? root
  }

  async account(nameOrUid: string | number): Promise<Account | undefined> {
    return [...this.machine.accounts ?? [postgres], root].find(({ name, uid }) => name === nameOrUid || uid === nameOrUid)
  }

  async read(path: string, options?: Acting): Promise<Uint8Array> {
    const node = this.#walk('read', path, options, true)
    this.#enter('read', path, node, this.#uid(options))
    if (node.text === undefined) throw new HostError('read', path, this.#kind(node) === 'directory' ? 'EISDIR' : 'not-a-file')
    return new TextEncoder().encode(node.text)
  }

  async stat(path: string, options?: Acting & { readonly followLinks?: boolean }): Promise<FileInfo> {
    const node = this.#walk('stat', path, options, options?.followLinks !== false)
    return {
      kind: this.#kind(node), size: node.text?.length ?? 0, mode: node.mode ?? (node.only === undefined ? 0o755 : 0o700), uid: node.uid ?? node.only?.[0] ?? 0, gid: node.gid ?? 0,
      device: 1, inode: node.number, links: 1, modified: new Date(0),
    }
  }

  async list(path: string, options?: Acting): Promise<DirectoryEntry[]> {
    const node = this.#walk('list', path, options, true)
    this.#enter('list', path, node, this.#uid(options))
    if (this.#kind(node) !== 'directory') throw new HostError('list', path, 'ENOTDIR')
    const prefix = node.path === '/' ? '/' : `${node.path}/`
    return [...this.#nodes.values()].filter(({ path: one }) => one !== '/' && one.startsWith(prefix) && !one.slice(prefix.length).includes('/'))
      .map((one) => ({ name: one.path.slice(prefix.length), kind: this.#kind(one) })).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async readLink(path: string, options?: Acting): Promise<string> {
    const node = this.#walk('read link', path, options, false)
    this.#enter('read link', path, node, this.#uid(options))
    if (node.link === undefined) throw new HostError('read link', path, 'EINVAL')
    return node.link
  }

  async realPath(path: string, options?: Acting): Promise<string> {
    return this.#walk('resolve', path, options, true).path
  }

  async processExists(pid: number): Promise<boolean> {
    return this.#nodes.has(`/proc/${pid}`) || this.machine.pids?.includes(pid) === true
  }

  async which(program: string): Promise<string | undefined> {
    return (this.machine.env?.['PATH'] ?? '').split(':').map((directory) => `${directory}/${program}`).find((path) => this.#nodes.has(path))
  }

  async run(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    this.#uid(options)
    const line = [file, ...args].join(' ')
    this.ranCommands.push(line)
    const command = this.machine.commands?.[line]
    if (command === undefined) this.#fail(`command ${line}`)
    if (command.as !== options.as?.name) this.#fail(`command ${line} as ${options.as?.name ?? 'ourselves'}`)
    if (command.code === 127) throw new HostError('run', file, 'ENOENT')
    return { code: command.code ?? 0, timedOut: false, stdout: command.stdout ?? '', stderr: command.stderr ?? '' }
  }
}

export interface FakeProcess {
  readonly pid: number
  readonly name: string
  readonly parent?: number
  readonly argv?: readonly string[]
  readonly uid?: number
  readonly exe?: string
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly cgroup?: string
  /** Where its standard output and error go. */
  readonly output?: string
  /** Where its root directory is; default ours. */
  readonly root?: string
}

/** The /proc of a machine with these processes, and with process 1. What belongs to somebody else is closed as the kernel closes it. */
export function procOf(processes: readonly FakeProcess[]): Record<string, string | FakeEntry> {
  const files: Record<string, string | FakeEntry> = {}
  for (const { pid, name, parent = 1, argv = [name], uid = 0, exe, cwd, environment = {}, cgroup = '0::/init.scope\n', output, root: below = '/' } of [{ pid: 1, name: 'systemd', parent: 0 }, ...processes] as FakeProcess[]) {
    const at = `/proc/${pid}`
    const closed = { only: [uid], uid }
    files[at] = { kind: 'directory', uid, gid: uid }
    files[`${at}/stat`] = `${pid} (${name}) S ${parent} ${pid} ${pid} 0 -1 4194560 1 0\n`
    files[`${at}/cmdline`] = argv.map((word) => `${word}\0`).join('')
    files[`${at}/cgroup`] = cgroup
    files[`${at}/environ`] = { ...closed, text: Object.entries(environment).map(([key, value]) => `${key}=${value}\0`).join('') }
    files[`${at}/root`] = { ...closed, link: '/', leadsTo: below }
    if (exe !== undefined) files[`${at}/exe`] = { ...closed, link: exe }
    if (cwd !== undefined) files[`${at}/cwd`] = { ...closed, link: cwd, ...(below === '/' ? {} : { leadsTo: `${below}${cwd}` }) }
    if (output !== undefined) {
      files[`${at}/fd/1`] = { ...closed, link: output }
      files[`${at}/fd/2`] = { ...closed, link: output }
    }
  }
  return files
}

/** Directories that every Linux has: what is not in them is certainly not there. */
export const LINUX: Readonly<Record<string, FakeEntry>> = Object.fromEntries(
  ['/dev', '/etc', '/home', '/opt', '/proc', '/root', '/run', '/srv', '/sys', '/tmp', '/usr', '/var'].map((path) => [path, { kind: 'directory' }]))
