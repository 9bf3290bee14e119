import type { Finding, Verdict } from '../checks/check.ts'
import type { WalHold, WalTimes } from '../checks/support/wal-times.ts'
import type { Cluster } from '../platforms/platform.ts'
import type { Statement } from './statement.ts'

export interface CheckResult {
  readonly id: string
  readonly verdict: Verdict
}

/** What doctor and verify found on one cluster. */
export interface ClusterReport {
  readonly cluster: Cluster
  readonly checks: readonly CheckResult[]
  readonly summary: Summary
  /** Of verify: what can be restored, and how we know. */
  readonly statement?: Statement
  /** Of doctor: how fast WAL is written, and how long all lasts at that rate. */
  readonly times?: WalTimes
  /** Only where the format shows them. */
  readonly measures?: Measures
}

/** Numbers for monitoring; what could not be seen is absent. */
export interface Measures {
  /** When they were looked at, in seconds since 1970. */
  readonly atSeconds?: number
  readonly backlogSegments?: number
  readonly backlogBytes?: number
  readonly backlogAgeSeconds?: number
  readonly archivedAgeSeconds?: number
  readonly archiverArchived?: number
  readonly archiverFailures?: number
  readonly walFreeBytes?: number
  readonly walBytesPerSecond?: number
  readonly walRateSpanSeconds?: number
  readonly walFullSeconds?: number
  readonly archiveFullSeconds?: number
  readonly unarchivedBytes?: number
  readonly unarchivedAgeSeconds?: number
  /** For whom pg_wal keeps segments, in bytes. */
  readonly holds?: readonly WalHold[]
}

export interface Summary {
  readonly pass: number
  readonly fail: number
  readonly skip: number
  readonly crash: number
  readonly error: number
  readonly warning: number
  readonly info: number
}

/** Counts of the verdicts, and of the findings by severity. */
export function summarise(checks: readonly CheckResult[]): Summary {
  const verdicts = { pass: 0, fail: 0, skip: 0, crash: 0 }
  const severities = { error: 0, warning: 0, info: 0 }
  for (const { verdict } of checks) {
    verdicts[verdict.kind]++
    if (verdict.kind === 'fail') for (const finding of verdict.findings) severities[finding.severity]++
  }
  return { ...verdicts, ...severities }
}

/** Findings of a report, the worst first, in the order of the checks otherwise. */
export function findingsOf(report: ClusterReport): { readonly id: string; readonly finding: Finding }[] {
  const rank = { error: 0, warning: 1, info: 2 }
  return report.checks
    .flatMap(({ id, verdict }) => (verdict.kind === 'fail' ? verdict.findings.map((finding) => ({ id, finding })) : []))
    .sort((a, b) => rank[a.finding.severity] - rank[b.finding.severity])
}
