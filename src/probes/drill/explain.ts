// Why a recovery did not reach its mark: which file of the archive is at fault, and how.
import { codeOf } from '../../errors.ts'
import type { Acting, Host } from '../../host/host.ts'
import { checkSegment, numberedSegment, parseWalName, readSegmentHeader, SEGMENT_HEADER_BYTES, segmentName, segmentNumber } from '../../postgres/wal/index.ts'
import { DrillFailure } from './failure.ts'
import type { RecoveryLog } from './log.ts'

const CHUNK = 4 << 20

export interface Range {
  readonly archive: string
  readonly timeline: number
  /** Numbers of the first and the last segment that the recovery needs. */
  readonly first: number
  readonly last: number
  readonly segmentSize: number
  readonly systemIdentifier: bigint
  /** pg_wal of the server, which may still have the same segments. */
  readonly own: string
}

/**
 * The finding for a recovery that ended without its mark: the first file of the archive that is at fault, else what
 * restore_command did with a good one, else what the log says. `copyWal` is pg_wal of the copy.
 */
export async function explain(host: Host, as: Acting, range: Range, log: RecoveryLog, copyWal: string, started: boolean): Promise<DrillFailure> {
  if (log.library) return new DrillFailure('library-needed', { cause: log.cause })
  for (let number = range.first; number <= range.last; number++) {
    const problem = await problemOf(host, as, range, numberedSegment(range.timeline, number, range.segmentSize))
    if (problem !== undefined) return problem
  }
  const wrong = await wronglyRestored(host, as, range, log, copyWal)
  if (wrong !== undefined) return wrong
  // The archive's own first pages were looked at above.
  if (log.notThis !== undefined) return new DrillFailure('restore-command-wrong', { file: log.notThis })
  if (log.badRecord !== undefined) {
    const segment = segmentName(range.timeline, log.badRecord.lsn, range.segmentSize)
    return new DrillFailure('segment-damaged', { segment, problem: log.badRecord.text }, `${range.archive}/${segment}`)
  }
  if (log.notRestored !== undefined) return new DrillFailure('restore-command-failed', { ...log.notRestored })
  const next = nextOf(range, log)
  const nothing = started || /could not locate (?:a valid|required) checkpoint record/.test(log.cause)
  if (nothing && next <= range.last) return new DrillFailure('restore-command-empty', { segment: numberedSegment(range.timeline, next, range.segmentSize) })
  return new DrillFailure(started ? 'stopped-early' : 'did-not-start', { cause: log.cause })
}

/** The number of the segment that recovery asked for last, or would have asked for next. */
function nextOf(range: Range, log: RecoveryLog): number {
  const restored = log.restored === undefined ? undefined : parseWalName(log.restored)
  return restored?.kind === 'segment' ? segmentNumber(restored, range.segmentSize)! + 1 : range.first
}

/** A segment that the copy was given, and that is not the archive's. Of those beyond the newest, names may be of recycled files. */
async function wronglyRestored(host: Host, as: Acting, range: Range, log: RecoveryLog, copyWal: string): Promise<DrillFailure | undefined> {
  const next = nextOf(range, log)
  for (let number = range.first; number <= Math.min(next, range.last); number++) {
    const segment = numberedSegment(range.timeline, number, range.segmentSize)
    // One of the wrong length keeps the name under which it came.
    const given = number < next ? segment : 'RECOVERYXLOG'
    if ((await sameContent(host, as, `${range.archive}/${segment}`, `${copyWal}/${given}`)) === false) return new DrillFailure('restore-command-wrong', { file: segment })
  }
  return undefined
}

async function problemOf(host: Host, as: Acting, range: Range, segment: string): Promise<DrillFailure | undefined> {
  const file = `${range.archive}/${segment}`
  try {
    const { size } = await host.stat(file, as)
    const problems = checkSegment(segment, readSegmentHeader(await host.readPart(file, 0, SEGMENT_HEADER_BYTES, as)), { ...range, fileSize: size })
    const foreign = problems.find(({ code }) => code === 'system-identifier')
    if (foreign !== undefined && 'found' in foreign) return new DrillFailure('segment-foreign', { segment, found: String(foreign.found), own: String(range.systemIdentifier) }, file)
    if (problems[0] !== undefined) return new DrillFailure('segment-damaged', { segment, problem: problems[0].code }, file)
    return (await sameContent(host, as, file, `${range.own}/${segment}`)) === false ? new DrillFailure('segment-different', { segment }, file) : undefined
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return new DrillFailure('segment-missing', { segment }, file)
    if (code === '') throw error
    return new DrillFailure('archive-unreadable', { path: range.archive, reason: code }, file)
  }
}

/** Whether two files are the same, byte for byte; undefined where there is no second one that we can read. */
export async function sameContent(host: Host, as: Acting, file: string, other: string): Promise<boolean | undefined> {
  for (let offset = 0; ; offset += CHUNK) {
    const mine = await host.readPart(file, offset, CHUNK, as)
    let theirs: Uint8Array
    try {
      theirs = await host.readPart(other, offset, CHUNK, as)
    } catch {
      return undefined
    }
    if (Buffer.compare(mine, theirs) !== 0) return false
    if (mine.length < CHUNK) return true
  }
}
