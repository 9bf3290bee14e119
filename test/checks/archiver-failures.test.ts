import { describe, expect, it } from 'vitest'
import check from '../../src/checks/archiver-failures.ts'
import type { ArchiverLine } from '../../src/facts/log-lines.ts'
import { codes, known, NOW, run, settings, unknown } from '../support/run-check.ts'

const on = await settings({ conf: 'archive_mode = on' }, { archive_mode: 'on' })
const NEXT = '000000010000000000000007'
const ago = (seconds: number | null) => (seconds === null ? null : new Date(NOW.getTime() - seconds * 1000))
const stats = (failed: number | null, archived: number | null) =>
  known({ failedCount: failed === null ? 0 : 3, lastFailedAt: ago(failed), lastFailedWal: NEXT, lastArchivedAt: ago(archived), archivedCount: 5, lastArchivedWal: null, present: true })
const queue = (ready: number) => known({ ready, done: 1, ...(ready > 0 ? { oldest: { name: NEXT, since: ago(60)! } } : {}) })
const log = (...archiverLines: Partial<ArchiverLine>[]) => known({ source: '/var/log/pg.log', archiverLines: archiverLines.map((line) => ({ text: line.cause ?? line.message ?? '', message: '', ...line })) })
const PERMISSION = { cause: `cp: cannot create regular file '/a/${NEXT}': Permission denied`, exitCode: 1 }

const found = (uses: object) => run(check, { settings: on }, { server: known({ inRecovery: false }), ...uses })

describe('the statistics', () => {
  it('a failure newer than the last success, with the words of the log', () => {
    expect(found({ archiver: stats(5, 60), status: queue(1), log: log(PERMISSION) })).toMatchObject([
      { code: 'failing-because', severity: 'error', params: { segment: NEXT, failed: 3, agoMs: 5000, cause: PERMISSION.cause }, at: { file: '/var/log/pg.log' } }])
  })
  it('without a log', () => {
    expect(codes(found({ archiver: stats(5, null), status: queue(1), log: unknown('no-log') }))).toEqual(['error failing'])
  })
  it('a success since then, and a queue that is empty, are well', () => {
    expect(found({ archiver: stats(60, 5), status: queue(1), log: log() })).toEqual([])
    expect(found({ archiver: stats(5, 60), status: queue(0), log: log(PERMISSION) })).toEqual([])
    expect(found({ archiver: stats(null, 5), status: queue(1), log: log() })).toEqual([])
  })
})

describe('what the statistics do not count', () => {
  it.each([
    [{ message: 'archive command failed with exit code 127', exitCode: 127, command: `/no/such pg_wal/${NEXT}` }],
    [{ message: 'archive command was terminated by signal 9: Killed', signal: 9 }],
  ])('%j', (line) => {
    expect(codes(found({ archiver: stats(null, null), status: queue(1), log: log(line) }))).toEqual(['error uncounted'])
  })
  it('is over when it was about another segment than what waits now', () => {
    expect(found({ archiver: stats(null, 5), status: queue(1), log: log({ message: 'x', exitCode: 127, command: '/no/such pg_wal/000000010000000000000003' }) })).toEqual([])
  })
})

it('without a login the log alone tells', () => {
  expect(codes(found({ archiver: unknown('no-login'), status: queue(1), log: log(PERMISSION) }))).toEqual(['error failing-by-log'])
  expect(codes(found({ archiver: unknown('no-login'), status: queue(1), log: log() }))).toEqual(['skip no-login'])
})

it('old failures are no matter with archiving off', async () => {
  expect(codes(run(check, { settings: await settings({}, { archive_mode: 'off@default' }) }, { archiver: stats(5, null) }))).toEqual(['skip archive-mode-off'])
})
