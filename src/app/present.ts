/** From the data of a use case to what stands on stdout: the one place that knows all checks and probes for their words. */
import type { Context } from '../base-command.ts'
import { checks } from '../checks/index.ts'
import { UserError } from '../errors.ts'
import { probes } from '../probes/index.ts'
import { checkText, checksText as listText } from '../report/checks-text.ts'
import { hbaJson } from '../report/hba-json.ts'
import type { HbaReport } from '../report/hba-report.ts'
import { hbaText } from '../report/hba-text.ts'
import { nagios } from '../report/nagios.ts'
import type { NagiosResult } from '../report/nagios.ts'
import { prometheus } from '../report/prometheus.ts'
import { reportsJson, runJson, SCHEMA } from '../report/json.ts'
import type { EnableResult } from './enable.ts'
import type { UndoResult } from './undo-run.ts'
import type { ClusterReport } from '../report/report.ts'
import { doctorText, verifyText } from '../report/text.ts'
import type { Worded } from '../report/words.ts'

/** The words of everything that a report may hold. */
export const worded: readonly Worded[] = [...checks, ...probes]

/** `privileged` is whether pgwal was that when it looked; default: whether it is now. */
export async function clusterReportsText(context: Context, command: 'doctor' | 'verify', reports: readonly ClusterReport[], asked?: { readonly privileged: boolean }): Promise<string> {
  const { privileged } = asked ?? await context.host.self()
  const options = { words: worded, verbose: context.verbose, quiet: context.quiet, privileged }
  return (command === 'doctor' ? doctorText : verifyText)(reports, context.style, options)
}

export function clusterReportsJson(command: 'doctor' | 'verify', reports: readonly ClusterReport[]): object {
  return reportsJson(command, reports, worded)
}

/** For a monitoring system, with the exit code that it goes by. */
export function clusterReportsFor(format: 'nagios' | 'prometheus', reports: readonly ClusterReport[]): NagiosResult {
  return format === 'nagios' ? nagios(reports, worded) : { text: prometheus(reports), exitCode: 0 }
}

export function checksText(context: Context, id: string | undefined): string {
  return id === undefined ? listText(checks, probes, context.style) : checkText(find(id), context.style)
}

/** All checks, or one: id, title, and the codes of its findings with their words. */
export function checksJson(id: string | undefined): object {
  const asked = id === undefined ? worded : [find(id)]
  return {
    schema: SCHEMA,
    command: 'checks',
    checks: asked.map((one) => ({ id: one.id, source: one.source, title: one.text.en.title, about: one.text.en.about, findings: one.text.en.findings })),
  }
}

function find(id: string): Worded {
  const found = worded.find((one) => one.id === id)
  if (found === undefined) throw new UserError('unknown-check', { id })
  return found
}

export function hbaReportText(context: Context, report: HbaReport): string {
  return hbaText(report, context.style, { words: worded, verbose: context.verbose })
}

export function hbaReportJson(report: HbaReport): object {
  return hbaJson(report, worded)
}

export function enableJson({ cluster, steps, plan, outcome, run, happenings, verify }: EnableResult): object {
  return { ...runJson('enable', { cluster, steps, effects: plan.effects, outcome, ...(run === undefined ? {} : { run }), ...(verify === undefined ? {} : { verify }) }, worded), happenings }
}

export function undoJson({ cluster, steps, effects, outcome, run, happenings }: UndoResult): object {
  if (cluster === undefined) return { schema: SCHEMA, command: 'undo', outcome }
  return { ...runJson('undo', { cluster, steps, effects, outcome, ...(run === undefined ? {} : { run }) }, worded), happenings }
}
