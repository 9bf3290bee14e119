/** Every check of doctor, in alphabetical order. One test holds this list against the folder, the tests and the documentation. */
import archiveApparmor from './archive-apparmor.ts'
import archiveBackups from './archive-backups.ts'
import archiveCommand from './archive-command.ts'
import archiveDirectory from './archive-directory.ts'
import archiveGaps from './archive-gaps.ts'
import archiveLeftovers from './archive-leftovers.ts'
import archiveLibrary from './archive-library.ts'
import archiveMode from './archive-mode.ts'
import archiveRetention from './archive-retention.ts'
import archiveSegments from './archive-segments.ts'
import archiveSelinux from './archive-selinux.ts'
import archiveSpace from './archive-space.ts'
import archiveSystemIdentifier from './archive-system-identifier.ts'
import archiveTimelines from './archive-timelines.ts'
import archiverBacklog from './archiver-backlog.ts'
import archiverFailures from './archiver-failures.ts'
import archiverRunning from './archiver-running.ts'
import backupLabel from './backup-label.ts'
import type { Check } from './check.ts'
import clock from './clock.ts'
import configurationBackslashes from './configuration-backslashes.ts'
import configurationLoads from './configuration-loads.ts'
import dataChecksums from './data-checksums.ts'
import hbaLoads from './hba-loads.ts'
import hbaTraps from './hba-traps.ts'
import listenAddresses from './listen-addresses.ts'
import maxWalSenders from './max-wal-senders.ts'
import pgbackrest from './pgbackrest.ts'
import postgresqlEndOfLife from './postgresql-end-of-life.ts'
import removeIpc from './remove-ipc.ts'
import replicationRole from './replication-role.ts'
import replicationRule from './replication-rule.ts'
import replicationSlots from './replication-slots.ts'
import restoreDrillAge from './restore-drill-age.ts'
import serverReachable from './server-reachable.ts'
import serviceSandbox from './service-sandbox.ts'
import settingsInForce from './settings-in-force.ts'
import unfinishedRun from './unfinished-run.ts'
import upgradeHba from './upgrade-hba.ts'
import upgradeSettings from './upgrade-settings.ts'
import walKeepSize from './wal-keep-size.ts'
import walLevel from './wal-level.ts'
import walSpace from './wal-space.ts'

export const checks: readonly Check[] = [
  archiveApparmor,
  archiveBackups,
  archiveCommand,
  archiveDirectory,
  archiveGaps,
  archiveLeftovers,
  archiveLibrary,
  archiveMode,
  archiveRetention,
  archiveSegments,
  archiveSelinux,
  archiveSpace,
  archiveSystemIdentifier,
  archiveTimelines,
  archiverBacklog,
  archiverFailures,
  archiverRunning,
  backupLabel,
  clock,
  configurationBackslashes,
  configurationLoads,
  dataChecksums,
  hbaLoads,
  hbaTraps,
  listenAddresses,
  maxWalSenders,
  pgbackrest,
  postgresqlEndOfLife,
  removeIpc,
  replicationRole,
  replicationRule,
  replicationSlots,
  restoreDrillAge,
  serverReachable,
  serviceSandbox,
  settingsInForce,
  unfinishedRun,
  upgradeHba,
  upgradeSettings,
  walKeepSize,
  walLevel,
  walSpace,
]
