import { expect, it } from 'vitest'
import check from '../../src/checks/wal-keep-size.ts'
import { CLUSTER, codes, known, run, settings } from '../support/run-check.ts'

const cluster = { ...CLUSTER, major: 12 }

it('0 is good to know, and a warning once somebody streams without a slot', async () => {
  const zero = await settings({ conf: 'archive_mode = off' })
  expect(run(check, { settings: zero })).toMatchObject([{ code: 'zero', severity: 'info', params: { name: 'wal_keep_size', value: '1GB' } }])
  expect(codes(run(check, { settings: zero }, { replication: known({ withoutSlot: 2, walPrograms: [] }) }))).toEqual(['warning receivers-unprotected'])
})

it('a standby has the archive to fall back on, pg_receivewal has not', async () => {
  const zero = await settings({ conf: 'archive_mode = on' })
  expect(codes(run(check, { settings: zero }, { replication: known({ withoutSlot: 2, walPrograms: [] }) }))).toEqual(['info receivers-unprotected'])
  expect(codes(run(check, { settings: zero }, { replication: known({ withoutSlot: 1, walPrograms: [{ name: 'pg_receivewal', slot: false }] }) }))).toEqual(['warning receivers-unprotected'])
})

it('anything above 0 passes, in any unit', async () => {
  for (const value of ['64', "'1 GB'", '1024MB']) expect(codes(run(check, { settings: await settings({ conf: `wal_keep_size = ${value}` }) })), value).toEqual([])
  expect(codes(run(check, { settings: await settings({}, { wal_keep_size: '1GB' }) }))).toEqual([])
})

it('12 counts segments, as many as make a gigabyte', async () => {
  expect(run(check, { settings: await settings({}, undefined, 12) }, { identity: known({ segmentSize: 64 << 20 }) }, { cluster })).toMatchObject([{ fix: { name: 'wal_keep_segments', value: '16' } }])
  expect(codes(run(check, { settings: await settings({ conf: 'wal_keep_segments = 32' }, undefined, 12) }, {}, { cluster }))).toEqual([])
})
