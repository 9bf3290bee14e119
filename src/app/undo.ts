/** Undoing a run that is on record: one that was applied, or one that was killed halfway. */
import { UserError } from '../errors.ts'
import type { Connection, Host } from '../host/host.ts'
import { contextFor } from '../plan/executor.ts'
import type { Happening, ServerWaiting } from '../plan/happening.ts'
import { findRun, isOf, listRuns, openJournal, readable } from '../plan/journal.ts'
import type { Entry, RecordedRun } from '../plan/journal.ts'
import { removeLeftovers } from '../plan/leftovers.ts'
import { takeLock } from '../plan/lock.ts'
import { refuseOldFiles } from '../plan/old-files.ts'
import type { Plan } from '../plan/plan.ts'
import { readPostmaster, samePostmaster } from '../plan/postmaster.ts'
import type { Postmaster } from '../plan/postmaster.ts'
import { refuseHazards } from '../plan/restart-hazards.ts'
import { revert } from '../plan/revert.ts'
import type { Reverted } from '../plan/revert.ts'
import type { ServerContext, Timing } from '../plan/server-context.ts'
import { kindOf } from '../plan/steps/index.ts'
import type { StepView } from '../report/plan-text.ts'

export interface UndoSelection {
  /** The run, as history prints it; default: the newest that can be undone. */
  readonly run?: string
  /** The newest on this cluster. */
  readonly dataDir?: string
  readonly clusterId?: string
}

/** What undoing a run would do. */
export interface UndoPreview {
  readonly run: RecordedRun
  readonly steps: readonly StepView[]
  readonly effects: Plan['effects']
  /** What somebody edited since: undone only with `force`. */
  readonly edited: readonly string[]
}

export interface UndoOptions {
  readonly force?: boolean
  /** A superuser's login, for what only SQL can undo. */
  readonly connection?: Connection
  readonly timing?: Partial<Timing>
  readonly onHappening?: (happening: Happening) => void
  readonly onWaiting?: (what: ServerWaiting) => void
}

export interface Undone {
  readonly run: string
  /** `failed`: something could not be put back; the happenings say what, and what to do. */
  readonly outcome: 'undone' | 'failed'
  readonly happenings: readonly Happening[]
  readonly server: Reverted['server']
  /** How each file stands now. */
  readonly files: Reverted['files']
}

/**
 * The run to undo, or undefined when there is none.
 * @throws UserError `no-such-run`, `journal-unreadable`
 */
export async function selectRun(host: Host, selection: UndoSelection = {}): Promise<RecordedRun | undefined> {
  if (selection.run !== undefined) {
    const run = await findRun(host, selection.run)
    return canBeUndone(run) ? run : undefined
  }
  const { dataDir, clusterId } = selection
  // One that cannot be read may be the very one that was meant: to pass over it would undo another, or say that there is nothing.
  const found = (await listRuns(host)).find((run) => run.state === 'unreadable'
    || (canBeUndone(run) && (dataDir === undefined || isOf(run, { dataDir })) && (clusterId === undefined || run.plan.cluster.id === clusterId)))
  return found === undefined ? undefined : readable(found)
}

function canBeUndone({ state }: RecordedRun): boolean {
  return state === 'applied' || state === 'interrupted' || state === 'failed' || state === 'running'
}

/** What {@link undo} would do now; changes nothing. */
export async function previewUndo(host: Host, run: RecordedRun, options: Pick<UndoOptions, 'connection'> = {}): Promise<UndoPreview> {
  const context = await contextFor(host, run.plan, options)
  const { due, edited } = await examine(context, run)
  const restart = await restarts(context, run)
  const server: StepView[] = due.length === 0 ? [] : restart ? [{ kind: 'restart' }] : context.cluster.running ? [{ kind: 'reload' }] : []
  // systemd hears of its old drop-ins before anything is restarted.
  const units = run.plan.steps.flatMap((step) => (step.kind === 'daemon-reload' && run.plan.steps.some((other) => 'role' in other && other.role === 'unit-drop-in' && due.some(({ path }) => path === other.path)) ? [kindOf(step).describe(step)] : []))
  return {
    run, edited,
    steps: [...due, ...units, ...server],
    effects: { restart, reload: !restart && server.length > 0, connectionsDropped: restart ? null : 0, restartFor: run.plan.effects.restartFor },
  }
}

/**
 * Puts back what a run changed, byte for byte, and has the server follow. A run that was killed is put back too, and so is one
 * whose undo was killed.
 * @throws UserError `edited-since` without `force`, `locked`, and what {@link refuseOldFiles} and {@link refuseHazards} throw; nothing was done then
 */
