// What a server that runs now would not come up with again, or come up as something else. A running server has read these
// long ago and reads them once more at its next start, so no reload tells, and to put our own changes back does not help.
// https://github.com/postgres/postgres/blob/master/src/backend/postmaster/postmaster.c, checkDataDir (miscinit.c), be_tls_init (be-secure-openssl.c)
import { codeOf, UserError } from '../errors.ts'
import { absolute, octal, realPathOf, statOf, unlessRefused } from '../platforms/reading.ts'
import type { Configuration } from '../postgres/conf/index.ts'
import { parseValue, settingInfo, splitDirectories, splitIdentifiers } from '../postgres/settings/index.ts'
import { NOT_APPLIED } from './prove.ts'
import { readClusterConfiguration } from './read-files.ts'
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
 * @throws UserError `restart-others`, `restart-copy`, `restart-mode`, `restart-file`, `restart-relative`; HostError where that cannot be seen
 */
export async function refuseHazards(context: Looking, ours: Readonly<Record<string, string>>): Promise<void> {
  const { host, cluster } = context
  const configuration = await readClusterConfiguration(context)
  if (host.os !== 'win32') relative(context, configuration)
  await ofACopy(context)
  if (host.os !== 'win32') await dataDirectory(context)
  const others = [...await waiting(context, Object.keys(ours)), ...await elsewhere(context, configuration)]
  if (others.length > 0) throw new UserError('restart-others', { cluster: cluster.id, list: others.join(', ') })
  if (host.os !== 'win32') await files(context, configuration)
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
  if (connection === undefined) return
  const [row] = await host.query(connection, 'SELECT pg_catalog.pg_is_in_recovery() AS standby')
  if (row?.['standby'] !== false) return
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

async function waiting({ host, connection }: Looking, ours: readonly string[]): Promise<string[]> {
  if (connection === undefined) return []
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

/** Files and directories that the start needs. */
async function files(context: Looking, configuration: Configuration): Promise<void> {
  const { host, cluster } = context
  const { major, dataDir } = cluster
  const as = asOwner(context)
  const value = (name: string): string => configuration.get(name)?.value ?? settingInfo(name, major)?.default ?? ''
  const isOn = (name: string): boolean => {
    const parsed = parseValue(name, value(name), major)
    return parsed.ok && parsed.value === true
  }
  const refuse = (setting: string, path: string, reason: string): never => {
    throw new UserError('restart-file', { setting, path, reason, owner: cluster.owner.name })
  }
  const needWritable = async (setting: string, directory: string): Promise<void> => {
    const writable = await host.canWriteInto(directory, as)
    if (!writable.ok) refuse(setting, directory, writable.code)
  }
  if (isOn('ssl')) {
    for (const setting of ['ssl_cert_file', 'ssl_key_file', 'ssl_ca_file', 'ssl_crl_file']) {
      if (value(setting) === '') continue
      const path = absolute(dataDir, value(setting))
      await host.readPart(path, 0, 1, as).catch((error: unknown) => refuse(setting, path, codeOf(error)))
      if (setting !== 'ssl_key_file') continue
      const { mode, uid } = await host.stat(path, as)
      // Root's may be for a group as well.
      if ((mode & (uid === cluster.owner.uid ? 0o077 : 0o037)) !== 0) refuse(setting, path, octal(mode))
    }
  }
  for (const directory of splitDirectories(value('unix_socket_directories')) ?? []) {
    // Where the system makes it anew at each start, it may be missing.
    if (directory.startsWith('/') && !/^(?:\/var)?\/run\//.test(directory)) await needWritable('unix_socket_directories', directory)
  }
  if (isOn('logging_collector')) {
    const directory = absolute(dataDir, value('log_directory'))
    await needWritable('log_directory', await statOf(host, directory, as) === undefined ? absolute(directory, '..') : directory)
  }
  await libraries(context, value('shared_preload_libraries'), value('dynamic_library_path'), refuse)
}

/** Those whose package was removed while the server has them in memory. */
async function libraries(context: Looking, list: string, path: string, refuse: (setting: string, path: string, reason: string) => never): Promise<void> {
  const { host, connection } = context
  const names = splitIdentifiers(list, false) ?? []
  if (names.length === 0 || connection === undefined || path !== '$libdir') return
  const built = (await unlessRefused(host.query(connection, "SELECT setting FROM pg_catalog.pg_config WHERE name = 'PKGLIBDIR'")))?.[0]
  if (built === undefined) return
  for (const name of names) {
    const file = name.startsWith('$libdir/') || !name.includes('/') ? `${String(built['setting'])}/${name.replace(/^\$libdir\//, '')}` : name
    const found = await Promise.all(['', '.so', '.dylib'].map((ending) => statOf(host, `${file}${ending}`, asOwner(context))))
    if (found.every((one) => one === undefined)) refuse('shared_preload_libraries', file, 'ENOENT')
  }
}
