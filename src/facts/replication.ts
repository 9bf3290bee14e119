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
  /** Programs that stream in order to keep the WAL (pg_receivewal, Barman's, pgmoneta), by the names that they give themselves. */
  readonly walPrograms: readonly { readonly name: string; readonly slot: boolean }[]
}

/** What pg_receivewal, `barman receive-wal` and pgmoneta call themselves. */
const WAL_PROGRAMS = /receive_?(?:wal|xlog)|^pgmoneta/

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
        `SELECT coalesce(application_name, '') AS name, coalesce(state, '') = 'streaming' AS streaming, EXISTS (SELECT FROM pg_catalog.pg_replication_slots s WHERE s.active_pid = r.pid) AS slot
           FROM pg_catalog.pg_stat_replication r`),
    ])
    const streaming = senders.filter((sender) => sender['streaming'] === true)
    return {
      slots: slots.map((row) => ({
        name: String(row['name']),
        kind: row['kind'] === 'logical' ? 'logical' : 'physical',
        active: row['active'] === true,
        retainedBytes: row['retained'] === null ? null : Number(row['retained']),
        walStatus: row['wal_status'] === null ? null : String(row['wal_status']),
      })),
      senders: senders.length,
      withoutSlot: streaming.filter(({ slot }) => slot !== true).length,
      walPrograms: streaming.filter(({ name }) => WAL_PROGRAMS.test(String(name))).map(({ name, slot }) => ({ name: String(name), slot: slot === true })),
    }
  },
}
