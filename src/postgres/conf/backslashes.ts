// Backslashes that do not arrive: in a quoted value of postgresql.conf each of them escapes what follows.
// Source: DeescapeQuotedString in PostgreSQL's src/backend/utils/misc/guc-file.l
import type { ConfigurationFile, SettingLine } from './configuration.ts'
import { decode } from './text.ts'

/** A path of Windows so far: a drive, or the two backslashes before the name of another machine. */
const WINDOWS_PATH = /^(?:[A-Za-z]:|\\\\\\\\)/
/** Escapes that people write on purpose: a line end, a tab, a quote. */
const MEANT = /[bfnrt0-7"']/

/**
 * How a value would have to be written so that all its backslashes arrive; undefined where none is lost, or where it is
 * likely to be an escape that was meant.
 *
 * @param file the file that the line is in
 * @returns the literal with its quotes
 */
export function withItsBackslashes(file: ConfigurationFile, { entry }: SettingLine): string | undefined {
  if (!entry.quoted) return undefined
  const literal = decode(file.bytes.subarray(entry.valueSpan.start + 1, entry.valueSpan.end - 1))
  let right = ''
  let word = ''
  let lost = false
  for (let at = 0; at < literal.length; at++) {
    const character = literal[at]!
    const next = literal[at + 1] ?? ''
    if (character !== '\\') {
      right += character
      word = /[\s"'=<>|&;()]/.test(character) ? '' : word + character
    } else if (next === '\\' || (next === "'" && !WINDOWS_PATH.test(word))) {
      right += character + next
      word += character + next
      at++
    } else if (WINDOWS_PATH.test(word) || !MEANT.test(next)) {
      right += '\\\\'
      word += character
      lost = true
    } else {
      right += character + next
      word = ''
      at++
    }
  }
  return lost ? `'${right}'` : undefined
}
