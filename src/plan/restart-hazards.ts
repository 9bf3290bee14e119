// What a server that runs now would not come up with again, or come up as something else. A running server has read these
// long ago and reads them once more at its next start, so no reload tells, and to put our own changes back does not help.
// https://github.com/postgres/postgres/blob/master/src/backend/postmaster/postmaster.c, checkDataDir (miscinit.c)
import { UserError } from '../errors.ts'
import type { Connection } from '../host/host.ts'
import { absolute, octal, readControlFile, realPathOf, statOf, unlessRefused } from '../platforms/reading.ts'
import type { Configuration } from '../postgres/conf/index.ts'
import { readPostmaster } from './postmaster.ts'
import { NOT_APPLIED } from './prove.ts'
import { readClusterConfiguration } from './read-files.ts'
import { refuseWithoutNeeds } from './restart-needs.ts'
import { refuseWaits } from './restart-waits.ts'
import { asOwner } from './server-context.ts'
import type { ServerContext } from './server-context.ts'

type Looking = Pick<ServerContext, 'host' | 'cluster' | 'self' | 'connection'>

/** A start with one of them is the start of a copy or of a standby, or none at all (recovery.conf). */
const OF_A_COPY = ['backup_label', 'recovery.signal', 'standby.signal', 'recovery.conf']

/** Its own place and those of its files are completed by the server, so that their texts differ. */
const PLACES = ['config_file', 'data_directory', 'hba_file', 'ident_file', 'external_pid_file']

/** What the files have for the next start and the server does not run with; also lines that were there when it started. Of some, 0 lets the server choose. */
const WAITING = `
  WITH files AS (SELECT lower(name) AS name, CASE WHEN setting = '0' AND lower(name) IN ('commit_timestamp_buffers', 'subtransaction_buffers', 'transaction_buffers') THEN NULL ELSE error END AS error
                   FROM pg_catalog.pg_file_settings)
  SELECT s.name FROM pg_catalog.pg_settings s
   WHERE s.context = 'postmaster' AND s.source <> 'command line' AND s.name <> ALL ($1::text[])
     AND (EXISTS (SELECT FROM files f WHERE f.name = lower(s.name) AND f.error = $2)
       OR (s.sourcefile IS NOT NULL AND s.setting IS DISTINCT FROM s.boot_val AND NOT EXISTS (SELECT FROM files f WHERE f.name = lower(s.name))))
   ORDER BY s.name`

/** For a login that may not see the files. */
const KNOWN_TO_WAIT = "SELECT name FROM pg_catalog.pg_settings WHERE pending_restart AND name <> ALL ($1::text[]) ORDER BY name"

/**
 * Whether a restart would bring the server back as it is, apart from the settings that the plan is about.
 * @param ownFiles files that have, for all changes since the server's start, our content: without a login the time of the others' last change is all there is
 * @throws UserError `restart-others`, `restart-copy`, `restart-mode`, `restart-relative`, and what {@link refuseWithoutNeeds} and {@link refuseWaits} throw; HostError where that cannot be seen
 */
export async function refuseHazards(context: Looking, ours: Readonly<Record<string, string>>, ownFiles: readonly string[] = []): Promise<void> {
  const { host, cluster } = context
  const configuration = await readClusterConfiguration(context)
  if (host.os !== 'win32') relative(context, configuration)
  await ofACopy(context)
  if (host.os !== 'win32') await dataDirectory(context)
  const pending = context.connection === undefined ? await changedSince(context, configuration, ownFiles) : await waiting(context, context.connection, Object.keys(ours))
  const others = [...pending, ...await elsewhere(context, configuration)]
  if (others.length > 0) throw new UserError('restart-others', { cluster: cluster.id, list: others.join(', ') })
  await refuseWithoutNeeds(context, configuration)
  if (context.connection !== undefined) await refuseWaits(host, context.connection)
}

/** These are looked for where the server is started from, which it has left since. */
function relative({ cluster }: Looking, configuration: Configuration): void {
  for (const setting of ['config_file', 'data_directory', 'hba_file', 'ident_file']) {
    const value = cluster.commandLine.find(([name]) => name.replaceAll('-', '_') === setting)?.[1] ?? configuration.get(setting)?.value ?? ''
    if (value !== '' && !value.startsWith('/')) throw new UserError('restart-relative', { setting, value })
  }
}

async function ofACopy(context: Looking): Promise<void> {
  const { host, cluster, connection } = context
  if (connection === undefined) {
    const control = await readControlFile(host, cluster.dataDir, asOwner(context))
    if ('problem' in control || control.state !== 'in-production') return
  } else {
    const [row] = await host.query(connection, 'SELECT pg_catalog.pg_is_in_recovery() AS standby')
    if (row?.['standby'] !== false) return
  }
  for (const name of OF_A_COPY) {
    const path = `${cluster.dataDir}/${name}`
    if (await statOf(host, path, asOwner(context)) !== undefined) throw new UserError('restart-copy', { path, owner: cluster.owner.name })
  }
}

async function dataDirectory(context: Looking): Promise<void> {
  const { host, cluster } = context
  const { mode, uid } = await host.stat(cluster.dataDir, asOwner(context))
  if ((mode & 0o027) !== 0 || uid !== cluster.owner.uid) throw new UserError('restart-mode', { path: cluster.dataDir, mode: octal(mode), owner: cluster.owner.name })
}

/** Files of the configuration that somebody changed after the server had started; within the second of its start, nothing is known. */
async function changedSince(context: Looking, configuration: Configuration, ownFiles: readonly string[]): Promise<string[]> {
  const postmaster = await readPostmaster(context)
  if (postmaster === undefined) return []
  const changed: string[] = []
  for (const { path } of configuration.files) {
    if (ownFiles.includes(path)) continue
    const { modified } = await context.host.stat(path, asOwner(context))
    if (modified.getTime() >= (postmaster.started + 1) * 1000) changed.push(path)
  }
  return changed
}

async function waiting({ host }: Looking, connection: Connection, ours: readonly string[]): Promise<string[]> {
  const known = [...ours, ...PLACES]
  const rows = await unlessRefused(host.query(connection, WAITING, [known, NOT_APPLIED])) ?? await host.query(connection, KNOWN_TO_WAIT, [known])
  return rows.map((row) => String(row['name']))
}

async function elsewhere(context: Looking, configuration: Configuration): Promise<string[]> {
  const { host, cluster } = context
  const directory = configuration.get('data_directory')?.value ?? ''
  if (directory === '') return []
  const [next, now] = [await realPathOf(host, absolute(cluster.dataDir, directory), asOwner(context)), await realPathOf(host, cluster.dataDir, asOwner(context))]
  return next === now ? [] : ['data_directory']
}
