const BLANK = /[ \t\r\n]*/y
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y
const ATOM = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

/**
 * The line (from 1) at which a text stops being JSON; undefined where it is JSON. What JSON.parse says of the place differs
 * between versions of Node, and some of them say nothing.
 * @see https://www.rfc-editor.org/rfc/rfc8259
 */
export function jsonErrorLine(text: string): number | undefined {
  let at = 0
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found === null) return false
    at += found[0].length
    return true
  }
  const sign = (character: string): boolean => {
    take(BLANK)
    if (text[at] !== character) return false
    at++
    return true
  }
  const members = (close: string, member: () => boolean): boolean => {
    if (sign(close)) return true
    do {
      take(BLANK)
      if (!member()) return false
    } while (sign(','))
    return sign(close)
  }
  const value = (): boolean => {
    take(BLANK)
    if (sign('{')) return members('}', () => take(STRING) && sign(':') && value())
    if (sign('[')) return members(']', value)
    return take(STRING) || take(ATOM)
  }
  const good = value()
  if (good) take(BLANK)
  return good && at === text.length ? undefined : text.slice(0, at).split('\n').length
}
