// Which base backups may go, and then which WAL: by pg_archivecleanup's rule.
// https://www.postgresql.org/docs/current/pgarchivecleanup.html
// src/bin/pg_archivecleanup/pg_archivecleanup.c: CleanupPriorWALFiles, SetWALFileNameForCleanup.
import { parseWalName } from '../wal/names.ts'

/** What an archive command may append when it compresses. */
const COMPRESSED = /\.(?:gz|bz2|xz|zst|lz4|lzo|br)$/

/** A file name of the archive without what a compressing command appended. */
export function plainName(name: string): string {
  return name.replace(COMPRESSED, '')
}

export interface CleanupOptions {
  /** `.backup` files as well (pg_archivecleanup -b, 17+). */
  readonly backupHistory?: boolean
  /** Also of files with the ending of a compressed one (pg_archivecleanup -x). */
  readonly compressed?: boolean
}

/** Where a segment stands, whatever its timeline: names without it sort as the WAL does. */
export function placeInWal(segment: string): string {
  return segment.slice(8, 24)
}

/**
 * Whether a file of the archive is older than the first segment that is kept: a segment or `.partial` before it by number,
 * whatever its timeline. A history file never is, and nothing that is no WAL file.
 */
export function isBefore(name: string, keepFrom: string, { backupHistory = false, compressed = true }: CleanupOptions = {}): boolean {
  const parsed = parseWalName(compressed ? plainName(name) : name)
  const cleaned = parsed.kind === 'segment' || parsed.kind === 'partial' || (parsed.kind === 'backup' && backupHistory)
  return cleaned && placeInWal(parsed.name) < placeInWal(keepFrom)
}

/** A complete base backup of one cluster. */
export interface Kept {
  readonly name: string
  /** ISO 8601; tells which is the newest. */
  readonly finishedAt: string
  /** The first segment that it needs. */
  readonly startSegment: string
}

/** A base backup of which only the archive's `.backup` file tells. */
export interface OtherBackup {
  /** The file's name. */
  readonly file: string
  readonly label: string
  readonly startTime: string
  /** The first segment that it needs. */
  readonly startSegment: string
}

export interface Retention<B extends Kept> {
  /** The newest first. */
  readonly keep: readonly B[]
  readonly remove: readonly B[]
  /** WAL before this segment is needed by nothing that is kept. */
  readonly keepFrom: string
  /** Backups of others that would lose WAL, were it not for `keepFrom`; with `giveUpOthers` those that do. */
  readonly others: readonly OtherBackup[]
  /** Standbys that would lose WAL, were it not for `keepFrom`. */
  readonly standbys: readonly StandbyNeed[]
}

/** From where on a standby may need WAL, as far as the server knows. */
export interface StandbyNeed {
  /** Of its slot, else of its connection. */
  readonly name: string
  /** A segment. */
  readonly segment: string
}

export interface RetentionWish {
  /** How many stay, at least 1. */
  readonly keep: number
  /** Whether WAL that only backups of others need may go as well. */
  readonly giveUpOthers: boolean
  readonly standbys?: readonly StandbyNeed[]
  /** The name of the one that is the newest, whatever time the others say. */
  readonly newest?: string
}

/**
 * What stays and what goes.
 * @returns undefined where there is no backup to keep
 */
export function planRetention<B extends Kept>(backups: readonly B[], others: readonly OtherBackup[], { keep, giveUpOthers, standbys = [], newest }: RetentionWish): Retention<B> | undefined {
  const newestFirst = [...backups].sort((a, b) => (a.name === newest ? -1 : b.name === newest ? 1 : a.finishedAt < b.finishedAt ? 1 : a.finishedAt > b.finishedAt ? -1 : a.name < b.name ? 1 : -1))
  const kept = newestFirst.slice(0, Math.max(1, keep))
  const oldest = oldestSegment(kept.map(({ startSegment }) => startSegment))
  if (oldest === undefined) return undefined
  const losing = others.filter(({ startSegment }) => placeInWal(startSegment) < placeInWal(oldest))
  const behind = standbys.filter(({ segment }) => placeInWal(segment) < placeInWal(oldest))
  return {
    keep: kept,
    remove: newestFirst.slice(kept.length),
    keepFrom: oldestSegment([oldest, ...behind.map(({ segment }) => segment), ...(giveUpOthers ? [] : losing.map(({ startSegment }) => startSegment))])!,
    others: losing,
    standbys: behind,
  }
}

function oldestSegment(segments: readonly string[]): string | undefined {
  return segments.reduce<string | undefined>((oldest, segment) => (oldest === undefined || placeInWal(segment) < placeInWal(oldest) ? segment : oldest), undefined)
}
