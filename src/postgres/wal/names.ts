// The names of the files in pg_wal and in an archive, and the arithmetic of segments.
// src/include/access/xlog_internal.h: XLogFileName, IsXLogFileName, IsTLHistoryFileName, IsBackupHistoryFileName, XLByteToPrevSeg.
// https://www.postgresql.org/docs/current/continuous-archiving.html
import type { Lsn } from './lsn.ts'

/** Bytes. `initdb --wal-segsize` takes powers of two from 1 to 1024 MiB. */
export const MIN_SEGMENT_SIZE = 1 << 20
export const MAX_SEGMENT_SIZE = 1 << 30

/** Where a segment stands: a timeline and the two halves of the name, which mean a number only with a segment size. */
export interface SegmentPosition { readonly timeline: number; readonly high: number; readonly low: number }

export type WalName =
  | { readonly kind: 'segment'; readonly name: string; readonly timeline: number; readonly high: number; readonly low: number }
  /** The last, unfinished segment of a timeline, archived by the standby that left that timeline. */
  | { readonly kind: 'partial'; readonly name: string; readonly segment: string; readonly timeline: number; readonly high: number; readonly low: number }
  | { readonly kind: 'history'; readonly name: string; readonly timeline: number }
  /** Left by a base backup: `offset` is the byte within `segment` at which the backup starts. */
  | { readonly kind: 'backup'; readonly name: string; readonly segment: string; readonly timeline: number; readonly high: number; readonly low: number; readonly offset: number }
  /** `of` is the WAL file that the name speaks of, where it does: compressed or hashed copies, and temporary files of archive tools. */
  | { readonly kind: 'other'; readonly name: string; readonly of?: string; readonly suffix?: string; readonly temporary: boolean }

/** True for the sizes that initdb accepts (bytes). */
export function isSegmentSize(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= MIN_SEGMENT_SIZE && bytes <= MAX_SEGMENT_SIZE && (bytes & (bytes - 1)) === 0
}

/** How many segments one value of the middle eight digits holds: 0x100 for 16 MiB. */
export function segmentsPerHigh(segmentSize: number): number {
  if (!isSegmentSize(segmentSize)) throw new RangeError(`not a WAL segment size: ${segmentSize}`)
  return 0x1_0000_0000 / segmentSize
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  if (code >= 65 && code <= 70) return code - 55
  return -1
}

/** Eight upper-case hexadecimal digits at `from`, or -1. Written out because it runs for every name of a large archive. */
export function hex8(name: string, from: number): number {
  let value = 0
  for (let at = from; at < from + 8; at++) {
    const digit = hexDigit(name.charCodeAt(at))
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}

function position(name: string): SegmentPosition | undefined {
  const timeline = hex8(name, 0)
  const high = timeline < 0 ? -1 : hex8(name, 8)
  const low = high < 0 ? -1 : hex8(name, 16)
  return low < 0 ? undefined : { timeline, high, low }
}

/** Sorts a file name into its kind. Any string is accepted; what is no WAL file is `other`. */
export function parseWalName(name: string): WalName {
  if (name.length === 24) {
    const at = position(name)
    if (at !== undefined) return { kind: 'segment', name, ...at }
  }
  if (name.length === 16 && name.endsWith('.history')) {
    const timeline = hex8(name, 0)
    if (timeline >= 0) return { kind: 'history', name, timeline }
  }
  if (name.length === 32 && name.endsWith('.partial')) {
    const at = position(name)
    if (at !== undefined) return { kind: 'partial', name, segment: name.slice(0, 24), ...at }
  }
  if (name.length === 40 && name.charCodeAt(24) === 46 && name.endsWith('.backup')) {
    const at = position(name)
    const offset = hex8(name, 25)
    if (at !== undefined && offset >= 0) return { kind: 'backup', name, segment: name.slice(0, 24), ...at, offset }
  }
  return parseOther(name)
}

const WAL_FILE = /[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?(?![0-9A-Za-z])|(?<![0-9A-Za-z])[0-9A-F]{8}\.history(?![0-9A-Za-z])/
// basic_archive `archtemp.<file>.<pid>.<ms>`, pg_probackup `.part`, pgBackRest `.pgbackrest.tmp`, Barman `.tmp`, rsync `.<file>.XXXXXX`.
const TEMPORARY = /^archtemp\.|^\.|\.(?:tmp|temp|part)$|\.filepart$/

function parseOther(name: string): WalName {
  const found = WAL_FILE.exec(name)
  if (found === null) return { kind: 'other', name, temporary: TEMPORARY.test(name) }
  return { kind: 'other', name, of: found[0], suffix: name.slice(found.index + found[0].length), temporary: TEMPORARY.test(name) }
}

/** The number of a segment, counted from the beginning of the WAL; undefined where the name is impossible for the size. */
export function segmentNumber(at: { readonly high: number; readonly low: number }, segmentSize: number): number | undefined {
  const perHigh = segmentsPerHigh(segmentSize)
  return at.low < perHigh ? at.high * perHigh + at.low : undefined
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0')
}

/** The name of a segment by its number. */
export function numberedSegment(timeline: number, number: number, segmentSize: number): string {
  const perHigh = segmentsPerHigh(segmentSize)
  return hex(timeline) + hex(Math.floor(number / perHigh)) + hex(number % perHigh)
}

export function historyName(timeline: number): string {
  return `${hex(timeline)}.history`
}

/** The segment that follows on the same timeline; undefined where `name` is no segment of this size. */
export function nextSegment(name: string, segmentSize: number): string | undefined {
  const parsed = parseWalName(name)
  const number = parsed.kind === 'segment' ? segmentNumber(parsed, segmentSize) : undefined
  return parsed.kind !== 'segment' || number === undefined ? undefined : numberedSegment(parsed.timeline, number + 1, segmentSize)
}

/** The segment that holds the byte at `lsn`. */
export function segmentName(timeline: number, lsn: Lsn, segmentSize: number): string {
  return numberedSegment(timeline, Number(lsn / BigInt(segmentSize)), segmentSize)
}

/** The LSN of a segment's first byte; undefined where `name` is no segment of this size. */
export function segmentStart(name: string, segmentSize: number): Lsn | undefined {
  const parsed = parseWalName(name)
  const number = parsed.kind === 'segment' ? segmentNumber(parsed, segmentSize) : undefined
  return number === undefined ? undefined : BigInt(number) * BigInt(segmentSize)
}

/**
 * What `pg_walfile_name(lsn)` answers. On a boundary, 16 and older name the segment that ends there, 17 and newer the
 * one that begins there (release notes of 17; XLByteToPrevSeg and XLByteToSeg in xlogfuncs.c).
 */
export function pgWalfileName(timeline: number, lsn: Lsn, segmentSize: number, major: number): string {
  return segmentName(timeline, major >= 17 || lsn === 0n ? lsn : lsn - 1n, segmentSize)
}
