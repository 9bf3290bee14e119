import { describe, expect, it } from 'vitest'
import check from '../../src/checks/replication-rule.ts'
import { hbaOf, rolesOf } from '../support/hba-of.ts'
import { codes, context, known, run } from '../support/run-check.ts'

const LOOPBACK = 'host replication all 127.0.0.1/32 scram-sha-256\nhost replication all ::1/128 scram-sha-256\n'
const found = (text: string, allowFrom: readonly string[] = [], options: Parameters<typeof hbaOf>[1] = {}) =>
  run(check, { hba: hbaOf(text, options) }, { roles: known(rolesOf()) }, { wanted: { ...context().wanted, allowFrom } })

it('Debian\'s own rules are enough for the loopback', () => {
  expect(found(`local replication all peer\n${LOOPBACK}`)).toEqual([])
})

it('`all` does not cover replication: one finding for both addresses', () => {
  expect(found('local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n')).toMatchObject([{
    code: 'no-rule', severity: 'error', params: { user: 'postgres', addresses: '127.0.0.1, ::1' }, at: { file: '/etc/pg_hba.conf' },
    fix: { kind: 'replication-rule', user: 'postgres', addresses: ['127.0.0.1/32', '::1/128'] } }])
})

it('only ::1 is missing', () => {
  expect(found('host replication all 127.0.0.1/32 md5')).toMatchObject([{ code: 'no-rule', params: { addresses: '::1' } }])
  expect(found('host replication all 127.0.0.1/32 md5', [], { interfaces: ['127.0.0.1/8'] })).toEqual([])
})

it('a rule above that rejects is named with its line', () => {
  expect(found(`host replication postgres samehost reject\n${LOOPBACK}`)).toMatchObject([{ code: 'rejected', at: { line: 1 } }, { code: 'rejected', at: { line: 1 } }])
})

it('a rule for another role does not help', () => {
  expect(codes(found('host replication backup 127.0.0.1/32 md5\nhost replication backup ::1/128 md5'))).toEqual(['error no-rule'])
})

describe('networks', () => {
  it('a part of the network without a rule is refused', () => {
    expect(found(`${LOOPBACK}host replication all 10.0.0.0/25 scram-sha-256`, ['10.0.0.0/24'])).toMatchObject([{ code: 'no-rule', params: { addresses: '10.0.0.128/25' } }])
    expect(found(`${LOOPBACK}host replication all 10.0.0.0/8 scram-sha-256`, ['10.0.0.0/24'])).toEqual([])
  })
  it('trust for other machines is a warning, for this one it is not', () => {
    expect(codes(found(LOOPBACK.replaceAll('scram-sha-256', 'trust')))).toEqual([])
    expect(found(`${LOOPBACK}host replication all 10.0.0.0/8 trust`, ['10.0.0.0/24'])).toMatchObject([{ code: 'trust', severity: 'warning', at: { line: 3 } }])
  })
  it('hostssl serves where the server has TLS, and not where it has none', () => {
    const rules = `${LOOPBACK}hostssl replication all 10.0.0.0/8 scram-sha-256`
    expect(codes(found(rules, ['10.0.0.0/24'], { ssl: true }))).toEqual([])
    expect(codes(found(rules, ['10.0.0.0/24'], { ssl: false }))).toEqual(['error no-rule'])
  })
})

it('a group is looked up, and left open where it cannot be', () => {
  const hba = hbaOf('host replication +backup 127.0.0.1/32 md5\nhost replication +backup ::1/128 md5')
  expect(codes(run(check, { hba }, { roles: known(rolesOf({}, ['backup'])) }))).toEqual([])
  expect(codes(run(check, { hba }, { roles: known(rolesOf()) }))).toEqual(['error no-rule'])
  expect(codes(run(check, { hba }))).toEqual(['info uncertain', 'info uncertain'])
})

it('is not judged when an included file is closed', () => {
  expect(codes(run(check, { hba: hbaOf('', { complete: false }) }))).toEqual(['skip not-readable'])
})
