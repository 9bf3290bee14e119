/**
 * How fast WAL is written, and what still needs which part of it: marks with a place in the WAL and a time. pg_stat_wal is
 * not among the sources: it leaves out what a switch leaves empty, which is kept and archived all the same.
 * @see https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-BACKUP
 * @see https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-CONTROL-CHECKPOINT
 */
import { codeOf } from '../errors.ts'
import type { Row, Session } from '../host/host.ts'
import { lsnFromText, numberedSegment, parseWalName, segmentNumber } from '../postgres/wal/index.ts'
import { acting, required, sessionOf } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'
import { identityFact } from './identity.ts'

/** The end of the WAL at some moment. */
export interface WalMark {
  readonly lsn: bigint
  readonly at: Date
}

export interface WalFlowFact {
  /** Where the server writes now, or on a standby has replayed to, by its own clock. */
  readonly now: WalMark
  /** Where the last checkpoint (on a standby: restart point) began: what crash recovery needs. */
  readonly checkpoint: WalMark
  /**
   * The ends of finished segments in pg_wal, by the time of their last write, the oldest first; empty where they cannot be
   * seen, and on a standby.
   */
  readonly segments: readonly WalMark[]
  /** All segments in pg_wal, those kept for use again included. */
  readonly files?: number
  /** Segments archived since the statistics began. */
  readonly archived?: { readonly count: number; readonly since: Date }
  /** Up to where WAL summaries are made, where the server makes any (17 and newer). */
  readonly summarized?: bigint
}

/** Ends of segments that are kept as marks, spread over the whole range. */
const MOST_MARKS = 40

export const walFlowFact: Fact<WalFlowFact> = {
  name: 'wal-flow',
  async gather(from) {
    const [session, { segmentSize }] = await Promise.all([sessionOf(from), required(from, identityFact)])
    const summarizer = from.cluster.major >= 17
      ? "CASE WHEN current_setting('summarize_wal')::bool THEN (SELECT summarized_lsn::text FROM pg_get_wal_summarizer_state()) END"
      : 'NULL'
    const [row] = await session.query(
      `SELECT pg_is_in_recovery() AS standby, extract(epoch FROM clock_timestamp())::float8 * 1000 AS now,
              CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text AS lsn,
              c.redo_lsn::text AS redo, extract(epoch FROM c.checkpoint_time)::float8 * 1000 AS redo_at, c.timeline_id AS timeline,
              a.archived_count AS archived, extract(epoch FROM a.stats_reset)::float8 * 1000 AS since, ${summarizer} AS summarized
         FROM pg_control_checkpoint() c, pg_catalog.pg_stat_archiver a`)
    if (row === undefined) throw new Error('pg_control_checkpoint() gave no row')
    const now = { lsn: lsnOf(row['lsn']), at: new Date(Number(row['now'])) }
    const summarized = typeof row['summarized'] === 'string' ? lsnOf(row['summarized']) : 0n
    const files = await segmentFiles(from, session)
    const ends = files === undefined || row['standby'] === true ? [] : marks(files, now, segmentSize)
    return {
      now,
      checkpoint: { lsn: lsnOf(row['redo']), at: new Date(Number(row['redo_at'])) },
      segments: ends,
      ...(files === undefined ? {} : { files: files.total }),
      ...(row['since'] === null ? {} : { archived: { count: Number(row['archived']), since: new Date(Number(row['since'])) } }),
      ...(summarized === 0n ? {} : { summarized }),
    }
  },
}

function lsnOf(value: unknown): bigint {
  return lsnFromText(String(value)) ?? 0n
}

interface SegmentFiles {
  readonly total: number
  /** By name; on Linux the server asks for all of them faster than we could. */
  readonly modified: readonly { readonly name: string; readonly at: Date }[]
}

/** pg_ls_waldir where the login may use it, else the directory itself; undefined where neither is open to us. */
async function segmentFiles(from: Gathering, session: Session): Promise<SegmentFiles | undefined> {
  try {
    const rows = await session.query("SELECT name, extract(epoch FROM modification)::float8 * 1000 AS at FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'")
    return { total: rows.length, modified: rows.map((row: Row) => ({ name: String(row['name']), at: new Date(Number(row['at'])) })) }
  } catch (error) {
    if (codeOf(error) === '') throw error
  }
  try {
    const directory = `${from.cluster.dataDir}/pg_wal`
    const names: string[] = []
    for await (const some of from.host.listBatches(directory, acting(from))) names.push(...some.filter((name) => parseWalName(name).kind === 'segment'))
    const some = spread(names.sort(), MOST_MARKS)
    const modified = await Promise.all(some.map(async (name) => {
      // Recycled under another name while we looked.
      const info = await from.host.stat(`${directory}/${name}`, acting(from)).catch(() => undefined)
      return info === undefined ? [] : [{ name, at: info.modified }]
    }))
    return { total: names.length, modified: modified.flat() }
  } catch (error) {
    if (codeOf(error) === '') throw error
    return undefined
  }
}

/** The ends of the finished segments of the newest timeline, as far as their times agree with their order. */
function marks({ modified }: SegmentFiles, now: WalMark, segmentSize: number): WalMark[] {
  const current = Number(now.lsn / BigInt(segmentSize))
  const finished = modified.flatMap(({ name, at }) => {
    const parsed = parseWalName(name)
    const number = parsed.kind === 'segment' ? segmentNumber(parsed, segmentSize) : undefined
    // Names beyond the present one are old files that wait for use.
    return parsed.kind === 'segment' && number !== undefined && number < current ? [{ name, timeline: parsed.timeline, number, at }] : []
  })
  const timeline = Math.max(0, ...finished.map((one) => one.timeline))
  const ordered = finished.filter((one) => one.timeline === timeline && one.name === numberedSegment(timeline, one.number, segmentSize)).sort((a, b) => b.number - a.number)
  let before = now.at.getTime()
  const agreed = ordered.filter(({ at }) => {
    if (at.getTime() > before) return false
    before = at.getTime()
    return true
  })
  return spread(agreed.reverse(), MOST_MARKS).map(({ number, at }) => ({ lsn: BigInt(number + 1) * BigInt(segmentSize), at }))
}

/** At most so many of a list, with its first and its last. */
function spread<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all]
  return Array.from({ length: most }, (_, at) => all[Math.round((at * (all.length - 1)) / (most - 1))]!)
}
