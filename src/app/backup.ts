/** backup: one base backup of a running cluster into a directory, and then, if asked for, what no longer has to be kept goes. */
import type { Context, Selection } from '../base-command.ts'
import { makeBackup } from '../backup/make.ts'
import { askTablespaces } from '../backup/tablespaces.ts'
import { closeBackupDirectory, openBackupDirectory } from '../backup/place.ts'
import type { Guarded } from '../backup/place.ts'
import { applyRemoval, planRemoval } from '../backup/retention.ts'
import type { BackupResult, RetentionOutcome } from '../backup/result.ts'
import { listSets, removeParts } from '../backup/set.ts'
import type { BackupSet } from '../backup/set.ts'
import { codeOf, UserError } from '../errors.ts'
import { archiveCommandFact } from '../facts/archive-command.ts'
import { readConnectionSources, remoteHost } from '../host/connection.ts'
import { recordBackup } from '../plan/backup-record.ts'
import type { Cluster } from '../platforms/platform.ts'
import { actingFor } from '../platforms/reading.ts'
import { lowPriority } from '../probes/drill/copy.ts'
import type { Working } from '../probes/drill/place.ts'
import { removalText } from '../report/backup-text.ts'
import { Cancelled } from '../terminal/prompts.ts'
import { gatheringFor } from './gathering.ts'
import { interruptibly } from './interruption.ts'
import { connectionOf } from './options.ts'
import { needPrivileges } from './privileges.ts'
import { selectCluster } from './select.ts'
import { stepLabels } from './waiting.ts'
import type { Step } from './waiting.ts'

/** A fast checkpoint on a busy server takes a while. */
const STATEMENT_TIMEOUT_MS = 1_800_000
const NICENESS = 10

