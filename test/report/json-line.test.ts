import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonErrorLine } from '../../src/report/json-line.ts'

describe('the line of a mistake in JSON', () => {
  it.each([
    ['', 1],
    ['{\n"a": 1,\n}', 3],
    ['{\n"a": 1\n"b": 2}', 3],
    ['{"a": [1,\n2,\n', 3],
    ['hello\n', 1],
    ['{}\n{}', 2],
    ['{"a":\n"x\ny"}', 2],
    ['[01]', 1],
  ])('%j: %i', (text, line) => expect(jsonErrorLine(text)).toBe(line))

  it('takes what JSON.parse takes, and nothing else', () => {
    fc.assert(fc.property(fc.json(), fc.integer({ min: 0, max: 200 }), fc.constantFrom('', ',', '}', '"', 'x', '\n', '-'), (text, at, put) => {
      const changed = text.slice(0, at) + put + text.slice(at + 1)
      for (const one of [text, changed]) {
        let good = true
        try {
          JSON.parse(one)
        } catch {
          good = false
        }
        expect(jsonErrorLine(one) === undefined, one).toBe(good)
      }
    }), { numRuns: 500 })
  })
})
