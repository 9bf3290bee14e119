import type { Cluster, Service } from '../platforms/platform.ts'
import type { Account } from '../host/host.ts'

/** Content of a file before a step: its bytes and what tells it apart, or null when there was none. */
export interface FileState {
  readonly bytes: Uint8Array
  readonly sha256: string
}

/**
 * One thing that enable does, as data that can be stored: it holds what was before and what will be after. The code that
 * describes, applies and undoes a kind is `steps/<kind>.ts`.
 */
export type Step =
  | { readonly kind: 'make-directory'; readonly path: string; readonly owner: Account; readonly mode: number }
  | {
      readonly kind: 'write-file'
      readonly path: string
      readonly owner: Account
      readonly before: FileState | null
      readonly after: FileState
      /** Only for a new file. */
      readonly mode?: number
      readonly role: 'postgresql.conf' | 'pg_hba.conf' | 'archive-script' | 'unit-drop-in'
    }
  /** Statements whose undo is another statement (ALTER SYSTEM, CREATE ROLE). */
  | { readonly kind: 'sql'; readonly apply: readonly string[]; readonly undo: readonly string[]; readonly about: string }
  | { readonly kind: 'restart' }
  | { readonly kind: 'reload' }

export interface Plan {
  readonly cluster: Cluster
  readonly service: Service
  readonly steps: readonly Step[]
  /** Hash of each file as the plan was made and shown. */
  readonly seen: readonly { readonly path: string; readonly sha256: string | null }[]
  readonly effects: { readonly restart: boolean; readonly reload: boolean; readonly connectionsDropped: number | null }
  /** What the plan will have made true, for verify. */
  readonly wanted: {
    readonly archiveDirectory: string
    readonly settings: Readonly<Record<string, string>>
    readonly replicationUser: string
    readonly allowFrom: readonly string[]
  }
}
