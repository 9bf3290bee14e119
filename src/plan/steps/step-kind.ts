import type { StepView } from '../../report/plan-text.ts'
import type { Happening } from '../happening.ts'
import type { Step } from '../plan.ts'
import type { ServerContext } from '../server-context.ts'

/**
 * What the machine says about a step: not done, done, or neither, because somebody else was there since.
 * Both applying and undoing go by it, never by what was remembered: so each can be repeated, and a run that was killed
 * anywhere can be undone.
 */
export type StepState = 'before' | 'after' | 'other'

export interface UndoContext extends ServerContext {
  /** Put back also what somebody edited since; their version goes to `keep`. */
  readonly force: boolean
  /** Keeps a copy of bytes in the run's directory, and says where. */
  keep(path: string, bytes: Uint8Array): Promise<string>
}

export interface Undone {
  /** False: something is not as it was before. */
  readonly ok: boolean
  /** Whether anything was changed just now. */
  readonly changed: boolean
  readonly happenings: readonly Happening[]
}

/** One kind of step. */
export interface StepKind<S extends Step = Step> {
  readonly kind: S['kind']
  /** As shown before it is done; pure. */
  describe(step: S): StepView
  /** As shown before it is undone; pure. Undefined: nothing of its own to show. */
  describeUndo(step: S): StepView | undefined
  state(step: S, context: ServerContext): Promise<StepState>
  /** @throws HostError, UserError `changed` when the state is `other` */
  apply(step: S, context: ServerContext): Promise<Happening>
  /** Never throws for the state `other`; that is in what it returns. */
  undo(step: S, context: UndoContext): Promise<Undone>
  /**
   * Whether it is undone before the server is restarted with the old configuration, or afterwards: what the server uses until
   * then stays until then.
   */
  undoWhen(step: S): 'before-restart' | 'after-restart'
}

export const NOTHING: Undone = { ok: true, changed: false, happenings: [] }

export function undone(code: Happening['code'], params: NonNullable<Happening['params']>): Undone {
  return { ok: true, changed: true, happenings: [{ status: 'done', code, params }] }
}

export function notUndone(code: Happening['code'], params: NonNullable<Happening['params']>): Undone {
  return { ok: false, changed: false, happenings: [{ status: 'failed', code, params }] }
}
