// Debian, Ubuntu and PGDG's packages for them: clusters of postgresql-common.
// https://manpages.debian.org/postgresql-common/pg_lsclusters.1, …/pg_ctlcluster.1; PgCommon.pm and postgresql@.service of postgresql-common
import type { Host } from '../host/host.ts'
import { pgCtlService, WAIT_MS } from './pg-ctl.ts'
import type { Cluster, Command, Platform, Service } from './platform.ts'
import { absolute, actingFor, directoryOf, entriesOf, ran, realPathOf, statOf, textOf } from './reading.ts'
import type { Selection, Sighting, Survey } from './survey.ts'
import { systemdService } from './systemd-service.ts'
import { systemdIsBooted } from './systemd.ts'

/** One line of pg_lsclusters. */
export interface ListedCluster {
  readonly version: string
  readonly name: string
  readonly running: boolean
  /** `patroni`, `pacemaker`. */
  readonly supervisor?: string
  readonly configDirectory?: string
  readonly dataDir?: string
  readonly logFile?: string
  readonly port?: number
}

const UNKNOWN = '<unknown>'

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value !== UNKNOWN ? value : typeof value === 'number' ? String(value) : undefined
}

function portOf(value: unknown): number | undefined {
  const number = Number(text(value))
  return Number.isInteger(number) && number > 0 && number < 65536 ? number : undefined
}

/** A log that is a file of ours to read: not syslog, not several, not a pattern of the log collector. */
function logOf(value: unknown): string | undefined {
  const path = text(value)
  return path?.startsWith('/') === true && !/[%,]/.test(path) ? path : undefined
}

function listed(fields: { version: string; name: string; running: boolean; supervisor?: string | undefined; configDirectory?: string | undefined; dataDir?: string | undefined; logFile?: string | undefined; port?: number | undefined }): ListedCluster {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as unknown as ListedCluster
}

/** `pg_lsclusters --json`: undefined when that is not what it is. */
export function parseListJson(output: string): ListedCluster[] | undefined {
  let array: unknown
  try {
    array = JSON.parse(output)
  } catch {
    return undefined
  }
  if (!Array.isArray(array)) return undefined
  return array.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return []
    const one = entry as Record<string, unknown>
    const version = text(one['version'])
    const name = text(one['cluster'])
    if (version === undefined || name === undefined) return []
    return [listed({
      version, name, running: Number(one['running']) === 1, supervisor: text(one['supervisor']), configDirectory: text(one['configdir']),
      dataDir: text(one['pgdata']), logFile: logOf(one['logfile']), port: portOf(one['port']),
    })]
  })
}

/** `pg_lsclusters -h`: columns between blanks, of which the last two are paths that may hold some themselves. Odd lines are passed over. */
export function parseListTable(output: string): ListedCluster[] {
  return output.split('\n').flatMap((line) => {
    const found = /^(\d+(?:\.\d+)?)\s+(\S+)\s+(\S+)\s+(online|down)(\S*)\s+(\S+)\s+(.*)$/.exec(line.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), ''))
    if (found === null) return []
    const [, version, name, port, state, flags, , paths] = found
    const cut = /^(.*\S)\s+(\/.*|syslog|<unknown>)$/.exec(paths!.trim())
    return [listed({
      version: version!, name: name!, running: state === 'online', supervisor: /,(patroni|pacemaker)/.exec(flags!)?.[1],
      dataDir: text(cut?.[1] ?? paths), logFile: logOf(cut?.[2]), port: portOf(port),
    })]
  })
}

/** Where clusters are configured; postgresql-common's own way to move it. */
function confRoot(host: Host): string {
  return host.env['PG_CLUSTER_CONF_ROOT'] ?? '/etc/postgresql'
}

function toolEnvironment(host: Host): { readonly env?: Readonly<Record<string, string>> } {
  const root = host.env['PG_CLUSTER_CONF_ROOT']
  return root === undefined ? {} : { env: { PG_CLUSTER_CONF_ROOT: root } }
}

/** `VERSION/NAME` of every configured cluster. */
async function configured(host: Host): Promise<{ version: string; name: string; configDirectory: string }[]> {
  const root = confRoot(host)
  const found = []
  for (const { name: version } of await entriesOf(host, root)) {
    if (!/^\d+(\.\d+)?$/.test(version)) continue
    for (const { name } of await entriesOf(host, `${root}/${version}`)) {
      const configDirectory = `${root}/${version}/${name}`
      if (await statOf(host, `${configDirectory}/postgresql.conf`) !== undefined) found.push({ version, name, configDirectory })
    }
  }
  return found
}

