/** Whether a backup and the archive lead to the target, and what will be in and what will not. */
import { codeOf } from '../errors.ts'
import type { ControlLimits } from '../postgres/control-file.ts'
import { historyName, numberedSegment } from '../postgres/wal/index.ts'
import type { Landmark, Lsn, MadeTablespace } from '../postgres/wal/index.ts'
import { LandmarkReader, lsnToText } from '../postgres/wal/index.ts'
import type { RecoveryTarget } from '../postgres/recovery/target.ts'
import { reachOf, timelineAt, wayFrom } from '../postgres/recovery/way.ts'
import type { Stretch } from '../postgres/recovery/way.ts'
import { findDamage, newestTimeline, readSegment, readWhole } from './archive.ts'
import type { Archive, Damage } from './archive.ts'
import type { Backup } from './backup.ts'
import { checkpoint } from './working.ts'
import type { Restoring } from './working.ts'

/** Beyond the archive: segments that the server had not archived when it stopped. */
export interface Remainder {
  /** pg_wal of the old data directory. */
  readonly directory: string
  readonly timeline: number
  readonly numbers: ReadonlySet<number>
  /** Timelines whose history file is there and not in the archive. */
  readonly histories: readonly number[]
}

/** A segment that is not complete, behind the last one of the way. */
export interface Partial {
  readonly file: string
  /** Its name when it is. */
  readonly name: string
  /** Of its last commit, in microseconds. */
  readonly time?: bigint
}

export interface Route {
  readonly backup: Backup
  readonly timeline: number
  /** Where the backup is consistent; undefined where nothing tells it. */
  readonly backupEnd: Lsn | undefined
  readonly way: readonly Stretch[]
  /** Segments that recovery reads, first and last. */
  readonly first: string
  readonly last: string
  readonly count: number
  /** Their numbers, and that of the last one that there is, which may lie behind the target. */
  readonly begin: number
  readonly end: number
  readonly reach: number
  /** The last commit that is in, and the first that is not, where they could be read. */
  readonly lastIn?: Landmark
  readonly firstOut?: Landmark
  /** False where the archive's form did not let us look for the target. */
  readonly targetSeen: boolean
  /** Where the last record begins, of all that there is: a recovery to the end must come that far. Undefined where it could not be read, or is none of the archive's. */
  readonly lastRecord?: Lsn
  /** Of a recovery to the end: what it leaves out. */
  readonly partial?: Partial
  /** Of a time: the last commit that has an earlier one and is out all the same, because the clock had been put back. */
  readonly clockBack?: Landmark
  /** Restore points of the target's name, where there are several: recovery stops at the first. */
  readonly sameName: readonly Landmark[]
  /** Segments taken from the old pg_wal. */
  readonly remainder: readonly number[]
  /** Tablespaces that recovery makes, at the very places that they had. */
  readonly makes: readonly MadeTablespace[]
  /** What the server was started with on the way, as far as it was read. */
  readonly limits: readonly ControlLimits[]
}

/** Whose tablespaces a recovery could reach into: to replay CREATE TABLESPACE empties the directory that it names, and no map changes that. */
export interface Neighbour {
  /** Tablespaces of the cluster that the backup is of, by their number; undefined where it is not known. */
  readonly tablespaces: ReadonlySet<string> | undefined
  /** Whether recovery may make tablespaces outside of its own directory where nobody's are. */
  readonly mayMake: boolean
}

export interface Judging {
  /** The timeline to follow; default: the newest that comes from the backup's. */
  readonly timeline?: number
  readonly remainder?: Remainder
  readonly neighbour: Neighbour
}

export type Obstacle =
  | { readonly code: 'other-cluster'; readonly found: string; readonly own: string }
  | { readonly code: 'no-timeline'; readonly timeline: number; readonly file: string }
  | { readonly code: 'other-timeline'; readonly timeline: number; readonly own: number }
  /** The segment that the backup begins with is nowhere. */
  | { readonly code: 'start-missing'; readonly segment: string }
  | { readonly code: 'end-missing'; readonly segment: string; readonly end: string }
  | { readonly code: 'gap'; readonly first: string; readonly last: string; readonly count: number }
  | { readonly code: 'damaged'; readonly file: string; readonly problem: Damage['code'] }
  /** `end`: where the backup is consistent; `time`: of the first commit after that, in microseconds. */
  | { readonly code: 'before-backup'; readonly end: string; readonly time?: bigint }
  /** `last`: where the archive ends; `time`: of its last commit. */
  | { readonly code: 'beyond-archive'; readonly last: string; readonly time?: bigint }
  | { readonly code: 'no-such-point'; readonly name: string; readonly known: readonly string[] }
  /** As the two before, where a segment that is not complete goes on. */
  | { readonly code: 'in-partial'; readonly partial: Partial }
  /** `segment`: with its making, or one that cannot be read and may have it. */
  | { readonly code: 'tablespace-made'; readonly location: string; readonly segment: string }
  | { readonly code: 'needs-program'; readonly program: string }

