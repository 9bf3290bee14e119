/**
 * The archive's directory as the server's account meets it: every component of the path, owner and mode, whether a file can
 * really be made there, and on which file system it lies.
 */
import { codeOf } from '../errors.ts'
import type { FileInfo, FileKind, FileSystemInfo } from '../host/host.ts'
import { mountOf } from '../platforms/mounts.ts'
import type { Mount } from '../platforms/mounts.ts'
import { textOf } from '../platforms/reading.ts'
import { archiveCommandFact } from './archive-command.ts'
import { acting, actsAsOwner, required, unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'

export interface ArchiveDirectoryFact {
  readonly path: string
  /** `closed`: something above it is closed to us. */
  readonly state: 'directory' | 'missing' | 'not-a-directory' | 'closed'
  /** The first component that is missing, no directory, or closed to the server's account. */
  readonly obstacle?: string
  readonly kind?: FileKind
  readonly owner?: { readonly uid: number; readonly name: string }
  readonly mode?: number
  /** Whether the server's account can make a file there; absent when we may not act as that account. */
  readonly writable?: { readonly ok: true } | { readonly ok: false; readonly code: string }
  readonly insideDataDirectory: boolean
  /** Absent when one of both could not be seen. */
  readonly sameFileSystemAsData?: boolean
  readonly sameFileSystemAsWal?: boolean
  readonly fileSystem?: FileSystemInfo
  /** The kind of file system it is, where that can be told (Linux). */
  readonly mount?: Mount
  /** The share that the path's drive letter stands for, in our own session (Windows). */
  readonly share?: string
}

export const archiveDirectoryFact: Fact<ArchiveDirectoryFact> = {
  name: 'archive-directory',
  async gather(from) {
    const { destination, via } = await required(from, archiveCommandFact)
    if (destination === undefined) throw unavailable(via === 'none' ? 'not-applicable' : 'unknown-destination')
    return examine(from, destination)
  },
}

/** Looks at a directory as the archive of a cluster; also for one that is only about to become it. */
export async function examine(from: Gathering, path: string): Promise<ArchiveDirectoryFact> {
  const { host, cluster } = from
  const as = acting(from)
  const reached = await walk(from, path)
  if (reached.state !== 'directory') return { path, ...reached, insideDataDirectory: within(path, cluster.dataDir) }
  const { info } = reached
  const [owner, writable, real, data, wal, fileSystem] = await Promise.all([
    host.account(info.uid),
    (await actsAsOwner(from)) ? host.canWriteInto(path, as) : undefined,
    host.realPath(path, as).catch(() => path),
    host.stat(cluster.dataDir, as).catch(() => undefined),
    host.stat(`${cluster.dataDir}/pg_wal`, as).catch(() => undefined),
    host.fileSystem(path, as).catch(() => undefined),
  ])
  const mount = host.os === 'linux' ? await mountFor(from, real) : undefined
  // A letter that somebody mapped leads to the share's own name.
  const share = host.os === 'win32' && /^[A-Za-z]:/.test(path) && /^[\\/]{2}[^\\/?.]/.test(real) ? real : undefined
  const dataReal = await host.realPath(cluster.dataDir, as).catch(() => cluster.dataDir)
  return {
    path,
    state: 'directory',
    kind: info.kind,
    // Windows keeps an access list in their stead, which decides when somebody writes.
    ...(host.os === 'win32' ? {} : { owner: { uid: info.uid, name: owner?.name ?? String(info.uid) }, mode: info.mode }),
    ...(writable === undefined ? {} : { writable }),
    insideDataDirectory: within(real, dataReal) || within(path, cluster.dataDir),
    ...(data === undefined ? {} : { sameFileSystemAsData: data.device === info.device }),
    ...(wal === undefined ? {} : { sameFileSystemAsWal: wal.device === info.device }),
    ...(fileSystem === undefined ? {} : { fileSystem }),
    ...(mount === undefined ? {} : { mount }),
    ...(share === undefined ? {} : { share }),
  }
}

/** As the server sees it, whose service may have mounts of its own; else as we do. */
async function mountFor({ host, cluster: { pid } }: Gathering, path: string): Promise<Mount | undefined> {
  const theirs = pid === undefined ? undefined : await textOf(host, `/proc/${pid}/mountinfo`)
  return mountOf(theirs ?? await textOf(host, '/proc/self/mountinfo') ?? '', path)
}

type Reached = { readonly state: 'directory'; readonly info: FileInfo } | { readonly state: 'missing' | 'not-a-directory' | 'closed'; readonly obstacle: string; readonly kind?: FileKind }

/** Goes down the path as the server's account, to the first thing in the way. */
async function walk(from: Gathering, path: string): Promise<Reached> {
  const { host } = from
  const parts = path.split(/[\\/]+/).filter((part) => part !== '')
  const windows = host.os === 'win32'
  let here = windows ? '' : '/'
  let info: FileInfo | undefined = windows ? undefined : await host.stat('/')
  for (const part of parts) {
    const parent = here
    here = windows ? (here === '' ? `${part}\\` : `${here.replace(/\\$/, '')}\\${part}`) : `${here === '/' ? '' : here}/${part}`
    try {
      info = await host.stat(here, acting(from))
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT') return { state: 'missing', obstacle: here }
      if (code === 'EACCES' || code === 'EPERM') return { state: 'closed', obstacle: parent }
      if (code === 'ENOTDIR' || code === 'ELOOP') return { state: 'not-a-directory', obstacle: parent }
      throw error
    }
    if (info.kind !== 'directory') return { state: 'not-a-directory', obstacle: here, kind: info.kind }
  }
  return info === undefined ? { state: 'missing', obstacle: path } : { state: 'directory', info }
}

/** Whether a path is a directory or lies below it. */
function within(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`)
}
