// Regular expressions in the database and user fields (16 and later): PostgreSQL's "advanced" ones, see
// https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS and src/backend/regex/regcomp.c.
// The server compiles them in the postmaster, where no database's encoding is known: it matches bytes, under the C
// collation. So byte strings and ASCII classes give the same answer here.
//
// The grammar is followed to know which expressions the server refuses. What JavaScript has too is translated; for the
// rest the answer is "unknown", never a guess.

export type Pattern =
  | { readonly state: 'ok'; readonly test: (subject: string) => boolean }
  /** Valid as far as is known, but what it matches is not known here. */
  | { readonly state: 'unknown' }
  | { readonly state: 'invalid'; readonly message: string }

class Invalid extends Error {}
class Untranslatable extends Error {}

const PARENTHESES = 'parentheses () not balanced'
const BRACKETS = 'brackets [] not balanced'
const BRACES = 'braces {} not balanced'
const QUANTIFIER = 'quantifier operand invalid'
const RANGE = 'invalid character range'
const ESCAPE = 'invalid escape \\ sequence'
const BACK_REFERENCE = 'invalid backreference number'
const REPETITION = 'invalid repetition count(s)'
const CLASS = 'invalid character class'
const COLLATING = 'invalid collating element'
const OPTION = 'invalid embedded option'

/** POSIX classes under the C collation, as the inside of a JavaScript bracket. */
const CLASSES: Record<string, string> = {
  alnum: 'A-Za-z0-9', alpha: 'A-Za-z', ascii: '\\x00-\\x7f', blank: ' \\t', cntrl: '\\x00-\\x1f\\x7f', digit: '0-9', graph: '!-~', lower: 'a-z',
  print: ' -~', punct: '!-\\/:-@\\[-`{-~', space: '\\t-\\r ', upper: 'A-Z', xdigit: '0-9A-Fa-f', word: 'A-Za-z0-9_',
}
const CLASS_ESCAPES: Record<string, string> = { d: CLASSES.digit!, w: CLASSES.word!, s: CLASSES.space! }
/** What \D, \W and \S add inside a bracket. */
const COMPLEMENTS: Record<string, string> = { D: '\\x00-\\/:-\\xff', W: '\\x00-\\/:-@\\[-^`{-\\xff', S: '\\x00-\\x08\\x0e-\\x1f!-\\xff' }
const CHARACTER_ESCAPES: Record<string, number> = { a: 7, b: 8, B: 92, e: 27, f: 12, n: 10, r: 13, t: 9, v: 11 }
const WORD = '[A-Za-z0-9_]'
const CONSTRAINT_ESCAPES: Record<string, string> = {
  A: '^', Z: '$', m: `(?<!${WORD})(?=${WORD})`, M: `(?<=${WORD})(?!${WORD})`,
  y: `(?:(?<!${WORD})(?=${WORD})|(?<=${WORD})(?!${WORD}))`, Y: `(?:(?<!${WORD})(?!${WORD})|(?<=${WORD})(?=${WORD}))`,
}
/** Names of collating elements, in the order of their codes; POSIX's, with synonyms. */
const COLLATING_NAMES = new Map<string, number>([
  'NUL SOH STX ETX EOT ENQ ACK BEL|alert BS|backspace HT|tab LF|newline VT|vertical-tab FF|form-feed CR|carriage-return SO SI',
  'DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC IS4|FS IS3|GS IS2|RS IS1|US',
  'space exclamation-mark quotation-mark number-sign dollar-sign percent-sign ampersand apostrophe left-parenthesis right-parenthesis asterisk plus-sign comma hyphen|hyphen-minus period|full-stop slash|solidus',
  'zero one two three four five six seven eight nine colon semicolon less-than-sign equals-sign greater-than-sign question-mark',
  `commercial-at${' -'.repeat(26)} left-square-bracket backslash|reverse-solidus right-square-bracket circumflex|circumflex-accent underscore|low-line`,
  `grave-accent${' -'.repeat(26)} left-brace|left-curly-bracket vertical-line right-brace|right-curly-bracket tilde DEL`,
].join(' ').split(' ').flatMap((names, code) => names === '-' ? [] : names.split('|').map((name) => [name, code] as const)))
/** The largest code of a character that the server's engine takes. */
const LARGEST_CODE = 0x7ffffffe
/** The largest repetition count. */
const MAXIMUM = 255

