// Rates and times of WAL, from what was seen: how fast it is written, how long the disks last at that rate, what is not in the
// archive yet, and what keeps WAL in pg_wal. Nothing is told from a sample that is too short to be true.
import type { ArchiveCommandFact } from '../../facts/archive-command.ts'
import type { ArchiveContentsFact } from '../../facts/archive-contents.ts'
import type { ArchiveDirectoryFact } from '../../facts/archive-directory.ts'
import type { ArchiveGrowthFact } from '../../facts/archive-growth.ts'
import type { ArchiveStatusFact } from '../../facts/archive-status.ts'
import type { ArchiverFact } from '../../facts/archiver.ts'
import type { DiskFact } from '../../facts/disk.ts'
import type { EffectiveSettings } from '../../facts/effective-settings.ts'
import type { IdentityFact } from '../../facts/identity.ts'
import type { ReplicationFact } from '../../facts/replication.ts'
import type { ServerFact } from '../../facts/server.ts'
import type { WalFlowFact, WalMark } from '../../facts/wal-flow.ts'
import type { ProblemCode } from '../../postgres/archive-command/index.ts'
import { segmentStart } from '../../postgres/wal/index.ts'
import { knownValue, numberOf } from './settings.ts'

/** What {@link walTimes} tells from; what is undefined was not seen. */
export interface WalSeen {
  readonly flow: WalFlowFact | undefined
  readonly identity: IdentityFact | undefined
  readonly settings: EffectiveSettings | undefined
  readonly server: ServerFact | undefined
  readonly command: ArchiveCommandFact | undefined
  readonly status: ArchiveStatusFact | undefined
  readonly archiver: ArchiverFact | undefined
  readonly contents: ArchiveContentsFact | undefined
  readonly directory: ArchiveDirectoryFact | undefined
  readonly growth: ArchiveGrowthFact | undefined
  readonly replication: ReplicationFact | undefined
  readonly disk: DiskFact | undefined
}

/** For who tells only from some of it. */
export const NOT_LOOKED_AT: WalSeen = {
  flow: undefined, identity: undefined, settings: undefined, server: undefined, command: undefined, status: undefined, archiver: undefined,
  contents: undefined, directory: undefined, growth: undefined, replication: undefined, disk: undefined,
}

export interface WalRate {
  readonly bytesPerSecond: number
  /** What was measured: so many bytes in so many milliseconds, up to now. */
  readonly bytes: number
  readonly spanMs: number
}

/** Something for which pg_wal keeps segments. */
export interface WalHold {
  readonly by: 'archiver' | 'slot' | 'wal_keep_size' | 'summarizer' | 'checkpoint'
  /** The slot's. */
  readonly name?: string
  /** Who uses the slot; absent while nobody does. */
  readonly application?: string
  /** From the oldest byte that it needs to the end of the WAL. */
  readonly bytes: number
}

export interface WalTimes {
  readonly rate?: WalRate
  /** Until the file system of the archive is full at that rate. */
  readonly archiveFullMs?: number
  /** Until the file system of pg_wal is full at that rate, once nothing there is removed any more. */
  readonly walFullMs?: number
  /** What would be lost with this machine: the WAL that is not in the archive, and how old its beginning is. `seen`: the archive itself was looked into; else it is what the server believes. */
  readonly loss?: { readonly bytes: number; readonly ageMs: number; readonly seen: boolean }
  /** The greatest first. */
  readonly holds: readonly WalHold[]
}

const HOUR = 3_600_000
/** Below this a sample says nothing: a checkpoint or a bulk load would be taken for the rule. */
const LEAST_SPAN_MS = 60_000
/** Below this a rate is told, but nothing is foretold from it. */
const LEAST_FORECAST_MS = 5 * 60_000
/** Of a segment that was only begun: its page header. */
const PAGE_HEADER = 40
/** With these the server counts as archived what is stored nowhere. */
const DISCARDS: readonly ProblemCode[] = ['discards', 'fixed-target', 'hides-failure', 'pipe-hides-failure']

export function walTimes(seen: WalSeen): WalTimes {
  const { flow, identity } = seen
  if (flow === undefined || identity === undefined) return { holds: [] }
  const rate = rateOf(flow, identity.segmentSize)
  const loss = lossOf(seen, flow, identity.segmentSize)
  const forecast = rate !== undefined && rate.bytes > 0 && rate.spanMs >= LEAST_FORECAST_MS ? rate.bytesPerSecond : undefined
  const archiveRoom = seen.directory?.fileSystem?.freeBytes
  const stored = (seen.growth?.storedBytes ?? identity.segmentSize) / identity.segmentSize
  return {
    ...(rate === undefined ? {} : { rate }),
    ...(forecast === undefined || archiveRoom === undefined || stored === 0 ? {} : { archiveFullMs: until(archiveRoom, forecast * stored) }),
    ...(forecast === undefined || seen.disk === undefined ? {} : { walFullMs: until(seen.disk.wal.freeBytes, forecast) }),
    ...(loss === undefined ? {} : { loss }),
    holds: holdsOf(seen, flow, identity.segmentSize),
  }
}

