// The files of a data directory that say whose it is and who runs it.
// Source: src/include/utils/pidfile.h, src/backend/utils/init/miscinit.c (CreateLockFile, AddToDataDirLockFile),
// CreateOptsFile in src/backend/postmaster/postmaster.c; https://www.postgresql.org/docs/current/storage-file-layout.html

/** The major version in PG_VERSION; undefined when that is none. */
export function parsePgVersion(text: string): number | undefined {
  const found = /^(\d+)(?:\.\d+)?\s*$/.exec(text)
  return found === null ? undefined : Number(found[1])
}

export interface PostmasterPid {
  /** Negative for a standalone backend. */
  readonly pid: number
  readonly dataDir?: string
  /** Seconds since the epoch. */
  readonly startTime?: number
  readonly port?: number
  /** The first one. */
  readonly socketDir?: string
  readonly listenAddress?: string
  /** `starting`, `stopping`, `ready`, `standby`. */
  readonly status?: string
}

/** Reads postmaster.pid, or a socket's lock file (its first five lines are the same). Undefined when the first line is no process id. */
export function parsePostmasterPid(text: string): PostmasterPid | undefined {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''))
  if (!/^-?\d{1,10}\s*$/.test(lines[0] ?? '')) return undefined
  const number = (line: string | undefined): number | undefined => (/^\s*\d{1,15}\s*$/.test(line ?? '') ? Number(line) : undefined)
  const word = (line: string | undefined): string | undefined => ((line ?? '').trim() === '' ? undefined : line!.trim())
  const [first, dataDir, startTime, port, socketDir, listenAddress, , status] = lines
  return {
    pid: Number(first),
    ...given('dataDir', dataDir === '' ? undefined : dataDir),
    ...given('startTime', number(startTime)),
    ...given('port', number(port)),
    ...given('socketDir', socketDir === '' ? undefined : socketDir),
    ...given('listenAddress', listenAddress === '' ? undefined : listenAddress),
    ...given('status', word(status)),
  }
}

/** Reads postmaster.opts: the program as it stands, then each argument in double quotes, which are not escaped. */
export function parsePostmasterOpts(text: string): { readonly program: string; readonly args: readonly string[] } | undefined {
  const line = (text.endsWith('\n') ? text.slice(0, -1) : text).replace(/\r$/, '')
  const start = line.indexOf(' "')
  const program = start === -1 ? line.trim() : line.slice(0, start)
  if (program === '') return undefined
  if (start === -1) return { program, args: [] }
  const body = line.slice(start + 2).replace(/"\s*$/, '')
  return { program, args: body.split('" "') }
}

/** current_logfiles: the log that the collector writes right now, relative to the data directory; plain text before csv and json. */
export function parseCurrentLogfiles(text: string): string | undefined {
  const files = text.split('\n').map((line) => /^(stderr|csvlog|jsonlog) (.+)$/.exec(line))
  return (files.find((found) => found?.[1] === 'stderr') ?? files.find((found) => found !== null))?.[2]
}

/** A value of unix_socket_directories. Abstract sockets (`@name`) are no directories and are left out. */
export function parseSocketDirectories(value: string, dataDir: string): string[] {
  const names: string[] = []
  for (const found of value.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/g)) {
    const name = found[1]?.replaceAll('""', '"') ?? (found[2] ?? '').trim()
    if (name !== '' && !name.startsWith('@')) names.push(name.startsWith('/') ? name : `${dataDir}/${name}`)
  }
  return [...new Set(names)]
}

function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : { [key]: value } as { readonly [P in K]: V }
}
