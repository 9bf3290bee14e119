// Would the server start with these files? Everything that ends its start-up and that can be seen in the files:
// syntax, includes, unknown names, bad values, and the rules between settings, most of which `postgres -C` does not
// look at. What depends on the machine is listed as uncertain and never held against the files.
// Source: ProcessConfigFileInternal (guc-file.l, guc.c), PostmasterMain (postmaster.c), check_max_connections and its
// like (postinit.c, guc.c), check_stage_log_stats (postgres.c), assign_recovery_target (xlogrecovery.c), ReadControlFile (xlog.c)
import { NEWEST_MAJOR, OLDEST_MAJOR, parseValue, settingInfo, settingName, splitDirectories, splitIdentifiers } from '../settings/index.ts'
import type { Configuration, ConfError, ConfErrorCode, Place, SettingLine } from './configuration.ts'

/** Something that may end the start-up, and what decides that. */
export interface Uncertainty extends Place { readonly name: string; readonly depends: string }

export interface LoadCheck {
  /** False: the server will not start. True: nothing in the files keeps it from starting. */
  readonly loads: boolean
  readonly errors: readonly ConfError[]
  readonly uncertain: readonly Uncertainty[]
}

/** What the files do not tell and the data directory does. */
export interface ClusterFacts {
  /** Bytes. Default 16 MiB, as initdb has it. */
  readonly walSegmentSize?: number
}

/** Stands for a file where the command line is to blame. */
const COMMAND_LINE: Place = { file: 'command line', line: 0 }

/** All processes with a connection slot together (MAX_BACKENDS). */
const MAX_BACKENDS = 2 ** 18 - 1
const RECOVERY_TARGETS = ['recovery_target', 'recovery_target_lsn', 'recovery_target_name', 'recovery_target_time', 'recovery_target_xid']
const STAGE_STATS = ['log_parser_stats', 'log_planner_stats', 'log_executor_stats']
const BACKENDS = ['max_connections', 'autovacuum_max_workers', 'max_worker_processes', 'max_wal_senders']

/** Where distributions put sockets: no need to doubt them. */
const USUAL_SOCKET_DIRECTORIES = ['/tmp', '/run/postgresql', '/var/run/postgresql']

type Value = string | number | boolean

/** Whether a server of the configuration's major would start with it, and all reasons why not. */
export function checkLoads(configuration: Configuration, facts: ClusterFacts = {}): LoadCheck {
  const check = new Check(configuration, facts)
  check.commandLine()
  check.lines()
  check.conflicts()
  const errors = [...configuration.errors, ...check.errors]
  return { loads: errors.length === 0, errors, uncertain: check.uncertain }
}

class Check {
  readonly errors: ConfError[] = []
  readonly uncertain: Uncertainty[] = []
  private readonly major: number
  private readonly tested: boolean
  /** Settings as they stand after the values so far, by name in lower case. */
  private readonly state = new Map<string, { readonly value: Value; readonly at: Place }>()
  private readonly fixedByCommandLine = new Set<string>()
  private recoveryTarget: string | undefined

  constructor(private readonly configuration: Configuration, private readonly facts: ClusterFacts) {
    this.major = configuration.major
    this.tested = configuration.major >= OLDEST_MAJOR && configuration.major <= NEWEST_MAJOR
  }

  private fault(code: ConfErrorCode, name: string, message: string, at: Place): void {
    // A major that nobody has looked at may know more names and other limits.
    if (this.tested) this.errors.push({ file: at.file, line: at.line, message, code, name })
    else this.uncertain.push({ file: at.file, line: at.line, name, depends: `PostgreSQL ${this.major}, which is not known here: ${message}` })
  }

  commandLine(): void {
    for (const [option, value] of this.configuration.options.commandLine ?? []) {
      const name = option.replaceAll('-', '_')
      this.set(name, value, COMMAND_LINE, true)
      this.fixedByCommandLine.add(settingName(name, this.major))
    }
  }

  lines(): void {
    const { lines } = this.configuration
    // An earlier line of exactly the same spelling is dropped unseen; another spelling of the same name is not.
    const last = new Map<string, SettingLine>()
    for (const line of lines) last.set(line.name, line)
    for (const line of lines) {
      const known = settingInfo(line.name, this.major) !== undefined
      if (known && last.get(line.name) !== line) continue
      this.set(line.name, line.value, { file: line.file, line: line.line }, !this.fixedByCommandLine.has(settingName(line.name, this.major)))
    }
  }

  /** One value: checked always, taken over only where no source of higher rank has spoken. */
  private set(name: string, text: string, at: Place, takes: boolean): void {
    const info = settingInfo(name, this.major)
    if (info === undefined) {
      if (!name.includes('.')) this.fault('unknown-name', name, `unrecognized configuration parameter "${name}"`, at)
      return
    }
    if (info.context === 'internal') return this.fault('fixed', name, `parameter "${info.name}" cannot be changed`, at)
    const key = settingName(name, this.major)
    const parsed = parseValue(name, text, this.major, { windows: this.configuration.options.windows ?? false })
    const preloads = key === 'wal_consistency_checking' && this.major >= 15 && (this.configuration.get('shared_preload_libraries')?.value ?? '') !== ''
    if (!parsed.ok) {
      if (preloads) this.uncertain.push({ ...at, name: info.name, depends: 'the resource managers of preloaded libraries' })
      else this.fault('bad-value', info.name, parsed.error, at)
      return
    }
    if (parsed.depends !== undefined) this.uncertain.push({ ...at, name: info.name, depends: parsed.depends })
    if (!this.fits(key, parsed.value, at) || !takes) return
    this.state.set(key, { value: parsed.value, at })
  }

