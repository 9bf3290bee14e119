// What a recovery is about, as data: made by the use case, shown as text or JSON.
export interface RecoverReport {
  readonly outcome: 'applied' | 'planned' | 'cancelled'
  readonly needsConfirmation: boolean
  /** Of a cancelled one: it had begun, and what there was of it is gone again. */
  readonly takenAway?: true
  /** The cluster that it was, where there is one on this machine. */
  readonly cluster?: string
  readonly backup: {
    readonly path: string
    readonly format: 'plain' | 'tar'
    readonly label: string
    /** ISO 8601. */
    readonly begunAt?: string
    readonly timeline: number
    readonly start: string
    /** Where it is consistent. */
    readonly end?: string
    readonly manifest: boolean
    readonly bytes: number
    readonly bytesCertain: boolean
    readonly major?: number
  }
  /** Others that were passed over, with the reason. */
  readonly passedOver: readonly { readonly path: string; readonly code: string; readonly what: string }[]
  readonly archive: { readonly path: string; readonly first: string; readonly last: string; readonly count: number; readonly remainder: readonly string[]; readonly remainderFrom?: string; readonly copiedTo?: string; readonly partial?: PartialSegment }
  readonly target: {
    readonly kind: 'latest' | 'time' | 'lsn' | 'name'
    /** As postgresql.conf has it. */
    readonly value?: string
    /** Of a time, in the user's zone. */
    readonly local?: string
    /** False where the archive's form did not let us look for it. */
    readonly seen: boolean
    readonly timeline: number
    readonly action: 'pause' | 'promote'
    readonly lastIn?: Moment
    readonly firstOut?: Moment
    /** The last commit with a time before the target that is out all the same, because the clock was put back, with the LSN to give to have it in. */
    readonly clockBack?: Moment
    /** All restore points of that name, where there are several, with the LSN to give for each: the first is taken. */
    readonly sameName?: readonly Moment[]
  }
  readonly into: { readonly path: string; readonly owner: string; readonly neededBytes: number; readonly freeBytes: number; readonly replaces?: { readonly since: string } }
  readonly tablespaces: readonly { readonly oid: string; readonly location?: string; readonly path: string }[]
  /** Those that recovery makes at the very place that they had, outside of `into`. */
  readonly makes: readonly { readonly oid: string; readonly location: string }[]
  /** Directory of PostgreSQL's programs; absent where there are none of this major. */
  readonly binDir?: string
  readonly port: number
  /** Whose words the commands are in: `cmd` is Windows' command prompt. */
  readonly shell: 'sh' | 'cmd'
  /** What was done. */
  readonly done?: { readonly bytes: number; readonly files: number; readonly compared: boolean; readonly elapsedMs: number; readonly major: number }
  readonly commands: RecoverCommands
}

/** A segment that is not complete and goes on behind the last one, and so is not restored. */
export interface PartialSegment {
  readonly file: string
  /** Its name when it is complete. */
  readonly name: string
  /** Of its last commit. */
  readonly local?: string
}

/** A transaction's end. */
export interface Moment {
  /** UTC, microseconds. */
  readonly at: string
  readonly local: string
  readonly lsn: string
}

export interface GoLiveStep {
  readonly code: 'stop-production' | 'stop-restored' | 'settings-back' | 'move-old' | 'move-old-content' | 'move-new' | 'rights' | 'start' | 'check-settings' | 'history' | 'backup'
  /** A line for a shell. */
  readonly command: string
}

/** Lines for a shell. */
export interface RecoverCommands {
  readonly start: readonly string[]
  readonly watch: readonly string[]
  readonly look: readonly string[]
  /** Takes a table over into the running server. */
  readonly takeTable: readonly string[]
  /** Ends the pause: the server opens for writing. Empty where it opens by itself. */
  readonly accept: readonly string[]
  /** Shows the transactions that were prepared and stay open; empty where there are none for certain. */
  readonly prepared: readonly string[]
  readonly goLive: readonly GoLiveStep[]
  readonly discard: readonly string[]
}
