// Reading: what is there, and what is in it. Everything is synchronous inside (see acting.ts).
import fs from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { codeOf, HostError } from '../errors.ts'
import { actingAs, isRoot, needsSwitch } from './acting.ts'
import type { Account, Acting, DirectoryEntry, FileHead, FileInfo, FileKind, FileSystemInfo } from './host.ts'
import { atPlace, openRegular } from './place.ts'
import type { Place } from './place.ts'
import { guarded, systemCode } from './system-error.ts'
import { TURN_MS } from './together.ts'

const DEFAULT_LIMIT = 64 << 20
const { O_RDONLY, O_RDWR, O_DIRECTORY } = fs.constants
/** Linux's `__O_TMPFILE`, not among Node's constants: https://man7.org/linux/man-pages/man2/open.2.html */
const O_TMPFILE = 0o20000000 | O_DIRECTORY

function kindOf(entry: fs.Stats | fs.Dirent): FileKind {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  if (entry.isSymbolicLink()) return 'symlink'
  if (entry.isSocket()) return 'socket'
  if (entry.isFIFO()) return 'fifo'
  if (entry.isBlockDevice() || entry.isCharacterDevice()) return 'device'
  return 'other'
}

/** Fills as much of `buffer`, from its byte `start` up to `end`, as the file has from `position` on. @returns how many bytes */
function readInto(fd: number, buffer: Uint8Array, position: number, start = 0, end = buffer.length): number {
  let filled = 0
  while (start + filled < end) {
    const got = fs.readSync(fd, buffer, start + filled, end - start - filled, position + filled)
    if (got === 0) break
    filled += got
  }
  return filled
}

/**
 * The content of an open regular file. Files of /proc tell no size, so the end is where reading ends.
 *
 * @throws HostError `too-large` beyond `limit` bytes
 */
export function readOpen(fd: number, asked: string, limit: number = DEFAULT_LIMIT): Uint8Array {
  const size = fs.fstatSync(fd).size
  if (size > limit) throw new HostError('read', asked, 'too-large', `more than ${limit} bytes`)
  let content = new Uint8Array(size > 0 ? size + 1 : 4096)
  let length = 0
  for (;;) {
    length += readInto(fd, content.subarray(length), length)
    if (length > limit) throw new HostError('read', asked, 'too-large', `more than ${limit} bytes`)
    if (length < content.length) return content.slice(0, length)
    const larger = new Uint8Array(Math.min(content.length * 2, limit + 1))
    larger.set(content)
    content = larger
  }
}

/** See {@link Host.read}. */
export function readFile(file: string, options: Acting & { readonly limit?: number } = {}): Uint8Array {
  return guarded('read', file, () => actingAs(options.as, () => atPlace(file, true, (place) => {
    const fd = openRegular(place, file, O_RDONLY)
    try {
      return readOpen(fd, file, options.limit)
    } finally {
      fs.closeSync(fd)
    }
  })))
}

/** See {@link Host.readPart}. */
export function readPart(file: string, offset: number, length: number, options: Acting = {}): Uint8Array {
  if (length > DEFAULT_LIMIT) throw new HostError('read', file, 'too-large', `more than ${DEFAULT_LIMIT} bytes`)
  return guarded('read', file, () => actingAs(options.as, () => atPlace(file, true, (place) => {
    const fd = openRegular(place, file, O_RDONLY)
    try {
      const size = fs.fstatSync(fd).size
      const start = offset < 0 ? Math.max(0, size + offset) : offset
      const buffer = new Uint8Array(Math.max(0, Math.min(length, Math.max(size - start, 0))))
      return buffer.subarray(0, readInto(fd, buffer, start))
    } finally {
      fs.closeSync(fd)
    }
  })))
}

/** See {@link Host.stat}. Metadata only, so root follows any link here. */
export function statFile(file: string, options: Acting & { readonly followLinks?: boolean } = {}): FileInfo {
  return guarded('stat', file, () => actingAs(options.as, () => {
    const info = options.followLinks === false ? fs.lstatSync(file) : fs.statSync(file)
    return {
      kind: kindOf(info), size: info.size, mode: info.mode & 0o7777, uid: info.uid, gid: info.gid,
      device: info.dev, inode: info.ino, links: info.nlink, modified: info.mtime,
    }
  }))
}

/** See {@link Host.list}. Sorted by name, by code unit. */
export function listDirectory(directory: string, options: Acting = {}): DirectoryEntry[] {
  const entries = guarded('list', directory, () => actingAs(options.as, () => atPlace(directory, true, (place) => fs.readdirSync(place.path, { withFileTypes: true }))))
  return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) })).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Entries that one call of the system brings: more cost more than they save. */
const ENTRIES_AT_ONCE = 256
const NAMES_AT_ONCE = 8 * ENTRIES_AT_ONCE

/** See {@link Host.listBatches}. The right to read is asked for once, when the directory is opened. */
export async function* streamBatches(directory: string, options: Acting = {}): AsyncGenerator<readonly string[]> {
  const open = guarded('list', directory, () => actingAs(options.as, () => atPlace(directory, true, (place) => fs.opendirSync(place.path, { bufferSize: ENTRIES_AT_ONCE }))))
  try {
    for (let ended = false; !ended; await setImmediate()) {
      const names: string[] = []
      guarded('list', directory, () => {
        while (names.length < NAMES_AT_ONCE) {
          const entry = open.readSync()
          if (entry === null) {
            ended = true
            return
          }
          names.push(entry.name)
        }
      })
      if (names.length > 0) yield names
    }
  } finally {
    open.closeSync()
  }
}

