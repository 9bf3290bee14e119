/**
 * The archive by the names of all its files: which segments are there, timeline by timeline, what is missing between them,
 * and where the base backups begin that left a `.backup` file. Streamed: one bit a segment, whatever the archive's size.
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html
 */
import { codeOf } from '../errors.ts'
import { numberedSegment, parseBackupHistory, parseHistory, parseWalName, segmentNumber, SegmentSet } from '../postgres/wal/index.ts'
import type { Gap, History, TimelineSegments } from '../postgres/wal/index.ts'
import { archiveCommandFact } from './archive-command.ts'
import { archiveDirectoryFact } from './archive-directory.ts'
import { acting, required, unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'
import { identityFact } from './identity.ts'

export interface KnownBackup {
  /** The name of its `.backup` file. */
  readonly name: string
  readonly timeline: number
  /** The number of the first segment that it needs. */
  readonly from: number
}

export interface ArchiveContentsFact {
  readonly path: string
  readonly timelines: readonly Omit<TimelineSegments, 'ranges'>[]
  readonly gaps: readonly Gap[]
  /** The timeline that the server writes; absent where it is down, in recovery, or lets nobody in. */
  readonly current?: number
  /** History files that are missing for timelines with segments. */
  readonly missingHistories: readonly string[]
  /** Base backups that finished, incremental ones left out: those need another one. The oldest first. */
  readonly backups: readonly KnownBackup[]
}

/** What an archive command may append when it compresses. */
const COMPRESSED = /\.(?:gz|bz2|xz|zst|lz4|lzo|br)$/
/** Files with a text that is read; of an archive with more, as many as come first are read. */
const MOST_TEXTS = 2000
const TEXT_LIMIT = 64 << 10
/** Names that are looked for once more: a listing may miss what arrives meanwhile. */
const MOST_LOOKS = 256

export const archiveContentsFact: Fact<ArchiveContentsFact> = {
  name: 'archive-contents',
  async gather(from) {
    const [{ path, state }, { segmentSize }, { spool }] = await Promise.all([required(from, archiveDirectoryFact), required(from, identityFact), required(from, archiveCommandFact)])
    if (spool === true) throw unavailable('spool', { target: path })
    if (state === 'missing') throw unavailable('not-found', { target: path })
    if (state !== 'directory') throw unavailable('not-readable', { target: path })
    return contentsOf(from, path, segmentSize)
  },
}

async function contentsOf(from: Gathering, path: string, segmentSize: number): Promise<ArchiveContentsFact> {
  const set = new SegmentSet(segmentSize)
  const suffixes = new Set([''])
  const texts: string[] = []
  for await (const name of from.host.listStream(path, acting(from))) {
    const suffix = COMPRESSED.exec(name)?.[0] ?? ''
    if (suffix !== '') suffixes.add(suffix)
    set.add(suffix === '' ? name : name.slice(0, -suffix.length))
    if ((name.endsWith('.history') || name.endsWith('.backup')) && texts.length < MOST_TEXTS) texts.push(name)
  }
  const { histories, backups } = await readTexts(from, path, texts, segmentSize)
  let report = set.report(histories)
  let looks = 0
  for (const gap of report.gaps) {
    for (let number = gap.from; number <= gap.to && looks < MOST_LOOKS; number++, looks++) {
      const name = numberedSegment(gap.timeline, number, segmentSize)
      if (await thereOrWaiting(from, path, name, suffixes)) set.add(name)
    }
  }
  if (looks > 0) report = set.report(histories)
  const current = await currentTimeline(from)
  return {
    path,
    ...(current === undefined ? {} : { current }),
    timelines: report.timelines.map(({ timeline, count, first, last }) => ({ timeline, count, first, last })),
    gaps: report.gaps,
    missingHistories: report.missingHistories,
    backups: backups.sort((a, b) => a.from - b.from),
  }
}

/** Asked after the listing, so that a switch meanwhile does not look like somebody else's. pg_control learns of a switch only with the next checkpoint. */
async function currentTimeline(from: Gathering): Promise<number | undefined> {
  const session = await from.session()
  if (!session.ok) return undefined
  const [row] = await session.value.query('SELECT CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline')
  const timeline = row?.['timeline']
  return typeof timeline === 'string' ? Number.parseInt(timeline, 16) : undefined
}

async function readTexts(from: Gathering, path: string, names: readonly string[], segmentSize: number): Promise<{ readonly histories: Map<number, History>; readonly backups: KnownBackup[] }> {
  const histories = new Map<number, History>()
  const backups: KnownBackup[] = []
  for (const name of names) {
    const parsed = parseWalName(name)
    if (parsed.kind !== 'history' && parsed.kind !== 'backup') continue
    const bytes = await from.host.read(`${path}/${name}`, { ...acting(from), limit: TEXT_LIMIT }).catch((error: unknown) => {
      // Closed to us, removed meanwhile, or no file: then it tells nothing.
      if (codeOf(error) === '') throw error
      return undefined
    })
    if (bytes === undefined) continue
    const text = new TextDecoder().decode(bytes)
    if (parsed.kind === 'history') {
      histories.set(parsed.timeline, parseHistory(text, parsed.timeline))
      continue
    }
    const backup = parseBackupHistory(text)
    const number = segmentNumber(parsed, segmentSize)
    if (backup?.stop !== undefined && backup.incrementalFrom === undefined && number !== undefined) backups.push({ name, timeline: parsed.timeline, from: number })
  }
  return { histories, backups }
}

/** In the archive by now, or still in the server's queue: that is a backlog, and not lost. */
async function thereOrWaiting(from: Gathering, path: string, name: string, suffixes: ReadonlySet<string>): Promise<boolean> {
  const places = [...[...suffixes].map((suffix) => `${path}/${name}${suffix}`), `${from.cluster.dataDir}/pg_wal/archive_status/${name}.ready`]
  for (const place of places) {
    try {
      await from.host.stat(place, acting(from))
      return true
    } catch (error) {
      if (codeOf(error) === '') throw error
    }
  }
  return false
}
