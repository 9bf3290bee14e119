import type { Finding, Params } from '../checks/check.ts'
import type { Cluster } from '../platforms/platform.ts'
import type { RunView } from './history-text.ts'
import type { StepView } from './plan-text.ts'
import type { CheckResult, ClusterReport } from './report.ts'
import { findingWords, reasonWords, type Worded, wordsOn } from './words.ts'

/** The number of the layout; raised when a name or a meaning changes. */
export const SCHEMA = 1

/** A cluster as every command's JSON shows it. */
export function clusterJson(cluster: Cluster): object {
  const { id, platform, product, version, dataDir, configFile, hbaFile, port, running, owner, binDir, logFile, service, socketDirs, manager, evidence, notes, pid } = cluster
  return { id, platform, product, version, dataDir, configFile, hbaFile, port, running, owner: owner.name, pid, binDir, logFile, service, socketDirs, manager, evidence, notes }
}

/** doctor and verify. Words are English whatever the language: a script reads codes and parameters. */
export function reportsJson(command: 'doctor' | 'verify', reports: readonly ClusterReport[], words: readonly Worded[]): object {
  return { schema: SCHEMA, command, clusters: reports.map((report) => reportJson(report, words)) }
}

/** One cluster's part of {@link reportsJson}; also `verify` inside enable's. */
function reportJson({ cluster, checks, summary, times, statement }: ClusterReport, words: readonly Worded[]): object {
  const there = wordsOn(words, cluster)
  return { cluster: clusterJson(cluster), checks: checks.map((result) => checkJson(result, there)), summary, ...(times === undefined ? {} : { times }), ...(statement === undefined ? {} : { statement }) }
}

function checkJson({ id, verdict }: CheckResult, words: readonly Worded[]): object {
  if (verdict.kind === 'pass') return { id, verdict: 'pass', ...(verdict.detail === undefined ? {} : { detail: verdict.detail }) }
  if (verdict.kind === 'skip') return { id, verdict: 'skip', reason: reasonWords(verdict.why, 'en'), code: verdict.why.code, params: bounded(verdict.why.params) }
  if (verdict.kind === 'crash') return { id, verdict: 'crash', error: verdict.error instanceof Error ? verdict.error.message : String(verdict.error) }
  return { id, verdict: 'fail', findings: verdict.findings.map((finding) => findingJson(id, finding, words)) }
}

function findingJson(id: string, finding: Finding, words: readonly Worded[]): object {
  const { message, remedy } = findingWords(words, id, finding, 'en')
  const { code, severity, params, at, fix } = finding
  return { code, severity, message, params: bounded(params), at, remedy, fixable: fix !== undefined }
}

export function clustersJson(clusters: readonly Cluster[]): object {
  return { schema: SCHEMA, command: 'clusters', clusters: clusters.map(clusterJson) }
}

/** The journal's runs, the newest first. */
export function historyJson(runs: readonly RunView[]): object {
  return { schema: SCHEMA, command: 'history', runs }
}

export type RunOutcome = 'applied' | 'nothing-to-do' | 'planned' | 'rolled-back' | 'cancelled'

/** enable and undo. */
export interface RunJson {
  readonly cluster: Cluster
  readonly steps: readonly StepView[]
  readonly effects: object
  readonly outcome: RunOutcome
  /** The journal's name of this run; absent when nothing was begun. */
  readonly run?: string
  readonly verify?: ClusterReport
}

export function runJson(command: 'enable' | 'undo', { cluster, steps, effects, outcome, run, verify }: RunJson, words: readonly Worded[]): object {
  return {
    schema: SCHEMA, command, cluster: clusterJson(cluster), plan: { steps, effects }, outcome, run,
    ...(verify === undefined ? {} : { verify: reportJson(verify, words) }),
  }
}

/** Longest parameter, in code units: longer than any path or command that a server takes, and no report for a server's megabytes. */
const PARAMETER_LIMIT = 16_384

function bounded(params: Params): Params {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, typeof value === 'string' && value.length > PARAMETER_LIMIT ? `${value.slice(0, PARAMETER_LIMIT)}…` : value]))
}
