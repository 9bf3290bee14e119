/** The numbers for monitoring beside a report, as far as they can be seen. */
import { archiveStatusFact } from '../facts/archive-status.ts'
import { archiverFact } from '../facts/archiver.ts'
import { diskFact } from '../facts/disk.ts'
import type { Fact } from '../facts/fact.ts'
import { identityFact } from '../facts/identity.ts'
import type { Seen } from '../facts/saved/file.ts'
import type { Measures } from '../report/report.ts'

export async function measuresOf({ fact, now }: Seen): Promise<Measures> {
  // A fact that crashes has been told of by the checks.
  const known = async <T>(one: Fact<T>): Promise<T | undefined> => {
    const outcome = await fact(one).catch(() => undefined)
    return outcome?.ok === true ? outcome.value : undefined
  }
  const [status, archiver, disk, identity] = await Promise.all([known(archiveStatusFact), known(archiverFact), known(diskFact), known(identityFact)])
  const secondsSince = (then: Date) => Math.max(0, Math.round((now.getTime() - then.getTime()) / 1000))
  return {
    atSeconds: Math.round(now.getTime() / 1000),
    ...(status === undefined ? {} : { backlogSegments: status.ready, backlogAgeSeconds: status.oldest === undefined ? 0 : secondsSince(status.oldest.since) }),
    ...(status === undefined || identity === undefined ? {} : { backlogBytes: status.ready * identity.segmentSize }),
    ...(archiver === undefined ? {} : { archiverArchived: archiver.archivedCount, archiverFailures: archiver.failedCount }),
    ...(archiver === undefined || archiver.lastArchivedAt === null ? {} : { archivedAgeSeconds: secondsSince(archiver.lastArchivedAt) }),
    ...(disk === undefined ? {} : { walFreeBytes: disk.wal.freeBytes }),
  }
}