/** Segments that are read one after the other to find a restore point. */
const MOST_SEARCHED = 20_000
/** WAL that is read in any case, in bytes: in seconds. */
const MOST_READ = 1n << 30n
/** Names that are told where the asked one is not there. */
const MOST_KNOWN = 5

/** Judges one backup. */
export async function judge(restoring: Restoring, archive: Archive, backup: Backup, target: RecoveryTarget, { timeline: wanted, remainder, neighbour }: Judging): Promise<Route | Obstacle> {
  const identifier = backup.control?.systemIdentifier ?? backup.manifest?.systemIdentifier
  if (identifier !== undefined && identifier !== archive.systemIdentifier) return { code: 'other-cluster', found: String(archive.systemIdentifier), own: String(identifier) }
  const size = archive.segmentSize
  const backupEnd = backup.end ?? archive.backups.find(({ start, startTimeline }) => start.lsn === backup.start && (startTimeline ?? backup.timeline) === backup.timeline)?.stop?.lsn
  const timeline = wanted ?? newestTimeline(archive, backup.timeline)
  const way = wayFrom({ timeline: backup.timeline, start: backup.start, ...(backupEnd === undefined ? {} : { end: backupEnd }) }, timeline, archive.histories.get(timeline), size)
  if ('problem' in way) {
    return way.problem === 'no-history'
      ? { code: 'no-timeline', timeline, file: historyName(timeline) }
      : { code: 'other-timeline', timeline, own: backup.timeline }
  }
  const first = Number(backup.start / BigInt(size))
  const endNumber = backupEnd === undefined ? undefined : Number((backupEnd - 1n) / BigInt(size))
  const own = (number: number): boolean => backup.wal === 'packed' ? number <= (endNumber ?? first) : backup.wal.has(numberedSegment(backup.timeline, number, size))
  const fromRemainder = (tli: number, number: number): boolean => remainder !== undefined && tli === remainder.timeline && remainder.numbers.has(number)
  const has = (tli: number, number: number): boolean => archive.has(tli, number) || (tli === backup.timeline && own(number)) || fromRemainder(tli, number)
  const newest = Math.max(archive.newest.get(timeline) ?? -1, ...(remainder?.timeline === timeline ? remainder.numbers : []), timeline === backup.timeline ? endNumber ?? first : -1)
  const reach = reachOf(way, has, newest, size)
  const { last } = reach
  const gap = reach.gap ?? notBegun(archive, way, last)
  if (last === undefined) return { code: 'start-missing', segment: numberedSegment(backup.timeline, first, size) }
  if (endNumber !== undefined && last < endNumber) return gap === undefined ? { code: 'end-missing', segment: numberedSegment(timelineAt(way, last + 1) ?? timeline, last + 1, size), end: lsnToText(backupEnd!) } : { code: 'gap', ...gap }

  const search = new Search(restoring, archive, backup, way, remainder)
  if (target.kind === 'time' && backup.begunAt !== undefined && target.time < BigInt(backup.begunAt) * 1000n) {
    return { code: 'before-backup', end: lsnToText(backupEnd ?? backup.start), time: BigInt(backup.begunAt) * 1000n }
  }
  const found = await locate(search, target, { first, last, backupEnd, hasGap: gap !== undefined })
  const partial = target.kind === 'latest' || ('code' in found && (found.code === 'beyond-archive' || found.code === 'no-such-point')) ? await search.partialAt(last + 1) : undefined
  if ('code' in found) return found.code === 'gap' ? { code: 'gap', ...gap! } : partial === undefined ? found : { code: 'in-partial', partial }
  const until = found.at ?? last
  for (const [tli, number] of numbers(way, first, until)) {
    const program = archive.lacking(tli, number)
    if (program !== undefined) return { code: 'needs-program', program }
  }
  const damage = await findDamage(restoring, archive, numbers(way, first, until))
  if (damage !== undefined) return { code: 'damaged', file: damage.file, problem: damage.code }
  const named = (number: number): string => numberedSegment(timelineAt(way, number) ?? timeline, number, size)
  const made = await tablespacesMade(search, backup, neighbour, { first, last: until, end: Math.min(until, endNumber ?? first), ...(found.stop === undefined ? {} : { stop: found.stop }) })
  if ('unread' in made) return { code: 'tablespace-made', location: '?', segment: named(made.unread) }
  for (const one of made.tablespaces) {
    if (!neighbour.mayMake || await isTaken(restoring, one.location)) return { code: 'tablespace-made', location: one.location, segment: named(search.segmentOf(one.lsn)) }
  }
  return {
    backup, timeline, backupEnd, way, begin: first, end: until, reach: last, makes: made.tablespaces, limits: [...made.limits, ...search.limits], first: named(first), last: named(until), count: until - first + 1, targetSeen: found.seen, sameName: found.sameName ?? [],
    remainder: [...remainder?.numbers ?? []].filter((number) => number <= until && timelineAt(way, number) === remainder!.timeline && !archive.has(remainder!.timeline, number)).sort((a, b) => a - b),
    ...(found.lastIn === undefined ? {} : { lastIn: found.lastIn }), ...(found.firstOut === undefined ? {} : { firstOut: found.firstOut }),
    ...(found.clockBack === undefined ? {} : { clockBack: found.clockBack }),
    ...(found.lastRecord === undefined ? {} : { lastRecord: found.lastRecord }), ...(partial === undefined ? {} : { partial }),
  }
}

