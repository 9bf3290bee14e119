import { describe, expect, it } from 'vitest'
import check from '../../src/checks/archive-segments.ts'
import type { SegmentFault } from '../../src/facts/archive-segments.ts'
import { codes, run } from '../support/run-check.ts'

const fault = (code: SegmentFault, number = 5, timeline = 1) => ({ name: `00000001000000000000000${number}`, timeline, number, code, found: '1', expected: '2' })

function found(faults: readonly ReturnType<typeof fault>[], over: object = {}, contents: object = {}) {
  const counts: Partial<Record<SegmentFault, number>> = {}
  for (const { code } of faults) counts[code] = (counts[code] ?? 0) + 1
  const segments = { path: '/a', total: 9, looked: 9, deep: false, inTime: true, unread: 0, faults, counts, replayed: 0, ...over }
  return run(check, { segments, contents: { timelines: [{ timeline: 1 }], backups: [], ...contents } })
}

it('nothing wrong', () => {
  expect(found([])).toEqual([])
  expect(found([], { looked: 0, total: 0 })).toEqual([])
})

it.each([
  ['stub', 'stub'], ['conflict', 'conflict'], ['file-size', 'wrong-size'], ['zeroed', 'zeroed'], ['short', 'not-wal'], ['not-wal', 'not-wal'],
  ['segment-size', 'other-segment-size'], ['name', 'misplaced'], ['page-address', 'misplaced'], ['timeline', 'other-timeline'], ['damaged', 'damaged'],
] as const)('%s', (code, told) => {
  expect(found([fault(code), fault(code, 6)])).toMatchObject([{ code: told, severity: 'error', params: { segment: '000000010000000000000005', count: 2, file: '/a/000000010000000000000005' }, at: { file: '/a/000000010000000000000005' } }])
})

it('a format that is not known is no alarm, and another cluster has its own check', () => {
  expect(codes(found([fault('unknown-version')]))).toEqual(['info unknown-version'])
  expect(found([fault('system-identifier')])).toEqual([])
})

describe('what matters', () => {
  const backups = [{ name: 'old', timeline: 1, from: 2, to: 3, missing: 1, expired: false }, { name: 'b', timeline: 1, from: 6, to: 6, missing: 0, expired: false }]

  it('is what the oldest usable base backup needs', () => {
    expect(codes(found([fault('zeroed', 5)], {}, { backups }))).toEqual(['info zeroed'])
    expect(codes(found([fault('zeroed', 5), fault('zeroed', 7)], {}, { backups }))).toEqual(['error zeroed'])
  })

  it('is wal_level minimal for base backups from before alone', () => {
    const usable = { ...backups[1]!, from: 4, to: 4 }
    expect(codes(found([fault('minimal', 5)], {}, { backups: [usable] }))).toEqual(['error minimal'])
    expect(codes(found([fault('minimal', 5)], {}, { backups: [usable, backups[1]] }))).toEqual(['warning minimal'])
    expect(codes(found([fault('minimal', 5)], {}, { backups: [backups[1]] }))).toEqual(['info minimal'])
    expect(codes(found([fault('minimal', 5)]))).toEqual(['warning minimal'])
  })

  it('is on the server\'s timeline or on the way there', () => {
    expect(codes(found([fault('zeroed', 7, 2)], {}, { current: 1, timelines: [{ timeline: 1 }, { timeline: 2 }] }))).toEqual(['info zeroed'])
  })
})

describe('what cannot be judged', () => {
  it('an archive that is encrypted or packed in another way', () => {
    expect(codes(found([fault('not-wal'), fault('not-wal', 6)], { looked: 2 }))).toEqual(['skip unknown-form'])
    expect(codes(found([fault('not-wal'), fault('not-wal', 6)], { looked: 3 }))).toEqual(['error not-wal'])
    expect(codes(found([], { looked: 0, unread: 4 }))).toEqual(['skip unknown-form'])
  })

  it('a look at everything that did not end in time', () => {
    expect(codes(found([], { deep: true, inTime: false }))).toEqual(['skip too-many-segments'])
    expect(codes(found([fault('zeroed')], { deep: true, inTime: false }))).toEqual(['error zeroed'])
  })
})
