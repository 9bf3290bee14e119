/**
 * What may be removed of a directory of backups and of the archive, and the removing. Nothing goes on a guess: what cannot be
 * seen keeps everything.
 */
import { codeOf, UserError } from '../errors.ts'
import type { Step } from '../app/waiting.ts'
import { archiveCommandFact } from '../facts/archive-command.ts'
import { archiveContentsFact } from '../facts/archive-contents.ts'
import { acting } from '../facts/fact.ts'
import type { Gathering } from '../facts/fact.ts'
import { foreignAmong } from '../plan/archive-place.ts'
import { parentOf } from '../plan/state-directory.ts'
import { isBefore, placeInWal, plainName, planRetention } from '../postgres/backup/retention.ts'
import type { OtherBackup, Retention, StandbyNeed } from '../postgres/backup/retention.ts'
import { lsnFromText, parseBackupHistory, parseWalName, segmentName, segmentNumber } from '../postgres/wal/index.ts'
import { makingPart, removeSet } from './set.ts'
import type { BackupRecord, BackupSet } from './set.ts'
import { describe, firstDifference } from './verify.ts'
import type { VerifyProblem } from './verify.ts'

/** A drill's copy is removed at once, and nobody restores it. */
const DRILL_LABEL = /^pgwal drill /
const TEXT_LIMIT = 64 << 10
const POLL_MS = 200

type Mine = BackupSet & Pick<BackupRecord, 'name' | 'finishedAt' | 'startSegment'>

export interface Removal {
  readonly plan: Retention<Mine>
  /** Absent where nothing is archived. */
  readonly archive?: string
  /** Names of the archive that are to be removed. */
  readonly wal: readonly string[]
  readonly walBytes: number
  /** With how many files others would have to be given up to get rid of. */
  readonly withheld: { readonly files: number; readonly bytes: number }
}

/** Why nothing is removed. */
export type Refusal =
  | { readonly code: 'archive-unknown' }
  | { readonly code: 'archive-unreadable'; readonly path: string; readonly reason: string }
  | { readonly code: 'not-archived'; readonly segment: string }
  | { readonly code: 'gap'; readonly segment: string; readonly count: number }
  | { readonly code: 'history-missing'; readonly file: string }
  | { readonly code: 'not-verified'; readonly name: string }
  | { readonly code: 'not-whole'; readonly name: string; readonly file: string; readonly problem: string }
  | { readonly code: 'backup-running'; readonly pid: number }
  | { readonly code: 'backup-beside'; readonly pid: number }
  | { readonly code: 'foreign'; readonly path: string; readonly found: string }

