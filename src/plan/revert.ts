// Puts back what a plan did: after a step that failed, and later for `pgwal undo`. Files first, then the server follows
// them, then goes what the server needed until then. Everything goes by what is there now, so it can be repeated, and
// finishes what a killed one began.
import { HostError } from '../errors.ts'
import { quoted } from '../platforms/pg-ctl.ts'
import type { Command } from '../platforms/platform.ts'
import type { Happening } from './happening.ts'
import type { Action, Journal } from './journal.ts'
import type { Plan, Step } from './plan.ts'
import { isUp, readPostmaster, samePostmaster } from './postmaster.ts'
import type { Postmaster } from './postmaster.ts'
import { driveServer, immediateStop, processesOf, reloadServer, reloadUnits, stillStopping } from './restart.ts'
import type { ServerUp, ServerNotUp } from './restart.ts'
import type { ServerContext } from './server-context.ts'
import { kindOf } from './steps/index.ts'
import type { StepState } from './steps/step-kind.ts'

export interface RevertOptions {
  readonly journal: Journal
  readonly action: Action
  /** Steps that were begun. */
  readonly begun: ReadonlySet<number>
  /** The server as it was before the plan's first step; null when it was down. */
  readonly postmasterBefore: Pick<Postmaster, 'pid' | 'started'> | null
  /** A server that is down is down because of us. */
  readonly startIfDown: boolean
  /** The server has the old files already: nothing that is put back only now is new to it. */
  readonly serverFollowed: boolean
  readonly force: boolean
  /** When the server went down, in milliseconds since 1970. */
  readonly downSince?: number
}

export interface Reverted {
  /** Everything is as it was. */
  readonly ok: boolean
  /** `stale`: it runs, and still with what was to be undone; `stopping`: it was told to end, and waits for something. */
  readonly server: 'untouched' | 'reloaded' | 'restarted' | 'started' | 'stale' | 'stopping' | 'down'
  readonly happenings: readonly Happening[]
  /** How each file that the plan writes stands now: `before` as it was, `after` as planned, `other` as somebody else left it. */
  readonly files: readonly { readonly path: string; readonly state: StepState | 'unknown' }[]
}

/** Undoes the steps that were begun. Never throws for what the machine does: what could not be put back is in the result. */
export async function revert(context: ServerContext, plan: Plan, options: RevertOptions, tell: (happening: Happening) => void): Promise<Reverted> {
  const work = new Revert({ ...context, signal: neverAborted }, plan, options, tell)
  return work.run()
}

/** Putting back is not interrupted halfway. */
const neverAborted = new AbortController().signal

class Revert {
  private readonly happenings: Happening[] = []
  private ok = true
  private changed = false

  constructor(private readonly context: ServerContext, private readonly plan: Plan, private readonly options: RevertOptions, private readonly tell: (happening: Happening) => void) {}

  async run(): Promise<Reverted> {
    await this.undoSteps('before-restart')
    const back = this.ok
    await this.followUnits()
    const server = await this.follow()
    if (server !== 'down' && server !== 'stopping' && server !== 'stale') {
      if (back) await this.undoSteps('after-restart')
      else this.keepSteps()
    }
    return { ok: this.ok, server, happenings: this.happenings, files: await this.files() }
  }

  private async files(): Promise<Reverted['files']> {
    const found: { path: string; state: StepState | 'unknown' }[] = []
    for (const step of this.plan.steps) {
      const path = step.kind === 'write-file' ? step.path : step.kind === 'sql' ? step.autoConf?.path : undefined
      if (path !== undefined) found.push({ path, state: await kindOf(step).state(step, this.context).catch(() => 'unknown' as const) })
    }
    return found
  }

  private happen(happening: Happening): void {
    this.happenings.push(happening)
    this.tell(happening)
  }

  private due(when: 'before-restart' | 'after-restart'): (readonly [number, Step])[] {
    return [...this.plan.steps.entries()].filter(([at, step]) => this.options.begun.has(at) && kindOf(step).undoWhen(step) === when).reverse()
  }

  /** A file that could not be put back may be what has the server call the script, and write into the directory. */
  private keepSteps(): void {
    for (const [, step] of this.due('after-restart')) {
      const about = 'path' in step ? step.path : 'about' in step ? step.about : undefined
      if (about !== undefined) this.happen({ status: 'skipped', code: 'kept-for-now', params: { about } })
    }
  }

  private async undoSteps(when: 'before-restart' | 'after-restart'): Promise<void> {
    const { options } = this
    for (const [at, step] of this.due(when)) {
      await this.note({ event: 'intent', action: options.action, step: at })
      if (await this.undoStep(step)) await this.note({ event: 'receipt', action: options.action, step: at })
    }
  }

  private async undoStep(step: Step): Promise<boolean> {
    const { context, options } = this
    try {
      const done = await kindOf(step).undo(step, { ...context, force: options.force, keep: (path, bytes) => options.journal.keep(path, bytes) })
      done.happenings.forEach((happening) => this.happen(happening))
      this.ok &&= done.ok
      this.changed ||= done.changed
      return done.ok
    } catch (error) {
      this.ok = false
      this.happen(await this.explain(step, error))
      return false
    }
  }

  /** A file that cannot be put back: its old content is laid where a person can take it from. */
  private async explain(step: Step, error: unknown): Promise<Happening> {
    const { journal } = this.options
    const reason = error instanceof Error ? error.message : String(error)
    if (step.kind !== 'write-file' || step.before === null) {
      const about = 'path' in step ? step.path : 'about' in step ? step.about : step.kind
      return { status: 'failed', code: 'step-failed', params: { step: about, reason } }
    }
    const copy = await journal.keep(step.path, step.before.bytes).catch(() => `${journal.directory}/plan.json`)
    return { status: 'failed', code: 'not-restored', params: { path: step.path, copy, reason } }
  }

