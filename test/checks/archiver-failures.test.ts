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
  it('a failure newer than the last success, with the words of the log, since the segment waits', () => {
    expect(found({ archiver: stats(5, 60), status: queue(1), log: log(PERMISSION) })).toMatchObject([
      { code: 'permission-denied', severity: 'error', params: { segment: NEXT, forMs: 60_000, cause: PERMISSION.cause }, at: { file: '/var/log/pg.log' } }])
    expect(found({ archiver: stats(5, 90), status: unknown('not-readable'), log: log(PERMISSION) })).toMatchObject([{ params: { segment: NEXT, forMs: 90_000 } }])
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
  it.each<[string, Partial<ArchiverLine>]>([
    ['program-not-found', { message: 'archive command failed with exit code 127', exitCode: 127, command: `/no/such pg_wal/${NEXT}` }],
    ['program-not-executable', { message: 'archive command failed with exit code 126', exitCode: 126 }],
    ['connection-failed', { message: 'archive command failed with exit code 255', exitCode: 255 }],
    ['killed', { message: 'archive command was terminated by signal 9: Killed', signal: 9 }],
    ['killed', { message: 'archive command failed with exit code 137', exitCode: 137 }],
    ['system-call-blocked', { message: 'archive command was terminated by signal 31: Bad system call', signal: 31 }],
    ['system-call-blocked', { message: 'archive command failed with exit code 159', exitCode: 159 }],
  ])('%s: %j', (code, line) => {
    expect(codes(found({ archiver: stats(null, null), status: queue(1), log: log(line) }))).toEqual([`error ${code}`])
  })
  it('an immediate stop of the server ends its commands too, and is no failure', () => {
    expect(found({ archiver: stats(null, 5), status: queue(1), log: log({ message: 'archive command was terminated by signal 3: Quit', signal: 3, command: `cp pg_wal/${NEXT} /a/${NEXT}` }) })).toEqual([])
  })
  it('is over when it was about another segment than what waits now', () => {
    expect(found({ archiver: stats(null, 5), status: queue(1), log: log({ message: 'x', exitCode: 127, command: '/no/such pg_wal/000000010000000000000003' }) })).toEqual([])
  })
  it('and in a file from before the last rotation counts only for the very segment that waits', () => {
    const rotated = (line: Partial<ArchiverLine>) => known({ source: '/var/log/pg.log.1', rotated: true, archiverLines: [{ text: '', message: '', ...line }] })
    expect(found({ archiver: stats(null, 5), status: queue(1), log: rotated({ exitCode: 255, message: 'archive command failed with exit code 255' }) })).toEqual([])
    expect(codes(found({ archiver: stats(null, 5), status: queue(1), log: rotated({ exitCode: 127, message: 'x', command: `/no/such pg_wal/${NEXT}` }) }))).toEqual(['error program-not-found'])
  })
})

