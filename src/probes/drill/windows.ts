// What a drill does in another way on Windows. As with a recovery there, the copy's server may not read the archive, whose files pgwal
// fetches for it; and Node knows no socket in a directory there, so it listens on the loopback and asks who comes.
import { freePort } from '../../host/free-port.ts'
import type { Connection, Host } from '../../host/host.ts'
import { readPostmaster } from '../../plan/postmaster.ts'
import { historyName, numberedSegment } from '../../postgres/wal/index.ts'
import { fetchWal, loopbackHba, walIn } from '../../recover/windows.ts'
import { COPY_HBA } from './copy-configuration.ts'
import type { Range } from './explain.ts'
import { watchSpace } from './place.ts'
import type { DrillPlace, Working } from './place.ts'

/** Until the server of a copy has written its number, in milliseconds. */
const START_MS = 15_000
const STOP_MS = 30_000
const POLL_MS = 100

/** How the server of a copy is reached where it has no socket of its own; the password is the cluster's. */
export interface Loopback {
  readonly port: number
  readonly password?: string | undefined
}

/** A free port of the loopback on Windows; undefined elsewhere. */
export async function loopbackOf(host: Host, password: string | undefined): Promise<Loopback | undefined> {
  return host.os === 'win32' ? { port: await freePort(host), password } : undefined
}

/** Where the server of a copy answers. */
export function addressOf(place: DrillPlace, port: number, loopback: Loopback | undefined): Pick<Connection, 'host' | 'port' | 'password'> {
  if (loopback === undefined) return { host: place.socketDir, port }
  return { host: '127.0.0.1', port: loopback.port, ...(loopback.password === undefined ? {} : { password: loopback.password }) }
}

/** The rules of a copy. */
export function hbaOf(loopback: Loopback | undefined): string {
  return loopback === undefined ? COPY_HBA : loopbackHba(loopback.password === undefined)
}

/** Whether the server of a copy may be on its way and has not written its number yet: nobody's command line is shown. What ends too early says why. */
export function mayBeStarting(elapsedMs: number, log: string): boolean {
  return elapsedMs < START_MS && log === ''
}

/** Fetches what the recovery needs out of the archive. */
export async function fetchRange(working: Working, place: DrillPlace, range: Range, checkpoint: () => void): Promise<string> {
  const segments = Array.from({ length: range.last - range.first + 1 }, (_none, at) => numberedSegment(range.timeline, range.first + at, range.segmentSize))
  const names = [...(range.timeline === 1 ? [] : [historyName(range.timeline)]), ...segments]
  const directory = walIn(place.root)
  await fetchWal(working, { path: range.archive, segmentSize: range.segmentSize, suffixes: [''] }, directory, names, async () => {
    checkpoint()
    await watchSpace(working, place.root, range.segmentSize)
  })
  return directory
}

/**
 * Ends the server of a copy, if one runs; its other processes end with the first one. A server holds its log open: so a number that
 * was left in a file and belongs to somebody else by now is never taken for the copy's.
 */
export async function stopWindowsCopy({ host, cluster, self, as }: Working, root: string): Promise<void> {
  const log = `${root}/server.log`
  if (!await host.isOpen(log)) return
  const postmaster = await readPostmaster({ host, self, cluster: { ...cluster, dataDir: `${root}/data` } })
  if (postmaster === undefined) return
  await host.signal(postmaster.pid, 'SIGKILL', as)
  for (let waited = 0; waited < STOP_MS && await host.isOpen(log); waited += POLL_MS) await host.sleep(POLL_MS)
}
