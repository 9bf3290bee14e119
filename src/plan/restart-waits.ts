// What a restart would break off (a base backup), and what its shutdown would wait for without end: a receiver of WAL that is silent
// while wal_sender_timeout ends no connection, and an archive_command that hangs. Nobody is let in meanwhile.
// https://www.postgresql.org/docs/current/server-shutdown.html, WalSndDone (walsender.c), PM_SHUTDOWN_2 (postmaster.c)
import { UserError } from '../errors.ts'
import type { Connection, Host, Row } from '../host/host.ts'
import { unlessRefused } from '../platforms/reading.ts'

/** Walsenders say so themselves; of a backup between pg_backup_start and pg_backup_stop only the session's last statement tells, or its name. */
const BACKUPS = `
  SELECT pid, coalesce(nullif(application_name, ''), backend_type) AS name FROM pg_catalog.pg_stat_activity a
   WHERE pid <> pg_catalog.pg_backend_pid()
     AND (EXISTS (SELECT FROM pg_catalog.pg_stat_replication r WHERE r.pid = a.pid AND r.state = 'backup')
       OR (backend_type = 'client backend' AND (application_name LIKE 'pgBackRest [backup]%' OR query ~* '^\\s*select\\M.*\\mpg_(start_backup|backup_start)\\s*\\(')))
   ORDER BY pid LIMIT 1`

const RECEIVERS = `
  SELECT pid, coalesce(nullif(application_name, ''), usename::text, '') AS name, coalesce(pg_catalog.host(client_addr), 'local') AS address,
         extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(reply_time, backend_start))::int AS seconds
    FROM pg_catalog.pg_stat_replication
   WHERE state IN ('catchup', 'streaming') AND (SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') NOT BETWEEN 1 AND 300000
   ORDER BY seconds DESC LIMIT 1`

/** The archiver counts each success and each failure; with something to do, it tries at least once a minute. */
const ARCHIVER = `
  SELECT extract(epoch FROM pg_catalog.clock_timestamp() - greatest(min(q.modification), max(s.last_archived_time), max(s.last_failed_time), pg_catalog.pg_postmaster_start_time()))::int AS seconds
    FROM pg_catalog.pg_ls_archive_statusdir() q CROSS JOIN pg_catalog.pg_stat_archiver s
   WHERE q.name LIKE '%.ready' AND EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name IN ('archive_command', 'archive_library') AND setting NOT IN ('', '(disabled)'))
  HAVING count(*) > 0`

/** A standby and pg_receivewal say every ten seconds where they are. */
const SILENT_SECONDS = 60
const HANGING_SECONDS = 150

export interface Patience {
  readonly silentSeconds?: number
  readonly hangingSeconds?: number
}

/** @throws UserError `restart-backup`, `restart-receiver`, `restart-archiver` */
export async function refuseWaits(host: Host, connection: Connection, { silentSeconds = SILENT_SECONDS, hangingSeconds = HANGING_SECONDS }: Patience = {}): Promise<void> {
  // A login that may not see one of them sees the others.
  const first = async (sql: string): Promise<Row | undefined> => (await unlessRefused(host.query(connection, sql)))?.[0]
  const backup = await first(BACKUPS)
  if (backup !== undefined) throw new UserError('restart-backup', { name: String(backup['name']), pid: Number(backup['pid']) })
  const receiver = await first(RECEIVERS)
  if (receiver !== undefined && Number(receiver['seconds']) >= silentSeconds) {
    throw new UserError('restart-receiver', { name: String(receiver['name']), address: String(receiver['address']), pid: Number(receiver['pid']), seconds: Number(receiver['seconds']) })
  }
  const archiver = await first(ARCHIVER)
  if (archiver !== undefined && Number(archiver['seconds']) >= hangingSeconds) throw new UserError('restart-archiver', { seconds: Number(archiver['seconds']) })
}