/**
 * The segment that a timeline begins with, where nothing of that timeline is there yet and the one before goes on in a segment of its own:
 * the server would take that in its place, and replay what was given up when the timeline was left.
 */
function notBegun(archive: Archive, way: readonly Stretch[], last: number | undefined): { readonly first: string; readonly last: string; readonly count: number } | undefined {
  const { timeline, from } = way.at(-1)!
  if (way.length === 1 || last !== from - 1) return undefined
  if (!(archive.histories.get(timeline)?.parents ?? []).some((parent) => archive.has(parent.timeline, from))) return undefined
  const segment = numberedSegment(timeline, from, archive.segmentSize)
  return { first: segment, last: segment, count: 1 }
}

/** Whether somebody's tablespace is in a directory; one that cannot be looked into may have one. */
async function isTaken({ host }: Restoring, location: string): Promise<boolean> {
  try {
    return (await host.list(location)).some(({ name }) => /^PG_\d/.test(name))
  } catch (error) {
    if (codeOf(error) === '') throw error
    return codeOf(error) !== 'ENOENT'
  }
}

/**
 * The tablespaces that recovery makes on its way, and the limits that it meets. WAL is read for that up to the end of the backup; further
 * where there is not too much of it, where the cluster has a tablespace that the backup lacks, or where no cluster tells.
 */
async function tablespacesMade(search: Search, backup: Backup, { tablespaces }: Neighbour, { first, last, end, stop }: { first: number; last: number; end: number; stop?: Lsn }): Promise<{ readonly tablespaces: readonly MadeTablespace[]; readonly limits: readonly ControlLimits[] } | { readonly unread: number }> {
  const own = new Set(backup.tablespaces.map(({ oid }) => oid))
  const suspected = tablespaces !== undefined && [...tablespaces].some((oid) => !own.has(oid))
  const until = suspected || tablespaces === undefined || BigInt(last - first + 1) * search.size <= MOST_READ ? last : end
  const reader = new LandmarkReader()
  for (let number = first; number <= until; number++) {
    const bytes = await search.bytes(number)
    if (bytes !== undefined) reader.read(bytes, BigInt(number) * search.size)
    else if (suspected) return { unread: number }
  }
  return { limits: reader.limits, tablespaces: reader.tablespaces.filter(({ lsn }) => lsn >= backup.start && (stop === undefined || lsn < stop)) }
}

function* numbers(way: readonly Stretch[], first: number, last: number): Generator<readonly [number, number]> {
  for (let number = first; number <= last; number++) yield [timelineAt(way, number)!, number]
}

interface Bounds {
  readonly first: number
  readonly last: number
  readonly backupEnd: Lsn | undefined
  readonly hasGap: boolean
}

