import type { Fact, Outcome, Unavailable } from '../facts/fact.ts'
import type { Goal } from '../plan/goal.ts'
import type { Cluster } from '../platforms/platform.ts'
import type { Locale } from '../messages/locale.ts'

export type Severity = 'error' | 'warning' | 'info'

export interface Place {
  readonly file: string
  readonly line?: number
}

export type Params = Readonly<Record<string, string | number | boolean>>

/** Data, no words: `report/` makes the words from the check's text. */
export interface Finding {
  readonly code: string
  readonly severity: Severity
  readonly params: Params
  readonly at?: Place
  /** What enable would do about it; absent when only a person can. */
  readonly fix?: Goal
}

export type Verdict =
  /** `detail` is what a probe of verify proved; its words are the unit's `passed[code]`. */
  | { readonly kind: 'pass'; readonly detail?: { readonly code: string; readonly params: Params } }
  | { readonly kind: 'fail'; readonly findings: readonly Finding[] }
  | { readonly kind: 'skip'; readonly why: Unavailable }
  | { readonly kind: 'crash'; readonly error: unknown }

type Values<N extends Record<string, Fact<unknown>>> = { readonly [K in keyof N]: N[K] extends Fact<infer T> ? T : never }
type Outcomes<N extends Record<string, Fact<unknown>>> = { readonly [K in keyof N]: N[K] extends Fact<infer T> ? Outcome<T> : never }

/** Words for one finding code. `{name}` stands for a parameter. */
export interface FindingText {
  /** One line: what is wrong. */
  readonly message: string
  /** Why it matters. */
  readonly why: string
  /** What to do: a command or an edit. */
  readonly remedy: string
  /** The same on Windows, where that differs. */
  readonly windows?: string
}

/** Words for a whole check: `pgwal checks ID` and docs/checks/ show them. */
export interface CheckText<Code extends string> {
  /** What is looked at, in a few words. */
  readonly title: string
  /** Cause, symptom, how it is detected: a short paragraph. */
  readonly about: string
  readonly findings: Readonly<Record<Code, FindingText>>
  /** Words for what a pass proved, by its detail's code: only the probes of verify have them. */
  readonly passed?: Readonly<Record<string, string>>
}

export interface CheckContext {
  readonly cluster: Cluster
  readonly now: Date
  readonly wanted: { readonly replicationUser: string; readonly allowFrom: readonly string[] }
  /** The newer major to which the cluster is to be upgraded, where the user asks about that. */
  readonly forVersion?: number
}

/**
 * One health check, one file. `needs` must all be there, else the check is skipped with the first one's reason; `uses`
 * may be missing. `run` is synchronous and pure. To say that it cannot judge, it throws {@link cannotJudge}.
 */
export interface Check<
  N extends Record<string, Fact<unknown>> = Record<string, Fact<unknown>>,
  U extends Record<string, Fact<unknown>> = Record<string, Fact<unknown>>,
  Code extends string = string,
> {
  readonly id: string
  /** The page or file that it relies on. */
  readonly source: string
  readonly needs: N
  readonly uses?: U
  /** Only run where the user asks about an upgrade ({@link CheckContext.forVersion}), or for this check by its id. */
  readonly upgrade?: true
  appliesTo?(facts: Values<N>, context: CheckContext): boolean
  run(facts: Values<N>, uses: Outcomes<U>, context: CheckContext): (Omit<Finding, 'code'> & { readonly code: Code })[]
  readonly text: Readonly<Record<Locale, CheckText<Code>>>
}

/** Ties the finding codes to the words: a code without words in both languages does not compile. */
export function defineCheck<
  const N extends Record<string, Fact<unknown>>,
  const U extends Record<string, Fact<unknown>> = Record<string, never>,
  const Code extends string = string,
>(check: Check<N, U, Code>): Check {
  return check as unknown as Check
}

/** Thrown by a check whose facts are there but do not allow a verdict. */
export class CannotJudge extends Error {
  constructor(readonly why: Unavailable) {
    super(why.code)
  }
}

export function cannotJudge(code: string, params: Unavailable['params'] = {}): CannotJudge {
  return new CannotJudge({ code, params })
}
