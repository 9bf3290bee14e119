/**
 * The latest moments that this machine has put down for the cluster. None of them can be later than now, unless its clock was
 * set back or is wrong.
 */
import { statOf } from '../platforms/reading.ts'
import { archiverFact } from './archiver.ts'
import { acting, optional, unavailable } from './fact.ts'
import type { Fact } from './fact.ts'
import { serverFact } from './server.ts'
import { walFlowFact } from './wal-flow.ts'

export interface ClockFact {
  /** Where it is written, in the server's or the file system's own words, and the time there. */
  readonly marks: readonly { readonly what: string; readonly at: Date }[]
}

export const clockFact: Fact<ClockFact> = {
  name: 'clock',
  async gather(from) {
    const control = `${from.cluster.dataDir}/global/pg_control`
    const [file, server, archiver, flow] = await Promise.all([statOf(from.host, control, acting(from)), optional(from, serverFact), optional(from, archiverFact), optional(from, walFlowFact)])
    const marks = [
      { what: control, at: file?.modified },
      { what: 'pg_postmaster_start_time()', at: server?.startedAt },
      // On a standby the checkpoint's time is the primary's.
      { what: 'pg_control_checkpoint().checkpoint_time', at: server?.inRecovery === false ? flow?.checkpoint.at : undefined },
      { what: 'pg_stat_archiver.last_archived_time', at: archiver?.lastArchivedAt ?? undefined },
      { what: 'pg_stat_archiver.last_failed_time', at: archiver?.lastFailedAt ?? undefined },
    ].flatMap(({ what, at }) => (at === undefined ? [] : [{ what, at }]))
    if (marks.length === 0) throw unavailable('not-readable', { target: control })
    return { marks }
  },
}
