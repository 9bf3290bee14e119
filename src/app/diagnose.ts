/** doctor on one cluster: gathers what the checks need, all of it at once, and lets each check judge by itself. */
import { checks } from '../checks/index.ts'
import { CannotJudge } from '../checks/check.ts'
import type { Check, CheckContext, Verdict } from '../checks/check.ts'
import { UserError } from '../errors.ts'
import type { Fact, Outcome } from '../facts/fact.ts'
import type { Seen } from '../facts/saved/file.ts'
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { summarise } from '../report/report.ts'
import type { CheckResult, ClusterReport } from '../report/report.ts'
import { gatheringFor } from './gathering.ts'
import type { GatheringOptions } from './gathering.ts'
import { measuresOf, timesOf } from './measures.ts'

export interface Judging extends CheckSelection {
  /** Whether the report has the numbers for monitoring. */
  readonly measure?: boolean
}

export interface CheckSelection {
  /** Ids; empty or absent: all. */
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
  /** A newer major to which the cluster is to be upgraded: the checks about that are run as well. */
  readonly forVersion?: number
}

export interface DiagnoseOptions extends GatheringOptions, Judging {
  /** Called after the checks, while facts can still be gathered. */
  readonly keep?: (seen: Seen) => Promise<void>
}

/** Everything that doctor can say about a cluster. Changes nothing. */
export async function diagnose(host: Host, cluster: Cluster, options: DiagnoseOptions = {}): Promise<ClusterReport> {
  const { gathering, close } = await gatheringFor(host, cluster, options)
  try {
    const seen = { cluster, wanted: gathering.wanted, fact: gathering.fact, now: host.now() }
    const report = await judgeSeen(seen, options)
    await options.keep?.(seen)
    return report
  } finally {
    await close()
  }
}

/** The same from what was seen before, on this machine or another. */
export async function judgeSeen(seen: Seen, selection: Judging = {}): Promise<ClusterReport> {
  const results = await runChecks(seen, selection)
  // Who asks for one check wants no more than its facts to be gathered.
  const times = (selection.only ?? []).length > 0 && selection.measure !== true ? undefined : await timesOf(seen)
  return {
    cluster: seen.cluster, checks: results, summary: summarise(results),
    ...(times === undefined ? {} : { times }),
    ...(times !== undefined && selection.measure === true ? { measures: await measuresOf(seen, times) } : {}),
  }
}

/**
 * Runs checks on what is seen.
 * @throws UserError `unknown-check` for an id that is none
 */
export async function runChecks(seen: Seen, selection: CheckSelection = {}): Promise<CheckResult[]> {
  const chosen = select(selection)
  const { forVersion } = selection
  const context: CheckContext = { cluster: seen.cluster, now: seen.now, wanted: seen.wanted, ...(forVersion === undefined ? {} : { forVersion }) }
  return Promise.all(chosen.map(async (check) => ({ id: check.id, verdict: await judge(check, seen, context) })))
}

function select({ only = [], skip = [], forVersion }: CheckSelection): readonly Check[] {
  for (const id of [...only, ...skip]) {
    if (!checks.some((check) => check.id === id)) throw new UserError('unknown-check', { id })
  }
  return checks.filter(({ id, upgrade }) => (only.length === 0 ? upgrade !== true || forVersion !== undefined : only.includes(id)) && !skip.includes(id))
}

/** A crash of one check, or of a fact that it needs, is told as such and spoils no other. */
async function judge(check: Check, seen: Seen, context: CheckContext): Promise<Verdict> {
  try {
    const [needs, uses] = await Promise.all([gatherAll(seen, check.needs), gatherAll(seen, check.uses ?? {})])
    const values: Record<string, unknown> = {}
    for (const [key, outcome] of Object.entries(needs)) {
      if (!outcome.ok) return { kind: 'skip', why: outcome.why }
      values[key] = outcome.value
    }
    if (check.appliesTo?.(values, context) === false) return { kind: 'skip', why: { code: 'not-applicable', params: {} } }
    const findings = check.run(values, uses, context)
    return findings.length === 0 ? { kind: 'pass' } : { kind: 'fail', findings }
  } catch (error) {
    return error instanceof CannotJudge ? { kind: 'skip', why: error.why } : { kind: 'crash', error }
  }
}

async function gatherAll(seen: Seen, facts: Readonly<Record<string, Fact<unknown>>>): Promise<Record<string, Outcome<unknown>>> {
  const entries = Object.entries(facts)
  const outcomes = await Promise.all(entries.map(([, fact]) => seen.fact(fact)))
  return Object.fromEntries(entries.map(([key], at) => [key, outcomes[at]!]))
}
