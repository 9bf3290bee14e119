/**
 * The archiver's queue: pg_wal/archive_status holds NAME.ready for what waits and NAME.done for what is archived. It is the
 * truth where the statistics are not.
 * @see https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-GENFILE
 */
import { codeOf } from '../errors.ts'
import { acting, sessionOf } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'

export interface ArchiveStatusFact {
  readonly ready: number
  readonly done: number
  /** What the archiver takes next, and since when it waits. */
  readonly oldest?: { readonly name: string; readonly since: Date }
  /** What waits although its file is not in pg_wal any more: somebody removed it. In order, at most a few. */
  readonly gone?: readonly string[]
  /** The segment in which the newest base backup began of which the server still has the history. */
  readonly newestBackup?: string
}

/** Names without a file that are told of, and looked at once more: what is archived meanwhile loses its file rightly. */
const MOST_GONE = 20
/** `SEGMENT.OFFSET.backup`, and its state. */
const BACKUP = /^([0-9A-F]{24})\.[0-9A-F]{8}\.backup\.(?:done|ready)$/

export const archiveStatusFact: Fact<ArchiveStatusFact> = {
  name: 'archive-status',
  async gather(from) {
    try {
      return await fromDirectory(from)
    } catch (error) {
      const session = await from.session()
      if (!session.ok) throw error
      return fromServer(from)
    }
  },
}

async function fromDirectory(from: Gathering): Promise<ArchiveStatusFact> {
  const directory = `${from.cluster.dataDir}/pg_wal/archive_status`
  let ready = 0
  let done = 0
  let first: string | undefined
  const waiting: string[] = []
  let newestBackup: string | undefined
  for await (const names of from.host.listBatches(directory, acting(from))) {
    for (const name of names) {
      if (name.endsWith('.done')) done++
      const backup = BACKUP.exec(name)?.[1]
      if (backup !== undefined && (newestBackup === undefined || backup > newestBackup)) newestBackup = backup
      if (!name.endsWith('.ready')) continue
      ready++
      waiting.push(name.slice(0, -6))
      if (first === undefined || before(name, first)) first = name
    }
  }
  const backups = newestBackup === undefined ? {} : { newestBackup }
  if (first === undefined) return { ready, done, gone: [], ...backups }
  const gone = await withoutFile(from, waiting)
  try {
    const { modified } = await from.host.stat(`${directory}/${first}`, acting(from))
    return { ready, done, oldest: { name: first.slice(0, -6), since: modified }, gone, ...backups }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    // Archived while we looked.
    return { ready: ready - 1, done: done + 1, gone, ...backups }
  }
}

async function withoutFile(from: Gathering, waiting: readonly string[]): Promise<string[]> {
  const directory = `${from.cluster.dataDir}/pg_wal`
  const there = new Set<string>()
  for await (const names of from.host.listBatches(directory, acting(from))) for (const name of names) there.add(name)
  const missing = waiting.filter((name) => !there.has(name)).sort().slice(0, MOST_GONE)
  const still = await Promise.all(missing.map((name) => from.host.stat(`${directory}/archive_status/${name}.ready`, acting(from)).then(() => true, (error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error
    return false
  })))
  return missing.filter((_, at) => still[at])
}

/** The archiver takes timeline histories first, else the oldest name (src/backend/postmaster/pgarch.c). */
function before(a: string, b: string): boolean {
  const [first, second] = [a.endsWith('.history.ready'), b.endsWith('.history.ready')]
  return first === second ? a < b : first
}

async function fromServer(from: Gathering): Promise<ArchiveStatusFact> {
  const session = await sessionOf(from)
  const [row] = await session.query(
    `WITH status AS (SELECT name, modification FROM pg_ls_archive_statusdir()),
          first AS (SELECT name, extract(epoch FROM modification)::float8 * 1000 AS since FROM status
                     WHERE name LIKE '%.ready' ORDER BY name NOT LIKE '%.history.ready', name COLLATE "C" LIMIT 1)
     SELECT (SELECT count(*) FROM status WHERE name LIKE '%.ready') AS ready, (SELECT count(*) FROM status WHERE name LIKE '%.done') AS done,
            (SELECT name FROM first) AS name, (SELECT since FROM first) AS since,
            (SELECT max(left(name, 24) COLLATE "C") FROM status WHERE name ~ '^[0-9A-F]{24}[.][0-9A-F]{8}[.]backup[.](done|ready)$') AS backup,
            ARRAY(SELECT left(name, -6) FROM status WHERE name LIKE '%.ready' AND left(name, -6) NOT IN (SELECT name FROM pg_ls_waldir()) ORDER BY name COLLATE "C" LIMIT ${MOST_GONE})::text[] AS gone`)
  const counts = { ready: Number(row?.['ready'] ?? 0), done: Number(row?.['done'] ?? 0), gone: Array.isArray(row?.['gone']) ? row['gone'].map(String) : [], ...(typeof row?.['backup'] === 'string' ? { newestBackup: row['backup'] } : {}) }
  const name = row?.['name']
  return typeof name === 'string' ? { ...counts, oldest: { name: name.replace(/\.ready$/, ''), since: new Date(Number(row?.['since'])) } } : counts
}
