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
  /** How a command crashes on Windows: `0xC0000005`. */
  readonly exception?: string
  /** As the log has it. */
  readonly time?: string
}

interface Entry {
  readonly message: string
  readonly detail: string
  /** Written by the archiver itself, which CSV and JSON say of each line. */
  readonly byArchiver?: boolean
  /** An error of the server's own, as an archive library reports it. */
  readonly isError?: boolean
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
  /could not archive/i,
  // A library works on the archive's own files; the server's own in pg_wal have relative paths.
  /could not \w+ (to )?(file|directory) "([A-Za-z]:)?[\\/][^"]*[0-9A-F]{8}([0-9A-F]{16}|\.history)/,
  /archive modules? /i,
  /invalid value for parameter .archive_command/i,
]

/** A library that could not be loaded, which other sessions meet as well. */
const NOT_LOADED = /could not (access file|load library|find function)|incompatible library/i

/** The server's words for a command that failed, in English. */
const COMMAND_FAILED = /archive command (failed|was terminated|exited)/i

/**
 * Lines of the archiver, in any language: by the server's own words where they are English, else by the archive command in
 * the DETAIL as it was run, or by the column that names the process.
 * @param archiveCommand the configured one, with its placeholders, or the library's name
 */
export function findArchiverLines(text: string, format: LogFormat, archiveCommand?: string): ArchiverLine[] {
  const entries = format === 'stderr' ? textEntries(text) : format === 'csvlog' ? csvEntries(text) : jsonEntries(text)
  const asRun = patternOf(archiveCommand)
  return entries.flatMap((entry) => {
    const ran = asRun?.test(entry.detail) === true
    const told = ran || (entry.byArchiver === true && (entry.isError === true || entry.detail !== '')) || PHRASES.some((phrase) => phrase.test(`${entry.message}\n${entry.detail}`))
      || (archiveCommand !== undefined && NOT_LOADED.test(entry.message) && entry.message.includes(archiveCommand))
    return told ? [lineOf(entry, ran || COMMAND_FAILED.test(entry.message) || (entry.byArchiver === true && entry.detail !== ''))] : []
  })
}

/** The last line without a prefix: what a command printed, where the server's own messages go elsewhere. */
export function lastLooseLine(text: string): string | undefined {
  return text.split(/\r?\n/).findLast((line) => line.trim() !== '' && !line.startsWith('\t') && !HEAD.test(line.slice(0, LONGEST_LINE)))?.slice(0, LONGEST)
}

/** WAL files that pgBackRest dropped because too many waited: the server takes them for archived. */
export function droppedFiles(text: string): string[] {
  return [...text.matchAll(/\bdropped WAL file '([0-9A-F]{24})' because archive queue exceeded/g)].map(([, name]) => name!)
}

/** What Windows' event log holds, the newest event first there and last here, as a text log would have it. */
export function eventMessages(xml: string): string {
  return [...xml.matchAll(/<Data(?:\s[^>]*)?>([^<]*)<\/Data>/g)]
    .map(([, data]) => data!.replaceAll(/&(lt|gt|quot|apos|amp|#(\d+)|#x([0-9a-fA-F]+));/g, (_all, name: string, decimal?: string, hex?: string) =>
      decimal !== undefined ? String.fromCodePoint(Number(decimal)) : hex !== undefined ? String.fromCodePoint(Number.parseInt(hex, 16)) : ({ lt: '<', gt: '>', quot: '"', apos: "'" }[name] ?? '&')).trim())
    .reverse().join('\n')
}

/** The last thing that a command printed: a line, with those that are set in below it. */
function lastWords(lines: readonly string[]): string | undefined {
  const begin = lines.findLastIndex((line) => /^\S/.test(line))
  return begin === -1 ? lines.at(-1) : lines.slice(begin).map((line) => line.trim()).join(' ')
}

/** @param ofCommand whether it is about a command that failed: then its number is the status or the signal */
function lineOf({ message, detail, time, before, isError }: Entry, ofCommand: boolean): ArchiverLine {
  const outcome = ofCommand ? outcomeOf(message) : {}
  const cause = (lastWords(before) ?? (isError === true && Object.keys(outcome).length === 0 ? message : undefined))?.slice(0, LONGEST)
  const command = /: ([^]*)$/.exec(detail)?.[1]
  return {
    text: cause === undefined || cause === message.slice(0, LONGEST) ? message.slice(0, LONGEST) : `${cause} (${message.slice(0, LONGEST)})`,
    message: message.slice(0, LONGEST),
    ...(cause === undefined ? {} : { cause }),
    ...(command === undefined ? {} : { command: command.slice(0, LONGEST) }),
    ...outcome,
    ...(time === undefined ? {} : { time }),
  }
}

/**
 * How the command ended. The words are translated, their form is not: `… exit code 1`, `… signal 9: Killed`, `… 0xC0000005`.
 * In all translations the name of a signal stands last, behind a colon, and an exit status has none behind it.
 */
function outcomeOf(message: string): Pick<ArchiverLine, 'exitCode' | 'signal' | 'exception'> {
  const exception = /0x[0-9A-F]+/i.exec(message)?.[0]
  if (exception !== undefined) return { exception }
  const [, number, rest] = /(\d+)(.*)$/s.exec(message) ?? []
  if (number === undefined || rest === undefined) return {}
  return /[:\uFF1A]\s*\S/.test(rest) ? { signal: Number(number) } : { exitCode: Number(number) }
}

/** Matches the command as it was run for any WAL file. */
function patternOf(command: string | undefined): RegExp | undefined {
  const text = command?.trim() ?? ''
  if (text === '') return undefined
  const pattern = text.replace(/%[pf%]|[.*+?^$(){}|[\]\\]/g, (found) => found === '%p' ? '\\S*[0-9A-F]{8}\\S*' : found === '%f' ? '[0-9A-F]{8}[0-9A-Za-z.]*' : found === '%%' ? '%' : `\\${found}`)
  return new RegExp(pattern)
}

/** What is beyond it is not read: matching takes time with the square of it. */
const LONGEST_LINE = 4_096

/** `PREFIX SEVERITY:  message`, two blanks, whatever the prefix and the language; further lines of a message begin with a tab. */
const HEAD = /^(.*?)([^\s:]+):  (.*)$/

function textEntries(text: string): Entry[] {
  const entries: { message: string; detail: string; time?: string; before: string[]; prefix: string; isError: boolean }[] = []
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
      entries.push({ message: rest, detail: '', before: loose, prefix, isError: /^(ERROR|FATAL|PANIC)$/.test(label), ...(time === undefined ? {} : { time }) })
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

/** Class 00 is success, 01 a warning. */
function isErrorState(state: string): boolean {
  return /^[0-9A-Z]{5}$/.test(state) && !/^0[01]/.test(state)
}

function csvEntries(text: string): Entry[] {
  return csvRows(text).flatMap((row) => {
    const [time, state, message, detail, backend] = [row[0], row[12], row[13], row[14], row[23]]
    return message === undefined ? [] : [{ message, detail: detail ?? '', before: [], byArchiver: backend === 'archiver', isError: state !== undefined && isErrorState(state), ...(time === undefined ? {} : { time }) }]
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
      const { message, detail, timestamp, backend_type: backend, state_code: state } = entry
      if (typeof message !== 'string') return []
      return [{ message, detail: typeof detail === 'string' ? detail : '', before: [], byArchiver: backend === 'archiver', isError: typeof state === 'string' && isErrorState(state), ...(typeof timestamp === 'string' ? { time: timestamp } : {}) }]
    } catch {
      return []
    }
  })
}
