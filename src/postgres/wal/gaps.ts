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
  /** Unbroken runs, in order. */
  readonly ranges: readonly SegmentRange[]
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
  /** By timeline, then by position. */
  readonly gaps: readonly Gap[]
  /** History files without which these timelines cannot be recovered. */
  readonly missingHistories: readonly string[]
  /** Names of segments that cannot exist with this segment size. */
  readonly impossible: number
}

const BITS_PER_CHUNK = 4096
/** 32 MiB in all, or a quarter of a thousand million segments in a row. Only names made to be far apart need more. */
const MOST_CHUNKS = 65_536

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

  /** How many of the segments `from` to `to` are there. Its cost grows with the set, not with the distance. */
  countWithin(timeline: number, from: number, to: number): number {
    let count = 0
    for (const range of this.ranges(timeline)) count += Math.max(0, Math.min(to, range.to) - Math.max(from, range.from) + 1)
    return count
  }

  has(timeline: number, number: number): boolean {
    const bit = number % BITS_PER_CHUNK
    const word = this.#timelines.get(timeline)?.get(Math.floor(number / BITS_PER_CHUNK))?.[bit >>> 5] ?? 0
    return (word & (1 << (bit & 31))) !== 0
  }

  /** Unbroken runs of a timeline, in order. */
  ranges(timeline: number): SegmentRange[] {
    const ranges: { from: number; to: number }[] = []
    const chunks = this.#timelines.get(timeline) ?? new Map<number, Uint32Array>()
    const put = (from: number, to: number): void => {
      const open = ranges.at(-1)
      if (open !== undefined && open.to + 1 === from) open.to = to
      else ranges.push({ from, to })
    }
    for (const key of [...chunks.keys()].sort((a, b) => a - b)) {
      for (const [index, word] of chunks.get(key)!.entries()) {
        const base = key * BITS_PER_CHUNK + index * 32
        if (word === 0) continue
        if (word === 0xFFFF_FFFF) put(base, base + 31)
        else for (let bit = 0; bit < 32; bit++) if ((word & (1 << bit)) !== 0) put(base + bit, base + bit)
      }
    }
    return ranges
  }

  /**
   * What is missing between the oldest and the newest segment of each timeline, and, with the history files that could be
   * read (by timeline), also along the way from its ancestors: up to the segment before the switch the parent's segments
   * are needed, from the segment of the switch on those of the new timeline, which begins with a copy of it. `reached`: what
   * the server writes now; the segments before it are needed too, also behind the newest that is there.
   */
  report(histories: ReadonlyMap<number, History> = new Map(), reached?: { readonly timeline: number; readonly number: number }): GapReport {
    const present = new Map([...this.#timelines.keys()].sort((a, b) => a - b).map((timeline) => [timeline, this.ranges(timeline)]))
    const size = BigInt(this.#segmentSize)
    const name = (timeline: number, number: number): string => numberedSegment(timeline, number, this.#segmentSize)
    const found = new Map<string, SegmentRange & { timeline: number; neededBy: Set<number> }>()

    for (const [leaf, own] of present) {
      // The way to this timeline: for each ancestor the segments that it contributes.
      const way: { timeline: number; from: number; to: number }[] = []
      let begin = 0
      for (const parent of histories.get(leaf)?.parents ?? []) {
        const next = Number(parent.switchLsn / size)
        way.push({ timeline: parent.timeline, from: begin, to: next - 1 })
        begin = next
      }
      const written = reached?.timeline === leaf ? reached.number - 1 : 0
      way.push({ timeline: leaf, from: begin, to: Math.max(own.at(-1)!.to, begin, written) })
      // Nothing is asked for before the oldest segment that is there: older ones may have been removed on purpose.
      let started = false
      for (const stretch of way) {
        let expected = stretch.from
        for (const range of present.get(stretch.timeline) ?? []) {
          if (range.to < stretch.from || range.from > stretch.to) continue
          if (started && range.from > expected) missing(stretch.timeline, expected, range.from - 1, leaf)
          started = true
          expected = range.to + 1
        }
        if (started && expected <= stretch.to) missing(stretch.timeline, expected, stretch.to, leaf)
      }
    }

    function missing(timeline: number, from: number, to: number, neededBy: number): void {
      const key = `${timeline}/${from}/${to}`
      const known = found.get(key)
      if (known !== undefined) known.neededBy.add(neededBy)
      else found.set(key, { timeline, from, to, neededBy: new Set([neededBy]) })
    }

    return {
      timelines: [...present].map(([timeline, ranges]) => ({
        timeline, ranges,
        count: ranges.reduce((sum, range) => sum + range.to - range.from + 1, 0),
        first: name(timeline, ranges[0]!.from), last: name(timeline, ranges.at(-1)!.to),
      })),
      gaps: [...found.values()]
        .sort((a, b) => a.timeline - b.timeline || a.from - b.from || a.to - b.to)
        .map((gap) => ({
          timeline: gap.timeline, from: gap.from, to: gap.to, count: gap.to - gap.from + 1,
          first: name(gap.timeline, gap.from), last: name(gap.timeline, gap.to), neededBy: [...gap.neededBy].sort((a, b) => a - b),
        })),
      missingHistories: [...new Set([...present.keys(), ...(reached === undefined ? [] : [reached.timeline])])]
        .filter((timeline) => timeline > 1 && !this.#histories.has(timeline)).sort((a, b) => a - b).map(historyName),
      impossible: this.#impossible,
    }
  }
}

/** The same for names that are at hand. Linear in their number. */
export function findGaps(names: Iterable<string>, histories: ReadonlyMap<number, History>, segmentSize: number): GapReport {
  const set = new SegmentSet(segmentSize)
  for (const name of names) set.add(name)
  return set.report(histories)
}
