// Which segments an archive ought to hold and does not, from the names alone. Recovery that meets a gap stops there and
// opens the server without an error, so nothing else tells of it.
//
// One bit a segment: a million names take a few hundred kilobytes, in any order.
import type { History } from './history-file.ts'
import { hex8, historyName, numberedSegment, segmentsPerHigh } from './names.ts'

/** Segments by number, both ends included. */
export interface SegmentRange { readonly from: number; readonly to: number }

export interface TimelineSegments {
  readonly timeline: number
  readonly count: number
  readonly first: string
  readonly last: string
}

export interface Gap extends SegmentRange {
  readonly timeline: number
  /** How many segments are missing. */
  readonly count: number
  readonly first: string
  readonly last: string
  /** Timelines whose recovery meets this gap: the gap's own one, and those that branched off after it. */
  readonly neededBy: readonly number[]
}

export interface GapReport {
  readonly timelines: readonly TimelineSegments[]
  /** By timeline, then by position; of more than {@link MOST_GAPS} the last. */
  readonly gaps: readonly Gap[]
  /** How many more there are. */
  readonly moreGaps: number
  /** History files without which these timelines cannot be recovered. */
  readonly missingHistories: readonly string[]
  /** Names of segments that cannot exist with this segment size. */
  readonly impossible: number
}

const BITS_PER_CHUNK = 4096
/** 32 MiB in all, or a quarter of a thousand million segments in a row. Only names made to be far apart need more. */
const MOST_CHUNKS = 65_536
/** Gaps that are told one by one: where every other segment is missing, a list of all would take more room than all names. */
const MOST_GAPS = 500

/** What became of a name. */
export type Taken = 'segment' | 'history' | 'impossible' | 'other'

/** Collects the names of an archive, one at a time, and then tells what is missing. */
export class SegmentSet {
  readonly #segmentSize: number
  readonly #perHigh: number
  readonly #timelines = new Map<number, Map<number, Uint32Array>>()
  readonly #histories = new Set<number>()
  #chunks = 0
  #impossible = 0
  #scattered = false

  /** `segmentSize` in bytes. */
  constructor(segmentSize: number) {
    this.#segmentSize = segmentSize
    this.#perHigh = segmentsPerHigh(segmentSize)
  }

  /** Takes any file name; only those of full segments and history files count. */
  add(name: string): Taken {
    if (name.length === 16 && name.endsWith('.history')) {
      const timeline = hex8(name, 0)
      if (timeline < 0) return 'other'
      this.#histories.add(timeline)
      return 'history'
    }
    if (name.length !== 24) return 'other'
    const timeline = hex8(name, 0)
    const high = hex8(name, 8)
    const low = hex8(name, 16)
    if (timeline < 0 || high < 0 || low < 0) return 'other'
    if (low >= this.#perHigh) {
      this.#impossible++
      return 'impossible'
    }
    const number = high * this.#perHigh + low
    const bit = number % BITS_PER_CHUNK
    const chunk = this.#chunk(timeline, Math.floor(number / BITS_PER_CHUNK))
    if (chunk !== undefined) chunk[bit >>> 5]! |= 1 << (bit & 31)
    return 'segment'
  }

