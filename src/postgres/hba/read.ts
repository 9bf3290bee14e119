// Paths are byte strings in here, as names in the files are; what goes out is text.
//
// From files to rules: tokenize_auth_file() with its inclusions, and load_hba(), in PostgreSQL's
// src/backend/libpq/hba.c; the include directives (16 and later) also in src/backend/utils/misc/conffiles.c.
import type { DirectoryEntry, FileSource } from '../file-source.ts'
import { byteString, readable, toByteString } from './bytes.ts'
import { splitLines, tokenize, type LogicalLine, type Token } from './lexer.ts'
import { Refused, type Uncertainty } from './options.ts'
import { parseRule } from './rule.ts'
import type { HbaError, HbaFeatures, HbaRule } from './types.ts'

export interface HbaOptions {
  /** Absolute path of the main file. */
  readonly hbaFile: string
  readonly major: number
  readonly features?: HbaFeatures
}

/** A file or directory that could not be read, by the operating system's error code. */
export interface Unreadable { readonly code: string }

/** Everything that a reading has seen of the machine, so that it can be repeated with other contents. */
export interface Snapshot {
  readonly files: ReadonlyMap<string, Uint8Array | Unreadable>
  readonly directories: ReadonlyMap<string, readonly DirectoryEntry[] | Unreadable>
}

/** A file of rules (not one of `@name`), in the order of reading. */
export interface HbaSourceFile {
  readonly path: string
  readonly bytes: Uint8Array
  readonly lines: readonly LogicalLine[]
}

/** An `include…` line that was followed. */
export interface HbaInclude {
  readonly file: string
  readonly line: number
  readonly directive: 'include' | 'include_if_exists' | 'include_dir'
  /** As it stands in the file. */
  readonly target: string
  /** The files read for it. */
  readonly files: readonly string[]
}

/** A line of a file with rules as it was tokenized. */
export interface HbaLine {
  readonly file: string
  readonly line: number
  /** The joined line; a byte string. */
  readonly text: string
  /** With `@name` expanded; empty where the line has an error. */
  readonly fields: readonly (readonly Token[])[]
  readonly rule: HbaRule | null
  readonly error: HbaError | null
}

export interface HbaFile {
  readonly options: HbaOptions
  readonly major: number
  readonly features: HbaFeatures
  /** In the order of reading, the main file first; a file that is included twice stands here once. */
  readonly files: readonly HbaSourceFile[]
  readonly includes: readonly HbaInclude[]
  /** Every line that the server makes a rule or an error of, in its order. */
  readonly lines: readonly HbaLine[]
  /** In effective order. */
  readonly rules: readonly HbaRule[]
  readonly errors: readonly HbaError[]
  /** What only the server knows of some lines: patterns that are taken for valid, names that are taken to resolve. */
  readonly uncertain: readonly (Uncertainty & { readonly file: string; readonly line: number })[]
  /** Whether the server comes up with these files. If not, a reload keeps the old rules. */
  readonly loads: boolean
  readonly snapshot: Snapshot
}

/** The bytes of a file put together again from its lines: what was read, byte for byte. */
export function printHba(source: HbaSourceFile): Uint8Array {
  const whole = new Uint8Array(source.bytes.length)
  for (const { start, end } of source.lines) whole.set(source.bytes.subarray(start, end), start)
  return whole
}

type Request = { readonly read: string } | { readonly list: string }
type Answer = Uint8Array | readonly DirectoryEntry[] | Unreadable
type Reading<T> = Generator<Request, T, Answer>

const isUnreadable = (answer: Answer): answer is Unreadable => 'code' in answer

const REASONS: Record<string, string> = {
  ENOENT: 'No such file or directory', EACCES: 'Permission denied', EISDIR: 'Is a directory', ENOTDIR: 'Not a directory',
  ELOOP: 'Too many levels of symbolic links', ENAMETOOLONG: 'File name too long',
}
const reasonOf = (unreadable: Unreadable): string => REASONS[unreadable.code] ?? unreadable.code

/** The main file is at depth 0; 16 and later stop below this one. */
const MAXIMUM_DEPTH = 10
/** Up to 15 nothing stops a file that includes itself but the limit on open files. */
const OPEN_FILES = 300

