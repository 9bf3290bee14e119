/**
 * Values that roles and databases have of their own, which go before every file in their sessions.
 * @see https://www.postgresql.org/docs/current/catalog-pg-db-role-setting.html
 */
import { sessionOf } from './fact.ts'
import type { Fact } from './fact.ts'

/** One value of `ALTER ROLE … [IN DATABASE …] SET` or `ALTER DATABASE … SET`. */
export interface RoleSetting {
  readonly name: string
  readonly value: string
  /** Null: every role. */
  readonly role: string | null
  /** Null: every database. */
  readonly database: string | null
}

export const roleSettingsFact: Fact<readonly RoleSetting[]> = {
  name: 'role-settings',
  async gather(from) {
    const session = await sessionOf(from)
    const rows = await session.query(
      `SELECT split_part(entry, '=', 1) AS name, substr(entry, strpos(entry, '=') + 1) AS value, r.rolname::text AS role, d.datname::text AS database
         FROM pg_catalog.pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS entry
              LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
        ORDER BY database NULLS FIRST, role NULLS FIRST, name`)
    const text = (value: unknown): string | null => (value === null ? null : String(value))
    return rows.map((row) => ({ name: String(row['name']), value: String(row['value']), role: text(row['role']), database: text(row['database']) }))
  },
}
