/**
 * doctor for node_exporter's textfile collector.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 * @see https://github.com/prometheus/node_exporter#textfile-collector
 */
import { redact } from './redact.ts'
import type { ClusterReport, Measures } from './report.ts'

const VERDICTS = ['pass', 'fail', 'skip', 'crash'] as const
const SEVERITIES = ['error', 'warning', 'info'] as const

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

interface Metric {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  samples(report: ClusterReport): readonly Sample[]
}

function measure(name: string, type: Metric['type'], key: Exclude<keyof Measures, 'holds'>, help: string): Metric {
  return { name, type, help, samples: ({ measures }) => (measures?.[key] === undefined ? [] : [[{}, measures[key]]]) }
}

const METRICS: readonly Metric[] = [
  {
    name: 'pgwal_cluster_info', type: 'gauge', help: 'The clusters that were looked at; always 1.',
    samples: ({ cluster: { version, platform, dataDir } }) => [[{ version, platform, data_directory: dataDir }, 1]],
  },
  { name: 'pgwal_cluster_running', type: 'gauge', help: 'Whether the server runs.', samples: ({ cluster }) => [[{}, cluster.running ? 1 : 0]] },
  {
    name: 'pgwal_check_verdict', type: 'gauge', help: '1 for the verdict that a check came to, 0 for the others.',
    samples: ({ checks }) => checks.flatMap(({ id, verdict }) => VERDICTS.map((kind) => [{ check: id, verdict: kind }, verdict.kind === kind ? 1 : 0] as const)),
  },
  {
    name: 'pgwal_check_findings', type: 'gauge', help: 'What a check found, by severity; absent where it could not judge.',
    samples: ({ checks }) => checks.flatMap(({ id, verdict }) => {
      if (verdict.kind === 'skip' || verdict.kind === 'crash') return []
      const findings = verdict.kind === 'fail' ? verdict.findings : []
      return SEVERITIES.map((severity) => [{ check: id, severity }, findings.filter((finding) => finding.severity === severity).length] as const)
    }),
  },
  {
    name: 'pgwal_findings', type: 'gauge', help: 'What all checks found, by severity.',
    samples: ({ summary }) => SEVERITIES.map((severity) => [{ severity }, summary[severity]] as const),
  },
  measure('pgwal_archive_backlog_segments', 'gauge', 'backlogSegments', 'Files that wait for the archiver.'),
  measure('pgwal_archive_backlog_bytes', 'gauge', 'backlogBytes', 'WAL that waits for the archiver.'),
  measure('pgwal_archive_backlog_age_seconds', 'gauge', 'backlogAgeSeconds', 'How long the oldest waiting file has waited; 0 where none waits.'),
  measure('pgwal_archive_newest_age_seconds', 'gauge', 'archivedAgeSeconds', 'Time since the archiver last archived a file.'),
  measure('pgwal_archiver_archived_total', 'counter', 'archiverArchived', 'Files archived since the statistics were reset.'),
  measure('pgwal_archiver_failures_total', 'counter', 'archiverFailures', 'Failed attempts since the statistics were reset.'),
  measure('pgwal_wal_free_bytes', 'gauge', 'walFreeBytes', 'Room on the file system of pg_wal.'),
  measure('pgwal_wal_bytes_per_second', 'gauge', 'walBytesPerSecond', 'How fast WAL is written, over pgwal_wal_rate_span_seconds.'),
  measure('pgwal_wal_rate_span_seconds', 'gauge', 'walRateSpanSeconds', 'Over how long the rate was measured.'),
  measure('pgwal_wal_full_seconds', 'gauge', 'walFullSeconds', 'Until the file system of pg_wal is full at that rate, once nothing is removed there.'),
  measure('pgwal_archive_full_seconds', 'gauge', 'archiveFullSeconds', 'Until the file system of the archive is full at that rate.'),
  measure('pgwal_unarchived_bytes', 'gauge', 'unarchivedBytes', 'WAL that is not in the archive.'),
  measure('pgwal_unarchived_age_seconds', 'gauge', 'unarchivedAgeSeconds', 'What was committed in this time would be lost with the machine.'),
  {
    name: 'pgwal_wal_kept_bytes', type: 'gauge', help: 'WAL from the oldest byte that somebody still needs, by who needs it.',
    samples: ({ measures }) => (measures?.holds ?? []).map(({ by, name, bytes }) => [{ by, ...(name === undefined ? {} : { slot: name }) }, bytes] as const),
  },
  measure('pgwal_last_run_timestamp_seconds', 'gauge', 'atSeconds', 'When doctor looked.'),
]

/** The text of a `.prom` file. */
export function prometheus(reports: readonly ClusterReport[]): string {
  return METRICS.map(({ name, type, help, samples }) => {
    const lines = reports.flatMap((report) => samples(report).map(([labels, value]) => `${name}${labelled({ cluster: report.cluster.id, ...labels })} ${value}`))
    return lines.length === 0 ? '' : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
  }).join('')
}

function labelled(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels).map(([name, value]) => `${name}="${escaped(redact(value))}"`).join(',')}}`
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
