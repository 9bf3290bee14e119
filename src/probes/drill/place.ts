// Where a drill keeps its copy: one directory that only the cluster's owner may enter, with a mark of who works there.
import { codeOf } from '../../errors.ts'
import type { Account, Acting, Host } from '../../host/host.ts'
import { readPostmaster } from '../../plan/postmaster.ts'
import { isAlive, markOf } from '../../plan/process-mark.ts'
import type { ProcessMark } from '../../plan/process-mark.ts'
import type { Cluster } from '../../platforms/platform.ts'
import { pathProblem } from '../../postgres/archive-command/index.ts'
import { DrillFailure } from './failure.ts'

/** A place for large files that is never in memory, and that every account can reach. */
export const DEFAULT_DRILL_DIRECTORY = '/var/tmp'

const PREFIX = 'pgwal-drill-'
const MARKER = 'pgwal-drill.json'
/** sockaddr_un has 104 bytes on macOS and 108 on Linux; the socket's own name takes up to 15 of them. */
const MAX_SOCKET_DIRECTORY = 85

/** Left free beside the copy: whoever else uses this file system goes on working. */
const RESERVE = { leastBytes: 64 << 20, share: 0.02, mostBytes: 4 * 2 ** 30 }

export interface DrillPlace {
  readonly root: string
  readonly dataDir: string
  readonly socketDir: string
  readonly logFile: string
  readonly tablespaces: string
}

export interface Working {
  readonly host: Host
  readonly cluster: Cluster
  readonly self: Account & { readonly privileged: boolean }
  readonly as: Acting
}

/**
 * Makes the directory of one drill.
 * @throws DrillFailure `directory-unusable`
 */
export async function makePlace({ host, self, cluster, as }: Working, parent: string): Promise<DrillPlace> {
  const root = `${parent.replace(/(?<=.)\/+$/, '')}/${PREFIX}${host.randomId(6)}`
  const place = { root, dataDir: `${root}/data`, socketDir: `${root}/s`, logFile: `${root}/server.log`, tablespaces: `${root}/tablespaces` }
  const unusable = (reason: string) => new DrillFailure('directory-unusable', { path: parent, reason })
  // tablespace_map would need an escape for it.
  if (pathProblem(root) !== undefined || root.includes('\\')) throw unusable(pathProblem(root) ?? 'backslash')
  if (Buffer.byteLength(place.socketDir) > MAX_SOCKET_DIRECTORY) throw unusable('too long for a socket')
  try {
    const mayMake = (await host.canWriteInto(parent, as)).ok
    if (mayMake || !self.privileged) await host.makeDirectory(root, { ...as, mode: 0o700 })
    else await host.makeDirectory(root, { mode: 0o700, owner: cluster.owner })
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw unusable(codeOf(error))
  }
  try {
    const marker = { process: await markOf(host, host.pid), cluster: cluster.dataDir }
    await host.replace(`${root}/${MARKER}`, new TextEncoder().encode(`${JSON.stringify(marker)}\n`), { ...as, expect: null, mode: 0o600 })
    for (const directory of [place.dataDir, place.socketDir, place.tablespaces]) await host.makeDirectory(directory, { ...as, mode: 0o700 })
  } catch (error) {
    await host.removeTree(root, as).catch(() => undefined)
    if (codeOf(error) === '') throw error
    // Above it something may be closed to the owner.
    throw unusable(codeOf(error))
  }
  return place
}

/** Bytes that must stay free on the file system of the drill. */
export async function reserveBytes({ host, as }: Working, path: string): Promise<{ readonly freeBytes: number; readonly reserveBytes: number }> {
  const { freeBytes, totalBytes } = await host.fileSystem(path, as)
  return { freeBytes, reserveBytes: Math.min(RESERVE.mostBytes, Math.max(RESERVE.leastBytes, totalBytes * RESERVE.share)) }
}

/** @throws DrillFailure `space-ran-out` */
export async function watchSpace(working: Working, path: string): Promise<void> {
  const space = await reserveBytes(working, path)
  if (space.freeBytes < space.reserveBytes) throw new DrillFailure('space-ran-out', { path, freeBytes: space.freeBytes, reserveBytes: space.reserveBytes })
}

/** Stops the copy's server, if one runs, and removes the directory. */
export async function removePlace(working: Working, root: string): Promise<void> {
  await stopCopy(working, `${root}/data`)
  // In the owner's name: no link that was planted in there leads root astray. The directory itself may lie where only root may remove it.
  await working.host.removeTree(root, working.as).catch(() => undefined)
  await working.host.removeTree(root)
}

/** Removes what drills of this cluster's owner left behind whose pgwal is gone. */
export async function removeLeftovers(working: Working, parent: string): Promise<void> {
  const { host, cluster, as } = working
  for (const { name, kind } of await host.list(parent, as).catch(() => [])) {
    if (kind !== 'directory' || !/^pgwal-drill-[0-9a-f]{12}$/.test(name)) continue
    const root = `${parent.replace(/(?<=.)\/+$/, '')}/${name}`
    try {
      const info = await host.stat(root, { ...as, followLinks: false })
      // In a directory for everybody, somebody else's is not ours to believe.
      if (info.uid !== cluster.owner.uid || (info.mode & 0o077) !== 0) continue
      const marker = JSON.parse(new TextDecoder().decode(await host.read(`${root}/${MARKER}`, { ...as, limit: 65_536 }))) as { process: ProcessMark }
      if (await isAlive(host, marker.process)) continue
    } catch (error) {
      // Just being made or removed, or cut off before its mark was there: then only an empty one may go.
      if (codeOf(error) === 'ENOENT') await host.removeDirectory(root, as).catch(() => undefined)
      continue
    }
    await removePlace(working, root).catch(() => undefined)
  }
}

/** Stops the server that runs on a copy. A number in postmaster.pid that by now is somebody else's is left alone. */
export async function stopCopy(working: Working, dataDir: string): Promise<void> {
  const { host, cluster, self, as } = working
  const copy = { host, self, cluster: { ...cluster, dataDir } }
  const postmaster = await readPostmaster(copy).catch(() => undefined)
  if (postmaster === undefined || !(await commandLine(host, postmaster.pid)).includes(dataDir)) return
  await host.signal(postmaster.pid, 'SIGQUIT', as).catch(() => undefined)
  for (let waited = 0; waited < 10_000 && (await host.processExists(postmaster.pid)); waited += 50) await host.sleep(50)
}

async function commandLine(host: Host, pid: number): Promise<string> {
  if (host.os === 'linux') return host.read(`/proc/${pid}/cmdline`, { limit: 65_536 }).then((bytes) => new TextDecoder('latin1').decode(bytes), () => '')
  return host.run('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).then(({ stdout }) => stdout, () => '')
}
