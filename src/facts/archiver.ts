/**
 * What the server's statistics say of the archiver. They lie by omission: a command that exits above 125 or is killed ends
 * the archiver process and is not counted.
 * @see https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ARCHIVER-VIEW
 */
import { optional, sessionOf } from './fact.ts'
import type { Fact } from './fact.ts'
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
}

export const archiverFact: Fact<ArchiverFact> = {
  name: 'archiver',
  async gather(from) {
    const session = await sessionOf(from)
    const [row] = await session.query(
      `SELECT archived_count, last_archived_wal, extract(epoch FROM last_archived_time)::float8 * 1000 AS archived_at,
              failed_count, last_failed_wal, extract(epoch FROM last_failed_time)::float8 * 1000 AS failed_at,
              CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE')
                   THEN EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE backend_type = 'archiver') END AS present
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
      present: await presence(from, row['present']),
    }
  },
}

/** Before 14 the archiver is no part of pg_stat_activity; there, and for a login that may not see it, the process list tells. */
async function presence(from: Parameters<typeof archiverFact.gather>[0], seen: unknown): Promise<boolean | null> {
  if (from.cluster.major >= 14 && seen !== null) return seen === true
  const processes = await optional(from, processesFact)
  return processes === undefined ? null : processes.some(({ role }) => role === 'archiver')
}
