// The whole configuration as the server assembles it: main file, includes in place, postgresql.auto.conf last, then
// the command line. Every assignment is kept, with the place that beats it.
// Source: ParseConfigFile, ParseConfigDirectory, GetConfFilesInDir, SelectConfigFiles and ProcessConfigFileInternal;
// https://www.postgresql.org/docs/current/config-setting.html
import { settingInfo, settingName } from '../settings/index.ts'
import { parseConf } from './document.ts'
import type { ConfDocument, ConfEntry } from './document.ts'
import { canonicalPath, configLocation, parentDirectory } from './paths.ts'
import type { PathRules } from './paths.ts'
import { encode } from './text.ts'

/** Where configuration files are read from. A failure carries `.code` (ENOENT, EACCES, EISDIR …) as Node's fs errors do. */
export interface FileSource {
  read(path: string): Promise<Uint8Array>
  /** Entries of a directory; `directory` follows symbolic links. */
  list(directory: string): Promise<readonly ListedFile[]>
}
export interface ListedFile { readonly name: string; readonly directory: boolean }

export interface Place { readonly file: string; readonly line: number }

export type ConfErrorCode =
  | 'syntax' | 'too-many-errors'
  | 'include-missing' | 'include-unreadable' | 'include-empty' | 'include-depth' | 'include-recursion' | 'include-directory'
  | 'unknown-name' | 'bad-value' | 'fixed' | 'conflict'

export interface ConfError {
  readonly file: string
  /** From 1; 0 where no line is to blame. */
  readonly line: number
  readonly message: string
  readonly code: ConfErrorCode
  /** The parameter, for errors about one. */
  readonly name?: string
}

export interface SettingLine extends Place {
  /** As written. */
  readonly name: string
  readonly value: string
  /** Read from postgresql.auto.conf (or a file included there), which ALTER SYSTEM owns. */
  readonly auto: boolean
  readonly wins: boolean
  /** What decides instead, for a line that does not win; undefined for a line that nothing in the configuration beats but the server itself. */
  readonly lostTo?: Place | 'command line'
  /** Where in the file's document. */
  readonly entry: ConfEntry
}

export interface ConfigurationFile {
  readonly path: string
  readonly bytes: Uint8Array
  readonly document: ConfDocument
  readonly auto: boolean
}

export interface ConfigurationOptions {
  /** Absolute. */
  readonly configFile: string
  /** What `-D` or PGDATA says; default: the directory of the main file. `data_directory` in the file or on the command line goes before it. */
  readonly dataDir?: string
  readonly major: number
  /** Options that the server was, or will be, started with (`-c name=value`), in order. */
  readonly commandLine?: readonly (readonly [name: string, value: string])[]
  /** Paths are Windows paths. */
  readonly windows?: boolean
  /** Syntax errors after which the rest of a file is not looked at: 100 at start and reload, 1 when pg_file_settings reads. Default 100. */
  readonly syntaxErrorLimit?: number
}

export interface Effective { readonly value: string; readonly source: Place | 'command line' }

export interface Configuration {
  readonly configFile: string
  readonly dataDir: string
  readonly major: number
  /** Each file once, in the order in which the server first reads them. */
  readonly files: readonly ConfigurationFile[]
  /** Every assignment, in reading order; a file that is included twice contributes twice. */
  readonly lines: readonly SettingLine[]
  /** Syntax and include errors; each of them keeps the server from starting. */
  readonly errors: readonly ConfError[]
  /** What the configuration says about a setting, old names and any case included; undefined where it says nothing. */
  get(name: string): Effective | undefined
  readonly options: ConfigurationOptions
  /** What was read, for evaluating a changed copy. */
  readonly reads: Reads
}

interface Failure { readonly failed: string }
export interface Reads {
  readonly files: ReadonlyMap<string, ConfDocument | Failure>
  readonly directories: ReadonlyMap<string, readonly ListedFile[] | Failure>
}

/** Files nest at most this deep; the main file is at 0. */
const MAX_DEPTH = 10
const SYNTAX_ERROR_LIMIT = 100
const AUTO_CONF = 'postgresql.auto.conf'
/** The first major that resolves each `..` of a path. */
const RESOLVES_ALL = 15

type Request = { readonly read: string } | { readonly list: string }
type Answer = ConfDocument | readonly ListedFile[] | Failure

function failed(answer: Answer): answer is Failure {
  return 'failed' in answer
}

interface Item { readonly name: string; readonly value: string; readonly file: string; readonly entry: ConfEntry; readonly auto: boolean }

/** Walks the files as the server does, asking for what it needs: the same walk serves a disk and what was read before. */
class Walk {
  readonly items: Item[] = []
  readonly errors: ConfError[] = []
  readonly files = new Map<string, ConfigurationFile>()
  auto = false

  constructor(private readonly rules: PathRules, private readonly dataDir: string, private readonly errorLimit: number) {}

  private fault(code: ConfErrorCode, message: string, at: Place): false {
    this.errors.push({ file: at.file, line: at.line, message, code })
    return false
  }

