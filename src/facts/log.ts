/**
 * What the server's log says of the archiver: the newest failures with the words of the archive command itself, which stand
 * nowhere else. The log may be text, CSV or JSON, and its words may be translated, so that they are matched loosely.
 * @see https://www.postgresql.org/docs/current/runtime-config-logging.html
 */
import { acting, optional, unavailable } from './fact.ts'
import { archiveCommandFact } from './archive-command.ts'
import type { Fact, Gathering } from './fact.ts'
import { findArchiverLines } from './log-lines.ts'
import type { ArchiverLine, LogFormat } from './log-lines.ts'

export interface LogFact {
  /** The file, or the command that prints the log. */
  readonly source: string
  /** The newest last. */
  readonly archiverLines: readonly ArchiverLine[]
}

/** Bytes from the end of the log. */
const TAIL = 256 << 10
const MOST_LINES = 20

interface LogFile {
  readonly path: string
  readonly format: LogFormat
}

export const logFact: Fact<LogFact> = {
  name: 'log',
  async gather(from) {
    const command = await optional(from, archiveCommandFact)
    const lines: ArchiverLine[] = []
    let source: string | undefined
    for (const { path, format } of await logFiles(from)) {
      const text = await tail(from, path)
      if (text === undefined) continue
      source ??= path
      lines.push(...findArchiverLines(text, format, command?.text))
    }
    source ??= await fromService(from, (text) => lines.push(...findArchiverLines(text, 'stderr', command?.text)))
    if (source === undefined) throw unavailable('no-log')
    return { source, archiverLines: lines.slice(-MOST_LINES) }
  },
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

/** The service's own log (the journal), for servers that log to stderr with no file behind it. */
async function fromService({ host, cluster }: Gathering, found: (text: string) => void): Promise<string | undefined> {
  // Loaded only here: what no file tells is rare, and every start would pay for all platforms.
  const { serviceOf } = await import('../platforms/index.ts')
  const { logs } = await serviceOf(cluster, host)
  if (logs === undefined) return undefined
  const ran = await host.run(logs.file, logs.args, { timeoutMs: logs.timeoutMs, maxOutput: TAIL, ...(logs.as === undefined ? {} : { as: logs.as }), ...(logs.env === undefined ? {} : { env: logs.env }) })
  if (ran.code !== 0 || ran.stdout.trim() === '') return undefined
  found(ran.stdout)
  return [logs.file, ...logs.args].join(' ')
}
