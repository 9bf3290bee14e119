// Each call that doctor, the looking around of enable, and verify make of the Host, refused with what the machine can answer there. A server
// that is ill in many ways: what was not seen is unknown and never well, nothing crashes, and an error is an answer that names what it is about.
// `PGWAL_LONG=1`: every code at every call; else one at each call of doctor and at some of the others.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { diagnose } from '../../src/app/diagnose.ts'
import { gatheringFor } from '../../src/app/gathering.ts'
import { verify } from '../../src/app/verify.ts'
import { HostError, UserError } from '../../src/errors.ts'
import { FactUnavailable } from '../../src/facts/fact.ts'
import type { Host } from '../../src/host/host.ts'
import { gatherPlanInput } from '../../src/plan/gather.ts'
import { makePlan } from '../../src/plan/planner.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import type { ClusterReport } from '../../src/report/report.ts'
import { LONG, SEED } from '../support/seed.ts'
import { TestServer } from '../support/server.ts'
import { clusterOf, goalsFor, serviceOf, snapshot, stateHost } from '../plan/support.ts'
import { faultsAt, faultyHost } from './host-faults.ts'
import type { HostFault } from './host-faults.ts'

let server: TestServer
let machine: Awaited<ReturnType<typeof stateHost>>
let cluster: Cluster
let before: Awaited<ReturnType<typeof snapshot>>

beforeAll(async () => {
  // No rule for replication, an archive that is not there, senders that are too few, a file that says what is not in force.
  server = await TestServer.create(16, { hba: 'local all all trust\nhost all all 127.0.0.1/32 trust\n', conf: "autovacuum = off\narchive_mode = on\nmax_wal_senders = 1\narchive_command = 'cp %p /nowhere/pgwal/%f'\n" })
  await server.start()
  await fs.appendFile(path.join(server.dataDir, 'postgresql.conf'), 'max_wal_senders = 0\n')
  await server.query("SELECT pg_create_restore_point('x')")
  await server.query('SELECT pg_switch_wal()')
  machine = await stateHost()
  cluster = await clusterOf(server)
  before = await snapshot(server)
})
afterAll(async () => {
  await machine.remove()
  await server.remove()
})

const WORK: Readonly<Record<string, (host: Host) => Promise<ClusterReport | undefined>>> = {
  doctor: (host) => diagnose(host, cluster),
  verify: (host) => verify(host, cluster, { timeoutMs: 200 }),
  enable: async (host) => {
    const { gathering, close } = await gatheringFor(host, cluster)
    try {
      makePlan(await gatherPlanInput(gathering, { service: serviceOf(server), goals: goalsFor(path.join(server.root, 'wal')), clusters: [], restart: true }))
      return undefined
    } finally {
      await close()
    }
  },
}

async function suffer(name: string, host: Host, fault: HostFault | undefined) {
  const faulty = faultyHost(host, fault)
  const result = await WORK[name]!(faulty.host).catch((error: unknown) => error as Error)
  return { result, faulty }
}

describe.each(Object.keys(WORK))('%s', (name) => {
  it('each call refused: nothing that was not seen is well', async () => {
    const well = await suffer(name, machine.host, undefined)
    if (well.result instanceof Error) throw well.result
    const ill = (well.result?.checks ?? []).filter(({ verdict }) => verdict.kind === 'fail').map(({ id }) => id)
    if (name !== 'enable') expect(ill.length).toBeGreaterThan(4)
    const calls = well.faulty.calls()
    const wrong: string[] = []
    let count = 0
    for (const [at, call] of calls.entries()) {
      if (!LONG && name !== 'doctor' && (at + SEED) % 3 !== 0) continue
      const all = faultsAt(at, call).filter(({ when }) => when === 'instead')
      for (const fault of LONG ? all : all.slice((SEED + at) % all.length).slice(0, 1)) {
        count++
        const { result, faulty } = await suffer(name, machine.host, fault)
        const label = `${name}: ${fault.code} at ${at}, ${faulty.calls()[at] ?? call}`
        if (faulty.sessions() !== 0) wrong.push(`${label}: ${faulty.sessions()} sessions left open`)
        if (result instanceof Error) {
          const answer = result instanceof UserError || result instanceof FactUnavailable || (result instanceof HostError && result.target !== '')
          if (!answer) wrong.push(`${label}: ${result.stack ?? result.message}`)
          continue
        }
        for (const { id, verdict } of result?.checks ?? []) {
          // A probe that the machine stops is told as one that could not be finished, and counts for the exit code.
          if (verdict.kind === 'crash' && !(name === 'verify' && verdict.error instanceof HostError)) wrong.push(`${label}: ${id} crashed: ${String((verdict.error as Error).stack)}`)
          if (verdict.kind === 'pass' && ill.includes(id)) wrong.push(`${label}: ${id} passes`)
        }
      }
    }
    process.stdout.write(`gathering faults: ${name}, ${count} faults at ${calls.length} calls; ${ill.length} checks that must not pass; seed ${SEED}\n`)
    expect(wrong.slice(0, 20).join('\n\n'), `${wrong.length} in all`).toBe('')
    expect(count).toBeGreaterThan(10)
    expect(await snapshot(server)).toEqual(before)
  }, LONG ? 3_600_000 : 240_000)
})
