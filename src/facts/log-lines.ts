// Lines of a server's log that tell of the archiver. Pure: text in, lines out.
// Messages: src/backend/postmaster/pgarch.c, src/backend/archive/shell_archive.c; formats: elog.c, csvlog.c, jsonlog.c.

export type LogFormat = 'stderr' | 'csvlog' | 'jsonlog'

export interface ArchiverLine {
  /** For people: the command's own words where there are any, with the server's. */
  readonly text: string
  /** The server's message, without prefix. */
  readonly message: string
  /** What the archive command printed just before. */
  readonly cause?: string
  /** The command as it was run, from the DETAIL. */
  readonly command?: string
  readonly exitCode?: number
  readonly signal?: number
  /** As the log has it. */
  readonly time?: string
}

interface Entry {
  readonly message: string
  readonly detail: string
  readonly time?: string
  /** Lines without a prefix just before it. */
  readonly before: readonly string[]
}

/** Longest text taken over, in characters. */
const LONGEST = 400
const PHRASES = [
  /archive command (failed|was terminated)/i,
  /archiving write-ahead log file .* failed too many times/i,
  /yet (archive_command is not set|archiving is not configured)/i,
  /both "?archive_command"? and "?archive_library"? (set|specified)/i,
  /archiver process .* exited/i,
  /could not (archive|create file .*archtemp)/i,
  /archive modules? /i,
]

/**
 * @param archiveCommand the configured one: its text in a line gives the line away in any language
 */
export function findArchiverLines(text: string, format: LogFormat, archiveCommand?: string): ArchiverLine[] {
  const entries = format === 'stderr' ? textEntries(text) : format === 'csvlog' ? csvEntries(text) : jsonEntries(text)
  const piece = longestLiteral(archiveCommand)
  return entries.flatMap((entry) => {
    const all = `${entry.message}\n${entry.detail}`
    const told = PHRASES.some((phrase) => phrase.test(all)) || (piece !== undefined && all.includes(piece))
    return told ? [lineOf(entry)] : []
  })
}

function lineOf({ message, detail, time, before }: Entry): ArchiverLine {
  const cause = before.at(-1)?.slice(0, LONGEST)
  // Numbers survive translation: `exit code 1`, `signal 9`, at the end of the message.
  const exitCode = /(?:exit code|code|status)\D{0,3}(\d+)\s*$/i.exec(message)?.[1] ?? /fail\D+(\d{1,3})\s*$/i.exec(message)?.[1]
  const signal = /signal (\d+)/i.exec(message)?.[1]
  const command = /: ([^]*)$/.exec(detail)?.[1]
  return {
    text: cause === undefined ? message.slice(0, LONGEST) : `${cause} (${message.slice(0, LONGEST)})`,
    message: message.slice(0, LONGEST),
    ...(cause === undefined ? {} : { cause }),
    ...(command === undefined ? {} : { command: command.slice(0, LONGEST) }),
    ...(exitCode === undefined ? {} : { exitCode: Number(exitCode) }),
    ...(signal === undefined ? {} : { signal: Number(signal) }),
    ...(time === undefined ? {} : { time }),
  }
}

/** A piece of the command that the DETAIL repeats as it stands; too short a piece would be found everywhere. */
function longestLiteral(command: string | undefined): string | undefined {
  const longest = (command ?? '').split(/%./).sort((a, b) => b.length - a.length)[0] ?? ''
  return longest.trim().length >= 8 ? longest : undefined
}

/** What is beyond it is not read: matching takes time with the square of it. */
const LONGEST_LINE = 4_096

/** `PREFIX SEVERITY:  message`, two blanks, whatever the prefix and the language; further lines of a message begin with a tab. */
const HEAD = /^(.*?)([^\s:]+):  (.*)$/

function textEntries(text: string): Entry[] {
  const entries: { message: string; detail: string; time?: string; before: string[]; prefix: string }[] = []
  let loose: string[] = []
  let open: 'message' | 'detail' | undefined
  for (const line of text.split(/\r?\n/)) {
    const [, prefix, label, rest] = HEAD.exec(line.slice(0, LONGEST_LINE)) ?? []
    const last = entries.at(-1)
    if (line.startsWith('\t')) {
      if (last !== undefined && open !== undefined) last[open] += `\n${line.slice(1)}`
    } else if (rest === undefined || label === undefined || prefix === undefined) {
      if (line.trim() !== '') loose.push(line)
      open = undefined
    } else if (last !== undefined && loose.length === 0 && isPartOf(label, prefix, last.prefix)) {
      // DETAIL, HINT, CONTEXT of the message before.
      if (last.detail === '') last.detail = rest
      open = 'detail'
    } else {
      const time = timeOf(prefix)
      entries.push({ message: rest, detail: '', before: loose, prefix, ...(time === undefined ? {} : { time }) })
      loose = []
      open = 'message'
    }
  }
  return entries
}

/** DETAIL, HINT and the like bear the prefix of their message. Translated labels are known by that alone. */
const PARTS = /^(DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION)$/
const SEVERITIES = /^(LOG|WARNING|FATAL|ERROR|PANIC|INFO|NOTICE|DEBUG\d?)$/

function isPartOf(label: string, prefix: string, prefixBefore: string): boolean {
  return PARTS.test(label) || (!SEVERITIES.test(label) && prefix !== '' && prefix === prefixBefore)
}

function timeOf(prefix: string): string | undefined {
  return /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [A-Z+\-\d:]+)?/.exec(prefix)?.[0]
}

function csvEntries(text: string): Entry[] {
  return csvRows(text).flatMap((row) => {
    const [time, message, detail] = [row[0], row[13], row[14]]
    return message === undefined ? [] : [{ message, detail: detail ?? '', before: [], ...(time === undefined ? {} : { time }) }]
  })
}

/** Rows of RFC 4180 with line breaks in quotes. */
function csvRows(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let field = ''
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (quoted) {
      if (character !== '"') field += character
      else if (text[at + 1] === '"') {
        field += '"'
        at++
      } else quoted = false
    } else if (character === '"') quoted = true
    else if (character === ',') {
      row.push(field)
      field = ''
    } else if (character === '\n') {
      rows.push([...row, field])
      row = []
      field = ''
    } else if (character !== '\r') field += character
  }
  return rows
}

function jsonEntries(text: string): Entry[] {
  return text.split('\n').flatMap((line): Entry[] => {
    try {
      const entry = JSON.parse(line) as Record<string, unknown>
      const { message, detail, timestamp } = entry
      if (typeof message !== 'string') return []
      return [{ message, detail: typeof detail === 'string' ? detail : '', before: [], ...(typeof timestamp === 'string' ? { time: timestamp } : {}) }]
    } catch {
      return []
    }
  })
}
