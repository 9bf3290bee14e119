import fs from 'node:fs/promises'
import os from 'node:os'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createGathering } from '../../src/facts/fact.ts'
import type { Gathering } from '../../src/facts/fact.ts'
import { lastBackupDrillFact } from '../../src/facts/last-backup-drill.ts'
import { lastDrillFact } from '../../src/facts/last-drill.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { recordBackupDrill, recordDrill } from '../../src/plan/drill-record.ts'
import { CLUSTER } from '../support/run-check.ts'

let state: string
beforeAll(async () => {
  state = await fs.mkdtemp(`${os.tmpdir()}/pgwal-state-`)
})
afterAll(() => fs.rm(state, { recursive: true, force: true }))

it('is kept beside the drill of a copy, and neither replaces the other', async () => {
  const host = new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: `${state}/own` })
  const gathering = () => createGathering({ host, cluster: CLUSTER } as unknown as Gathering)
  const [copy, backup] = [{ at: '2026-03-01T00:00:00.000Z', outcome: 'proved', bytes: 5 }, { at: '2026-03-02T00:00:00.000Z', outcome: 'proved', path: '/b', target: 'now' }] as const
  await recordDrill(host, CLUSTER, copy)
  expect(await gathering().fact(lastBackupDrillFact)).toEqual({ ok: true, value: null })
  await recordBackupDrill(host, CLUSTER, backup)
  expect(await gathering().fact(lastBackupDrillFact)).toEqual({ ok: true, value: backup })
  expect(await gathering().fact(lastDrillFact)).toEqual({ ok: true, value: copy })
})