interface Found {
  /** The number of the segment with the target. */
  readonly at?: number
  /** What begins from here on is not replayed. */
  readonly stop?: Lsn
  readonly seen: boolean
  readonly lastIn?: Landmark
  readonly firstOut?: Landmark
  readonly sameName?: readonly Landmark[]
  readonly clockBack?: Landmark
  readonly lastRecord?: Lsn
}

type Missed = Extract<Obstacle, { code: 'before-backup' | 'beyond-archive' | 'no-such-point' }> | { readonly code: 'gap' }

function isCommit({ kind }: Landmark): boolean {
  return kind === 'commit'
}

/** Reads segments of the way, each once. */
class Search {
  /** What the server was started with, where {@link atName} came across it. */
  readonly limits: ControlLimits[] = []
  readonly #seen = new Map<number, { landmarks: readonly Landmark[]; last: Lsn | undefined } | undefined>()
  constructor(private readonly restoring: Restoring, readonly archive: Archive, private readonly backup: Backup, private readonly way: readonly Stretch[], private readonly remainder: Remainder | undefined) {}

  get size(): bigint {
    return BigInt(this.archive.segmentSize)
  }

  /** Where recovery begins. */
  get start(): Lsn {
    return this.backup.start
  }

  isArchived(number: number): boolean {
    const timeline = timelineAt(this.way, number)
    return timeline !== undefined && this.archive.has(timeline, number)
  }

  /** A segment of this number that is not complete, where there is anything in it. */
  async partialAt(number: number): Promise<Partial | undefined> {
    const timeline = timelineAt(this.way, number)!
    const file = this.archive.partialOf(timeline, number)
    const bytes = file === undefined ? undefined : await readWhole(this.restoring, file, this.archive.segmentSize).catch((error: unknown) => {
      if (codeOf(error) === '') throw error
      return undefined
    })
    const reader = new LandmarkReader()
    const commit = bytes === undefined ? undefined : reader.read(bytes, BigInt(number) * this.size).findLast(isCommit)
    if (file === undefined || reader.last === undefined) return undefined
    return { file, name: numberedSegment(timeline, number, this.archive.segmentSize), ...(commit === undefined ? {} : { time: commit.time }) }
  }

  segmentOf(lsn: Lsn): number {
    return Number(lsn / this.size)
  }

