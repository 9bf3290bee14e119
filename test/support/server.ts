// A real PostgreSQL server for one test: made with initdb in a directory of its own, started with pg_ctl, stopped by
// its process id. Under root it runs as an unprivileged account, because PostgreSQL refuses root.
import { execFile } from 'node:child_process'
import fs from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { binDirectory } from './install-servers.mjs'

export type Major = 12 | 13 | 14 | 15 | 16 | 17 | 18
export const MAJORS: readonly Major[] = [12, 13, 14, 15, 16, 17, 18]

export interface Account { readonly name: string; readonly uid: number; readonly gid: number }

/** The account under which test servers run: the caller, or for root an unprivileged one. */
export async function serverAccount(): Promise<Account> {
  const me = os.userInfo()
  if (me.uid !== 0) return { name: me.username, uid: me.uid, gid: me.gid }
  const passwd = await fs.readFile('/etc/passwd', 'utf8')
  for (const wanted of ['postgres', 'nobody']) {
    const line = passwd.split('\n').find((entry) => entry.startsWith(`${wanted}:`))
    if (line !== undefined) {
      const [name, , uid, gid] = line.split(':')
      return { name: name!, uid: Number(uid), gid: Number(gid) }
    }
  }
  throw new Error('neither postgres nor nobody in /etc/passwd: no account to run a server under')
}

