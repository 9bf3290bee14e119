import { expect, it } from 'vitest'
import check from '../../src/checks/archive-space.ts'
import { codes, known, run } from '../support/run-check.ts'

const MIB = 2 ** 20
const found = (freeBytes: number, totalBytes: number, freeInodes = 1_000_000) =>
  codes(run(check, { directory: { path: '/srv/wal', fileSystem: { freeBytes, totalBytes, freeInodes, device: 1 } } }, { identity: known({ segmentSize: 16 * MIB, systemIdentifier: '1' }) }))

it.each([
  [31 * MIB, 1000 * MIB, ['error full']],
  [40 * MIB, 1000 * MIB, ['warning low']],
  [60 * MIB, 1000 * MIB, []],
  [6000 * MIB, 1_000_000 * MIB, []],
  [4000 * MIB, 1_000_000 * MIB, ['warning low']],
])('%i of %i bytes', (free, total, expected) => {
  expect(found(free, total)).toEqual(expected)
})

it('inodes run out too, where the file system counts them', () => {
  expect(found(60_000 * MIB, 100_000 * MIB, 10)).toEqual(['warning few-inodes'])
  expect(found(60_000 * MIB, 100_000 * MIB, 0)).toEqual([])
})

it('is not judged where the file system cannot be seen', () => {
  expect(codes(run(check, { directory: { path: '/srv/wal' } }))).toEqual(['skip not-readable'])
})
