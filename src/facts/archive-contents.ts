/**
 * The archive by the names of all its files: which segments are there, timeline by timeline, what is missing between them and
 * up to what the server writes now, where the base backups begin that left a `.backup` file, and what else lies there.
 * Streamed: one bit a segment, whatever the archive's size. The order is that of the names; times of change say nothing about it.
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html
 */
import { codeOf } from '../errors.ts'
import { ArchiveNames, historyName, isAncestor, lsnFromText, numberedSegment, parseBackupHistory, parseHistory, parseWalName, segmentNumber, SegmentSet } from '../postgres/wal/index.ts'
import type { Gap, History, Lsn, Some, TimelineSegments, Twice } from '../postgres/wal/index.ts'
import { archiveCommandFact } from './archive-command.ts'
import { archiveDirectoryFact } from './archive-directory.ts'
import { acting, DEEP_TIMEOUT_MS, FACT_TIMEOUT_MS, required, unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'
import { identityFact } from './identity.ts'

export interface KnownBackup {
  /** The name of its `.backup` file. */
  readonly name: string
  readonly timeline: number
  /** The number of the first segment that it needs. */
  readonly from: number
  /** The number of the last segment without which it is not consistent. */
  readonly to: number
  /** How many of these are missing. */
  readonly missing: number
  /** The archive's timeline begins behind it: its segments were removed, as a retention does. */
  readonly expired: boolean
  /** It ended on a timeline after that was left, so that it does not lead to what the server writes now. */
  readonly undone?: true
}

type FinishedBackup = Pick<KnownBackup, 'name' | 'timeline' | 'from' | 'to'> & { readonly stop: Lsn }

export interface ArchiveGap extends Gap {
  /** How many of the missing segments are still in pg_wal. */
  readonly held: number
}

/** `unreadable`: it says nothing that recovery could follow; `differs`: pg_wal has another content under the name. */
export interface HistoryFault {
  readonly name: string
  readonly code: 'unreadable' | 'differs'
}

export interface ArchiveContentsFact {
  readonly path: string
  /** Of all files. */
  readonly names: number
  readonly timelines: readonly TimelineSegments[]
  /** The newest. */
  readonly gaps: readonly ArchiveGap[]
  /** How many more there are. */
  readonly moreGaps: number
  /** The timeline that the server writes; absent where it is down, in recovery, or lets nobody in. */
  readonly current?: number
  /** Timelines with a history file. */
  readonly histories: readonly number[]
  /** History files that are missing for timelines with segments, and for the server's own. */
  readonly missingHistories: readonly string[]
  readonly historyFaults: readonly HistoryFault[]
  /** Base backups that finished, incremental ones left out: those need another one. The oldest first. */
  readonly backups: readonly KnownBackup[]
  /** Compressed or not: how many segments in each form. */
  readonly forms: readonly { readonly suffix: string; readonly count: number }[]
  readonly twice?: Twice
  /** `.partial` files whose full segment is not there, and that nothing else makes up for. */
  readonly partials: readonly string[]
  /** Unfinished copies that nobody writes to any more. */
  readonly leftovers: Some
  readonly others: Some
  readonly impossible: Some
  /** When the oldest segment was last changed. */
  readonly oldestChanged?: Date
}

const TEXT_LIMIT = 64 << 10
/** Files with a text that are read together. */
const TEXTS_AT_ONCE = 32
/** Names that are looked for once more: a listing may miss what arrives meanwhile. */
const MOST_LOOKS = 256
const MOST_KEPT = 200
/** A copy that nobody has written to for so long is not being made any more. */
const LEFT_AFTER_MS = 3_600_000

export const archiveContentsFact: Fact<ArchiveContentsFact> = {
  name: 'archive-contents',
  timeoutMs: ({ deep }) => (deep === true ? DEEP_TIMEOUT_MS : FACT_TIMEOUT_MS),
  async gather(from) {
    const [{ path, state }, { segmentSize }, { spool }] = await Promise.all([required(from, archiveDirectoryFact), required(from, identityFact), required(from, archiveCommandFact)])
    if (spool === true) throw unavailable('spool', { target: path })
    if (state === 'missing') throw unavailable('not-found', { target: path })
    if (state !== 'directory') throw unavailable('not-readable', { target: path })
    return contentsOf(from, path, segmentSize)
  },
}

async function contentsOf(from: Gathering, path: string, segmentSize: number): Promise<ArchiveContentsFact> {
  // In this order: a segment that is finished by now waits for the archiver now, or is in the archive when that is listed.
  const reached = await positionOf(from, segmentSize)
  const waiting = await waitingIn(from, segmentSize)
  const archive = await namesOf(from, path, segmentSize)
  const { histories, backups } = await readTexts(from, path, archive.texts, segmentSize)

  const timelines = archive.segments.timelines()
  const whole = new SegmentSet(segmentSize)
  whole.addAll(archive.segments)
  if (waiting !== undefined) whole.addAll(waiting)
  // Without a look at what waits, nothing can be said of what is behind the newest segment.
  const report = () => whole.report(histories, waiting === undefined ? undefined : reached)
  let { gaps, moreGaps, missingHistories } = report()
  if (await lookAgain(from, path, gaps, whole, archive.suffixes, segmentSize)) ({ gaps, moreGaps, missingHistories } = report())
  const held = gaps.length === 0 ? undefined : await walOf(from, segmentSize)

  const after = await positionOf(from, segmentSize)
  const [oldest] = timelines
  const oldestChanged = oldest === undefined ? undefined : await changeOf(from, path, oldest.first, archive.suffixes)
  const twice = archive.twice
  return {
    path,
    names: archive.names,
    ...(after === undefined ? {} : { current: after.timeline }),
    timelines,
    gaps: gaps.map((gap) => ({ ...gap, held: held?.countWithin(gap.timeline, gap.from, gap.to) ?? 0 })),
    moreGaps,
    histories: [...whole.histories].sort((a, b) => a - b).slice(-MOST_KEPT),
    missingHistories: missingHistories.slice(-MOST_KEPT),
    historyFaults: await faultsOf(from, path, histories),
    backups: backups.map(({ stop, ...backup }) => ({ ...judged(backup, whole), ...(isUndone(backup.timeline, stop, after?.timeline, histories) ? { undone: true as const } : {}) })).sort((a, b) => a.from - b.from).slice(-MOST_KEPT),
    forms: archive.forms,
    ...(twice === undefined ? {} : { twice }),
    partials: partialsAlone(archive, histories, after, segmentSize),
    leftovers: await leftoversOf(from, path, archive.temporary),
    others: archive.others,
    impossible: archive.impossible,
    ...(oldestChanged === undefined ? {} : { oldestChanged }),
  }
}

async function namesOf(from: Gathering, path: string, segmentSize: number): Promise<ArchiveNames> {
  const archive = new ArchiveNames(segmentSize)
  const limitMs = from.deep === true ? DEEP_TIMEOUT_MS : FACT_TIMEOUT_MS * 0.8
  const began = from.host.now().getTime()
  for await (const names of from.host.listBatches(path, acting(from))) {
    for (const name of names) archive.add(name)
    if (from.host.now().getTime() - began > limitMs) throw unavailable('too-many-names', { target: path, count: archive.names })
  }
  if (archive.segments.scattered) throw unavailable('too-scattered', { target: path })
  return archive
}

/**
 * The timeline that the server writes and the number of the segment, 0 where archiving is off; undefined for a standby, and
 * where the server cannot be asked. (pg_control learns of a switch of the timeline only with the next checkpoint.)
 */
async function positionOf(from: Gathering, segmentSize: number): Promise<{ readonly timeline: number; readonly number: number } | undefined> {
  const session = await from.session()
  if (!session.ok) return undefined
  const [row] = await session.value.query(
    `SELECT substr(pg_walfile_name(lsn), 1, 8) AS timeline, lsn::text AS lsn, current_setting('archive_mode') <> 'off' AS archives
       FROM (SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() END AS lsn) AS now`)
  const { timeline, lsn, archives } = row ?? {}
  if (typeof timeline !== 'string') return undefined
  const at = archives === true && typeof lsn === 'string' ? lsnFromText(lsn) : undefined
  return { timeline: Number.parseInt(timeline, 16), number: Number((at ?? 0n) / BigInt(segmentSize)) }
}

/** What waits for the archiver; undefined where that cannot be seen. */
async function waitingIn(from: Gathering, segmentSize: number): Promise<SegmentSet | undefined> {
  const waiting = new SegmentSet(segmentSize)
  try {
    for await (const names of from.host.listBatches(`${from.cluster.dataDir}/pg_wal/archive_status`, acting(from))) {
      for (const name of names) if (name.endsWith('.ready')) waiting.add(name.slice(0, -'.ready'.length))
    }
    return waiting
  } catch (error) {
    if (codeOf(error) === '') throw error
    return undefined
  }
}

/** The segments in pg_wal; undefined where they cannot be seen. */
async function walOf(from: Gathering, segmentSize: number): Promise<SegmentSet | undefined> {
  const held = new SegmentSet(segmentSize)
  try {
    for await (const names of from.host.listBatches(`${from.cluster.dataDir}/pg_wal`, acting(from))) for (const name of names) held.add(name)
    return held
  } catch (error) {
    if (codeOf(error) === '') throw error
    return undefined
  }
}

async function readTexts(from: Gathering, path: string, names: readonly string[], segmentSize: number): Promise<{ readonly histories: Map<number, History>; readonly backups: FinishedBackup[] }> {
  const histories = new Map<number, History>()
  const backups: FinishedBackup[] = []
  for (let at = 0; at < names.length; at += TEXTS_AT_ONCE) {
    for (const head of await from.host.readHeads(path, names.slice(at, at + TEXTS_AT_ONCE), TEXT_LIMIT, acting(from))) {
      // One that is closed to us, was removed meanwhile, is no file or far too long tells nothing.
      if ('error' in head || head.size > TEXT_LIMIT) continue
      const parsed = parseWalName(head.name)
      const text = new TextDecoder().decode(head.bytes)
      if (parsed.kind === 'history') histories.set(parsed.timeline, parseHistory(text, parsed.timeline))
      if (parsed.kind !== 'backup') continue
      const backup = parseBackupHistory(text)
      const number = segmentNumber(parsed, segmentSize)
      if (backup?.stop === undefined || backup.incrementalFrom !== undefined || number === undefined) continue
      // The end is behind the last byte: on a boundary nothing of the next segment is needed.
      const to = backup.stop.lsn === 0n ? number : Number((backup.stop.lsn - 1n) / BigInt(segmentSize))
      backups.push({ name: head.name, timeline: parsed.timeline, from: number, to: Math.max(number, to), stop: backup.stop.lsn })
    }
  }
  return { histories, backups }
}

/** Undefined where it is closed to us, was removed meanwhile, or is no file: then it tells nothing. */
async function textOf(from: Gathering, file: string): Promise<Uint8Array | undefined> {
  return from.host.read(file, { ...acting(from), limit: TEXT_LIMIT }).catch((error: unknown) => {
    if (codeOf(error) === '') throw error
    return undefined
  })
}

/** Without the history of the server's timeline nobody knows. */
function isUndone(timeline: number, stop: Lsn, current: number | undefined, histories: ReadonlyMap<number, History>): boolean {
  const parents = current === undefined || timeline === current ? undefined : histories.get(current)?.parents
  return parents !== undefined && !isAncestor(parents, timeline, stop)
}

function judged(backup: Omit<FinishedBackup, 'stop'>, segments: SegmentSet): KnownBackup {
  const missing = backup.to - backup.from + 1 - segments.countWithin(backup.timeline, backup.from, backup.to)
  const begins = segments.first(backup.timeline) ?? Number.POSITIVE_INFINITY
  return { ...backup, missing, expired: missing > 0 && begins > backup.from }
}

/**
 * Looks for what seems to be missing once more, because a listing may miss what comes and goes meanwhile. Where the segment
 * before a gap is gone as well, somebody takes files away (Barman's incoming directory): that is no gap.
 * @returns whether anything was put in
 */
async function lookAgain(from: Gathering, path: string, gaps: readonly Gap[], segments: SegmentSet, suffixes: readonly string[], segmentSize: number): Promise<boolean> {
  const forms = suffixes.length === 0 ? [''] : suffixes
  const there = (timeline: number, number: number) => inSomeForm(from, path, numberedSegment(timeline, number, segmentSize), forms)
  let found = false
  let looks = 0
  for (const gap of gaps.toReversed()) {
    const taken = gap.from > 0 && segments.has(gap.timeline, gap.from - 1) && !(await waits(from, numberedSegment(gap.timeline, gap.from - 1, segmentSize))) && !(await there(gap.timeline, gap.from - 1))
    for (let number = gap.from; number <= gap.to && looks < MOST_LOOKS; number++, looks++) {
      if (!taken && !(await there(gap.timeline, number))) continue
      segments.add(numberedSegment(gap.timeline, number, segmentSize))
      found = true
    }
    if (looks >= MOST_LOOKS) break
  }
  return found
}

async function inSomeForm(from: Gathering, path: string, name: string, suffixes: readonly string[]): Promise<boolean> {
  for (const suffix of suffixes) if (await exists(from, `${path}/${name}${suffix}`)) return true
  return false
}

function waits(from: Gathering, name: string): Promise<boolean> {
  return exists(from, `${from.cluster.dataDir}/pg_wal/archive_status/${name}.ready`)
}

async function exists(from: Gathering, file: string): Promise<boolean> {
  return (await changed(from, file)) !== undefined
}

async function changed(from: Gathering, file: string): Promise<Date | undefined> {
  try {
    return (await from.host.stat(file, acting(from))).modified
  } catch (error) {
    if (codeOf(error) === '') throw error
    return undefined
  }
}

async function changeOf(from: Gathering, path: string, name: string, suffixes: readonly string[]): Promise<Date | undefined> {
  for (const suffix of suffixes) {
    const when = await changed(from, `${path}/${name}${suffix}`)
    if (when !== undefined) return when
  }
  return undefined
}

async function faultsOf(from: Gathering, path: string, histories: ReadonlyMap<number, History>): Promise<HistoryFault[]> {
  const faults: HistoryFault[] = []
  for (const [timeline, { parents, problems }] of [...histories].slice(-MOST_KEPT)) {
    const name = historyName(timeline)
    if (parents.length === 0 || problems.length > 0) faults.push({ name, code: 'unreadable' })
    const own = await textOf(from, `${from.cluster.dataDir}/pg_wal/${name}`)
    const archived = own === undefined ? undefined : await textOf(from, `${path}/${name}`)
    if (own !== undefined && archived !== undefined && !sameBytes(own, archived)) faults.push({ name, code: 'differs' })
  }
  return faults
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}

/**
 * A standby that is promoted archives the last segment of the timeline that it leaves as `.partial`; the first segment of the new
 * one begins with the same WAL. So it is the last of its WAL only where no timeline branched off within it, and where the
 * server, or a pg_receivewal, is not still filling it.
 */
function partialsAlone(archive: ArchiveNames, histories: ReadonlyMap<number, History>, now: { readonly timeline: number; readonly number: number } | undefined, segmentSize: number): string[] {
  const size = BigInt(segmentSize)
  return archive.partials.names.filter((name) => {
    const parsed = parseWalName(name.replace(/\.partial.*$/, '.partial'))
    const number = parsed.kind === 'partial' ? segmentNumber(parsed, segmentSize) : undefined
    if (parsed.kind !== 'partial' || number === undefined || archive.segments.has(parsed.timeline, number)) return false
    if (now !== undefined && now.timeline === parsed.timeline && number >= now.number - 1) return false
    return ![...histories.values()].some(({ parents }) => parents.some(({ timeline, switchLsn }) => timeline === parsed.timeline && Number(switchLsn / size) === number))
  })
}

async function leftoversOf(from: Gathering, path: string, { names, count }: Some): Promise<Some> {
  const now = from.host.now().getTime()
  const left: string[] = []
  for (const name of names) {
    const when = await changed(from, `${path}/${name}`)
    if (when !== undefined && now - when.getTime() > LEFT_AFTER_MS) left.push(name)
  }
  // Of those that were not looked at, as many will be old as of those that were.
  return { names: left, count: names.length === 0 ? 0 : Math.round(count * left.length / names.length) }
}
