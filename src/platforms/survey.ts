import type { Account, Host } from '../host/host.ts'
import { rememberingHost } from '../host/remembering-host.ts'
import type { Pairs } from './command-line.ts'
import type { ClusterService, Evidence, Note } from './platform.ts'
import { findPostmasters } from './processes.ts'
import type { Postmaster } from './processes.ts'
import { systemdIsBooted } from './systemd.ts'
import { findServerUnits } from './units.ts'
import type { ServerUnit } from './units.ts'

/** Which cluster a user means. Paths may be relative to our working directory, and a data directory may be one that only holds configuration. */
export interface Selection {
  readonly id?: string
  readonly dataDir?: string
  readonly configFile?: string
}

/** What every adapter looks at, gathered once. */
export interface Survey {
  readonly host: Host
  /** What the user named: an adapter may spare itself what only tells of others. */
  readonly asked: Selection
  readonly self: Account & { readonly privileged: boolean }
  readonly postmasters: readonly Postmaster[]
  /** Whether the system let us see all processes. */
  readonly complete: boolean
  /** Whether systemd is this machine's init. */
  readonly systemd: boolean
  /** Units that start a server; asked for once. */
  units(): Promise<readonly ServerUnit[]>
  /** What `postgres --version` printed, by account and directory. */
  readonly versions: Map<string, Promise<string>>
}

/**
 * One trace of a cluster, as one source tells it: several traces of the same cluster are merged, the most trusted first.
 * At least one of `directory`, `dataDir` and `configFile` is there.
 */
export interface Sighting {
  readonly evidence: Evidence
  /** What `-D` or PGDATA says: the data directory, or a directory with postgresql.conf that names it. Absolute. */
  readonly directory?: string
  /** The data directory for certain. Absolute. */
  readonly dataDir?: string
  /** The configuration file where it was named, not merely supposed. Absolute. */
  readonly configFile?: string
  readonly id?: string
  readonly major?: number
  readonly binDir?: string
  readonly commandLine?: Pairs
  /** pg_hba.conf, unless the configuration names another. */
  readonly hbaFile?: string
  readonly postmaster?: Postmaster
  /** The source itself says that the server runs; of use where processes cannot be seen. */
  readonly running?: boolean
  /** `patroni`, `pacemaker`, where the source says so. */
  readonly supervisor?: string
  readonly logFile?: string
  /** Whose product it is, where its platform is of several: a proper name. */
  readonly product?: string
  /** Compiled into the programs. */
  readonly socketDirs?: readonly string[]
  readonly service?: ClusterService
  /** Whose the server is, where its files do not tell (Windows). */
  readonly owner?: Account
  readonly notes?: readonly Note[]
}

export async function makeSurvey(machine: Host, asked: Selection = {}): Promise<Survey> {
  const host = rememberingHost(machine)
  const [self, { postmasters, complete }, systemd] = await Promise.all([host.self(), findPostmasters(host), systemdIsBooted(host)])
  let units: Promise<readonly ServerUnit[]> | undefined
  const survey: Survey = { host, asked, self, postmasters, complete, systemd, versions: new Map(), units: () => units ??= findServerUnits(survey) }
  return survey
}
