/** What is asked of a restored server before it counts as one. */
import type { Acting, Connection, Host } from '../../host/host.ts'
import { DrillFailure } from './failure.ts'

/** With very many relations it looks for as many files. */
export const ANSWER_MS = 600_000

/** A relation without its file: in a backup that nothing compares, one that was lost. Temporary ones are left out of every backup. */
const WITHOUT_FILE = `
  SELECT c.oid::regclass::text AS relation, pg_relation_filepath(c.oid) AS file
  FROM pg_catalog.pg_class c
  WHERE c.relkind IN ('r', 'i', 'S', 't', 'm') AND c.relpersistence <> 't' AND pg_relation_filepath(c.oid) IS NOT NULL
    AND (pg_stat_file(pg_relation_filepath(c.oid), true)).size IS NULL
  ORDER BY 2 LIMIT 1`

/**
 * Asks a restored server whether it is open and the one that was backed up, and in each database whether every relation has its file.
 * A database whose DROP was broken off (-2) lets nobody in. Gives the number of prepared transactions that it has.
 * @throws DrillFailure `did-not-start`, `relation-missing`; HostError
 */
export async function askRestored(host: Host, connection: Connection & Acting, systemIdentifier: bigint): Promise<{ readonly prepared: number }> {
  const [row] = await host.query(connection,
    `SELECT pg_is_in_recovery() AS recovery, (SELECT system_identifier::text FROM pg_control_system()) AS id, (SELECT count(*)::int FROM pg_prepared_xacts) AS prepared,
            (SELECT json_agg(datname::text) FROM pg_database WHERE datallowconn AND datconnlimit <> -2) AS databases`)
  if (row?.['recovery'] !== false || row['id'] !== String(systemIdentifier)) throw new DrillFailure('did-not-start', { cause: JSON.stringify(row) })
  for (const database of row['databases'] as string[]) {
    const [lost] = await host.query({ ...connection, database }, WITHOUT_FILE)
    if (lost !== undefined) throw new DrillFailure('relation-missing', { database, relation: String(lost['relation']), file: String(lost['file']) })
  }
  return { prepared: Number(row['prepared']) }
}
