import { describe, expect, it } from 'vitest'
import { NOT_LOOKED_AT, walTimes } from '../../src/checks/support/wal-times.ts'
import type { WalSeen } from '../../src/checks/support/wal-times.ts'
import { timeLines } from '../../src/report/times.ts'
import { NOW, settings } from '../support/run-check.ts'

const SIZE = 1 << 20
const GIB = 2 ** 30
const ago = (minutes: number) => new Date(NOW.getTime() - minutes * 60_000)
const mark = (segments: number, minutes: number) => ({ lsn: BigInt(segments * SIZE), at: ago(minutes) })
const on = await settings({}, { archive_mode: 'on', wal_keep_size: '64MB' })
const base = {
  ...NOT_LOOKED_AT, identity: { segmentSize: SIZE, systemIdentifier: '1' }, settings: on, server: { inRecovery: false },
  status: { ready: 0, done: 3, gone: [] }, archiver: { lastArchivedAt: ago(4), lastFailedAt: null, archivedCount: 3 },
}
const seen = (over: object) => ({ ...base, ...over }) as unknown as WalSeen
const flow = (now: number, checkpoint: ReturnType<typeof mark>, segments: ReturnType<typeof mark>[] = [], more: object = {}) => ({ flow: { now: mark(now, 0), checkpoint, segments, ...more } })

describe('the rate', () => {
  it('is that of the last hour, where there is a mark', () => {
    expect(walTimes(seen(flow(1000, mark(999, 2), [mark(0, 6000), mark(880, 65), mark(940, 30)]))).rate).toMatchObject({ bytes: 120 * SIZE, spanMs: 65 * 60_000 })
  })
  it('is that of as long as can be seen, and foretells nothing from less than five minutes', () => {
    const short = walTimes(seen({ ...flow(1000, mark(999, 1), [mark(940, 3)]), disk: { wal: { freeBytes: GIB } } }))
    expect(short.rate).toMatchObject({ bytes: 60 * SIZE, spanMs: 180_000 })
    expect(short.walFullMs).toBeUndefined()
    expect(walTimes(seen({ ...flow(1000, mark(999, 1), [mark(940, 6)]), disk: { wal: { freeBytes: GIB } } })).walFullMs).toBe(Math.round((1024 / 10) * 60_000))
  })
  it('of a moment is none', () => {
    expect(walTimes(seen(flow(1000, mark(900, 0.5)))).rate).toBeUndefined()
  })
  it('comes from the server\'s count where pg_wal holds only minutes', () => {
    expect(walTimes(seen(flow(1000, mark(999, 1), [mark(940, 3)], { archived: { count: 6000, since: ago(600) } }))).rate).toMatchObject({ bytes: 6000 * SIZE, spanMs: 600 * 60_000 })
  })
  it('of the archive counts what a file takes there', () => {
    const times = walTimes(seen({ ...flow(1024, mark(0, 60)), growth: { storedBytes: SIZE / 4, files: 8 }, directory: { fileSystem: { freeBytes: GIB } } }))
    expect(times.archiveFullMs).toBe(4 * 3_600_000)
  })
})

describe('what would be lost', () => {
  const current = flow(20, mark(10, 30), [mark(18, 12), mark(19, 7), mark(20, 3)])
  it('nothing, right after a switch', () => {
    expect(walTimes(seen(current)).loss).toEqual({ bytes: 0, ageMs: 0, seen: false })
  })
  it('begins where the oldest file that waits begins', () => {
    expect(walTimes(seen({ ...current, status: { ready: 2, done: 0, gone: [], oldest: { name: '000000010000000000000012', since: ago(7) } } })).loss).toEqual({ bytes: 2 * SIZE, ageMs: 12 * 60_000, seen: false })
  })
  it('begins where the archive ends, whatever the server says', () => {
    expect(walTimes(seen({ ...current, contents: { current: 1, timelines: [{ timeline: 1, last: '000000010000000000000012' }] } })).loss).toEqual({ bytes: SIZE, ageMs: 7 * 60_000, seen: true })
  })
  it.each([
    ['on a standby', { server: { inRecovery: true } }],
    ['where nothing was archived yet', { archiver: { lastArchivedAt: null, lastFailedAt: null, archivedCount: 0 } }],
    ['where the command stores nothing', { command: { judgement: { problems: [{ code: 'discards' }] } } }],
    ['where the queue was not seen', { status: undefined }],
  ])('is not told %s', (_what, over) => {
    expect(walTimes(seen({ ...current, ...over })).loss).toBeUndefined()
  })
})

it('who keeps WAL: each by how much, the greatest first', () => {
  const slot = (name: string, retainedBytes: number, application: string | null = null) => ({ name, kind: 'physical', active: application !== null, retainedBytes, walStatus: 'reserved', safeBytes: null, invalidation: null, synced: false, application })
  const { holds } = walTimes(seen({
    ...flow(2000, mark(1990, 1), [], { summarized: BigInt(1995 * SIZE) }),
    status: { ready: 9, done: 0, gone: [], oldest: { name: '0000000100000000000007C6', since: ago(1) } },
    replication: { slots: [slot('a', 5 * SIZE, 'standby1'), slot('b', 1500 * SIZE)], senders: 0, withoutSlot: 0 },
  }))
  expect(holds.map(({ by, name, bytes }) => [by, name, bytes / SIZE])).toEqual([['slot', 'b', 1500], ['wal_keep_size', undefined, 64], ['checkpoint', undefined, 10], ['archiver', undefined, 10], ['slot', 'a', 5], ['summarizer', undefined, 5]])
})

it('in words', () => {
  const times = { rate: { bytes: GIB, spanMs: 3_600_000, bytesPerSecond: GIB / 3600 }, archiveFullMs: 50 * 3_600_000, walFullMs: 400 * 86_400_000, loss: { bytes: 3 * SIZE, ageMs: 125_000, seen: true }, holds: [{ by: 'slot' as const, name: 's', application: 'standby1', bytes: 2 * GIB }] }
  expect(timeLines(times, 'en')).toEqual([
    'WAL is written at 1 GB an hour (over the last 1 h 0 min); room for it: the archive 2 d 2 h, pg_wal more than a year',
    'Lost if this machine died now: what was committed in the last 2 min 5 s (3 MB of WAL).',
    'pg_wal keeps 2 GB for slot s of standby1.',
  ])
  expect(timeLines(times, 'zh-TW').join('')).toMatch(/每小時 1 GB.*2 天 2 小時.*2 分 5 秒.*standby1/)
  expect(timeLines({ holds: [] }, 'en')).toEqual([])
})
