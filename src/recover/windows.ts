// What a recovery does in another way on Windows. The restored server runs as whoever starts it, without the Administrators' rights:
// pg_ctl takes them away (CreateRestrictedProcess in src/bin/pg_ctl/pg_ctl.c). So it may not read the archive, whose files are copied
// for it; and no client but psql knows a socket in a directory there, so it listens on the loopback.
import { codeOf, UserError } from '../errors.ts'
import type { Acting, Host } from '../host/host.ts'
import { unlessRefused } from '../platforms/reading.ts'
import { archiveScripting } from '../postgres/archive-command/index.ts'
import { decide, parseHba } from '../postgres/hba/index.ts'
import { historyName, numberedSegment } from '../postgres/wal/index.ts'
import { timelineAt } from '../postgres/recovery/way.ts'
import { readWhole } from './archive.ts'
import type { Archive } from './archive.ts'
import type { Route } from './judge.ts'
import { checkpoint } from './working.ts'
import type { Restoring } from './working.ts'

/** Names of the server's own files take up to 75 characters below the directory, of the 259 that a path may have. */
const MOST_CHARACTERS = 180

/** Why a restored server cannot be at a path; undefined where it can. Its programs read paths in the code page of the machine. */
export function placeProblem(root: string): string | undefined {
  const beyondAscii = root.replace(/[ -~]/g, '')
  if (/^[\\/]{2}/.test(root)) return 'UNC'
  if (root.length > MOST_CHARACTERS) return 'ENAMETOOLONG'
  // The system drops them from the end of a name, so that it means another one.
  if (/[. ]$/.test(root)) return 'EINVAL'
  return archiveScripting('cmd').directoryProblem(root) ?? (beyondAscii === '' ? undefined : beyondAscii)
}

/** A path as somebody typed it, made absolute: `\restored` is on the drive of the working directory. */
export function fromHere(here: string, typed: string): string {
  const tidy = typed.replaceAll('\\', '/').replace(/(?<=[^:/])\/+$/, '')
  if (/^(?:[A-Za-z]:|\/\/)/.test(tidy)) return tidy
  return tidy.startsWith('/') ? `${here.slice(0, 2)}${tidy}` : `${here}/${tidy}`
}

/** Makes the directory of a restored server: for the account that it will have, for us who try it, and for no ordinary user beside them. */
export async function makeRoot({ host, self, owner }: Restoring, root: string, exists: boolean): Promise<void> {
  // Whoever made it may have given rights to others, and keeps the right to do so.
  if (exists) await host.removeDirectory(root)
  await host.makeDirectory(root, { mode: 0o700, owner, also: self })
}

/** The bytes of all files below some directories. */
export async function sizeBelow(host: Host, paths: readonly string[]): Promise<number> {
  let bytes = 0
  for (const path of paths) {
    const info = await host.stat(path)
    if (info.kind === 'file') bytes += info.size
    if (info.kind !== 'directory') continue
    const entries = await host.list(path)
    bytes += await sizeBelow(host, entries.flatMap(({ name, kind }) => (kind === 'file' || kind === 'directory' ? [`${path}/${name}`] : [])))
  }
  return bytes
}

/** Copies files from one directory into another, over what an attempt left there that failed half-way. @throws HostError */
export async function copyFiles(host: Host, from: string, to: string, names: readonly string[], options: Acting & { readonly stop?: AbortSignal } = {}): Promise<void> {
  for (const name of names) {
    const copy = () => host.copyFile(`${from}/${name}`, `${to}/${name}`, options)
    await copy().catch(async (error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
      await host.removeFile(`${to}/${name}`, options)
      await copy()
    })
  }
}

/** Where the WAL lies that was copied out of the archive. */
export function walIn(root: string): string {
  return `${root}/wal`
}

/**
 * The files of the archive that a recovery reads: the segments of its way, and all history files, because a server that opens takes a
 * timeline that has none. `beyond`: also all segments behind the target.
 */
export function walOf(archive: Archive, { way, begin, end, reach }: Route, { beyond = false }: { readonly beyond?: boolean } = {}): string[] {
  const names = [...archive.histories.keys()].map((timeline) => historyName(timeline))
  // A record may begin in one segment and end in the next.
  const last = beyond ? reach : Math.min(reach, end + 1)
  for (let number = begin; number <= last; number++) {
    const timeline = timelineAt(way, number)
    if (timeline !== undefined && archive.has(timeline, number)) names.push(numberedSegment(timeline, number, archive.segmentSize))
  }
  return names
}

/** A segment of the highest compression has its own size and a little more. */
const OVERHEAD_BYTES = 1 << 20

/**
 * Copies files out of an archive into a new directory, as they were before they were compressed. What is missing there is missing here, and
 * recovery says so.
 * @param before runs before each one
 * @throws UserError `target-damaged`, `interrupted`, HostError, and what `before` throws
 */
export async function fetchWal(restoring: Fetching, archive: Fetched, directory: string, names: readonly string[], before: (name: string) => Promise<void>): Promise<void> {
  try {
    await restoring.host.makeDirectory(directory, { ...restoring.as, mode: 0o700 })
    for (const name of names) {
      checkpoint(restoring)
      await before(name)
      await fetchOne(restoring, archive, directory, name)
    }
  } catch (error) {
    // What was interrupted says so, and not what it broke off.
    checkpoint(restoring)
    throw error
  }
}

type Fetching = Pick<Restoring, 'host' | 'as' | 'signal'>
type Fetched = Pick<Archive, 'path' | 'segmentSize' | 'suffixes'>

async function fetchOne({ host, as, signal }: Fetching, archive: Fetched, directory: string, name: string): Promise<void> {
  const to = `${directory}/${name}`
  for (const suffix of archive.suffixes) {
    const from = `${archive.path}/${name}${suffix}`
    try {
      if (suffix === '') {
        await host.copyFile(from, to, { ...as, ...(signal === undefined ? {} : { stop: signal }) })
        return
      }
      const bytes = await readWhole({ host, as }, from, archive.segmentSize + OVERHEAD_BYTES)
      if (bytes.length === 0) throw new UserError('target-damaged', { file: from, problem: 'unreadable' })
      await host.replace(to, bytes, { ...as, expect: null, mode: 0o600 })
      return
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}

/** The rule of a server at the loopback: passwords, or none where that is enough. */
export function loopbackHba(withoutPassword: boolean): string {
  return `host all all 127.0.0.1/32 ${withoutPassword ? 'trust' : 'md5'}\n`
}

/** Whether a cluster lets its superuser in at the loopback without a password, by the rules in its data directory. */
export async function asksNobody({ host, as }: Pick<Restoring, 'host' | 'as'>, dataDir: string, major: number): Promise<boolean> {
  const bytes = await unlessRefused(host.read(`${dataDir}/pg_hba.conf`, as))
  if (bytes === undefined) return false
  const { method, dependsOn } = decide(parseHba(bytes, { major }), { user: 'postgres', database: 'postgres', address: '127.0.0.1' })
  return method === 'trust' && dependsOn.length === 0
}

/** What unpacks tar files. On Windows the one that comes with 10 and later: another on the PATH may take the letter of a drive for a machine. */
export function tarProgram({ os, env }: Pick<Host, 'os' | 'env'>): string {
  return os !== 'win32' ? 'tar' : `${(env['SystemRoot'] ?? 'C:/Windows').replaceAll('\\', '/')}/System32/tar.exe`
}