/** A code above a byte's range matches nothing. */
const hex = (code: number): string => code > 255 ? '[]' : `\\x${code.toString(16).padStart(2, '0')}`

class Compiler {
  private at = 0
  private groups = 0
  private closed = new Set<number>()
  private weight = 1
  private known = true
  private ignoreCase = false
  private lookarounds = 0

  constructor(private readonly source: string) {}

  compile(): RegExp | null {
    if (this.source.startsWith('***')) {
      const kind = this.source[3]
      if (kind === '=') return this.literal(this.source.slice(4))
      if (kind !== ':') throw new Invalid(QUANTIFIER)
      this.at = 4
    }
    this.embeddedOptions()
    const translated = this.alternatives(false)
    if (this.at < this.source.length) throw new Invalid(PARENTHESES)
    // A nest of repetitions can be too large for the server.
    if (!this.known || this.weight > 1000) return null
    return new RegExp(translated, 's')
  }

  private literal(text: string): RegExp {
    return new RegExp(Array.from(text, (character) => hex(character.charCodeAt(0))).join(''), 's')
  }

  private embeddedOptions(): void {
    const found = /^\(\?([a-zA-Z]+)/.exec(this.source.slice(this.at))
    if (found === null) return
    if (/[^bceimnpqstwx]/.test(found[1]!)) throw new Invalid(OPTION)
    if (this.source[this.at + found[0].length] !== ')') throw new Invalid(OPTION)
    // Other flavours, newline rules and comments: not followed.
    if (/[^cist]/.test(found[1]!)) throw new Untranslatable()
    for (const option of found[1]!) {
      if (option === 'i') this.ignoreCase = true
      if (option === 'c') this.ignoreCase = false
    }
    this.at += found[0].length + 1
  }

  /** Comments stand between any two parts; the last one need not be closed. */
  private skipComments(): void {
    while (this.source.startsWith('(?#', this.at)) {
      const close = this.source.indexOf(')', this.at)
      this.at = close < 0 ? this.source.length : close + 1
    }
  }

  private alternatives(inner: boolean): string {
    const branches = [this.branch(inner)]
    while (this.source[this.at] === '|') {
      this.at++
      branches.push(this.branch(inner))
    }
    return branches.join('|')
  }

  private branch(inner: boolean): string {
    let translated = ''
    for (;;) {
      this.skipComments()
      const character = this.source[this.at]
      if (character === undefined || character === '|') break
      if (character === ')') {
        if (inner) break
        throw new Invalid(PARENTHESES)
      }
      translated += this.quantified()
    }
    return translated
  }

  /** One atom with its quantifier, or a constraint, which takes none. */
  private quantified(): string {
    const character = this.source[this.at]!
    switch (character) {
      case '^':
      case '$':
        this.at++
        return character
      case '*':
      case '+':
      case '?':
        throw new Invalid(QUANTIFIER)
      case '{':
        if (/[0-9]/.test(this.source[this.at + 1] ?? '')) throw new Invalid(QUANTIFIER)
        this.at++
        return this.quantifier('\\{')
      case '.':
        this.at++
        return this.quantifier('.')
      case '[':
        if (this.source.startsWith('[[:<:]]', this.at) || this.source.startsWith('[[:>:]]', this.at)) {
          this.at += 7
          this.known = false
          return ''
        }
        return this.quantifier(this.bracket())
      case '(':
        return this.group()
      case '\\':
        return this.escape()
      default:
        this.at++
        return this.quantifier(this.character(character.charCodeAt(0)))
    }
  }

  private character(code: number): string {
    if (this.ignoreCase && /[A-Za-z]/.test(String.fromCharCode(code))) {
      const letter = String.fromCharCode(code)
      return `[${letter.toLowerCase()}${letter.toUpperCase()}]`
    }
    return hex(code)
  }

  private quantifier(atom: string): string {
    this.skipComments()
    const rest = this.source.slice(this.at, this.at + 24)
    const simple = /^[*+?]/.exec(rest)
    if (simple !== null) {
      this.at++
      this.lazy()
      return `${atom}${simple[0]}`
    }
    if (!/^\{[0-9]/.test(rest)) return atom
    const bound = /^\{([0-9]+)(,([0-9]*))?/.exec(this.source.slice(this.at))!
    const low = Number(bound[1])
    const high = bound[2] === undefined ? low : bound[3] === '' ? Infinity : Number(bound[3])
    if (low > MAXIMUM || (high !== Infinity && high > MAXIMUM)) throw new Invalid(REPETITION)
    this.at += bound[0].length
    const close = this.source[this.at]
    if (close === undefined) throw new Invalid(BRACES)
    if (close !== '}') throw new Invalid(REPETITION)
    if (low > high) throw new Invalid(REPETITION)
    this.at++
    this.lazy()
    this.weight *= Math.max(1, high === Infinity ? low : high)
    return `${atom}{${low}${high === Infinity ? ',' : `,${high}`}}`
  }

  /** A question mark behind a quantifier prefers the shorter match: whether there is a match stays the same. */
  private lazy(): void {
    if (this.source[this.at] === '?') this.at++
  }

  private group(): string {
    this.at++
    let open = '(?:'
    let constraint = false
    let number = 0
    if (this.source[this.at] === '?') {
      const look = /^\?(?:<?[=!])/.exec(this.source.slice(this.at, this.at + 3))
      if (look !== null) {
        constraint = true
        open = `(${look[0]}`
        this.at += look[0].length
      } else if (this.source[this.at + 1] === ':') this.at += 2
      else throw new Invalid(QUANTIFIER)
    } else if (this.lookarounds === 0) number = ++this.groups
    if (constraint) this.lookarounds++
    const inside = this.alternatives(true)
    if (constraint) this.lookarounds--
    if (this.source[this.at] !== ')') throw new Invalid(PARENTHESES)
    this.at++
    if (number > 0) this.closed.add(number)
    const whole = `${open}${inside})`
    return constraint ? whole : this.quantifier(whole)
  }

  private escape(): string {
    this.at++
    const letter = this.source[this.at]
    if (letter === undefined) throw new Invalid(ESCAPE)
    if (!/[A-Za-z0-9]/.test(letter)) {
      this.at++
      return this.quantifier(hex(letter.charCodeAt(0)))
    }
    const constraint = CONSTRAINT_ESCAPES[letter]
    if (constraint !== undefined) {
      this.at++
      return constraint
    }
    const set = CLASS_ESCAPES[letter.toLowerCase()]
    if (set !== undefined) {
      this.at++
      return this.quantifier(`[${letter === letter.toLowerCase() ? '' : '^'}${set}]`)
    }
    const code = CHARACTER_ESCAPES[letter]
    if (code !== undefined) {
      this.at++
      return this.quantifier(hex(code))
    }
    const back = this.backReference()
    if (back !== null) {
      if (this.lookarounds > 0 || !this.closed.has(back)) throw new Invalid(BACK_REFERENCE)
      this.known = false
      return this.quantifier('.')
    }
    return this.quantifier(this.character(this.numericEscape()))
  }

  /** The number of a back reference at this place; null where digits are an octal code. */
  private backReference(): number | null {
    const digits = /^[1-9][0-9]*/.exec(this.source.slice(this.at))?.[0]
    // One digit always refers back; more digits do if there are so many groups.
    if (digits === undefined || (digits.length > 1 && Number(digits) > this.groups)) return null
    this.at += digits.length
    return Number(digits)
  }

  /** The code that \cX, \uXXXX, \UXXXXXXXX, \xH… or an octal number stands for. */
  private numericEscape(): number {
    const rest = this.source.slice(this.at)
    const control = /^c([^])/.exec(rest)
    if (control !== null) {
      this.at += 2
      return control[1]!.charCodeAt(0) & 31
    }
    const hexadecimal = /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]+))/.exec(rest)
    if (hexadecimal !== null) {
      this.at += hexadecimal[0].length
      const code = Number(BigInt.asUintN(32, BigInt(`0x${hexadecimal[1] ?? hexadecimal[2] ?? hexadecimal[3]!}`)))
      if (code > LARGEST_CODE) throw new Invalid(ESCAPE)
      return code
    }
    const octal = /^[0-7]{1,3}/.exec(rest)?.[0]
    if (octal === undefined) throw new Invalid(ESCAPE)
    const used = parseInt(octal, 8) > 255 ? octal.slice(0, -1) : octal
    this.at += used.length
    return parseInt(used, 8)
  }

