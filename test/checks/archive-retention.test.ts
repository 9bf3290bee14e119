import { expect, it } from 'vitest'
import check from '../../src/checks/archive-retention.ts'
import { numberedSegment } from '../../src/postgres/wal/index.ts'
import { codes, known, NOW, run } from '../support/run-check.ts'

const SIZE = 16 << 20
const GIB = 2 ** 30
const identity = { segmentSize: SIZE, systemIdentifier: '1' }
const timeline = (number: number, from: number, to: number) => ({ timeline: number, count: to - from + 1, first: numberedSegment(number, from, SIZE), last: numberedSegment(number, to, SIZE) })
const backup = (number: number, from: number) => ({ name: `${numberedSegment(number, from, SIZE)}.00000028.backup`, timeline: number, from })
const contents = (timelines: object[], backups: object[]) => ({ identity, contents: { path: '/arch ive', timelines, backups, gaps: [], missingHistories: [] } })
/** 1 GiB an hour, and so much room. */
const room = (gib: number) => ({
  flow: known({ now: { lsn: BigInt(GIB), at: NOW }, checkpoint: { lsn: 0n, at: new Date(NOW.getTime() - 3_600_000) }, segments: [] }),
  directory: known({ fileSystem: { freeBytes: gib * GIB, totalBytes: 9999 * GIB } }),
})

it.each([
  ['what a recovery may need', contents([timeline(1, 1000, 9000)], [backup(1, 1000)]), {}, []],
  ['a little more than that', contents([timeline(1, 980, 9000)], [backup(1, 1000)]), {}, []],
  ['much more', contents([timeline(1, 1, 9000)], [backup(1, 8000)]), {}, ['info older-than-backups']],
  ['much more, and a week\'s room', contents([timeline(1, 1, 9000)], [backup(1, 8000)]), room(100), ['warning older-than-backups']],
  ['much more, but compressed to little', contents([timeline(1, 1, 9000)], [backup(1, 8000)]), { growth: known({ storedBytes: 20_000, files: 8 }) }, []],
  ['a timeline before that of the oldest backup', contents([timeline(1, 1, 500), timeline(2, 500, 600)], [backup(2, 500)]), {}, ['info older-than-backups']],
  ['all since the beginning, no backup known, little room', contents([timeline(1, 1, 900)], []), room(100), ['warning only-grows']],
  ['room for a month', contents([timeline(1, 1, 900)], []), room(800), ['info only-grows']],
  ['room for years', contents([timeline(1, 1, 900)], []), room(90_000), []],
  ['somebody cleans up', contents([timeline(1, 700, 900)], []), room(100), []],
])('%s', (_what, facts, uses, expected) => {
  expect(codes(run(check, facts, uses))).toEqual(expected)
})

it('prints the command that removes them', () => {
  const oldest = backup(1, 8000)
  expect(run(check, contents([timeline(1, 1, 9000)], [oldest, backup(1, 8500)]))).toMatchObject([{ params: { count: 7999, command: `pg_archivecleanup '/arch ive' ${oldest.name}` } }])
})
