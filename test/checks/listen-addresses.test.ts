import { expect, it } from 'vitest'
import check from '../../src/checks/listen-addresses.ts'
import { codes, context, run, settings } from '../support/run-check.ts'

const found = async (value: string, ...allowFrom: string[]) => codes(run(check, { settings: await settings({ conf: `listen_addresses = '${value}'` }) }, {}, { wanted: { ...context().wanted, allowFrom } }))

it('is only looked at when another machine is to take base backups', async () => {
  expect(await found('localhost')).toEqual(['skip not-applicable'])
  expect(await found('localhost', '127.0.0.1/32', '::1/128')).toEqual(['skip not-applicable'])
})

it.each([
  ['localhost', '10.0.0.0/8', false], ['', '10.0.0.0/8', false], ['127.0.0.1, ::1', '10.0.0.0/8', false],
  ['*', '10.0.0.0/8', true], ['0.0.0.0', '10.0.0.0/8', true], ['localhost, 10.0.0.5', '10.0.0.0/8', true], ['db.example.org', '10.0.0.0/8', true],
  ['0.0.0.0', 'fd00::/8', false], ['::', 'fd00::/8', true],
])('%s from %s: %s', async (value, network, heard) => {
  expect(await found(value, network)).toEqual(heard ? [] : ['error not-listening'])
})
