import { expect, it } from 'vitest'
import check from '../../src/checks/replication-role.ts'
import type { RoleFact } from '../../src/facts/roles.ts'
import { hbaOf, rolesOf } from '../support/hba-of.ts'
import { codes, context, known, run } from '../support/run-check.ts'

const found = (role: Partial<RoleFact>, method = 'scram-sha-256', more = '') =>
  run(check, { roles: rolesOf(role) }, { hba: known(hbaOf(`${more}host replication all 127.0.0.1/32 ${method}\nhost replication all ::1/128 ${method}\n`)) })

it('a role that has all', () => {
  expect(found({})).toEqual([])
  expect(found({ replication: false })).toEqual([])
  expect(found({ superuser: false })).toEqual([])
})

it('what is missing', () => {
  expect(run(check, { roles: rolesOf({ name: 'other' }) })).toMatchObject([{ code: 'missing', severity: 'error', fix: { kind: 'replication-role', user: 'postgres' } }])
  expect(codes(found({ login: false }))).toEqual(['error no-login'])
  expect(codes(found({ replication: false, superuser: false }))).toEqual(['error no-replication'])
})

it.each([
  ['md5', 'scram-sha-256', ['error secret-does-not-fit']],
  ['md5', 'md5', []],
  ['scram-sha-256', 'md5', []],
  ['none', 'scram-sha-256', ['warning no-password']],
  ['none', 'trust', []],
  ['unknown', 'trust', []],
  ['unknown', 'md5', ['skip no-privilege']],
] as const)('a stored %s secret under a %s rule', (secret, method, expected) => {
  expect(codes(found({ secret }, method))).toEqual(expected)
})

it('without a password the socket may do', () => {
  expect(codes(found({ secret: 'none' }, 'scram-sha-256', 'local replication all peer\n'))).toEqual(['info no-password'])
  expect(codes(found({ secret: 'none' }, 'scram-sha-256', 'local replication all md5\n'))).toEqual(['warning no-password'])
})

it('an expired password counts only where one is asked for', () => {
  const validUntil = new Date(context().now.getTime() - 1000)
  expect(codes(found({ validUntil }))).toEqual(['warning expired'])
  expect(codes(found({ validUntil }, 'trust'))).toEqual([])
})
