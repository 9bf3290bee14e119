/**
 * Files on the server's machine, read through the server's own functions: superusers, and those whom a superuser lets, may.
 * @see https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-GENFILE
 */
import { codeOf, HostError } from '../errors.ts'
import type { FileSource } from '../postgres/file-source.ts'
import { withinBudget } from './file-source.ts'
import type { Row, Session } from './host.ts'

/** SQLSTATE insufficient_privilege and undefined_file, which the server makes of the system's EACCES and ENOENT. */
const SYSTEM_CODES: Readonly<Record<string, string>> = { '42501': 'EACCES', '58P01': 'ENOENT' }

/** A {@link FileSource} that also tells when a file was changed. */
export interface ServerFiles extends FileSource {
  /** @throws HostError with the system's code */
  modified(path: string): Promise<Date>
}

/**
 * The files of the server behind a session, as the server's account sees them, for one reading of postgresql.conf or pg_hba.conf with all
 * that they include: no more than {@link withinBudget} allows. Undefined when the role may not read them.
 *
 * @throws HostError when the server does not answer
 */
export async function serverFiles(session: Session): Promise<ServerFiles | undefined> {
  const [allowed] = await session.query(`
    SELECT has_function_privilege('pg_catalog.pg_read_binary_file(text,bigint,bigint,boolean)', 'EXECUTE')
       AND has_function_privilege('pg_catalog.pg_stat_file(text,boolean)', 'EXECUTE')
       AND has_function_privilege('pg_catalog.pg_ls_dir(text,boolean,boolean)', 'EXECUTE')
       AND pg_has_role('pg_read_server_files', 'USAGE') AS yes`)
  if (allowed?.['yes'] !== true) return undefined

  async function ask(what: string, path: string, sql: string, ...more: unknown[]): Promise<Row[]> {
    try {
      return await session.query(sql, [path, ...more])
    } catch (error) {
      const code = codeOf(error)
      throw new HostError(what, path, SYSTEM_CODES[code] ?? code)
    }
  }
  return {
    read: withinBudget(async (path, limit) => {
      const [row] = await ask('read', path, 'SELECT pg_catalog.pg_read_binary_file($1, 0, $2, true) AS content', limit + 1)
      const content = row?.['content']
      if (!(content instanceof Uint8Array)) throw new HostError('read', path, 'ENOENT')
      if (content.length > limit) throw new HostError('read', path, 'too-large', `more than ${limit} bytes`)
      return content
    }),
    async list(directory) {
      const rows = await ask('list', directory, `
        SELECT name, (pg_catalog.pg_stat_file($1 || '/' || name, true)).isdir AS directory FROM pg_catalog.pg_ls_dir($1, false, false) AS name`)
      return rows.map((row) => ({ name: String(row['name']), directory: row['directory'] === true }))
    },
    async modified(path) {
      const [row] = await ask('stat', path, 'SELECT extract(epoch FROM (pg_catalog.pg_stat_file($1, false)).modification)::float8 AS modified')
      return new Date(Number(row?.['modified']) * 1000)
    },
  }
}
