// What the server's log says since a moment: the reason of a failed start stands there and nowhere else.
import type { Host } from '../host/host.ts'
import { asOwner } from './server-context.ts'
import type { ServerContext } from './server-context.ts'
import { parentOf } from './state-directory.ts'

/** Sizes of the log files at a moment, by path. */
export type LogMark = Readonly<Record<string, number>>

/** The logging collector may begin a new file at a restart, so the whole directory is looked at; but not one of a million files. */
const MOST_FILES = 500
const MOST_BYTES = 64 << 10
const MOST_LINES = 40

type Looking = Pick<ServerContext, 'host' | 'cluster' | 'self' | 'service'>

export async function markLog(context: Looking): Promise<LogMark> {
  const mark: Record<string, number> = {}
  for (const path of await logFiles(context)) {
    const size = await sizeOf(context.host, path, context)
    if (size !== undefined) mark[path] = size
  }
  return mark
}

/** The lines written since, at most the newest 40; from the service's own log where the files say nothing. */
export async function newLogLines(context: Looking, mark: LogMark): Promise<string[]> {
  const lines: string[] = []
  for (const path of await logFiles(context)) {
    const size = await sizeOf(context.host, path, context)
    const known = mark[path] ?? 0
    const from = size !== undefined && size < known ? 0 : known
    if (size === undefined || size <= from) continue
    const start = Math.max(from, size - MOST_BYTES)
    const bytes = await context.host.readPart(path, start, size - start, asOwner(context)).catch(() => new Uint8Array())
    lines.push(...linesOf(new TextDecoder().decode(bytes)))
  }
  const { logs } = context.service
  if (lines.length === 0 && logs !== undefined) {
    const ran = await context.host.run(logs.file, logs.args, { timeoutMs: logs.timeoutMs, ...(logs.as === undefined ? {} : { as: logs.as }), ...(logs.env === undefined ? {} : { env: logs.env }) }).catch(() => undefined)
    if (ran?.code === 0) lines.push(...linesOf(ran.stdout))
  }
  return lines.slice(-MOST_LINES)
}

export function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== '')
}

async function logFiles(context: Looking): Promise<string[]> {
  const { logFile, dataDir } = context.cluster
  if (logFile === undefined) return []
  const directory = parentOf(logFile)
  const entries = directory === dataDir ? [] : await context.host.list(directory, asOwner(context)).catch(() => [])
  const others = entries.length > MOST_FILES ? [] : entries.filter(({ name, kind }) => kind === 'file' && /\.log$/.test(name)).map(({ name }) => `${directory}/${name}`)
  return [...new Set([logFile, ...others])]
}

async function sizeOf(host: Host, path: string, context: Looking): Promise<number | undefined> {
  return host.stat(path, asOwner(context)).then((info) => (info.kind === 'file' ? info.size : undefined), () => undefined)
}
