// Killed at each call that changes something: the files are old or new, never anything else, the server runs or can run,
// and the next undo puts every byte back. One server; the boundaries are counted in a run that is left alone.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { selectRun, undo } from '../../src/app/undo.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { execute } from '../../src/plan/executor.ts'
import { listRuns } from '../../src/plan/journal.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { TestServer } from '../support/server.ts'
import { connectionOf, deadPid, faultyHost, goalsFor, planFor, QUICK, snapshot, stateHost } from './support.ts'

const HBA = 'local all all trust\nhost all all 127.0.0.1/32 trust\n'

let server: TestServer
let before: Awaited<ReturnType<typeof snapshot>>
let after: Awaited<ReturnType<typeof snapshot>>
let plan: Plan
let applyCalls: readonly string[]
let undoCalls: readonly string[]

const timing = { ...QUICK, settleMs: 20 }
const options = () => ({ connection: connectionOf(server), timing })
const archive = () => path.join(server.root, 'backups')

/** A state directory for one kill; without calls to check what is killed. */
async function withState<T>(work: (host: NodeHost) => Promise<T>): Promise<T> {
  const { host, remove } = await stateHost()
  try {
    return await work(host)
  } finally {
    await remove()
    await fs.rm(archive(), { recursive: true, force: true })
  }
}

beforeAll(async () => {
  server = await TestServer.create(17, { hba: HBA, conf: 'autovacuum = off\n' })
  await server.start()
  before = await snapshot(server)
  await withState(async (host) => {
    plan = await planFor(host, server, goalsFor(path.join(archive(), 'wal')))
    // Two commands, so that there is a boundary at which the server is down.
    plan = { ...plan, service: { ...plan.service, restart: [...plan.service.stop, ...plan.service.start] } }
    const applying = faultyHost(host, undefined, deadPid())
    expect((await execute(applying.host, plan, options())).outcome).toBe('applied')
    applyCalls = applying.calls()
    after = await snapshot(server)
    const undoing = faultyHost(host, undefined, deadPid())
    expect((await undo(undoing.host, (await selectRun(host))!, options())).outcome).toBe('undone')
    undoCalls = undoing.calls()
  })
})
afterAll(async () => {
  await server.remove()
})

/** The files that are neither as before nor as planned, with owner and mode. */
async function mixtures(): Promise<string[]> {
  const [now, old, neu] = [await snapshot(server), before, after].map((one) => new Map(Object.entries(one).map(([name, facts]) => [name, JSON.stringify(facts)])))
  return [...now!].flatMap(([name, facts]) => (facts === old!.get(name) || facts === neu!.get(name) ? [] : [name]))
}

/** What is not as before: files, and settings that the server runs with. */
async function remains(): Promise<string[]> {
  const now = await snapshot(server)
  const files = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => JSON.stringify(now[name]) !== JSON.stringify(before[name]))
  const [row] = await server.query<{ mode: string; keep: string }>("SELECT current_setting('archive_mode') AS mode, current_setting('wal_keep_size') AS keep").catch((error: Error) => [{ mode: error.message, keep: '0' }])
  return [...files, ...(row!.mode === 'off' && row!.keep === '0' ? [] : [JSON.stringify(row)])]
}

function removed(file: string): Promise<boolean> {
  return fs.stat(file).then(() => false, () => true)
}

/** Every boundary, the ones that only ask left out: a kill before a question is a kill after the change before it. */
function boundaries(calls: readonly string[]): number[] {
  return calls.flatMap((call, at) => (/^(query|connect) /.test(call) && /^(query|connect) /.test(calls[at - 1] ?? '') ? [] : [at]))
}

describe('killed', () => {
  it('during enable: the next undo finds it and puts everything back', async () => {
    for (const at of boundaries(applyCalls)) {
      const label = `${at} ${applyCalls[at]}`
      await withState(async (host) => {
        const faulty = faultyHost(host, { at, how: 'stop' }, deadPid())
        await execute(faulty.host, plan, options()).catch(() => undefined)
        expect(faulty.calls().length, label).toBe(at + 1)
        expect(await mixtures(), label).toEqual([])
        const run = await selectRun(host)
        // As a kill inside of a write leaves it.
        const leftover = path.join(server.dataDir, `.pgwal-${'0'.repeat(24)}.tmp`)
        await fs.writeFile(leftover, '')
        if (run !== undefined) {
          // Only giving the lock back comes after the outcome.
          const through = applyCalls[at]!.startsWith('removeFile ')
          expect(run.state, label).toBe(through ? 'applied' : 'interrupted')
          await expect(execute(host, plan, options())).rejects.toMatchObject({ code: through ? 'changed' : 'interrupted-run' })
          const done = await undo(host, run, options())
          expect(done, `${label} ${JSON.stringify(done)}`).toMatchObject({ outcome: 'undone' })
          if (!through) expect(await removed(leftover), label).toBe(true)
        }
        await fs.rm(leftover, { force: true })
        expect(await remains(), label).toEqual([])
        expect(await selectRun(host)).toBeUndefined()
      })
    }
  })

  it('during undo: the next undo completes it', async () => {
    // The calls before the server is told are the same without a restart, and a reload takes no time.
    const told = undoCalls.findIndex((call) => call.startsWith('run '))
    const reloading = await withState(async (host) => {
      const light = await planFor(host, server, goalsFor(path.join(archive(), 'wal')), { restart: false })
      await execute(host, light, options())
      const counting = faultyHost(host, undefined, deadPid())
      await undo(counting.host, (await selectRun(host))!, options())
      return { plan: light, calls: counting.calls() }
    })
    for (const at of boundaries(reloading.calls)) await killedUndo(reloading.plan, reloading.calls, at)
    for (const at of boundaries(undoCalls).filter((one) => one >= told - 1 && one <= told + 2)) await killedUndo(plan, undoCalls, at)
  })
})

async function killedUndo(applied: Plan, calls: readonly string[], at: number): Promise<void> {
  const label = `${at} ${calls[at]}`
  await withState(async (host) => {
    expect((await execute(host, applied, options())).outcome, label).toBe('applied')
    const faulty = faultyHost(host, { at, how: 'stop' }, deadPid())
    await undo(faulty.host, (await selectRun(host))!, options()).catch(() => undefined)
    expect(await mixtures(), label).toEqual([])
    const run = await selectRun(host)
    if (calls[at]!.startsWith('removeFile ') && calls[at]!.endsWith('.lock')) {
      expect(run, label).toBeUndefined()
      return
    }
    expect(run, label).toBeDefined()
    const done = await undo(host, run!, options())
    expect(done, `${label} ${JSON.stringify(done)}`).toMatchObject({ outcome: 'undone' })
    expect(await remains(), label).toEqual([])
    expect((await listRuns(host)).map(({ state }) => state)).toEqual(['undone'])
  })
}

it('one call fails with EIO: enable puts everything back by itself, or was through', async () => {
  for (const at of boundaries(applyCalls)) {
    const label = `${at} ${applyCalls[at]}`
    await withState(async (host) => {
      const faulty = faultyHost(host, { at, how: 'fail' }, deadPid())
      const done = await execute(faulty.host, plan, options()).catch((error: unknown) => error as Error)
      expect(await mixtures(), label).toEqual([])
      if (!(done instanceof Error) && done.outcome === 'applied') await undo(host, (await selectRun(host))!, options())
      expect(await remains(), label).toEqual([])
      if (!(done instanceof Error)) expect(done.outcome, `${label} ${JSON.stringify(done)}`).not.toBe('failed-rollback')
    })
  }
})