interface TokenLine {
  readonly file: string
  readonly line: number
  readonly text: string
  readonly fields: Token[][]
  readonly error: string | null
}

const directoryOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')))

/** A path lexically without `.`, `..` and doubled slashes, as canonicalize_path() makes it. */
function canonical(path: string): string {
  // Paths here are absolute, so only Windows' begin with a drive.
  const drive = /^[A-Za-z]:(?=\/)/.exec(path)?.[0] ?? ''
  const parts: string[] = []
  for (const part of path.slice(drive.length).split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `${drive}/${parts.join('/')}`
}

/** The same before 15: only what ends the path is resolved, the rest is left to the operating system. */
function trimmed(path: string): string {
  let parts = path.replace(/\/+/g, '/').replace(/(?<=.)\/$/, '').split('/')
  let strips = 0
  while (parts.length > 1) {
    const last = parts.at(-1)
    if (last === '..') strips++
    else if (last !== '.') {
      if (strips === 0) break
      strips--
    }
    parts = parts.slice(0, -1)
  }
  return parts.length === 1 ? '/' : parts.join('/')
}

/** Where a name in a file points: relative to the directory of that file. */
function locate(name: string, from: string, major: number): string {
  if (/^[A-Za-z]:\//.test(from) && /^[A-Za-z]:[\\/]/.test(name)) return name.replaceAll('\\', '/')
  if (name.startsWith('/')) return name
  return major >= 15 ? canonical(`${directoryOf(from)}/${name}`) : trimmed(`${directoryOf(from)}/${name.replace(/^(?:\.\/)+/, '')}`)
}

class Reader {
  readonly sources = new Map<string, HbaSourceFile>()
  readonly includes: HbaInclude[] = []

  /** `emit` gets each line with a rule or an error as soon as it is read: its tokens need not be kept. */
  constructor(private readonly major: number, private readonly emit: (line: TokenLine) => void) {}

  /** All lines of a file and of what it includes; with rules they are emitted, else returned. */
  *file(path: string, depth: number, withRules: boolean): Reading<TokenLine[] | { readonly failed: string; readonly missing: boolean }> {
    if (depth > (this.major >= 16 ? MAXIMUM_DEPTH : OPEN_FILES)) {
      return { failed: `could not open file "${path}": maximum nesting depth exceeded`, missing: false }
    }
    const answer = yield { read: path }
    if (isUnreadable(answer)) {
      // A directory can be opened, only not read.
      if (answer.code === 'EISDIR') return this.unreadableAsFile(path, withRules)
      return { failed: `could not open file "${path}": ${reasonOf(answer)}`, missing: answer.code === 'ENOENT' }
    }
    const bytes = answer as Uint8Array
    const content = toByteString(bytes)
    const lines = splitLines(content, this.major)
    if (withRules && !this.sources.has(path)) this.sources.set(path, { path: readable(path), bytes, lines })
    const found: TokenLine[] = []
    const take = withRules ? this.emit : (line: TokenLine): void => void found.push(line)
    for (const logical of lines) {
      if (logical.error !== null) {
        take({ file: path, line: logical.line, text: logical.text, fields: [], error: logical.error })
        continue
      }
      if (logical.text === '') continue
      const tokenized = tokenize(logical.text, this.major)
      let { fields, error } = tokenized
      if (logical.text.includes('@')) ({ fields, error } = yield* this.expand(tokenized, path, depth))
      if (fields.length === 0 && error === null) continue
      if (error === null && fields.length === 2 && this.major >= 16) {
        const directive = fields[0]![0]!.raw
        if (directive === 'include' || directive === 'include_if_exists' || directive === 'include_dir') {
          error = yield* this.include(directive, fields[1]![0]!.raw, path, logical.line, depth, found, withRules)
          if (error === null) continue
        }
      }
      take({ file: path, line: logical.line, text: logical.text, fields: error === null ? fields : [], error })
    }
    return found
  }

  private unreadableAsFile(path: string, withRules: boolean): TokenLine[] {
    const message = `could not read file "${path}": Is a directory`
    // From 14 on the error is logged and forgotten: the directory counts as an empty file.
    if (this.major >= 14) return []
    const line: TokenLine = { file: path, line: 1, text: '', fields: [], error: message }
    if (!withRules) return [line]
    this.emit(line)
    return []
  }

  private *expand(line: { fields: Token[][]; error: string | null }, path: string, depth: number): Reading<{ fields: Token[][]; error: string | null }> {
    const fields: Token[][] = []
    for (const field of line.fields) {
      const tokens: Token[] = []
      for (const token of field) {
        if (token.quoted || token.raw.length < 2 || !token.raw.startsWith('@')) {
          tokens.push(token)
          continue
        }
        const name = token.raw.slice(1)
        const target = locate(name, path, this.major)
        const inner = yield* this.file(target, depth + 1, false)
        if ('failed' in inner) {
          const message = this.major >= 16 ? inner.failed : inner.failed.replace(`could not open file "${target}"`, `could not open secondary authentication file "@${name}" as "${target}"`)
          return { fields: [], error: message }
        }
        for (const innerLine of inner) {
          if (innerLine.error !== null) return { fields: [], error: innerLine.error }
          for (const innerField of innerLine.fields) for (const token of innerField) tokens.push(token)
        }
      }
      if (tokens.length > 0) fields.push(tokens)
    }
    return { fields, error: line.error }
  }

  private *include(directive: HbaInclude['directive'], name: string, path: string, line: number, depth: number, into: TokenLine[], withRules: boolean): Reading<string | null> {
    const targets: string[] = []
    const included: string[] = []
    if (directive === 'include_dir') {
      const listed = yield* this.confFiles(name, path)
      if (typeof listed === 'string') return listed
      for (const one of listed) targets.push(one)
    } else targets.push(locate(name, path, this.major))
    const errors: string[] = []
    for (const target of targets) {
      const inner = yield* this.file(target, depth + 1, withRules)
      if ('failed' in inner) {
        if (!(directive === 'include_if_exists' && inner.missing)) errors.push(inner.failed)
      } else {
        included.push(readable(target))
        for (const innerLine of inner) into.push(innerLine)
      }
    }
    if (withRules) this.includes.push({ file: readable(path), line, directive, target: readable(name), files: included })
    return errors.length === 0 ? null : errors.join('\n')
  }

  /** The files of an include_dir, sorted by bytes. */
  private *confFiles(name: string, path: string): Reading<string[] | string> {
    if (/^[ \t\r\n]*$/.test(name)) return 'empty configuration directory name'
    const directory = locate(name, path, this.major)
    const answer = yield { list: directory }
    if (isUnreadable(answer)) return `could not open directory "${directory}"`
    return (answer as readonly DirectoryEntry[])
      .filter((entry) => !entry.directory && entry.name.length >= 6 && entry.name.endsWith('.conf') && !entry.name.startsWith('.'))
      .map((entry) => canonical(`${directory}/${byteString(entry.name)}`))
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  }
}

/**
 * A line that is a rule. Its tokens, more than half of what a large file takes, are made again when somebody asks; only
 * those that came out of other files are kept.
 */
class RuleLine implements HbaLine {
  constructor(readonly file: string, readonly line: number, readonly text: string, readonly rule: HbaRule, readonly error: HbaError | null,
    private readonly major: number, private readonly expanded: Token[][] | undefined) {}

  get fields(): readonly (readonly Token[])[] {
    return this.expanded ?? tokenize(this.text, this.major).fields
  }
}

function* reading(options: HbaOptions): Reading<Omit<HbaFile, 'snapshot'>> {
  const { hbaFile, major, features = {} } = options
  const lines: HbaLine[] = []
  const rules: HbaRule[] = []
  const errors: HbaError[] = []
  const uncertain: HbaFile['uncertain'][number][] = []
  const refuse = ({ line, text, fields }: TokenLine, file: string, message: string | null): void => {
    const found: HbaError = { file, line, message: readable(message ?? 'invalid option value'), fatal: true, ...(message === null ? { silent: true } : {}) }
    errors.push(found)
    lines.push({ file, line, text, fields, rule: null, error: found })
  }
  const accept = (tokenLine: TokenLine): void => {
    const { line, text, fields, error } = tokenLine
    const file = readable(tokenLine.file)
    if (error !== null) {
      refuse(tokenLine, file, error)
      return
    }
    try {
      const parsed = parseRule(fields, major, features)
      // Spelled out: with many rules a spread of this many parts is what takes the longest.
      const { type, databases, users, peer, address, mask, method, options: ruleOptions, warning: complaint } = parsed.rule
      const rule: HbaRule = { index: rules.length, file, line, text: readable(text), type, databases, users, peer, address, mask, method, options: ruleOptions, warning: complaint }
      for (const what of parsed.uncertain) uncertain.push({ file, line, ...what })
      const warning: HbaError | null = rule.warning === null ? null : { file, line, message: rule.warning, fatal: false }
      if (warning !== null) errors.push(warning)
      rules.push(rule)
      lines.push(new RuleLine(file, line, text, rule, warning, major, text.includes('@') ? fields : undefined))
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused
      for (const what of refused.uncertain) uncertain.push({ file, line, ...what })
      refuse(tokenLine, file, refused.reason)
    }
  }
  const reader = new Reader(major, accept)
  const opened = yield* reader.file(byteString(hbaFile), 0, true)
  const base = { options, major, features, lines, rules, errors, uncertain, includes: reader.includes }
  if ('failed' in opened) {
    errors.push({ file: hbaFile, line: 0, message: readable(opened.failed), fatal: true })
    return { ...base, files: [], loads: false }
  }
  if (rules.length === 0 && !errors.some((error) => error.fatal)) {
    errors.push({ file: hbaFile, line: 0, message: `configuration file "${hbaFile}" contains no entries`, fatal: true })
  }
  return { ...base, files: [...reader.sources.values()], loads: !errors.some((error) => error.fatal) }
}

/**
 * Reads pg_hba.conf and everything that it includes, as a server of that major reads it.
 * Errors of the files are part of the result; only the source's unexpected errors (without a `code`) are thrown.
 */
export async function readHba(source: FileSource, options: HbaOptions): Promise<HbaFile> {
  const files = new Map<string, Uint8Array | Unreadable>()
  const directories = new Map<string, readonly DirectoryEntry[] | Unreadable>()
  const orCode = (error: unknown): Unreadable => {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') return { code: error.code }
    throw error
  }
  const run = reading(options)
  let step = run.next()
  while (step.done !== true) {
    const request = step.value
    if ('read' in request) {
      const path = readable(request.read)
      if (!files.has(path)) files.set(path, await source.read(path).catch(orCode))
      step = run.next(files.get(path)!)
    } else {
      const path = readable(request.list)
      if (!directories.has(path)) directories.set(path, await source.list(path).catch(orCode))
      step = run.next(directories.get(path)!)
    }
  }
  return { ...step.value, snapshot: { files, directories } }
}

/** The same from what an earlier reading has seen; what it has not seen is missing. */
export function rereadHba(snapshot: Snapshot, options: HbaOptions): HbaFile {
  const missing: Unreadable = { code: 'ENOENT' }
  const run = reading(options)
  let step = run.next()
  while (step.done !== true) {
    const request = step.value
    step = run.next('read' in request
      ? snapshot.files.get(readable(request.read)) ?? missing
      : snapshot.directories.get(readable(request.list)) ?? missing)
  }
  return { ...step.value, snapshot }
}

/**
 * What a server of another major makes of the same files. A path with `..` that it spells differently is taken for the
 * same file: behind a symbolic link it need not be.
 */
export function hbaAsMajor({ options, snapshot: { files, directories } }: HbaFile, major: number): HbaFile {
  const alsoResolved = <T>(read: ReadonlyMap<string, T>): Map<string, T> => new Map([...[...read].map(([path, content]) => [canonical(path), content] as const), ...read])
  return rereadHba({ files: alsoResolved(files), directories: alsoResolved(directories) }, { ...options, major })
}

/** Reads the bytes of one file; whatever it includes is missing. */
export function parseHba(bytes: Uint8Array, options: Omit<HbaOptions, 'hbaFile'> & { readonly hbaFile?: string }): HbaFile {
  const hbaFile = options.hbaFile ?? '/pg_hba.conf'
  return rereadHba({ files: new Map([[hbaFile, bytes]]), directories: new Map() }, { ...options, hbaFile })
}
