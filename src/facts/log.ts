/**
 * What the server's log says of the archiver: the newest failures with the words of the archive command itself, which stand
 * nowhere else. The log may be text, CSV or JSON, and its words may be translated, so that they are matched loosely.
 * @see https://www.postgresql.org/docs/current/runtime-config-logging.html
 */
import type { RunOptions } from '../host/host.ts'
import { acting, optional, unavailable } from './fact.ts'
import { archiveCommandFact } from './archive-command.ts'
import { effectiveSettingsFact } from './effective-settings.ts'
import type { Fact, Gathering } from './fact.ts'
import { droppedFiles, eventMessages, findArchiverLines, lastLooseLine } from './log-lines.ts'
import type { ArchiverLine, LogFormat } from './log-lines.ts'

export interface LogFact {
  /** The file, or the command that prints the log. */
  readonly source: string
  /** Set where the newest file says nothing of the archiver, and this is one from before the last rotation. */
  readonly rotated?: true
  /** The newest last. */
  readonly archiverLines: readonly ArchiverLine[]
  /** WAL files that the archive command dropped on purpose, with success, and said so. In the order of the log. */
  readonly dropped?: readonly string[]
}

/** Bytes from the end of the log. */
const TAIL = 256 << 10
const MOST_LINES = 20
/** Files of before the last rotation that are looked into where the newest one tells nothing. */
const MOST_OLDER = 2
/** Lines from the end of the journal, events from the end of the event log. */
const NEWEST = 2000
/** Bytes that so many lines, or events as XML, may have. */
const MOST_SAID = 8 << 20

interface LogFile {
  readonly path: string
  readonly format: LogFormat
}

export const logFact: Fact<LogFact> = {
  name: 'log',
  async gather(from) {
    const command = (await optional(from, archiveCommandFact))?.text
    const files = await logFiles(from)
    const newest = await linesOf(from, files, command)
    if (newest.archiverLines.length > 0) return { source: newest.source!, archiverLines: newest.archiverLines.slice(-MOST_LINES), ...droppedIn(newest.dropped) }
    const older = await linesOf(from, await olderFiles(from, files), command)
    const dropped = droppedIn([...older.dropped, ...newest.dropped])
    if (older.archiverLines.length > 0) return { source: older.source!, rotated: true, archiverLines: older.archiverLines.slice(-MOST_LINES), ...dropped }
    if (newest.source !== undefined) return { source: newest.source, archiverLines: [], ...dropped }
    const elsewhere = await fromElsewhere(from)
    if (elsewhere === undefined) throw unavailable('no-log')
    return { source: elsewhere.source, archiverLines: findArchiverLines(elsewhere.text, 'stderr', command).slice(-MOST_LINES), ...droppedIn(droppedFiles(elsewhere.text)) }
  },
}

async function linesOf(from: Gathering, files: readonly LogFile[], command: string | undefined): Promise<{ source?: string; archiverLines: ArchiverLine[]; dropped: string[] }> {
  const archiverLines: ArchiverLine[] = []
  const dropped: string[] = []
  let source: string | undefined
  let printed: string | undefined
  for (const { path, format } of files) {
    const text = await tail(from, path)
    if (text === undefined) continue
    source ??= path
    dropped.push(...droppedFiles(text))
    const found = findArchiverLines(text, format, command)
    if (format === 'stderr') printed = lastLooseLine(text)
    // The command's own words go to the text log, the server's to the other.
    else if (printed !== undefined) {
      const last = found.at(-1)
      if (last !== undefined && last.cause === undefined) found[found.length - 1] = { ...last, cause: printed, text: `${printed} (${last.message})` }
    }
    archiverLines.push(...found)
  }
  return { ...(source === undefined ? {} : { source }), archiverLines, dropped }
}

function droppedIn(names: readonly string[]): Pick<LogFact, 'dropped'> {
  return names.length === 0 ? {} : { dropped: [...new Set(names)] }
}

/** Files that were written before these: their names differ in numbers, a day or a month, or end in `.1`. The newest last. */
async function olderFiles(from: Gathering, files: readonly LogFile[]): Promise<LogFile[]> {
  const found: (LogFile & { readonly modified: number })[] = []
  for (const { path, format } of files) {
    const cut = path.lastIndexOf('/')
    const [directory, name] = [path.slice(0, cut), path.slice(cut + 1)]
    const kin = new RegExp(`^${name.replaceAll(/[.*+?^$(){}|[\]\\]/g, '\\$&').replaceAll(/\d+|Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec/g, '\\w+')}(\\.1)?$`)
    for (const entry of await from.host.list(directory, acting(from)).catch(() => [])) {
      if (entry.name === name || !kin.test(entry.name) || files.some((one) => one.path === `${directory}/${entry.name}`)) continue
      const info = await from.host.stat(`${directory}/${entry.name}`, acting(from)).catch(() => undefined)
      if (info?.kind === 'file') found.push({ path: `${directory}/${entry.name}`, format, modified: info.modified.getTime() })
    }
  }
  return found.sort((a, b) => a.modified - b.modified).slice(-MOST_OLDER)
}

