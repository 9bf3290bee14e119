// Each code that the machine can answer, at each call that a whole enable, a rollback and a whole undo make of the Host: files old or
// new to the byte, the attribute and the owner, an error that says what and where, and the next undo puts everything back.
// `PGWAL_LONG=1`: every code at every call; else one at each call, another one each time the seed changes.
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { selectRun, undo } from '../../src/app/undo.ts'
import type { Undone } from '../../src/app/undo.ts'
import { HostError, UserError } from '../../src/errors.ts'
import type { Host } from '../../src/host/host.ts'
import { execute } from '../../src/plan/executor.ts'
import type { Execution } from '../../src/plan/executor.ts'
import { LONG, SEED } from '../support/seed.ts'
import { deadPid } from '../plan/support.ts'
import { faultsAt, faultyHost } from './host-faults.ts'
import type { FaultyHost, HostFault } from './host-faults.ts'
import type { PaperServer } from './paper-server.ts'
import { Scene } from './scene.ts'

let scene: Scene
/** Each state of the configuration that was ever reached. */
const reached = new Set<string>()

beforeAll(async () => {
  scene = await Scene.create()
})
afterAll(async () => {
  await scene.remove()
})

type Path = 'enable' | 'rollback' | 'undo'
type Result = Execution | Undone | Error

interface Ran {
  readonly faulty: FaultyHost
  readonly result: Result
}

/** Drives one path; `undo` and `rollback` begin with what has to be undone. */
async function drive(which: Path, host: Host, paper: PaperServer, fault: HostFault | undefined): Promise<Ran> {
  if (which === 'undo') expect(await execute(host, scene.plan, scene.options())).toMatchObject({ outcome: 'applied' })
  if (which === 'rollback') paper.refusals = 1
  const faulty = faultyHost(host, fault, deadPid())
  const work = async (): Promise<Result> => (which === 'undo' ? undo(faulty.host, (await selectRun(faulty.host))!, scene.options()) : execute(faulty.host, scene.plan, scene.options()))
  return { faulty, result: await work().catch((error: unknown) => error as Error) }
}

/** The calls of a path without a fault; of a rollback only those from the failure on. */
async function callsOf(which: Path): Promise<{ readonly calls: readonly string[]; readonly from: number }> {
  const state = scene.state()
  const paper = await scene.paper(state.host)
  try {
    const { faulty, result } = await drive(which, paper.host(), paper, undefined)
    expect(result).toMatchObject({ outcome: { enable: 'applied', rollback: 'rolled-back', undo: 'undone' }[which] })
    const run = await selectRun(paper.host())
    if (run !== undefined) await undo(paper.host(), run, scene.options())
    const calls = faulty.calls()
    return { calls, from: which === 'rollback' ? calls.findIndex((call) => call.startsWith('run /paper/start')) + 1 : 0 }
  } finally {
    paper.stop()
    state.remove()
  }
}

const text = (result: Result): string => (result instanceof Error ? result.message : JSON.stringify(result.happenings.filter(({ status }) => status !== 'done')))