  #chunk(timeline: number, key: number): Uint32Array | undefined {
    let chunks = this.#timelines.get(timeline)
    if (chunks === undefined) this.#timelines.set(timeline, chunks = new Map<number, Uint32Array>())
    let chunk = chunks.get(key)
    if (chunk !== undefined) return chunk
    if (this.#chunks === MOST_CHUNKS) {
      this.#scattered = true
      return undefined
    }
    this.#chunks++
    chunks.set(key, chunk = new Uint32Array(BITS_PER_CHUNK / 32))
    return chunk
  }

  /** Whether there were more names, and further apart, than can be kept: then nothing that the set says holds. */
  get scattered(): boolean {
    return this.#scattered
  }

  /** Timelines with a history file. */
  get histories(): ReadonlySet<number> {
    return this.#histories
  }

  /** Takes everything of another set for the same segment size. */
  addAll(other: SegmentSet): void {
    for (const [timeline, chunks] of other.#timelines) {
      for (const [key, words] of chunks) {
        const own = this.#chunk(timeline, key)
        if (own !== undefined) for (const [at, word] of words.entries()) own[at]! |= word
      }
    }
    for (const timeline of other.#histories) this.#histories.add(timeline)
    this.#impossible += other.#impossible
    this.#scattered ||= other.#scattered
  }

  /** How many segments both have, and the first of them by name. */
  overlap(other: SegmentSet): { readonly count: number; readonly first?: string } {
    let count = 0
    let first: string | undefined
    for (const [timeline, chunks] of this.#timelines) {
      for (const [key, words] of chunks) {
        for (const [at, word] of other.#timelines.get(timeline)?.get(key)?.entries() ?? []) {
          for (let both = (word & words[at]!) >>> 0; both !== 0; both = (both & (both - 1)) >>> 0) {
            count++
            const name = numberedSegment(timeline, key * BITS_PER_CHUNK + at * 32 + (31 - Math.clz32(both & -both)), this.#segmentSize)
            if (first === undefined || name < first) first = name
          }
        }
      }
    }
    return first === undefined ? { count } : { count, first }
  }

  /** How many of the segments `from` to `to` are there. Its cost grows with what is there, not with the distance. */
  countWithin(timeline: number, from: number, to: number): number {
    let count = 0
    for (const range of this.ranges(timeline, from, to)) count += range.to - range.from + 1
    return count
  }

  has(timeline: number, number: number): boolean {
    const bit = number % BITS_PER_CHUNK
    const word = this.#timelines.get(timeline)?.get(Math.floor(number / BITS_PER_CHUNK))?.[bit >>> 5] ?? 0
    return (word & (1 << (bit & 31))) !== 0
  }

  /** Unbroken runs of a timeline, in order, as far as they lie between `from` and `to`. */
  *ranges(timeline: number, from = 0, to = Number.POSITIVE_INFINITY): Generator<SegmentRange> {
    const chunks = this.#timelines.get(timeline) ?? new Map<number, Uint32Array>()
    const [firstKey, lastKey] = [from, to].map((number) => Math.floor(number / BITS_PER_CHUNK))
    const keys = [...chunks.keys()].filter((key) => key >= firstKey! && key <= lastKey!).sort((a, b) => a - b)
    let open: { from: number; to: number } | undefined
    for (const key of keys) {
      for (const [index, word] of chunks.get(key)!.entries()) {
        const base = key * BITS_PER_CHUNK + index * 32
        const whole = word === 0xFFFF_FFFF
        for (let bit = 0; bit < 32 && word !== 0; bit += whole ? 32 : 1) {
          if ((word & (1 << bit)) === 0) continue
          const [begin, end] = [Math.max(from, base + bit), Math.min(to, base + (whole ? 31 : bit))]
          if (begin > end) continue
          if (open?.to === begin - 1) {
            open.to = end
            continue
          }
          if (open !== undefined) yield open
          open = { from: begin, to: end }
        }
      }
    }
    if (open !== undefined) yield open
  }

  /** The oldest segment of a timeline; undefined where it has none. */
  first(timeline: number): number | undefined {
    for (const { from } of this.ranges(timeline)) return from
    return undefined
  }

  /** What is there of each timeline, by its number. */
  timelines(): TimelineSegments[] {
    return [...this.#timelines.keys()].sort((a, b) => a - b).map((timeline) => {
      let [count, first, last] = [0, -1, -1]
      for (const { from, to } of this.ranges(timeline)) {
        if (first < 0) first = from
        count += to - from + 1
        last = to
      }
      return { timeline, count, first: numberedSegment(timeline, first, this.#segmentSize), last: numberedSegment(timeline, last, this.#segmentSize) }
    })
  }

  /**
   * What is missing between the oldest and the newest segment of each timeline, and, with the history files that could be
   * read (by timeline), also along the way from its ancestors: up to the segment before the switch the parent's segments
   * are needed, from the segment of the switch on those of the new timeline, which begins with a copy of it. `reached`: what
   * the server writes now; the segments before it are needed too, also behind the newest that is there.
   */
  report(histories: ReadonlyMap<number, History> = new Map(), reached?: { readonly timeline: number; readonly number: number }): GapReport {
    const timelines = this.timelines()
    const size = BigInt(this.#segmentSize)
    const gaps = new NewestGaps()

    for (const { timeline: leaf, last } of timelines) {
      // The way to this timeline: for each ancestor the segments that it contributes.
      const way: { timeline: number; from: number; to: number }[] = []
      let begin = 0
      for (const parent of histories.get(leaf)?.parents ?? []) {
        const next = Number(parent.switchLsn / size)
        way.push({ timeline: parent.timeline, from: begin, to: next - 1 })
        begin = next
      }
      const written = reached?.timeline === leaf ? reached.number - 1 : 0
      way.push({ timeline: leaf, from: begin, to: Math.max(this.#number(last), begin, written) })
      // Nothing is asked for before the oldest segment that is there: older ones may have been removed on purpose.
      let started = false
      for (const { timeline, from, to } of way) {
        let expected = from
        for (const range of this.ranges(timeline, from, to)) {
          if (started && range.from > expected) gaps.add({ timeline, from: expected, to: range.from - 1 }, leaf, expected > from)
          started = true
          expected = range.to + 1
        }
        if (started && expected <= to) gaps.add({ timeline, from: expected, to }, leaf, false)
      }
    }

    return {
      timelines,
      gaps: gaps.newest().map(({ timeline, from, to, neededBy }) => ({
        timeline, from, to, count: to - from + 1,
        first: numberedSegment(timeline, from, this.#segmentSize), last: numberedSegment(timeline, to, this.#segmentSize), neededBy: [...neededBy].sort((a, b) => a - b),
      })),
      moreGaps: gaps.dropped,
      missingHistories: [...new Set([...this.#timelines.keys(), ...(reached === undefined ? [] : [reached.timeline])])]
        .filter((timeline) => timeline > 1 && !this.#histories.has(timeline)).sort((a, b) => a - b).map(historyName),
      impossible: this.#impossible,
    }
  }

  #number(name: string): number {
    return hex8(name, 8) * this.#perHigh + hex8(name, 16)
  }
}

type FoundGap = SegmentRange & { readonly timeline: number; readonly neededBy: Set<number> }
type Placed = SegmentRange & { readonly timeline: number }

function byPlace(a: Placed, b: Placed): number {
  return a.timeline - b.timeline || a.from - b.from || a.to - b.to
}

/** Keeps the newest gaps, and counts the others. */
class NewestGaps {
  #gaps = new Map<string, FoundGap>()
  /** The newest of those that were dropped. */
  #cut: Placed | undefined
  dropped = 0

  /** @param between it lies between two segments of its timeline: then that timeline, which comes before those that branched off, has met it too */
  add(gap: Placed, neededBy: number, between: boolean): void {
    const key = `${gap.timeline}/${gap.from}/${gap.to}`
    const known = this.#gaps.get(key)
    if (known !== undefined) {
      known.neededBy.add(neededBy)
      return
    }
    if (this.#cut !== undefined && byPlace(gap, this.#cut) <= 0) {
      if (!between || gap.timeline === neededBy) this.dropped++
      return
    }
    this.#gaps.set(key, { ...gap, neededBy: new Set([neededBy]) })
    if (this.#gaps.size >= 2 * MOST_GAPS) this.#shorten()
  }

  newest(): FoundGap[] {
    this.#shorten()
    return [...this.#gaps.values()]
  }

  #shorten(): void {
    const all = [...this.#gaps].sort(([, a], [, b]) => byPlace(a, b))
    const older = all.slice(0, -MOST_GAPS)
    this.dropped += older.length
    this.#cut = older.at(-1)?.[1] ?? this.#cut
    this.#gaps = new Map(all.slice(-MOST_GAPS))
  }
}

/** The same for names that are at hand. Linear in their number. */
export function findGaps(names: Iterable<string>, histories: ReadonlyMap<number, History>, segmentSize: number): GapReport {
  const set = new SegmentSet(segmentSize)
  for (const name of names) set.add(name)
  return set.report(histories)
}
