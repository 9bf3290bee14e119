import type { Account, Acting, Host } from '../host/host.ts'
import { actingFor } from '../platforms/reading.ts'
import { UserError } from '../errors.ts'
import type { Params } from '../checks/check.ts'

/** What is being waited for; each code has words in `messages/`. */
export interface Doing {
  readonly code: 'backup-looking' | 'backup-unpacking' | 'backup-copying' | 'backup-comparing' | 'archive-looking' | 'target-searching' | 'recover-removing' | 'wal-fetching'
  readonly params: Params
}

/** In whose name a recovery is made, and how it tells of itself and is stopped. */
export interface Restoring {
  readonly host: Host
  readonly self: Account & { readonly privileged: boolean }
  /** Who will run the restored server. */
  readonly owner: Account
  readonly as: Acting
  readonly signal?: AbortSignal
  /** Programs of the system that copying is started with, so that others have the right of way. */
  readonly prefix: readonly string[]
  doing(what: Doing): void
}

export interface RestoringOptions {
  readonly signal?: AbortSignal
  readonly prefix?: readonly string[]
  readonly doing?: (what: Doing) => void
}

export function restoringFor(host: Host, self: Restoring['self'], owner: Account, options: RestoringOptions = {}): Restoring {
  return {
    host, self, owner, as: actingFor(self, owner), prefix: options.prefix ?? [], doing: options.doing ?? (() => undefined),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
}

/** @throws UserError `interrupted` */
export function checkpoint({ signal }: Pick<Restoring, 'signal'>): void {
  if (signal?.aborted === true) throw new UserError('interrupted')
}
