/** The numbers for monitoring beside a report, as far as they can be seen. */
import { archiveCommandFact } from '../facts/archive-command.ts'
import { archiveContentsFact } from '../facts/archive-contents.ts'
import { archiveDirectoryFact } from '../facts/archive-directory.ts'
import { archiveGrowthFact } from '../facts/archive-growth.ts'
import { archiveStatusFact } from '../facts/archive-status.ts'
import { archiverFact } from '../facts/archiver.ts'
import { diskFact } from '../facts/disk.ts'
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import type { Fact } from '../facts/fact.ts'
import { identityFact } from '../facts/identity.ts'
import { replicationFact } from '../facts/replication.ts'
import type { Seen } from '../facts/saved/file.ts'
import { serverFact } from '../facts/server.ts'
import { walFlowFact } from '../facts/wal-flow.ts'
import { walTimes } from '../checks/support/wal-times.ts'
import type { WalTimes } from '../checks/support/wal-times.ts'
import type { Measures } from '../report/report.ts'

/** A fact that crashes has been told of by the checks. */
async function known<T>({ fact }: Seen, one: Fact<T>): Promise<T | undefined> {
  const outcome = await fact(one).catch(() => undefined)
  return outcome?.ok === true ? outcome.value : undefined
}

export async function timesOf(seen: Seen): Promise<WalTimes> {
  const [flow, identity, settings, server, command, status, archiver, contents, directory, growth, replication, disk] = await Promise.all([
    known(seen, walFlowFact), known(seen, identityFact), known(seen, effectiveSettingsFact), known(seen, serverFact), known(seen, archiveCommandFact), known(seen, archiveStatusFact),
    known(seen, archiverFact), known(seen, archiveContentsFact), known(seen, archiveDirectoryFact), known(seen, archiveGrowthFact), known(seen, replicationFact), known(seen, diskFact),
  ])
  return walTimes({ flow, identity, settings, server, command, status, archiver, contents, directory, growth, replication, disk })
}

export async function measuresOf(seen: Seen, { rate, walFullMs, archiveFullMs, loss, holds }: WalTimes): Promise<Measures> {
  const { now } = seen
  const [status, archiver, disk, identity] = await Promise.all([known(seen, archiveStatusFact), known(seen, archiverFact), known(seen, diskFact), known(seen, identityFact)])
  const secondsSince = (then: Date) => Math.max(0, Math.round((now.getTime() - then.getTime()) / 1000))
  const seconds = (ms: number) => Math.round(ms / 1000)
  return {
    atSeconds: Math.round(now.getTime() / 1000),
    ...(status === undefined ? {} : { backlogSegments: status.ready, backlogAgeSeconds: status.oldest === undefined ? 0 : secondsSince(status.oldest.since) }),
    ...(status === undefined || identity === undefined ? {} : { backlogBytes: status.ready * identity.segmentSize }),
    ...(archiver === undefined ? {} : { archiverArchived: archiver.archivedCount, archiverFailures: archiver.failedCount }),
    ...(archiver === undefined || archiver.lastArchivedAt === null ? {} : { archivedAgeSeconds: secondsSince(archiver.lastArchivedAt) }),
    ...(disk === undefined ? {} : { walFreeBytes: disk.wal.freeBytes }),
    ...(rate === undefined ? {} : { walBytesPerSecond: Math.round(rate.bytesPerSecond), walRateSpanSeconds: seconds(rate.spanMs) }),
    ...(walFullMs === undefined ? {} : { walFullSeconds: seconds(walFullMs) }),
    ...(archiveFullMs === undefined ? {} : { archiveFullSeconds: seconds(archiveFullMs) }),
    ...(loss === undefined ? {} : { unarchivedBytes: loss.bytes, unarchivedAgeSeconds: seconds(loss.ageMs) }),
    holds,
  }
}
