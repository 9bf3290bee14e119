// What WAL says about time: when transactions ended, and which restore points there are; which tablespaces were made; and how much
// recovery needs of what is limited. Only these few records are looked into; all others are stepped over by their length.
// src/include/access/xlogrecord.h (XLogRecord), xlog_internal.h (page headers, xl_restore_point, xl_parameter_change), xact.h (xl_xact_commit),
// src/include/commands/tablespace.h (xl_tblspc_create_rec).
import type { ControlLimits } from '../control-file.ts'
import type { Lsn } from './lsn.ts'
import { readSegmentHeader } from './segment-header.ts'

/** A record at which recovery can be told to stop. */
export interface Landmark {
  readonly kind: 'commit' | 'abort' | 'restore-point'
  /** Where the record begins. */
  readonly lsn: Lsn
  /** Where it ends. */
  readonly end: Lsn
  /** Microseconds since 1970. */
  readonly time: bigint
  /** Of a restore point. */
  readonly name?: string
}

/** CREATE TABLESPACE: to replay it empties and uses the very directory that it names. */
export interface MadeTablespace {
  readonly oid: string
  /** Absolute; one within the data directory is not told. */
  readonly location: string
  /** Where the record begins. */
  readonly lsn: Lsn
}

const RECORD_HEADER = 24
const ALIGN = 8
const SHORT_PAGE_HEADER = 24
const LONG_PAGE_HEADER = 40
const XLP_FIRST_IS_CONTRECORD = 0x0001
const XLP_LONG_HEADER = 0x0002

const RM_XLOG = 0
const RM_XACT = 1
const RM_TABLESPACE = 5
const XLOG_SWITCH = 0x40
const XLOG_PARAMETER_CHANGE = 0x60
const XLOG_RESTORE_POINT = 0x70
const TABLESPACE_CREATE = 0x00
const XACT_OPERATIONS = 0x70
const XACT_ENDS: ReadonlyMap<number, 'commit' | 'abort'> = new Map([[0x00, 'commit'], [0x20, 'abort'], [0x30, 'commit'], [0x40, 'abort']])

/** Block ids that are none: headers of the main data, of the origin and of the top transaction. */
const DATA_SHORT = 255
const DATA_LONG = 254
const ORIGIN = 253
const TOP_TRANSACTION = 252
const MAX_RESTORE_POINT_NAME = 64

/** Of each record this much is kept: header, the headers of the data, a restore point with its name, a tablespace with its path (MAXPGPATH). */
const HEAD = 1_088

/** Microseconds between 1970 and 2000, where PostgreSQL's time begins. */
const POSTGRES_EPOCH = 946_684_800_000_000n

interface Pending {
  readonly lsn: Lsn
  readonly head: Uint8Array
  collected: number
  /** Bytes of the record that are still to come. */
  left: number
}

function aligned(offset: number): number {
  return Math.ceil(offset / ALIGN) * ALIGN
}

/** Reads segments in their order; a record may begin in one and end in the next. */
export class LandmarkReader {
  #pending: Pending | undefined
  #last: { readonly lsn: Lsn; readonly end: Lsn } | undefined
  readonly #tablespaces: MadeTablespace[] = []
  readonly #limits: ControlLimits[] = []

  /** Of all that was read. */
  get tablespaces(): readonly MadeTablespace[] {
    return this.#tablespaces
  }

  /** What the server had each time that it was started with other limits. */
  get limits(): readonly ControlLimits[] {
    return this.#limits
  }

  /** The last whole record: where it begins and ends. */
  get last(): { readonly lsn: Lsn; readonly end: Lsn } | undefined {
    return this.#last
  }

