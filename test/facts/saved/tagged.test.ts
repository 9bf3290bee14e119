import { describe, expect, it } from 'vitest'
import { BadTag, fromTagged, toTagged } from '../../../src/facts/saved/tagged.ts'

const through = (value: unknown) => fromTagged(JSON.parse(JSON.stringify(toTagged(value))))

describe('tagged values', () => {
  it.each([
    ['a map of maps', new Map([['a', new Map([[1, 'b']])]])],
    ['a set', new Set(['a', 'b'])],
    ['dates, far ones too', { since: new Date('2026-03-01T12:00:00.123Z'), none: null, old: new Date(0) }],
    ['a bigint beyond doubles', { id: 7_600_000_000_000_000_001n, below: -1n }],
    ['numbers that JSON does not have', [Infinity, -Infinity, 0.1, -3]],
    ['strings with anything in them', ['\u0000\n\u2028', '{"$":"date"}', '']],
  ])('%s survives', (_what, value) => expect(through(value)).toEqual(value))

  it('NaN survives, undefined members vanish', () => {
    expect(through([NaN])).toEqual([NaN])
    expect(Object.keys(through({ a: undefined, b: 1 }) as object)).toEqual(['b'])
  })

  it('refuses what could not be made again', () => {
    for (const bad of [() => 1, { get: () => 1 }, new Uint8Array(2), new Error('x'), { $: 'date' }, Symbol('x')]) expect(() => toTagged(bad)).toThrow(TypeError)
  })

  it.each([{ $: 'date', value: 'never' }, { $: 'bigint', value: 1 }, { $: 'bigint', value: 'x' }, { $: 'map', value: [1] }, { $: 'set' }, { $: 'regexp', value: 'x' }])('refuses %j', (bad) => {
    expect(() => fromTagged({ inside: [bad] })).toThrow(BadTag)
  })

  it('hides secrets, also where only the name beside or above tells', () => {
    const text = JSON.stringify(toTagged({
      command: 'PGPASSWORD=hunter2 push',
      setting: { name: 'my.secret', running: { value: 'hunter2' }, bootValue: 'hunter2', lines: [{ value: 'hunter2' }] },
      map: new Map([['x', { name: 'ext.api_key', value: 'hunter2' }]]),
    }))
    expect(text).not.toContain('hunter2')
    expect(text).toContain('my.secret')
  })
})
