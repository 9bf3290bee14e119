import { expect, it } from 'vitest'
import check from '../../src/checks/archiver-running.ts'
import { CLUSTER, codes, known, run, settings, unknown } from '../support/run-check.ts'

const on = await settings({ conf: 'archive_mode = on' }, { archive_mode: 'on' })
const always = await settings({ conf: 'archive_mode = always' }, { archive_mode: 'always' })
const off = await settings({}, { archive_mode: 'off@default' })
const processes = (...roles: string[]) => known(roles.map((role) => ({ pid: 1, role, title: role })))
const archiver = (present: boolean | null, inRecovery = false) => known({ present, inRecovery })
const server = (inRecovery: boolean) => known({ inRecovery, login: 'joe' })

it.each([
  ['seen in SQL', on, { archiver: archiver(true), server: server(false) }, []],
  ['not there', on, { archiver: archiver(false), server: server(false) }, ['error not-running']],
  ['seen among the processes, without a login', on, { processes: processes('archiver') }, []],
  ['not among the processes', on, { processes: processes('other') }, ['error not-running']],
  ['archiving is off', off, { archiver: archiver(false) }, ['skip archive-mode-off']],
  ['a standby', on, { archiver: archiver(false), server: server(true) }, ['skip in-recovery']],
  ['promoted between two looks', on, { archiver: archiver(false, true), server: server(false) }, ['skip in-recovery']],
  ['a standby, without a login', on, { processes: processes('startup') }, ['skip in-recovery']],
  ['a standby that archives always', always, { archiver: archiver(false), server: server(true) }, ['error not-running']],
  ['hidden from this login', on, { archiver: archiver(null), server: server(false) }, ['skip no-privilege']],
  ['no login, no processes', on, { archiver: unknown('no-login', { user: 'joe' }) }, ['skip no-login']],
])('%s', (_what, settings, uses, expected) => {
  expect(codes(run(check, { settings }, uses))).toEqual(expected)
})

it('with the server down', () => {
  expect(codes(run(check, { settings: on }, {}, { cluster: { ...CLUSTER, running: false } }))).toEqual(['skip server-down'])
})
