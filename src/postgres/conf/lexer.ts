// The tokens of one line of postgresql.conf, on bytes. A token never spans lines (the quoted string excludes LF), so
// lines are independent of each other; the server's grammar is the same in PostgreSQL 12 to 18.
// Source: PostgreSQL's src/backend/utils/misc/guc-file.l;
// https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-CONFIGURATION-FILE

/** What a token is; `end` stands for the end of the line or of the file. */
export type TokenKind = 'id' | 'qualified-id' | 'unquoted' | 'integer' | 'real' | 'string' | 'equals' | 'error' | 'end'

const WHITE = 1
const LETTER = 2
const DIGIT = 4
const HEX = 8
const ASCII_LETTER = 16
const UNQUOTED = 32

const CLASS = new Uint8Array(256)
for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte)
  if (' \t\r'.includes(char)) CLASS[byte]! |= WHITE
  if (/[A-Za-z]/.test(char)) CLASS[byte]! |= ASCII_LETTER
  // The scanner takes every byte above 127 for a letter: no encoding is looked at.
  if (/[A-Za-z_]/.test(char) || byte >= 0x80) CLASS[byte]! |= LETTER
  if (/[0-9]/.test(char)) CLASS[byte]! |= DIGIT
  if (/[0-9a-fA-F]/.test(char)) CLASS[byte]! |= HEX
  if ('-._:/'.includes(char)) CLASS[byte]! |= UNQUOTED
}
const WORD = LETTER | DIGIT
const UNQUOTED_REST = WORD | UNQUOTED

const TAB = 9, LF = 10, HASH = 35, QUOTE = 39, PLUS = 43, MINUS = 45, DOT = 46, ZERO = 48, EQUALS = 61, BACKSLASH = 92
const LOWER_E = 101, UPPER_E = 69, LOWER_X = 120

/** Reads the tokens of a line one after another: `next()` moves, then `kind`, `start` and `end` describe the token. */
export class LineScanner {
  kind: TokenKind = 'end'
  start = 0
  end = 0
  /** Where the comment of this line begins, or -1. */
  comment = -1
  private stop = 0

  constructor(private readonly bytes: Uint8Array) {}

  /** Begins at `from`; `lineEnd` is the offset of the LF, or of the end of the file. */
  begin(from: number, lineEnd: number): void {
    this.end = from
    this.stop = lineEnd
    this.comment = -1
  }

  next(): TokenKind {
    const { bytes, stop } = this
    let at = this.end
    while (at < stop && (CLASS[bytes[at]!]! & WHITE) !== 0) at++
    this.start = at
    if (at >= stop || bytes[at] === HASH) {
      if (at < stop) this.comment = at
      this.end = stop
      return this.kind = 'end'
    }
    const first = bytes[at]!
    const kind = CLASS[first]!
    if ((kind & LETTER) !== 0) return this.word(at)
    if (first === QUOTE) return this.quoted(at)
    if (first === EQUALS) {
      this.end = at + 1
      return this.kind = 'equals'
    }
    if ((kind & DIGIT) !== 0 || first === DOT || first === PLUS || first === MINUS) return this.number(at)
    this.end = at + 1
    return this.kind = 'error'
  }

  private run(at: number, mask: number): number {
    const { bytes, stop } = this
    while (at < stop && (CLASS[bytes[at]!]! & mask) !== 0) at++
    return at
  }

  private word(at: number): TokenKind {
    const id = this.run(at + 1, WORD)
    const longest = this.run(id, UNQUOTED_REST)
    this.end = longest
    if (longest === id) return this.kind = 'id'
    if (this.bytes[id] === DOT && (CLASS[this.bytes[id + 1]!]! & LETTER) !== 0 && this.run(id + 2, WORD) === longest) return this.kind = 'qualified-id'
    return this.kind = 'unquoted'
  }

  private quoted(at: number): TokenKind {
    const { bytes, stop } = this
    let closed = -1
    for (let here = at + 1; here < stop; here++) {
      const byte = bytes[here]
      if (byte === BACKSLASH) {
        here++
        if (here >= stop) break
      } else if (byte === QUOTE) {
        // The longest match wins, but only where the literal is closed again: 'a''b is 'a' and then an error.
        closed = here + 1
        if (bytes[here + 1] !== QUOTE || here + 1 >= stop) break
        here++
      }
    }
    this.end = closed === -1 ? at + 1 : closed
    return this.kind = closed === -1 ? 'error' : 'string'
  }

  private number(at: number): TokenKind {
    const { bytes, stop } = this
    const sign = bytes[at] === PLUS || bytes[at] === MINUS ? 1 : 0
    const body = at + sign
    const digits = this.run(body, DIGIT)
    let integer = digits > body ? this.run(digits, ASCII_LETTER) : -1
    if (bytes[body] === ZERO && body + 1 < stop && bytes[body + 1] === LOWER_X) {
      const hex = this.run(body + 2, HEX)
      if (hex > body + 2) integer = Math.max(integer, this.run(hex, ASCII_LETTER))
    }
    let real = -1
    if (digits < stop && bytes[digits] === DOT) {
      real = this.run(digits + 1, DIGIT)
      if (real < stop && (bytes[real] === LOWER_E || bytes[real] === UPPER_E)) {
        let exponent = real + 1
        if (exponent < stop && (bytes[exponent] === PLUS || bytes[exponent] === MINUS)) exponent++
        const end = this.run(exponent, DIGIT)
        if (end > exponent) real = end
      }
    }
    if (integer === -1 && real === -1) {
      this.end = at + 1
      return this.kind = 'error'
    }
    this.end = Math.max(integer, real)
    return this.kind = integer > real ? 'integer' : 'real'
  }
}

const ESCAPES: Readonly<Record<number, number>> = { 98: 8, 102: 12, 110: LF, 114: 13, 116: TAB }

/**
 * The bytes that a quoted literal stands for (PostgreSQL's DeescapeQuotedString), `token` including both quotes.
 * The server keeps the text as a C string: a NUL that comes out of an escape ends the value, and a NUL that stands
 * in the file cuts the literal there together with the byte before it.
 */
export function unquote(token: Uint8Array): Uint8Array {
  const nul = token.indexOf(0)
  const source = nul === -1 ? token : token.subarray(0, nul)
  const out = new Uint8Array(source.length)
  let length = 0
  for (let at = 1; at < source.length; at++) {
    const byte = source[at]!
    if (byte === BACKSLASH) {
      at++
      const escaped = source[at]
      if (escaped === undefined) break
      if (escaped >= ZERO && escaped <= 55) {
        let octal = 0
        let digits = 0
        for (; digits < 3 && source[at + digits] !== undefined && source[at + digits]! >= ZERO && source[at + digits]! <= 55; digits++) octal = octal * 8 + source[at + digits]! - ZERO
        at += digits - 1
        out[length++] = octal & 0xff
      } else {
        out[length++] = ESCAPES[escaped] ?? escaped
      }
    } else {
      if (byte === QUOTE && source[at + 1] === QUOTE) at++
      out[length++] = byte
    }
  }
  const value = out.subarray(0, Math.max(0, length - 1))
  const end = value.indexOf(0)
  return end === -1 ? value : value.subarray(0, end)
}
