/**
 * The one door to a machine. Everything that reads, writes, starts or asks goes through a {@link Host}; what decides
 * gets values and never sees it. `node-host.ts` is the real one; tests have one over it that records, stops or fails.
 */

import type { ChecksumAlgorithm } from '../postgres/backup/manifest.ts'

/** An account of the operating system. On Windows `uid` and `gid` are -1 and `sid` tells it apart. */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home?: string
  readonly sid?: string
}

/** In whose name a call acts. Only a privileged caller can act as another; for anybody else it must be the caller. */
export interface Acting {
  readonly as?: Account
}

export type FileKind = 'file' | 'directory' | 'symlink' | 'socket' | 'fifo' | 'device' | 'other'

export interface FileInfo {
  readonly kind: FileKind
  readonly size: number
  /** Permission bits, e.g. 0o600. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly device: number
  readonly inode: number
  /** Number of names (hard links). */
  readonly links: number
  readonly modified: Date
}

export interface DirectoryEntry {
  readonly name: string
  readonly kind: FileKind
}

/** The beginning of one file of many, or the system's code (or `not-a-file`) where it could not be had. */
export type FileHead =
  | { readonly name: string; readonly size: number; readonly bytes: Uint8Array }
  | { readonly name: string; readonly error: string }

export interface FileSystemInfo {
  /** Bytes an unprivileged process can still write. */
  readonly freeBytes: number
  readonly totalBytes: number
  readonly freeInodes: number
  readonly device: number
}

export interface RunOptions extends Acting {
  readonly timeoutMs?: number
  readonly cwd?: string
  /** Added to a minimal environment (PATH, HOME, LC_ALL=C …); nothing of the caller's leaks in. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: Uint8Array
  /** Most bytes on each of stdout and stderr; default 4 MiB. A program that writes more is ended at once, and the call throws `too-much-output`. */
  readonly maxOutput?: number
  /** One that writes more goes on, and only the beginning is kept: for a program that does something, and whose words are merely shown. */
  readonly cut?: boolean
  /** Gets what it writes to stderr, as it comes: a program that reports on its progress. */
  readonly onStderr?: (text: string) => void
  /** Ends it, and what it started, as a time limit does; the result then says `signal`. */
  readonly stop?: AbortSignal
}

/** What a program did. A non-zero exit is a value, not an error; only a program that cannot be started, or never stops talking, throws. */
export interface RunResult {
  readonly code: number
  readonly signal?: string
  readonly timedOut: boolean
  readonly stdout: string
  readonly stderr: string
}

export interface FileChecksum {
  readonly hex: string
  readonly size: number
  /** Of the file when it was opened. */
  readonly modified: Date
}

export interface ChecksumOptions {
  /** Makes the content durable as well. */
  readonly sync?: boolean
  readonly stop?: AbortSignal
}

/** How to reach a server. `host` that starts with `/` is a socket directory. */
export interface Connection extends Acting {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password?: string
  readonly sslmode?: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'
  readonly sslRootCert?: string
  /** `physical`: a walsender connection, as pg_basebackup opens it. */
  readonly replication?: 'physical'
  /** For connecting and for each statement. */
  readonly timeoutMs?: number
}

export type Row = Readonly<Record<string, unknown>>

/** An open connection. Every statement has the connection's time limit. */
export interface Session {
  query(sql: string, parameters?: readonly unknown[]): Promise<Row[]>
  close(): Promise<void>
}

/** How a server answers a start-up packet, without any password being sent: the proof of which pg_hba.conf rule works. */
export type AuthenticationRequest =
  | { readonly kind: 'request'; readonly method: 'trust' | 'password' | 'md5' | 'scram-sha-256' | 'gss' | 'sspi' | 'oauth' | 'other' }
  | { readonly kind: 'refused'; readonly sqlstate: string; readonly message: string }

export interface ReplaceOptions extends Acting {
  /** SHA-256 (hex) that the present content must have; `null`: the file must not exist. Anything else is left alone and throws `changed`. */
  readonly expect: string | null
  /** For a new file; an existing one keeps its mode, owner, ACL and extended attributes. */
  readonly mode?: number
}

/**
 * What the machine refuses is thrown as a HostError with the system's code, or one of `not-a-file`, `too-large`, `too-much-output`, `changed`, `timeout`,
 * `password-needed`, `no-tls`, `connection-lost`, `not-postgresql`, `not-supported`; and for root without `as`, where others than root
 * could have planted something: `unsafe-link` (a link on the way), `unsafe-program`.
 */
export interface Host {
  readonly os: NodeJS.Platform
  /** Whether the server is on another machine than we are. */
  readonly remote?: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** Our own process. */
  readonly pid: number
  now(): Date
  sleep(ms: number): Promise<void>
  hostName(): string
  /** Addresses of this machine's interfaces, in CIDR form (samehost, samenet). */
  interfaces(): readonly string[]

