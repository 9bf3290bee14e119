import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findGaps, SegmentSet } from '../../../src/postgres/wal/gaps.ts'
import { type History, parseHistory } from '../../../src/postgres/wal/history-file.ts'
import { numberedSegment } from '../../../src/postgres/wal/names.ts'

const SIZE = 16 << 20
const names = (timeline: number, ...numbers: number[]): string[] => numbers.map((number) => numberedSegment(timeline, number, SIZE))
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const histories = (files: Record<number, string>): Map<number, History> =>
  new Map(Object.entries(files).map(([timeline, text]) => [Number(timeline), parseHistory(text, Number(timeline))]))
const brief = (report: ReturnType<typeof findGaps>): unknown[] => report.gaps.map(({ timeline, from, to, neededBy }) => [timeline, from, to, neededBy])

describe('findGaps', () => {
  it('finds nothing in an empty, a single and a whole archive', () => {
    for (const numbers of [[], [7], range(250, 600)]) expect(findGaps(names(1, ...numbers), new Map(), SIZE).gaps).toEqual([])
  })

  it('gives the names of what is missing, in any order of the input', () => {
    const report = findGaps(names(1, 258, 254, 253, 260).reverse(), new Map(), SIZE)
    expect(report.gaps).toEqual([
      { timeline: 1, from: 255, to: 257, count: 3, first: '0000000100000000000000FF', last: '000000010000000100000001', neededBy: [1] },
      { timeline: 1, from: 259, to: 259, count: 1, first: '000000010000000100000003', last: '000000010000000100000003', neededBy: [1] },
    ])
    expect(report.timelines).toMatchObject([{ timeline: 1, count: 4, first: '0000000100000000000000FD', last: '000000010000000100000004' }])
  })

  it('ignores everything that is no full segment, and counts impossible names', () => {
    const report = findGaps([...names(1, 1, 3), `${names(1, 2)[0]!}.partial`, `${names(1, 2)[0]!}.gz`, 'x', '000000010000000000000100'], new Map(), SIZE)
    expect(brief(report)).toEqual([[1, 2, 2, [1]]])
    expect(report.impossible).toBe(1)
  })

  it('follows a switch within a segment: the child repeats that segment', () => {
    const switched = histories({ 2: '1\t0/5000158\tpromoted\n' })
    const whole = [...names(1, 2, 3, 4), ...names(2, 5, 6), '00000002.history']
    expect(findGaps(whole, switched, SIZE)).toMatchObject({ gaps: [], missingHistories: [] })
    // The parent's last segment is missing: only the child suffers.
    expect(brief(findGaps([...names(1, 2, 3), ...names(2, 5, 6)], switched, SIZE))).toEqual([[1, 4, 4, [2]]])
    // The child's first one is missing: the parent's segment of that number does not replace it.
    expect(brief(findGaps([...names(1, 2, 3, 4, 5), ...names(2, 6)], switched, SIZE))).toEqual([[2, 5, 5, [2]]])
  })

  it('follows a switch on a boundary', () => {
    const switched = histories({ 2: '1\t0/5000000\tpromoted\n' })
    expect(findGaps([...names(1, 3, 4), ...names(2, 5)], switched, SIZE).gaps).toEqual([])
    expect(brief(findGaps([...names(1, 3), ...names(2, 5)], switched, SIZE))).toEqual([[1, 4, 4, [2]]])
  })

  it('tells who needs a gap: one on the way of both, one on a dead branch', () => {
    const switched = histories({ 2: '1\t0/A000158\tpromoted\n' })
    const archive = [...names(1, 2, 3, 5, 6, 7, 8, 9, 10, 12), ...names(2, 10, 11)]
    expect(brief(findGaps(archive, switched, SIZE))).toEqual([[1, 4, 4, [1, 2]], [1, 11, 11, [1]]])
  })

  it('crosses timelines that left no segment of their own, and timelines above 9', () => {
    const switched = histories({ 11: '1\t0/3000158\ta\n10\t0/3000300\tb\n' })
    expect(findGaps([...names(1, 2), ...names(11, 3, 4), '0000000B.history'], switched, SIZE)).toMatchObject({ gaps: [], missingHistories: [] })
    const later = histories({ 11: '1\t0/3000158\ta\n10\t0/5000300\tb\n' })
    expect(brief(findGaps([...names(1, 2), ...names(11, 5)], later, SIZE))).toEqual([[10, 3, 4, [11]]])
  })

  it('asks for nothing older than the oldest segment there is', () => {
    const switched = histories({ 2: '1\t0/5000158\tpromoted\n' })
    expect(findGaps(names(2, 8, 9), switched, SIZE).gaps).toEqual([])
  })

  it('names the history files that are missing', () => {
    expect(findGaps([...names(1, 1), ...names(2, 2), ...names(10, 3), '00000002.history'], new Map(), SIZE).missingHistories).toEqual(['0000000A.history'])
  })

  it('agrees with a plain set on random archives of every size', () => {
    fc.assert(fc.property(fc.constantFrom(1 << 20, 16 << 20, 1 << 30), fc.uniqueArray(fc.integer({ min: 0, max: 9000 }), { minLength: 1, maxLength: 200 }), (size, numbers) => {
      const there = new Set(numbers)
      const missing = range(Math.min(...numbers), Math.max(...numbers)).filter((number) => !there.has(number))
      const report = findGaps(numbers.map((number) => numberedSegment(3, number, size)), new Map(), size)
      expect(report.gaps.flatMap((gap) => range(gap.from, gap.to))).toEqual(missing)
    }))
  })

  it('tells the newest of very many gaps, and counts each of the others once', () => {
    // Every other segment of timeline 1 is missing; timeline 2 branched off behind 1,200 of its 1,500 gaps.
    const many = Array.from({ length: 1501 }, (_, index) => 2 * index)
    const switched = histories({ 2: `1\t${(2401 * SIZE / 2 ** 32) | 0}/${(2401 * SIZE % 2 ** 32).toString(16)}\tpromoted\n` })
    const report = findGaps([...names(1, ...many), ...names(2, 2401, 2402, 2404)], switched, SIZE)
    expect(report.gaps).toHaveLength(500)
    expect(report.gaps.length + report.moreGaps).toBe(1501)
    expect(brief({ ...report, gaps: report.gaps.slice(-2) })).toEqual([[1, 2999, 2999, [1]], [2, 2403, 2403, [2]]])
    expect(report.gaps.find(({ from }) => from === 2399)).toMatchObject({ timeline: 1, neededBy: [1, 2] })
    expect(report.gaps.find(({ from }) => from === 2401)).toMatchObject({ timeline: 1, neededBy: [1] })
  })

  it('counts within any stretch as a plain set does', () => {
    const number = fc.integer({ min: 0, max: 9000 })
    fc.assert(fc.property(fc.uniqueArray(number, { maxLength: 100 }), number, number, (numbers, from, to) => {
      const set = new SegmentSet(SIZE)
      for (const name of names(1, ...numbers)) set.add(name)
      expect(set.countWithin(1, from, to)).toBe(numbers.filter((one) => one >= from && one <= to).length)
      expect(set.first(1)).toBe(numbers.length === 0 ? undefined : Math.min(...numbers))
    }))
  })

  it('keeps a million names in little memory', () => {
    function* many(): Generator<string> {
      for (let number = 0; number < 1_000_000; number++) if (number !== 777_777) yield numberedSegment(1, number, SIZE)
    }
    expect(brief(findGaps(many(), new Map(), SIZE))).toEqual([[1, 777_777, 777_777, [1]]])
  })
})
