import { archiveRoundTrip } from './archive-round-trip.ts'
import { archiverStatistics } from './archiver-statistics.ts'
import { backupDrill } from './backup-drill.ts'
import type { Probe } from './probe.ts'
import { replicationLogin } from './replication-login.ts'
import { restoreDrill } from './restore-drill.ts'

/** In the order in which verify runs them: the statistics are a witness of the round trip. */
export const probes: readonly Probe[] = [archiveRoundTrip, archiverStatistics, replicationLogin, restoreDrill, backupDrill]
