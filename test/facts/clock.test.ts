import { expect, it } from 'vitest'
import { clockFact } from '../../src/facts/clock.ts'
import type { Gathering } from '../../src/facts/fact.ts'
import { FakeHost, LINUX, postgres } from '../support/fake-host.ts'
import { CLUSTER } from '../support/run-check.ts'

const at = (hour: number) => new Date(Date.UTC(2026, 2, 1, hour))
const whats = async (inRecovery: boolean, down = false) => {
  const values: Record<string, unknown> = { server: { startedAt: at(1), inRecovery }, archiver: { lastArchivedAt: at(2), lastFailedAt: null }, 'wal-flow': { checkpoint: { at: at(3) } } }
  const { marks } = await clockFact.gather({
    host: Object.assign(new FakeHost({ files: LINUX }).host, { stat: () => Promise.resolve({ modified: at(4) }) }), cluster: CLUSTER, as: postgres,
    fact: ({ name }: { readonly name: string }) => Promise.resolve(down ? { ok: false, why: { code: 'server-down', params: {} } } : { ok: true, value: values[name] }),
  } as unknown as Gathering)
  return marks.map(({ what }) => what)
}

it('a primary\'s own times; on a standby not that of the primary\'s checkpoint', async () => {
  expect(await whats(false)).toEqual(['/data/global/pg_control', 'pg_postmaster_start_time()', 'pg_control_checkpoint().checkpoint_time', 'pg_stat_archiver.last_archived_time'])
  expect(await whats(true)).not.toContain('pg_control_checkpoint().checkpoint_time')
})

it('with the server down', async () => {
  expect(await whats(false, true)).toEqual(['/data/global/pg_control'])
})
