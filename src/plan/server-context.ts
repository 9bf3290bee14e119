import type { Account, Acting, Connection, Host } from '../host/host.ts'
import type { Cluster, Service } from '../platforms/platform.ts'
import { actingFor } from '../platforms/reading.ts'
import type { ServerWaiting } from './happening.ts'

/** Everything that applying and undoing need besides the plan. */
export interface ServerContext {
  readonly host: Host
  readonly cluster: Cluster
  readonly service: Service
  readonly self: Account & { readonly privileged: boolean }
  /** A login as a superuser; absent where nobody lets us in. */
  readonly connection?: Connection
  readonly timing: Timing
  /** Ctrl-C: looked at between steps and while the server is waited for. */
  readonly signal?: AbortSignal
  waiting(what: ServerWaiting): void
}

export interface Timing {
  /** How long a server that came up is watched before it counts as up. */
  readonly settleMs: number
  /** Between two looks. */
  readonly pollMs: number
  /** For a server that shows no sign of life. */
  readonly startMs: number
  /** For one that is alive and still starting (recovery). */
  readonly recoveryMs: number
  /** For a reload to be seen in the server's answers. */
  readonly reloadMs: number
}

export const TIMING: Timing = { settleMs: 2_000, pollMs: 100, startMs: 60_000, recoveryMs: 900_000, reloadMs: 10_000 }

/** Acts in the owner's name where we are root, else in our own. */
export function asOwner(context: Pick<ServerContext, 'self' | 'cluster'>): Acting {
  return actingFor(context.self, context.cluster.owner)
}
