/** The checklist after a restart, on the live server: what it runs with, then what it really does. */
import type { Context, Selection } from '../base-command.ts'
import { codeOf, NO_PRIVILEGE } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { recordBackupDrill, recordDrill } from '../plan/drill-record.ts'
import { compose } from '../report/words.ts'
import type { Verdict } from '../checks/check.ts'
import type { Cluster } from '../platforms/platform.ts'
import { unlessRefused } from '../platforms/reading.ts'
import { withoutIdleLimit } from '../probes/drill/limits.ts'
import { probes } from '../probes/index.ts'
import { archiveRoundTrip } from '../probes/archive-round-trip.ts'
import { backupDrill } from '../probes/backup-drill.ts'
import { restoreDrill } from '../probes/restore-drill.ts'
import type { DrillWanted, Probe, Probing, Waiting } from '../probes/probe.ts'
import { summarise } from '../report/report.ts'
import type { CheckResult, ClusterReport } from '../report/report.ts'
import { runChecks } from './diagnose.ts'
import { gatheringFor } from './gathering.ts'
import { interruptibly } from './interruption.ts'
import type { GatheringOptions } from './gathering.ts'
import { connectionOf, wantedOf } from './options.ts'
import type { WantedOptions } from './options.ts'
import { hostOf, selectTargets } from './remote.ts'
import type { Target } from './remote.ts'
import { statementOf } from './statement.ts'
import { stepLabels } from './waiting.ts'

/** The checks that belong to the checklist: the settings that the server really runs with, and the rules it would apply. */
const CHECKLIST = ['server-reachable', 'wal-level', 'archive-mode', 'archive-command', 'archive-directory', 'max-wal-senders', 'settings-in-force', 'replication-rule']

export interface VerifyOptions extends GatheringOptions {
  /** How long a segment may take to arrive, in milliseconds. */
  readonly timeoutMs: number
  /** Restores a copy as well. */
  readonly drill?: DrillWanted
  readonly fromBackup?: Probing['fromBackup']
  readonly onWaiting?: (what: Waiting) => void
}

/**
 * Runs the checklist and the live probes. A server that cannot be reached fails `server-reachable`, and every probe is skipped
 * with that reason: what was not seen is not OK.
 */
export async function verify(host: Host, cluster: Cluster, options: VerifyOptions): Promise<ClusterReport> {
  const { gathering, session, close } = await gatheringFor(host, cluster, options)
  try {
    // The archiver works while the checks look: neither waits for the other.
    const judging = runChecks({ ...gathering, now: host.now() }, { only: CHECKLIST })
    judging.catch(() => undefined)
    const probed: CheckResult[] = []
    const open = await session()
    // A drill may take hours.
    if (open.ok) await unlessRefused(withoutIdleLimit(open.value))
    let roundTripAt: Date | undefined
    const wanted = probes.filter(({ id, onRequest }) => (onRequest !== true || options.drill !== undefined) && id !== (options.fromBackup === undefined ? backupDrill : restoreDrill).id)
    const run = async (probe: Probe): Promise<Verdict> => {
      if (!open.ok) return { kind: 'skip', why: open.why }
      try {
        return await probe.run({
          gathering, session: open.value, timeoutMs: options.timeoutMs, waiting: options.onWaiting ?? (() => undefined),
          ...(options.drill === undefined ? {} : { drill: options.drill }), ...(options.fromBackup === undefined ? {} : { fromBackup: options.fromBackup }),
        })
      } catch (error) {
        // Ctrl-C ends the whole run.
        if (options.drill?.signal?.aborted === true) throw error
        if (codeOf(error) === NO_PRIVILEGE) return { kind: 'skip', why: { code: 'no-privilege', params: {} } }
        return { kind: 'crash', error }
      }
    }
    const begun = new Map(wanted.filter(({ alongside }) => alongside === true).map((probe) => [probe.id, run(probe)]))
    for (const early of begun.values()) early.catch(() => undefined)
    for (const probe of wanted) {
      if (open.ok && probe.id === archiveRoundTrip.id) roundTripAt = host.now()
      const verdict = await (begun.get(probe.id) ?? run(probe))
      if (probe.id === restoreDrill.id) await keepDrill(host, cluster, verdict)
      if (probe.id === backupDrill.id) await keepBackupDrill(host, cluster, verdict, options.fromBackup?.directory ?? '')
      probed.push({ id: probe.id, verdict })
    }
    const checks = [...(await judging), ...probed]
    return { cluster, checks, summary: summarise(checks), statement: await statementOf(gathering, checks, roundTripAt) }
  } finally {
    await close()
  }
}

/** What archives nothing by itself, or on purpose: there the round trip has nothing to show. */
const NOTHING_TO_ARCHIVE = ['in-recovery', 'archive-mode-off', 'wal-level-minimal']

