// The write-ahead journal: what a run is going to do is on disk before it does it, so that whatever happens, the next
// pgwal can tell what was begun and put it back. One directory a run: plan.json (the plan with every byte that was there
// before) and journal.jsonl (a line before each step, one after it, and how it ended).
import { codeOf, UserError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import type { Plan } from './plan.ts'
import { isAlive, markOf } from './process-mark.ts'
import type { ProcessMark } from './process-mark.ts'
import { ensureDirectory, ensureStateDirectory, stateDirectory } from './state-directory.ts'

/** The layout of both files; raised when an older pgwal could not undo from them. */
const VERSION = 1

/** `rollback` is what a run does to itself, `undo` what is done to it later. */
export type Action = 'apply' | 'rollback' | 'undo'
type Ending = 'applied' | 'rolled-back' | 'undone' | 'failed'

interface Stamped {
  /** ISO 8601. */
  readonly at: string
}

/** A line of journal.jsonl. */
export type Entry = Stamped & (
  | { readonly event: 'begin'; readonly action: Action; readonly process: ProcessMark; readonly postmaster: { readonly pid: number; readonly started: number } | null }
  /** About to do (or undo) the step with this index; `server`: about to have the server follow its files. */
  | { readonly event: 'intent' | 'receipt'; readonly action: Action; readonly step: number | 'server' }
  | { readonly event: 'outcome'; readonly action: Action; readonly ending: Ending; readonly reason?: string }
)

type Unstamped<T> = T extends unknown ? Omit<T, 'at'> : never

/**
 * `interrupted`: somebody began it and is gone. `failed`: it could not be put back entirely. `unreadable`: of a newer
 * pgwal, or damaged.
 */
export type RunState = 'applied' | 'undone' | 'rolled-back' | 'failed' | 'interrupted' | 'running' | 'unreadable'

export interface RunSummary {
  readonly run: string
  readonly directory: string
  /** When it began, ISO 8601. */
  readonly at: string
  readonly command: string
  readonly state: RunState
}

/** A run as it is recorded. */
export interface RecordedRun extends RunSummary {
  readonly state: Exclude<RunState, 'unreadable'>
  readonly plan: Plan
  readonly entries: readonly Entry[]
}

export type AnyRun = RecordedRun | (RunSummary & { readonly state: 'unreadable'; readonly reason: string })

/** The journal of one run, open for writing. */
export class Journal {
  constructor(private readonly host: Host, readonly run: string, readonly directory: string) {}

  /** On disk when it returns. */
  async write(entry: Unstamped<Entry>): Promise<void> {
    const line = `${JSON.stringify({ at: this.host.now().toISOString(), ...entry })}\n`
    await this.host.append(`${this.directory}/journal.jsonl`, new TextEncoder().encode(line), { mode: 0o600 })
  }

  async begin(action: Action, postmaster: { readonly pid: number; readonly started: number } | undefined): Promise<void> {
    const server = postmaster === undefined ? null : { pid: postmaster.pid, started: postmaster.started }
    await this.write({ event: 'begin', action, process: await markOf(this.host, this.host.pid), postmaster: server })
  }

  /** Keeps bytes in the run's directory, for somebody's edits that are about to be overwritten. Says where. */
  async keep(path: string, bytes: Uint8Array): Promise<string> {
    const copy = `${this.directory}/kept-${this.host.randomId(3)}-${path.slice(path.lastIndexOf('/') + 1).replace(/[^\w.-]/g, '_')}`
    await this.host.replace(copy, bytes, { expect: null, mode: 0o600 })
    return copy
  }
}

/** Records a plan before anything of it is done. */
export async function createJournal(host: Host, plan: Plan, command: string): Promise<Journal> {
  const runs = `${await ensureStateDirectory(host)}/runs`
  await ensureDirectory(host, runs)
  const now = host.now()
  const at = now.toISOString()
  for (let attempt = 0; ; attempt++) {
    const run = `${at.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}-${host.randomId(2)}`
    const directory = `${runs}/${run}`
    try {
      await host.makeDirectory(directory, { mode: 0o700 })
    } catch (error) {
      if (codeOf(error) === 'EEXIST' && attempt < 5) continue
      throw error
    }
    try {
      const text = JSON.stringify(encodeBytes({ journal: VERSION, run, command, at, plan }))
      await host.replace(`${directory}/plan.json`, new TextEncoder().encode(`${text}\n`), { expect: null, mode: 0o600 })
    } catch (error) {
      // Without a plan the directory means nothing.
      await host.removeTree(directory).catch(() => undefined)
      throw error
    }
    return new Journal(host, run, directory)
  }
}

/** The journal of a recorded run, to go on with. */
export async function openJournal(host: Host, run: RunSummary): Promise<Journal> {
  const path = `${run.directory}/journal.jsonl`
  const last = await host.readPart(path, -1, 1).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return new Uint8Array()
    throw error
  })
  // A line that was cut off must not swallow the next one.
  if (last.length === 1 && last[0] !== 10) await host.append(path, new TextEncoder().encode('\n'), { mode: 0o600 })
  return new Journal(host, run.run, run.directory)
}

