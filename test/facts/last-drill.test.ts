import fs from 'node:fs/promises'
import os from 'node:os'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createGathering } from '../../src/facts/fact.ts'
import type { Gathering } from '../../src/facts/fact.ts'
import { lastDrillFact } from '../../src/facts/last-drill.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { recordDrill } from '../../src/plan/drill-record.ts'
import { CLUSTER } from '../support/run-check.ts'

let state: string
beforeAll(async () => {
  state = await fs.mkdtemp(`${os.tmpdir()}/pgwal-state-`)
})
afterAll(() => fs.rm(state, { recursive: true, force: true }))

it('is the newest record of this cluster; none, and one that cannot be read, are none', async () => {
  const host = new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: `${state}/own` })
  const ask = (dataDir = CLUSTER.dataDir) => createGathering({ host, cluster: { ...CLUSTER, dataDir } } as unknown as Gathering).fact(lastDrillFact)
  expect(await ask()).toEqual({ ok: true, value: null })
  await recordDrill(host, CLUSTER, { at: '2026-03-01T00:00:00.000Z', outcome: 'failed', code: 'segment-missing' })
  await recordDrill(host, CLUSTER, { at: '2026-03-02T00:00:00.000Z', outcome: 'proved', bytes: 5 })
  expect(await ask()).toEqual({ ok: true, value: { at: '2026-03-02T00:00:00.000Z', outcome: 'proved', bytes: 5 } })
  expect(await ask('/other')).toEqual({ ok: true, value: null })
  const [name] = await fs.readdir(`${state}/own/drills`)
  await fs.truncate(`${state}/own/drills/${name}`, 10)
  expect(await ask()).toEqual({ ok: true, value: null })
})