/** Whether archiving was tried anywhere, whatever came of it; for want of a login or a right it is not. */
export function archivingWasTried(reports: readonly ClusterReport[]): boolean {
  return reports.some(({ checks }) => checks.some(({ id, verdict }) => id === archiveRoundTrip.id && (verdict.kind !== 'skip' || NOTHING_TO_ARCHIVE.includes(verdict.why.code))))
}

/** Whether a drill was tried anywhere, whatever came of it. */
export function drillWasTried(reports: readonly ClusterReport[]): boolean {
  return reports.some(({ checks }) => checks.some(({ id, verdict }) => (id === restoreDrill.id || id === backupDrill.id) && verdict.kind !== 'skip'))
}

/** Keeps what a drill showed; one that could not be tried says nothing about the archive. */
async function keepDrill(host: Host, cluster: Cluster, verdict: Verdict): Promise<void> {
  const at = host.now().toISOString()
  if (verdict.kind === 'pass') {
    const { copiedBytes, elapsedMs, restorePoint } = verdict.detail?.params ?? {}
    await recordDrill(host, cluster, { at, outcome: 'proved', bytes: Number(copiedBytes), elapsedMs: Number(elapsedMs), restorePoint: String(restorePoint) })
  }
  if (verdict.kind !== 'fail') return
  const code = verdict.findings[0]?.code ?? ''
  if (!NOTHING_TRIED.includes(code)) await recordDrill(host, cluster, { at, outcome: 'failed', code })
}

/** Findings that are about the copy and its place, not about the archive. */
const NOTHING_TRIED = ['library-needed', 'no-space', 'space-ran-out', 'directory-unusable', 'refused']

/** The same for a kept backup. */
async function keepBackupDrill(host: Host, cluster: Cluster, verdict: Verdict, directory: string): Promise<void> {
  const at = host.now().toISOString()
  if (verdict.kind === 'pass') {
    const { backup, begunAt, target, copiedBytes, elapsedMs } = verdict.detail?.params ?? {}
    await recordBackupDrill(host, cluster, { at, outcome: 'proved', path: String(backup), begunAt: String(begunAt), target: String(target), bytes: Number(copiedBytes), elapsedMs: Number(elapsedMs) })
  }
  const found = verdict.kind === 'fail' ? verdict.findings[0] : undefined
  if (found === undefined || NOTHING_TRIED.includes(found.code) || NO_SUCH_BACKUP.includes(found.code)) return
  await recordBackupDrill(host, cluster, { at, outcome: 'failed', code: found.code, path: directory })
}

/** Findings that are about what was asked for, or about this machine, not about a backup. */
const NO_SUCH_BACKUP = ['no-backup', 'backup-no-backup-label', 'backup-running', 'backup-not-readable', 'backup-needs-program', 'backup-form-unknown', 'archive-needs-program', 'archive-form-not-here', 'target-before-backup', 'target-beyond-archive', 'target-no-such-point', 'target-in-partial', 'not-archived']

/** How long a segment may take when nobody says: an archiver that failed three times pauses for a minute. */
const SEGMENT_TIMEOUT_MS = 90_000

export interface VerifyAllOptions extends WantedOptions {
  readonly timeoutMs?: number
  readonly drill?: DrillWanted
  readonly fromBackup?: Probing['fromBackup']
}

/** {@link verify} on every cluster that was chosen, with a progress line that says what is waited for. */
export async function verifyAll(context: Context, selection: Selection, options: VerifyAllOptions): Promise<ClusterReport[]> {
  const reports: ClusterReport[] = []
  const targets = await interruptibly(context, options.drill?.signal, (looking) => selectTargets(looking, selection))
  // What a drill makes is taken away again, whoever interrupts it: so not through the Host that stops.
  for (const target of targets) reports.push(await verifyWithProgress(context, target, selection, options))
  return reports
}

/** {@link verify} on one cluster, with the progress line. */
export async function verifyWithProgress(context: Context, target: Target, selection: Selection, options: VerifyAllOptions): Promise<ClusterReport> {
  const { cluster, sources } = target
  const words = context.ui.words.progress
  const label = stepLabels(context)
  const progress = context.ui.progress(compose(words.diagnosing, { cluster: cluster.id }, context.locale))
  try {
    return await verify(hostOf(context.host, target), cluster, {
      ...(sources === undefined ? {} : { sources }),
      connection: connectionOf(selection),
      wanted: wantedOf(options),
      timeoutMs: options.timeoutMs ?? SEGMENT_TIMEOUT_MS,
      ...(options.drill === undefined ? {} : { drill: options.drill }),
      ...(options.fromBackup === undefined ? {} : { fromBackup: options.fromBackup }),
      onWaiting: (what) => progress.update(label(what)),
    })
  } finally {
    progress.done()
  }
}
