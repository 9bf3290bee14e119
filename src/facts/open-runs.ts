/** Runs of pgwal on this cluster that left things half done. */
import { openRuns } from '../plan/journal.ts'
import type { Fact } from './fact.ts'

export interface OpenRun {
  readonly run: string
  /** ISO 8601. */
  readonly at: string
  readonly command: string
  readonly state: string
}

export const openRunsFact: Fact<readonly OpenRun[]> = {
  name: 'open-runs',
  async gather({ host, cluster }) {
    return (await openRuns(host, cluster)).map(({ run, at, command, state }) => ({ run, at, command, state }))
  },
}