export interface Retaining {
  /** Opened after the newest backup was made. */
  readonly gathering: Gathering
  readonly sets: readonly BackupSet[]
  /** Of them, the one that was made just now: whatever the clock said before, it is the newest. */
  readonly made: BackupSet
  readonly keep: number
  readonly giveUpOthers: boolean
  /** How long the newest backup's last segment may take to arrive in the archive, in milliseconds. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  doing(step: Step): void
}

/** What would go. Looks only. */
export async function planRemoval(retaining: Retaining): Promise<Removal | { readonly refusal: Refusal }> {
  const { gathering, sets, made, keep, giveUpOthers } = retaining
  const { host } = gathering
  const as = acting(gathering)
  const mine = sets.map((set): Mine => ({ ...set, name: set.record.name, finishedAt: set.record.finishedAt, startSegment: set.record.startSegment }))
  const standbys = await standbysOf(gathering, made.record)
  const first = planRetention(mine, [], { keep, giveUpOthers: true, standbys, newest: made.record.name })
  if (first === undefined) throw new Error('retention without a backup')
  const newest = first.keep[0]!
  if (Number.isNaN(Date.parse(newest.record.verifiedAt))) return { refusal: { code: 'not-verified', name: newest.name } }
  const command = await gathering.fact(archiveCommandFact)
  if (!command.ok) return { refusal: { code: 'archive-unknown' } }
  const { destination: archive, via } = command.value
  if (via === 'none') return { plan: first, wal: [], walBytes: 0, withheld: { files: 0, bytes: 0 } }
  if (archive === undefined) return { refusal: { code: 'archive-unknown' } }

  const pid = await backupRunning(gathering)
  if (pid !== undefined) return { refusal: { code: 'backup-running', pid } }
  // The server is through with one that is still being verified, and the archive may not know of it yet.
  const beside = await makingPart(host, as, parentOf(made.path))
  if (beside !== undefined) return { refusal: { code: 'backup-beside', pid: beside } }
  const refusal = await archiveHolds(retaining, archive, newest.record)
  if (refusal !== undefined) return { refusal }
  const names: string[] = []
  for await (const some of host.listBatches(archive, as)) names.push(...some)
  const others = await othersIn(retaining, archive, names)
  const plan = planRetention(mine, others, { keep, giveUpOthers, standbys, newest: made.record.name })!
  const broken = plan.remove.length === 0 ? undefined : await brokenAmong(retaining, plan.keep)
  if (broken !== undefined) return { refusal: broken }
  const own = new Set(plan.remove.map(({ record }) => historyOf(record)))
  const goes = (keepFrom: string) => names.filter((name) => isBefore(name, keepFrom, { backupHistory: true }) || own.has(plainName(name)))
  const measure = async (list: readonly string[]): Promise<number> => {
    let bytes = 0
    for (const name of list) bytes += parseWalName(name).kind === 'segment' ? newest.record.segmentSize : await host.stat(`${archive}/${name}`, as).then(({ size }) => size, () => 0)
    return bytes
  }
  const wal = goes(plan.keepFrom)
  const foreign = await foreignIn(gathering, archive, wal, newest.record)
  if (foreign !== undefined) return { refusal: foreign }
  const going = new Set(wal)
  const withheld = goes(first.keepFrom).filter((name) => !going.has(name))
  return { plan, archive, wal, walBytes: await measure(wal), withheld: { files: withheld.length, bytes: await measure(withheld) } }
}

/**
 * The process of a base backup that somebody else makes: which WAL it needs, its `.backup` file tells when it is complete. Through the low-level
 * API its session waits with the statement that began it.
 */
async function backupRunning(gathering: Gathering): Promise<number | undefined> {
  const session = await gathering.session()
  if (!session.ok) return undefined
  const [row] = await session.value.query(`
    SELECT pid FROM pg_catalog.pg_stat_replication WHERE state = 'backup'
    UNION ALL SELECT pid FROM pg_catalog.pg_stat_activity WHERE pid <> pg_backend_pid() AND query ~* '(^|[^a-z_])pg_(start_backup|backup_start) *[(]' LIMIT 1`)
  return row === undefined ? undefined : Number(row['pid'])
}

/**
 * What standbys may still read from the archive: from where their slots and their connections stand. One that has neither just now is not seen.
 */
async function standbysOf(gathering: Gathering, { timeline, segmentSize }: BackupRecord): Promise<StandbyNeed[]> {
  const session = await gathering.session()
  if (!session.ok) return []
  const rows = await session.value.query(`
    SELECT slot_name::text AS name, restart_lsn::text AS lsn FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical' AND restart_lsn IS NOT NULL
    UNION ALL SELECT application_name, least(flush_lsn, replay_lsn)::text FROM pg_catalog.pg_stat_replication
    WHERE state IN ('catchup', 'streaming') AND coalesce(flush_lsn, replay_lsn) IS NOT NULL`)
  return rows.map(({ name, lsn }) => ({ name: String(name), segment: segmentName(timeline, lsnFromText(String(lsn)) ?? 0n, segmentSize) }))
}

/** Whether one that would be kept in place of another is only a part of a backup, as a copy that was broken off is. */
async function brokenAmong({ gathering, made }: Retaining, kept: readonly Mine[]): Promise<Refusal | undefined> {
  for (const { path, name } of kept) {
    // It was read to its end just now.
    if (path === made.path) continue
    const problem = await firstDifference({ host: gathering.host, as: acting(gathering) }, `${path}/data`).catch((error: unknown): VerifyProblem => {
      if (codeOf(error) === '') throw error
      return { code: 'unreadable', path: name, reason: codeOf(error) }
    })
    if (problem !== undefined) return { code: 'not-whole', name, ...describe(problem) }
  }
  return undefined
}

const HEADS_AT_ONCE = 4096

/** Whether any of them is another cluster's: that one is no judge of what its backups need. */
async function foreignIn(gathering: Gathering, archive: string, names: readonly string[], { systemIdentifier }: BackupRecord): Promise<Refusal | undefined> {
  const segments = names.filter((name) => parseWalName(name).kind === 'segment')
  for (let at = 0; at < segments.length; at += HEADS_AT_ONCE) {
    const found = await foreignAmong(gathering.host, archive, segments.slice(at, at + HEADS_AT_ONCE), systemIdentifier, acting(gathering))
    if (found !== undefined) return { code: 'foreign', path: `${archive}/${found.name}`, found: found.identifier }
  }
  return undefined
}

/** `<segment>.<offset>.backup`, which a backup leaves in the archive. */
function historyOf({ startSegment, startLsn, segmentSize }: BackupRecord): string {
  const offset = Number(lsnFromText(startLsn)! % BigInt(segmentSize))
  return `${startSegment}.${offset.toString(16).toUpperCase().padStart(8, '0')}.backup`
}

/** Whether the archive goes on from the newest backup without a gap. */
async function archiveHolds(retaining: Retaining, archive: string, newest: BackupRecord): Promise<Refusal | undefined> {
  const { gathering, timeoutMs, doing } = retaining
  const { host } = gathering
  const as = acting(gathering)
  const started = host.now().getTime()
  for (;;) {
    if (retaining.signal?.aborted === true) throw new UserError('interrupted')
    let there = false
    try {
      for await (const names of host.listBatches(archive, as)) there ||= names.some((name) => plainName(name) === newest.stopSegment)
    } catch (error) {
      if (codeOf(error) === '') throw error
      return { code: 'archive-unreadable', path: archive, reason: codeOf(error) }
    }
    if (there) break
    if (host.now().getTime() - started >= timeoutMs) return { code: 'not-archived', segment: newest.stopSegment }
    doing({ code: 'segment', params: { segment: newest.stopSegment, limit: Math.round(timeoutMs / 1000) } })
    await host.sleep(POLL_MS)
  }
  const contents = await gathering.fact(archiveContentsFact)
  if (!contents.ok) return { code: 'archive-unreadable', path: archive, reason: String(contents.why.params['cause'] ?? contents.why.code) }
  const { gaps, missingHistories, timelines, current } = contents.value
  const [from, to] = [newest.startSegment, newest.stopSegment].map((segment) => numberOf(segment, newest.segmentSize))
  const gap = gaps.find(({ to: end, neededBy }) => end >= from! && neededBy.some((timeline) => timeline >= newest.timeline))
  if (gap !== undefined) return { code: 'gap', segment: gap.first, count: gap.count }
  // A hole at the very beginning is none between segments.
  const stretch = timelines.find(({ timeline }) => timeline === newest.timeline)
  if (stretch === undefined || numberOf(stretch.first, newest.segmentSize) > from!) return { code: 'gap', segment: newest.startSegment, count: 1 }
  if (numberOf(stretch.last, newest.segmentSize) < to!) return { code: 'not-archived', segment: newest.stopSegment }
  const history = missingHistories.find((file) => Number.parseInt(file, 16) === (current ?? newest.timeline))
  return history === undefined ? undefined : { code: 'history-missing', file: history }
}

function numberOf(segment: string, segmentSize: number): number {
  const parsed = parseWalName(segment)
  const number = parsed.kind === 'segment' ? segmentNumber(parsed, segmentSize) : undefined
  if (number === undefined) throw new Error(`no segment: ${segment}`)
  return number
}

/** Backups that the archive knows and that are none of these: another tool's, or made by pgwal in another directory. */
async function othersIn({ gathering, sets }: Retaining, archive: string, names: readonly string[]): Promise<OtherBackup[]> {
  const mine = new Set(sets.map(({ record }) => historyOf(record)))
  const others: OtherBackup[] = []
  for (const name of names) {
    const parsed = parseWalName(plainName(name))
    if (parsed.kind !== 'backup' || mine.has(parsed.name)) continue
    // One that cannot be read is a backup all the same.
    const text = parsed.name !== name ? '' : await gathering.host.read(`${archive}/${name}`, { ...acting(gathering), limit: TEXT_LIMIT }).then((bytes) => new TextDecoder().decode(bytes), () => '')
    const history = parseBackupHistory(text)
    if (DRILL_LABEL.test(history?.label ?? '')) continue
    others.push({ file: name, label: history?.label ?? '', startTime: history?.startTime ?? '', startSegment: parsed.segment })
  }
  return others.sort((a, b) => (placeInWal(a.startSegment) < placeInWal(b.startSegment) ? -1 : 1))
}

export interface Removed {
  readonly backups: readonly string[]
  readonly files: number
  /** What could not be removed, and why. */
  readonly failed: readonly { readonly path: string; readonly reason: string }[]
  /** The rest stayed. */
  readonly interrupted?: true
}

/** Removes what was planned: backups first, so that none is left that lacks its WAL. */
export async function applyRemoval({ gathering, doing, signal }: Retaining, { plan, archive, wal }: Removal): Promise<Removed> {
  const { host } = gathering
  const as = acting(gathering)
  const backups: string[] = []
  const failed: { path: string; reason: string }[] = []
  const attempt = async (path: string, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (error) {
      if (codeOf(error) === '') throw error
      if (codeOf(error) === 'ENOENT') return true
      failed.push({ path, reason: codeOf(error) })
      return false
    }
  }
  // The oldest first.
  for (const set of [...plan.remove].reverse()) {
    if (signal?.aborted === true) return { backups, files: 0, failed, interrupted: true }
    doing({ code: 'backup-pruning', params: { name: set.name } })
    if (await attempt(set.path, () => removeSet(host, as, set))) backups.push(set.name)
  }
  // A backup that stayed needs its WAL.
  if (failed.length > 0) return { backups, files: 0, failed }
  let files = 0
  for (const name of wal) {
    if (signal?.aborted === true) return { backups, files, failed, interrupted: true }
    doing({ code: 'wal-pruning', params: { files, count: wal.length } })
    if (await attempt(`${archive!}/${name}`, () => host.removeFile(`${archive!}/${name}`, as))) files++
  }
  return { backups, files, failed }
}
