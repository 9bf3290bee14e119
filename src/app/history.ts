import type { Host } from '../host/host.ts'
import { listRuns } from '../plan/journal.ts'
import type { RunState } from '../plan/journal.ts'
import { kindOf } from '../plan/steps/index.ts'
import type { StepView } from '../report/plan-text.ts'

/** A run as history shows it. */
export interface HistoryEntry {
  readonly run: string
  /** ISO 8601; empty where it cannot be read. */
  readonly at: string
  /** `enable`. */
  readonly command: string
  readonly state: RunState
  readonly cluster?: { readonly id: string; readonly dataDir: string; readonly configFile: string }
  readonly steps: readonly StepView[]
}

/** Every run on record on this machine for who we are, the newest first. */
export async function history(host: Host): Promise<HistoryEntry[]> {
  return (await listRuns(host)).map((run) => {
    const { at, command, state } = run
    const known = run.state === 'unreadable' ? { steps: [] } : { cluster: { id: run.plan.cluster.id, dataDir: run.plan.cluster.dataDir, configFile: run.plan.cluster.configFile }, steps: run.plan.steps.map((step) => kindOf(step).describe(step)) }
    return { run: run.run, at, command, state, ...known }
  })
}
