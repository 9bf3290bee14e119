import type { Account, Host } from '../host/host.ts'
import type { Sighting, Survey } from './survey.ts'

export type PlatformId = 'linux-apt' | 'linux-rpm' | 'source' | 'homebrew' | 'windows' | 'other'

/** How we know of a cluster, most trusted first. */
export const EVIDENCE_ORDER = ['postmaster', 'pg_lsclusters', 'service', 'postmaster.pid', 'PGDATA', 'known-place', 'asked'] as const
export interface Evidence {
  readonly kind: (typeof EVIDENCE_ORDER)[number]
  /** A process id, a unit's name, a file: what was seen. */
  readonly detail: string
}

/** The supervisor's handle on a cluster: data, turned into commands by {@link Platform.service}. */
export interface ClusterService {
  readonly kind: 'systemd' | 'pg_ctlcluster' | 'pg_ctl' | 'brew' | 'launchd' | 'openrc' | 'rc.d' | 'windows' | 'unknown'
  /** Unit (without `.service`), `15 main`, formula, launchd's label, a script of OpenRC or rc.d, Windows service name; the data directory for pg_ctl. */
  readonly name: string
  /** Whose systemd it is, for a unit of a user's own manager: the uid. */
  readonly userManager?: number
}

/** Somebody else who owns the configuration (Patroni, repmgr …): pgwal must not edit. */
export interface Manager {
  readonly name: string
  /** The command with which that manager changes settings. */
  readonly command: string
  readonly evidence: string
}

/** Things seen on the way that a user should know. Each has words in `messages/`. */
type NoteCode =
  /** `unit`, `pid`, `command`: the server runs, but its unit does not supervise it; `command` brings it back. */
  | 'outside-unit'
  /** `unit`, `command`: the unit is `failed` although the server runs. */
  | 'unit-failed'
  /** `pid`, `file`: the program of the running server was replaced or removed; the next start takes another one. */
  | 'binary-replaced'
  /** `file`, `pid`: postmaster.pid of a server that is gone. */
  | 'stale-pid-file'
  /** `file`, `pid`: postmaster.pid names a process that is not this server. */
  | 'reused-pid'
  /** `file`: there is no such configuration file. */
  | 'config-missing'
  /** `file`: we may not read it, so defaults are shown. */
  | 'config-unreadable'
  /** `directory`: we may not look inside the data directory. */
  | 'data-unreadable'
  /** `pid`: a process of somebody else; its directory and program were taken from its command line. */
  | 'process-unreadable'
  /** `directory`, `config`: another configuration uses the same data directory. */
  | 'data-directory-shared'
  /** `major`: no programs of this version were found. */
  | 'binaries-missing'
  /** `directory`: which version it is could not be told. */
  | 'version-unknown'
  /** `pid`: a server whose directory could not be told (about the machine, not about one cluster). */
  | 'postmaster-unidentified'
export interface Note {
  readonly code: NoteCode
  readonly params: Readonly<Record<string, string | number>>
}

export interface Cluster {
  readonly platform: PlatformId
  /** A proper name for what the platform `other` is here: `Alpine`, `Postgres.app`. */
  readonly product?: string
  /** As `pgwal clusters` prints it and `--cluster` takes it: `15/main`, else the data directory. */
  readonly id: string
  /** `15.18` where it could be told, else the major alone (`15`); `?` when nothing tells it. */
  readonly version: string
  /** 0 when nothing tells it. */
  readonly major: number
  readonly binDir?: string
  readonly dataDir: string
  readonly configFile: string
  readonly hbaFile: string
  readonly owner: Account
  readonly port: number
  /** Nothing that we may read tells the port; the default stands in its place. */
  readonly portGuessed?: true
  /** Directories with the server's socket, best first; empty when unknown or on Windows. */
  readonly socketDirs: readonly string[]
  /** `-c name=value` and friends of the running or the last start: they beat every file. */
  readonly commandLine: readonly (readonly [name: string, value: string])[]
  readonly running: boolean
  readonly pid?: number
  readonly service: ClusterService
  readonly logFile?: string
  readonly evidence: readonly Evidence[]
  readonly manager?: Manager
  readonly notes: readonly Note[]
}

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly as?: Account
  /** Milliseconds. */
  readonly timeoutMs: number
  readonly env?: Readonly<Record<string, string>>
  /** Of the server that runs: the next one shall have it, too. See `inheriting` in pg-ctl.ts. */
  readonly inherit?: Inheritance
  /** Begun only when the server's old process is gone: some supervisors report a stop too early. */
  readonly afterServerEnd?: boolean
  /** Left out where a server comes by itself within so many milliseconds: what watched the old one started it. */
  readonly unlessBackMs?: number
  /** A failure whose output this regular expression fits is none. */
  readonly tolerate?: string
  /** A failure whose output `when` (a regular expression) fits is worth another try, for so long; a server that came up meanwhile is as good. */
  readonly tryAgain?: { readonly when: string; readonly forMs: number }
}

/** What a process has from where it was started. */
export interface Inheritance {
  /** `NAME=value`. */
  readonly variables: readonly string[]
  /** Soft limits, in the letters and units of the shell's ulimit. */
  readonly limits: readonly (readonly [letter: string, value: string])[]
}

/** What restarts, starts, stops and reloads a cluster, as its own platform does it. */
export interface Service {
  /** For people: `systemctl restart postgresql@15-main`. */
  readonly describe: string
  readonly restart: readonly Command[]
  readonly start: readonly Command[]
  readonly stop: readonly Command[]
  readonly reload: readonly Command[]
  /** Has the service manager read its own files again, where it has any. */
  readonly reloadUnits?: readonly Command[]
  /** Prints the newest log lines of the service itself (journal); the server's own log file is read apart. */
  readonly logs?: Command
  /** Whether the caller must be root. */
  readonly needsRoot: boolean
}

export interface Platform {
  readonly id: PlatformId
  /** What this adapter knows of clusters on the machine. Never throws for one cluster's sake: what cannot be read is left out or noted. */
  sightings(survey: Survey): Promise<Sighting[]>
  /** Data for restarting it; gathered now because options may be lost later. */
  service(cluster: Cluster, host: Host): Promise<Service>
  /** Where archived WAL goes by default. */
  archiveDirectory(cluster: Cluster): string
}
