// postgresql.conf as a lossless document: the bytes, and where in them each assignment and each syntax error stands.
// Recovery after an error is the server's: it goes on with the next line.
// Source: ParseConfigFp in PostgreSQL's src/backend/utils/misc/guc-file.l
import { LineScanner, unquote } from './lexer.ts'
import type { TokenKind } from './lexer.ts'
import { asciiText, decode } from './text.ts'

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
  // Pieces of one string are cheaper than strings of their own, and nearly all files are ASCII.
  const whole = asciiText(bytes)
  let line = 0
  for (let start = 0; start < bytes.length;) {
    line++
    const found = bytes.indexOf(LF, start)
    const end = found === -1 ? bytes.length : found
    scanner.begin(start, end)
    if (scanner.next() !== 'end') {
      const parsed = parseLine(bytes, scanner, { start, end }, line, whole)
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
function parseLine(bytes: Uint8Array, scanner: LineScanner, span: Span, line: number, whole?: string): ConfEntry | undefined {
  if (!isName(scanner.kind)) return undefined
  const nameSpan = { start: scanner.start, end: scanner.end }
  if (scanner.next() === 'equals') scanner.next()
  if (!isValue(scanner.kind)) return undefined
  const quoted = scanner.kind === 'string'
  const valueSpan = { start: scanner.start, end: scanner.end }
  if (scanner.next() !== 'end') return undefined
  const name = whole?.slice(nameSpan.start, nameSpan.end) ?? decode(bytes.subarray(nameSpan.start, nameSpan.end))
  return { kind: kindOf(name), name, value: valueText(bytes, valueSpan, quoted, whole), quoted, line, span, nameSpan, valueSpan }
}

function valueText(bytes: Uint8Array, { start, end }: Span, quoted: boolean, whole: string | undefined): string {
  if (whole !== undefined) {
    const plain = quoted ? whole.slice(start + 1, end - 1) : whole.slice(start, end)
    if (!quoted || !/['\\\0]/.test(plain)) return plain
  }
  const written = bytes.subarray(start, end)
  return decode(quoted ? unquote(written) : written)
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

/** The assignment of a wanted name that a line of bytes holds once its leading `#` is gone, or undefined: how defaults are commented out. */
export function commentedEntry(bytes: Uint8Array, span: Span, wanted: (name: string) => boolean): ConfEntry | undefined {
  let at = span.start
  while (at < span.end && (bytes[at] === 32 || bytes[at] === 9)) at++
  if (bytes[at] !== 35 || at >= span.end) return undefined
  while (at < span.end && bytes[at] === 35) at++
  // Prose may look like an assignment without an equals sign; a default never does.
  const equals = bytes.indexOf(61, at)
  if (equals === -1 || equals >= span.end) return undefined
  const scanner = new LineScanner(bytes)
  scanner.begin(at, span.end)
  if (!isName(scanner.next()) || !wanted(decode(bytes.subarray(scanner.start, scanner.end)))) return undefined
  const entry = parseLine(bytes, scanner, span, 0)
  return entry !== undefined && equals >= entry.nameSpan.end && equals < entry.valueSpan.start ? entry : undefined
}