  /** systemd goes by its old files again, before it starts anything. */
  private async followUnits(): Promise<void> {
    const { context, options, plan } = this
    if (!plan.steps.some((step, at) => options.begun.has(at) && step.kind === 'write-file' && step.role === 'unit-drop-in')) return
    const done = await reloadUnits(context).catch((error: unknown) => failure(error))
    if (done.ok) this.happen({ status: 'done', code: 'units-reloaded' })
    else this.fail({ status: 'failed', code: 'step-failed', params: { step: 'daemon-reload', reason: done.reason }, log: done.log })
  }

  /** The server runs with its old files again: reloaded, restarted or started as it needs. */
  private async follow(): Promise<Reverted['server']> {
    const { context, options } = this
    let needed: Awaited<ReturnType<Revert['needed']>>
    try {
      needed = await this.needed()
    } catch (error) {
      // Whether it runs is not known, so neither is with what.
      this.fail({ status: 'failed', code: 'step-failed', params: { step: 'restart', reason: failure(error).reason } })
      return 'stale'
    }
    if (needed === undefined) return 'untouched'
    await this.note({ event: 'intent', action: options.action, step: 'server' })
    if (needed === 'reload') {
      const done = await reloadServer(context).catch((error: unknown) => failure(error))
      if (done.ok) this.happen({ status: 'done', code: 'reloaded' })
      else this.fail({ status: 'failed', code: 'step-failed', params: { step: 'reload', reason: done.reason }, log: done.log })
      if (done.ok) await this.note({ event: 'receipt', action: options.action, step: 'server' })
      return done.ok ? 'reloaded' : 'untouched'
    }
    const done = await this.bringUp(needed)
    if (!done.ok) {
      const postmaster = await readPostmaster(context).catch(() => undefined)
      if (postmaster !== undefined && (await isUp(context, postmaster))) {
        this.fail({ status: 'failed', code: 'restart-failed', params: { reason: done.reason }, log: done.log })
        return 'stale'
      }
      if (postmaster?.status === 'stopping') {
        const command = `${typed([immediateStop(context)])} ; ${typed(context.service.start)}`
        this.fail({ status: 'failed', code: 'server-stopping', params: { pid: postmaster.pid, command }, log: await processesOf(context, postmaster.pid) })
        return 'stopping'
      }
      this.fail({ status: 'failed', code: 'server-not-restored', params: { command: typed(context.service.start) }, log: done.log })
      return 'down'
    }
    await this.note({ event: 'receipt', action: options.action, step: 'server' })
    const { downSince } = options
    if (downSince !== undefined) this.happen({ status: 'done', code: 'server-restored', params: { downMs: context.host.now().getTime() - downSince } })
    else this.happen({ status: 'done', code: needed === 'start' ? 'started' : 'restarted', params: { elapsedMs: done.elapsedMs } })
    return needed === 'start' ? 'started' : 'restarted'
  }

  private async needed(): Promise<'reload' | 'restart' | 'start' | undefined> {
    const { context, options, plan } = this
    const configured = plan.steps.some((step, at) => options.begun.has(at) && configures(step))
    if (!configured) return undefined
    let postmaster: Postmaster | undefined
    try {
      postmaster = await readPostmaster(context)
    } catch (error) {
      // Down because of us, for all we know: a restart brings it back either way.
      if (options.startIfDown) return 'restart'
      throw error
    }
    if (postmaster === undefined) return options.startIfDown ? 'start' : undefined
    if (options.startIfDown && !(await isUp(context, postmaster))) return 'restart'
    const sawNew = !samePostmaster(postmaster, options.postmasterBefore) && plan.effects.restartFor.length > 0
    if (sawNew && (this.changed || !options.serverFollowed)) return 'restart'
    return this.changed || !options.serverFollowed ? 'reload' : undefined
  }

  private async bringUp(action: 'restart' | 'start'): Promise<ServerUp | ServerNotUp> {
    const first = await this.drive(action)
    if (first.ok || first.why === 'stopping') return first
    // A supervisor that still holds what failed may need a second word.
    const second = await this.drive('restart')
    return second.ok || second.log.length > 0 ? second : first
  }

  /** One that does not end would be waited for as long once more. */
  private async drive(action: 'restart' | 'start'): Promise<ServerUp | ServerNotUp> {
    const { context } = this
    try {
      if ((await stillStopping(context)) !== undefined) return { ok: false, why: 'stopping', reason: 'stopping', log: [] }
      return await driveServer(context, (await readPostmaster(context)) === undefined ? 'start' : action)
    } catch (error) {
      return failure(error)
    }
  }

  private fail(happening: Happening): void {
    this.ok = false
    this.happen(happening)
  }

  /** Putting back goes on where the journal cannot be written: it is worth more than a record of it. */
  private async note(entry: Parameters<Journal['write']>[0]): Promise<void> {
    await this.options.journal.write(entry).catch(() => undefined)
  }
}

/** Whether the server reads what the step changes. */
function configures(step: Step): boolean {
  return step.kind === 'write-file' ? step.role !== 'archive-script' : step.kind === 'sql' ? step.autoConf !== undefined : step.kind === 'reload' || step.kind === 'restart'
}

function failure(error: unknown): ServerNotUp {
  if (!(error instanceof HostError)) throw error
  return { ok: false, why: 'command', reason: error.message, log: [] }
}

/** Commands as a person types them. */
function typed(commands: readonly Command[]): string {
  return commands.map(({ file, args, as }) => [...(as === undefined ? [] : ['sudo', '-u', as.name]), file, ...args].map(quoted).join(' ')).join(' && ')
}