  /** False when the file, or one that it includes, has an error. `from` is the including line. */
  *file(location: string, strict: boolean, from: Place | undefined, depth: number): Generator<Request, boolean, Answer> {
    const here = from ?? { file: location, line: 0 }
    if (/^[ \t\r\n]*$/.test(location)) return this.fault('include-empty', 'empty configuration file name', here)
    if (depth > MAX_DEPTH) return this.fault('include-depth', `could not open configuration file "${location}": maximum nesting depth exceeded`, here)
    const path = configLocation(location, from === undefined ? this.dataDir : parentDirectory(from.file, this.rules.windows), this.rules)
    if (path === from?.file) return this.fault('include-recursion', `configuration file recursion in "${path}"`, here)
    const answer = yield { read: path }
    if (failed(answer)) {
      if (answer.failed === 'EISDIR') return this.fault('include-directory', `"${path}" is a directory`, { file: path, line: 1 })
      if (!strict) return true
      const missing = answer.failed === 'ENOENT' || answer.failed === 'ENOTDIR'
      return this.fault(missing ? 'include-missing' : 'include-unreadable', `could not open configuration file "${path}": ${answer.failed}`, here)
    }
    const document = answer as ConfDocument
    if (!this.files.has(path)) this.files.set(path, { path, bytes: document.bytes, document, auto: this.auto })
    return yield* this.document(path, document, depth)
  }

  private *document(path: string, { entries, errors }: ConfDocument, depth: number): Generator<Request, boolean, Answer> {
    let good = true
    let nextError = 0
    const report = (before: number): boolean => {
      for (; nextError < errors.length && errors[nextError]!.line < before; nextError++) {
        const { line, near } = errors[nextError]!
        good = this.fault('syntax', near === undefined ? 'syntax error near end of line' : `syntax error near token "${near}"`, { file: path, line })
        if (nextError + 1 === this.errorLimit) {
          this.fault('too-many-errors', `too many syntax errors found, abandoning file "${path}"`, { file: path, line })
          return false
        }
      }
      return true
    }
    for (const entry of entries) {
      if (!report(entry.line)) return false
      const at = { file: path, line: entry.line }
      if (entry.kind === 'setting') this.items.push({ name: entry.name, value: entry.value, file: path, entry, auto: this.auto })
      else if (entry.kind === 'include_dir') good = (yield* this.directory(entry.value, at, depth + 1)) && good
      else good = (yield* this.file(entry.value, entry.kind === 'include', at, depth + 1)) && good
    }
    report(Infinity)
    return good
  }

  private *directory(location: string, from: Place, depth: number): Generator<Request, boolean, Answer> {
    if (/^[ \t\r\n]*$/.test(location)) return this.fault('include-empty', 'empty configuration directory name', from)
    const path = configLocation(location, parentDirectory(from.file, this.rules.windows), this.rules)
    const answer = yield { list: path }
    if (failed(answer)) {
      const missing = answer.failed === 'ENOENT' || answer.failed === 'ENOTDIR'
      return this.fault(missing ? 'include-missing' : 'include-unreadable', `could not open configuration directory "${path}": ${answer.failed}`, from)
    }
    const names = (answer as readonly ListedFile[])
      .filter(({ name, directory }) => !directory && encode(name).length >= 6 && !name.startsWith('.') && name.endsWith('.conf'))
      .map(({ name }) => canonicalPath(`${path}/${name}`, this.rules))
    for (const name of sortBytewise(names)) {
      if (!(yield* this.file(name, true, from, depth))) return false
    }
    return true
  }
}

/** strcmp order: UTF-16 order differs from it beyond the basic plane. */
function sortBytewise(names: readonly string[]): string[] {
  const keyed = names.map((name) => ({ name, key: encode(name) }))
  keyed.sort((a, b) => {
    for (let at = 0; at < a.key.length && at < b.key.length; at++) {
      if (a.key[at] !== b.key[at]) return a.key[at]! - b.key[at]!
    }
    return a.key.length - b.key.length
  })
  return keyed.map(({ name }) => name)
}

function place({ file, entry }: Item): Place {
  return { file, line: entry.line }
}

