// global/pg_control: which cluster, in what state, where its last checkpoint is, and with which sizes and limits it runs.
// src/include/catalog/pg_control.h: ControlFileData. Its beginning is the same in 12 to 18; its end is found by the constant
// that PostgreSQL itself keeps there to tell foreign floating-point formats apart.
import { CRC32C_START, updateCrc32c } from './backup/crc32c.ts'
import { isSegmentSize } from './wal/names.ts'
import type { Lsn } from './wal/lsn.ts'

/** Bytes to read; the rest of the file is zeros. */
export const CONTROL_FILE_BYTES = 512

/** DBState, in the order of the enum. */
const STATES = ['starting', 'shut-down', 'shut-down-in-recovery', 'shutting-down', 'in-crash-recovery', 'in-archive-recovery', 'in-production'] as const

/** What a standby, also one that is only looked at, must have at least as much of as the server had. */
export interface ControlLimits {
  readonly max_connections: number
  readonly max_worker_processes: number
  readonly max_wal_senders: number
  readonly max_prepared_transactions: number
  readonly max_locks_per_transaction: number
}

/** The most of each. */
export function mostOf(limits: readonly [ControlLimits, ...ControlLimits[]]): ControlLimits {
  const most = (name: keyof ControlLimits): number => Math.max(...limits.map((one) => one[name]))
  return {
    max_connections: most('max_connections'), max_worker_processes: most('max_worker_processes'), max_wal_senders: most('max_wal_senders'),
    max_prepared_transactions: most('max_prepared_transactions'), max_locks_per_transaction: most('max_locks_per_transaction'),
  }
}

export interface ControlFile {
  readonly systemIdentifier: bigint
  /** Undefined for a layout that is not known: a newer major, a beta or a fork. */
  readonly major: number | undefined
  readonly state: (typeof STATES)[number]
  /** Of the last checkpoint. */
  readonly checkpoint: Lsn
  readonly redo: Lsn
  readonly timeline: number
  /** Bytes. */
  readonly segmentSize: number
  readonly blockSize: number
  readonly limits: ControlLimits
  readonly checksums: boolean
}

export type ControlFileProblem = 'short' | 'zeroed' | 'layout' | 'checksum'

/** pg_control_version, and the catalogue's version (a date) from which on it is the major. */
const MAJORS: ReadonlyMap<number, readonly (readonly [catalogFrom: number, major: number])[]> = new Map([
  [1201, [[0, 12]]],
  [1300, [[0, 13], [202100000, 14], [202200000, 15], [202300000, 16]]],
  [1700, [[0, 17]]],
  [1800, [[0, 18]]],
])

/** 1234567.0 as a double; FLOATFORMAT_VALUE. */
const FLOAT_FORMAT = 1234567

/** Reads the first {@link CONTROL_FILE_BYTES} bytes of pg_control, in this machine's byte order or the other. */
export function parseControlFile(bytes: Uint8Array): ControlFile | { readonly problem: ControlFileProblem } {
  if (bytes.length < 296) return { problem: 'short' }
  if (bytes.every((byte) => byte === 0)) return { problem: 'zeroed' }
  const view = new DataView(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, CONTROL_FILE_BYTES))
  for (const little of [true, false]) {
    const version = view.getUint32(8, little)
    if (version < 1000 || version > 9999) continue
    const float = floatAt(view, little)
    if (float === undefined) continue
    const u32 = (offset: number): number => view.getUint32(float + offset, little)
    const state = STATES[view.getUint32(16, little)]
    const segmentSize = u32(20)
    if (state === undefined || !isSegmentSize(segmentSize)) continue
    // The random number before the checksum is 32 bytes; from 18 on a byte more stands before it.
    const sealed = [80, 84].some((end) => float + end + 4 <= view.byteLength && (updateCrc32c(CRC32C_START, bytes.subarray(0, float + end)) ^ 0xFFFF_FFFF) >>> 0 === u32(end))
    if (!sealed) return { problem: 'checksum' }
    const catalog = view.getUint32(12, little)
    return {
      systemIdentifier: view.getBigUint64(0, little),
      major: MAJORS.get(version)?.findLast(([from]) => catalog >= from)?.[1],
      state,
      checkpoint: view.getBigUint64(32, little),
      redo: view.getBigUint64(40, little),
      timeline: view.getUint32(48, little),
      segmentSize,
      blockSize: u32(8),
      limits: {
        max_connections: u32(-28), max_worker_processes: u32(-24), max_wal_senders: u32(-20),
        max_prepared_transactions: u32(-16), max_locks_per_transaction: u32(-12),
      },
      checksums: u32(44) !== 0,
    }
  }
  return { problem: 'layout' }
}

function floatAt(view: DataView, little: boolean): number | undefined {
  for (let at = 128; at + 96 <= view.byteLength; at += 8) if (view.getFloat64(at, little) === FLOAT_FORMAT) return at
  return undefined
}
