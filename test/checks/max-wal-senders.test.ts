import { expect, it } from 'vitest'
import check from '../../src/checks/max-wal-senders.ts'
import { codes, known, run, settings } from '../support/run-check.ts'

it.each([['0', ['error none']], ['1', ['warning too-few']], ['2', []], ['10', []]])('%s', async (value, expected) => {
  expect(codes(run(check, { settings: await settings({ conf: `max_wal_senders = ${value}` }) }))).toEqual(expected)
})

it('the default is enough', async () => {
  expect(codes(run(check, { settings: await settings({}) }))).toEqual([])
})

it('all in use is a warning', async () => {
  const three = await settings({}, { max_wal_senders: '3' })
  expect(run(check, { settings: three }, { replication: known({ senders: 3 }) })).toMatchObject([{ code: 'all-used', params: { limit: 3, used: 3 } }])
  expect(codes(run(check, { settings: three }, { replication: known({ senders: 2 }) }))).toEqual([])
})