/** Every run on record, the newest first. */
export async function listRuns(host: Host): Promise<AnyRun[]> {
  const runs = `${await stateDirectory(host)}/runs`
  const entries = await host.list(runs).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  const names = entries.filter(({ name, kind }) => kind === 'directory' && RUN.test(name)).map(({ name }) => name)
  const found: AnyRun[] = []
  for (const name of names) {
    const run = await readRun(host, name, `${runs}/${name}`)
    if (run !== undefined) found.push(run)
  }
  // Names tell the second only; of one that cannot be read nothing else is known.
  const when = ({ run, at }: AnyRun): string => `${run.slice(0, 15)} ${at}`
  return found.sort((a, b) => (when(a) < when(b) ? 1 : -1))
}

const RUN = /^\d{8}-\d{6}-[0-9a-f]{4}$/

/**
 * The run with this name.
 * @throws UserError `no-such-run`, `journal-unreadable`
 */
export async function findRun(host: Host, run: string): Promise<RecordedRun> {
  const directory = `${await stateDirectory(host)}/runs/${run}`
  const found = RUN.test(run) ? await readRun(host, run, directory) : undefined
  if (found === undefined) throw new UserError('no-such-run', { run })
  return readable(found)
}

/** @throws UserError `journal-unreadable` */
export function readable(run: AnyRun): RecordedRun {
  if (run.state === 'unreadable') throw new UserError('journal-unreadable', { run: run.run, reason: run.reason, path: run.directory })
  return run
}

/** Whether a run was made on this cluster. */
export function isOf(run: AnyRun, cluster: Pick<Cluster, 'dataDir'>): boolean {
  return run.state !== 'unreadable' && run.plan.cluster.dataDir === cluster.dataDir
}

/**
 * Runs of a cluster that left things half done, the newest first.
 * @throws UserError `journal-unreadable` where that cannot be told
 */
export async function openRuns(host: Host, cluster: Pick<Cluster, 'dataDir'>): Promise<RecordedRun[]> {
  return (await listRuns(host)).flatMap((run) => (run.state === 'unreadable' || (isOf(run, cluster) && (run.state === 'interrupted' || run.state === 'failed')) ? [readable(run)] : []))
}

/** Undefined where there is no plan: nothing was begun there. */
async function readRun(host: Host, run: string, directory: string): Promise<AnyRun | undefined> {
  const unreadable = (reason: string): AnyRun => ({ run, directory, at: '', command: '', state: 'unreadable', reason })
  try {
    const text = await host.read(`${directory}/plan.json`).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) return undefined
    const stored = decodeBytes(JSON.parse(new TextDecoder().decode(text))) as { journal: number; command: string; at: string; plan: Plan }
    if (stored.journal !== VERSION) return unreadable(`version ${String(stored.journal)}`)
    const entries = await readEntries(host, directory)
    return { run, directory, at: stored.at, command: stored.command, state: await stateOf(host, entries), plan: stored.plan, entries }
  } catch (error) {
    return unreadable(error instanceof Error ? error.message : String(error))
  }
}

async function readEntries(host: Host, directory: string): Promise<Entry[]> {
  const bytes = await host.read(`${directory}/journal.jsonl`).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return new Uint8Array()
    throw error
  })
  return new TextDecoder().decode(bytes).split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Entry]
    } catch {
      // Cut off when the power went: what it announced was never begun. What was done shows in the files, not here.
      return []
    }
  })
}

async function stateOf(host: Host, entries: readonly Entry[]): Promise<RecordedRun['state']> {
  const begin = entries.findLastIndex(({ event }) => event === 'begin')
  const outcome = entries.slice(begin + 1).findLast((entry) => entry.event === 'outcome')
  if (outcome?.event === 'outcome') return outcome.ending
  const last = entries[begin]
  return last?.event === 'begin' && (await isAlive(host, last.process)) ? 'running' : 'interrupted'
}

const BYTES = '$base64'

function encodeBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(encodeBytes)
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, encodeBytes(inner)]))
  return value
}

function decodeBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decodeBytes)
  if (typeof value !== 'object' || value === null) return value
  if (BYTES in value && typeof value[BYTES] === 'string') return new Uint8Array(Buffer.from(value[BYTES], 'base64'))
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, decodeBytes(inner)]))
}
