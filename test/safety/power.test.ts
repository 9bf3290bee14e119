// The power fails at each boundary of a whole enable, a rollback and a whole undo: before each system call below the Host, each program and
// each statement. What was not synced is gone, or there, or there in part; names and content each for themselves. Each file is the old or
// the new one, the server starts with them, the next pgwal says what it found, and undo leaves the old files and settings.
// `PGWAL_LONG=1`: every way to lose at every boundary; else the worst one wherever it differs, and one of the others now and then.
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { selectRun, undo } from '../../src/app/undo.ts'
import { UserError } from '../../src/errors.ts'
import type { Host } from '../../src/host/host.ts'
import { execute } from '../../src/plan/executor.ts'
import { listRuns } from '../../src/plan/journal.ts'
import { LONG, SEED } from '../support/seed.ts'
import { deadPid } from '../plan/support.ts'
import type { PaperServer } from './paper-server.ts'
import { Scene } from './scene.ts'
import type { Standing } from './scene.ts'
import { System } from './system.ts'
import type { Loss, SystemFault, SystemRun, Unsynced } from './system.ts'

type Path = 'enable' | 'rollback' | 'undo'

const linux = process.platform === 'linux'
const ALL_LOST: Loss = { names: 'lost', data: 'lost' }
/** Calls after which more is on disk than before; what the server writes it sees to itself. */
const TO_DISK = /^(fsyncSync|run|query) /

let scene: Scene
let stash: string
/** Each state of the configuration that was ever reached. */
const reached = new Set<string>()

beforeAll(async () => {
  if (!linux) return
  scene = await Scene.create()
  stash = fs.mkdtempSync(path.join(path.dirname(scene.server.root), 'pgwal-stash-'))
  fs.chmodSync(stash, 0o777)
})
afterAll(async () => {
  if (!linux) return
  fs.rmSync(stash, { recursive: true, force: true })
  await scene.remove()
})

/** What goes round the system calls of files is a boundary as well; once the power is gone, nothing is done any more. */
const BOUNDARIES = ['run', 'connect', 'query']

function mortal(host: Host, system: System): Host {
  const guard = (label: string, work: () => unknown): unknown => {
    if (system.dead) return Promise.reject(new Error('killed'))
    try {
      system.boundary(label)
    } catch (error) {
      return Promise.reject(error as Error)
    }
    return work()
  }
  return new Proxy(host, {
    get(target, name) {
      if (name === 'pid') return deadPid()
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || ['now', 'sha256', 'randomId'].includes(String(name))) return value
      const call = (args: unknown[]): unknown => (value as (...rest: unknown[]) => unknown).apply(target, args)
      if (!BOUNDARIES.includes(String(name))) return (...args: unknown[]) => (system.dead ? Promise.reject(new Error('killed')) : call(args))
      return (...args: unknown[]) => guard(`${String(name)} ${typeof args[0] === 'string' ? args[0] : ''}`, async () => {
        const done = await call(args)
        if (name !== 'connect') return done
        const session = done as Awaited<ReturnType<Host['connect']>>
        return { query: (sql: string, parameters?: readonly unknown[]) => guard(`query ${sql}`, () => session.query(sql, parameters)), close: () => session.close() }
      })
    },
  })
}

interface Machine {
  readonly state: ReturnType<Scene['state']>
  readonly paper: PaperServer
  readonly system: System
}

async function machine(): Promise<Machine> {
  const state = scene.state()
  const paper = await scene.paper(state.host)
  return { state, paper, system: new System([scene.server.root, scene.units, state.directory], stash) }
}

/** Drives one path until the fault; `undo` and `rollback` begin with what has to be undone. */
async function drive(which: Path, { paper, system }: Machine, fault: SystemFault | undefined): Promise<Pick<SystemRun<unknown>, 'calls' | 'unsynced'>> {
  if (which === 'undo') expect(await execute(paper.host(), scene.plan, scene.options())).toMatchObject({ outcome: 'applied' })
  if (which === 'rollback') paper.refusals = 1
  const host = mortal(paper.host(), system)
  const { result, ...told } = await system.run(fault, async () => (which === 'undo' ? undo(host, (await selectRun(host))!, scene.options()) : execute(host, scene.plan, scene.options())))
  if (fault === undefined) expect(result).toMatchObject({ outcome: { enable: 'applied', rollback: 'rolled-back', undo: 'undone' }[which] })
  return told
}

/** Of what is named, without what a dead one may leave. */
function settled(standing: Standing): Standing {
  return Object.fromEntries(Object.entries(standing).filter(([name]) => name !== 'data/pgwal.lock'))
}

const isNewDirectory = (name: string, how: string): boolean => scene.before[name] === undefined && how.startsWith('4')

