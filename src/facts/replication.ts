/**
 * Who replicates now, and which slots hold WAL back.
 * @see https://www.postgresql.org/docs/current/view-pg-replication-slots.html
 */
import { sessionOf } from './fact.ts'
import type { Fact } from './fact.ts'

export interface SlotView {
  readonly name: string
  readonly kind: 'physical' | 'logical'
  readonly active: boolean
  /** Bytes of WAL that it holds back; null for a slot that holds none. */
  readonly retainedBytes: number | null
  /** `reserved`, `extended`, `unreserved`, `lost`; null before 13. */
  readonly walStatus: string | null
  /** Bytes that may still be written before it is in danger of being lost; null without a limit, and before 13. */
  readonly safeBytes: number | null
  /** Why it was invalidated: `wal_removed`, `rows_removed`, `wal_level_insufficient`, `idle_timeout`; null where it was not, and before 17. */
  readonly invalidation: string | null
  /** A copy that a standby keeps of a slot of its primary (17 and newer): nobody ever uses it there. */
  readonly synced: boolean
  /** What its user calls itself; null while nobody uses it. */
  readonly application: string | null
}

export interface ReplicationFact {
  readonly slots: readonly SlotView[]
  /** Walsender processes in use; base backups among them. */
  readonly senders: number
  /** Physical standbys and receivers that stream without a slot. */
  readonly withoutSlot: number
  /** Programs that stream in order to keep the WAL (pg_receivewal, Barman's, pgmoneta), by the names that they give themselves. */
  readonly walPrograms: readonly { readonly name: string; readonly slot: boolean }[]
}

/** What pg_receivewal, `barman receive-wal` and pgmoneta call themselves. */
const WAL_PROGRAMS = /receive_?(?:wal|xlog)|^pgmoneta/

export const replicationFact: Fact<ReplicationFact> = {
  name: 'replication',
  async gather(from) {
    const session = await sessionOf(from)
    const since = (major: number, column: string) => (from.cluster.major >= major ? column : 'NULL')
    const [slots, senders] = await Promise.all([
      session.query(
        `SELECT s.slot_name::text AS name, s.slot_type AS kind, s.active, ${since(13, 's.wal_status')} AS wal_status, ${since(13, 's.safe_wal_size::float8')} AS safe,
                ${since(17, 's.invalidation_reason')} AS invalidation, ${since(17, 's.synced')} AS synced,
                (SELECT r.application_name FROM pg_catalog.pg_stat_replication r WHERE r.pid = s.active_pid) AS application,
                pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn)::float8 AS retained
           FROM pg_catalog.pg_replication_slots s ORDER BY s.slot_name`),
      session.query(
        `SELECT coalesce(application_name, '') AS name, coalesce(state, '') = 'streaming' AS streaming, EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid) AS slot
           FROM pg_catalog.pg_stat_replication r`),
    ])
    const streaming = senders.filter((sender) => sender['streaming'] === true)
    const number = (value: unknown): number | null => (value === null ? null : Number(value))
    const text = (value: unknown): string | null => (value === null ? null : String(value))
    return {
      slots: slots.map((row) => ({
        name: String(row['name']),
        kind: row['kind'] === 'logical' ? 'logical' : 'physical',
        active: row['active'] === true,
        retainedBytes: number(row['retained']),
        walStatus: text(row['wal_status']),
        safeBytes: number(row['safe']),
        invalidation: text(row['invalidation']),
        synced: row['synced'] === true,
        application: text(row['application']),
      })),
      senders: senders.length,
      withoutSlot: streaming.filter(({ slot }) => slot !== true).length,
      walPrograms: streaming.filter(({ name }) => WAL_PROGRAMS.test(String(name))).map(({ name, slot }) => ({ name: String(name), slot: slot === true })),
    }
  },
}
