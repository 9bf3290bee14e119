// From a path to something that a system call can use without being led astray.
//
// As root, or as another account, every directory on the way is opened one by one without following links, and the last
// name is used below the directory that was really opened (/proc/self/fd/N/name, which is openat(2) in other words): no
// swap of a directory or a link in between has an effect. Links are read and followed as text, so that none can lead
// through our own open files (/dev/fd, /proc/self/fd). In our own name as root, a link is followed only in directories
// that nobody else can change. Without privileges, and where there is no /proc, the system's own resolution serves.
import fs from 'node:fs'
import path from 'node:path'
import { codeOf, HostError } from '../errors.ts'
import { isRoot, isSwitched } from './acting.ts'

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = fs.constants
/** Linux's, not among Node's constants: https://man7.org/linux/man-pages/man2/open.2.html */
const O_PATH = 0o10000000
const PROCFS = 0x9fa0
/** As many links as Linux follows in one path. */
const MOST_LINKS = 40
const linux = process.platform === 'linux'

/** A name in a directory, ready for system calls. */
export interface Place {
  /** Give this to a system call; never show it. */
  readonly path: string
  readonly directory: string
  readonly name: string
  /** Another path in the same directory. */
  beside(name: string): string
  close(): void
}

/** Whether others than root can change which names the directory holds. */
function changeableByOthers(info: fs.Stats): boolean {
  return info.uid !== 0 || (info.mode & 0o002) !== 0 || ((info.mode & 0o020) !== 0 && info.gid !== 0)
}

function isSticky(info: fs.Stats): boolean {
  return (info.mode & 0o1000) !== 0
}

function linkText(file: string): string | undefined {
  try {
    return fs.readlinkSync(file)
  } catch (error) {
    if (codeOf(error) === 'EINVAL' || codeOf(error) === 'UNKNOWN') return undefined
    throw error
  }
}

