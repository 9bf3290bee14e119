/** Every fact, by name. What `--save-facts` writes and what a check may need; one test holds this list against the folder. */
import { apparmorFact } from './apparmor.ts'
import { archiveCommandFact } from './archive-command.ts'
import { archiveContentsFact } from './archive-contents.ts'
import { archiveDirectoryFact } from './archive-directory.ts'
import { archiveGrowthFact } from './archive-growth.ts'
import { archiveLibraryFact } from './archive-library.ts'
import { archiveSegmentsFact } from './archive-segments.ts'
import { archiveStatusFact } from './archive-status.ts'
import { archiverPaceFact } from './archiver-pace.ts'
import { archiverFact } from './archiver.ts'
import { clockFact } from './clock.ts'
import { configurationFact } from './configuration.ts'
import { diskFact } from './disk.ts'
import { effectiveSettingsFact } from './effective-settings.ts'
import type { Fact } from './fact.ts'
import { hbaFact } from './hba.ts'
import { identityFact } from './identity.ts'
import { lastBackupDrillFact } from './last-backup-drill.ts'
import { lastDrillFact } from './last-drill.ts'
import { liveSettingsFact } from './live-settings.ts'
import { logFact } from './log.ts'
import { loginFact } from './login.ts'
import { openRunsFact } from './open-runs.ts'
import { pgbackrestFact } from './pgbackrest.ts'
import { processesFact } from './processes.ts'
import { recoveryConfFact } from './recovery-conf.ts'
import { removeIpcFact } from './remove-ipc.ts'
import { replicationFact } from './replication.ts'
import { roleSettingsFact } from './role-settings.ts'
import { rolesFact } from './roles.ts'
import { selinuxFact } from './selinux.ts'
import { serverFact } from './server.ts'
import { serviceSandboxFact } from './service-sandbox.ts'
import { strayFilesFact } from './stray-files.ts'
import { stuckSegmentFact } from './stuck-segment.ts'
import { walFlowFact } from './wal-flow.ts'

export const facts: readonly Fact<unknown>[] = [
  apparmorFact,
  archiveCommandFact,
  archiveContentsFact,
  archiveDirectoryFact,
  archiveGrowthFact,
  archiveLibraryFact,
  archiveSegmentsFact,
  archiveStatusFact,
  archiverFact,
  archiverPaceFact,
  clockFact,
  configurationFact,
  diskFact,
  effectiveSettingsFact,
  hbaFact,
  identityFact,
  lastBackupDrillFact,
  lastDrillFact,
  liveSettingsFact,
  logFact,
  loginFact,
  openRunsFact,
  pgbackrestFact,
  processesFact,
  recoveryConfFact,
  removeIpcFact,
  replicationFact,
  roleSettingsFact,
  rolesFact,
  selinuxFact,
  serverFact,
  serviceSandboxFact,
  strayFilesFact,
  stuckSegmentFact,
  walFlowFact,
]
