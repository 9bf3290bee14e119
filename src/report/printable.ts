/** What cannot be seen, or moves the cursor or the reading order: control characters, format characters (bidi overrides, zero width), line and paragraph separators, half of a surrogate pair. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Longest text from outside that a report shows, in code points; enough for a path of the usual PATH_MAX in a sentence. */
const PRINTABLE_LIMIT = 600

/**
 * Text from a file, a server, a name or a log, as one line that is safe to show: what is invisible or a control becomes a
 * visible escape (`\n`, `\x1b`, `\u202e`), and what is longer than `limit` code points is cut, with `…` in its place.
 */
export function printable(text: string, limit: number = PRINTABLE_LIMIT): string {
  // Cut before escaping: an escape must not be cut in half. Code units first, so that a huge text costs nothing.
  const points = [...text.slice(0, limit * 2 + 2)]
  const kept = points.length > limit ? `${points.slice(0, limit).join('')}…` : points.join('')
  return kept.replace(UNPRINTABLE, escapeOf)
}

/** A line of a file, for a diff: like {@link printable}, but a tab stays a gap up to the next eighth column. */
export function printableLine(line: string, limit: number = PRINTABLE_LIMIT): string {
  let column = 0
  const expanded = line.replace(/[^\t]+|\t/g, (part) => {
    const text = part === '\t' ? ' '.repeat(8 - (column % 8)) : part
    column += text.length
    return text
  })
  return printable(expanded, limit)
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0)!
  if (NAMED[character] !== undefined) return NAMED[character]
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
}
