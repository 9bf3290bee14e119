// A server on paper over real files: reads a cluster's files as PostgreSQL does at a start and at a reload, runs with what it
// read, writes postmaster.pid and answers the few questions that enable and undo ask. Time is told, not waited for. So a whole
// enable takes milliseconds and makes the same calls each time; what it cannot show (that PostgreSQL takes the files) a real
// server shows for each state of the files that is ever reached.
import fs from 'node:fs'
import path from 'node:path'
import { HostError } from '../../src/errors.ts'
import type { Connection, Host, Row, RunResult } from '../../src/host/host.ts'
import type { Cluster, Service } from '../../src/platforms/platform.ts'
import { readClusterConfiguration, readClusterHba } from '../../src/plan/read-files.ts'
import { checkLoads, parseConf } from '../../src/postgres/conf/index.ts'
import type { Configuration } from '../../src/postgres/conf/index.ts'
import { settingInfo } from '../../src/postgres/settings/index.ts'

// Its own calls are not counted by whoever counts those of pgwal: PostgreSQL sees to it that what it wrote is on disk. Node's longer
// ones (writeFileSync, rmSync) are made of shorter ones, which would be.
const own = { ...fs }

function put(file: string, text: string, flags: 'w' | 'a' = 'w'): void {
  const fd = own.openSync(file, flags, 0o600)
  own.writeSync(fd, text)
  own.closeSync(fd)
}
const BIN = '/paper'
const FIRST_PID = 2 ** 22 + 1_000
/** From postmaster.pid to `ready`, in milliseconds of its own time. */
const START_MS = 30
/** As the servers of the tests are made. */
const FACTS = { walSegmentSize: 1 << 20 }

const command = (name: string) => [{ file: `${BIN}/${name}`, args: [] as string[], timeoutMs: 20_000 }]

export const PAPER_SERVICE: Service = {
  describe: 'restart', restart: [...command('stop'), ...command('start')], start: command('start'), stop: command('stop'), reload: command('reload'),
  reloadUnits: command('reload-units'), needsRoot: false,
}

function winners({ lines }: Configuration): Map<string, string> {
  return new Map(lines.flatMap(({ name, value, wins }) => (wins ? [[name.toLowerCase(), value] as const] : [])))
}

interface Role {
  readonly login: boolean
  readonly replication: boolean
}

export class PaperServer {
  /** What it runs with; empty while it is down. */
  settings = new Map<string, string>()
  roles = new Map<string, Role>()
  /** So many starts to come fail, as one with too little memory does. */
  refusals = 0
  /** How often the service manager read its units, and what it found. */
  units: string[] = []
  #clock = Date.parse('2026-11-23T00:00:00Z')
  #pid = FIRST_PID
  #startedAt: number | undefined

  /** @param unit a file that the service manager reads */
  constructor(private readonly base: Host, private readonly cluster: Cluster, private readonly unit: string) {}

  get up(): boolean {
    return this.#startedAt !== undefined
  }