  /** Rules that a value must meet against those set before it. */
  private fits(key: string, value: Value, at: Place): boolean {
    if (STAGE_STATS.includes(key) && value === true && this.value('log_statement_stats') === true) {
      this.fault('conflict', key, `"${key}" cannot be enabled while "log_statement_stats" is on`, at)
      return false
    }
    if (key === 'log_statement_stats' && value === true && STAGE_STATS.some((name) => this.value(name) === true)) {
      this.fault('conflict', key, '"log_statement_stats" cannot be enabled while statistics of single stages are on', at)
      return false
    }
    if (this.major <= 17 && BACKENDS.includes(key)) {
      const total = BACKENDS.reduce((sum, name) => sum + (name === key ? Number(value) : this.number(name)), 1)
      if (total > MAX_BACKENDS) {
        this.fault('conflict', key, `invalid value for parameter "${key}": with the other processes that makes ${total}, more than ${MAX_BACKENDS}`, at)
        return false
      }
    }
    if (RECOVERY_TARGETS.includes(key) && !(this.fixedByCommandLine.has(key) && at !== COMMAND_LINE)) {
      // The server looks at the one before even when this one is empty.
      if (this.recoveryTarget !== undefined && this.recoveryTarget !== key) {
        this.fault('conflict', key, `multiple recovery targets: "${key}" after "${this.recoveryTarget}"`, at)
        return false
      }
      this.recoveryTarget = value === '' ? undefined : key
    }
    return true
  }

  private value(name: string): Value | undefined {
    const set = this.state.get(name)
    if (set !== undefined) return set.value
    const info = settingInfo(name, this.major)
    if (info === undefined) return undefined
    const parsed = parseValue(name, info.default, this.major)
    return parsed.ok ? parsed.value : undefined
  }

  private number(name: string): number {
    return Number(this.value(name) ?? 0)
  }

  /** The line to blame: the first of these settings that has one. */
  private place(...names: string[]): Place {
    for (const name of names) {
      const at = this.state.get(name)?.at
      if (at !== undefined) return at
    }
    return { file: this.configuration.configFile, line: 0 }
  }

  private conflict(message: string, ...names: [string, ...string[]]): void {
    this.fault('conflict', names[0], message, this.place(...names))
  }

  /** Rules between settings that the server looks at once it has read them all. */
  conflicts(): void {
    const { major } = this
    const reserved = this.number('superuser_reserved_connections') + this.number('reserved_connections')
    if (reserved >= this.number('max_connections')) {
      this.conflict(`${reserved} reserved connections leave none of max_connections (${this.number('max_connections')})`, 'max_connections', 'superuser_reserved_connections', 'reserved_connections')
    }
    if (this.value('wal_level') === 'minimal') {
      if (this.value('archive_mode') !== 'off') this.conflict('archive_mode needs wal_level "replica" or "logical"', 'wal_level', 'archive_mode')
      if (this.number('max_wal_senders') > 0) this.conflict('max_wal_senders above 0 needs wal_level "replica" or "logical"', 'wal_level', 'max_wal_senders')
      if (this.value('summarize_wal') === true) this.conflict('summarize_wal needs wal_level "replica" or "logical"', 'wal_level', 'summarize_wal')
    }
    if (major >= 18) {
      const total = ['max_connections', 'autovacuum_worker_slots', 'max_worker_processes', 'max_wal_senders'].reduce((sum, name) => sum + this.number(name), 2)
      if (total > MAX_BACKENDS) this.conflict(`${total} server processes configured, more than ${MAX_BACKENDS}`, 'max_connections', ...BACKENDS)
    }
    const segment = this.facts.walSegmentSize ?? 2 ** 24
    for (const name of ['min_wal_size', 'max_wal_size']) {
      if (this.number(name) * 2 ** 20 < 2 * segment) this.conflict(`${name} must be at least twice the WAL segment size (${segment / 2 ** 20} MB)`, name)
    }
    this.sockets()
  }

  private sockets(): void {
    const addresses = this.value('listen_addresses')
    const hosts = typeof addresses === 'string' ? splitIdentifiers(addresses, false) : []
    if (hosts === undefined) this.conflict('invalid list syntax in parameter "listen_addresses"', 'listen_addresses')
    else for (const host of hosts.filter((each) => !['*', 'localhost', '127.0.0.1', '0.0.0.0'].includes(each))) this.uncertain.push({ ...this.place('listen_addresses'), name: 'listen_addresses', depends: `whether the machine has the address ${host}` })
    if (!this.state.has('unix_socket_directories')) return
    const socketText = this.value('unix_socket_directories')
    const directories = typeof socketText === 'string' ? splitDirectories(socketText) : []
    if (directories === undefined) this.conflict('invalid list syntax in parameter "unix_socket_directories"', 'unix_socket_directories')
    else if (directories.length === 0 && hosts?.length === 0) this.conflict('no socket to listen on', 'unix_socket_directories', 'listen_addresses')
    else if (directories.some((directory) => !USUAL_SOCKET_DIRECTORIES.includes(directory))) this.uncertain.push({ ...this.place('unix_socket_directories'), name: 'unix_socket_directories', depends: 'whether the directories can be written' })
  }
}
