import { expect, it } from 'vitest'
import check from '../../src/checks/wal-level.ts'
import { codes, run, settings } from '../support/run-check.ts'

it('replica, logical and the default are enough', async () => {
  for (const conf of ['', 'wal_level = replica', "wal_level = 'logical'", 'wal_level = hot_standby']) expect(codes(run(check, { settings: await settings({ conf }) })), conf).toEqual([])
})

it('minimal is an error at its line, that enable puts right', async () => {
  const found = run(check, { settings: await settings({ conf: '\nwal_level = minimal\nmax_wal_senders = 0\n' }, { wal_level: 'minimal' }) })
  expect(found).toMatchObject([{ code: 'minimal', severity: 'error', at: { file: '/etc/postgresql.conf', line: 2 }, fix: { kind: 'setting', name: 'wal_level', value: 'replica', atLeast: true } }])
})

it('an edit without a restart is told as such', async () => {
  expect(run(check, { settings: await settings({ conf: 'wal_level = logical' }, { wal_level: 'minimal' }) })).toMatchObject([{ code: 'off-until-restart', params: { value: 'logical' }, fix: { kind: 'in-force' } }])
})

it('is not judged where postgresql.auto.conf is closed and the server does not say', async () => {
  expect(run(check, { settings: await settings({ conf: 'wal_level = replica', closed: ['/data/postgresql.auto.conf'] }) })).toEqual({ skip: { code: 'not-readable', params: { target: '/data/postgresql.auto.conf' } } })
})