function until(freeBytes: number, bytesPerSecond: number): number {
  return Math.round((freeBytes / bytesPerSecond) * 1000)
}

/** The rate of the last hour, or since the mark next before it; else of as long as can be seen. Switched segments count in full, as they are stored. */
function rateOf({ now, checkpoint, segments, archived }: WalFlowFact, segmentSize: number): WalRate | undefined {
  const spans = [checkpoint, ...segments].map((mark) => ({ spanMs: span(mark, now), bytes: Number(now.lsn - mark.lsn) })).filter(({ spanMs, bytes }) => spanMs > 0 && bytes >= 0)
  // The server's own count of archived files reaches further back than pg_wal, where much is written.
  if (archived !== undefined && archived.count > 0) spans.push({ spanMs: span({ lsn: 0n, at: archived.since }, now), bytes: archived.count * segmentSize })
  spans.sort((a, b) => a.spanMs - b.spanMs)
  const direct = spans.find(({ spanMs }) => spanMs >= HOUR) ?? spans.at(-1)
  if (direct === undefined || direct.spanMs < LEAST_SPAN_MS) return undefined
  return { ...direct, bytesPerSecond: (direct.bytes / direct.spanMs) * 1000 }
}

function span(mark: WalMark, now: WalMark): number {
  return now.at.getTime() - mark.at.getTime()
}

/** Undefined where this server does not archive, or how far cannot be told. */
function lossOf({ settings, server, command, status, archiver, contents }: WalSeen, flow: WalFlowFact, segmentSize: number): WalTimes['loss'] {
  if (settings === undefined || server === undefined || status === undefined || archiver === undefined || server.inRecovery) return undefined
  if ((knownValue(settings.get('archive_mode')) ?? 'off') === 'off') return undefined
  if (command?.judgement?.problems.some(({ code }) => DISCARDS.includes(code)) === true) return undefined
  const size = BigInt(segmentSize)
  const waiting = status.oldest === undefined ? undefined : segmentStart(status.oldest.name.slice(0, 24), segmentSize)
  if (status.oldest !== undefined && waiting === undefined) return undefined
  if (status.oldest === undefined && archiver.lastArchivedAt === null) return undefined
  // What the archive itself holds goes before what the server believes.
  const there = contents?.timelines.find(({ timeline }) => timeline === contents.current)?.last
  const held = there === undefined ? undefined : (segmentStart(there, segmentSize) ?? 0n) + size
  const claimed = waiting ?? (flow.now.lsn / size) * size
  if (contents !== undefined && held === undefined) return undefined
  const upTo = held !== undefined && held < claimed ? held : claimed
  const bytes = Number(flow.now.lsn - upTo)
  if (bytes <= PAGE_HEADER) return { bytes: 0, ageMs: 0, seen: held !== undefined }
  const finished = flow.segments.find(({ lsn }) => lsn === upTo)?.at ?? (upTo === claimed ? archiver.lastArchivedAt : null) ?? flow.segments.findLast(({ lsn }) => lsn < upTo)?.at
  return finished === undefined ? undefined : { bytes, ageMs: Math.max(0, flow.now.at.getTime() - finished.getTime()), seen: held !== undefined }
}

function holdsOf({ status, replication, settings, server }: WalSeen, flow: WalFlowFact, segmentSize: number): WalHold[] {
  const { now, checkpoint, summarized } = flow
  const holds: WalHold[] = [{ by: 'checkpoint', bytes: Number(now.lsn - checkpoint.lsn) }]
  const waiting = status?.oldest === undefined ? undefined : segmentStart(status.oldest.name.slice(0, 24), segmentSize)
  // Nothing is kept for an archiver that is not at work: with archive_mode off, and with on while a standby.
  const mode = settings === undefined ? undefined : knownValue(settings.get('archive_mode'))
  const archives = mode === 'always' || (mode === 'on' && server?.inRecovery === false)
  if (archives && waiting !== undefined) holds.push({ by: 'archiver', bytes: Number(now.lsn - waiting) })
  for (const { name, retainedBytes, application, walStatus } of replication?.slots ?? []) {
    if (retainedBytes !== null && walStatus !== 'lost') holds.push({ by: 'slot', name, bytes: retainedBytes, ...(application === null ? {} : { application }) })
  }
  const size = settings === undefined ? undefined : knownValue(settings.get('wal_keep_size'))
  const segments = settings === undefined ? undefined : knownValue(settings.get('wal_keep_segments'))
  const kept = size !== undefined ? numberOf(size, 'MB') * 2 ** 20 : segments !== undefined ? numberOf(segments) * segmentSize : 0
  if (kept > 0) holds.push({ by: 'wal_keep_size', bytes: Math.min(kept, Number(now.lsn)) })
  if (summarized !== undefined) holds.push({ by: 'summarizer', bytes: Number(now.lsn - summarized) })
  return holds.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes)
}