/** One fault, and everything that must be true afterwards. Says how it ended. */
async function suffer(which: Path, fault: HostFault, call: string): Promise<string> {
  const label = `${which}: ${fault.code} ${fault.when} call ${fault.at}, ${call}`
  const state = scene.state()
  const paper = await scene.paper(state.host)
  try {
    const old = await scene.look(paper)
    const { faulty, result } = await drive(which, paper.host(), paper, fault)
    const now = await scene.look()
    reached.add(scene.configurationOf(now))
    const said = `${label}\n${text(result)}`

    // Never anything but the old and the new.
    const mixed = Object.keys(now).filter((name) => name !== 'data/pgwal.lock' && now[name] !== scene.before[name] && now[name] !== scene.after[name])
    expect(mixed, said).toEqual([])
    expect(faulty.sessions(), said).toBe(0)
    const ending = result instanceof Error ? 'refused' : result.outcome
    if (result instanceof Error) {
      // An answer, not a bug; it names what it is about.
      expect(result instanceof HostError || result instanceof UserError, `${said}\n${result.stack ?? ''}`).toBe(true)
      if (result instanceof HostError) expect(result.target, said).not.toBe('')
      if (which !== 'undo') expect({ ...await scene.look(paper), 'data/pgwal.lock': '' }, said).toEqual({ ...old, 'data/pgwal.lock': '' })
    }
    if (ending === 'rolled-back' || ending === 'undone') expect({ ...await scene.look(paper), 'data/pgwal.lock': '' }, said).toEqual({ ...old, 'data/pgwal.lock': '' })
    if (ending === 'rolled-back' || ending === 'applied' || ending === 'refused') expect(paper.up, said).toBe(true)
    // One fault, and a machine that is well again: enable puts back what it did.
    if (which === 'enable' && fault.when !== 'lasting') expect(ending, said).not.toBe('failed-rollback')
    if (!(result instanceof Error) && (ending === 'failed-rollback' || ending === 'failed')) {
      expect(result.happenings.some(({ status }) => status === 'failed'), said).toBe(true)
      if (!paper.up || result.server === 'down') expect([paper.up, result.server], said).toEqual([false, 'down'])
      for (const { path: file, state: how } of result.files ?? []) {
        const name = path.relative(scene.server.root, fs.existsSync(file) ? fs.realpathSync(file) : file)
        if (how !== 'unknown') expect(how, `${said}\n${name}`).toBe(now[name] === scene.after[name] ? 'after' : 'before')
      }
    }
    if (ending !== { enable: 'applied', rollback: 'rolled-back', undo: 'undone' }[which]) expect(named(result, fault, faulty.calls()[fault.at]!), said).toBe(true)

    // The next pgwal, on a machine that is well again.
    const host = paper.host()
    const run = await selectRun(host)
    if (run !== undefined) {
      if (run.state === 'interrupted' || run.state === 'failed') await expect(execute(host, scene.plan, scene.options()), said).rejects.toMatchObject({ code: 'interrupted-run' })
      const healed = await undo(host, run, scene.options())
      expect(healed, `${said}\n${JSON.stringify(healed.happenings)}`).toMatchObject({ outcome: 'undone' })
    }
    if (!paper.up) await paper.start()
    fs.rmSync(path.join(scene.server.dataDir, 'pgwal.lock'), { force: true })
    expect(await scene.look(paper), said).toEqual(old)
    expect(paper.units.at(-1) ?? 'gone', said).toBe('gone')
    expect(scene.leftovers(), said).toEqual([])
    expect(await selectRun(host), said).toBeUndefined()
    return ending
  } finally {
    paper.stop()
    state.remove()
  }
}

/** Whether what was said names the file, program or server that the failing call was about, or the step that it was part of. */
function named(result: Result, fault: HostFault, call: string): boolean {
  const about = call.slice(call.indexOf(' ') + 1)
  const said = text(result)
  // Of a server that cannot be looked at, that it did not come up is what there is to say.
  if (said.includes('start-failed') && /^(probeAuthentication|read .*postmaster\.pid$)/.test(call)) return true
  // What the server's program says about the configuration stands for itself.
  if (said.includes('config-refused') && call.startsWith('run ') && call.endsWith('/postgres')) return true
  return said.includes(about) || (fault.when === 'lasting' && said.includes(fault.code))
    || (result instanceof UserError && Object.values(result.params).some((value) => about.includes(String(value)) || String(value).includes(path.basename(about))))
}

describe.each(['enable', 'rollback', 'undo'] as const)('%s', (which) => {
  it('each call refused', async () => {
    const { calls, from } = await callsOf(which)
    const endings = new Map<string, number>()
    const wrong: string[] = []
    let count = 0
    for (let at = from; at < calls.length; at++) {
      const all = faultsAt(at, calls[at]!)
      for (const fault of LONG ? all : [all[(SEED + at) % all.length]!]) {
        count++
        try {
          const ending = await suffer(which, fault, calls[at]!)
          endings.set(ending, (endings.get(ending) ?? 0) + 1)
        } catch (error) {
          wrong.push((error as Error).message)
          scene.reset()
        }
      }
    }
    process.stdout.write(`host faults: ${which}, ${count} faults at ${calls.length - from} calls: ${[...endings].map(([how, many]) => `${how} ${many}`).join(', ')}; seed ${SEED}\n`)
    expect(wrong.slice(0, 20).join('\n\n'), `${wrong.length} in all`).toBe('')
    expect(count).toBeGreaterThan(40)
  }, LONG ? 3_600_000 : 400_000)
})

it('a real server starts with the files in each state that was reached', async () => {
  await scene.expectStarts(reached)
  process.stdout.write(`host faults: a real server started with the files in ${reached.size} states\n`)
})
