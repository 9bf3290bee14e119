/**
 * What the server's statistics say of the archiver. They lie by omission: a command that exits above 125 or is killed ends
 * the archiver process and is not counted.
 * @see https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW
 */
import type { Session } from '../host/host.ts'
import { optional, sessionOf } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'
import { processesFact } from './processes.ts'

export interface ArchiverFact {
  readonly archivedCount: number
  readonly lastArchivedWal: string | null
  readonly lastArchivedAt: Date | null
  readonly failedCount: number
  readonly lastFailedWal: string | null
  readonly lastFailedAt: Date | null
  /** Whether an archiver process exists; null where that cannot be seen. */
  readonly present: boolean | null
  /** Whether the server was in recovery when that was looked at: it may be promoted a moment later. */
  readonly inRecovery?: boolean
}

export const archiverFact: Fact<ArchiverFact> = {
  name: 'archiver',
  async gather(from) {
    const session = await sessionOf(from)
    const [row] = await session.query(
      `SELECT archived_count, last_archived_wal, extract(epoch FROM last_archived_time)::float8 * 1000 AS archived_at,
              failed_count, last_failed_wal, extract(epoch FROM last_failed_time)::float8 * 1000 AS failed_at,
              CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE')
                   THEN EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE backend_type = 'archiver') END AS present,
              current_setting('archive_mode') AS mode, pg_catalog.pg_is_in_recovery() AS in_recovery
         FROM pg_catalog.pg_stat_archiver`)
    if (row === undefined) throw new Error('pg_stat_archiver has no row')
    const text = (value: unknown) => (value === null ? null : String(value))
    const date = (value: unknown) => (value === null ? null : new Date(Number(value)))
    return {
      archivedCount: Number(row['archived_count']),
      lastArchivedWal: text(row['last_archived_wal']),
      lastArchivedAt: date(row['archived_at']),
      failedCount: Number(row['failed_count']),
      lastFailedWal: text(row['last_failed_wal']),
      lastFailedAt: date(row['failed_at']),
      inRecovery: row['in_recovery'] === true,
      present: await presence(from, session, row['present'], row['mode'] === 'always' || (row['mode'] === 'on' && row['in_recovery'] === false)),
    }
  },
}

/** After a promotion the server says that it is no standby a moment before it starts its archiver. */
const LOOKS = 10
const PAUSE_MS = 200

/**
 * Before 14 the archiver is no part of pg_stat_activity; there, and for a login that may not see it, the process list tells.
 *
 * @param due whether there should be one: then it is looked for again
 */
async function presence(from: Gathering, session: Session, first: unknown, due: boolean): Promise<boolean | null> {
  const listed = from.cluster.major < 14 || first === null
  let processes = listed ? await optional(from, processesFact) : undefined
  if (listed && processes === undefined) return null
  let seen = first
  for (let look = 1; ; look++) {
    const present = processes === undefined ? seen === true : processes.some(({ role }) => role === 'archiver')
    if (present || !due || look === LOOKS) return present
    await from.host.sleep(PAUSE_MS)
    if (processes === undefined) seen = (await session.query("SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE backend_type = 'archiver') AS present"))[0]?.['present']
    else processes = await processesFact.gather(from)
  }
}
