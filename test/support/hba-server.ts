// A running server whose pg_hba.conf a test rewrites as often as it likes: what its own view says of the file, and what
// it does with real connections.
import fs from 'node:fs'
import path from 'node:path'
import type pg from 'pg'
import type { FileSource } from '../../src/postgres/file-source.ts'
import { readable } from '../../src/postgres/hba/bytes.ts'
import { readHba, type HbaFeatures, type HbaFile } from '../../src/postgres/hba/index.ts'
import { attempt } from './hba-client.ts'
import { TestServer, type Major } from './server.ts'

/** Files by their path relative to the directory of pg_hba.conf; byte strings. */
export type HbaTree = Readonly<Record<string, string>>

/** One row of pg_hba_file_rules; names are joined with U+0002. */
export interface RuleRow {
  readonly number: number | null
  readonly file: string | null
  readonly line: number
  readonly type: string | null
  readonly databases: string | null
  readonly users: string | null
  readonly address: string | null
  readonly mask: string | null
  readonly method: string | null
  readonly options: string | null
  readonly error: string | null
}

export const MAIN = 'pg_hba.conf'
const JOINT = '\u0002'
const joined = (names: readonly string[]): string => names.join(JOINT)

/** What the packaged servers are built with. */
export const PACKAGED: NonNullable<HbaFeatures['builtWith']> = { ssl: true, gss: false, sspi: false, pam: false, bsd: false, ldap: false }

export const INTERFACES: readonly string[] = fs.existsSync('/sys/class/net') ? fs.readdirSync('/sys/class/net') : ['lo']

/** A directory with pg_hba.conf that a test rewrites; any number of servers may read it. */
export class HbaDirectory {
  private beside = '[]'

  private constructor(readonly path: string) {}

  static create(): HbaDirectory {
    const made = new HbaDirectory(fs.mkdtempSync('/tmp/pgwal-test-hba-'))
    fs.chmodSync(made.path, 0o755)
    made.write({ [MAIN]: 'local all all trust\n' })
    return made
  }

  get mainFile(): string {
    return path.join(this.path, MAIN)
  }

  /** Writes a tree; what an earlier one left is removed. A name that ends in a slash is an empty directory. */
  write(tree: HbaTree): void {
    const beside = Object.entries(tree).filter(([name]) => name !== MAIN)
    if (JSON.stringify(beside) !== this.beside) {
      for (const name of fs.readdirSync(this.path)) if (name !== MAIN) fs.rmSync(path.join(this.path, name), { recursive: true, force: true })
      for (const [name, content] of beside) {
        const file = path.join(this.path, name)
        fs.mkdirSync(name.endsWith('/') ? file : path.dirname(file), { recursive: true })
        if (!name.endsWith('/')) fs.writeFileSync(file, Buffer.from(content, 'latin1'))
      }
      this.beside = JSON.stringify(beside)
    }
    fs.writeFileSync(this.mainFile, Buffer.from(tree[MAIN] ?? '', 'latin1'))
  }

  /** The files as they are now, for our reader. */
  get source(): FileSource {
    return {
      read: async (file) => Promise.resolve(fs.readFileSync(file)),
      list: async (directory) => Promise.resolve(fs.readdirSync(directory).map((name) => ({ name, directory: fs.statSync(path.join(directory, name)).isDirectory() }))),
    }
  }

  remove(): void {
    fs.rmSync(this.path, { recursive: true, force: true })
  }
}

export interface HbaServerOptions {
  readonly features?: HbaFeatures
  /** Lines for postgresql.conf. */
  readonly conf?: string
  /** For certificates and the like. */
  readonly beforeStart?: (server: TestServer) => Promise<void>
}

export class HbaServer {
  private constructor(readonly server: TestServer, readonly major: Major, readonly features: HbaFeatures, readonly directory: HbaDirectory, private client: pg.Client) {}

  static async start(major: Major, directory: HbaDirectory, options: HbaServerOptions = {}): Promise<HbaServer> {
    const features = options.features ?? { ssl: false, builtWith: PACKAGED, oauthValidatorLibraries: [], interfaceNames: INTERFACES }
    const server = await TestServer.create(major, { conf: `hba_file = '${directory.mainFile}'\n${options.conf ?? ''}` })
    await options.beforeStart?.(server)
    await server.start()
    // In a database without an encoding bytes pass as they are.
    await server.query("create database bytes template template0 encoding 'SQL_ASCII'")
    return new HbaServer(server, major, features, directory, await HbaServer.connect(server))
  }