/**
 * See {@link Host.readHeads}. In turns, between which everything else goes on. A turn ends by the clock, not after a number of
 * files: a change of identity, once a turn, costs as much as a hundred of them on a local disk.
 */
export async function readHeads(directory: string, names: readonly string[], length: number, options: Acting = {}): Promise<readonly FileHead[]> {
  const bytes = new Uint8Array(names.length * length)
  const heads: FileHead[] = []
  while (heads.length < names.length) {
    if (heads.length > 0) await setImmediate()
    // The place is one of the directory's names, whichever: the directory itself is what is held open.
    guarded('read', directory, () => actingAs(options.as, () => atPlace(`${directory}/-`, false, (place) => {
      // Others than root hold nothing open: a directory that is gone is not one in which each file is missing.
      fs.statSync(place.directory)
      const until = performance.now() + TURN_MS
      do {
        heads.push(headOf(place, directory, names[heads.length]!, bytes, heads.length * length, length))
      } while (heads.length < names.length && performance.now() < until)
    })))
  }
  return heads
}

/** Reads into the shared `bytes` from `start` on: one buffer for all files. */
function headOf(place: Place, directory: string, name: string, bytes: Uint8Array, start: number, length: number): FileHead {
  try {
    if (name.includes('/')) throw new HostError('read', name, 'EINVAL')
    const fd = openInside(place, directory, name)
    try {
      const info = fs.fstatSync(fd)
      if (!info.isFile()) return { name, error: info.isDirectory() ? 'EISDIR' : 'not-a-file' }
      return { name, size: info.size, bytes: bytes.subarray(start, start + readInto(fd, bytes, 0, start, start + length)) }
    } finally {
      fs.closeSync(fd)
    }
  } catch (error) {
    const code = systemCode(error)
    if (code === '') throw error
    return { name, error: code }
  }
}

/** Opens a name below a directory that is held open. Nothing is waited for; a link is followed the careful way, and so is everything for root. */
function openInside(place: Place, directory: string, name: string): number {
  const { O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = fs.constants
  if (!isRoot() && process.platform !== 'win32') {
    try {
      return fs.openSync(place.beside(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    } catch (error) {
      if (codeOf(error) !== 'ELOOP' && codeOf(error) !== 'EMLINK') throw error
    }
  }
  return atPlace(`${directory}/${name}`, true, (file) => openRegular(file, `${directory}/${name}`, O_RDONLY))
}

/** See {@link Host.readLink}. */
export function readLink(file: string, options: Acting = {}): string {
  return guarded('read link', file, () => actingAs(options.as, () => fs.readlinkSync(file)))
}

/** See {@link Host.realPath}. */
export function realPath(file: string, options: Acting = {}): string {
  return guarded('resolve', file, () => actingAs(options.as, () => fs.realpathSync.native(file)))
}

/** See {@link Host.fileSystem}. A file system without a fixed number of inodes has as many free ones as a number can say. */
export function fileSystem(file: string, options: Acting = {}): FileSystemInfo {
  return guarded('stat file system', file, () => actingAs(options.as, () => {
    const info = fs.statfsSync(file)
    return {
      freeBytes: info.bavail * info.bsize,
      totalBytes: info.blocks * info.bsize,
      freeInodes: info.files === 0 ? Number.MAX_SAFE_INTEGER : info.ffree,
      device: fs.statSync(file).dev,
    }
  }))
}

/**
 * Tries an unnamed file in the directory.
 *
 * @returns the system's code when that failed, '' when it worked, undefined when this system or file system has no unnamed files
 */
function tryUnnamedFile(directory: string, as: Account | undefined): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    fs.closeSync(actingAs(as, () => fs.openSync(directory, O_TMPFILE | O_RDWR, 0o600)))
    return ''
  } catch (error) {
    const code = systemCode(error)
    // What file systems and kernels without it answer; EISDIR comes from those that do not know the flag.
    return ['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL'].includes(code) ? undefined : code
  }
}

/** See {@link Host.canWriteInto}. `check` runs `test` as the account: access(2) looks at the real user, which stays ours. */
export async function canWriteInto(directory: string, options: Acting, check: (condition: string) => Promise<boolean>): Promise<{ ok: true } | { ok: false; code: string }> {
  const tried = tryUnnamedFile(directory, options.as)
  if (tried !== undefined) return tried === '' ? { ok: true } : { ok: false, code: tried }
  try {
    if (statFile(directory, options).kind !== 'directory') return { ok: false, code: 'ENOTDIR' }
    if (!needsSwitch(options.as)) {
      fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK)
      return { ok: true }
    }
  } catch (error) {
    return { ok: false, code: codeOf(error) || 'EACCES' }
  }
  return await check('-w') && await check('-x') ? { ok: true } : { ok: false, code: 'EACCES' }
}

/** UV_FS_O_EXLOCK, https://docs.libuv.org/en/v1.x/fs.html: on Windows a file that nobody else may have open. */
const ALONE = 0x10000000

/** See {@link Host.isOpen}. */
export function isOpen(file: string): boolean {
  if (process.platform !== 'win32') throw new HostError('look at', file, 'not-supported')
  return guarded('look at', file, () => {
    try {
      fs.closeSync(fs.openSync(file, fs.constants.O_RDONLY | ALONE))
      return false
    } catch (error) {
      if (codeOf(error) === 'EBUSY') return true
      if (codeOf(error) === 'ENOENT') return false
      throw error
    }
  })
}
