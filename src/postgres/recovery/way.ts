// Which segments a recovery replays: from where a base backup begins, along the timelines, up to the target.
// src/backend/access/transam/timeline.c, xlogrecovery.c: checkTimeLineHistory, XLogFileReadAnyTLI.
import type { History } from '../wal/history-file.ts'
import { type Lsn, numberedSegment } from '../wal/index.ts'

/** A stretch of segments of one timeline, by number, both ends included. `to` is Infinity for the newest timeline. */
export interface Stretch {
  readonly timeline: number
  readonly from: number
  readonly to: number
}

export interface BackupSpan {
  readonly timeline: number
  readonly start: Lsn
  /** Where the backup is consistent, where that is known. */
  readonly end?: Lsn
}

/** `no-history`: nothing says how this timeline came to be; `unrelated`: the backup's timeline is no ancestor; `left-before`: it was left before the backup ended. */
export type WayProblem = 'no-history' | 'unrelated' | 'left-before'

/** The way from a backup to a timeline, whose history file is `history` (not needed where it is the backup's own). */
export function wayFrom(backup: BackupSpan, timeline: number, history: History | undefined, segmentSize: number): readonly Stretch[] | { readonly problem: WayProblem } {
  const size = BigInt(segmentSize)
  const from = Number(backup.start / size)
  if (timeline === backup.timeline) return [{ timeline, from, to: Infinity }]
  if (history === undefined) return { problem: 'no-history' }
  const at = history.parents.findIndex((parent) => parent.timeline === backup.timeline)
  if (at < 0) return { problem: 'unrelated' }
  if (history.parents[at]!.switchLsn < (backup.end ?? backup.start)) return { problem: 'left-before' }
  const way: Stretch[] = []
  let begin = from
  for (const parent of history.parents.slice(at)) {
    // The segment of the switch is read from the new timeline, which begins with a copy of it.
    const next = Number(parent.switchLsn / size)
    if (next > begin) way.push({ timeline: parent.timeline, from: begin, to: next - 1 })
    begin = Math.max(begin, next)
  }
  return [...way, { timeline, from: begin, to: Infinity }]
}

/** The timeline that a segment number belongs to on this way; undefined before its beginning. */
export function timelineAt(way: readonly Stretch[], number: number): number | undefined {
  return way.find((stretch) => number >= stretch.from && number <= stretch.to)?.timeline
}

export interface Reach {
  /** The number of the last segment before the first that is missing; undefined where the very first one is. */
  readonly last: number | undefined
  /** Missing segments, where others follow them. */
  readonly gap?: { readonly first: string; readonly last: string; readonly count: number }
}

/** How far a way goes without a gap, by which segments there are; `newest` is the newest one of the way's last timeline. */
export function reachOf(way: readonly Stretch[], has: (timeline: number, number: number) => boolean, newest: number, segmentSize: number): Reach {
  let last: number | undefined
  for (const { timeline, from, to } of way) {
    // A timeline that was left goes on up to there, whatever there is of those after it.
    const until = to === Infinity ? newest : to
    for (let number = from; number <= until; number++) {
      if (has(timeline, number)) {
        last = number
        continue
      }
      let next = number
      while (next < until && !has(timeline, next + 1)) next++
      const followed = next < newest
      const gap = { first: numberedSegment(timeline, number, segmentSize), last: numberedSegment(timeline, next, segmentSize), count: next - number + 1 }
      return { last, ...(followed ? { gap } : {}) }
    }
  }
  return { last }
}
