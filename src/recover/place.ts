// The directory of a restored server: everything in one place that only its owner may enter, and marked as long as it is not
// finished.
import { codeOf, UserError } from '../errors.ts'
import { parentOf } from '../plan/state-directory.ts'
import { isAlive, markOf } from '../plan/process-mark.ts'
import type { ProcessMark } from '../plan/process-mark.ts'
import type { Cluster } from '../platforms/platform.ts'
import { absolute, isAbsolute, isWithin, unlessRefused } from '../platforms/reading.ts'
import { pathProblem } from '../postgres/archive-command/index.ts'
import { makeRoot, placeProblem } from './windows.ts'
import type { Restoring } from './working.ts'

export interface RestorePlace {
  readonly root: string
  readonly dataDir: string
  readonly socketDir: string
  readonly tablespaces: string
  readonly logFile: string
}

/** In the root as long as the rest is not whole. */
export const UNFINISHED = 'PGWAL-UNFINISHED'

/** sockaddr_un has 104 bytes on macOS and 108 on Linux; the socket's own name takes up to 15 of them. */
const MAX_SOCKET_DIRECTORY = 85

interface Marker {
  readonly process: ProcessMark
  /** ISO 8601. */
  readonly since: string
  readonly backup: string
}

export function placeAt(root: string): RestorePlace {
  return { root, dataDir: `${root}/data`, socketDir: `${root}/s`, tablespaces: `${root}/tablespaces`, logFile: `${root}/server.log` }
}

export type PlaceState = { readonly kind: 'new' | 'empty' } | { readonly kind: 'unfinished'; readonly since: string; readonly backup: string }

/**
 * Whether a restored server may be made at this path, which is absolute.
 * @param forbidden directories that belong to others: data directories, tablespaces, the archive, the backup
 * @throws UserError `into-unusable`, `into-too-long`, `into-of-another`, `into-not-empty`, `into-inside`, `into-busy`
 */
