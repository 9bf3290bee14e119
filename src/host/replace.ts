// New content for a file, so that it is at any moment either the old one or the new one.
// The order of the calls is what the manual pages of rename(2) and fsync(2) promise durability for.
import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { codeOf, HostError } from '../errors.ts'
import { actingAs } from './acting.ts'
import { readOpen } from './files.ts'
import type { Account, ReplaceOptions, RunResult } from './host.ts'
import { openPlace, openRegular, type Place, syncDirectory } from './place.ts'
import { hostError } from './system-error.ts'

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = fs.constants

/** Starts a program as an account, with open files of ours as its descriptors 3, 4 … */
export type RunWith = (file: string, args: readonly string[], as: Account | undefined, descriptors: readonly number[]) => Promise<RunResult>

/** A name that no include_dir reads (it takes `*.conf` without a leading dot) and nobody can guess. */
function temporaryName(): string {
  return `.pgwal-${randomBytes(12).toString('hex')}.tmp`
}

/** Whether this is the name of a temporary file that a killed pgwal left behind. */
export function isTemporaryName(name: string): boolean {
  return /^\.pgwal-[0-9a-f]{24}\.tmp$/.test(name)
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function writeAll(fd: number, bytes: Uint8Array, position: number | null): void {
  let written = 0
  while (written < bytes.length) written += fs.writeSync(fd, bytes, written, bytes.length - written, position === null ? null : position + written)
}

/** What is at the place now, checked against what is expected. The open file and its content, or undefined when there is none. */
function present(place: Place, file: string, expect: string | null): { readonly fd: number; readonly content: Uint8Array } | undefined {
  let fd: number
  try {
    fd = openRegular(place, file)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    if (expect === null) return undefined
    throw changed(file, 'it is no longer there')
  }
  try {
    const content = readOpen(fd, file)
    if (expect === null) throw changed(file, 'it exists')
    if (sha256(content) !== expect) throw changed(file, 'its content is not the one that was seen')
    return { fd, content }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

function changed(file: string, reason: string): HostError {
  return new HostError('replace', file, 'changed', reason)
}

/**
 * Gives the temporary file the ACL and the extended attributes (SELinux label and all) of the original, in the account's
 * own name and through descriptors, so that no path is looked up again. Node knows neither, so `cp` does it.
 */
async function copyAttributes(file: string, from: number, to: number, place: Place, name: string, as: Account | undefined, run: RunWith): Promise<void> {
  if (process.platform === 'win32') return
  const result = process.platform === 'linux'
    ? await run('/bin/cp', ['--attributes-only', '--preserve=all', '--no-preserve=ownership,timestamps,links', '/proc/self/fd/3', '/proc/self/fd/4'], as, [from, to])
    : await run('/bin/cp', ['-p', '--', place.path, place.beside(name)], as, [])
  // BusyBox has no such option; where it is the system's cp there are hardly any attributes either.
  const unknown = /unrecognized option|busybox/i.test(result.stderr)
  if (result.code !== 0 && !unknown) throw new HostError('replace', file, 'attributes', 'its ACL or extended attributes cannot be kept')
}

/**
 * Gives the temporary file to the original's owner. For another owner than ours only root can, and then whoever owned it until now
 * must not have made a second name of it elsewhere: once it is no longer theirs, the kernel lets them make none.
 */
function giveTo(fd: number, original: fs.Stats, file: string): void {
  const now = fs.fstatSync(fd)
  if (now.uid === original.uid && now.gid === original.gid) return
  fs.fchownSync(fd, original.uid, original.gid)
  if (fs.fstatSync(fd).nlink === 1) return
  fs.fchownSync(fd, now.uid, now.gid)
  throw new HostError('replace', file, 'unsafe-link', 'somebody linked the temporary file elsewhere')
}

/**
 * Overwrites the file itself: for one that is a mount point (a file bind-mounted into a container: rename(2) says EBUSY), and for
 * Windows, where a renamed file would lose its own ACL. Not atomic: a kill in the middle leaves a mixture, whose old bytes the caller's
 * journal has. An error in the middle writes the old bytes back.
 */
function overwrite(place: Place, file: string, bytes: Uint8Array, expect: string): void {
  const old = present(place, file, expect)!
  fs.closeSync(old.fd)
  const fd = openRegular(place, file, O_RDWR)
  try {
    try {
      writeAll(fd, bytes, 0)
      fs.ftruncateSync(fd, bytes.length)
      fs.fsyncSync(fd)
    } catch (error) {
      writeAll(fd, old.content, 0)
      fs.ftruncateSync(fd, old.content.length)
      fs.fsyncSync(fd)
      throw error
    }
  } finally {
    fs.closeSync(fd)
  }
}

/** Puts the finished temporary file in the place of the original, if that is still what was expected. */
function publish(place: Place, temporary: string, file: string, bytes: Uint8Array, expect: string | null): void {
  const old = present(place, file, expect)
  if (old !== undefined) fs.closeSync(old.fd)
  if (expect === null) {
    try {
      // Unlike rename, link does not overwrite what came in between.
      fs.linkSync(place.beside(temporary), place.path)
      fs.unlinkSync(place.beside(temporary))
      return
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw changed(file, 'it exists')
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error
    }
  } else if (process.platform === 'win32') {
    overwrite(place, file, bytes, expect)
    fs.unlinkSync(place.beside(temporary))
    return
  }
  try {
    fs.renameSync(place.beside(temporary), place.path)
  } catch (error) {
    if (codeOf(error) !== 'EBUSY' || expect === null) throw error
    overwrite(place, file, bytes, expect)
    fs.unlinkSync(place.beside(temporary))
  }
}

/**
 * New content for a file; see {@link Host.replace}.
 *
 * The directory is opened once, as the acting account, and everything happens below what was opened. Names are created
 * and renamed with the account's own rights; root's are used only to give the file, which we hold open, to the owner
 * that the original has. Permission bits beyond rwx are not carried over. An error leaves the old content and removes
 * the temporary file, save one from the final fsync of the directory, when the new content is already there.
 *
 * @throws HostError `changed` when the content is not the expected one; `not-a-file`, `unsafe-link`, `attributes`; system codes
 */
export async function replaceFile(file: string, bytes: Uint8Array, options: ReplaceOptions, run: RunWith): Promise<void> {
  try {
    await replace(file, bytes, options, run)
  } catch (error) {
    throw hostError('replace', file, error)
  }
}

async function replace(file: string, bytes: Uint8Array, options: ReplaceOptions, run: RunWith): Promise<void> {
  const { as, expect } = options
  const temporary = temporaryName()
  const open: number[] = []
  const place = actingAs(as, () => openPlace(file, true))
  let made = false
  try {
    const { original, fd } = actingAs(as, () => {
      const original = present(place, file, expect)
      if (original !== undefined) open.push(original.fd)
      const fd = fs.openSync(place.beside(temporary), O_WRONLY | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0), 0o600)
      made = true
      open.push(fd)
      return { original: original?.fd, fd }
    })
    const info = original === undefined ? undefined : fs.fstatSync(original)
    if (original !== undefined) await copyAttributes(file, original, fd, place, temporary, as, run)
    actingAs(as, () => {
      fs.ftruncateSync(fd, 0)
      writeAll(fd, bytes, 0)
    })
    if (process.platform !== 'win32') {
      if (info !== undefined) giveTo(fd, info, file)
      // After the change of owner, which clears bits; the umask had its say when the file was made.
      fs.fchmodSync(fd, (info?.mode ?? options.mode ?? 0o600) & 0o777)
    }
    fs.fsyncSync(fd)
    actingAs(as, () => {
      publish(place, temporary, file, bytes, expect)
      made = false
      syncDirectory(place)
    })
  } finally {
    for (const fd of open) fs.closeSync(fd)
    if (made) removeQuietly(place, temporary, as)
    place.close()
  }
}

function removeQuietly(place: Place, name: string, as: Account | undefined): void {
  try {
    actingAs(as, () => fs.unlinkSync(place.beside(name)))
  } catch { /* gone already, or the directory no longer ours: the error that brought us here says more */ }
}
