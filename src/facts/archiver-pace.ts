/**
 * How fast the archiver works, measured while it has enough to do: with a queue it never rests, so that a few seconds of it are
 * its pace. Not looked at without a queue, nor after a failure, when it pauses.
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL
 */
import { archiveStatusFact } from './archive-status.ts'
import { archiverFact } from './archiver.ts'
import { required, unavailable } from './fact.ts'
import type { Fact } from './fact.ts'

export interface ArchiverPaceFact {
  /** Files archived in that time. */
  readonly archived: number
  /** Files that came to the queue in that time. */
  readonly added: number
  readonly spanMs: number
}

/** Files; fewer may be done with before the measurement is. */
const QUEUE = 8
const SPAN_MS = 3_000

export const archiverPaceFact: Fact<ArchiverPaceFact> = {
  name: 'archiver-pace',
  async gather(from) {
    const [before, { lastArchivedAt, lastFailedAt }] = await Promise.all([required(from, archiveStatusFact), required(from, archiverFact)])
    const failing = lastArchivedAt === null || (lastFailedAt !== null && lastFailedAt >= lastArchivedAt)
    if (before.ready < QUEUE || failing) throw unavailable('not-applicable')
    // Counted anew on both sides: the shared value may be seconds old.
    const first = await archiveStatusFact.gather(from)
    const began = from.host.now().getTime()
    const counted = await archiverFact.gather(from)
    await from.host.sleep(SPAN_MS)
    const last = await archiveStatusFact.gather(from)
    const spanMs = from.host.now().getTime() - began
    const now = await archiverFact.gather(from)
    const archived = Math.max(0, now.archivedCount - counted.archivedCount, first.ready - last.ready)
    return { archived, added: Math.max(0, last.ready - first.ready + archived), spanMs }
  },
}
