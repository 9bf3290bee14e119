/** A server on another machine: what SQL shows of it. */
import type { Context, Selection } from '../base-command.ts'
import { UserError } from '../errors.ts'
import { connectionCandidates, openFirst, readConnectionSources, remoteHost } from '../host/connection.ts'
import type { ConnectionSources } from '../host/connection.ts'
import type { Host } from '../host/host.ts'
import { remoteHostOver } from '../host/remote-host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { connectionOf } from './options.ts'
import { selectClusters } from './select.ts'

/** A cluster to look at. */
export interface Target {
  readonly cluster: Cluster
  /** Not of this machine: only SQL shows it. */
  readonly elsewhere?: true
  /** The caller's options, environment and password file, as they were read to find it. */
  readonly sources?: ConnectionSources
}

/** The Host through which a target may be looked at. */
export function hostOf(host: Host, { elsewhere }: Target): Host {
  return elsewhere === true ? remoteHostOver(host) : host
}

/** What doctor and verify look at: the clusters of this machine, or the server that `-h` or the environment names elsewhere. */
export async function selectTargets(context: Context, selection: Selection): Promise<readonly Target[]> {
  const sources = await readConnectionSources(context.host, connectionOf(selection))
  const named = remoteHost(sources)
  // A stray PGHOST does not take a cluster's place that was named.
  const chosen = selection.id ?? selection.dataDir ?? selection.configFile
  if (named === undefined || chosen !== undefined) return (await selectClusters(context, selection)).map((cluster) => ({ cluster, sources }))

  const { candidates } = connectionCandidates(sources)
  const opened = await openFirst(context.host, candidates)
  if (!opened.ok) throw new UserError('no-login', { cluster: named, reason: opened.why.message })
  const { connection, session } = opened
  try {
    const [row] = await session.query(
      `SELECT current_setting('server_version_num')::int AS version, current_setting('data_directory', true) AS data, current_setting('config_file', true) AS conf,
              current_setting('hba_file', true) AS hba`).catch(() => session.query("SELECT current_setting('server_version_num')::int AS version"))
    const number = Number(row?.['version'] ?? 0)
    const text = (name: string): string => (typeof row?.[name] === 'string' ? row[name] : '')
    const cluster: Cluster = {
      platform: 'other', id: `${connection.host}:${connection.port}`, major: Math.floor(number / 10_000), version: `${Math.floor(number / 10_000)}.${number % 10_000}`,
      dataDir: text('data'), configFile: text('conf'), hbaFile: text('hba'), owner: await context.host.self(), port: connection.port, socketDirs: [], commandLine: [],
      running: true, service: { kind: 'unknown', name: '' }, evidence: [{ kind: 'asked', detail: `${connection.host}:${connection.port}` }], notes: [],
    }
    const { host, port, user, database } = connection
    return [{ cluster, elsewhere: true, sources: { ...sources, request: { ...sources.request, host, port, user, database } } }]
  } finally {
    await session.close()
  }
}
