/** Runs of pgwal on this cluster that left things half done. */
import { UserError } from '../errors.ts'
import { openRuns } from '../plan/journal.ts'
import { unavailable } from './fact.ts'
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
    const runs = await openRuns(host, cluster).catch((error: unknown) => {
      if (error instanceof UserError) throw unavailable('not-readable', { target: String(error.params['path']) })
      throw error
    })
    return runs.map(({ run, at, command, state }) => ({ run, at, command, state }))
  },
}
