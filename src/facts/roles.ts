/**
 * The roles that may take base backups. Of a stored password only its form is asked for: the secret never leaves the server.
 * @see https://www.postgresql.org/docs/current/catalog-pg-authid.html
 */
import { required, sessionOf } from './fact.ts'
import type { Fact } from './fact.ts'
import { serverFact } from './server.ts'

export interface RoleFact {
  readonly name: string
  readonly login: boolean
  readonly replication: boolean
  readonly superuser: boolean
  /** `unknown` where the login may not see it. */
  readonly secret: 'none' | 'md5' | 'scram-sha-256' | 'other' | 'unknown'
  /** When the password expires; null for never. */
  readonly validUntil: Date | null
}

export interface RolesFact {
  /** Superusers, roles with REPLICATION, and the one that is wanted. */
  readonly roles: readonly RoleFact[]
  /** Every role that the wanted one is a member of, directly or not. */
  readonly memberOf: readonly string[]
}

/** The forms as get_password_type() in src/backend/libpq/crypt.c tells them apart. */
const SECRET_FORM = `CASE WHEN rolpassword IS NULL THEN 'none' WHEN rolpassword ~ '^md5[0-9a-f]{32}$' THEN 'md5'
                          WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram-sha-256' ELSE 'other' END`

export const rolesFact: Fact<RolesFact> = {
  name: 'roles',
  async gather(from) {
    const [session, server] = await Promise.all([sessionOf(from), required(from, serverFact)])
    const wanted = from.wanted.replicationUser
    const [rows, groups] = await Promise.all([
      session.query(
        `SELECT rolname::text AS name, rolcanlogin, rolreplication, rolsuper, ${server.seesSecrets ? SECRET_FORM : "'unknown'"} AS secret,
                CASE WHEN isfinite(rolvaliduntil) THEN extract(epoch FROM rolvaliduntil)::float8 * 1000 END AS valid_until
           FROM pg_catalog.${server.seesSecrets ? 'pg_authid' : 'pg_roles'} WHERE rolreplication OR rolsuper OR rolname = $1 ORDER BY rolname`,
        [wanted]),
      session.query(
        `WITH RECURSIVE above(roleid) AS (
           SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member WHERE r.rolname = $1
           UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN above a ON m.member = a.roleid)
         SELECT r.rolname::text AS name FROM above JOIN pg_catalog.pg_roles r ON r.oid = above.roleid`,
        [wanted]),
    ])
    return {
      roles: rows.map((row) => ({
        name: String(row['name']),
        login: row['rolcanlogin'] === true,
        replication: row['rolreplication'] === true,
        superuser: row['rolsuper'] === true,
        secret: row['secret'] as RoleFact['secret'],
        validUntil: row['valid_until'] === null ? null : new Date(Number(row['valid_until'])),
      })),
      memberOf: groups.map((row) => String(row['name'])),
    }
  },
}
