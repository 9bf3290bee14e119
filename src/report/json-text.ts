import { redactDeep } from './redact.ts'

/**
 * JSON for a script, and safe on a terminal: without secrets, and with every control, format and separator character as
 * `\uXXXX`, which means the same to a parser.
 */
export function jsonText(value: unknown): string {
  return visibleJson(redactDeep(value))
}

/** The same for what is redacted already. */
export function visibleJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2)
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => (character === '\n' ? character : escapeUnits(character)))
}

function escapeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`).join('')
}
