// What a drill does in another way on Windows. The copy's server runs as whoever runs pgwal, without the Administrators' rights:
// pg_ctl takes them away (CreateRestrictedProcess in src/bin/pg_ctl/pg_ctl.c). So it may not read the archive, whose files pgwal
// fetches for it; and Node knows no socket in a directory there, so it listens on the loopback and asks who comes.
import { codeOf } from '../../errors.ts'
import { readPostmaster } from '../../plan/postmaster.ts'
import { historyName, numberedSegment } from '../../postgres/wal/index.ts'
import type { Range } from './explain.ts'
import { watchSpace } from './place.ts'
import type { DrillPlace, Working } from './place.ts'

/** Until the server of a copy has written its number, in milliseconds. */
export const START_MS = 15_000
const STOP_MS = 30_000
const POLL_MS = 100

/** The rules of the copy: a password of the cluster's own, or none where the cluster asked for none. */
export function loopbackHba(password: string | undefined): string {
  return `host all all 127.0.0.1/32 ${password === undefined ? 'trust' : 'md5'}\n`
}

/** Fetches what the recovery needs out of the archive. What is missing there is missing here, and recovery says so. */
export async function fetchWal(working: Working, place: DrillPlace, range: Range, checkpoint: () => void): Promise<string> {
  const { host, as } = working
  const directory = `${place.root}/wal`
  await host.makeDirectory(directory, { ...as, mode: 0o700 })
  const segments = Array.from({ length: range.last - range.first + 1 }, (_none, at) => numberedSegment(range.timeline, range.first + at, range.segmentSize))
  for (const name of [...(range.timeline === 1 ? [] : [historyName(range.timeline)]), ...segments]) {
    checkpoint()
    await watchSpace(working, place.root, range.segmentSize)
    await host.copyFile(`${range.archive}/${name}`, `${directory}/${name}`, as).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
  }
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
