// Looking at what may not be there, or not be ours to see: undefined instead of an error. Bugs still throw.
import { HostError } from '../errors.ts'
import type { Account, Acting, DirectoryEntry, FileInfo, Host, RunOptions, RunResult } from '../host/host.ts'
import { CONTROL_FILE_BYTES, parseControlFile } from '../postgres/control-file.ts'

/** What a call of the Host gives, or undefined where the machine refuses. */
export async function unlessRefused<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/** The text of a file (UTF-8), or undefined. At most 1 MiB: nothing that is read here is larger. */
export async function textOf(host: Host, path: string, acting: Acting = {}): Promise<string | undefined> {
  const bytes = await unlessRefused(host.read(path, { ...acting, limit: 1 << 20 }))
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

/** What is at a path, links followed, or undefined. */
export function statOf(host: Host, path: string, acting: Acting = {}): Promise<FileInfo | undefined> {
  return unlessRefused(host.stat(path, acting))
}

/** The entries of a directory; none when it cannot be read. */
export async function entriesOf(host: Host, path: string, acting: Acting = {}): Promise<readonly DirectoryEntry[]> {
  return await unlessRefused(host.list(path, acting)) ?? []
}

/** The path without symbolic links, or undefined. */
export function realPathOf(host: Host, path: string, acting: Acting = {}): Promise<string | undefined> {
  return unlessRefused(host.realPath(path, acting))
}

/** Where a symbolic link leads, or undefined. */
export function linkOf(host: Host, path: string, acting: Acting = {}): Promise<string | undefined> {
  return unlessRefused(host.readLink(path, acting))
}

/** What a program did, or undefined when it could not be started, took too long or wrote too much. */
export async function ran(host: Host, file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult | undefined> {
  const result = await unlessRefused(host.run(file, args, { timeoutMs: 10_000, ...options }))
  return result?.timedOut === true ? undefined : result
}

/** In whose name to look at something of `owner`'s: the owner's when we are root, else our own. */
export function actingFor(self: { readonly uid: number; readonly privileged: boolean }, owner: Account | undefined): Acting {
  return owner !== undefined && self.privileged && owner.uid !== self.uid ? { as: owner } : {}
}

/** The account of a uid; one without a name has its number for a name. Files on Windows tell none, and there it is our own. */
export async function accountOf(host: Host, uid: number, gid: number): Promise<Account> {
  if (host.os === 'win32') return host.self()
  return await host.account(uid) ?? { name: String(uid), uid, gid }
}

/** Tells directories apart whatever their names are. */
export function sameKey(info: FileInfo): string {
  return `${info.device}:${info.inode}`
}

/** Whether a path begins at a root, be it that of a drive. */
export function isAbsolute(path: string): boolean {
  return path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path)
}

/** A mode as chmod has it: `0700`. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

/** One of PostgreSQL's programs, as the machine names it. */
export function serverProgram({ os }: Pick<Host, 'os'>, binDir: string, name: string): string {
  return `${binDir}/${name}${os === 'win32' ? '.exe' : ''}`
}

/**
 * pg_control of a data directory or of a base backup.
 * @throws HostError where it cannot be read
 */
export async function readControlFile(host: Host, dataDir: string, acting: Acting = {}): Promise<ReturnType<typeof parseControlFile>> {
  return parseControlFile(await host.readPart(`${dataDir}/global/pg_control`, 0, CONTROL_FILE_BYTES, acting))
}

/** The major in what `postgres --version` printed; NaN where there is none. */
export function majorIn(said: string): number {
  return Number(/\) (\d+)/.exec(said)?.[1])
}

/** Whether a path is another one or lies in it, both without links. Windows does not tell letters apart by their case. */
export function isWithin({ os }: Pick<Host, 'os'>, path: string, directory: string): boolean {
  const [inner, outer] = [path, directory].map((one) => (os === 'win32' ? one.replaceAll('\\', '/').toLowerCase() : one).replace(/\/+$/, '')) as [string, string]
  // The root of everything, or of a drive, is nobody's.
  return inner === outer || (/[^:]$/.test(outer) && inner.startsWith(`${outer}/`))
}

export function directoryOf(path: string): string {
  const cut = path.lastIndexOf('/')
  if (cut === 2 && path[1] === ':') return path.slice(0, 3)
  return cut <= 0 ? '/' : path.slice(0, cut)
}

/** Joins and cleans, without looking at the machine; `path` wins when it is absolute. */
export function absolute(base: string, path: string): string {
  const parts: string[] = []
  const whole = isAbsolute(path) ? path : `${base}/${path}`
  const drive = /^[A-Za-z]:(?=[\\/])/.exec(whole)?.[0] ?? ''
  for (const part of (drive === '' ? whole : whole.slice(2).replaceAll('\\', '/')).split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `${drive}/${parts.join('/')}`
}
