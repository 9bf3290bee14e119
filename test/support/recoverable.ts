// A server that archives, with a place for backups and one for what is recovered; recover is run as a program, and the restored server
// is started and thrown away with the very commands that were printed.
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import pg from 'pg'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'
import { pgwal, stateDirectory } from './pgwal.ts'
import type { ProgramRun } from './pgwal.ts'
import { TestServer } from './server.ts'
import type { Major, ServerOptions } from './server.ts'

export type Query = (sql: string) => Promise<pg.QueryResultRow[]>

interface Parts {
  readonly server: TestServer
  readonly archive: string
  readonly backups: string
  readonly state: string
}

/** The command that the manual has. */
export function plainly(archive: string): string {
  return `test ! -f ${archive}/%f && cp %p ${archive}/%f`
}

export class Recoverable {
  readonly server: TestServer
  readonly archive: string
  readonly backups: string
  readonly state: string

  constructor({ server, archive, backups, state }: Parts) {
    this.server = server
    this.archive = archive
    this.backups = backups
    this.state = state
  }

  /** Not started yet. `command` makes the archive command for an archive directory. */
  static async prepare(major: Major, { command = plainly, ...options }: ServerOptions & { readonly command?: (archive: string) => string } = {}): Promise<Recoverable> {
    const server = await TestServer.create(major, options)
    const one = new Recoverable({ server, archive: `${server.root}/archive`, backups: `${server.root}/backups`, state: await stateDirectory() })
    for (const directory of [one.archive, one.backups]) await one.make(directory)
    await fsp.appendFile(`${server.dataDir}/postgresql.conf`, `archive_mode = on\narchive_command = '${command(one.archive)}'\n`)
    return one
  }

  /** A running one with a table of a hundred rows in a tablespace of its own. */
  static async withTablespace(major: Major): Promise<Recoverable> {
    const one = await Recoverable.prepare(major)
    await one.make(`${one.server.root}/space`)
    await one.server.start()
    await one.server.query(`CREATE TABLESPACE elsewhere LOCATION '${one.server.root}/space'`)
    await one.server.query('CREATE TABLE t TABLESPACE elsewhere AS SELECT generate_series(1, 100) AS n')
    return one
  }

  /** A directory of the server's account. */
  async make(directory: string): Promise<void> {
    await fsp.mkdir(directory, { mode: 0o700 })
    await this.own(directory)
  }

  async own(file: string): Promise<void> {
    if (process.getuid?.() === 0) await fsp.chown(file, this.server.account.uid, this.server.account.gid)
  }

  /** Ends a segment and waits until it is in the archive, in whatever form; gives its name. */
  async archived(): Promise<string> {
    // There must be something in it.
    await this.server.query('SELECT txid_current()')
    const [{ name }] = await this.server.query<{ name: string }>('SELECT pg_walfile_name(pg_switch_wal()) AS name') as [{ name: string }]
    await eventually(async () => (await this.server.query('SELECT FROM pg_stat_archiver WHERE last_archived_wal >= $1', [name])).length === 1, `${name} in the archive`)
    return name
  }

  get into(): string { return `${this.server.root}/restored` }

  args(...args: string[]): string[] {
    return ['recover', ...[['--from-backup', this.backups], ['--into', this.into]].filter(([flag]) => !args.includes(flag!)).flat(), '--yes', ...args]
  }

  async recover(...args: string[]): Promise<ProgramRun> {
    return pgwal(this.args(...args), { PGWAL_STATE_DIR: this.state, TZ: 'Asia/Taipei' })
  }

  /** What it is refused with, and that nothing was written. */
  async refused(...args: string[]): Promise<{ code: string; message: string; remedy: string }> {
    const run = await this.recover('--json', ...args)
    expect(run.code, run.stdout + run.stderr).toBe(2)
    expect(fs.existsSync(this.into)).toBe(false)
    return run.json().error
  }

  segments(): string[] {
    return fs.readdirSync(this.archive).filter((name) => /^[0-9A-F]{24}(?:\.\w+)?$/.test(name)).sort()
  }

  /** Starts it as the guide says, and asks; then throws it away as the guide says. */
  async started<T>(run: ProgramRun, ask: (query: Query) => Promise<T>): Promise<T> {
    expect(run.code, run.stdout + run.stderr).toBe(0)
    const { commands, plan } = run.json()
    // Where no programs were found, the commands name them without a directory.
    const env = { PATH: `${this.server.binDir}:${process.env['PATH']!}` }
    await typed(commands.start, env)
    try {
      return await ask(queryAt(`${this.into}/s`, plan.port))
    } finally {
      await typed(commands.discard, env)
      expect(fs.existsSync(this.into)).toBe(false)
    }
  }

  async remove(): Promise<void> {
    await this.server.remove()
    await fsp.rm(this.state, { recursive: true, force: true })
  }
}

/** Asks the server on a socket, on a connection of its own for each question. */
export function queryAt(host: string, port: number): Query {
  return async (sql) => {
    const client = new pg.Client({ host, port, user: 'postgres', database: 'postgres' })
    // A server that is stopped meanwhile ends the connection.
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query(sql)).rows
    } finally {
      await client.end()
    }
  }
}

/** Types lines into a shell. */
export async function typed(lines: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const line of lines) {
    await new Promise<void>((resolve, reject) => {
      execFile('/bin/sh', ['-c', line], { cwd: '/', env: { PATH: process.env['PATH'], LC_ALL: 'C', ...env } }, (error, stdout, stderr) => {
        if (error === null) resolve()
        else reject(new Error(`${line}\n${stdout}${stderr}`))
      }).stdin?.end()
    })
  }
}

/** Recovered, at the target, and in nobody's way. */
export async function paused(query: Query): Promise<void> {
  const isPaused = async (): Promise<boolean> => (await query('SELECT pg_is_in_recovery() AND pg_is_wal_replay_paused() AS paused'))[0]!['paused'] === true
  await eventually(isPaused)
}

/** Recovered, and open for writing. */
export async function open(query: Query): Promise<void> {
  const isOpen = async (): Promise<boolean> => (await query('SELECT NOT pg_is_in_recovery() AS open'))[0]!['open'] === true
  await eventually(isOpen)
}