export async function undo(host: Host, selected: RecordedRun, options: UndoOptions = {}): Promise<Undone> {
  const lock = await takeLock(host, selected.plan.cluster)
  try {
    // As it is now: somebody may have undone it while we waited for an answer. Where the cluster is and what runs it, the caller knows better.
    const found = await findRun(host, selected.run)
    const run = { ...found, plan: { ...found.plan, cluster: selected.plan.cluster, service: selected.plan.service } }
    if (!canBeUndone(run)) return { run: run.run, outcome: 'undone', happenings: [], server: 'untouched', files: [] }
    const context = await contextFor(host, run.plan, options)
    const { edited } = await examine(context, run)
    if (edited[0] !== undefined && options.force !== true) throw new UserError('edited-since', { path: edited[0] })
    await refuseOldFiles(context, run.plan, begun(run.entries))
    const postmaster = await readPostmaster(context)
    if (postmaster !== undefined && await restarts(context, run)) await refuseHazards(context, run.plan.wanted.settings, writtenBy(run.plan).filter((path) => !edited.includes(path)))
    const journal = await openJournal(host, run)
    await journal.begin('undo', postmaster)
    const told: Happening[] = run.state === 'interrupted' ? [{ status: 'warned', code: 'interrupted-run', params: { run: run.run, count: receipts(run.entries) } }] : []
    told.forEach((happening) => options.onHappening?.(happening))
    // First of all: in a directory that the run made they would stand in the way of its removal.
    if (run.state !== 'applied') await removeLeftovers(context, run.plan)
    const reverted = await revert(context, run.plan, {
      journal, action: 'undo', begun: begun(run.entries), postmasterBefore: firstPostmaster(run.entries),
      startIfDown: downBecauseOfUs(run), serverFollowed: followed(run, postmaster), force: options.force ?? false,
    }, (happening) => options.onHappening?.(happening))
    await journal.write({ event: 'outcome', action: 'undo', ending: reverted.ok ? 'undone' : 'failed' })
    return { run: run.run, outcome: reverted.ok ? 'undone' : 'failed', happenings: [...told, ...reverted.happenings], server: reverted.server, files: reverted.files }
  } finally {
    await lock.release()
  }
}

/** What is left to undo, in the order in which it is undone, and what stands in the way. */
async function examine(context: ServerContext, run: RecordedRun): Promise<{ readonly due: StepView[]; readonly edited: string[] }> {
  const due: StepView[] = []
  const edited: string[] = []
  const steps = [...run.plan.steps.entries()].filter(([at]) => begun(run.entries).has(at)).map(([, step]) => step).reverse()
  for (const step of steps) {
    const view = kindOf(step).describeUndo(step)
    if (view === undefined) continue
    // What only a login can tell is left to the undo itself.
    if (step.kind === 'sql' && step.autoConf === undefined && context.connection === undefined) {
      due.push(view)
      continue
    }
    const state = await kindOf(step).state(step, context)
    if (state !== 'before') due.push(view)
    if (state === 'other') edited.push(view.path ?? view.about ?? '')
  }
  return { due, edited }
}

function writtenBy({ steps }: Plan): string[] {
  return steps.flatMap((step) => (step.kind === 'write-file' ? [step.path] : step.kind === 'sql' && step.autoConf !== undefined ? [step.autoConf.path] : []))
}

/** Steps of the plan that were begun: what was not announced was not done. */
function begun(entries: readonly Entry[]): Set<number> {
  return new Set(entries.flatMap((entry) => (entry.event === 'intent' && entry.action === 'apply' && typeof entry.step === 'number' ? [entry.step] : [])))
}

function receipts(entries: readonly Entry[]): number {
  return entries.filter((entry) => entry.event === 'receipt' && entry.action === 'apply' && typeof entry.step === 'number').length
}

/** The server before the first step. */
function firstPostmaster(entries: readonly Entry[]): { readonly pid: number; readonly started: number } | null {
  const first = entries.find((entry) => entry.event === 'begin')
  return first?.event === 'begin' ? first.postmaster : null
}

/** The server has read its old files since: because an earlier attempt had it do so, or because somebody started it after they were put back. */
function followed({ entries }: RecordedRun, postmaster: Postmaster | undefined): boolean {
  if (entries.some((entry) => entry.event === 'receipt' && entry.step === 'server')) return true
  const back = entries.findLast((entry) => entry.event === 'receipt' && entry.action !== 'apply')
  return back !== undefined && postmaster !== undefined && postmaster.started * 1000 > Date.parse(back.at)
}

/** The run was killed, or failed, between stopping the server and seeing it up again. */
function downBecauseOfUs({ plan, entries }: RecordedRun): boolean {
  if (firstPostmaster(entries) === null) return false
  const restart = plan.steps.findIndex(({ kind }) => kind === 'restart')
  const last = entries.findLast((entry) => (entry.event === 'intent' || entry.event === 'receipt') && (entry.step === 'server' || entry.step === restart))
  return last?.event === 'intent'
}

async function restarts(context: ServerContext, run: RecordedRun): Promise<boolean> {
  const postmaster = await readPostmaster(context)
  if (postmaster === undefined) return downBecauseOfUs(run)
  return run.plan.effects.restartFor.length > 0 && !followed(run, postmaster) && !samePostmaster(postmaster, firstPostmaster(run.entries))
}
