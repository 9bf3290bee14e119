import { credentialsFor } from '../host/connection.ts'
import type { Credentials } from '../host/connection.ts'
import type { Gathering } from './fact.ts'

export interface ConnectionOptions {
  /** Password and TLS for a role on an address, from where psql would take them; `database` is `replication` for a physical connection. */
  credentials(host: string, user: string, database: string): Promise<Credentials>
}

/** The user's own connection options, for connections besides the shared session. */
export async function connectionOptionsOf(gathering: Gathering): Promise<ConnectionOptions> {
  const sources = await gathering.connectionSources()
  const port = gathering.cluster.port
  return { credentials: async (host, user, database) => credentialsFor(sources, { host, port, user, database }) }
}
