/** undo, with what a person is shown and asked. */
import type { Context } from '../base-command.ts'
import { UserError } from '../errors.ts'
import type { Connection } from '../host/host.ts'
import type { RecordedRun } from '../plan/journal.ts'
import type { Plan } from '../plan/plan.ts'
import type { Happening } from '../plan/happening.ts'
import type { Cluster, Service } from '../platforms/platform.ts'
import type { RunOutcome } from '../report/json.ts'
import { endingText } from '../report/outcome-text.ts'
import { planText } from '../report/plan-text.ts'
import type { StepView } from '../report/plan-text.ts'
import { compose } from '../report/words.ts'
import { refuseAnotherServer, serviceName } from './enable.ts'
import { gatheringFor } from './gathering.ts'
import { interruptibly } from './interruption.ts'
import { needPrivileges } from './privileges.ts'
import { detectClusters, serviceOf } from '../platforms/index.ts'
import { previewUndo, selectRun, undo } from './undo.ts'

export interface UndoRunOptions {
  readonly run?: string
  readonly cluster?: string
  readonly dataDir?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly force?: boolean
  /** Ctrl-C: nothing is undone any more; what was begun by then is finished. */
  readonly signal?: AbortSignal
  readonly onPlan?: (text: string) => void
}

export interface UndoResult {
  readonly outcome: RunOutcome
  readonly run?: string
  readonly cluster?: Cluster
  readonly steps: readonly StepView[]
  readonly effects: Plan['effects']
  readonly happenings: readonly Happening[]
  readonly needsConfirmation: boolean
}

const NO_EFFECTS: Plan['effects'] = { restart: false, reload: false, connectionsDropped: 0, restartFor: [] }

/** @throws UserError `need-privileges` for a run that was another account's to make, `managed` without `force`; see {@link undo} for the rest */
export async function undoRun(context: Context, options: UndoRunOptions): Promise<UndoResult> {
  const { result, ready } = await interruptibly(context, options.signal, (looking) => consider(looking, options))
  return ready === undefined ? result : apply(context, result, ready, options)
}

interface Ready {
  readonly recorded: RecordedRun
  readonly cluster: Cluster
  readonly connection: { readonly connection?: Connection }
}

/** Everything before the first change. `ready`: it was shown, and shall be done. */
async function consider(context: Context, options: UndoRunOptions): Promise<{ readonly result: UndoResult; readonly ready?: Ready }> {
  const { host, ui } = context
  const selection = {
    ...(options.run === undefined ? {} : { run: options.run }),
    ...(options.cluster === undefined ? {} : { clusterId: options.cluster }),
    ...(options.dataDir === undefined ? {} : { dataDir: options.dataDir }),
  }
  const run = await selectRun(host, selection)
  const nothing = { outcome: 'nothing-to-do' as const, steps: [], effects: NO_EFFECTS, happenings: [], needsConfirmation: false }
  if (run === undefined) return { result: nothing }
  const cluster = await asItIsNow(context, run.plan.cluster)
  // Patroni and its like take a stop for a failure, and the files are theirs by now.
  const { manager } = cluster
  if (manager !== undefined && options.force !== true) throw new UserError('managed', { manager: manager.name, evidence: manager.evidence, command: manager.command })
  const service = await serviceNow(context, cluster, run.plan.service)
  const recorded = { ...run, plan: { ...run.plan, cluster, service } }
  const self = await host.self()
  if (!self.privileged && (self.uid !== cluster.owner.uid || service.needsRoot)) throw needPrivileges(host, self, cluster.owner.name, `pgwal undo ${run.run}`)

  const connection = await loginOf(context, cluster)
  const preview = await previewUndo(host, recorded, connection)
  const result = { run: run.run, cluster, steps: preview.steps, effects: preview.effects, happenings: [], needsConfirmation: false }
  if (options.dryRun === true) return { result: { ...result, outcome: 'planned' } }
  if (options.yes !== true && (!ui.interactive || context.json)) return { result: { ...result, outcome: 'planned', needsConfirmation: true } }
  if (preview.edited[0] !== undefined && options.force !== true) throw new UserError('edited-since', { path: preview.edited[0] })
  if (preview.steps.length > 0) {
    const show = options.onPlan ?? (context.json ? () => undefined : (text: string) => ui.note(text))
    show(`\n${planText(preview.steps, preview.effects, context.style, { service: serviceName(cluster), verbose: context.verbose })}\n`)
  }
  if (options.yes !== true && !(await ui.confirm({ message: ui.words.prompts.undo }))) return { result: { ...result, outcome: 'cancelled' } }
  if (options.yes !== true) await refuseAnotherServer(context, cluster)
  return { result: { ...result, outcome: 'planned' }, ready: { recorded, cluster, connection } }
}

async function apply({ host, ui, locale }: Context, result: UndoResult, { recorded, cluster, connection }: Ready, options: UndoRunOptions): Promise<UndoResult> {
  const progress = ui.progress(ui.words.progress.undoing)
  try {
    const done = await undo(host, recorded, {
      ...connection,
      force: options.force ?? false,
      onHappening: (happening) => ui.outcome(happening),
      onWaiting: ({ code, params }) => progress.update(compose(ui.words.progress[code], { cluster: cluster.id, ...params }, locale)),
    })
    return { ...result, happenings: done.happenings, outcome: done.outcome === 'undone' ? 'applied' : 'rolled-back' }
  } finally {
    progress.done()
  }
}

/** The cluster of an old run in its present state: whether it runs, and where. */
async function asItIsNow(context: Context, recorded: Cluster): Promise<Cluster> {
  const found = await detectClusters(context.host, { dataDir: recorded.dataDir }).catch(() => [])
  return found.find(({ dataDir }) => dataDir === recorded.dataDir) ?? { ...recorded, running: false }
}

/** A server that runs may have other options, other programs or another unit since; what one that is down was started with, only the record tells. */
async function serviceNow({ host }: Context, cluster: Cluster, recorded: Service): Promise<Service> {
  if (!cluster.running) return recorded
  const { reloadUnits } = recorded
  return { ...(reloadUnits === undefined ? {} : { reloadUnits }), ...await serviceOf(cluster, host) }
}

async function loginOf(context: Context, cluster: Cluster): Promise<{ readonly connection?: Connection }> {
  const open = await gatheringFor(context.host, cluster, {})
  try {
    const connection = await open.gathering.connection()
    return connection.ok ? { connection: connection.value } : {}
  } finally {
    await open.close()
  }
}

/** What stands on stdout at the end. */
export function undoText(context: Context, result: UndoResult): string {
  const { style } = context
  switch (result.outcome) {
    case 'nothing-to-do': return endingText('nothing-to-undo', {}, style)
    case 'planned': {
      const shown = planText(result.steps, result.effects, style, { service: result.cluster === undefined ? '' : serviceName(result.cluster), verbose: context.verbose })
      return `${shown}\n\n${endingText('planned', { command: `pgwal undo ${result.run ?? ''} --yes` }, style)}`
    }
    case 'cancelled': return endingText('cancelled', {}, style)
    case 'rolled-back': return endingText('rolled-back-partly', {}, style)
    case 'applied': return endingText('undone', { run: result.run ?? '' }, style)
  }
}
