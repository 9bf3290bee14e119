/** The checklist after a restart, on the live server: what it runs with, then what it really does. */
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { probes } from '../probes/index.ts'
import type { Waiting } from '../probes/probe.ts'
import { summarise } from '../report/report.ts'
import type { CheckResult, ClusterReport } from '../report/report.ts'
import { runChecks } from './diagnose.ts'
import { gatheringFor } from './gathering.ts'
import type { GatheringOptions } from './gathering.ts'

/** The checks that belong to the checklist: the settings that the server really runs with, and the rules it would apply. */
const CHECKLIST = ['server-reachable', 'wal-level', 'archive-mode', 'archive-command', 'archive-directory', 'max-wal-senders', 'settings-in-force', 'replication-rule']

export interface VerifyOptions extends GatheringOptions {
  /** How long a segment may take to arrive, in milliseconds. */
  readonly timeoutMs: number
  readonly onWaiting?: (what: Waiting) => void
}

/**
 * Runs the checklist and the live probes. A server that cannot be reached fails `server-reachable`, and every probe is skipped
 * with that reason: what was not seen is not OK.
 */
export async function verify(host: Host, cluster: Cluster, options: VerifyOptions): Promise<ClusterReport> {
  const { gathering, session, close } = await gatheringFor(host, cluster, options)
  try {
    const checks: CheckResult[] = [...(await runChecks(gathering, { only: CHECKLIST }))]
    const open = await session()
    for (const probe of probes) {
      if (!open.ok) {
        checks.push({ id: probe.id, verdict: { kind: 'skip', why: open.why } })
        continue
      }
      const waiting = options.onWaiting ?? (() => undefined)
      const verdict = await probe
        .run({ gathering, session: open.value, timeoutMs: options.timeoutMs, waiting })
        .catch((error: unknown) => ({ kind: 'crash', error }) as const)
      checks.push({ id: probe.id, verdict })
    }
    return { cluster, checks, summary: summarise(checks) }
  } finally {
    await close()
  }
}
