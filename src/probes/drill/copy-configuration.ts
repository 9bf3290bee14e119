// The files that the copy of a drill starts with. Nothing of the cluster's own configuration gets in: it may archive,
// listen, preload jobs, or lie elsewhere (Debian keeps it in /etc).
// https://www.postgresql.org/docs/current/runtime-config-wal.html#RUNTIME-CONFIG-WAL-RECOVERY-TARGET
import { quoteValue } from '../../postgres/conf/index.ts'
import { mostWalBytes } from '../../postgres/recovery/configuration.ts'

/**
 * What the copy must have at least as large as the server: prepared transactions and replication origins are brought
 * back by recovery, and do not fit into less.
 */
export const LIMITS = [
  'max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction',
  'max_replication_slots', 'max_active_replication_origins',
] as const

export interface CopyConfiguration {
  readonly major: number
  /** Undefined where there is no such thing: then the loopback it is. */
  readonly socketDir?: string
  readonly port: number
  /** The value, not yet quoted. */
  readonly restoreCommand: string
  /** Where recovery ends: a restore point, or the first record from a position on. */
  readonly target: { readonly name: string } | { readonly lsn: string }
  /** Bytes. */
  readonly segmentSize: number
  /** Of {@link LIMITS}, what the server has. */
  readonly limits: ReadonlyMap<string, string>
}

/** postgresql.conf of the copy: recovery to the restore point, and nothing that reaches out of the copy. */
export function copyConfiguration(copy: CopyConfiguration): string {
  const segmentMiB = copy.segmentSize / (1 << 20)
  const settings: [name: string, value: string][] = [
    ['cluster_name', 'pgwal_drill'],
    // Nobody but us gets in.
    ['listen_addresses', copy.socketDir === undefined ? '127.0.0.1' : ''],
    ['port', String(copy.port)],
    ['unix_socket_directories', copy.socketDir ?? ''],
    ['unix_socket_permissions', '0700'],
    // Recovery.
    ['restore_command', copy.restoreCommand],
    ...('name' in copy.target ? [['recovery_target_name', copy.target.name] as [string, string]] : [['recovery_target_lsn', copy.target.lsn], ['recovery_target_inclusive', 'off']] as [string, string][]),
    ['recovery_target_timeline', 'current'],
    ['recovery_target_action', 'promote'],
    ['hot_standby', 'off'],
    ...copy.limits,
    // Nothing is archived, and nothing acts on its own.
    ['archive_mode', 'off'],
    ['archive_command', ''],
    ...(copy.major >= 15 ? [['archive_library', ''] as [string, string]] : []),
    ['archive_cleanup_command', ''],
    ['recovery_end_command', ''],
    ['primary_conninfo', ''],
    ['primary_slot_name', ''],
    ['hot_standby_feedback', 'off'],
    ['shared_preload_libraries', ''],
    ['session_preload_libraries', ''],
    ['local_preload_libraries', ''],
    ['max_logical_replication_workers', '0'],
    ['autovacuum', 'off'],
    ...(copy.major >= 17 ? [['event_triggers', 'off'] as [string, string]] : []),
    // Tablespaces within the data directory, which recovery takes for an error otherwise.
    ...(copy.major >= 15 ? [['allow_in_place_tablespaces', 'on'] as [string, string]] : []),
    // A modest guest that is thrown away.
    ['wal_level', 'replica'],
    ['shared_buffers', '64MB'],
    ['huge_pages', 'off'],
    ['fsync', 'off'],
    ['full_page_writes', 'off'],
    ['restart_after_crash', 'off'],
    ['min_wal_size', `${5 * segmentMiB}MB`],
    ['max_wal_size', `${mostWalBytes(copy.segmentSize) / (1 << 20)}MB`],
    // Its log is read.
    ['logging_collector', 'off'],
    ['log_destination', 'stderr'],
    ['log_min_messages', 'warning'],
    ['log_line_prefix', '%m [%p] '],
    ['lc_messages', 'C'],
  ]
  return settings.map(([name, value]) => `${name} = ${quoteValue(value)}\n`).join('')
}

/** pg_hba.conf of the copy: whoever reaches the socket, in a directory that only its owner may enter. */
export const COPY_HBA = 'local all all trust\n'

/** tablespace_map of the copy, from which recovery makes the links in pg_tblspc; undefined where there is no tablespace. */
export function tablespaceMap(tablespaces: readonly { readonly oid: string; readonly path: string }[]): string | undefined {
  return tablespaces.length === 0 ? undefined : tablespaces.map(({ oid, path }) => `${oid} ${path}\n`).join('')
}
