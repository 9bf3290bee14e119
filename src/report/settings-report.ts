import type { Unavailable } from '../facts/fact.ts'
import type { Cluster } from '../platforms/platform.ts'

export interface FilePlace {
  readonly file: string
  /** From 1; 0 for the file as a whole. */
  readonly line: number
}

/** What keeps the server from starting, and the line that it stands in. */
export interface FileErrorView extends FilePlace {
  readonly message: string
  readonly code: string
  readonly text?: string
}

/** One line that sets a setting. */
export interface LineView extends FilePlace {
  readonly value: string
  readonly wins: boolean
  /** In postgresql.auto.conf, which ALTER SYSTEM owns. */
  readonly auto: boolean
  /** For a line that lost: what decides instead, null where the server takes no such line at all. */
  readonly lostTo?: FilePlace | 'command line' | null
  /** A later line of the same file, a line of another file, ALTER SYSTEM, the command line, or the server itself. */
  readonly because?: 'duplicate' | 'include' | 'auto' | 'command line' | 'server'
}

export interface SettingView {
  /** As the server spells it. */
  readonly name: string
  /** As the user spelled it. */
  readonly asked: string
  /** The text of the deciding line without quotes and escapes; for an unset one the default; null where neither is known. */
  readonly value: string | null
  readonly source: FilePlace | 'command line' | null
  readonly from: 'file' | 'auto' | 'command line' | 'default' | 'unknown'
  /** Every line about it, in reading order. */
  readonly lines: readonly LineView[]
  /** As SHOW prints it; null where the server was not asked, or shows only our own session's. */
  readonly running: string | null
  /** What it takes until the server runs with what the files say; `none` where it does. */
  readonly pending: 'none' | 'reload' | 'restart' | 'unknown'
  /** An error in the files keeps them from being taken over: the restart, or the reload, would change nothing of this. */
  readonly blocked: boolean
  /** pg_settings.pending_restart, which stays true after a change was taken back. */
  readonly flagged: boolean | null
  /** Roles and databases that have a value of their own. */
  readonly overriddenFor: readonly { readonly role: string | null; readonly database: string | null; readonly value: string }[]
}

/** What `pgwal settings` says of one cluster, or of one file without any. */
export interface SettingsReport {
  /** The main file. */
  readonly file: string
  /** The major as which the files were read. */
  readonly major: number
  readonly cluster?: Cluster
  /** Every file that was read, in the server's order. */
  readonly files: readonly string[]
  /** Whether the server would start with the files; null where one could not be read that it may read. */
  readonly loads: boolean | null
  readonly errors: readonly FileErrorView[]
  readonly unreadable: readonly string[]
  /** Why the server was not asked; absent when it was, or when no server was meant. */
  readonly notSeen?: Unavailable
  readonly settings: readonly SettingView[]
}
