import type { Cluster } from '../platforms/platform.ts'
import type { Decision, HbaFile, HbaQuestion, HbaTrap, Unreachable } from '../postgres/hba/index.ts'

/** What `pgwal hba` says of one pg_hba.conf. */
export interface HbaReport {
  readonly file: string
  /** The major as which it was read. */
  readonly major: number
  readonly cluster?: Cluster
  readonly hba: HbaFile
  /** False when a file could not be read by us that the server may read. */
  readonly complete: boolean
  /** Whether it was changed after the server last read it; null where the server was not asked. */
  readonly notReloaded: boolean | null
  readonly question?: HbaQuestion
  readonly decision?: Decision
  readonly unreachable: readonly Unreachable[]
  readonly traps: readonly HbaTrap[]
}

/** Whether the server would start with it; null where that cannot be seen. */
export function loadsOf({ hba, complete }: HbaReport): boolean | null {
  return complete ? hba.loads : null
}
