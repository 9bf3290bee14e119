/**
 * doctor for Nagios, Icinga and their kin: a status line with performance data, then a line a finding. English, whatever
 * the language: rules match it.
 * @see https://nagios-plugins.org/doc/guidelines.html
 * @see https://www.monitoring-plugins.org/doc/guidelines.html#AEN78
 */
import { NAGIOS_UNKNOWN, statusLine, withoutBar } from './nagios-line.ts'
import { findingsOf } from './report.ts'
import type { ClusterReport, Measures } from './report.ts'
import { safe } from './style.ts'
import { findingWords } from './words.ts'
import type { Worded } from './words.ts'

export interface NagiosResult {
  readonly text: string
  /** 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
  readonly exitCode: number
}

/** An error is CRITICAL and a warning WARNING. UNKNOWN where nothing worse is known and a check crashed, or none could look. */
export function nagios(reports: readonly ClusterReport[], words: readonly Worded[]): NagiosResult {
  const sum = (name: 'pass' | 'fail' | 'skip' | 'crash' | 'error' | 'warning' | 'info') => reports.reduce((total, { summary }) => total + summary[name], 0)
  const [errors, warnings, crashes] = [sum('error'), sum('warning'), sum('crash')]
  const exitCode = errors > 0 ? 2 : crashes > 0 && warnings === 0 ? NAGIOS_UNKNOWN : warnings > 0 ? 1 : sum('pass') + sum('fail') === 0 ? NAGIOS_UNKNOWN : 0
  const several = reports.length > 1
  const findings = reports
    .flatMap((report) => findingsOf(report).map(({ id, finding }) => ({ severity: finding.severity, text: `${several ? `${safe(report.cluster.id)}: ` : ''}${findingWords(words, id, finding, 'en').message} [${id}/${finding.code}]` })))
    .filter(({ severity }) => severity !== 'info')
    .sort((a, b) => (a.severity === b.severity ? 0 : a.severity === 'error' ? -1 : 1))
  const crashed = reports.flatMap(({ checks }) => checks.filter(({ verdict }) => verdict.kind === 'crash').map(({ id }) => id))
  const [worst] = findings
  const told = worst === undefined
    ? crashed.length > 0 ? `${plural(crashed.length, 'check')} crashed: ${crashed.join(', ')}` : `${plural(sum('pass') + sum('fail'), 'check')} judged, ${sum('skip')} skipped`
    : `${counts(errors, warnings)}: ${worst.text}`
  const lines = findings.length > 1 ? findings.map(({ severity, text }) => `${severity}: ${text}`) : []
  const performance = reports.flatMap((report) => performanceOf(report, several)).join(' ')
  const first = `${statusLine(exitCode, told)}${performance === '' ? '' : ` | ${performance}`}`
  return { text: [first, ...lines.map(withoutBar)].join('\n'), exitCode }
}

function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`
}

function counts(errors: number, warnings: number): string {
  return [[errors, 'error'], [warnings, 'warning']].flatMap(([count, word]) => (count === 0 ? [] : [plural(Number(count), String(word))])).join(', ')
}

/** `'label'=value[unit];warn;crit;min`; `c` is a counter. */
function performanceOf({ cluster, summary, measures = {} }: ClusterReport, several: boolean): string[] {
  const value = (name: Exclude<keyof Measures, 'holds'>, label: string, unit: string) => (measures[name] === undefined ? [] : [[label, `${measures[name]}${unit}`] as const])
  return [
    ['errors', `${summary.error}`] as const,
    ['warnings', `${summary.warning}`] as const,
    ...value('backlogSegments', 'backlog', ''),
    ...value('backlogBytes', 'backlog_size', 'B'),
    ...value('backlogAgeSeconds', 'backlog_age', 's'),
    ...value('archivedAgeSeconds', 'archived_age', 's'),
    ...value('archiverFailures', 'archiver_failures', 'c'),
    ...value('walFreeBytes', 'wal_free', 'B'),
    ...value('walBytesPerSecond', 'wal_rate', 'B'),
    ...value('walRateSpanSeconds', 'wal_rate_span', 's'),
    ...value('walFullSeconds', 'wal_full_in', 's'),
    ...value('archiveFullSeconds', 'archive_full_in', 's'),
    ...value('unarchivedBytes', 'unarchived', 'B'),
    ...value('unarchivedAgeSeconds', 'unarchived_age', 's'),
    ...(measures.holds ?? []).map(({ by, name, bytes }) => [`kept_for_${by}${name === undefined ? '' : `_${name}`}`, `${bytes}B`] as const),
  ].map(([label, text]) => `'${several ? `${safe(cluster.id).replace(/['=|]/g, '_')} ` : ''}${label}'=${text};;;0`)
}