export interface Ran { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs a program as an account (ignored unless we are root). A non-zero exit is a value. */
export async function runAs(account: Account, file: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {}): Promise<Ran> {
  const identity = process.getuid?.() === 0 ? { uid: account.uid, gid: account.gid } : {}
  return new Promise((resolve, reject) => {
    execFile(file, args, {
      cwd: options.cwd ?? os.tmpdir(),
      env: { ...process.env, LC_ALL: 'C', PGUSER: undefined, PGHOST: undefined, PGPORT: undefined, ...options.env },
      timeout: options.timeoutMs ?? 60_000,
      maxBuffer: 64 << 20,
      ...identity,
    }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error)
      else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

/** One file a port, which holds the process that has it: tests of other workers, and of other trees, look here too. */
const PORTS = path.join(os.tmpdir(), 'pgwal-test-ports')

/** Whether this process has the port from now on, until it ends. */
async function claimed(port: number): Promise<boolean> {
  await fs.mkdir(PORTS, { mode: 0o1777 }).then(() => fs.chmod(PORTS, 0o1777), () => undefined)
  const file = `${PORTS}/${port}`
  const owner = Number(await fs.readFile(file, 'utf8').catch(() => ''))
  if (owner > 0 && !exists(owner)) await fs.rm(file, { force: true }).catch(() => undefined)
  // A link is there with what is in it, or not at all.
  const mine = `${file}.${process.pid}`
  await fs.writeFile(mine, String(process.pid))
  const won = await fs.link(mine, file).then(() => true, () => false)
  await fs.rm(mine, { force: true })
  return won
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}

/**
 * A TCP port that no other test gets, also while its server is down for a restart. Below those that systems give to outgoing
 * connections and to whoever listens on port 0, and below those that pgwal takes for its own servers.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 10_000)
    if (await claimed(port) && await isFree(port)) return port
  }
  throw new Error('no free port')
}

export interface ServerOptions {
  /** MiB; 1 makes archiving tests cheap. Default 1. */
  readonly walSegmentMiB?: number
  /** Extra arguments for initdb. */
  readonly initdb?: readonly string[]
  /** Lines appended to postgresql.conf. */
  readonly conf?: string
  /** Replaces pg_hba.conf. */
  readonly hba?: string
  /** Superuser's name; default `postgres`. */
  readonly superuser?: string
  /** Name of the data directory below `root` (may hold blanks and the like). Default `data`. */
  readonly dataName?: string
  /** Where initdb and the server are; default: this project's own of that major. */
  readonly binDir?: string
  /** Directory below which everything lies. Default `/tmp`. */
  readonly where?: string
}

/** Debian's programs, which have pg_basebackup and pg_verifybackup as well. */
export const DEBIAN_BIN = '/usr/lib/postgresql/15/bin'

export class TestServer {
  readonly binDir: string
  readonly dataDir: string
  readonly socketDir: string
  readonly logFile: string

  private constructor(readonly major: Major, readonly account: Account, readonly root: string, readonly port: number, readonly superuser: string, dataName: string, binDir: string) {
    this.binDir = binDir
    this.dataDir = path.join(root, dataName)
    this.socketDir = path.join(root, 's')
    this.logFile = path.join(root, 'server.log')
  }

  /** A new cluster, not started. Everything lies below `root`, which belongs to the server's account. */
  static async create(major: Major, options: ServerOptions = {}): Promise<TestServer> {
    const account = await serverAccount()
    const root = await fs.mkdtemp(path.join(options.where ?? '/tmp', `pgwal-test-${major}-`))
    const server = new TestServer(major, account, root, await freePort(), options.superuser ?? 'postgres', options.dataName ?? 'data', options.binDir ?? binDirectory(major))
    await fs.mkdir(server.socketDir)
    await fs.chmod(root, 0o755)
    if (process.getuid?.() === 0) {
      await fs.chown(root, account.uid, account.gid)
      await fs.chown(server.socketDir, account.uid, account.gid)
    }
    const initdb = ['-D', server.dataDir, '-U', server.superuser, '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8', `--wal-segsize=${options.walSegmentMiB ?? 1}`, ...(options.initdb ?? [])]
    const made = await runAs(account, path.join(server.binDir, 'initdb'), initdb)
    if (made.code !== 0) throw new Error(`initdb: ${made.stderr}`)
    await fs.appendFile(path.join(server.dataDir, 'postgresql.conf'), [
      `port = ${server.port}`, `unix_socket_directories = '${server.socketDir}'`, `fsync = off`, options.conf ?? '', ''].join('\n'))
    if (options.hba !== undefined) await fs.writeFile(path.join(server.dataDir, 'pg_hba.conf'), options.hba)
    return server
  }

  async pgCtl(...args: string[]): Promise<Ran> {
    return runAs(this.account, path.join(this.binDir, 'pg_ctl'), ['-D', this.dataDir, ...args])
  }

  /** Starts and waits until it accepts connections; throws with the log when it does not. */
  async start(...args: string[]): Promise<void> {
    const started = await this.pgCtl('-w', '-t', '60', '-l', this.logFile, ...args, 'start')
    if (started.code !== 0) throw new Error(`${started.stdout}${started.stderr}${await this.log()}`)
  }

  async stop(mode: 'fast' | 'immediate' | 'smart' = 'fast'): Promise<void> {
    await this.pgCtl('-w', '-m', mode, 'stop')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async log(): Promise<string> {
    return fs.readFile(this.logFile, 'utf8').catch(() => '')
  }

  /** The postmaster's process id, or undefined when the server is down. */
  async pid(): Promise<number | undefined> {
    const first = (await fs.readFile(path.join(this.dataDir, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]
    return first === undefined || first === '' ? undefined : Number(first)
  }

  client(config: pg.ClientConfig = {}): pg.Client {
    return new pg.Client({ host: this.socketDir, port: this.port, user: this.superuser, database: 'postgres', ...config })
  }

  /** Rows of one statement, over the socket as the superuser. */
  async query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, parameters: unknown[] = [], config: pg.ClientConfig = {}): Promise<Row[]> {
    const client = this.client(config)
    await client.connect()
    try {
      return (await client.query<Row>(sql, parameters)).rows
    } finally {
      await client.end()
    }
  }

  /** Stops the server if it runs and removes everything. */
  async remove(): Promise<void> {
    if (await this.pid() !== undefined) await this.stop('immediate').catch(() => undefined)
    await fs.rm(this.root, { recursive: true, force: true })
  }
}
