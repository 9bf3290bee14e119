import { expect, it } from 'vitest'
import check from '../../src/checks/archive-mode.ts'
import { codes, known, run, settings } from '../support/run-check.ts'

it('off points at the line that says so, or at the commented-out default', async () => {
  expect(run(check, { settings: await settings({ conf: '#wal_level = replica\n#archive_mode = off\t\t# enables archiving\n' }) })).toMatchObject([
    { code: 'off', severity: 'error', at: { file: '/etc/postgresql.conf', line: 2 }, fix: { kind: 'setting', name: 'archive_mode', value: 'on', atLeast: true } }])
  expect(run(check, { settings: await settings({ conf: 'archive_mode = on', auto: "# x\narchive_mode = 'off'\n" }, { archive_mode: 'off' }) })).toMatchObject([
    { code: 'off', at: { file: '/data/postgresql.auto.conf', line: 2 } }])
})

it('on and always pass', async () => {
  expect(codes(run(check, { settings: await settings({ conf: 'archive_mode = yes' }, { archive_mode: 'on' }) }))).toEqual([])
  expect(codes(run(check, { settings: await settings({ conf: 'archive_mode = always' }) }))).toEqual([])
})

it('edited but not restarted: the server runs with off', async () => {
  expect(run(check, { settings: await settings({ conf: 'archive_mode = on' }, { archive_mode: 'off' }) })).toMatchObject([{ code: 'off-until-restart', params: { value: 'on' }, at: { line: 1 } }])
})

it('an edit that the command line beats is off, whatever the file says', async () => {
  const overridden = await settings({ conf: 'archive_mode = on', commandLine: [['archive_mode', 'off']] }, { archive_mode: 'off@command line' })
  expect(codes(run(check, { settings: overridden }))).toEqual(['error off'])
})

it('off on a standby, or beside a program that receives the WAL, is no defect', async () => {
  const off = await settings({ conf: 'archive_mode = off' })
  expect(codes(run(check, { settings: off }, { server: known({ inRecovery: true }) }))).toEqual(['info standby-off'])
  const programs = (...walPrograms: object[]) => ({ server: known({ inRecovery: false }), replication: known({ walPrograms }) })
  expect(run(check, { settings: off }, programs({ name: 'barman_receive_wal', slot: true }))).toMatchObject([{ code: 'streamed', severity: 'info', params: { programs: 'barman_receive_wal' } }])
  expect(codes(run(check, { settings: off }, programs()))).toEqual(['error off'])
})

it('a standby with on archives nothing, which is no defect', async () => {
  const on = await settings({ conf: 'archive_mode = on' }, { archive_mode: 'on' })
  expect(codes(run(check, { settings: on }, { server: known({ inRecovery: true }) }))).toEqual(['info standby'])
  expect(codes(run(check, { settings: on }, { server: known({ inRecovery: false }) }))).toEqual([])
})
