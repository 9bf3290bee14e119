// Before anything restarts: would the server come up with what is in the files now? Asked three times, because each
// answer has its blind spots: of our own reading of the files (which knows the rules between settings), of the server's
// program (`postgres -C` reads the files and checks names and values, but not those rules), and of the running server.
// https://www.postgresql.org/docs/current/app-postgres.html, https://www.postgresql.org/docs/current/view-pg-file-settings.html
import { codeOf, NO_PRIVILEGE } from '../errors.ts'
import { serverProgram } from '../platforms/reading.ts'
import { checkLoads } from '../postgres/conf/index.ts'
import { sameValue } from '../postgres/settings/index.ts'
import type { Happening } from './happening.ts'
import type { Plan } from './plan.ts'
import { readClusterConfiguration, readClusterHba } from './read-files.ts'
import { asOwner } from './server-context.ts'
import type { ServerContext } from './server-context.ts'
import { linesOf } from './server-log.ts'

export type Proof =
  | { readonly ok: true; readonly happenings: readonly Happening[] }
  | { readonly ok: false; readonly reason: string; readonly log: readonly string[] }

/** Whether the server would start with the files as they are now, with what the plan wants. */
export async function proveConfiguration(context: ServerContext, plan: Plan): Promise<Proof> {
  const own = await byOurselves(context, plan)
  if (own !== undefined) return own
  const happenings: Happening[] = []
  const program = await byProgram(context)
  if (program === 'accepted') happenings.push({ status: 'done', code: 'config-accepted' })
  else if (program !== 'not-asked') return program
  const server = await byServer(context)
  if (server === 'accepted') happenings.push({ status: 'done', code: 'config-accepted-after-write' })
  else if (server !== 'not-asked') return server
  return { ok: true, happenings }
}

type Refused = Extract<Proof, { ok: false }>

function refused(lines: readonly string[]): Refused {
  return { ok: false, reason: lines[0] ?? '', log: lines }
}

async function byOurselves(context: ServerContext, plan: Plan): Promise<Refused | undefined> {
  const configuration = await readClusterConfiguration(context)
  const { errors } = checkLoads(configuration, { walSegmentSize: plan.segmentSize })
  if (errors.length > 0) return refused(errors.map(({ file, line, message }) => `${file}:${line}: ${message}`))
  for (const [name, value] of Object.entries(plan.wanted.settings)) {
    const found = configuration.get(name)?.value
    if (found !== undefined && !sameValue(name, found, value, context.cluster.major)) return refused([`${name} = ${found}`])
  }
  const hba = await readClusterHba(context)
  if (!hba.loads) return refused(hba.errors.filter(({ fatal }) => fatal).map(({ file, line, message }) => `${file}:${line}: ${message}`))
  return undefined
}

async function byProgram(context: ServerContext): Promise<Refused | 'accepted' | 'not-asked'> {
  const { host, cluster } = context
  if (cluster.binDir === undefined) return 'not-asked'
  const options = cluster.commandLine.filter(([name]) => name !== 'config_file').flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // -C first: only then does the program not mind who runs it.
  const args = ['-C', 'archive_mode', '-D', cluster.dataDir, '-c', `config_file=${cluster.configFile}`, ...options]
  const ran = await host.run(serverProgram(host, cluster.binDir, 'postgres'), args, { ...asOwner(context), timeoutMs: 30_000 }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (ran === undefined) return 'not-asked'
  return ran.code === 0 ? 'accepted' : refused(linesOf(`${ran.stderr}\n${ran.stdout}`))
}

/** The server's words for a value that it did not take over; they are not translated (guc.c). */
export const NOT_APPLIED = 'setting could not be applied'

async function byServer(context: ServerContext): Promise<Refused | 'accepted' | 'not-asked'> {
  const { host, connection } = context
  if (connection === undefined) return 'not-asked'
  try {
    // "Could not be applied" says also that a restart is needed, and that the command line decides.
    const settings = await host.query(connection, `
      SELECT f.sourcefile AS file, f.sourceline AS line, coalesce(f.name || ': ', '') || f.error AS message
        FROM pg_file_settings f LEFT JOIN pg_settings s ON lower(s.name) = lower(f.name)
       WHERE f.error IS NOT NULL
         AND NOT (f.error = $1 AND (s.context = 'postmaster' OR s.source = 'command line'))
       ORDER BY f.seqno`, [NOT_APPLIED])
    const rules = await host.query(connection, 'SELECT line_number AS line, error AS message FROM pg_hba_file_rules WHERE error IS NOT NULL ORDER BY 1')
    const faults = [...settings.map((row) => ({ ...row, file: row['file'] ?? context.cluster.configFile })), ...rules.map((row) => ({ ...row, file: context.cluster.hbaFile }))] as { file: unknown; line?: unknown; message?: unknown }[]
    return faults.length === 0 ? 'accepted' : refused(faults.map(({ file, line, message }) => `${String(file)}:${String(line ?? 0)}: ${String(message)}`))
  } catch (error) {
    // A login that may not look, or a server that is busy: the other two have spoken.
    if (codeOf(error) === NO_PRIVILEGE || /^(08|53|57)/.test(codeOf(error)) || codeOf(error) === 'timeout') return 'not-asked'
    throw error
  }
}