/** The files that the collector writes now (current_logfiles in the data directory names them), else the one that the start redirected to. */
async function logFiles(from: Gathering): Promise<LogFile[]> {
  const { host, cluster } = from
  const current = await host.read(`${cluster.dataDir}/current_logfiles`, acting(from)).catch(() => undefined)
  const files: LogFile[] = []
  for (const line of new TextDecoder().decode(current).split('\n')) {
    const [, format, path] = /^(stderr|csvlog|jsonlog) (.+)$/.exec(line) ?? []
    if (format === undefined || path === undefined) continue
    const absolute = path.startsWith('/') ? path : `${cluster.dataDir}/${path}`
    // What the archive command itself prints goes to the text log even where the server writes CSV or JSON.
    if (format !== 'stderr') files.push({ path: absolute.replace(/\.(csv|json)$/, '.log'), format: 'stderr' })
    files.push({ path: absolute, format: format as LogFormat })
  }
  if (files.length === 0 && cluster.logFile !== undefined) {
    files.push({ path: cluster.logFile, format: cluster.logFile.endsWith('.csv') ? 'csvlog' : cluster.logFile.endsWith('.json') ? 'jsonlog' : 'stderr' })
  }
  return files.filter((file, at) => files.findIndex(({ path }) => path === file.path) === at)
}

async function tail(from: Gathering, path: string): Promise<string | undefined> {
  try {
    const bytes = await from.host.readPart(path, -TAIL, TAIL, acting(from))
    const text = new TextDecoder().decode(bytes)
    // The first line may have lost its beginning.
    return bytes.length < TAIL ? text : text.slice(text.indexOf('\n') + 1)
  } catch {
    return undefined
  }
}

interface Elsewhere {
  readonly source: string
  readonly text: string
}

/** Where no file is: the journal of the service, syslog, or the event log of Windows. */
async function fromElsewhere(from: Gathering): Promise<Elsewhere | undefined> {
  const { host, cluster } = from
  const asked = async (file: string, args: readonly string[], options: RunOptions = {}): Promise<Elsewhere | undefined> => {
    const ran = await host.run(file, args, { timeoutMs: 8_000, maxOutput: MOST_SAID, ...options }).catch(() => undefined)
    return ran === undefined || ran.code !== 0 || ran.stdout.trim() === '' ? undefined : { source: [file, ...args].join(' '), text: ran.stdout }
  }
  const settings = await optional(from, effectiveSettingsFact)
  const destination = settings?.get('log_destination')?.running?.value ?? settings?.get('log_destination')?.configured?.value ?? ''
  if (host.os === 'win32') {
    const events = await asked('wevtutil', ['qe', 'Application', '/q:*[System[Provider[@Name="PostgreSQL"]]]', `/c:${NEWEST}`, '/rd:true', '/f:xml'])
    return events === undefined ? undefined : { ...events, text: eventMessages(events.text) }
  }
  if (/syslog/.test(destination)) {
    const ident = settings?.get('syslog_ident')?.running?.value ?? settings?.get('syslog_ident')?.configured?.value ?? 'postgres'
    const journal = await asked('journalctl', ['-t', ident, '-o', 'cat', '-n', String(NEWEST), '--no-pager'])
    if (journal !== undefined) return journal
    for (const path of ['/var/log/postgresql.log', '/var/log/syslog', '/var/log/messages']) {
      const text = await tail(from, path)
      if (text !== undefined) return { source: path, text }
    }
  }
  // Loaded only here: what no file tells is rare, and every start would pay for all platforms.
  const { serviceOf } = await import('../platforms/index.ts')
  const { logs } = await serviceOf(cluster, host)
  if (logs === undefined) return undefined
  const args = logs.args.map((arg, at) => (logs.args[at - 1] === '-n' ? String(NEWEST) : arg))
  return asked(logs.file, args, { timeoutMs: logs.timeoutMs, ...(logs.as === undefined ? {} : { as: logs.as }), ...(logs.env === undefined ? {} : { env: logs.env }) })
}
