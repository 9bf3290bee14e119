// postgresql.conf as a lossless document: the bytes, and where in them each assignment and each syntax error stands.
// Recovery after an error is the server's: it goes on with the next line.
// Source: ParseConfigFp in PostgreSQL's src/backend/utils/misc/guc-file.l
import { LineScanner, unquote } from './lexer.ts'
import type { TokenKind } from './lexer.ts'
import { decode } from './text.ts'

/** Offsets of bytes in the document, `end` exclusive. */
export interface Span { readonly start: number; readonly end: number }

export type Directive = 'include' | 'include_if_exists' | 'include_dir'

/** One assignment or include directive. */
export interface ConfEntry {
  readonly kind: 'setting' | Directive
  /** As written. */
  readonly name: string
  /** The text that the value stands for, quotes and escapes resolved; UTF-8 where valid, else Latin-1. */
  readonly value: string
  readonly quoted: boolean
  /** Counted from 1. */
  readonly line: number
  /** The whole line without its LF. */
  readonly span: Span
  readonly nameSpan: Span
  /** The value as written, quotes included. */
  readonly valueSpan: Span
}

/** A line that the server cannot read. */
export interface ConfSyntaxError {
  readonly line: number
  readonly span: Span
  /** The token at which the server gives up, or undefined where the line ends too early. */
  readonly near: string | undefined
  /** Whether the file ends right there, without LF: the server then reports the line before. */
  readonly atEndOfFile: boolean
}

export interface ConfDocument {
  readonly bytes: Uint8Array
  /** In the order of the file. */
  readonly entries: readonly ConfEntry[]
  readonly errors: readonly ConfSyntaxError[]
}

const LF = 10

function isName(kind: TokenKind): boolean {
  return kind === 'id' || kind === 'qualified-id'
}

function isValue(kind: TokenKind): boolean {
  return kind === 'id' || kind === 'string' || kind === 'integer' || kind === 'real' || kind === 'unquoted'
}

/** Reads any bytes; never throws. What cannot be read is in `errors`. */
export function parseConf(bytes: Uint8Array): ConfDocument {
  const entries: ConfEntry[] = []
  const errors: ConfSyntaxError[] = []
  const scanner = new LineScanner(bytes)
  let line = 0
  for (let start = 0; start < bytes.length;) {
    line++
    const found = bytes.indexOf(LF, start)
    const end = found === -1 ? bytes.length : found
    scanner.begin(start, end)
    if (scanner.next() !== 'end') {
      const parsed = parseLine(bytes, scanner, { start, end }, line)
      if (parsed !== undefined) entries.push(parsed)
      else {
        const atEnd = scanner.kind === 'end'
        errors.push({ line, span: { start, end }, near: atEnd ? undefined : decode(bytes.subarray(scanner.start, scanner.end)), atEndOfFile: atEnd && found === -1 })
      }
    }
    start = end + 1
  }
  return { bytes, entries, errors }
}

/** The line whose first token the scanner has read; undefined where it is no assignment (the scanner stands at the fault). */
function parseLine(bytes: Uint8Array, scanner: LineScanner, span: Span, line: number): ConfEntry | undefined {
  if (!isName(scanner.kind)) return undefined
  const nameSpan = { start: scanner.start, end: scanner.end }
  if (scanner.next() === 'equals') scanner.next()
  if (!isValue(scanner.kind)) return undefined
  const quoted = scanner.kind === 'string'
  const valueSpan = { start: scanner.start, end: scanner.end }
  if (scanner.next() !== 'end') return undefined
  const name = decode(bytes.subarray(nameSpan.start, nameSpan.end))
  const written = bytes.subarray(valueSpan.start, valueSpan.end)
  return { kind: kindOf(name), name, value: decode(quoted ? unquote(written) : written), quoted, line, span, nameSpan, valueSpan }
}

function kindOf(name: string): ConfEntry['kind'] {
  if (name.charCodeAt(0) !== 105 && name.charCodeAt(0) !== 73) return 'setting' // i, I
  const folded = name.toLowerCase()
  return folded === 'include' || folded === 'include_if_exists' || folded === 'include_dir' ? folded : 'setting'
}

/** The bytes of the document: what was parsed, unchanged. */
export function printConf(document: ConfDocument): Uint8Array {
  return document.bytes
}

/** The exact bytes that the value of an entry stands for. */
export function valueBytes(document: ConfDocument, entry: ConfEntry): Uint8Array {
  const written = document.bytes.subarray(entry.valueSpan.start, entry.valueSpan.end)
  return entry.quoted ? unquote(written) : written
}

/** The assignment that a line of bytes holds once its leading `#` is gone, or undefined: how defaults are commented out. */
export function commentedEntry(bytes: Uint8Array, span: Span): ConfEntry | undefined {
  let at = span.start
  while (at < span.end && (bytes[at] === 32 || bytes[at] === 9)) at++
  if (bytes[at] !== 35 || at >= span.end) return undefined
  while (at < span.end && bytes[at] === 35) at++
  const scanner = new LineScanner(bytes)
  scanner.begin(at, span.end)
  if (scanner.next() === 'end') return undefined
  const entry = parseLine(bytes, scanner, span, 0)
  if (entry === undefined) return undefined
  // Prose may look like an assignment without an equals sign; a default never does.
  return bytes.subarray(entry.nameSpan.end, entry.valueSpan.start).includes(61) ? entry : undefined
}
