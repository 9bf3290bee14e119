// The smaller changes: directories, the journal's lines, removals. No symbolic link in the last place is ever followed.
import fs from 'node:fs'
import { codeOf, HostError } from '../errors.ts'
import { actingAs } from './acting.ts'
import type { Account, Acting } from './host.ts'
import { atPlace, openRegular, type Place, syncDirectory } from './place.ts'
import { guarded } from './system-error.ts'

const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = fs.constants

/** Runs `work` without a umask, so that a mode is what it says from the first moment. */
function withoutUmask<T>(work: () => T): T {
  const old = process.umask(0)
  try {
    return work()
  } finally {
    process.umask(old)
  }
}

/** See {@link Host.makeDirectory}. */
export function makeDirectory(directory: string, options: Acting & { readonly mode: number; readonly owner?: Account }): void {
  guarded('make directory', directory, () => actingAs(options.as, () => atPlace(directory, false, (place) => {
    withoutUmask(() => fs.mkdirSync(place.path, { mode: options.mode }))
    if (process.platform === 'win32') return
    try {
      settle(directory, place, options.mode, options.owner)
    } catch (error) {
      fs.rmdirSync(place.path)
      throw error
    }
  })))
}

/** The exact mode (a default ACL of the parent may have had its say), and durable. The descriptor is of a directory, never of what a link leads to. */
function settle(directory: string, place: Place, mode: number, owner: Account | undefined): void {
  const fd = fs.openSync(place.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const info = fs.fstatSync(fd)
    if (info.uid !== process.geteuid!()) throw new HostError('make directory', directory, 'changed', 'somebody put another directory in its place')
    if (owner !== undefined && (owner.uid !== info.uid || owner.gid !== info.gid)) fs.fchownSync(fd, owner.uid, owner.gid)
    if ((info.mode & 0o777) !== mode) fs.fchmodSync(fd, (info.mode & 0o7000) | mode)
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
  syncDirectory(place)
}

/** Opens for appending, making the file when there is none. */
function openForAppend(place: Place, file: string, mode: number): { readonly fd: number; readonly created: boolean } {
  for (let attempt = 0; ; attempt++) {
    try {
      return { fd: openRegular(place, file, O_WRONLY | O_APPEND), created: false }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
    try {
      return { fd: withoutUmask(() => fs.openSync(place.path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), mode)), created: true }
    } catch (error) {
      // Somebody made it in between; a dangling link says so for ever.
      if (codeOf(error) !== 'EEXIST' || attempt === 2) throw error
    }
  }
}

/** See {@link Host.append}. What could be written only in part is taken away again. */
export function appendToFile(file: string, bytes: Uint8Array, options: Acting & { readonly mode?: number } = {}): void {
  guarded('append to', file, () => actingAs(options.as, () => atPlace(file, false, (place) => {
    const { fd, created } = openForAppend(place, file, options.mode ?? 0o600)
    try {
      const before = fs.fstatSync(fd).size
      try {
        for (let written = 0; written < bytes.length;) written += fs.writeSync(fd, bytes, written)
      } catch (error) {
        fs.ftruncateSync(fd, before)
        throw error
      }
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    if (created) syncDirectory(place)
  })))
}

/** See {@link Host.removeFile}. Durable when it returns. */
export function removeFile(file: string, options: Acting = {}): void {
  guarded('remove', file, () => actingAs(options.as, () => atPlace(file, false, (place) => {
    fs.unlinkSync(place.path)
    syncDirectory(place)
  })))
}

/** See {@link Host.removeDirectory}. */
export function removeDirectory(directory: string, options: Acting = {}): void {
  guarded('remove directory', directory, () => actingAs(options.as, () => atPlace(directory, false, (place) => {
    fs.rmdirSync(place.path)
    syncDirectory(place)
  })))
}

/** Empties an open directory and closes it. Each directory below is opened without following links and worked on as what was opened. */
function emptyPinned(fd: number): void {
  try {
    const here = `/proc/self/fd/${fd}`
    for (const entry of fs.readdirSync(here, { withFileTypes: true })) {
      const file = `${here}/${entry.name}`
      if (!entry.isDirectory()) {
        fs.unlinkSync(file)
        continue
      }
      emptyPinned(fs.openSync(file, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
      fs.rmdirSync(file)
    }
  } finally {
    fs.closeSync(fd)
  }
}

/** See {@link Host.removeTree}. Durable when it returns. */
export function removeTree(directory: string, options: Acting = {}): void {
  guarded('remove', directory, () => actingAs(options.as, () => {
    try {
      atPlace(directory, false, (place) => {
        if (process.platform === 'linux') {
          emptyPinned(fs.openSync(place.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
          fs.rmdirSync(place.path)
        } else {
          // On Windows a scanner may have a file open for a moment.
          fs.rmSync(place.path, { recursive: true, maxRetries: 5, retryDelay: 100 })
        }
        syncDirectory(place)
      })
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }))
}

/** See {@link Host.rename}. */
export function renameEntry(from: string, to: string, options: Acting = {}): void {
  guarded('rename', from, () => actingAs(options.as, () => atPlace(from, false, (old) => atPlace(to, false, (place) => {
    // rename(2) replaces files and empty directories without a word.
    if (fs.lstatSync(place.path, { throwIfNoEntry: false }) !== undefined) throw new HostError('rename', from, 'EEXIST', `${to} exists`)
    fs.renameSync(old.path, place.path)
    syncDirectory(place)
    syncDirectory(old)
  }))))
}

/** See {@link Host.sync}. */
export function syncEntry(file: string, options: Acting = {}): void {
  if (process.platform === 'win32') return
  guarded('sync', file, () => actingAs(options.as, () => atPlace(file, false, (place) => {
    const directory = fs.lstatSync(place.path).isDirectory()
    const fd = directory ? fs.openSync(place.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) : openRegular(place, file, O_RDONLY)
    try {
      fs.fsyncSync(fd)
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw error
    } finally {
      fs.closeSync(fd)
    }
  })))
}