describe('why', () => {
  it.each<[string, Partial<ArchiverLine>]>([
    ['no-space', { cause: `cp: error writing '/a/${NEXT}': No space left on device`, exitCode: 1 }],
    ['no-space', { cause: `cp: Fehler beim Schreiben von '/a/${NEXT}': Auf dem Gerät ist kein Speicherplatz mehr verfügbar`, exitCode: 1 }],
    ['quota-exceeded', { cause: `cp: error writing '/a/${NEXT}': Disk quota exceeded`, exitCode: 1 }],
    ['quota-exceeded', { cause: `cp: 寫入 '/a/${NEXT}' 時發生錯誤: 磁碟配額已滿`, exitCode: 1 }],
    ['read-only', { cause: `cp: impossible de créer '/a/${NEXT}': Système de fichiers accessible en lecture seulement`, exitCode: 1 }],
    ['permission-denied', { cause: `cp: 無法建立普通檔案 '/a/${NEXT}': 拒絕不符權限的操作`, exitCode: 1 }],
    ['permission-denied', { cause: `cp: cannot create regular file '/a/${NEXT}': Operation not permitted`, exitCode: 1 }],
    ['permission-denied', { cause: 'Access is denied.', exitCode: 1 }],
    ['no-such-file', { cause: `cp: 无法获取 '${NEXT}' 的文件状态: 没有那个文件或目录`, exitCode: 1 }],
    ['no-such-file', { cause: 'The system cannot find the path specified.', exitCode: 1 }],
    ['permission-denied', { cause: '存取被拒。', exitCode: 1 }],
    ['no-such-file', { cause: '系統找不到指定的路徑。', exitCode: 1 }],
    ['no-space', { cause: '磁碟空間不足。', exitCode: 1 }],
    ['io-error', { cause: `cp: failed to close '/a/${NEXT}': Stale file handle`, exitCode: 1 }],
    ['connection-failed', { cause: 'backup@host: Permission denied (publickey,password).', exitCode: 1 }],
    ['connection-failed', { cause: 'Host key verification failed.', exitCode: 12 }],
    ['timed-out', { message: 'archive command failed with exit code 124', exitCode: 124, command: NEXT }],
    ['crashed', { message: 'archive command was terminated by exception 0xC0000005', exception: '0xC0000005' }],
    ['failing-because', { cause: 'the tool has its own words', exitCode: 3 }],
  ])('%s: %j', (code, line) => {
    expect(codes(found({ archiver: stats(5, 60), status: queue(1), log: log(line) }))).toEqual([`error ${code}`])
  })

  it('a file that is no segment', () => {
    const status = known({ ready: 2, done: 1, oldest: { name: '00000002.history', since: ago(90)! } })
    expect(found({ archiver: stats(5, 60), status, log: log({ cause: 'not a WAL segment: 00000002.history', exitCode: 1 }) })).toMatchObject([{ code: 'name-refused', params: { segment: '00000002.history' } }])
  })

  it.each([['incomplete', 'incomplete-copy'], ['identical', 'stored-already'], ['different', 'other-file'], ['absent', 'failing-because'], ['exists', 'failing-because']])('a guard without words, and what lies there is %s', (state, code) => {
    const stuck = known({ name: NEXT, path: `/a b/${NEXT}`, state, size: 500, wanted: 1000 })
    const line = log({ message: 'archive command failed with exit code 1', exitCode: 1, command: `test ! -f /a/${NEXT}` })
    expect(codes(found({ archiver: stats(5, 60), status: queue(1), log: line, stuck }))).toEqual([`error ${code}`])
    // A full disk is the cause of the half copy, not the other way round.
    expect(codes(found({ archiver: stats(5, 60), status: queue(1), log: log({ cause: 'No space left on device', command: NEXT }), stuck }))).toEqual(['error no-space'])
  })
})

describe('a command that does not end', () => {
  const running = (seconds: number) => known([{ pid: 7, role: 'archiver', title: 'postgres: archiver', runs: { command: 'sh -c scp x', since: ago(seconds)! } }])
  it.each([[30, []], [150, ['warning hanging']], [900, ['error hanging']]])('since %i s', (seconds, expected) => {
    expect(codes(found({ archiver: stats(null, 60), status: queue(1), log: log(), processes: running(seconds) }))).toEqual(expected)
  })
  it('is none where nothing waits', () => {
    expect(found({ archiver: stats(null, 60), status: queue(0), log: log(), processes: running(900) })).toEqual([])
  })
})

it('without a login the log and the queue tell', () => {
  expect(codes(found({ archiver: unknown('no-login'), status: queue(1), log: log(PERMISSION) }))).toEqual(['error permission-denied'])
  expect(codes(found({ archiver: unknown('no-login'), status: unknown('not-readable'), log: log({ ...PERMISSION, cause: 'x' }) }))).toEqual(['error failing-by-log'])
  expect(codes(found({ archiver: unknown('no-login'), status: queue(1), log: log() }))).toEqual(['skip no-login'])
})

it('old failures are no matter with archiving off', async () => {
  expect(codes(run(check, { settings: await settings({}, { archive_mode: 'off@default' }) }, { archiver: stats(5, null) }))).toEqual(['skip archive-mode-off'])
})

it('on Windows another program holds the file', () => {
  const cause = 'The process cannot access the file because it is being used by another process.'
  expect(found({ archiver: stats(5, 60), status: queue(1), log: log({ cause, exitCode: 1 }) })).toMatchObject([{ code: 'in-use', severity: 'error', params: { segment: NEXT, cause } }])
})
