// What the log of the copy tells. It runs with lc_messages = C, so that the words are known.
// src/backend/access/transam/xlogrecovery.c (xlog.c before 15): recoveryStopsAfter, PerformWalRecovery.
import { type Lsn, lsnFromText } from '../../postgres/wal/index.ts'

export interface RecoveryLog {
  /** The restore points at which recovery stopped, and the positions, as recovery_target_lsn has them. */
  readonly stoppedAt: readonly string[]
  /** Where the last record that was replayed begins. */
  readonly redoDone?: Lsn
  /** Newest segment that was fetched from the archive. */
  readonly restored?: string
  /** The newest error, else the newest line that says anything. */
  readonly cause: string
  /** The newest complaint about a WAL record, and where that record is. */
  readonly badRecord?: { readonly text: string; readonly lsn: Lsn }
  /** The file that restore_command failed to bring with more than "there is none", and how. */
  readonly notRestored?: { readonly file: string; readonly cause: string }
  /** A segment whose first page says that it is another one. */
  readonly notThis?: string
  /** History files that restore_command brought. */
  readonly histories: readonly string[]
  /** WAL of a library that is not preloaded. */
  readonly library: boolean
  /** The server, or what restore_command started, found no room. */
  readonly noSpace: boolean
}

const LINE = /^\S+ \S+ \S+ \[\d+\] (\w+): +(.*)$/
const ERRORS = ['ERROR', 'FATAL', 'PANIC']

export function readRecoveryLog(text: string): RecoveryLog {
  const stoppedAt: string[] = []
  let redoDone: Lsn | undefined
  let restored: string | undefined
  let error: string | undefined
  let said = ''
  let badRecord: RecoveryLog['badRecord']
  let notRestored: RecoveryLog['notRestored']
  let notThis: string | undefined
  const histories: string[] = []
  for (const line of text.split('\n')) {
    const parts = LINE.exec(line)
    const level = parts?.[1] ?? ''
    const message = parts?.[2] ?? line.trim()
    if (message === '') continue
    said = message
    // "the database system is starting up" and the like come after the reason.
    if (ERRORS.includes(level)) error = message
    // A name may have quotes in it.
    const stop = /^recovery stopping (?:at restore point "(.*)", time |(?:before|after) WAL location \(LSN\) "([^"]*)")/.exec(message)
    if (stop !== null) stoppedAt.push(stop[1] ?? stop[2]!)
    const done = /^redo done at (\S+)/.exec(message)
    if (done !== null) redoDone = lsnFromText(done[1]!)
    const file = /^restored log file "([0-9A-F]{24})" from archive/.exec(message)
    // At its end, recovery fetches the last good one again.
    if (file !== null && (restored === undefined || file[1]! > restored)) restored = file[1]
    const history = /^restored log file "([0-9A-F]{8}\.history)" from archive/.exec(message)
    if (history !== null) histories.push(history[1]!)
    const failed = /^could not restore file "([^"]+)" from archive: (.*)$/.exec(message) ?? /^archive file "([^"]+)" has (wrong size.*)$/.exec(message)
    const head = /^unexpected (?:pageaddr|timeline ID) .* in (?:log|WAL) segment ([0-9A-F]{24}),.* offset 0$/.exec(message)
    if (head !== null) notThis = head[1]
    if (failed !== null) notRestored = { file: failed[1]!, cause: failed[2]! }
    const place = /^(?:invalid|incorrect|unexpected|record with|out-of-|there is no contrecord|missing contrecord|WAL file is from).* (?:at|LSN) ([0-9A-F]+\/[0-9A-F]+)/.exec(message)
    const lsn = place === null ? undefined : lsnFromText(place[1]!)
    if (lsn !== undefined) badRecord = { text: message, lsn }
  }
  return {
    stoppedAt, cause: error ?? said, histories, library: /: {2}resource manager with ID \d+ not registered/.test(text), noSpace: /No space left on device|Disk quota exceeded/.test(text),
    ...(redoDone === undefined ? {} : { redoDone }),
    ...(restored === undefined ? {} : { restored }),
    ...(badRecord === undefined ? {} : { badRecord }),
    ...(notRestored === undefined ? {} : { notRestored }),
    ...(notThis === undefined ? {} : { notThis }),
  }
}

/** A restore point's record takes up to 112 bytes, and a page's header (at most 40) where it crosses into the next page. */
const RECORD_BYTES = 152n

/**
 * Whether recovery really ended with the mark: it stopped at the restore point of this name, and the last record that it
 * replayed is the one that ends at `end`, the position that pg_create_restore_point() answered.
 */
export function foundMark(log: RecoveryLog, name: string, end: Lsn): boolean {
  return log.stoppedAt.includes(name) && log.redoDone !== undefined && log.redoDone < end && end - log.redoDone <= RECORD_BYTES
}

/** The same for a position: recovery stopped at the first record from there on. "redo done" then names that one. */
export function foundPosition(log: RecoveryLog, end: Lsn): boolean {
  return log.stoppedAt.some((text) => (lsnFromText(text) ?? 0n) >= end) && log.redoDone !== undefined
}