  /** What one segment holds, without what began in the one before; undefined where it cannot be read. */
  async look(number: number): Promise<{ readonly landmarks: readonly Landmark[]; readonly last: Lsn | undefined } | undefined> {
    if (this.#seen.has(number)) return this.#seen.get(number)
    const bytes = await this.bytes(number)
    const reader = new LandmarkReader()
    const found = bytes === undefined ? undefined : { landmarks: reader.read(bytes, BigInt(number) * this.size), last: reader.last?.lsn }
    this.#seen.set(number, found)
    return found
  }

  async bytes(number: number): Promise<Uint8Array | undefined> {
    checkpoint(this.restoring)
    const timeline = timelineAt(this.way, number)
    if (timeline === undefined) return undefined
    this.restoring.doing({ code: 'target-searching', params: { segment: numberedSegment(timeline, number, this.archive.segmentSize) } })
    // A plain backup may have the WAL that makes it consistent.
    const own = this.backup.format === 'plain' && timeline === this.backup.timeline ? [`${this.backup.path}/pg_wal`] : []
    return readSegment(this.restoring, this.archive, timeline, number, [...(this.remainder?.timeline === timeline ? [this.remainder.directory] : []), ...own])
  }

  /** The last commit in segments up to `number`, going back as far as `first`. */
  async lastCommit(number: number, first: number, before?: (landmark: Landmark) => boolean): Promise<Landmark | undefined> {
    for (let at = number; at >= Math.max(first, number - 64); at--) {
      const found = (await this.look(at))?.landmarks.findLast((landmark) => isCommit(landmark) && (before?.(landmark) ?? true))
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The last commit with a time before this one, in the segments behind a position. */
  async commitOutOfOrder(from: Lsn, last: number, time: bigint): Promise<Landmark | undefined> {
    let found: Landmark | undefined
    for (let at = this.segmentOf(from); at <= Math.min(last, this.segmentOf(from) + 16); at++) {
      found = (await this.look(at))?.landmarks.findLast((landmark) => isCommit(landmark) && landmark.lsn >= from && landmark.time < time) ?? found
    }
    return found
  }

  /** The first commit from a position on. */
  async firstCommit(from: Lsn, last: number): Promise<Landmark | undefined> {
    for (let at = this.segmentOf(from); at <= Math.min(last, this.segmentOf(from) + 64); at++) {
      const found = (await this.look(at))?.landmarks.find((landmark) => isCommit(landmark) && landmark.lsn >= from)
      if (found !== undefined) return found
    }
    return undefined
  }
}

async function locate(search: Search, target: RecoveryTarget, bounds: Bounds): Promise<Found | Missed> {
  switch (target.kind) {
    case 'latest': return latest(search, bounds)
    case 'lsn': return atLsn(search, target.lsn, bounds)
    case 'time': return atTime(search, target.time, bounds)
    case 'name': return atName(search, target.name, bounds)
  }
}

async function latest(search: Search, { first, last, hasGap }: Bounds): Promise<Found | Missed> {
  // Recovery would end at the gap and open the server without an error.
  if (hasGap) return { code: 'gap' }
  const lastIn = await search.lastCommit(last, first)
  // A server that crashed leaves half a record at the end of its own pg_wal; what was archived is whole.
  const end = search.isArchived(last) ? (await search.look(last))?.last : undefined
  return { at: last, seen: true, ...(lastIn === undefined ? {} : { lastIn }), ...(end === undefined ? {} : { lastRecord: end }) }
}

async function before(search: Search, { backupEnd, last }: Bounds): Promise<Missed> {
  const next = backupEnd === undefined ? undefined : await search.firstCommit(backupEnd, last)
  return { code: 'before-backup', end: lsnToText(backupEnd ?? 0n), ...(next === undefined ? {} : { time: next.time }) }
}

async function beyond(search: Search, { first, last, hasGap }: Bounds): Promise<Missed> {
  if (hasGap) return { code: 'gap' }
  const commit = await search.lastCommit(last, first)
  const end = (await search.look(last))?.last
  return { code: 'beyond-archive', last: lsnToText(end ?? BigInt(last + 1) * search.size), ...(commit === undefined ? {} : { time: commit.time }) }
}

async function atLsn(search: Search, lsn: Lsn, bounds: Bounds): Promise<Found | Missed> {
  if (bounds.backupEnd !== undefined && lsn < bounds.backupEnd) return before(search, bounds)
  const number = search.segmentOf(lsn)
  if (number > bounds.last) return beyond(search, bounds)
  // Recovery stops at a record that begins there or later: there must be one.
  if (number === bounds.last) {
    const there = await search.look(number)
    if (there !== undefined && (there.last === undefined || there.last < lsn)) return beyond(search, bounds)
  }
  const lastIn = await search.lastCommit(number, bounds.first, (landmark) => landmark.lsn < lsn)
  const firstOut = await search.firstCommit(lsn, bounds.last)
  return { at: number, stop: lsn, seen: true, ...(lastIn === undefined ? {} : { lastIn }), ...(firstOut === undefined ? {} : { firstOut }) }
}

/** Microseconds: what commits at the same time is not written in the order of its times. */
const AT_ONCE = 1_000_000n

/** The first commit or abort at or after a time, by halving: ends of transactions are written nearly in the order of their times. */
async function atTime(search: Search, time: bigint, bounds: Bounds): Promise<Found | Missed> {
  const from = bounds.backupEnd === undefined ? bounds.first : search.segmentOf(bounds.backupEnd)
  const ends = ({ kind }: Landmark): boolean => kind !== 'restore-point'
  /** The number of the first segment at or after `number` that has any end, and its ends. */
  const next = async (number: number, until: number): Promise<{ at: number; ends: readonly Landmark[] } | undefined | 'closed'> => {
    for (let at = number; at <= until; at++) {
      const seen = await search.look(at)
      if (seen === undefined) return 'closed'
      const found = seen.landmarks.filter(ends)
      if (found.length > 0) return { at, ends: found }
    }
    return undefined
  }
  let low = from
  let high = bounds.last + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const seen = await next(middle, high - 1)
    if (seen === 'closed') return { seen: false }
    if (seen === undefined || seen.ends.some((landmark) => landmark.time >= time)) high = middle
    else low = seen.at + 1
  }
  const isStop = (landmark: Landmark): boolean => landmark.time >= time && (bounds.backupEnd === undefined || landmark.lsn >= bounds.backupEnd)
  const halved = await next(low, bounds.last)
  if (halved === 'closed') return { seen: false }
  // Where a clock was put back, recovery stops at an earlier one than was found.
  let hit = halved
  for (let at = Math.max(from, low - Number(MOST_READ / search.size)); at < low; at++) {
    const ended = (await search.look(at))?.landmarks.filter(ends) ?? []
    if (!ended.some(isStop)) continue
    hit = { at, ends: ended }
    break
  }
  const stop = hit?.ends.find(isStop)
  if (hit === undefined || stop === undefined) return beyond(search, bounds)
  // What comes before the backup's end is replayed in any case, whatever its time.
  const early = bounds.backupEnd === undefined ? undefined : (await search.look(search.segmentOf(bounds.backupEnd)))?.landmarks.find((landmark) => ends(landmark) && landmark.lsn < bounds.backupEnd! && landmark.time >= time)
  if (early !== undefined || await isBeforeBackup(search, time, bounds)) return before(search, bounds)
  const lastIn = await search.lastCommit(hit.at, bounds.first, (landmark) => landmark.lsn < stop.lsn)
  const firstOut = isCommit(stop) ? stop : await search.firstCommit(stop.lsn, bounds.last)
  const clockBack = await search.commitOutOfOrder(stop.lsn, bounds.last, time - AT_ONCE)
  return { at: hit.at, stop: stop.lsn, seen: true, ...(lastIn === undefined ? {} : { lastIn }), ...(firstOut === undefined ? {} : { firstOut }), ...(clockBack === undefined ? {} : { clockBack }) }
}

/** Whether a transaction ended between the backup's beginning and its end at or after the time. */
async function isBeforeBackup(search: Search, time: bigint, { first, backupEnd }: Bounds): Promise<boolean> {
  if (backupEnd === undefined) return false
  for (let at = search.segmentOf(backupEnd); at >= first; at--) {
    const ended = (await search.look(at))?.landmarks.findLast((landmark) => landmark.kind !== 'restore-point' && landmark.lsn < backupEnd)
    if (ended !== undefined) return ended.time >= time
  }
  return false
}

/** Those that verify and its drill write: nobody means them. */
const OWN_POINT = /^pgwal(?: verify$|_[0-9a-f]{32}$)/

async function atName(search: Search, name: string, bounds: Bounds): Promise<Found | Missed> {
  const reader = new LandmarkReader()
  const known: string[] = []
  const hits: { readonly landmark: Landmark; readonly number: number; readonly lastIn: Landmark | undefined }[] = []
  let lastIn: Landmark | undefined
  let tooEarly = false
  for (let number = bounds.first; number <= bounds.last; number++) {
    const bytes = number - bounds.first > MOST_SEARCHED ? undefined : await search.bytes(number)
    if (bytes === undefined) {
      if (hits.length === 0) return { seen: false }
      break
    }
    for (const landmark of reader.read(bytes, BigInt(number) * search.size)) {
      const early = bounds.backupEnd !== undefined && landmark.lsn < bounds.backupEnd
      if (landmark.kind === 'restore-point' && landmark.name === name) {
        if (landmark.lsn < search.start) tooEarly = true
        // Recovery would stop there, whatever comes later.
        else if (early && hits.length === 0) return before(search, bounds)
        else hits.push({ landmark, number, lastIn })
      }
      if (landmark.kind === 'restore-point' && !early && !OWN_POINT.test(landmark.name ?? '')) known.push(landmark.name ?? '')
      if (isCommit(landmark)) lastIn = landmark
    }
  }
  search.limits.push(...reader.limits)
  const [hit] = hits
  if (hit !== undefined) {
    return {
      at: hit.number, stop: hit.landmark.end, seen: true, ...(hit.lastIn === undefined ? {} : { lastIn: hit.lastIn }), ...await outAfter(search, hit.landmark, bounds),
      ...(hits.length === 1 ? {} : { sameName: hits.map(({ landmark }) => landmark) }),
    }
  }
  if (tooEarly) return before(search, bounds)
  if (bounds.hasGap) return { code: 'gap' }
  return { code: 'no-such-point', name, known: [...new Set(known)].slice(-MOST_KNOWN) }
}

async function outAfter(search: Search, { end }: Landmark, { last }: Bounds): Promise<{ firstOut?: Landmark }> {
  const firstOut = await search.firstCommit(end, last)
  return firstOut === undefined ? {} : { firstOut }
}
