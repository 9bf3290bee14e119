import { expect, it } from 'vitest'
import check from '../../src/checks/remove-ipc.ts'
import { CLUSTER, codes, run } from '../support/run-check.ts'

const joe = { ...CLUSTER, owner: { name: 'joe', uid: 1000, gid: 1000 } }
const found = (removes: boolean, lingers: boolean, service = joe.service) => run(check, { ipc: { removes, lingers } }, {}, { cluster: { ...joe, service } })

it('kept, or an account that is never logged out', () => {
  expect(found(false, false)).toEqual([])
  expect(found(true, true)).toEqual([])
})

it('removed', () => {
  expect(found(true, false)).toMatchObject([{ code: 'removed-at-logout', severity: 'warning', params: { owner: 'joe', uid: 1000 } }])
  expect(codes(found(true, false, { kind: 'pg_ctl', name: '/data' }))).toEqual(['info removed-at-logout'])
  expect(codes(found(true, false, { kind: 'systemd', name: 'postgresql', userManager: 'joe' } as never))).toEqual(['info removed-at-logout'])
})
