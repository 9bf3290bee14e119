import { expect, it } from 'vitest'
import check from '../../src/checks/wal-space.ts'
import { codes, known, NOW, run, settings } from '../support/run-check.ts'

const GIB = 2 ** 30
const ago = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000)
const lsn = (gib: number) => BigInt(gib) * BigInt(GIB)
const disk = (free: number, total = 1000) => ({ disk: { wal: { freeBytes: free * GIB, totalBytes: total * GIB, freeInodes: 0, device: 1 }, data: {} } })
const on = await settings({}, { archive_mode: 'on', max_wal_size: '1GB' })
const waiting = { ready: 700, done: 0, gone: [], oldest: { name: '000000010000000000000000', since: ago(60) } }
/** 10 GiB in the last hour. */
const flow = { now: { lsn: lsn(10), at: NOW }, checkpoint: { lsn: lsn(9), at: ago(3) }, segments: [{ lsn: 0n, at: ago(60) }] }
const archiver = (archived: number, failed: number | null) => known({ archivedCount: 1, lastArchivedAt: ago(archived), lastFailedAt: failed === null ? null : ago(failed) })
const slots = (over: object) => known({ slots: [{ name: 's', kind: 'physical', active: false, retainedBytes: 8 * GIB, walStatus: 'extended', safeBytes: null, synced: false, application: null, ...over }], senders: 0, withoutSlot: 0 })
const base = { identity: known({ segmentSize: 16 << 20, systemIdentifier: '1' }), settings: known(on), server: known({ inRecovery: false }), flow: known(flow) }

it.each([
  ['nothing waits', disk(100), { ...base, status: known({ ready: 0, done: 1, gone: [] }), archiver: archiver(0, null) }, []],
  ['the archiver fails, a day is left', disk(100), { ...base, status: known(waiting), archiver: archiver(60, 1) }, ['error filling']],
  ['the archiver fails, days are left', disk(900), { ...base, status: known(waiting), archiver: archiver(60, 1) }, ['warning filling']],
  ['the archiver fails, months are left', disk(90_000, 100_000), { ...base, status: known(waiting), archiver: archiver(60, 1) }, []],
  ['the archiver is behind but gets on', disk(100), { ...base, status: known(waiting), archiver: archiver(0, null) }, []],
  ['a slot without a limit', disk(100), { ...base, replication: slots({}) }, ['error filling']],
  ['a slot with one', disk(100), { ...base, replication: slots({ safeBytes: 5 }) }, []],
  ['a slot in use', disk(100), { ...base, replication: slots({ active: true }) }, []],
  ['a sample of a moment foretells nothing', disk(100), { ...base, flow: known({ ...flow, segments: [] }), replication: slots({}) }, []],
  ['little room', disk(3), base, ['warning low']],
  ['little room on a small disk, but a good share', disk(3, 10), base, []],
  ['no room', disk(0), base, ['error full']],
  ['no room, and the server is down', disk(0), {}, ['error full']],
])('%s', (_what, facts, uses, expected) => {
  expect(codes(run(check, facts, uses))).toEqual(expected)
})

it('names who keeps it, how long it lasts, and over which span that was measured', () => {
  expect(run(check, disk(100), { ...base, replication: slots({}) })).toMatchObject([{ params: { by: 'slot s', fullMs: 10 * 3_600_000, hourBytes: 10 * GIB, spanMs: 3_600_000 } }])
})
