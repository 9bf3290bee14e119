/**
 * What lies in the archive under the name of the file that the archiver takes next. A guard such as `test ! -f` fails on it
 * for ever and says nothing: half a copy of it, the very same file after a crash, or another server's.
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL
 */
import { archiveCommandFact } from './archive-command.ts'
import { archiveStatusFact } from './archive-status.ts'
import { acting, required, unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'

export interface StuckSegmentFact {
  readonly name: string
  /** Where it would be stored. */
  readonly path: string
  /** `exists`: something is there that cannot be compared, compressed for instance. */
  readonly state: 'absent' | 'identical' | 'incomplete' | 'different' | 'exists'
  /** Of what is there, in bytes. */
  readonly size?: number
  /** Of the server's own. */
  readonly wanted?: number
}

const PIECE = 1 << 20

export const stuckSegmentFact: Fact<StuckSegmentFact> = {
  name: 'stuck-segment',
  async gather(from) {
    const { oldest } = await required(from, archiveStatusFact)
    const { destination, judgement } = await required(from, archiveCommandFact)
    if (oldest === undefined) throw unavailable('not-applicable')
    if (destination === undefined) throw unavailable('unknown-destination')
    const { name } = oldest
    const suffix = judgement?.suffix ?? ''
    const path = `${destination}/${name}${suffix}`
    const there = await from.host.stat(path, acting(from)).catch(() => undefined)
    if (there === undefined) return { name, path, state: 'absent' }
    const own = `${from.cluster.dataDir}/pg_wal/${name}`
    const wanted = (await from.host.stat(own, acting(from)).catch(() => undefined))?.size
    if (suffix !== '' || there.kind !== 'file' || wanted === undefined) return { name, path, state: 'exists', size: there.size }
    const same = await sameBytes(from, own, path, Math.min(there.size, wanted))
    const state = !same ? 'different' : there.size === wanted ? 'identical' : there.size < wanted ? 'incomplete' : 'different'
    return { name, path, state, size: there.size, wanted }
  },
}

/** Whether both begin with the same bytes. */
async function sameBytes(from: Gathering, one: string, other: string, length: number): Promise<boolean> {
  for (let at = 0; at < length; at += PIECE) {
    const piece = Math.min(PIECE, length - at)
    const [left, right] = await Promise.all([one, other].map((path) => from.host.readPart(path, at, piece, acting(from))))
    if (left!.length !== right!.length || !left!.every((byte, index) => byte === right![index])) return false
  }
  return true
}
