/**
 * Who replicates now, and which slots hold WAL back.
 * @see https://www.postgresql.org/docs/current/view-pg-replication-slots.html
 */
import { sessionOf } from './fact.ts'
import type { Fact } from './fact.ts'

export interface ReplicationFact {
  readonly slots: readonly {
    readonly name: string
    readonly kind: 'physical' | 'logical'
    readonly active: boolean
    /** Bytes of WAL that it holds back; null for a slot that holds none. */
    readonly retainedBytes: number | null
    /** `reserved`, `extended`, `unreserved`, `lost`; null before 13. */
    readonly walStatus: string | null
  }[]
  /** Walsender processes in use; base backups among them. */
  readonly senders: number
  /** Physical standbys and receivers that stream without a slot. */
  readonly withoutSlot: number
}

export const replicationFact: Fact<ReplicationFact> = {
  name: 'replication',
  async gather(from) {
    const session = await sessionOf(from)
    const status = from.cluster.major >= 13 ? 'wal_status' : 'NULL'
    const [slots, senders] = await Promise.all([
      session.query(
        `SELECT slot_name::text AS name, slot_type AS kind, active, ${status} AS wal_status,
                pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn)::float8 AS retained
           FROM pg_catalog.pg_replication_slots ORDER BY slot_name`),
      session.query(
        `SELECT count(*) AS senders,
                count(*) FILTER (WHERE state = 'streaming' AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid)) AS without_slot
           FROM pg_catalog.pg_stat_replication r`),
    ])
    return {
      slots: slots.map((row) => ({
        name: String(row['name']),
        kind: row['kind'] === 'logical' ? 'logical' : 'physical',
        active: row['active'] === true,
        retainedBytes: row['retained'] === null ? null : Number(row['retained']),
        walStatus: row['wal_status'] === null ? null : String(row['wal_status']),
      })),
      senders: Number(senders[0]?.['senders'] ?? 0),
      withoutSlot: Number(senders[0]?.['without_slot'] ?? 0),
    }
  },
}