  /** Who we are: the effective account, and whether it may act as others (root, elevated). */
  self(): Promise<Account & { readonly privileged: boolean }>
  /** The account with this name or uid; undefined when there is none. */
  account(nameOrUid: string | number): Promise<Account | undefined>

  /** The whole content of a regular file, at most `limit` bytes (default 64 MiB; more throws `too-large`). Never blocks on a FIFO or device. */
  read(path: string, options?: Acting & { readonly limit?: number }): Promise<Uint8Array>
  /** `length` bytes from `offset`; a negative offset counts from the end. Shorter at the end of the file. */
  readPart(path: string, offset: number, length: number, options?: Acting): Promise<Uint8Array>
  stat(path: string, options?: Acting & { readonly followLinks?: boolean }): Promise<FileInfo>
  list(path: string, options?: Acting): Promise<DirectoryEntry[]>
  /** The names alone, in the directory's own order and some hundred at a time, for directories with a million entries. */
  listBatches(path: string, options?: Acting): AsyncIterable<readonly string[]>
  /** Size and first `length` bytes of regular files of one directory, in the order of `names`. All that is read is in memory at once. */
  readHeads(directory: string, names: readonly string[], length: number, options?: Acting): Promise<readonly FileHead[]>
  readLink(path: string, options?: Acting): Promise<string>
  realPath(path: string, options?: Acting): Promise<string>
  fileSystem(path: string, options?: Acting): Promise<FileSystemInfo>
  /** Whether a file can be created in the directory by this account, tried without leaving a name behind where the system can (O_TMPFILE), else by access checks. */
  canWriteInto(directory: string, options?: Acting): Promise<{ readonly ok: true } | { readonly ok: false; readonly code: string }>

  /**
   * New content, atomically: temporary file beside it, fsync, rename, fsync of the directory; symbolic links resolved first; mode, owner,
   * ACL and attributes kept. A bind-mounted file, and every file on Windows, is written in place instead: not atomic, so journal its bytes first.
   */
  replace(path: string, bytes: Uint8Array, options: ReplaceOptions): Promise<void>
  /** A new directory (its parent must exist); throws `EEXIST`. Durable when it returns. `owner`: who gets it, when root makes it for another; on Windows a directory without rights for others is for that account, `also`, the system and the administrators. */
  makeDirectory(path: string, options: Acting & { readonly mode: number; readonly owner?: Account; readonly also?: Account }): Promise<void>
  /** Appends and fsyncs: for the journal. */
  append(path: string, bytes: Uint8Array, options?: Acting & { readonly mode?: number }): Promise<void>
  /** Copies a regular file of any size to a name that is free; gives its size in bytes. Not synced. Throws `stopped` when `stop` says so. */
  copyFile(from: string, to: string, options?: Acting & { readonly stop?: AbortSignal }): Promise<number>
  removeFile(path: string, options?: Acting): Promise<void>
  /** A directory that this run made, with everything in it; follows no link out of it. Missing is no error. */
  removeTree(path: string, options?: Acting): Promise<void>
  /** Only an empty one. */
  removeDirectory(path: string, options?: Acting): Promise<void>
  /** Another name for a file or directory on the same file system; throws `EEXIST` where that name is taken. Durable when it returns. */
  rename(from: string, to: string, options?: Acting): Promise<void>
  /** Makes what a directory holds (its names), or a regular file's content, durable. */
  sync(path: string, options?: Acting): Promise<void>
  /** The checksum of a regular file of any size, lower-case hexadecimal digits, CRC32C as manifests of base backups have it. */
  checksum(path: string, algorithm: ChecksumAlgorithm, options?: Acting & ChecksumOptions): Promise<FileChecksum>

  run(file: string, args: readonly string[], options?: RunOptions): Promise<RunResult>
  /** The full path of a program on the caller's PATH, or undefined. */
  which(program: string): Promise<string | undefined>
  /** Windows only: whether any process has a file open. */
  isOpen(path: string): Promise<boolean>
  /** Whether a process exists (also another user's). */
  processExists(pid: number): Promise<boolean>
  signal(pid: number, signal: 'SIGHUP' | 'SIGINT' | 'SIGTERM' | 'SIGQUIT' | 'SIGKILL', options?: Acting): Promise<void>

  connect(connection: Connection): Promise<Session>
  /** One statement on a connection of its own. */
  query(connection: Connection, sql: string, parameters?: readonly unknown[]): Promise<Row[]>
  /** Sends the start-up packet only, and says how the server answers. */
  probeAuthentication(connection: Connection, tls: boolean): Promise<AuthenticationRequest>

  sha256(bytes: Uint8Array): string
  randomId(bytes: number): string
}
