/** Gathers what verify may say at its end. */
import { archiveCommandFact } from '../facts/archive-command.ts'
import { acting } from '../facts/fact.ts'
import type { Gathering } from '../facts/fact.ts'
import { lastBackupDrillFact } from '../facts/last-backup-drill.ts'
import { lastDrillFact } from '../facts/last-drill.ts'
import { newestDrill } from '../checks/support/newest-drill.ts'
import { lastBackup } from '../plan/backup-record.ts'
import type { BackupDrillRecord } from '../plan/drill-record.ts'
import { textOf } from '../platforms/reading.ts'
import { historyName, isAncestor, parseBackupHistory, parseHistory, parseWalName } from '../postgres/wal/index.ts'
import type { Lsn } from '../postgres/wal/index.ts'
import { backupDrill } from '../probes/backup-drill.ts'
import { restoreDrill } from '../probes/restore-drill.ts'
import type { CheckResult } from '../report/report.ts'
import type { NotProved, Statement } from '../report/statement.ts'

/** Backup history files that are read, the newest first: drills leave some as well. */
const MOST_HISTORIES = 20
const DRILL_LABEL = /^pgwal drill /

/** A month, as the check restore-drill-age has it. */
const OLD_MS = 30 * 86_400_000

/** `roundTripAt`: when the segment of the round trip was still to be closed, so that all that was committed before is in it. */
export async function statementOf(gathering: Gathering, checks: readonly CheckResult[], roundTripAt: Date | undefined): Promise<Statement> {
  const now = gathering.host.now()
  const trip = checks.find(({ id }) => id === 'archive-round-trip')?.verdict
  const archived = roundTripAt !== undefined && trip?.kind === 'pass' && trip.detail?.code !== 'reported'
  const kept = await gathering.fact(lastDrillFact)
  const drill = kept.ok ? kept.value : null
  // A drill that found no place for its copy is not on record: then it is the one before.
  const isOfThisRun = (at: string): boolean => roundTripAt !== undefined && at >= roundTripAt.toISOString()
  const restoredNow = checks.flatMap(({ id, verdict }) => ((id === restoreDrill.id || id === backupDrill.id) && verdict.kind === 'pass' ? [verdict.detail?.params ?? {}] : []))
  const prepared = Math.max(0, ...restoredNow.map((params) => Number(params['prepared'] ?? 0)))
  const backup = await newestBackup(gathering) ?? await ownBackup(gathering)
  const keptBackup = await gathering.fact(lastBackupDrillFact)
  const keptDrill = keptBackup.ok ? keptBackup.value : null
  const restored = newestDrill(drill, keptDrill)
  const backupThere = keptDrill?.outcome === 'proved' && isOfThisRun(keptDrill.at)
  const notProved: NotProved[] = [
    ...(archived ? [] : ['archiving' as const]),
    ...(restored?.outcome !== 'proved' ? ['restore' as const] : now.getTime() - Date.parse(restored.at) > OLD_MS ? ['restore-lately' as const] : []),
    // One that was restored before may be gone by now.
    ...(restoredNow.some(({ compared }) => compared === false) ? ['backup-content' as const] : []),
    ...(backupThere ? [] : [backup === undefined ? 'base-backup' as const : 'other-backups' as const]),
  ]
  return {
    ...(archived ? { archivedUntil: roundTripAt.toISOString(), ageMs: now.getTime() - roundTripAt.getTime() } : {}),
    ...(drill === null ? {} : { drill: { ...drill, thisRun: isOfThisRun(drill.at) } }),
    ...(backup === undefined ? {} : { backup }),
    ...provedBackupOf(keptDrill, isOfThisRun),
    ...(prepared === 0 ? {} : { prepared }),
    notProved,
  }
}

function provedBackupOf(drill: BackupDrillRecord | null, isOfThisRun: (at: string) => boolean): Pick<Statement, 'provedBackup' | 'failedBackup'> {
  if (drill === null) return {}
  const { at, path = '' } = drill
  if (drill.outcome === 'failed') return { failedBackup: { at, path, code: drill.code ?? '' } }
  return { provedBackup: { at, thisRun: isOfThisRun(at), path, begunAt: drill.begunAt ?? '', target: drill.target ?? '' } }
}

/** Whether a backup that ended there leads to the timeline that the server writes: one of a timeline that was left before that does not. */
type Leads = (timeline: number, end: Lsn) => boolean

async function leadsToNow(gathering: Gathering, archive: string): Promise<Leads> {
  const session = await gathering.session()
  if (!session.ok) return () => true
  const [row] = await session.value.query("SELECT CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS timeline")
  const now = typeof row?.['timeline'] === 'string' ? Number.parseInt(row['timeline'], 16) : undefined
  if (now === undefined) return () => true
  const text = await textOf(gathering.host, `${archive}/${historyName(now)}`, acting(gathering))
  const parents = text === undefined ? undefined : parseHistory(text, now).parents
  return (timeline, end) => parents === undefined || timeline === now || isAncestor(parents, timeline, end)
}

/** The newest base backup of which the archive knows and that leads to now, with drills left out. */
async function newestBackup(gathering: Gathering): Promise<Statement['backup']> {
  const command = await gathering.fact(archiveCommandFact)
  const archive = command.ok ? command.value.destination : undefined
  if (archive === undefined) return undefined
  const names: string[] = []
  try {
    for await (const some of gathering.host.listBatches(archive, acting(gathering))) names.push(...some.filter((name) => parseWalName(name).kind === 'backup'))
    const leads = await leadsToNow(gathering, archive)
    for (const name of names.sort().reverse().slice(0, MOST_HISTORIES)) {
      const history = parseBackupHistory(new TextDecoder().decode(await gathering.host.read(`${archive}/${name}`, { ...acting(gathering), limit: 1 << 16 })))
      if (history === undefined || DRILL_LABEL.test(history.label ?? '') || !leads(Number.parseInt(name.slice(0, 8), 16), (history.stop ?? history.start).lsn)) continue
      return { label: history.label ?? '', startTime: history.startTime ?? '', segment: history.start.segment }
    }
  } catch {
    // An archive that cannot be read has its findings elsewhere; here it only means that no backup is known.
  }
  return undefined
}

/** The newest that pgwal made, where it is still there: an archive that cannot be read tells of none. */
async function ownBackup({ host, cluster, ...rest }: Gathering): Promise<Statement['backup']> {
  const made = await lastBackup(host, cluster)
  if (made === undefined) return undefined
  const there = await host.stat(`${made.path}/data/backup_label`, rest.as === undefined ? {} : { as: rest.as }).then(() => true, () => false)
  return there ? { label: made.path, startTime: made.at, segment: made.startSegment } : undefined
}
