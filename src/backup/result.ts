import type { Cluster } from '../platforms/platform.ts'
import type { Refusal, Removal, Removed } from './retention.ts'
import type { BackupSet } from './set.ts'

export type RetentionOutcome =
  | { readonly outcome: 'nothing-to-do' | 'planned' | 'cancelled'; readonly removal: Removal }
  | { readonly outcome: 'applied'; readonly removal: Removal; readonly removed: Removed }
  /** Without `removed`, before anything was. */
  | { readonly outcome: 'interrupted'; readonly removal?: Removal; readonly removed?: Removed }
  | { readonly outcome: 'refused'; readonly refusal: Refusal }

/** What `pgwal backup` did. */
export interface BackupResult {
  readonly cluster: Cluster
  readonly backup: BackupSet
  readonly elapsedMs: number
  readonly retention?: RetentionOutcome
}
