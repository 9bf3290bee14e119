import { columns } from './style.ts'

/** May be broken after; what follows may begin a line. */
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff00-\uffef]/u
/** Must not begin a line. */
const CLOSING = /[，。、；：！？）」』》〉】］…％]/u
/** Must not end a line. */
const OPENING = /[（「『《〈【［]/u

/**
 * Breaks a text into lines of at most `width` columns: at blanks, and between wide characters where Chinese allows it. A
 * word is never broken (a path or a command must be copied in one piece), so a longer one sticks out.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  let used = 0
  for (const { gap, piece } of pieces(text)) {
    const size = columns(piece)
    const space = line === '' ? '' : gap
    if (line !== '' && used + space.length + size > width) {
      lines.push(line)
      line = piece
      used = size
    } else {
      line += space + piece
      used += space.length + size
    }
  }
  lines.push(line)
  return lines
}

/** What must stay together, each with the blanks before it. */
function pieces(text: string): { readonly gap: string; readonly piece: string }[] {
  const result: { gap: string; piece: string }[] = []
  let gap = ''
  let previous = ''
  for (const character of text) {
    if (character === ' ') {
      gap += ' '
      previous = ' '
      continue
    }
    const last = result.at(-1)
    const joined = previous !== '' && previous !== ' ' && !mayBreak(previous, character)
    if (last !== undefined && joined) last.piece += character
    else result.push({ gap, piece: character })
    gap = ''
    previous = character
  }
  return result
}

function mayBreak(before: string, after: string): boolean {
  if (CLOSING.test(after) || OPENING.test(before)) return false
  return WIDE.test(before) || WIDE.test(after)
}

/** The text wrapped for a place that begins at column `indent`: each further line starts there too. */
export function hang(text: string, indent: number, width: number): string {
  return wrap(text, Math.max(20, width - indent)).join(`\n${' '.repeat(indent)}`)
}
