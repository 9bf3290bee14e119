// A server without a supervisor: pg_ctl, as the owner, with everything the server was started with.
// Source: do_start, read_post_opts and adjust_data_dir in src/bin/pg_ctl/pg_ctl.c; https://www.postgresql.org/docs/current/app-pg-ctl.html
import type { Account, Acting, Host } from '../host/host.ts'
import { parseServerOptions } from './command-line.ts'
import { parsePostmasterOpts } from './data-directory.ts'
import type { Cluster, Command, Inheritance, Service } from './platform.ts'
import { outputFile, parseStat } from './processes.ts'
import { actingFor, directoryOf, linkOf, ran, statOf, textOf } from './reading.ts'

/** A start waits for crash recovery, a stop for the last checkpoint and the archiver. Seconds. */
const WAIT_SECONDS = 600
export const WAIT_MS = (WAIT_SECONDS + 30) * 1000

/** One word for a shell: the one that pg_ctl starts the server with, or a person's. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** pg_ctl puts `-D` and `-l` between double quotes for its shell, where these still have a meaning. */
function shellSafe(path: string): boolean {
  return !/["$`\\]/.test(path)
}

/** How long whatever watches a server has for starting it again: runit, s6 and daemontools wait a second. */
const WATCHER_MS = 5_000

/** Whether a server has a parent that may start it again when it ends. One that was started by pg_ctl is left to process 1, or to a user's systemd. */
async function isWatched(host: Host, pid: number | undefined): Promise<boolean> {
  if (pid === undefined || host.os !== 'linux') return false
  const parent = parseStat(await textOf(host, `/proc/${pid}/stat`) ?? '')?.parent ?? 0
  if (parent <= 1) return false
  return parseStat(await textOf(host, `/proc/${parent}/stat`) ?? '')?.name !== 'systemd'
}

/** Of an environment: what pg_ctl and a shell set themselves, and what belonged to the one start. */
const NOT_KEPT = /^(PGDATA|PG_GRANDPARENT_PID|PWD|OLDPWD|SHLVL|_|IFS|ENV|PS\d|OPT(ARG|IND|ERR)|E?UID|PPID|(BASH|ZSH|KSH).*|SHELLOPTS|NOTIFY_SOCKET|LISTEN_.*|WATCHDOG_.*|MAINPID|INVOCATION_ID|JOURNAL_STREAM)$/

/** How /proc/PID/limits calls a limit, its letter in ulimit, and the bytes of one unit there. */
const LIMITS: readonly (readonly [name: string, letter: string, unit: number])[] = [['Max open files', 'n', 1], ['Max stack size', 's', 1024], ['Max locked memory', 'l', 1024]]

/** The environment and the limits of a process, as /proc tells them. */
function inheritanceOf(environ: string, limits: string): Inheritance {
  return {
    variables: environ.split('\0').filter((pair) => /^[A-Za-z_]\w*=[^\n\uFFFD]*$/.test(pair) && !NOT_KEPT.test(pair.slice(0, pair.indexOf('=')))),
    limits: LIMITS.flatMap(([name, letter, unit]) => {
      const soft = new RegExp(`^${name} +(\\d+|unlimited) `, 'm').exec(limits)?.[1]
      return soft === undefined ? [] : [[letter, soft === 'unlimited' ? soft : String(Math.floor(Number(soft) / unit))] as const]
    }),
  }
}

/**
 * A command as it is run. What a server had goes through a shell of its account's: an environment may hold secrets, which arguments
 * would show to everybody, and what has a meaning for the program that changes to that account must not reach it.
 */
export function inheriting(command: Command): Pick<Command, 'file' | 'args'> & { readonly input?: Uint8Array } {
  const { file, args, inherit } = command
  if (inherit === undefined) return { file, args }
  const limits = inherit.limits.map(([letter, value]) => `ulimit -S -${letter} ${value} 2>/dev/null`)
  // Its own language, not the one that we give to programs.
  const script = ['unset LC_ALL LANGUAGE', ...limits, 'while IFS= read -r pair; do export "$pair"; done', 'exec "$@" </dev/null'].join('; ')
  return { file: '/bin/sh', args: ['-c', script, 'sh', file, ...args], input: new TextEncoder().encode(inherit.variables.map((pair) => `${pair}\n`).join('')) }
}

/** What logrotate and people put behind the name of a log. */
const ROTATED = /(?:\.\d{1,4}|[-.]\d{8}(?:-?\d{1,10})?|\.old)$/

/** The log of a running server by the name that it was started with: the file may have been renamed or deleted under it since. */
async function logOf(host: Host, pid: number, acting: Acting): Promise<string | undefined> {
  const output = await outputFile(host, pid, acting)
  if (output === undefined) {
    const fd = `/proc/${pid}/fd/2`
    const target = host.os === 'linux' ? await linkOf(host, fd) ?? await linkOf(host, fd, acting) : undefined
    return target?.startsWith('/') === true && target.endsWith(' (deleted)') ? target.slice(0, -' (deleted)'.length).replace(ROTATED, '') : undefined
  }
  const former = output.replace(ROTATED, '')
  return former !== output && (former.endsWith('.log') || await statOf(host, former, acting) !== undefined) ? former : output
}

async function mayWrite(host: Host, file: string, owner: Account, acting: Acting): Promise<boolean> {
  if (file === '/dev/null') return true
  const info = await statOf(host, file, acting)
  if (info === undefined) return (await host.canWriteInto(directoryOf(file), acting)).ok
  if (info.uid === owner.uid && (info.mode & 0o200) !== 0) return true
  return (await ran(host, 'test', ['-w', file], acting))?.code === 0
}

/** The commands of pg_ctl for a cluster. The options, the log file, the environment and the limits of the running server are kept; of one that is down, its last options. */
export async function pgCtlService(cluster: Cluster, host: Host): Promise<Service> {
  const { dataDir, owner, pid } = cluster
  const acting = actingFor(await host.self(), owner)
  const program = cluster.binDir === undefined ? 'pg_ctl' : `${cluster.binDir}/pg_ctl`
  const proc = async (name: string): Promise<string | undefined> => (pid === undefined || host.os !== 'linux' ? undefined : await textOf(host, `/proc/${pid}/${name}`) ?? await textOf(host, `/proc/${pid}/${name}`, acting))
  const cmdline = (await proc('cmdline'))?.split('\0').slice(1, -1)
  const args = cmdline ?? parsePostmasterOpts(await textOf(host, `${dataDir}/postmaster.opts`, acting) ?? '')?.args ?? []
  const environ = await proc('environ')
  const inherit = environ === undefined ? undefined : inheritanceOf(environ, await proc('limits') ?? '')

  // A relative -D would be looked for where we are. The server's own place is known.
  const { rest, directory: given } = parseServerOptions(args)
  const configured = cluster.configFile.endsWith('/postgresql.conf') && !rest.some((word) => /config[_-]file=/.test(word)) ? directoryOf(cluster.configFile) : dataDir
  const directory = given?.startsWith('/') === true ? given : configured
  const options = rest.map(quoted)
  const withDirectory = ['-D', quoted(directory), ...options].join(' ')
  const output = pid === undefined ? undefined : await logOf(host, pid, acting)
  // A server must not keep writing into our pipes, and does not start where its account cannot open the log that root once opened for it.
  const log = output !== undefined && shellSafe(output) && (await mayWrite(host, output, owner, acting)) ? output : shellSafe(dataDir) ? `${dataDir}/server.log` : '/dev/null'

  const plain = shellSafe(dataDir)
  const command = (mode: 'start' | 'restart' | 'stop' | 'reload', extra: readonly string[], server = false): Command => ({
    file: program,
    args: [mode, ...(plain ? ['-D', dataDir] : []), ...extra],
    as: owner,
    timeoutMs: WAIT_MS,
    ...(plain ? {} : { env: { PGDATA: dataDir } }),
    ...(server && inherit !== undefined ? { inherit } : {}),
  })
  const watched = await isWatched(host, pid)
  const wait = ['-w', '-t', String(WAIT_SECONDS)]
  const fast = ['-m', 'fast']
  const startOptions = plain && directory === dataDir ? options.join(' ') : withDirectory
  const start: Command = { ...command('start', [...wait, '-l', log, ...(startOptions === '' ? [] : ['-o', startOptions])], true), ...(watched ? { unlessBackMs: WATCHER_MS } : {}) }
  return {
    describe: `${program} restart -D ${quoted(dataDir)} -m fast`,
    // Without -o a restart takes the options of postmaster.opts, a relative -D included; with it, not even -D.
    // Where somebody starts it again at once, pg_ctl would wait for its end until its time is up, or start another one beside it.
    restart: watched ? [command('stop', ['-W', ...fast]), { ...start, afterServerEnd: true }] : [command('restart', [...wait, ...fast, '-l', log, '-o', withDirectory], true)],
    start: [start],
    stop: [command('stop', [...wait, ...fast])],
    reload: [command('reload', [])],
    needsRoot: false,
  }
}
