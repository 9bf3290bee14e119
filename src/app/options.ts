/** From flags to what the use cases ask for. */
import type { Selection } from '../base-command.ts'
import type { Wanted } from '../facts/fact.ts'
import type { ConnectionRequest } from '../host/connection.ts'

export interface WantedOptions {
  readonly replicationUser?: string | undefined
  readonly allowFrom?: readonly string[] | undefined
}

export function wantedOf({ replicationUser, allowFrom }: WantedOptions): Partial<Wanted> {
  return { ...(replicationUser === undefined ? {} : { replicationUser }), ...(allowFrom === undefined ? {} : { allowFrom }) }
}

/** psql's options out of a selection. */
export function connectionOf({ host, port, user, database }: Selection): ConnectionRequest {
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(user === undefined ? {} : { user }),
    ...(database === undefined ? {} : { database }),
  }
}
