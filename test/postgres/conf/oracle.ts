// What the real servers make of configuration files: one running server a major, all reading the same candidate
// files, asked through pg_file_settings. No server is ever told to reload, so that a candidate cannot harm it.
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type pg from 'pg'
import { readConfiguration } from '../../../src/postgres/conf/index.ts'
import type { Configuration, FileSource } from '../../../src/postgres/conf/index.ts'
import { decode } from '../../../src/postgres/conf/text.ts'
import { MAJORS, TestServer } from '../../support/server.ts'
import type { Major } from '../../support/server.ts'
import { parseValue, settingInfo, settingName } from '../../../src/postgres/settings/index.ts'

/** Paths relative to the candidate's directory; `main.conf` is the main file, `auto.conf` stands for postgresql.auto.conf. */
export type Files = Readonly<Record<string, Uint8Array>>

export const diskSource: FileSource = {
  read: (file) => fs.readFile(file),
  list: async (directory) => {
    const entries = await fs.readdir(directory, { withFileTypes: true })
    return Promise.all(entries.map(async (entry) => ({
      name: entry.name,
      directory: entry.isDirectory() || (entry.isSymbolicLink() && await fs.stat(path.join(directory, entry.name)).then((stat) => stat.isDirectory(), () => false)),
    })))
  },
}

/** One assignment as a server lists it. */
export interface Listed { readonly file: string; readonly line: number; readonly name: string; readonly value: string; readonly applied: boolean; readonly fault: 'unknown-name' | 'bad-value' | 'restart' | 'fixed' | undefined }
export interface Verdict { readonly lines: readonly Listed[]; readonly errors: readonly { readonly file: string; readonly line: number; readonly error: string }[]; readonly notices: readonly string[] }

const QUERY = `select sourcefile, sourceline, encode(convert_to(name, 'SQL_ASCII'), 'hex') as name, encode(convert_to(setting, 'SQL_ASCII'), 'hex') as setting, applied, error from pg_file_settings order by seqno`

interface Row { sourcefile: string | null; sourceline: number; name: string | null; setting: string | null; applied: boolean; error: string | null }

class Oracle {
  private notices: string[] = []

  constructor(readonly major: Major, readonly server: TestServer, readonly client: pg.Client) {
    client.on('notice', (notice) => this.notices.push(notice.message ?? ''))
  }

  async ask(): Promise<Verdict> {
    this.notices = []
    const { rows } = await this.client.query<Row>(QUERY)
    const notices = this.notices
    // A row without a file speaks of a setting that the files no longer mention.
    const own = rows.filter(({ sourcefile }) => sourcefile !== null)
    // The words of the row are the same for every reason; the messages that came with it tell, in the order of the rows.
    let heard = 0
    const reason = (name: string): Listed['fault'] => {
      const quoted = [`"${name.toLowerCase()}"`, `"${settingName(name, this.major)}"`]
      const found = notices.findIndex((notice, at) => at >= heard && quoted.some((each) => notice.toLowerCase().includes(each)))
      // A check with words of its own does not say which setting it speaks of.
      if (found === -1) return 'bad-value'
      heard = found + 1
      const said = notices[found]!
      return /cannot be changed without restarting/.test(said) ? 'restart' : /cannot be changed$/.test(said) ? 'fixed' : 'bad-value'
    }
    return {
      notices,
      lines: own.filter(({ name }) => name !== null).map((row) => {
        const name = decode(Buffer.from(row.name!, 'hex'))
        const fault = row.error === null ? undefined : row.error.startsWith('unrecognized') ? 'unknown-name' : reason(name)
        return { file: row.sourcefile!, line: row.sourceline, name, value: decode(Buffer.from(row.setting!, 'hex')), applied: row.applied, fault }
      }),
      errors: own.filter(({ name }) => name === null).map(({ sourcefile, sourceline, error }) => ({ file: sourcefile!, line: sourceline, error: error! })),
    }
  }
}

/** The seven servers, and the directory from which they read. */
export class Oracles {
  private written = new Set<string>()

  private constructor(readonly directory: string, readonly all: readonly Oracle[]) {}

  static async start(majors: readonly Major[] = MAJORS): Promise<Oracles> {
    const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-conf-'))
    await fs.chmod(directory, 0o755)
    const oracles = await Promise.all(majors.map(async (major) => {
      const server = await TestServer.create(major, { initdb: ['-E', 'SQL_ASCII'] })
      const conf = path.join(directory, 'main.conf')
      await fs.writeFile(conf, "shared_buffers = 1MB\nautovacuum = off\nmax_connections = 5\nmax_wal_senders = 0\nmax_worker_processes = 0\nlog_min_messages = error\n")
      const auto = path.join(server.dataDir, 'postgresql.auto.conf')
      await fs.rm(auto)
      await fs.symlink(path.join(directory, 'auto.conf'), auto)
      await server.start('-o', `-c config_file=${conf} -c listen_addresses= -p ${server.port} -k ${server.socketDir}`)
      const client = server.client()
      await client.connect()
      await client.query('set client_encoding = SQL_ASCII; set client_min_messages = debug3')
      return new Oracle(major, server, client)
    }))
    return new Oracles(directory, oracles)
  }

