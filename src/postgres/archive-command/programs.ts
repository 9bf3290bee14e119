// What the programs that occur in archive commands do, from their own documentation.
import type { Answer } from './judgement.ts'

/** Programs that speak archive_command themselves. */
export interface Archiver {
  readonly tool: string
  /** Words of which one must be there for the program to archive at all. */
  readonly verb?: RegExp
  readonly overwrites: Answer
  readonly atomic: Answer
  readonly durable: Answer
  readonly needs: 'p' | 'f' | 'p+f'
}

const ARCHIVERS: readonly (readonly [RegExp, Archiver])[] = [
  // https://pgbackrest.org/command.html#command-archive-push
  [/^pgbackrest$/, { tool: 'pgbackrest', verb: /^archive-push$/, overwrites: 'no', atomic: 'yes', durable: 'yes', needs: 'p' }],
  // https://docs.pgbarman.org/release/latest/user_guide/commands.html
  [/^barman-wal-archive$/, { tool: 'barman-wal-archive', overwrites: 'no', atomic: 'yes', durable: 'yes', needs: 'p' }],
  [/^barman-cloud-wal-archive$/, { tool: 'barman-cloud-wal-archive', overwrites: 'unknown', atomic: 'yes', durable: 'yes', needs: 'p' }],
  // https://wal-g.readthedocs.io/PostgreSQL/: whether it overwrites is set in its environment or configuration file.
  [/^wal-g(?:-pg)?$/, { tool: 'wal-g', verb: /^wal-push$/, overwrites: 'unknown', atomic: 'yes', durable: 'yes', needs: 'p' }],
  [/^(?:wal-e|wal_e)$/, { tool: 'wal-e', verb: /^wal-push$/, overwrites: 'unknown', atomic: 'yes', durable: 'yes', needs: 'p' }],
  // https://postgrespro.github.io/pg_probackup/
  [/^pg_probackup(?:-\d+)?$/, { tool: 'pg_probackup', verb: /^archive-push$/, overwrites: 'no', atomic: 'yes', durable: 'unknown', needs: 'f' }],
  [/^omnipitr-archive$/, { tool: 'omnipitr', overwrites: 'unknown', atomic: 'unknown', durable: 'unknown', needs: 'p' }],
  [/^pghoard_postgres_command$/, { tool: 'pghoard', overwrites: 'unknown', atomic: 'unknown', durable: 'unknown', needs: 'f' }],
]

export function archiverNamed(program: string): Archiver | undefined {
  return ARCHIVERS.find(([name]) => name.test(program))?.[1]
}

/** Programs that put one object into a store elsewhere: an object appears whole or not at all, and replaces its predecessor. */
export const UPLOADERS: ReadonlyMap<string, { readonly tool: string; readonly verb: RegExp }> = new Map([
  ['aws', { tool: 'aws', verb: /^(?:cp|mv|sync|put-object)$/ }],
  ['gsutil', { tool: 'gsutil', verb: /^(?:cp|mv|rsync)$/ }],
  ['gcloud', { tool: 'gcloud', verb: /^(?:cp|mv)$/ }],
  ['az', { tool: 'az', verb: /^upload$/ }],
  ['azcopy', { tool: 'azcopy', verb: /^(?:cp|copy)$/ }],
  ['s3cmd', { tool: 's3cmd', verb: /^put$/ }],
  ['s5cmd', { tool: 's5cmd', verb: /^cp$/ }],
  ['mc', { tool: 'mc', verb: /^(?:cp|pipe|put)$/ }],
  ['b2', { tool: 'b2', verb: /^(?:upload-file|upload_file|file)$/ }],
  ['swift', { tool: 'swift', verb: /^upload$/ }],
])

/** Compressors: with `-c` or from standard input they write to standard output, else beside or instead of their source. */
export const COMPRESSORS: ReadonlySet<string> = new Set(['gzip', 'pigz', 'zstd', 'pzstd', 'lz4', 'bzip2', 'pbzip2', 'xz', 'lzop', 'lzma', '7z', '7za', 'zip', 'gpg', 'gpg2', 'openssl', 'age', 'compress', 'pxz'])
/** These remove the file that they have compressed. */
export const REMOVING_COMPRESSORS: ReadonlySet<string> = new Set(['gzip', 'pigz', 'bzip2', 'pbzip2', 'xz', 'pxz', 'lzma', 'compress'])

/** Exit 0, always. */
export const ALWAYS_TRUE: ReadonlySet<string> = new Set([':', 'true', 'echo', 'printf', 'logger', 'rem', 'ver', 'title', 'break', 'continue'])
/** Neither store nor decide anything; may fail. */
export const NEUTRAL: ReadonlySet<string> = new Set([
  'mkdir', 'touch', 'chmod', 'chown', 'chgrp', 'rm', 'del', 'rmdir', 'date', 'sleep', 'ls', 'cd', 'pwd', 'basename', 'dirname', 'md5sum', 'sha1sum', 'sha256sum',
  'stat', 'wc', 'grep', 'egrep', 'fgrep', 'sed', 'awk', 'tr', 'cut', 'head', 'tail', 'find', 'df', 'du', 'mountpoint', 'mount', 'umask', 'export', 'readonly', 'local',
  'unset', 'ulimit', 'trap', 'read', 'wait', 'kill', 'id', 'whoami', 'hostname', 'uname', 'which', 'type', 'command', 'let', 'expr', 'shift', 'ping', 'md', 'setlocal',
  'endlocal', 'set', 'if-condition', 'mail', 'mailx', 'getopts', 'shopt', 'alias', 'declare', 'typeset', 'pg_archivecleanup', 'od', 'tty', 'findstr', 'pgrep', 'pidof',
])
/** Run the rest of their words as a command. The pattern matches options that take a further word. */
export const WRAPPERS: ReadonlyMap<string, RegExp> = new Map([
  ['nice', /^(?:-n|--adjustment)$/], ['ionice', /^(?:-c|-n|-t)$/], ['nohup', /^$/], ['env', /^(?:-u|-C)$/], ['sudo', /^(?:-u|-g|-h|-p|-C)$/],
  ['time', /^(?:-f|-o)$/], ['timeout', /^(?:-s|--signal|-k|--kill-after)$/], ['chronic', /^$/], ['setsid', /^$/], ['stdbuf', /^(?:-i|-o|-e)$/],
  ['flock', /^(?:-w|--timeout|-E)$/], ['exec', /^(?:-a)$/], ['command', /^$/], ['builtin', /^$/], ['doas', /^(?:-u)$/], ['runuser', /^(?:-u)$/],
  ['envdir', /^$/], ['aws-vault', /^$/], ['busybox', /^$/], ['call', /^$/], ['taskset', /^$/], ['chrt', /^$/], ['systemd-cat', /^(?:-t|-p)$/],
])
/** Words of a wrapper itself that stand before the command, without being options. */
export const WRAPPER_OPERANDS: ReadonlyMap<string, number> = new Map([['timeout', 1], ['flock', 1], ['envdir', 1], ['taskset', 1], ['chrt', 1]])

export const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'ksh', 'zsh', 'ash', 'mksh'])
export const INTERPRETERS: ReadonlySet<string> = new Set(['python', 'python2', 'python3', 'perl', 'ruby', 'node', 'php', 'powershell', 'pwsh', 'java', 'tclsh', 'lua', 'cscript', 'wscript'])