function* assemble(options: ConfigurationOptions, reads: Reads): Generator<Request, Configuration, Answer> {
  const windows = options.windows ?? false
  const rules = { windows, major: options.major }
  const configDirectory = options.dataDir ?? parentDirectory(options.configFile, windows)
  const commandLine = new Map((options.commandLine ?? []).map(([name, value]) => [settingName(name.replaceAll('-', '_'), options.major), value]))

  const errorLimit = options.syntaxErrorLimit ?? SYNTAX_ERROR_LIMIT
  const main = new Walk(rules, configDirectory, errorLimit)
  const mainGood = yield* main.file(options.configFile, true, undefined, 0)

  // The first pass over the main file only looks for the data directory, and there the name must be in lower case.
  const named = main.items.filter(({ name }) => name === 'data_directory').at(-1)
  const chosen = commandLine.get('data_directory') ?? named?.value
  const dataDir = chosen === undefined || chosen === '' ? configDirectory : configLocation(canonicalPath(chosen, rules), configDirectory, rules)

  const auto = new Walk(rules, dataDir, errorLimit)
  auto.auto = true
  // With an error in the main file the server never reads the other one; its lines are of interest all the same.
  yield* auto.file(AUTO_CONF, false, undefined, 0)

  const items = [...main.items, ...auto.items]
  const names = new Map<string, string>()
  const keyOf = (name: string): string => {
    let key = names.get(name)
    if (key === undefined) names.set(name, key = settingName(name, options.major))
    return key
  }
  const winners = new Map<string, Item>()
  for (const item of items) winners.set(keyOf(item.name), item)
  // Neither can be changed by a line of its own: the server has settled them before it applies the files.
  winners.delete('config_file')
  winners.delete('data_directory')
  if (named !== undefined) winners.set('data_directory', named)
  const lines = items.map((item): SettingLine => {
    const { name, value, file, entry, auto: fromAuto } = item
    const key = keyOf(name)
    const winner = winners.get(key)
    const beaten = commandLine.has(key)
    const wins = !beaten && winner === item
    if (wins || (!beaten && winner === undefined)) return { name, value, file, line: entry.line, auto: fromAuto, wins, entry }
    return { name, value, file, line: entry.line, auto: fromAuto, wins, entry, lostTo: beaten ? 'command line' : place(winner!) }
  })
  const files = new Map(main.files)
  for (const [path, file] of auto.files) if (!files.has(path)) files.set(path, file)
  return {
    configFile: options.configFile,
    dataDir,
    major: options.major,
    files: [...files.values()],
    lines,
    errors: mainGood ? [...main.errors, ...auto.errors] : main.errors,
    options,
    reads,
    get(name) {
      const key = settingName(name, options.major)
      const given = commandLine.get(key)
      if (given !== undefined) return { value: given, source: 'command line' }
      const winner = winners.get(key)
      return winner === undefined ? undefined : { value: winner.value, source: place(winner) }
    },
  }
}

function failure(error: unknown): Failure {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (typeof code !== 'string') throw error
  return { failed: code }
}

/**
 * Reads the main file and all that it leads to. Errors in the files are in the result.
 * @throws what `source` throws without a `.code`.
 */
export async function readConfiguration(source: FileSource, options: ConfigurationOptions): Promise<Configuration> {
  const files = new Map<string, ConfDocument | Failure>()
  const directories = new Map<string, readonly ListedFile[] | Failure>()
  const walk = assemble(options, { files, directories })
  let step = walk.next()
  while (step.done !== true) {
    const request = step.value
    let answer: Answer | undefined
    if ('read' in request) {
      answer = files.get(request.read)
      if (answer === undefined) {
        answer = await source.read(request.read).then(parseConf, failure)
        files.set(request.read, answer)
      }
    } else {
      answer = directories.get(request.list)
      if (answer === undefined) {
        answer = await source.list(request.list).catch(failure)
        directories.set(request.list, answer)
      }
    }
    step = walk.next(answer)
  }
  return step.value
}

/** What holds for a setting where nothing but the files has a say: the built-in default where they are silent, else ''. */
export function valueOrDefault(configuration: Configuration, name: string): string {
  return configuration.get(name)?.value ?? settingInfo(name, configuration.major)?.default ?? ''
}

/**
 * The configuration as it would be with other bytes in one of its files, judged from what was read before.
 * @throws Error when the new bytes include a file that was not read then.
 */
export function withFile(configuration: Configuration, path: string, bytes: Uint8Array): Configuration {
  const { files, directories } = configuration.reads
  return reassemble(configuration.options, { files: new Map(files).set(path, parseConf(bytes)), directories })
}

/**
 * What the server of another major would make of the same files, judged from what was read before. A path with `..` that
 * this major spells differently is taken for the same file: behind a symbolic link it need not be.
 */
export function asMajor({ options, reads: { files, directories } }: Configuration, major: number): Configuration {
  const rules = { windows: options.windows ?? false, major: RESOLVES_ALL }
  const alsoResolved = <T>(read: ReadonlyMap<string, T>): Map<string, T> => new Map([...[...read].map(([path, content]) => [canonicalPath(path, rules), content] as const), ...read])
  return reassemble({ ...options, major }, { files: alsoResolved(files), directories: alsoResolved(directories) })
}

function reassemble(options: ConfigurationOptions, reads: Reads): Configuration {
  const walk = assemble(options, reads)
  let step = walk.next()
  while (step.done !== true) {
    const path = 'read' in step.value ? step.value.read : step.value.list
    const answer = 'read' in step.value ? reads.files.get(path) : reads.directories.get(path)
    if (answer === undefined) throw new Error(`${path} is included now, but was not read`)
    step = walk.next(answer)
  }
  return step.value
}
