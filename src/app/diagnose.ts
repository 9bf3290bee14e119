/** doctor on one cluster: gathers what the checks need, all of it at once, and lets each check judge by itself. */
import { checks } from '../checks/index.ts'
import { CannotJudge } from '../checks/check.ts'
import type { Check, CheckContext, Verdict } from '../checks/check.ts'
import { UserError } from '../errors.ts'
import type { Fact, Gathering, Outcome } from '../facts/fact.ts'
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { summarise } from '../report/report.ts'
import type { CheckResult, ClusterReport } from '../report/report.ts'
import { gatheringFor } from './gathering.ts'
import type { GatheringOptions } from './gathering.ts'

export interface CheckSelection {
  /** Ids; empty or absent: all. */
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
}

export interface DiagnoseOptions extends GatheringOptions, CheckSelection {}

/** Everything that doctor can say about a cluster. Changes nothing. */
export async function diagnose(host: Host, cluster: Cluster, options: DiagnoseOptions = {}): Promise<ClusterReport> {
  const { gathering, close } = await gatheringFor(host, cluster, options)
  try {
    const results = await runChecks(gathering, options)
    return { cluster, checks: results, summary: summarise(results) }
  } finally {
    await close()
  }
}

/**
 * Runs checks on a gathering, which stays open.
 * @throws UserError `unknown-check` for an id that is none
 */
export async function runChecks(gathering: Gathering, selection: CheckSelection = {}): Promise<CheckResult[]> {
  const chosen = select(selection)
  const context: CheckContext = { cluster: gathering.cluster, now: gathering.host.now(), wanted: gathering.wanted }
  return Promise.all(chosen.map(async (check) => ({ id: check.id, verdict: await judge(check, gathering, context) })))
}

function select({ only = [], skip = [] }: CheckSelection): readonly Check[] {
  for (const id of [...only, ...skip]) {
    if (!checks.some((check) => check.id === id)) throw new UserError('unknown-check', { id })
  }
  return checks.filter(({ id }) => (only.length === 0 || only.includes(id)) && !skip.includes(id))
}

/** A crash of one check, or of a fact that it needs, is told as such and spoils no other. */
async function judge(check: Check, gathering: Gathering, context: CheckContext): Promise<Verdict> {
  try {
    const [needs, uses] = await Promise.all([gatherAll(gathering, check.needs), gatherAll(gathering, check.uses ?? {})])
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

async function gatherAll(gathering: Gathering, facts: Readonly<Record<string, Fact<unknown>>>): Promise<Record<string, Outcome<unknown>>> {
  const entries = Object.entries(facts)
  const outcomes = await Promise.all(entries.map(([, fact]) => gathering.fact(fact)))
  return Object.fromEntries(entries.map(([key], at) => [key, outcomes[at]!]))
}
