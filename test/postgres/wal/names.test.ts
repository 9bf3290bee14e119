import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lsnToText, lsnFromText } from '../../../src/postgres/wal/lsn.ts'
import { isSegmentSize, nextSegment, parseWalName, pgWalfileName, numberedSegment, segmentNumber, segmentName, segmentStart, segmentsPerHigh } from '../../../src/postgres/wal/names.ts'

const MiB = 1 << 20
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].map((size) => size * MiB)

describe('parseWalName', () => {
  it.each([
    ['000000010000000000000001', { kind: 'segment', timeline: 1, high: 0, low: 1 }],
    ['0000000A00000012000000FF', { kind: 'segment', timeline: 10, high: 0x12, low: 0xFF }],
    ['FFFFFFFFFFFFFFFFFFFFFFFF', { kind: 'segment', timeline: 0xFFFFFFFF, high: 0xFFFFFFFF, low: 0xFFFFFFFF }],
    ['0000000A.history', { kind: 'history', timeline: 10 }],
    ['000000010000000000000001.partial', { kind: 'partial', segment: '000000010000000000000001', timeline: 1, low: 1 }],
    ['000000010000000000000002.00000028.backup', { kind: 'backup', segment: '000000010000000000000002', offset: 0x28 }],
    ['00000001000000000000000', { kind: 'other' }],
    ['00000001000000000000000a', { kind: 'other' }],
    ['00000001000000000000000G', { kind: 'other' }],
    ['0000000a.history', { kind: 'other' }],
    ['000000010000000000000002.28.backup', { kind: 'other' }],
    ['000000010000000000000002-00000028.backup', { kind: 'other' }],
    ['000000010000000000000001.gz', { kind: 'other', of: '000000010000000000000001', suffix: '.gz', temporary: false }],
    ['00000002.history.zst', { kind: 'other', of: '00000002.history', suffix: '.zst' }],
    ['000000010000000000000001.partial.lz4', { kind: 'other', of: '000000010000000000000001.partial', suffix: '.lz4' }],
    ['000000010000000000000002.00000028.backup.bz2', { kind: 'other', of: '000000010000000000000002.00000028.backup', suffix: '.bz2' }],
    ['000000010000000000000001-2fd4e1c67a2d28fced849ee1bb76e7391b93eb12.gz', { kind: 'other', of: '000000010000000000000001' }],
    ['archtemp.000000010000000000000001.4711.1700000000000', { kind: 'other', of: '000000010000000000000001', temporary: true }],
    ['000000010000000000000001.part', { kind: 'other', temporary: true }],
    ['.pgwal.000000010000000000000001.77', { kind: 'other', of: '000000010000000000000001', temporary: true }],
    ['000000010000000000000001.pgbackrest.tmp', { kind: 'other', temporary: true }],
    ['', { kind: 'other', temporary: false }],
    ['README', { kind: 'other', temporary: false }],
  ])('%s', (name, expected) => {
    expect(parseWalName(name)).toMatchObject({ name, ...expected })
  })
})

describe('segment arithmetic', () => {
  it.each([[1, 0x1000], [16, 0x100], [64, 0x40], [1024, 4]])('%i MiB: %i segments to a middle number', (mib, segments) => {
    expect(segmentsPerHigh(mib * MiB)).toBe(segments)
  })

  it('carries into the middle digits at the right place', () => {
    expect(nextSegment('0000000100000000000000FF', 16 * MiB)).toBe('000000010000000100000000')
    expect(nextSegment('0000000100000000000000FF', MiB)).toBe('000000010000000000000100')
    expect(nextSegment('000000010000000000000FFF', MiB)).toBe('000000010000000100000000')
    expect(nextSegment('000000010000000000000003', 1024 * MiB)).toBe('000000010000000100000000')
  })

  it('refuses names that cannot exist, and sizes that initdb refuses', () => {
    expect(nextSegment('000000010000000000000100', 16 * MiB)).toBeUndefined()
    expect(segmentNumber({ high: 0, low: 4 }, 1024 * MiB)).toBeUndefined()
    expect(nextSegment('00000002.history', 16 * MiB)).toBeUndefined()
    for (const size of [0, 1, MiB - 1, 3 * MiB, 2048 * MiB, NaN]) {
      expect(isSegmentSize(size)).toBe(false)
      expect(() => numberedSegment(1, 1, size)).toThrow(RangeError)
    }
  })

  it('names what pg_walfile_name names, on both sides of 17', () => {
    const lsn = (text: string): bigint => lsnFromText(text)!
    expect(pgWalfileName(1, lsn('0/3000028'), 16 * MiB, 16)).toBe('000000010000000000000003')
    expect(pgWalfileName(1, lsn('0/3000000'), 16 * MiB, 16)).toBe('000000010000000000000002')
    expect(pgWalfileName(1, lsn('0/3000000'), 16 * MiB, 17)).toBe('000000010000000000000003')
  })

  it('is a bijection between names, numbers and LSNs for every size', () => {
    fc.assert(fc.property(fc.constantFrom(...SIZES), fc.integer({ min: 1, max: 0xFFFFFFFF }), fc.bigInt({ min: 0n, max: (1n << 64n) - (1n << 31n) }), (size, timeline, lsn) => {
      const name = segmentName(timeline, lsn, size)
      const start = segmentStart(name, size)!
      expect(lsn - start).toBeGreaterThanOrEqual(0n)
      expect(lsn - start).toBeLessThan(BigInt(size))
      expect(parseWalName(name)).toMatchObject({ kind: 'segment', timeline })
      expect(segmentStart(nextSegment(name, size)!, size)).toBe(start + BigInt(size))
    }))
  })
})

describe('LSN', () => {
  it('is written as PostgreSQL writes it', () => {
    expect(lsnToText(0x16B374D848n)).toBe('16/B374D848')
    expect(lsnToText(0x3000028n)).toBe('0/3000028')
    expect(lsnFromText('0/03000028')).toBe(0x3000028n)
  })

  it.each(['', '0', '0/', '/0', '0/123456789', '0/G', ' 0/1', '0/1\n'])('%j is none', (text) => {
    expect(lsnFromText(text)).toBeUndefined()
  })
})
