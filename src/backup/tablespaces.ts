import type { Session } from '../host/host.ts'

export interface Tablespace {
  readonly oid: string
  /** Absolute. */
  readonly location: string
}

/** The tablespaces of a server. Those that lie in the data directory itself (a developer's setting) have a relative place, and are left out. */
export async function askTablespaces(session: Session): Promise<Tablespace[]> {
  const rows = await session.query("SELECT oid::text AS oid, pg_tablespace_location(oid) AS location FROM pg_tablespace WHERE pg_tablespace_location(oid) ~ '^(/|[A-Za-z]:)' ORDER BY oid")
  return rows.map((one) => ({ oid: String(one['oid']), location: String(one['location']) }))
}
