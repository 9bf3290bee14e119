// The directory that holds base backups: where it may be, and that the cluster's owner can write there.
import { codeOf, isFull, UserError } from '../errors.ts'
import { reserveBytes } from '../probes/drill/place.ts'
import type { Working } from '../probes/drill/place.ts'
import { absolute, isAbsolute, isWithin, realPathOf, statOf } from '../platforms/reading.ts'
import { archiveScripting } from '../postgres/archive-command/index.ts'
import { parentOf } from '../plan/state-directory.ts'
import { size } from '../report/words.ts'

export interface Guarded {
  /** A directory that no backup may lie in. */
  readonly path: string
  readonly what: 'data' | 'tablespace' | 'archive' | 'wal'
}

export interface BackupDirectory {
  readonly directory: string
  /** What was missing of it and was made, the outermost first. */
  readonly made: readonly string[]
}

/**
 * Makes the directory where it is missing, for the cluster's owner alone.
 * @throws UserError `backup-inside`, `backup-directory`
 */
export async function openBackupDirectory(working: Working, asked: string, guarded: readonly Guarded[]): Promise<BackupDirectory> {
  const { host, as, self, cluster } = working
  const unusable = (reason: string) => new UserError('backup-directory', { path: asked, reason })
  if (!isAbsolute(asked)) throw unusable('not an absolute path')
  const directory = absolute('/', asked)
  const windows = host.os === 'win32'
  const problem = archiveScripting(windows ? 'cmd' : 'sh').directoryProblem(directory)
  if (problem !== undefined) throw unusable(problem)
  const missing: string[] = []
  let there = directory
  for (;;) {
    const found = await statOf(host, there, as)
    if (found?.kind === 'directory') break
    if (found !== undefined) throw unusable('ENOTDIR')
    if (parentOf(there) === there) throw unusable('ENOENT')
    missing.unshift(there)
    there = parentOf(there)
  }
  const real = `${await realPathOf(host, there, as) ?? there}${directory.slice(there === '/' ? 0 : there.length)}`.replace(/^\/\//, '/')
  for (const { path, what } of guarded) {
    const own = await realPathOf(host, path, as) ?? path
    if (isWithin(host, real, own)) throw new UserError('backup-inside', { path: asked, what, inside: path })
  }
  try {
    for (const path of missing) {
      const mayMake = (await host.canWriteInto(parentOf(path), as)).ok
      if (windows) await host.makeDirectory(path, { mode: 0o700, owner: cluster.owner, also: self })
      else if (mayMake || !self.privileged) await host.makeDirectory(path, { ...as, mode: 0o700 })
      else await host.makeDirectory(path, { mode: 0o700, owner: cluster.owner })
    }
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw unusable(codeOf(error))
  }
  const writable = await host.canWriteInto(directory, as)
  if (!writable.ok) throw unusable(writable.code)
  return { directory, made: missing }
}

/** Takes directories away that were made for a backup which there is not; those that anything lies in stay. */
export async function closeBackupDirectory({ host, as }: Working, { made }: BackupDirectory): Promise<void> {
  // The outermost may lie where only root may remove it.
  for (const path of [...made].reverse()) await host.removeDirectory(path, as).catch(() => host.removeDirectory(path)).catch(() => undefined)
}

/** @throws UserError `backup-space` where fewer bytes are free than the backup needs, and what is left to others */
export async function needSpace(working: Working, directory: string, backupBytes: number): Promise<void> {
  const space = await reserveBytes(working, directory)
  const neededBytes = backupBytes + space.reserveBytes
  if (space.freeBytes < neededBytes) throw new UserError('backup-space', { path: directory, needed: size(neededBytes), free: size(space.freeBytes) })
}

/** Looks at the free space now and then while `work` runs, and ends it through `stop` when it runs low. */
export async function watchingSpace<T>(working: Working, directory: string, interrupted: AbortSignal | undefined, work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const stopping = new AbortController()
  const stop = (): void => { stopping.abort() }
  interrupted?.addEventListener('abort', stop, { once: true })
  if (interrupted?.aborted === true) stop()
  let low: { readonly freeBytes: number; readonly reserveBytes: number } | undefined
  let looking: Promise<void> | undefined
  const timer = setInterval(() => {
    looking ??= reserveBytes(working, directory).then((space) => {
      if (space.freeBytes < space.reserveBytes) {
        low = space
        stop()
      }
    }, () => undefined).finally(() => { looking = undefined })
  }, SPACE_INTERVAL_MS)
  try {
    return await work(stopping.signal)
  } catch (error) {
    if (low !== undefined) throw ranOut(directory, low, error)
    if (interrupted?.aborted === true) throw new UserError('interrupted', {}, { cause: error })
    // The disk may have been full before anybody looked; what a program wrote may be gone again by now.
    if (isFull(error)) throw ranOut(directory, { ...await reserveBytes(working, directory), freeBytes: 0 }, error)
    throw error
  } finally {
    clearInterval(timer)
    interrupted?.removeEventListener('abort', stop)
    await looking
  }
}

const SPACE_INTERVAL_MS = 250

/** `backup-space-ran-out`. */
export function ranOut(path: string, { freeBytes, reserveBytes: reserve }: { readonly freeBytes: number; readonly reserveBytes: number }, cause: unknown): UserError {
  return new UserError('backup-space-ran-out', { path, free: size(freeBytes), reserve: size(reserve) }, { cause })
}