export interface BackupOptions {
  readonly directory: string
  readonly label?: string
  /** How many backups stay; without it nothing is removed. */
  readonly keep?: number
  /** Removes without asking. */
  readonly yes?: boolean
  /** WAL that only backups of others need may go too. */
  readonly giveUpOthers?: boolean
  /** How long a segment may take to arrive in the archive, in milliseconds. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/**
 * @throws UserError `remote`, `backup-windows-tablespaces`, `backup-down`, `backup-standby`, `need-privileges`, `no-login`, `backup-directory`, `backup-inside`,
 * and what {@link makeBackup} throws
 */
export async function backup(context: Context, selection: Selection, options: BackupOptions): Promise<BackupResult> {
  const { host } = context
  const remote = remoteHost(await readConnectionSources(host, connectionOf(selection)))
  if (selection.host !== undefined && remote !== undefined) throw new UserError('remote', { host: remote })
  return backupOf(context, await interruptibly(context, options.signal, (looking) => selectCluster(looking, selection)), selection, options)
}

/** The same of a cluster that is known already. */
export async function backupOf(context: Context, cluster: Cluster, selection: Selection, options: BackupOptions): Promise<BackupResult> {
  const { host, ui } = context
  if (!cluster.running) throw new UserError('backup-down', { cluster: cluster.id })
  const self = await host.self()
  const closed = host.os === 'win32' ? cluster.service.kind === 'windows' : self.uid !== cluster.owner.uid
  if (!self.privileged && closed) throw needPrivileges(host, self, cluster.owner.name, `pgwal backup ${options.directory} --cluster ${cluster.id}`)
  const working: Working = { host, cluster, self, as: actingFor(self, cluster.owner) }
  const started = host.now().getTime()
  const label = stepLabels(context)
  const progress = ui.progress(ui.words.progress.looking)
  const doing = (step: Step): void => { progress.update(label(step)) }
  try {
    const made = await make(working, selection, options, doing)
    const result = { cluster, backup: made, elapsedMs: host.now().getTime() - started }
    await recordBackup(host, cluster, {
      at: made.record.finishedAt, path: made.path, bytes: made.record.bytes, startSegment: made.record.startSegment, systemIdentifier: made.record.systemIdentifier,
    })
    if (options.keep === undefined) return result
    const retention = await retain(context, working, selection, made, { ...options, keep: options.keep }, doing).catch((error: unknown): RetentionOutcome => {
      // The backup is there all the same.
      if (error instanceof Cancelled || (error instanceof UserError && error.code === 'interrupted')) return { outcome: 'interrupted' }
      throw error
    })
    return { ...result, retention }
  } finally {
    progress.done()
  }
}

async function make(working: Working, selection: Selection, options: BackupOptions, doing: (step: Step) => void): Promise<BackupSet> {
  const { host, cluster, as } = working
  const open = await gatheringFor(host, cluster, { connection: connectionOf(selection) })
  try {
    const session = await open.session()
    const connection = await open.gathering.connection()
    if (!session.ok || !connection.ok) {
      const { code, params } = session.ok ? { code: '', params: {} as Record<string, string | number> } : session.why
      throw new UserError('no-login', { cluster: cluster.id, reason: String(params['reason'] ?? params['cause'] ?? code) })
    }
    const [state] = await session.value.query("SELECT pg_is_in_recovery() AS recovery, current_setting('data_directory') AS data")
    if (state?.['recovery'] === true) throw new UserError('backup-standby', { cluster: cluster.id })
    const command = await open.gathering.fact(archiveCommandFact)
    const destination = command.ok ? command.value.destination : undefined
    const tablespaces = await askTablespaces(session.value)
    // Its links would be junctions, which no test here can prove.
    if (host.os === 'win32' && tablespaces.length > 0) throw new UserError('backup-windows-tablespaces', { cluster: cluster.id })
    const guarded: Guarded[] = [
      { path: cluster.dataDir, what: 'data' }, { path: `${cluster.dataDir}/pg_wal`, what: 'wal' },
      ...(destination === undefined ? [] : [{ path: destination, what: 'archive' as const }]),
      ...tablespaces.map((row) => ({ path: String(row['location']), what: 'tablespace' as const })),
    ]
    const place = await openBackupDirectory(working, options.directory, guarded)
    const { directory } = place
    await removeParts(host, as, directory)
    const prefix = await lowPriority(working, NICENESS)
    await giveWay(working)
    // Statements of a backup take longer than those of a look; the server gives up a backup whose session ends.
    const long = await host.connect({ ...connection.value, timeoutMs: STATEMENT_TIMEOUT_MS })
    try {
      return await makeBackup({
        working, session: long, connection: connection.value, directory, label: options.label ?? '', prefix, timeoutMs: options.timeoutMs, doing,
        // With an ending the segments are not stored as they are.
        archive: command.ok && command.value.judgement?.suffix === undefined ? destination : undefined,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      })
    } catch (error) {
      await closeBackupDirectory(working, place)
      throw error
    } finally {
      await long.close().catch(() => undefined)
    }
  } finally {
    await open.close()
  }
}

/** We read everything again ourselves: others go first there, too. What the system lacks for it is no error. */
async function giveWay({ host }: Working): Promise<void> {
  for (const [file, ...args] of [['renice', '-n', String(NICENESS), '-p', String(host.pid)], ['ionice', '-c', '3', '-p', String(host.pid)]] as const) {
    await host.run(file, args).catch((error: unknown) => {
      if (codeOf(error) === '') throw error
    })
  }
}

async function retain(context: Context, working: Working, selection: Selection, made: BackupSet, options: BackupOptions & { readonly keep: number }, doing: (step: Step) => void): Promise<RetentionOutcome> {
  const { host, cluster, as } = working
  const { ui } = context
  // What facts saw before the backup is old by now.
  const open = await gatheringFor(host, cluster, { connection: connectionOf(selection) })
  try {
    const directory = made.path.slice(0, made.path.lastIndexOf('/'))
    const retaining = {
      gathering: open.gathering, sets: await listSets(host, as, directory, made.record.systemIdentifier), made, keep: options.keep, giveUpOthers: options.giveUpOthers ?? false,
      timeoutMs: options.timeoutMs, doing, ...(options.signal === undefined ? {} : { signal: options.signal }),
    }
    const removal = await planRemoval(retaining)
    if ('refusal' in removal) return { outcome: 'refused', refusal: removal.refusal }
    if (removal.plan.remove.length === 0 && removal.wal.length === 0) return { outcome: 'nothing-to-do', removal }
    if (options.yes !== true && (!ui.interactive || context.json)) return { outcome: 'planned', removal }
    ui.note(`\n${removalText(removal, options.giveUpOthers ?? false, ui.style)}\n`)
    if (options.yes !== true && !(await ui.confirm({ message: ui.words.prompts.removeOld }))) return { outcome: 'cancelled', removal }
    const removed = await applyRemoval(retaining, removal)
    return { outcome: removed.interrupted === true ? 'interrupted' : 'applied', removal, removed }
  } finally {
    await open.close()
  }
}
