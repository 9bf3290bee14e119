// The long header of a segment's first page: 40 bytes that prove version, timeline, position, cluster and segment size.
// src/include/access/xlog_internal.h: XLogPageHeaderData, XLogLongPageHeaderData, XLOG_PAGE_MAGIC. Numbers are in the
// byte order of the server's machine. (On 32-bit x86 the identifier lies four bytes earlier; that layout is not read.)
import type { Lsn } from './lsn.ts'
import { isSegmentSize, parseWalName, segmentNumber } from './names.ts'

/** Bytes to read from the beginning of a segment. */
export const SEGMENT_HEADER_BYTES = 40

const MAGICS: ReadonlyMap<number, number> = new Map([
  [0xD101, 12], [0xD106, 13], [0xD10D, 14], [0xD110, 15], [0xD113, 16], [0xD116, 17], [0xD118, 18],
])
const LONG_HEADER = 0x0002

export interface SegmentHeader {
  readonly magic: number
  /** Undefined for a magic that is not known: a newer server, a beta or a fork. */
  readonly major: number | undefined
  readonly byteOrder: 'little' | 'big'
  /** Of the page. May be an ancestor of the timeline in the file's name: a new timeline starts with a copy of its parent's last segment. */
  readonly timeline: number
  readonly pageAddress: Lsn
  readonly systemIdentifier: bigint
  /** Bytes. */
  readonly segmentSize: number
  /** Bytes; XLOG_BLCKSZ. */
  readonly blockSize: number
}

/** `short`: fewer than 40 bytes; `zeroed`: all of them zero; `not-wal`: no long page header. */
export type SegmentHeaderError = 'short' | 'zeroed' | 'not-wal'

function isBlockSize(bytes: number): boolean {
  return bytes >= 1024 && bytes <= 65536 && (bytes & (bytes - 1)) === 0
}

/** Reads the first 40 bytes of a segment. An unknown magic is no error: see `major`. */
export function readSegmentHeader(bytes: Uint8Array): SegmentHeader | { readonly error: SegmentHeaderError } {
  if (bytes.length < SEGMENT_HEADER_BYTES) return { error: 'short' }
  const view = new DataView(bytes.buffer, bytes.byteOffset, SEGMENT_HEADER_BYTES)
  for (const little of [true, false]) {
    const segmentSize = view.getUint32(32, little)
    const blockSize = view.getUint32(36, little)
    // Both sizes are powers of two within narrow bounds: random or foreign bytes do not pass, whatever the magic is.
    if (!isSegmentSize(segmentSize) || !isBlockSize(blockSize) || (view.getUint16(2, little) & LONG_HEADER) === 0) continue
    const magic = view.getUint16(0, little)
    if (magic === 0) continue
    return {
      magic, major: MAGICS.get(magic), byteOrder: little ? 'little' : 'big',
      timeline: view.getUint32(4, little),
      pageAddress: view.getBigUint64(8, little),
      systemIdentifier: view.getBigUint64(24, little),
      segmentSize, blockSize,
    }
  }
  for (let at = 0; at < SEGMENT_HEADER_BYTES; at++) if (bytes[at] !== 0) return { error: 'not-wal' }
  return { error: 'zeroed' }
}

export interface ExpectedSegment {
  readonly systemIdentifier?: bigint
  /** Bytes; of the cluster. */
  readonly segmentSize?: number
  /** Bytes; what the file system says of this file. */
  readonly fileSize?: number
  /** Timelines that the one in the name descends from; without it every lower number is believed. */
  readonly ancestors?: ReadonlySet<number>
}

export type SegmentProblem =
  | { readonly code: SegmentHeaderError }
  /** The name is no segment's name, or an impossible one for the segment size. */
  | { readonly code: 'name' }
  | { readonly code: 'system-identifier'; readonly found: bigint; readonly expected: bigint }
  | { readonly code: 'segment-size'; readonly found: number; readonly expected: number }
  | { readonly code: 'file-size'; readonly found: number; readonly expected: number }
  /** The content belongs at another place of the WAL: the file was renamed, or another one copied over it. */
  | { readonly code: 'page-address'; readonly found: Lsn; readonly expected: Lsn }
  | { readonly code: 'timeline'; readonly found: number; readonly expected: number }

/** Compares a segment's name with its header and with what is known of the cluster. An empty list: nothing wrong in these 40 bytes. */
export function checkSegment(name: string, header: SegmentHeader | { readonly error: SegmentHeaderError }, expected: ExpectedSegment = {}): SegmentProblem[] {
  const parsed = parseWalName(name)
  if (parsed.kind !== 'segment' && parsed.kind !== 'partial') return [{ code: 'name' }]
  const problems: SegmentProblem[] = []
  const size = expected.segmentSize ?? ('error' in header ? undefined : header.segmentSize)
  if (expected.fileSize !== undefined && size !== undefined && expected.fileSize !== size) {
    problems.push({ code: 'file-size', found: expected.fileSize, expected: size })
  }
  if ('error' in header) return [...problems, { code: header.error }]
  if (expected.systemIdentifier !== undefined && header.systemIdentifier !== expected.systemIdentifier) {
    problems.push({ code: 'system-identifier', found: header.systemIdentifier, expected: expected.systemIdentifier })
  }
  if (expected.segmentSize !== undefined && header.segmentSize !== expected.segmentSize) {
    problems.push({ code: 'segment-size', found: header.segmentSize, expected: expected.segmentSize })
  }
  const number = segmentNumber(parsed, header.segmentSize)
  if (number === undefined) {
    problems.push({ code: 'name' })
  } else {
    const address = BigInt(number) * BigInt(header.segmentSize)
    if (header.pageAddress !== address) problems.push({ code: 'page-address', found: header.pageAddress, expected: address })
  }
  const related = header.timeline === parsed.timeline
    || (header.timeline < parsed.timeline && (expected.ancestors?.has(header.timeline) ?? true))
  if (!related) problems.push({ code: 'timeline', found: header.timeline, expected: parsed.timeline })
  return problems
}