class Pinned implements Place {
  #closed = false
  constructor(private readonly fd: number, readonly name: string, readonly tainted: boolean) {}
  get directory(): string {
    return `/proc/self/fd/${this.fd}`
  }
  get path(): string {
    return this.beside(this.name)
  }
  beside(name: string): string {
    return `${this.directory}/${name}`
  }
  close(): void {
    if (!this.#closed) fs.closeSync(this.fd)
    this.#closed = true
  }
}

function openDirectory(file: string): number {
  return fs.openSync(file, O_PATH | O_DIRECTORY | O_NOFOLLOW)
}

/** An open directory, or the text of the link that is in its place. */
function enter(file: string): number | string {
  try {
    return openDirectory(file)
  } catch (error) {
    const target = codeOf(error) === 'ENOTDIR' || codeOf(error) === 'ELOOP' ? linkText(file) : undefined
    if (target === undefined) throw error
    return target
  }
}

function walk(full: string, follow: boolean): Pinned {
  const strict = isRoot()
  const rest = full.split('/')
  let here = openDirectory('/')
  let tainted = false
  let links = 0
  try {
    for (;;) {
      const name = rest.shift()
      if (name === undefined) return new Pinned(here, '.', tainted)
      if (name === '' || name === '.') continue
      const file = `/proc/self/fd/${here}/${name}`
      const last = rest.every((part) => part === '' || part === '.')
      if (last && name !== '..' && !follow) return new Pinned(here, name, tainted)
      let target: string | undefined
      if (last && name !== '..') {
        try {
          target = linkText(file)
        } catch (error) {
          if (codeOf(error) !== 'ENOENT') throw error
        }
        if (target === undefined) return new Pinned(here, name, tainted)
      } else {
        const entered = enter(file)
        if (typeof entered === 'number') {
          fs.closeSync(here)
          here = entered
          const info = fs.fstatSync(here)
          if (changeableByOthers(info) && !(info.uid === 0 && isSticky(info))) tainted = true
          continue
        }
        target = entered
      }
      if (strict && (tainted || (changeableByOthers(fs.fstatSync(here)) && fs.lstatSync(file).uid !== 0))) {
        throw new HostError('follow', full, 'unsafe-link', 'symbolic link in a directory that others than root can change')
      }
      if (++links > MOST_LINKS) throw Object.assign(new Error('too many links'), { code: 'ELOOP' })
      rest.unshift(...target.split('/'))
      if (target.startsWith('/')) {
        const root = openDirectory('/')
        fs.closeSync(here)
        here = root
      }
    }
  } catch (error) {
    fs.closeSync(here)
    throw error
  }
}

function plain(full: string, follow: boolean): Place {
  let real = full
  if (follow) {
    try {
      real = fs.realpathSync.native(full)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      real = path.join(fs.realpathSync.native(path.dirname(full)), path.basename(full))
    }
  }
  const directory = path.dirname(real)
  return { path: real, directory, name: path.basename(real), beside: (name) => path.join(directory, name), close: () => undefined }
}

/** Whether paths are pinned: only where somebody could gain from a swap, and only where the system can. */
function pins(): boolean {
  return linux && (isRoot() || isSwitched())
}

/**
 * Where `file` is, as the account that we act as right now. The last name need not exist. Close it.
 *
 * @param follow whether a symbolic link in the last place is followed; those before it always are
 * @throws system errors, and HostError `unsafe-link` for root
 */
export function openPlace(file: string, follow: boolean): Place {
  const full = path.isAbsolute(file) ? file : path.join(process.cwd(), file)
  return pins() ? walk(full, follow) : plain(full, follow)
}

/** {@link openPlace} around `work`. */
export function atPlace<T>(file: string, follow: boolean, work: (place: Place) => T): T {
  const place = openPlace(file, follow)
  try {
    return work(place)
  } finally {
    place.close()
  }
}

/**
 * Opens what is at the place if it is a regular file, and nothing else: a FIFO, device or socket is neither opened nor waited for.
 *
 * @param flags `O_RDONLY` or `O_WRONLY | O_APPEND` and the like; never `O_CREAT`
 * @param asked the caller's own path: files of /proc are only read when asked for by that name, not through a link to them
 * @throws HostError `not-a-file`, `EISDIR`, `unsafe-link`; system errors
 */
export function openRegular(place: Place, asked: string, flags: number = O_RDONLY): number {
  const careful = O_NONBLOCK | O_NOCTTY
  if (!pins()) {
    const fd = fs.openSync(place.path, process.platform === 'win32' ? flags : flags | careful | O_NOFOLLOW)
    const info = fs.fstatSync(fd)
    if (info.isFile()) return fd
    fs.closeSync(fd)
    throw notAFile(asked, info)
  }
  const held = fs.openSync(place.path, O_PATH | O_NOFOLLOW)
  try {
    const info = fs.fstatSync(held)
    if (!info.isFile()) throw notAFile(asked, info)
    if (isRoot() && place instanceof Pinned && place.tainted && info.nlink > 1 && info.uid !== fs.statSync(place.directory).uid) {
      throw new HostError('open', asked, 'unsafe-link', 'hard link to a file of somebody else')
    }
    if (isSwitched() && !asked.startsWith('/proc/') && fs.statfsSync(`/proc/self/fd/${held}`).type === PROCFS) throw notAFile(asked, info)
    return fs.openSync(`/proc/self/fd/${held}`, flags | careful)
  } finally {
    fs.closeSync(held)
  }
}

function notAFile(asked: string, info: fs.Stats): HostError {
  if (info.isDirectory()) return new HostError('open', asked, 'EISDIR', 'is a directory')
  return new HostError('open', asked, 'not-a-file', 'not a regular file')
}

/**
 * Makes the names in the place's directory durable. A directory that we may not read, or a file system that has no such thing, is left to the system.
 */
export function syncDirectory(place: Place): void {
  if (process.platform === 'win32') return
  let fd: number
  try {
    fd = fs.openSync(place.directory, O_RDONLY | O_DIRECTORY)
  } catch (error) {
    if (codeOf(error) === 'EACCES') return
    throw error
  }
  try {
    fs.fsyncSync(fd)
  } catch (error) {
    if (codeOf(error) !== 'EINVAL') throw error
  } finally {
    fs.closeSync(fd)
  }
}