  private bracket(): string {
    this.at++
    const negated = this.source[this.at] === '^'
    if (negated) this.at++
    let inside = ''
    let first = true
    for (;;) {
      const character = this.source[this.at]
      if (character === undefined) throw new Invalid(BRACKETS)
      if (character === ']' && !first) {
        this.at++
        break
      }
      inside += this.bracketItem(first)
      first = false
    }
    return `[${negated ? '^' : ''}${inside}]`
  }

  private bracketItem(first: boolean): string {
    if (this.source[this.at] === '-' && !first && this.source[this.at + 1] !== ']') throw new Invalid(RANGE)
    const start = this.bracketElement()
    this.lookAhead()
    if (this.source[this.at] !== '-' || this.source[this.at + 1] === ']') return typeof start === 'string' ? start : this.range(start, start)
    // A range.
    if (typeof start === 'string') throw new Invalid(RANGE)
    this.at++
    this.lookAhead()
    if (/^\[[:=]/.test(this.source.slice(this.at, this.at + 2))) throw new Invalid(RANGE)
    const end = this.bracketElement()
    if (typeof end === 'string') throw new Invalid(RANGE)
    this.lookAhead()
    if (start > end) throw new Invalid(RANGE)
    return this.range(start, end)
  }

  /** The server reads one token ahead: what is wrong with that one is reported first. */
  private lookAhead(): void {
    const here = this.at
    if (here >= this.source.length || this.source.slice(here) === '[') throw new Invalid(BRACKETS)
    if (this.source[here] === '\\') this.bracketElement()
    this.at = here
  }

  private range(start: number, end: number): string {
    if (start > 255) return ''
    if (end > 255) return this.range(start, 255)
    const plain = start === end ? hex(start) : `${hex(start)}-${hex(end)}`
    if (!this.ignoreCase) return plain
    let both = plain
    for (let code = Math.max(start, 65); code <= Math.min(end, 90); code++) both += hex(code + 32)
    for (let code = Math.max(start, 97); code <= Math.min(end, 122); code++) both += hex(code - 32)
    return both
  }

  /** A character's code, or a class as the inside of a bracket. */
  private bracketElement(): number | string {
    const character = this.source[this.at]!
    if (character === '[' && /[.=:]/.test(this.source[this.at + 1] ?? '')) return this.bracketName(this.source[this.at + 1]!)
    if (character !== '\\') {
      this.at++
      return character.charCodeAt(0)
    }
    this.at++
    const letter = this.source[this.at]
    if (letter === undefined) throw new Invalid(ESCAPE)
    if (!/[A-Za-z0-9]/.test(letter)) {
      this.at++
      return letter.charCodeAt(0)
    }
    const set = CLASS_ESCAPES[letter.toLowerCase()]
    if (set !== undefined) {
      this.at++
      return letter === letter.toLowerCase() ? set : COMPLEMENTS[letter]!
    }
    const code = CHARACTER_ESCAPES[letter]
    if (code !== undefined) {
      this.at++
      return code
    }
    if (this.backReference() !== null) throw new Invalid(ESCAPE)
    return this.numericEscape()
  }

  private bracketName(kind: string): number | string {
    const close = this.source.indexOf(`${kind}]`, this.at + 2)
    if (close < 0) throw new Invalid(BRACKETS)
    const name = this.source.slice(this.at + 2, close)
    this.at = close + 2
    this.lookAhead()
    if (kind === ':') {
      const set = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined
      if (set === undefined) throw new Invalid(CLASS)
      if (this.ignoreCase && (name === 'lower' || name === 'upper')) return CLASSES.alpha!
      return set
    }
    if (name === '') throw new Invalid(COLLATING)
    const code = name.length === 1 ? name.charCodeAt(0) : COLLATING_NAMES.get(name)
    if (code === undefined) throw new Invalid(COLLATING)
    return kind === '.' ? code : this.range(code, code)
  }
}

const compiled = new Map<string, Pattern>()

/** Compiles what stands behind the slash (a byte string). */
export function compilePattern(source: string): Pattern {
  const known = compiled.get(source)
  if (known !== undefined) return known
  const pattern = compileNow(source)
  if (compiled.size > 1000) compiled.clear()
  compiled.set(source, pattern)
  return pattern
}

function compileNow(source: string): Pattern {
  try {
    const regex = new Compiler(source).compile()
    return regex === null ? { state: 'unknown' } : { state: 'ok', test: (subject) => regex.test(subject) }
  } catch (error) {
    if (error instanceof Invalid) return { state: 'invalid', message: error.message }
    if (error instanceof Untranslatable || error instanceof SyntaxError) return { state: 'unknown' }
    throw error
  }
}