export async function checkPlace({ host, as, self, owner }: Restoring, root: string, forbidden: readonly string[]): Promise<PlaceState> {
  const unusable = (reason: string): UserError => new UserError('into-unusable', { path: root, reason })
  const windows = host.os === 'win32'
  // pg_ctl puts it between double quotes for its shell.
  const problem = windows ? placeProblem(root) : pathProblem(root) ?? (/["$`\\]/.test(root) ? '" $ ` \\' : undefined)
  if (problem !== undefined) throw unusable(problem)
  const { socketDir } = placeAt(root)
  if (!windows && Buffer.byteLength(socketDir) > MAX_SOCKET_DIRECTORY) throw new UserError('into-too-long', { path: root, most: MAX_SOCKET_DIRECTORY - '/s'.length })
  const parent = await unlessRefused(host.realPath(parentOf(root)))
  if (parent === undefined) throw unusable(`${parentOf(root)}: ENOENT`)
  // A drive that somebody mapped.
  if (windows && parent.startsWith('//')) throw unusable(parent)
  const real = `${parent.replace(/\/$/, '')}/${root.slice(root.lastIndexOf('/') + 1)}`
  for (const directory of forbidden) {
    const other = await unlessRefused(host.realPath(directory)) ?? directory
    if (isWithin(host, real, other)) throw new UserError('into-inside', { path: root, inside: directory })
  }
  let entries: string[]
  try {
    const info = await host.stat(root, { ...as, followLinks: false })
    if (info.kind !== 'directory') throw unusable('ENOTDIR')
    // Windows does not tell whose it is this way.
    if (!windows && info.uid !== owner.uid) throw new UserError('into-of-another', { path: root, found: (await host.account(info.uid))?.name ?? info.uid, owner: owner.name })
    entries = (await host.list(root, as)).map(({ name }) => name)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      if ((await host.canWriteInto(parent, as)).ok || self.privileged) return { kind: 'new' }
      throw unusable(`${parent}: EACCES`)
    }
    if (error instanceof UserError || codeOf(error) === '') throw error
    throw unusable(codeOf(error))
  }
  if (entries.length === 0) return { kind: 'empty' }
  if (!entries.includes(UNFINISHED)) throw new UserError('into-not-empty', { path: root })
  const marker = await readMarker({ host, as }, root)
  if (marker !== undefined && await isAlive(host, marker.process)) throw new UserError('into-busy', { path: root, pid: marker.process.pid, since: marker.since })
  return { kind: 'unfinished', since: marker?.since ?? '?', backup: marker?.backup ?? '?' }
}

async function readMarker({ host, as }: Pick<Restoring, 'host' | 'as'>, root: string): Promise<Marker | undefined> {
  try {
    const marker = JSON.parse(new TextDecoder().decode(await host.read(`${root}/${UNFINISHED}`, { ...as, limit: 65_536 }))) as Partial<Marker> | null
    return typeof marker?.process?.pid === 'number' ? marker as Marker : undefined
  } catch {
    // Cut off: whoever wrote it is gone.
    return undefined
  }
}

/**
 * Makes the directory with its mark, after taking away what an interrupted run left there.
 * @throws HostError
 */
export async function makeRestorePlace(restoring: Restoring, root: string, state: PlaceState, backup: string): Promise<RestorePlace> {
  const { host, self, owner, as } = restoring
  const place = placeAt(root)
  if (state.kind === 'unfinished') await emptyRestorePlace(restoring, root)
  if (host.os === 'win32') await makeRoot(restoring, root, state.kind !== 'new')
  else if (state.kind === 'new') {
    const may = (await host.canWriteInto(parentOf(root), as)).ok
    await host.makeDirectory(root, may || !self.privileged ? { ...as, mode: 0o700 } : { mode: 0o700, owner })
  }
  try {
    const marker: Marker = { process: await markOf(host, host.pid), since: host.now().toISOString(), backup }
    await host.replace(`${root}/${UNFINISHED}`, new TextEncoder().encode(`${JSON.stringify(marker)}\n`), { ...as, expect: null, mode: 0o600 })
    for (const directory of [place.dataDir, place.tablespaces, ...(host.os === 'win32' ? [] : [place.socketDir])]) await host.makeDirectory(directory, { ...as, mode: 0o700 })
  } catch (error) {
    await discardRestorePlace(restoring, root, state)
    throw error
  }
  return place
}

/** Takes everything away, and the directory too where we made it. The mark goes last. */
export async function discardRestorePlace(restoring: Restoring, root: string, state: PlaceState): Promise<void> {
  const { host, as } = restoring
  restoring.doing({ code: 'recover-removing', params: { path: root } })
  await emptyRestorePlace(restoring, root)
  if (state.kind !== 'new') return
  // It may lie where only root may remove it.
  await host.removeDirectory(root, as).catch(() => host.removeDirectory(root)).catch(() => undefined)
}

async function emptyRestorePlace({ host, as }: Restoring, root: string): Promise<void> {
  for (const { name, kind } of await host.list(root, as)) {
    if (name === UNFINISHED) continue
    await (kind === 'directory' ? host.removeTree(`${root}/${name}`, as) : host.removeFile(`${root}/${name}`, as))
  }
  await host.removeFile(`${root}/${UNFINISHED}`, as).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error
  })
}

/** Where a new directory must not be: what belongs to clusters of this machine. */
export async function occupied(restoring: Restoring, clusters: readonly Cluster[]): Promise<string[]> {
  const { host } = restoring
  const found: string[] = []
  for (const cluster of clusters) {
    found.push(cluster.dataDir, parentOf(cluster.configFile), ...(await tablespacesOf(restoring, cluster) ?? new Map<string, string>()).values())
    const wal = await unlessRefused(host.realPath(`${cluster.dataDir}/pg_wal`, restoring.self.privileged ? { as: cluster.owner } : {}))
    if (wal !== undefined) found.push(wal)
  }
  return found.filter((path) => isAbsolute(path) && path !== parentOf(path))
}

/** Where the tablespaces of a cluster are, by their number; undefined where that cannot be seen. */
export async function tablespacesOf({ host, self }: Restoring, { dataDir, owner }: Cluster): Promise<Map<string, string> | undefined> {
  const as = self.privileged ? { as: owner } : {}
  const entries = await unlessRefused(host.list(`${dataDir}/pg_tblspc`, as))
  if (entries === undefined) return undefined
  const found = new Map<string, string>()
  for (const { name, kind } of entries) {
    const target = kind === 'symlink' ? await unlessRefused(host.readLink(`${dataDir}/pg_tblspc/${name}`, as)) : undefined
    if (target !== undefined) found.set(name, absolute(`${dataDir}/pg_tblspc`, target))
  }
  return found
}
