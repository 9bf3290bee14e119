import { expect, it } from 'vitest'
import check from '../../src/checks/archiver-backlog.ts'
import { CLUSTER, codes, known, NOW, run, settings } from '../support/run-check.ts'

const on = await settings({ conf: 'archive_mode = on' }, { archive_mode: 'on' })
const onByFiles = await settings({ conf: 'archive_mode = on' })
const off = await settings({}, { archive_mode: 'off@default' })
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000)
const waiting = (ready: number, seconds: number) => ({ ready, done: 0, oldest: { name: '000000010000000000000007', since: ago(seconds) } })
const server = (startedSecondsAgo: number) => ({ server: known({ inRecovery: false, startedAt: ago(startedSecondsAgo) }), identity: known({ segmentSize: 16 << 20, systemIdentifier: '1' }) })

it.each([
  ['nothing waits', { ready: 0, done: 9 }, 9999, []],
  ['one, a moment ago', waiting(1, 2), 9999, []],
  ['three minutes', waiting(1, 180), 9999, ['warning late']],
  ['an hour', waiting(40, 3600), 9999, ['error late']],
  ['an hour, but the server has just started', waiting(4, 3600), 5, []],
  ['a gigabyte of young ones', waiting(64, 10), 9999, ['warning much']],
])('%s', (_what, status, started, expected) => {
  expect(codes(run(check, { settings: on, status }, server(started)))).toEqual(expected)
})

it('names the oldest, and since when', () => {
  expect(run(check, { settings: on, status: waiting(40, 3600) }, server(9999))).toMatchObject([{ params: { ready: 40, segment: '000000010000000000000007', ageMs: 3_600_000 } }])
})

it('with the server down it is information, with archiving off nothing', () => {
  expect(codes(run(check, { settings: onByFiles, status: waiting(4, 3600) }, {}, { cluster: { ...CLUSTER, running: false } }))).toEqual(['info waiting-while-down'])
  expect(codes(run(check, { settings: off, status: waiting(4, 3600) }, server(9999)))).toEqual(['skip archive-mode-off'])
})
