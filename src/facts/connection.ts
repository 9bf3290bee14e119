import { credentialsFor } from '../host/connection.ts'
import type { Credentials } from '../host/connection.ts'
import { otherDatabases } from '../host/pgpass.ts'
import type { Gathering } from './fact.ts'

export interface ConnectionOptions {
  /** Password and TLS for a role on an address, from where psql would take them; `database` is `replication` for a physical connection. */
  credentials(host: string, user: string, database: string): Promise<Credentials>
  /** Why the password file has none for that: it is open to others and so ignored, or its lines are for other databases. */
  readonly ignoredFile?: { readonly file: string; readonly mode: string }
  otherDatabases(host: string, user: string, database: string): readonly string[]
}

/** The user's own connection options, for connections besides the shared session. */
export async function connectionOptionsOf(gathering: Gathering): Promise<ConnectionOptions> {
  const sources = await gathering.connectionSources()
  const port = gathering.cluster.port
  const ignored = sources.notes.find(({ code }) => code === 'password-file-permissions')?.params
  return {
    credentials: async (host, user, database) => credentialsFor(sources, { host, port, user, database }),
    ...(ignored === undefined ? {} : { ignoredFile: { file: String(ignored['file']), mode: String(ignored['mode']) } }),
    otherDatabases: (host, user, database) => otherDatabases(sources.passwordFile, { host, port, user, database }),
  }
}