  private static async connect(server: TestServer): Promise<pg.Client> {
    const client = server.client({ database: 'bytes' })
    client.on('error', () => undefined) // the server was stopped
    await client.connect()
    await client.query("set client_encoding to 'SQL_ASCII'")
    return client
  }

  async stop(): Promise<void> {
    await this.client.end()
    await this.server.stop()
  }

  /** Whether a stopped server comes up with the file as it is; if not, it stays down. */
  async startAgain(): Promise<boolean> {
    if (await this.server.pid() !== undefined) return true
    const started = await this.server.pgCtl('-w', '-t', '60', '-l', this.server.logFile, 'start')
    if (started.code === 0) this.client = await HbaServer.connect(this.server)
    return started.code === 0
  }

  async remove(): Promise<void> {
    await this.client.end().catch(() => undefined)
    await this.server.remove()
  }

  async ours(): Promise<HbaFile> {
    return readHba(this.directory.source, { hbaFile: this.directory.mainFile, major: this.major, features: this.features })
  }

  /** pg_hba_file_rules of the file as it is now. */
  async rows(): Promise<RuleRow[]> {
    const text = (column: string): string => `encode(textsend(${column}), 'hex')`
    const list = (column: string): string => text(`array_to_string(${column}, E'\\x02')`)
    const numbered = this.major >= 16
    const found = await this.client.query<(string | number | null)[]>({
      rowMode: 'array',
      text: `select ${numbered ? `rule_number, ${text('file_name')}` : 'null::int, null'}, line_number, type, ${list('database')}, ${list('user_name')},
        ${text('address')}, netmask, auth_method, ${list('options')}, ${text('error')} from pg_hba_file_rules`,
    })
    const bytes = (value: string | number | null | undefined): string | null => value === null || value === undefined ? null : joined(Buffer.from(String(value), 'hex').toString('latin1').split(JOINT).map(readable))
    return found.rows.map((row) => ({
      number: row[0] as number | null, file: bytes(row[1]), line: row[2] as number, type: row[3] as string | null, databases: bytes(row[4]), users: bytes(row[5]),
      address: bytes(row[6]), mask: row[7] as string | null, method: row[8] as string | null, options: bytes(row[9]), error: bytes(row[10]),
    }))
  }

  /** Makes the server load the file: true if it did, false if it keeps the old rules. */
  async reload(): Promise<boolean> {
    const loadTime = async (): Promise<string> => (await this.client.query<{ at: string }>('select pg_conf_load_time()::text as at')).rows[0]!.at
    const before = fs.statSync(this.server.logFile).size
    const was = await loadTime()
    await this.client.query('select pg_reload_conf()')
    while (await loadTime() === was) await new Promise((resolve) => setTimeout(resolve, 1))
    // The postmaster tells its children before it reads the file itself, but accepts no connection in between: an
    // answer to any attempt shows that it is through.
    await attempt(this.server, { user: 'nobody', database: 'none', address: 'local' })
    const log = fs.readFileSync(this.server.logFile)
    return !log.subarray(before).includes('was not reloaded')
  }
}

/** Our reading in the shape of the server's view. */
export function asRows(hba: HbaFile): RuleRow[] {
  let number = 0
  return hba.lines.map(({ file, line, rule, error }) => {
    const shownError = error === null || error.silent === true ? null : error.message
    if (shownError === null) number++
    return {
      number: hba.major < 16 || shownError !== null ? null : number,
      file: hba.major < 16 ? null : file,
      line,
      type: rule?.type ?? null,
      databases: rule === null ? null : joined(rule.databases.map((name) => name.text)),
      users: rule === null ? null : joined(rule.users.map((name) => name.text)),
      address: rule?.address ?? null,
      mask: rule?.mask ?? null,
      method: rule?.method ?? null,
      options: rule === null || rule.options.length === 0 ? null : joined(rule.options),
      error: shownError,
    }
  })
}

/** For messages: a byte string with what cannot be seen escaped. */
