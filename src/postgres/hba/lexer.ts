// Lines and tokens of pg_hba.conf, as tokenize_auth_file() and next_token() in PostgreSQL's
// src/backend/libpq/hba.c read them.

/** One line as the parser sees it: a physical line, or from PostgreSQL 14 on several joined by a backslash at the end. */
export interface LogicalLine {
  /** The server's number of the first physical line, from 1. */
  readonly line: number
  /** Byte offsets in the file: of the first byte, and after the line end. */
  readonly start: number
  readonly end: number
  /** What is tokenized: joined, without line ends. A byte string. */
  readonly text: string
  /** How many backslashes joined a further line (or stood at the end of the file). */
  readonly continuations: number
  /** Set where the line itself is refused. */
  readonly error: string | null
}

export interface Token {
  /** Without the quotes; a byte string. */
  readonly raw: string
  /** A quote stood before the first character: the token has no special meaning (but see regular expressions). */
  readonly quoted: boolean
}

export interface TokenizedLine {
  /** Each field is a list of at least one token. */
  readonly fields: Token[][]
  readonly error: string | null
}

const LF = 10
const CR = 13
const BACKSLASH = 92

/** 12 and 13 read through a buffer of this size, the terminating zero included (8192 before 12.12 and 13.8). */
const LINE_BUFFER = 20480
/** Up to 15 a token has a buffer of this size, the terminating zero included (256 before 12.12, 13.8 and 14.5). */
const TOKEN_BUFFER = 10240

/** Splits a file (a byte string) into the lines that a server of this major sees. */
export function splitLines(content: string, major: number): LogicalLine[] {
  if (major < 14) return splitWithBuffer(content)
  return content.includes('\0') ? splitWithZeroBytes(content) : splitWithContinuations(content)
}

/** Length of the text without the CRs and LFs at its end. */
function strippedLength(text: string): number {
  let length = text.length
  while (length > 0) {
    const last = text.charCodeAt(length - 1)
    if (last !== LF && last !== CR) break
    length--
  }
  return length
}

function splitWithContinuations(content: string): LogicalLine[] {
  const lines: LogicalLine[] = []
  let at = 0
  let line = 1
  while (at < content.length) {
    const start = at
    let text = ''
    let joinedAt = 0
    let continuations = 0
    while (at < content.length) {
      const newline = content.indexOf('\n', at)
      const end = newline < 0 ? content.length : newline
      text = text === '' ? content.slice(at, end) : text + content.slice(at, end)
      at = newline < 0 ? end : end + 1
      const length = strippedLength(text)
      // Only a backslash behind the last joint joins: the first of two backslashes does not take a second empty line.
      if (length > joinedAt && text.charCodeAt(length - 1) === BACKSLASH) {
        text = text.slice(0, length - 1)
        joinedAt = length - 1
        continuations++
        continue
      }
      if (length < text.length) text = text.slice(0, length)
      break
    }
    lines.push({ line, start, end: at, text, continuations, error: null })
    line += continuations + 1
  }
  return lines
}

/**
 * The same for a file with zero bytes. From 14 on the server reads with fgets() into a growing buffer and looks for
 * the newline at the end of a C string, so a zero byte hides the rest of its line and joins the next line to it.
 */
function splitWithZeroBytes(content: string): LogicalLine[] {
  const lines: LogicalLine[] = []
  let capacity = 1024
  let at = 0
  let line = 1
  const readLine = (before: string): string => {
    let text = before
    for (;;) {
      const room = capacity - text.length - 1
      if (room > 0) {
        if (at >= content.length) return text
        const newline = content.indexOf('\n', at)
        const end = Math.min(newline < 0 ? content.length : newline + 1, at + room)
        const chunk = content.slice(at, end)
        at = end
        const zero = chunk.indexOf('\0')
        text += zero < 0 ? chunk : chunk.slice(0, zero)
        if (text.length > before.length && text.charCodeAt(text.length - 1) === LF) return text
      }
      while (text.length + 129 > capacity) capacity *= 2
    }
  }
  while (at < content.length) {
    const start = at
    let text = ''
    let joinedAt = 0
    let continuations = 0
    while (at < content.length) {
      text = readLine(text)
      const length = strippedLength(text)
      text = text.slice(0, length)
      if (length > joinedAt && text.charCodeAt(length - 1) === BACKSLASH) {
        text = text.slice(0, -1)
        joinedAt = length - 1
        continuations++
        continue
      }
      break
    }
    lines.push({ line, start, end: at, text, continuations, error: null })
    line += continuations + 1
  }
  return lines
}

function splitWithBuffer(content: string): LogicalLine[] {
  const lines: LogicalLine[] = []
  let at = 0
  let line = 1
  while (at < content.length) {
    const start = at
    const newline = content.indexOf('\n', at)
    at = Math.min(newline < 0 ? content.length : newline + 1, at + LINE_BUFFER - 1)
    let text = content.slice(start, at)
    const zero = text.indexOf('\0')
    if (zero >= 0) text = text.slice(0, zero)
    const error = text.length === LINE_BUFFER - 1 ? 'authentication file line too long' : null
    lines.push({ line, start, end: at, text: text.slice(0, strippedLength(text)), continuations: 0, error })
    line++
  }
  return lines
}

const isBlank = (code: number): boolean => code === 32 || code === 9 || code === CR

/** Splits a line's text into fields of tokens. `@file` tokens are returned as they stand. */
export function tokenize(text: string, major: number): TokenizedLine {
  // Lists are made with what they hold and not filled up: an array that grows from nothing takes room for many.
  const fields: Token[][] = []
  const limit = major < 16 ? TOKEN_BUFFER - 1 : Infinity
  let at = 0
  while (at < text.length) {
    let field: Token[] | undefined
    let more: boolean
    do {
      more = false
      while (at < text.length && (isBlank(text.charCodeAt(at)) || text.charCodeAt(at) === 44)) at++
      let raw = ''
      let from = at
      let inQuote = false
      let wasQuote = false
      let sawQuote = false
      let quoted = false
      while (at < text.length) {
        const code = text.charCodeAt(at)
        if (!inQuote) {
          if (isBlank(code)) break
          if (code === 35) {
            raw += text.slice(from, at)
            from = at = text.length
            break
          }
        }
        if (limit !== Infinity && raw.length + at - from >= limit) return { fields: withField(fields, field), error: 'authentication file token too long' }
        if (code === 44 && !inQuote) {
          more = true
          break
        }
        if (code === 34) {
          // A quote is dropped, except the second of two inside quotes.
          if (wasQuote) {
            raw += text.slice(from, at) + '"'
          } else {
            raw += text.slice(from, at)
          }
          from = at + 1
          wasQuote = inQuote && !wasQuote
          inQuote = !inQuote
          sawQuote = true
          if (raw === '') quoted = true
        } else wasQuote = false
        at++
      }
      raw += text.slice(from, Math.max(from, at))
      if (!sawQuote && raw === '') break
      if (field === undefined) field = [{ raw, quoted }]
      else field.push({ raw, quoted })
    } while (more)
    if (field !== undefined) fields.push(field)
  }
  return { fields: fields.slice(), error: null }
}

function withField(fields: Token[][], field: Token[] | undefined): Token[][] {
  if (field !== undefined) fields.push(field)
  return fields
}
