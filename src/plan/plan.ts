import type { Cluster, Service } from '../platforms/platform.ts'
import type { Account } from '../host/host.ts'

/** Content of a file before a step: its bytes and what tells it apart, or null when there was none. */
export interface FileState {
  readonly bytes: Uint8Array
  readonly sha256: string
}

export interface MakeDirectoryStep {
  readonly kind: 'make-directory'
  readonly path: string
  readonly owner: Account
  readonly mode: number
  /** The directory above is root's, so root makes it and gives it to the owner. */
  readonly asRoot?: boolean
}

export interface WriteFileStep {
  readonly kind: 'write-file'
  readonly path: string
  readonly owner: Account
  readonly before: FileState | null
  readonly after: FileState
  /** Only for a new file. */
  readonly mode?: number
  readonly role: 'postgresql.conf' | 'pg_hba.conf' | 'archive-script' | 'unit-drop-in'
  /** The directory is root's: written in root's own name. */
  readonly asRoot?: boolean
}

/** Statements whose undo is another statement (ALTER SYSTEM, CREATE ROLE). */
export interface SqlStep {
  readonly kind: 'sql'
  readonly apply: readonly string[]
  readonly undo: readonly string[]
  /** For people: `ALTER SYSTEM SET archive_command`. */
  readonly about: string
  /** ALTER SYSTEM: the file that the server writes, and what it will say. With it, undo puts back the very bytes, also with the server down. */
  readonly autoConf?: {
    readonly path: string
    readonly owner: Account
    readonly before: FileState
    readonly set: Readonly<Record<string, string>>
  }
  /** Elsewhere: a question whose answer (as JSON of its rows) tells whether it was done. */
  readonly tell?: { readonly query: string; readonly parameters: readonly string[]; readonly before: string; readonly after: string }
}

/**
 * One thing that enable does, as data that can be stored: it holds what was before and what will be after. The code that
 * describes, applies and undoes a kind is `steps/<kind>.ts`.
 */
export type Step = MakeDirectoryStep | WriteFileStep | SqlStep | { readonly kind: 'daemon-reload' } | { readonly kind: 'restart' } | { readonly kind: 'reload' }

export interface Plan {
  readonly cluster: Cluster
  readonly service: Service
  readonly steps: readonly Step[]
  /** Hash of each file as the plan was made and shown. */
  readonly seen: readonly { readonly path: string; readonly sha256: string | null }[]
  readonly effects: {
    readonly restart: boolean
    readonly reload: boolean
    readonly connectionsDropped: number | null
    /** Settings, of the server or of its unit, that count only after a restart, whether or not this plan does one. */
    readonly restartFor: readonly string[]
    /** An archive that is filled now, by pgwal's own script or another command, and gets nothing more; its directory where that can be told. */
    readonly endsArchive?: { readonly directory?: string; readonly own: boolean }
  }
  /** Bytes of one WAL segment, for judging settings against it. */
  readonly segmentSize: number
  /** What the plan will have made true, for verify. */
  readonly wanted: {
    readonly archiveDirectory: string
    readonly settings: Readonly<Record<string, string>>
    readonly replicationUser: string
    readonly allowFrom: readonly string[]
  }
}
