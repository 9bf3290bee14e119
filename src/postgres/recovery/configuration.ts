// The configuration of a restored server until it goes live: recovery to the target, and nothing that reaches out of its own
// directory. It lies beside the data directory, so that the cluster's own files stay as they were.
// https://www.postgresql.org/docs/current/runtime-config-wal.html#RUNTIME-CONFIG-WAL-ARCHIVE-RECOVERY
import { quoteValue } from '../conf/index.ts'
import type { ControlLimits } from '../control-file.ts'
import { lsnToText } from '../wal/lsn.ts'
import type { Lsn } from '../wal/lsn.ts'
import { type RecoveryTarget, timeInUtc } from './target.ts'

/** Of replication origins, one for each subscription: more than anybody has. */
const MOST_ORIGINS = 1000

/** What happens at the target: the server stops replaying and can be looked at, or it opens at once. */
export type TargetAction = 'pause' | 'promote'

export interface RecoveryConfiguration {
  readonly major: number
  readonly dataDir: string
  readonly hbaFile: string
  readonly identFile: string
  /** Undefined where there is no such thing: then the loopback it is. */
  readonly socketDir?: string
  readonly port: number
  /** The value, not yet quoted. */
  readonly restoreCommand: string
  readonly target: RecoveryTarget
  /** `current` where it is the backup's own. */
  readonly timeline: number | 'current'
  readonly action: TargetAction
  /** Of `latest`: where the last record begins. */
  readonly lastRecord?: Lsn
  readonly limits: ControlLimits
  /** Bytes. */
  readonly segmentSize: number
}

/** The settings that say how far recovery goes. */
export function targetSettings(target: RecoveryTarget, timeline: number | 'current', action: TargetAction, lastRecord?: Lsn): [name: string, value: string][] {
  const line: [string, string] = ['recovery_target_timeline', String(timeline)]
  switch (target.kind) {
    // Without a target recovery would end at the first damage, and the server open without what was committed after it.
    case 'latest': return [...(lastRecord === undefined ? [] : [['recovery_target_lsn', lsnToText(lastRecord)] as [string, string]]), line, ...(lastRecord === undefined ? [] : [['recovery_target_action', 'promote'] as [string, string]])]
    case 'time': return [['recovery_target_time', timeInUtc(target.time)], ['recovery_target_inclusive', 'off'], line, ['recovery_target_action', action]]
    case 'lsn': return [['recovery_target_lsn', lsnToText(target.lsn)], ['recovery_target_inclusive', 'off'], line, ['recovery_target_action', action]]
    case 'name': return [['recovery_target_name', target.name], line, ['recovery_target_action', action]]
  }
}

/** How much WAL a restored server keeps at most, in bytes: what is restored stays until a restart point lies behind it. */
export function mostWalBytes(segmentSize: number): number {
  return Math.max(1024 << 20, 10 * segmentSize)
}

/** postgresql.conf of the restored server. */
export function recoveryConfiguration(options: RecoveryConfiguration): string {
  const { major } = options
  const parts: [comment: string, settings: [name: string, value: string][]][] = [
    ['Where it is', [
      ['data_directory', options.dataDir],
      ['hba_file', options.hbaFile],
      ['ident_file', options.identFile],
    ]],
    ['How far it goes', [
      ['restore_command', options.restoreCommand],
      ...targetSettings(options.target, options.timeline, options.action, options.lastRecord),
    ]],
    ['Nobody takes it for the production server', [
      ['cluster_name', 'pgwal_recover'],
      ['listen_addresses', options.socketDir === undefined ? '127.0.0.1' : ''],
      ['port', String(options.port)],
      ['unix_socket_directories', options.socketDir ?? ''],
      ['unix_socket_permissions', '0700'],
    ]],
    ['It archives nothing, sends nothing and starts nothing', [
      ['archive_mode', 'off'],
      ['archive_command', ''],
      ...(major >= 15 ? [['archive_library', ''] as [string, string]] : []),
      ['archive_cleanup_command', ''],
      ['recovery_end_command', ''],
      ['primary_conninfo', ''],
      ['primary_slot_name', ''],
      ['max_logical_replication_workers', '0'],
      ['shared_preload_libraries', ''],
      ['session_preload_libraries', ''],
      ['local_preload_libraries', ''],
      ['autovacuum', 'off'],
      // One that fires at a login and writes keeps everybody out of a server that waits at its target.
      ...(major >= 17 ? [['event_triggers', 'off'] as [string, string]] : []),
      ['ssl', 'off'],
      // Tablespaces within the data directory, which recovery takes for an error otherwise.
      ...(major >= 15 ? [['allow_in_place_tablespaces', 'on'] as [string, string]] : []),
    ]],
    ['What recovery brings back needs at least what the server had', [
      ['hot_standby', 'on'],
      ...Object.entries(options.limits).map(([name, value]): [string, string] => [name, String(value)]),
      // pg_control does not tell how many there were.
      [major >= 18 ? 'max_active_replication_origins' : 'max_replication_slots', String(MOST_ORIGINS)],
    ]],
    // Off, it throws away those that the cluster has kept, for good.
    ['Times of commits stay', [['track_commit_timestamp', 'on']]],
    // With larger segments than usual a server does not start with the defaults.
    ['How much WAL it keeps', [
      ['min_wal_size', `${5 * options.segmentSize / (1 << 20)}MB`],
      ['max_wal_size', `${mostWalBytes(options.segmentSize) / (1 << 20)}MB`],
    ]],
    ['Its log', [
      ['logging_collector', 'off'],
      ['log_destination', 'stderr'],
      ['log_line_prefix', '%m [%p] '],
      ['lc_messages', 'C'],
    ]],
  ]
  const lines = parts.map(([comment, settings]) => `# ${comment}\n${settings.map(([name, value]) => `${name} = ${quoteValue(value)}\n`).join('')}`)
  return `# Written by pgwal recover. It serves until the server goes live; then the cluster's own configuration does.\n\n${lines.join('\n')}`
}