  /** The landmarks of a whole segment that begins at `start`. What cannot be WAL of that place ends the reading of this segment. */
  read(segment: Uint8Array, start: Lsn): Landmark[] {
    const found: Landmark[] = []
    const header = readSegmentHeader(segment)
    if ('error' in header || header.pageAddress !== start) {
      this.#pending = undefined
      return found
    }
    const little = header.byteOrder === 'little'
    const view = new DataView(segment.buffer, segment.byteOffset, segment.length)
    for (let page = 0; page + header.blockSize <= segment.length; page += header.blockSize) {
      if (view.getUint16(page, little) !== header.magic || view.getBigUint64(page + 8, little) !== start + BigInt(page)) break
      const info = view.getUint16(page + 2, little)
      const pageEnd = page + header.blockSize
      let at = page + ((info & XLP_LONG_HEADER) === 0 ? SHORT_PAGE_HEADER : LONG_PAGE_HEADER)
      if ((info & XLP_FIRST_IS_CONTRECORD) === 0) {
        // The rest of a record that was begun was never written.
        this.#pending = undefined
      } else {
        const rest = view.getUint32(page + 16, little)
        const here = Math.min(rest, pageEnd - at)
        if (this.#pending !== undefined) this.#take(segment, at, Math.min(here, this.#pending.left), start, little, found)
        at = aligned(at + here - page) + page
        if (rest > here) continue
      }
      while (at + 4 <= pageEnd) {
        const length = view.getUint32(at, little)
        if (length < RECORD_HEADER) {
          if (length === 0) return found
          this.#pending = undefined
          return found
        }
        this.#pending = { lsn: start + BigInt(at), head: new Uint8Array(Math.min(HEAD, length)), collected: 0, left: length }
        const here = Math.min(length, pageEnd - at)
        if (this.#take(segment, at, here, start, little, found) === 'switch') return found
        at = aligned(at + here - page) + page
      }
    }
    return found
  }

  /** Takes bytes of the pending record; the last of them complete it. */
  #take(segment: Uint8Array, from: number, length: number, start: Lsn, little: boolean, found: Landmark[]): 'switch' | undefined {
    const pending = this.#pending!
    const kept = Math.min(length, pending.head.length - pending.collected)
    if (kept > 0) pending.head.set(segment.subarray(from, from + kept), pending.collected)
    pending.collected += Math.max(0, kept)
    pending.left -= length
    if (pending.left > 0) return undefined
    this.#pending = undefined
    const last = { lsn: pending.lsn, end: start + BigInt(aligned(from + length)) }
    this.#last = last
    const record = new DataView(pending.head.buffer)
    const [info, resource] = [record.getUint8(16) & 0xF0, record.getUint8(17)]
    if (resource === RM_XLOG && info === XLOG_SWITCH) return 'switch'
    const tablespace = resource === RM_TABLESPACE && info === TABLESPACE_CREATE ? tablespaceOf(record, little) : undefined
    if (tablespace !== undefined) this.#tablespaces.push({ ...tablespace, lsn: last.lsn })
    const limits = resource === RM_XLOG && info === XLOG_PARAMETER_CHANGE ? limitsOf(record, little) : undefined
    if (limits !== undefined) this.#limits.push(limits)
    const landmark = landmarkOf(record, info, resource, little)
    if (landmark !== undefined) found.push({ ...landmark, ...last })
    return undefined
  }
}

function landmarkOf(record: DataView, info: number, resource: number, little: boolean): Pick<Landmark, 'kind' | 'time' | 'name'> | undefined {
  const isRestorePoint = resource === RM_XLOG && info === XLOG_RESTORE_POINT
  const ended = resource === RM_XACT ? XACT_ENDS.get(info & XACT_OPERATIONS) : undefined
  if (!isRestorePoint && ended === undefined) return undefined
  const data = mainData(record)
  if (data === undefined || data + 8 > record.byteLength) return undefined
  const time = record.getBigInt64(data, little) + POSTGRES_EPOCH
  if (ended !== undefined) return { kind: ended, time }
  return { kind: 'restore-point', time, name: textAt(record, data + 8, MAX_RESTORE_POINT_NAME) }
}

function tablespaceOf(record: DataView, little: boolean): Pick<MadeTablespace, 'oid' | 'location'> | undefined {
  const data = mainData(record)
  if (data === undefined || data + 4 > record.byteLength) return undefined
  const location = textAt(record, data + 4, record.byteLength)
  return /^(?:\/|[A-Za-z]:)/.test(location) ? { oid: String(record.getUint32(data, little)), location } : undefined
}

/** Of 12 and later: before, there was no max_wal_senders among them. */
function limitsOf(record: DataView, little: boolean): ControlLimits | undefined {
  const data = mainData(record)
  if (data === undefined || data + 20 > record.byteLength) return undefined
  const [connections, workers, senders, prepared, locks] = [0, 4, 8, 12, 16].map((offset) => record.getInt32(data + offset, little)) as [number, number, number, number, number]
  return { max_connections: connections, max_worker_processes: workers, max_wal_senders: senders, max_prepared_transactions: prepared, max_locks_per_transaction: locks }
}

/** A string that ends with a zero, or with the record. */
function textAt(record: DataView, from: number, most: number): string {
  const bytes = new Uint8Array(record.buffer, from, Math.min(most, record.byteLength - from))
  const zero = bytes.indexOf(0)
  return new TextDecoder().decode(zero < 0 ? bytes : bytes.subarray(0, zero))
}

/** Where the main data of a record without blocks begin; those that matter here have none. */
function mainData(record: DataView): number | undefined {
  for (let at = RECORD_HEADER; at < record.byteLength;) {
    const id = record.getUint8(at)
    if (id === DATA_SHORT) return at + 2
    if (id === DATA_LONG) return at + 5
    if (id === ORIGIN) at += 3
    else if (id === TOP_TRANSACTION) at += 5
    else return undefined
  }
  return undefined
}