async function ask(host: Host): Promise<ListedCluster[] | undefined> {
  const json = await ran(host, 'pg_lsclusters', ['--json'], toolEnvironment(host))
  if (json === undefined) return undefined
  // It needs JSON.pm, which need not be there.
  if (json.code === 0) {
    const clusters = parseListJson(json.stdout)
    if (clusters !== undefined) return clusters
  }
  const table = await ran(host, 'pg_lsclusters', ['-h'], toolEnvironment(host))
  return table?.code === 0 ? parseListTable(table.stdout) : undefined
}

/** Whether one of these clusters can be the one that the user named: its files lie there, or speak of that data directory. */
async function mayBeNamed(host: Host, { dataDir, configFile }: Selection, clusters: readonly { readonly configDirectory: string }[]): Promise<boolean> {
  const asked = dataDir ?? configFile
  if (asked === undefined) return true
  const places = [asked, await realPathOf(host, asked) ?? asked].map((place) => place.replace(/(.)\/+$/, '$1'))
  const texts = await Promise.all(clusters.map(async ({ configDirectory }) => `${configDirectory}\n${await textOf(host, `${configDirectory}/postgresql.conf`) ?? ''}`))
  return clusters.some(({ configDirectory }, at) => places.some((place) => place.startsWith(configDirectory) || texts[at]!.includes(place)))
}

async function sightings({ host, systemd, asked }: Survey): Promise<Sighting[]> {
  const files = await configured(host)
  if (files.length === 0) return []
  // The tool takes longer than everything else here: it is not asked about clusters that nobody asked for.
  const told = await mayBeNamed(host, asked, files) ? await ask(host) : undefined
  // postgresql@.service asserts a path with %I, which makes a slash of each dash: it never starts a cluster with one in its name.
  const supervised = systemd && host.env['PG_CLUSTER_CONF_ROOT'] === undefined
  return files.map(({ version, name, configDirectory }) => {
    const entry = told?.find((one) => one.version === version && one.name === name)
    const configFile = `${configDirectory}/postgresql.conf`
    return {
      evidence: entry === undefined ? { kind: 'known-place', detail: configFile } : { kind: 'pg_lsclusters', detail: `${version} ${name}` },
      id: `${version}/${name}`,
      major: Number.parseInt(version, 10),
      configFile,
      // What pg_ctlcluster adds to the server's arguments.
      hbaFile: `${configDirectory}/pg_hba.conf`,
      ...(entry?.dataDir === undefined ? {} : { directory: entry.dataDir }),
      ...(entry === undefined ? {} : { running: entry.running }),
      ...(entry?.supervisor === undefined ? {} : { supervisor: entry.supervisor }),
      binDir: `/usr/lib/postgresql/${version}/bin`,
      socketDirs: ['/var/run/postgresql'],
      logFile: entry?.logFile ?? `/var/log/postgresql/postgresql-${version}-${name}.log`,
      service: supervised && !name.includes('-') ? { kind: 'systemd', name: `postgresql@${version}-${name}` } : { kind: 'pg_ctlcluster', name: `${version} ${name}` },
    }
  })
}

async function service(cluster: Cluster, host: Host): Promise<Service> {
  if (cluster.service.kind === 'systemd') return systemdService(cluster, host)
  if (cluster.service.kind !== 'pg_ctlcluster') return pgCtlService(cluster, host)
  // As root pg_ctlcluster also makes the directories of socket and log; in a private root everything is the owner's.
  const acting = host.env['PG_CLUSTER_CONF_ROOT'] === undefined ? {} : actingFor(await host.self(), cluster.owner)
  const name = cluster.service.name.split(' ')
  const unit = await systemdIsBooted(host) && host.env['PG_CLUSTER_CONF_ROOT'] === undefined && name[1]?.includes('-') !== true
  const redirect = unit ? [] : ['--skip-systemctl-redirect']
  const command = (action: string, ...extra: string[]): Command => ({ file: 'pg_ctlcluster', args: [...redirect, ...extra, ...name, action], timeoutMs: WAIT_MS, ...acting, ...toolEnvironment(host) })
  return {
    describe: `pg_ctlcluster ${cluster.service.name} restart`,
    restart: [command('restart', '-m', 'fast')],
    start: [command('start')],
    stop: [command('stop', '-m', 'fast')],
    reload: [command('reload')],
    needsRoot: false,
  }
}

/** The account of the packages has its own place; anybody else's cluster keeps its archive beside its data. */
function archiveDirectory(cluster: Cluster): string {
  return cluster.owner.name === 'postgres' && cluster.dataDir.startsWith('/var/lib/postgresql/') ? '/var/lib/postgresql/backups/wal' : absolute(directoryOf(cluster.dataDir), 'backups/wal')
}

export const linuxApt: Platform = { id: 'linux-apt', sightings, service, archiveDirectory }
