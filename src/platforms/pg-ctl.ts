// A server without a supervisor: pg_ctl, as the owner, with everything the server was started with.
// Source: do_start, read_post_opts and adjust_data_dir in src/bin/pg_ctl/pg_ctl.c; https://www.postgresql.org/docs/current/app-pg-ctl.html
import type { Host } from '../host/host.ts'
import { parseServerOptions } from './command-line.ts'
import { parsePostmasterOpts } from './data-directory.ts'
import type { Cluster, Command, Service } from './platform.ts'
import { outputFile } from './processes.ts'
import { actingFor, directoryOf, textOf } from './reading.ts'

/** A start waits for crash recovery, a stop for the last checkpoint and the archiver. Seconds. */
const WAIT_SECONDS = 600
export const WAIT_MS = (WAIT_SECONDS + 30) * 1000

/** One word for the shell that pg_ctl starts the server with. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** pg_ctl puts `-D` and `-l` between double quotes for its shell, where these still have a meaning. */
function shellSafe(path: string): boolean {
  return !/["$`\\]/.test(path)
}

/** The environment that a server may depend on. Anything else in it is not ours to copy. */
const KEPT = /^(PATH|LD_LIBRARY_PATH|LANG|LC_[A-Z]+|TZ|PGPORT|PG_OOM_ADJUST_(FILE|VALUE))$/

function keptEnvironment(text: string): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const one of text.split('\0')) {
    const cut = one.indexOf('=')
    if (cut > 0 && KEPT.test(one.slice(0, cut))) kept[one.slice(0, cut)] = one.slice(cut + 1)
  }
  return kept
}

/** The commands of pg_ctl for a cluster. The options, the log file and the environment of the running (else the last) server are kept. */
export async function pgCtlService(cluster: Cluster, host: Host): Promise<Service> {
  const { dataDir, owner, pid } = cluster
  const acting = actingFor(await host.self(), owner)
  const program = cluster.binDir === undefined ? 'pg_ctl' : `${cluster.binDir}/pg_ctl`
  const proc = async (name: string): Promise<string | undefined> => (pid === undefined ? undefined : await textOf(host, `/proc/${pid}/${name}`) ?? await textOf(host, `/proc/${pid}/${name}`, acting))
  const cmdline = (await proc('cmdline'))?.split('\0').slice(1, -1)
  const args = cmdline ?? parsePostmasterOpts(await textOf(host, `${dataDir}/postmaster.opts`, acting) ?? '')?.args ?? []
  const environment = keptEnvironment(await proc('environ') ?? '')

  // A relative -D would be looked for where we are. The server's own place is known.
  const { rest } = parseServerOptions(args)
  const named = rest.some((word) => /config_file=/.test(word))
  const directory = named || directoryOf(cluster.configFile) === dataDir ? dataDir : directoryOf(cluster.configFile)
  const options = rest.map(quoted)
  const output = pid === undefined ? undefined : await outputFile(host, pid, acting)
  const plainLog = output ?? (cluster.logFile !== undefined && directoryOf(cluster.logFile) !== `${dataDir}/log` ? cluster.logFile : undefined)
  // A server must not keep writing into our pipes.
  const log = plainLog !== undefined && shellSafe(plainLog) ? plainLog : shellSafe(dataDir) ? `${dataDir}/server.log` : '/dev/null'

  const place = shellSafe(directory)
    ? { args: ['-D', directory], env: environment, options }
    : { args: [], env: { ...environment, PGDATA: directory }, options: ['-D', quoted(directory), ...options] }
  const command = (mode: 'start' | 'restart' | 'stop' | 'reload', extra: readonly string[], env: Readonly<Record<string, string>> = {}): Command => ({
    file: program,
    args: [mode, ...place.args, ...extra],
    as: owner,
    timeoutMs: WAIT_MS,
    ...(Object.keys({ ...env, ...(place.args.length === 0 ? place.env : {}) }).length === 0 ? {} : { env: { ...env, ...(place.args.length === 0 ? place.env : {}) } }),
  })
  const wait = ['-w', '-t', String(WAIT_SECONDS)]
  const fast = ['-m', 'fast']
  const startOptions = place.options.length === 0 ? [] : ['-o', place.options.join(' ')]
  // Without -o a restart takes the options of postmaster.opts, a relative -D included; with it, not even -D.
  const restartOptions = ['-o', (place.args.length === 0 ? place.options : ['-D', quoted(directory), ...options]).join(' ')]
  return {
    describe: `${program} restart -D ${quoted(directory)} -m fast`,
    restart: [command('restart', [...wait, ...fast, '-l', log, ...restartOptions], environment)],
    start: [command('start', [...wait, '-l', log, ...startOptions], environment)],
    stop: [command('stop', [...wait, ...fast])],
    reload: [command('reload', [])],
    needsRoot: false,
  }
}
