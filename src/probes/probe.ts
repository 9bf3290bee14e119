import type { CheckText, Finding, Params, Verdict } from '../checks/check.ts'
import type { Gathering } from '../facts/fact.ts'
import type { Session } from '../host/host.ts'
import type { Locale } from '../messages/locale.ts'

/** What a probe works with: the machine, an open session as a superuser where there is one, and the time it may take. */
export interface Probing {
  readonly gathering: Gathering
  readonly session: Session
  /** How long a segment may take to arrive, in milliseconds. */
  readonly timeoutMs: number
  /** What the user wants of the drill; absent where none was asked for. */
  readonly drill?: DrillWanted
  /** A kept base backup to restore instead of a copy, and how far; default: to now. */
  readonly fromBackup?: { readonly directory: string; readonly to?: string }
  /** Says what is being waited for. */
  waiting(what: Waiting): void
}

export interface DrillWanted {
  /** Below which directory the copy is made. */
  readonly directory?: string
  /** How far the copy gives way to everybody else, 0 to 19. */
  readonly niceness?: number
  /** In place of pgwal's own, which copies from the archive directory: what people would restore with. */
  readonly restoreCommand?: string
  /** Ctrl-C. */
  readonly signal?: AbortSignal
}

export interface Waiting {
  readonly code: 'segment' | 'login' | 'drill-checkpoint' | 'drill-copying' | 'drill-recovering' | 'drill-replaying' | 'drill-removing'
  readonly params: Params
}

/**
 * One live test that `verify` runs, one file. Unlike a check it acts on the server (it switches WAL, it logs in); like a check
 * it returns data and carries its words.
 */
export interface Probe<Code extends string = string> {
  readonly id: string
  readonly source: string
  /** Only run when it is asked for. */
  readonly onRequest?: true
  /** Needs nothing of the others and takes nothing from them: begun with the first. */
  readonly alongside?: true
  run(probing: Probing): Promise<Verdict>
  readonly text: Readonly<Record<Locale, CheckText<Code> & { readonly passed: Readonly<Record<string, string>> }>>
}

export function passed(code: string, params: Params = {}): Verdict {
  return { kind: 'pass', detail: { code, params } }
}

export function failed(...findings: Finding[]): Verdict {
  return { kind: 'fail', findings }
}

export function skipped(code: string, params: Readonly<Record<string, string | number>> = {}): Verdict {
  return { kind: 'skip', why: { code, params } }
}
