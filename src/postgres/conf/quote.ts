// Values written so that every server reads back exactly the text that was meant.
import { encode } from './text.ts'
import { LineScanner } from './lexer.ts'

/**
 * A single-quoted literal for postgresql.conf. Both quote and backslash are doubled, line ends become escapes.
 * @throws RangeError when the text holds NUL, which no configuration file can express.
 */
export function quoteValue(value: string): string {
  if (value.includes('\0')) throw new RangeError('a value in postgresql.conf cannot hold a NUL character')
  return `'${value.replace(/['\\]/g, '$&$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')}'`
}

/** The value as one token without quotes where the grammar allows that, else quoted. */
export function plainOrQuoted(value: string): string {
  const bytes = encode(value)
  const scanner = new LineScanner(bytes)
  scanner.begin(0, bytes.length)
  const kind = scanner.next()
  const plain = (kind === 'id' || kind === 'integer' || kind === 'real') && scanner.start === 0 && scanner.end === bytes.length && /^[\x21-\x7e]+$/.test(value)
  return plain ? value : quoteValue(value)
}