  /** The machine as pgwal sees it. */
  host(): Host {
    const over: Partial<Host> = {
      now: () => new Date(this.#clock),
      sleep: (ms) => {
        this.#clock += ms
        this.#writePid()
        // What is asked of the machine meanwhile is answered: a look in another's name takes a turn of the event loop.
        return new Promise((resolve) => setImmediate(resolve))
      },
      processExists: (pid) => (pid >= FIRST_PID ? Promise.resolve(this.up && pid === this.#pid) : this.base.processExists(pid)),
      run: (file, args, options) => (file.startsWith(`${BIN}/`) || file === `${this.cluster.binDir}/postgres` ? this.#run(path.basename(file), args) : this.base.run(file, args, options)),
      connect: (connection) => {
        this.#knock(connection)
        return Promise.resolve({ query: (sql, parameters) => this.#query(connection, sql, parameters), close: () => Promise.resolve() })
      },
      query: (connection, sql, parameters) => this.#query(connection, sql, parameters),
      probeAuthentication: (connection) => {
        this.#knock(connection)
        return Promise.resolve({ kind: 'request', method: 'trust' })
      },
    }
    return new Proxy(this.base, {
      get: (target, name) => {
        const value: unknown = Reflect.get(over, name) ?? Reflect.get(target, name, target)
        return typeof value === 'function' ? (...args: unknown[]) => (value as (...rest: unknown[]) => unknown).apply(target, args) : value
      },
    })
  }

  /** As the machine's start-up does it: with whatever is in the files. Says whether it came up. */
  async start(): Promise<boolean> {
    if (this.up) return true
    const context = { host: this.base, cluster: this.cluster, self: await this.base.self() }
    const configuration = await readClusterConfiguration(context)
    const refused = this.refusals > 0 || checkLoads(configuration, FACTS).errors.length > 0 || !(await readClusterHba(context)).loads
    if (this.refusals > 0) this.refusals--
    if (refused) {
      put(this.cluster.logFile!, 'FATAL:  could not map anonymous shared memory: Cannot allocate memory\n', 'a')
      return false
    }
    this.settings = winners(configuration)
    this.#pid++
    this.#clock += 1_000
    this.#startedAt = this.#clock
    this.#writePid()
    return true
  }

  /** As it is when the power is cut: no process, and postmaster.pid still there. */
  die(): void {
    this.#startedAt = undefined
    this.settings = new Map()
  }

  stop(): void {
    this.die()
    if (own.existsSync(this.#pidFile)) own.unlinkSync(this.#pidFile)
  }

  get #pidFile(): string {
    return path.join(this.cluster.dataDir, 'postmaster.pid')
  }

  #writePid(): void {
    if (this.#startedAt === undefined) return
    const status = this.#clock - this.#startedAt >= START_MS ? 'ready' : 'starting'
    const { dataDir, port, socketDirs, owner } = this.cluster
    put(this.#pidFile, [this.#pid, dataDir, Math.floor(this.#startedAt / 1_000), port, socketDirs[0], 'localhost', '0 0', status, ''].join('\n'))
    if (process.getuid?.() === 0) own.chownSync(this.#pidFile, owner.uid, owner.gid)
  }

  async #run(program: string, args: readonly string[]): Promise<RunResult> {
    const said = (code: number, stderr = '', stdout = ''): RunResult => ({ code, timedOut: false, stdout, stderr })
    switch (program) {
      case 'start': return (await this.start()) ? said(0) : said(1, 'could not start server')
      case 'stop':
        this.stop()
        return said(0)
      case 'reload':
        if (!this.up) return said(1, 'no server running')
        await this.#reload()
        return said(0)
      case 'reload-units':
        this.units.push(own.existsSync(this.unit) ? 'there' : 'gone')
        return said(0)
      case 'postgres': {
        if (args[0] === '--version') return said(0, '', `postgres (PostgreSQL) ${this.cluster.major}.1\n`)
        const context = { host: this.base, cluster: this.cluster, self: await this.base.self() }
        const { errors } = checkLoads(await readClusterConfiguration(context), FACTS)
        return errors.length === 0 ? said(0) : said(1, errors.map(({ message }) => message).join('\n'))
      }
      default: throw new Error(`there is no ${program} on paper`)
    }
  }

  async #reload(): Promise<void> {
    const configuration = await readClusterConfiguration({ host: this.base, cluster: this.cluster, self: await this.base.self() })
    if (checkLoads(configuration, FACTS).errors.length > 0) return
    const found = winners(configuration)
    for (const name of new Set([...found.keys(), ...this.settings.keys()])) {
      if (settingInfo(name, this.cluster.major)?.restart !== false) continue
      const value = found.get(name)
      if (value === undefined) this.settings.delete(name)
      else this.settings.set(name, value)
    }
  }

  #knock({ host, port }: Connection): void {
    if (!this.up) throw new HostError('connect', `${host}:${port}`, 'ECONNREFUSED')
  }

  async #query(connection: Connection, sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    this.#knock(connection)
    if (sql.includes('FROM pg_settings WHERE name = ANY')) {
      return (parameters[0] as string[]).flatMap((name) => {
        const value = this.settings.get(name) ?? settingInfo(name, this.cluster.major)?.default
        return value === undefined ? [] : [{ name, value }]
      })
    }
    if (sql.includes('pg_is_in_recovery')) return [{ standby: false }]
    if (sql.includes('pg_file_settings') || sql.includes('pending_restart') || sql.includes('pg_hba_file_rules') || sql.includes('pg_stat_replication') || sql.includes('pg_stat_archiver')) return []
    if (sql.includes('FROM pg_catalog.pg_roles')) {
      const role = this.roles.get(String(parameters[0]))
      return role === undefined ? [] : [{ login: role.login, replication: role.replication }]
    }
    const role = /^(CREATE|DROP) ROLE "([^"]+)"/.exec(sql)
    if (role !== null) {
      const has = this.roles.has(role[2]!)
      if (has === (role[1] === 'CREATE')) throw new HostError('query', 'paper', has ? '42710' : '42704')
      if (has) this.roles.delete(role[2]!)
      else this.roles.set(role[2]!, { login: true, replication: true })
      return []
    }
    const setting = /^ALTER SYSTEM SET "([^"]+)" = '((?:[^']|'')*)'$/.exec(sql)
    if (setting !== null) {
      this.#alterSystem(setting[1]!, setting[2]!)
      return []
    }
    throw new Error(`the server on paper knows no such statement: ${sql}`)
  }

  /** PostgreSQL writes the whole file anew, what was set last at the end. */
  #alterSystem(name: string, value: string): void {
    const file = path.join(this.cluster.dataDir, 'postgresql.auto.conf')
    const kept = parseConf(own.readFileSync(file)).entries.filter((entry) => entry.name !== name).map((entry) => `${entry.name} = '${entry.value.replaceAll("'", "''")}'`)
    const info = own.statSync(file)
    put(`${file}.tmp`, ['# Do not edit this file manually!', '# It will be overwritten by the ALTER SYSTEM command.', ...kept, `${name} = '${value}'`, ''].join('\n'))
    own.chownSync(`${file}.tmp`, info.uid, info.gid)
    own.renameSync(`${file}.tmp`, file)
  }
}
