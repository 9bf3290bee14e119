// Applies a plan: every step announced in the journal before it is done, the configuration proved before anything
// restarts, and everything put back when something fails.
import { codeOf, HostError, UserError } from '../errors.ts'
import type { Connection, Host } from '../host/host.ts'
import type { Happening, ServerWaiting } from './happening.ts'
import { checkInForce } from './in-force.ts'
import { createJournal, openRuns } from './journal.ts'
import type { Journal } from './journal.ts'
import { takeLock } from './lock.ts'
import type { Plan, Step } from './plan.ts'
import { readPostmaster } from './postmaster.ts'
import type { Postmaster } from './postmaster.ts'
import { proveConfiguration } from './prove.ts'
import { ServerFailure } from './restart.ts'
import { revert } from './revert.ts'
import type { Reverted } from './revert.ts'
import { asOwner, TIMING } from './server-context.ts'
import type { ServerContext, Timing } from './server-context.ts'
import { kindOf } from './steps/index.ts'

export interface ExecuteOptions {
  /** The command that it is done for, as history shows it. Default `enable`. */
  readonly command?: string
  /** A superuser's login. Without it, what only the server can tell is left out. */
  readonly connection?: Connection
  /** Ctrl-C: what was done is put back. */
  readonly signal?: AbortSignal
  readonly timing?: Partial<Timing>
  /** Each as it happens; all of them are in the result too. */
  readonly onHappening?: (happening: Happening) => void
  readonly onWaiting?: (what: ServerWaiting) => void
}

export interface Execution {
  /** The journal's name of the run. */
  readonly run: string
  /** `failed-rollback`: something could not be put back; the happenings say what, in which state it is, and what to do. */
  readonly outcome: 'applied' | 'rolled-back' | 'failed-rollback'
  readonly happenings: readonly Happening[]
  /** Why it was put back; absent after Ctrl-C. */
  readonly failure?: Happening
  readonly cancelled: boolean
  /** What became of the server when it was put back. */
  readonly server?: Reverted['server']
  /** How each file stands after it was put back. */
  readonly files?: Reverted['files']
}

