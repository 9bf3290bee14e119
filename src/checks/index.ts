/** Every check of doctor, in alphabetical order. One test holds this list against the folder, the tests and the documentation. */
import archiveMode from './archive-mode.ts'
import type { Check } from './check.ts'
import configurationLoads from './configuration-loads.ts'
import maxWalSenders from './max-wal-senders.ts'
import serverReachable from './server-reachable.ts'
import settingsInForce from './settings-in-force.ts'
import walKeepSize from './wal-keep-size.ts'
import walLevel from './wal-level.ts'

export const checks: readonly Check[] = [
  archiveMode,
  configurationLoads,
  maxWalSenders,
  serverReachable,
  settingsInForce,
  walKeepSize,
  walLevel,
]
