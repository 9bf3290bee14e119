import type { ErrorCode } from '../messages/errors.ts'
import type { OutcomeCode } from '../report/outcome-text.ts'

export type Params = Readonly<Record<string, string | number>>

/** Something that was done, or went wrong, as data: `report/` has the words. */
export interface Happening {
  readonly status: 'done' | 'failed' | 'warned' | 'skipped'
  readonly code: OutcomeCode
  readonly params?: Params
  /** Lines of a log, as they are. */
  readonly log?: readonly string[]
}

/** Why no plan can be made: what a UserError is made of. */
export interface Refusal {
  readonly kind: 'refusal'
  readonly code: ErrorCode
  readonly params: Params
}

/** What is being waited for, for progress lines. */
export interface ServerWaiting {
  readonly code: 'restarting' | 'starting' | 'reloading' | 'accepting' | 'checking' | 'undoing'
  readonly params: Params
  readonly elapsedMs: number
}
