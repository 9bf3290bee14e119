/**
 * The running server: its version, identity, state and since when, and what the login may see.
 * @see https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CONTROLDATA
 */
import { sessionOf } from './fact.ts'
import type { Fact } from './fact.ts'

export interface ServerFact {
  /** As `server_version_num`: 150018. */
  readonly versionNum: number
  readonly inRecovery: boolean
  /** Decimal. */
  readonly systemIdentifier: string
  readonly timeline: number
  readonly startedAt: Date
  /** When the configuration files were last read with success. */
  readonly configurationLoadedAt: Date
  readonly login: string
  readonly superuser: boolean
  /** Whether the login sees the other sessions' backend types (pg_read_all_stats). */
  readonly seesActivity: boolean
  /** Whether the login may look at stored passwords' form. */
  readonly seesSecrets: boolean
}

export const serverFact: Fact<ServerFact> = {
  name: 'server',
  async gather(from) {
    const session = await sessionOf(from)
    const [row] = await session.query(
      `SELECT current_setting('server_version_num')::int AS version_num, pg_is_in_recovery() AS in_recovery,
              (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
              (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
              extract(epoch FROM pg_postmaster_start_time())::float8 * 1000 AS started,
              extract(epoch FROM pg_conf_load_time())::float8 * 1000 AS loaded,
              current_user::text AS login, current_setting('is_superuser') = 'on' AS superuser,
              pg_has_role('pg_read_all_stats', 'USAGE') AS sees_activity,
              has_table_privilege('pg_catalog.pg_authid', 'SELECT') AS sees_secrets`)
    if (row === undefined) throw new Error('a SELECT without FROM gave no row')
    return {
      versionNum: Number(row['version_num']),
      inRecovery: row['in_recovery'] === true,
      systemIdentifier: String(row['system_identifier']),
      timeline: Number(row['timeline']),
      startedAt: new Date(Number(row['started'])),
      configurationLoadedAt: new Date(Number(row['loaded'])),
      login: String(row['login']),
      superuser: row['superuser'] === true,
      seesActivity: row['sees_activity'] === true,
      seesSecrets: row['sees_secrets'] === true,
    }
  },
}
