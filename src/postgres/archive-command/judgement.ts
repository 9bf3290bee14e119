// What can be said of an existing archive_command.

export type Answer = 'yes' | 'no' | 'unknown'

export type JudgementKind =
  /** Nothing is configured. */
  | 'empty'
  /** Stores nothing, whatever happens: `true`, `exit 0`, `REM`, `false`. */
  | 'placeholder'
  /** The script that pgwal writes. */
  | 'pgwal'
  /** An archiving or transfer program: see `tool`. */
  | 'known-tool'
  /** Plain copying with the shell's and the system's own commands. */
  | 'copy'
  /** Another program or script does the work: see `script`. */
  | 'script'
  | 'unknown'

export type ProblemCode =
  /** Exit 0 without having stored anything, always. */
  | 'discards'
  /** Exit 0 without having stored anything, in some case that is not an error of the copy. */
  | 'may-discard'
  | 'always-fails'
  | 'no-p'
  | 'no-f'
  /** Every file goes to the same name. */
  | 'fixed-target'
  /** The target has no name of its own: right if it is a directory, else as `fixed-target`. */
  | 'maybe-fixed-target'
  /** `%f` alone is read: the server's directory holds no such file. */
  | 'f-as-source'
  | 'p-in-target'
  | 'overwrites'
  /** Looks whether another file exists than the one it writes. */
  | 'guard-elsewhere'
  /** Exit 0 where a file of this name exists, whatever is in it. */
  | 'skips-existing'
  /** A file that was stored before is refused when the server sends it again, as it does after a crash. */
  | 'fails-when-identical'
  | 'not-atomic'
  | 'not-durable'
  /** A failing copy ends in exit 0. */
  | 'hides-failure'
  | 'pipe-hides-failure'
  | 'background'
  /** A failure may end in a status above 125, which ends the archiver process and counts nowhere. */
  | 'exit-above-125'
  | 'bad-placeholder'
  /** The source is moved, compressed in place or linked: pg_wal is the server's own. */
  | 'touches-source'
  | 'appends'
  /** robocopy reports success as 1. */
  | 'odd-exit-codes'
  /** May ask a question that nobody answers. */
  | 'prompts'
  /** One of two archivers takes files that the other then never gets. */
  | 'takes-ahead'
  | 'syntax'

export interface Problem { readonly code: ProblemCode; readonly detail?: string }

export interface Judgement {
  readonly kind: JudgementKind
  /** The program that stores: `cp`, `rsync`, `pgbackrest` … */
  readonly tool?: string
  /** The script or unfamiliar program that the command runs. */
  readonly script?: string
  /** Programs without a path that get the file, in the order of the command: they are looked up in the server's PATH. */
  readonly lookedUp?: readonly string[]
  /** The archive's directory on this machine, where it can be told. */
  readonly destination?: string
  /** Stored on another machine or in an object store. */
  readonly remote: boolean
  /** The directory is called `incoming`, as the one is from which Barman moves each segment on. */
  readonly spool?: true
  /** What follows `%f` in the names of stored files, `.gz` for instance. */
  readonly suffix?: string
  /** Of pgwal's own script. */
  readonly systemIdentifier?: bigint
  readonly usesP: boolean
  readonly usesF: boolean
  readonly overwrites: Answer
  /** A reader never sees a half-written file under the final name. */
  readonly atomic: Answer
  /** On disk before exit 0, against a crash of the machine. */
  readonly durable: Answer
  readonly propagatesFailure: Answer
  /** `%` followed by what archive_command does not know: passed on as it is up to 15, refused by 16 and newer. */
  readonly badPlaceholders: readonly string[]
  readonly problems: readonly Problem[]
}
