import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { printable, printableLine } from '../../src/report/printable.ts'

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

describe('printable', () => {
  it.each([
    ['a\nb\r\tc', 'a\\nb\\r\\tc'],
    ['\u001b[31mred\u0007', '\\x1b[31mred\\x07'],
    ['\u009b31m', '\\u009b31m'],
    ['user\u202egnp.exe', 'user\\u202egnp.exe'],
    ['a\u200bb\u2028c\ufeff', 'a\\u200bb\\u2028c\\ufeff'],
    ['half \ud83d pair', 'half \\ud83d pair'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\u007f', '\\x7f'],
    ['歸檔目錄 é C:\\data', '歸檔目錄 é C:\\data'],
  ])('%j', (text, expected) => {
    expect(printable(text)).toBe(expected)
  })

  it('cuts what is too long, never an escape or a pair in half', () => {
    expect(printable('a'.repeat(10), 4)).toBe('aaaa…')
    expect(printable('a'.repeat(4), 4)).toBe('aaaa')
    expect(printable('😀😀😀', 2)).toBe('😀😀…')
    expect(printable('\n\n\n', 2)).toBe('\\n\\n…')
  })

  it('never shows what is invisible or moves the cursor, and is bounded', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.integer({ min: 0, max: 40 }), (text, limit) => {
      const shown = printable(text, limit)
      expect(shown).not.toMatch(HIDDEN)
      expect(printableLine(text, limit)).not.toMatch(HIDDEN)
      expect(shown.length).toBeLessThanOrEqual(limit * '\\u{10ffff}'.length + 1)
    }))
  })

  it('keeps the gaps of tabs in a line of a file', () => {
    expect(printableLine('#port = 5432\t\t# port')).toBe('#port = 5432            # port')
    expect(printableLine('\ta\u001bb')).toBe('        a\\x1bb')
  })
})
