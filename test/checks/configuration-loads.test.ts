import { expect, it } from 'vitest'
import check from '../../src/checks/configuration-loads.ts'
import { codes, configuration, run } from '../support/run-check.ts'

async function found(conf: string, closed: readonly string[] = []) {
  return run(check, { configuration: await configuration({ conf, closed }) })
}

it('a good file', async () => {
  expect(await found("archive_mode = on\narchive_command = 'true'\n")).toEqual([])
})

it.each([
  ['archive_command = cp %p /a/%f', 'syntax', 1],
  ['\nwal_keep_segments = 5', 'unknown-name', 2],
  ['wal_level = replicaa', 'bad-value', 1],
  ["include 'missing.conf'", 'include', 1],
  ['wal_level = minimal\nmax_wal_senders = 0\narchive_mode = on', 'conflict', undefined],
])('%s', async (conf, code, line) => {
  const all = await found(conf)
  expect(all).toMatchObject([{ code, severity: 'error', at: { file: '/etc/postgresql.conf', ...(line === undefined ? {} : { line }) } }])
})

it('a closed file leaves it open', async () => {
  expect(codes(await found('archive_mode = on', ['/data/postgresql.auto.conf']))).toEqual(['skip not-readable'])
})