  /** Replaces all candidate files. */
  async write(files: Files): Promise<void> {
    const gone = [...this.written].filter((name) => !(name in files))
    await Promise.all(gone.map((name) => fs.rm(path.join(this.directory, name), { force: true })))
    this.written = new Set(Object.keys(files))
    for (const [name, bytes] of Object.entries(files)) {
      const file = path.join(this.directory, name)
      await fs.writeFile(file, bytes).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error
        await fs.mkdir(path.dirname(file), { recursive: true })
        await fs.writeFile(file, bytes)
      })
    }
  }

  /** Our own reading of the candidate, with the limits that pg_file_settings has. */
  async read(oracle: Oracle): Promise<Configuration> {
    return readConfiguration(diskSource, {
      configFile: path.join(this.directory, 'main.conf'), dataDir: oracle.server.dataDir, major: oracle.major, syntaxErrorLimit: 1,
      // A running server stays with the data directory that it has, whatever the files say by now.
      commandLine: [['data_directory', oracle.server.dataDir], ['listen_addresses', ''], ['port', String(oracle.server.port)], ['unix_socket_directories', oracle.server.socketDir]],
    })
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map(async ({ client, server }) => {
      await client.end().catch(() => undefined)
      await server.remove()
    }))
    await fs.rm(this.directory, { recursive: true, force: true })
  }
}

/** What a running server checks against its catalogs or its own state, and a starting one does not. */
export const NEEDS_A_SESSION = new Set(['client_encoding', 'default_table_access_method', 'default_tablespace', 'default_text_search_config', 'role', 'session_authorization',
  'synchronized_standby_slots', 'temp_tablespaces', 'transaction_isolation', 'transaction_deferrable', 'transaction_read_only',
  'log_statement_stats', 'log_parser_stats', 'log_planner_stats', 'log_executor_stats', 'max_connections', 'max_wal_senders', 'autovacuum_max_workers', 'max_worker_processes'])

const ERROR_WORDS: Readonly<Record<string, RegExp>> = {
  'syntax': /^syntax error$/,
  'include-empty': /^empty configuration (file|directory) name$/,
  'include-depth': /^nesting depth exceeded$/,
  'include-recursion': /^configuration file recursion$/,
  'include-missing': /^could not (open|stat) (file|directory) /,
  'include-unreadable': /^could not (open|stat) (file|directory) /,
  'include-directory': /flex scanner failed$/,
}

/** Where a server and our own reading differ, in words; empty when they agree. */
export function disagreements(major: Major, configuration: Configuration, server: Verdict): string[] {
  const found: string[] = []
  const own = configuration.errors.filter(({ code }) => code !== 'too-many-errors')
  const inAuto = (file: string): boolean => configuration.files.find(({ path: each }) => each === file)?.auto === true
  // With an error in the main file the server does not go on to postgresql.auto.conf.
  const lines = own.some(({ file }) => !inAuto(file)) ? configuration.lines.filter(({ auto }) => !auto) : configuration.lines

  for (let at = 0; at < Math.max(own.length, server.errors.length); at++) {
    const [ours, theirs] = [own[at], server.errors[at]]
    const atEnd = ours?.code === 'syntax' && configuration.files.find(({ path: each }) => each === ours.file)!.document.errors.some(({ line, atEndOfFile }) => line === ours.line && atEndOfFile)
    if (ours === undefined || theirs === undefined || ours.file !== theirs.file || ours.line - (atEnd ? 1 : 0) !== theirs.line || !ERROR_WORDS[ours.code]!.test(theirs.error)) {
      found.push(`error: ours ${JSON.stringify(ours)} server ${JSON.stringify(theirs)}`)
      break
    }
  }
  const last = new Map(lines.map(({ name }, at) => [name, at]))
  const certain = own.length === 0 && !server.lines.some(({ fault }) => fault === 'unknown-name')
  for (let at = 0; at < Math.max(lines.length, server.lines.length); at++) {
    const [ours, theirs] = [lines[at], server.lines[at]]
    if (ours === undefined || theirs === undefined || ours.file !== theirs.file || ours.line !== theirs.line || ours.name !== theirs.name || ours.value !== theirs.value) {
      found.push(`line: ours ${JSON.stringify(ours)} server ${JSON.stringify(theirs)}`)
      break
    }
    const info = settingInfo(ours.name, major)
    const unknown = info === undefined && !ours.name.includes('.')
    if (own.length === 0 && unknown !== (theirs.fault === 'unknown-name')) found.push(`name: ${ours.name} ours ${unknown ? 'unknown' : 'known'} server ${theirs.fault}`)
    if (!certain || info === undefined) continue
    const ignored = last.get(ours.name) !== at
    if (ignored !== (!theirs.applied && theirs.fault === undefined)) found.push(`duplicate: ${JSON.stringify(ours)} ${ignored ? 'ignored' : 'counts'} server ${JSON.stringify(theirs)}`)
    if (ignored || NEEDS_A_SESSION.has(settingName(ours.name, major))) continue
    const parsed = parseValue(ours.name, ours.value, major)
    if (parsed.ok && parsed.depends !== undefined) continue
    const verdict = info.context === 'internal' ? 'fixed' : parsed.ok ? 'good' : 'bad-value'
    const theirVerdict = theirs.fault === 'restart' || theirs.fault === undefined ? 'good' : theirs.fault
    if (verdict !== theirVerdict) found.push(`value: ${ours.name} = ${JSON.stringify(ours.value)} ours ${verdict} server ${theirVerdict} (${server.notices.filter((notice) => notice.includes(ours.name)).join('; ')})`)
  }
  return found
}