/** What is needed to work on the cluster of a plan. */
export async function contextFor(host: Host, plan: Pick<Plan, 'cluster' | 'service'>, options: Pick<ExecuteOptions, 'connection' | 'signal' | 'timing' | 'onWaiting'>): Promise<ServerContext> {
  return {
    host, cluster: plan.cluster, service: plan.service, self: await host.self(), timing: { ...TIMING, ...options.timing },
    waiting: options.onWaiting ?? (() => undefined),
    ...(options.connection === undefined ? {} : { connection: options.connection }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
}

/**
 * Does what the plan says. A step that fails is no exception: it is undone with the others, and the result says so.
 * @throws UserError `locked`, `interrupted-run`, `changed`, `state-directory-unsafe`; HostError where the journal cannot be begun. Nothing was done then.
 */
export async function execute(host: Host, plan: Plan, options: ExecuteOptions = {}): Promise<Execution> {
  if (plan.steps.length === 0) throw new Error('a plan without steps needs no run')
  const context = await contextFor(host, plan, options)
  const lock = await takeLock(host, plan.cluster)
  try {
    const open = (await openRuns(host, plan.cluster))[0]
    if (open !== undefined) throw new UserError('interrupted-run', { run: open.run })
    await checkUnchanged(context, plan)
    const postmaster = await readPostmaster(context)
    const journal = await createJournal(host, plan, options.command ?? 'enable')
    await journal.begin('apply', postmaster)
    return await new Execute(context, plan, journal, postmaster, options.onHappening ?? (() => undefined)).run()
  } finally {
    await lock.release()
  }
}

/** @throws UserError `changed`: what was shown is not what is there */
async function checkUnchanged(context: ServerContext, plan: Plan): Promise<void> {
  for (const { path, sha256 } of plan.seen) {
    const now = await context.host.read(path, asOwner(context)).then((bytes) => context.host.sha256(bytes), (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return null
      throw error
    })
    if (now !== sha256) throw new UserError('changed', { path })
  }
}

/** Ends the steps; the reason is what a person is told. */
class Stop extends Error {
  constructor(readonly happening: Happening | undefined) {
    super('stop')
  }
}

class Execute {
  private readonly happenings: Happening[] = []
  private readonly begun = new Set<number>()
  private current: Step | undefined
  private proved = false
  private downSince: number | undefined

  constructor(private readonly context: ServerContext, private readonly plan: Plan, private readonly journal: Journal, private readonly postmaster: Postmaster | undefined, private readonly tell: (happening: Happening) => void) {}

  async run(): Promise<Execution> {
    const { plan, journal } = this
    let stopped: Stop | undefined
    try {
      for (const [at, step] of plan.steps.entries()) await this.step(at, step)
      await this.prove()
      await this.inForce()
      await journal.write({ event: 'outcome', action: 'apply', ending: 'applied' })
    } catch (error) {
      stopped = error instanceof Stop ? error : new Stop(explain(error, this.current))
    }
    return stopped === undefined ? { run: journal.run, outcome: 'applied', happenings: this.happenings, cancelled: false } : this.rollBack(stopped.happening)
  }

  private happen(happening: Happening): void {
    this.happenings.push(happening)
    this.tell(happening)
  }

  private async step(at: number, step: Step): Promise<void> {
    const { context, journal } = this
    if (context.signal?.aborted === true) throw new Stop(undefined)
    if (step.kind === 'restart' || step.kind === 'reload') await this.prove()
    await journal.write({ event: 'intent', action: 'apply', step: at })
    this.begun.add(at)
    this.current = step
    if (step.kind === 'restart') this.downSince = context.host.now().getTime()
    try {
      this.happen(await kindOf(step).apply(step, context))
    } catch (error) {
      // Somebody was faster: the step was not done, and what is there is theirs.
      if (error instanceof UserError && error.code === 'changed') this.begun.delete(at)
      throw error instanceof ServerFailure && error.failure.why === 'cancelled' ? new Stop(undefined) : error
    }
    await journal.write({ event: 'receipt', action: 'apply', step: at })
  }

  /** Once, after everything is written and before the server hears of it. */
  private async prove(): Promise<void> {
    const { context, plan } = this
    if (this.proved || !plan.steps.some((step, at) => this.begun.has(at) && (step.kind === 'write-file' || step.kind === 'sql'))) return
    this.proved = true
    context.waiting({ code: 'checking', params: {}, elapsedMs: 0 })
    const proof = await proveConfiguration(context, plan)
    if (!proof.ok) throw new Stop({ status: 'failed', code: 'config-refused', params: { reason: proof.reason }, log: proof.log })
    proof.happenings.forEach((happening) => this.happen(happening))
  }

  private async inForce(): Promise<void> {
    const { context, plan } = this
    if (!plan.effects.restart && !plan.effects.reload) return
    const found = await checkInForce(context, plan)
    if (!found.ok) throw new Stop({ status: 'failed', code: 'not-in-force', params: { name: found.name, wanted: found.wanted, found: found.found } })
    found.happenings.forEach((happening) => this.happen(happening))
  }

  private async rollBack(failure: Happening | undefined): Promise<Execution> {
    const { context, plan, journal, begun, postmaster, downSince } = this
    if (failure !== undefined) this.happen(failure)
    context.waiting({ code: 'undoing', params: {}, elapsedMs: 0 })
    const restarted = downSince !== undefined
    const reverted = await revert(context, plan, {
      journal, action: 'rollback', begun, force: false, serverFollowed: !restarted && !plan.steps.some((step, at) => step.kind === 'reload' && begun.has(at)),
      postmasterBefore: postmaster ?? null,
      startIfDown: restarted && postmaster !== undefined,
      ...(downSince === undefined ? {} : { downSince }),
    }, (happening) => this.happen(happening))
    const ending = reverted.ok ? 'rolled-back' : 'failed'
    await journal.write({ event: 'outcome', action: 'rollback', ending, ...(failure === undefined ? {} : { reason: failure.code }) }).catch(() => undefined)
    return {
      run: journal.run, outcome: reverted.ok ? 'rolled-back' : 'failed-rollback', happenings: this.happenings, cancelled: failure === undefined, server: reverted.server, files: reverted.files,
      ...(failure === undefined ? {} : { failure }),
    }
  }
}

function explain(error: unknown, step: Step | undefined): Happening {
  if (error instanceof ServerFailure) {
    const { why, reason, log } = error.failure
    if (step?.kind === 'reload' || step?.kind === 'daemon-reload') return { status: 'failed', code: 'step-failed', params: { step: step.kind, reason }, log }
    return { status: 'failed', code: why === 'command' ? 'restart-failed' : 'start-failed', params: { reason }, log }
  }
  if (error instanceof UserError && error.code === 'changed') return { status: 'failed', code: 'edited-since', params: { path: String(error.params['path']) } }
  const about = step === undefined ? '' : 'path' in step ? step.path : 'about' in step ? step.about : step.kind
  const reason = error instanceof HostError || error instanceof Error ? error.message : String(error)
  return { status: 'failed', code: 'step-failed', params: { step: about, reason } }
}