/** One power failure, and everything that must be true afterwards. */
async function suffer(which: Path, at: number, loss: Loss): Promise<void> {
  const here = await machine()
  const { state, paper, system } = here
  let label = `${which}: ${at}, ${JSON.stringify(loss)}`
  try {
    const old = settled(await scene.look(paper))
    const { calls } = await drive(which, here, { at, how: 'kill' })
    label += ` ${calls.at(-1) ?? ''}`
    paper.die()
    paper.refusals = 0
    system.losePower(loss)

    const now = settled(await scene.look())
    const mixed = Object.keys(now).filter((name) => now[name] !== scene.before[name] && now[name] !== scene.after[name] && !isNewDirectory(name, now[name]!))
    expect(mixed, label).toEqual([])
    reached.add(scene.configurationOf(now))

    // The machine starts again.
    expect(await paper.start(), label).toBe(true)
    const unit = path.join(scene.units, 'unit.d', 'pgwal.conf')
    paper.units = [fs.existsSync(unit) ? 'there' : 'gone']
    const host = paper.host()
    expect((await listRuns(host)).filter((run) => run.state === 'unreadable'), label).toEqual([])
    const run = await selectRun(host)
    if (run === undefined) {
      expect(settled(await scene.look(paper)), label).toEqual(old)
    } else {
      if (run.state === 'interrupted') await expect(execute(host, scene.plan, scene.options()), label).rejects.toMatchObject({ code: 'interrupted-run', params: { run: run.run } })
      else expect(run.state, label).toBe('applied')
      const told = await undo(host, run, scene.options())
      expect(told, `${label}\n${JSON.stringify(told.happenings)}`).toMatchObject({ outcome: 'undone' })
      if (run.state === 'interrupted') expect(told.happenings[0], label).toMatchObject({ code: 'interrupted-run' })
      expect(settled(await scene.look(paper)), `${label}\n${JSON.stringify(told.happenings)}`).toEqual(old)
      expect(await selectRun(host), label).toBeUndefined()
    }
    expect(paper.units.at(-1), label).toBe('gone')
  } catch (error) {
    if (error instanceof UserError) throw new Error(`${label}\n${error.message}`, { cause: error })
    throw error
  } finally {
    paper.stop()
    state.remove()
    fs.rmSync(path.join(scene.server.dataDir, 'pgwal.lock'), { force: true })
    for (const name of scene.leftovers()) for (const directory of scene.directories()) fs.rmSync(path.join(directory, name), { force: true })
  }
}

/** Every combination but {@link ALL_LOST}. */
function otherLosses({ names, data }: Unsynced): Loss[] {
  const counts = names.reduce<readonly (readonly number[])[]>((all, many) => all.flatMap((one) => Array.from({ length: many + 1 }, (_one, kept) => [...one, kept])), [[]])
  return counts.flatMap((kept) => (data ? ['lost', 'zeros'] as const : ['lost'] as const).map((how) => ({ names: kept, data: how })))
    .filter(({ names: kept, data: how }) => how !== 'lost' || kept.some((one) => one > 0))
}

describe.skipIf(!linux).each(['enable', 'rollback', 'undo'] as const)('%s', (which) => {
  it('the power lost at each boundary: old or new, found, and put back', async () => {
    const well = await machine()
    const { calls, unsynced } = await drive(which, well, undefined)
    well.system.clear()
    const run = await selectRun(well.paper.host())
    if (run !== undefined) await undo(well.paper.host(), run, scene.options())
    well.paper.stop()
    well.state.remove()

    const wrong: string[] = []
    let count = 0
    const attempt = async (at: number, loss: Loss): Promise<void> => {
      count++
      try {
        await suffer(which, at, loss)
      } catch (error) {
        wrong.push((error as Error).message)
        scene.reset()
      }
    }
    // Until the server refuses to start, a rollback is an enable.
    const from = which === 'rollback' ? calls.findIndex((call) => call.startsWith('run /paper/start')) : 0
    for (let at = from; at <= calls.length; at++) {
      // Where nothing came to disk since the boundary before, what is left is the same.
      if (LONG || at === from || TO_DISK.test(calls[at - 1]!)) await attempt(at, ALL_LOST)
      const others = otherLosses(unsynced[at]!)
      for (const [turn, loss] of others.entries()) if (LONG || (turn + at + SEED) % (3 * others.length) === 0) await attempt(at, loss)
    }
    process.stdout.write(`power: ${which}, ${count} failures at ${calls.length + 1 - from} boundaries; seed ${SEED}\n`)
    expect(wrong.slice(0, 20).join('\n\n'), `${wrong.length} in all`).toBe('')
    expect(count).toBeGreaterThan(30)
  }, LONG ? 3_600_000 : 600_000)
})

it.skipIf(!linux)('a real server starts with the files in each state that was reached', async () => {
  await scene.expectStarts(reached)
  expect(reached.size).toBeGreaterThan(3)
  process.stdout.write(`power: a real server started with the files in ${reached.size} states\n`)
})
