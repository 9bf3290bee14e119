// Where a setting is written so that it wins, and the bytes that change. Nothing else in the file does.
import { sameValue } from '../settings/index.ts'
import { settingName } from '../settings/names.ts'
import { commentedEntry } from './document.ts'
import type { ConfDocument, Span } from './document.ts'
import { withFile } from './configuration.ts'
import type { Configuration, ConfigurationFile, Place, SettingLine } from './configuration.ts'
import { plainOrQuoted, quoteValue } from './quote.ts'
import { encode, sameBytes, splice } from './text.ts'

/** Bytes of one file replaced: `before` at `offset` becomes `after`. */
export interface FileEdit extends Place {
  readonly offset: number
  readonly before: Uint8Array
  readonly after: Uint8Array
}

export type Change =
  /** The configuration says so already. */
  | { readonly kind: 'none'; readonly name: string }
  /** Edits of one or more files, to be applied in order. */
  | { readonly kind: 'edit'; readonly name: string; readonly how: 'replace' | 'after-default' | 'append' | 'remove'; readonly edits: readonly FileEdit[] }
  /** postgresql.auto.conf decides: ALTER SYSTEM SET, or RESET where `value` is undefined. `forbidden`: allow_alter_system is off. */
  | { readonly kind: 'alter-system'; readonly name: string; readonly value: string | undefined; readonly at: Place; readonly forbidden: boolean }
  /** The command line decides: no file can help. */
  | { readonly kind: 'command-line'; readonly name: string; readonly value: string }
  /** No place in the files makes it win. */
  | { readonly kind: 'impossible'; readonly name: string }

/**
 * How to give a setting a value (text as it should reach the server, unquoted).
 * @throws RangeError when the value holds NUL, or the name is not one that a configuration file can hold.
 */
export function planSetting(configuration: Configuration, name: string, value: string): Change {
  if (!/^[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*(\.[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?$/.test(name)) throw new RangeError(`not the name of a setting: ${name}`)
  quoteValue(value)
  const current = configuration.get(name)
  if (current !== undefined && sameValue(name, current.value, value, configuration.major)) return { kind: 'none', name }
  if (current?.source === 'command line') return { kind: 'command-line', name, value: current.value }
  const winner = configuration.lines.find((line) => line.wins && settingName(line.name, configuration.major) === settingName(name, configuration.major))
  if (winner?.auto === true) return { kind: 'alter-system', name, value, at: { file: winner.file, line: winner.line }, forbidden: alterSystemForbidden(configuration) }
  const main = configuration.files.find(({ path }) => path === configuration.configFile)
  const attempts = winner !== undefined
    ? [() => replaceValue(configuration, winner, name, value)]
    : main === undefined ? [] : [() => insertAfterDefault(main, name, value, configuration.major), () => append(main, name, value)]
  for (const attempt of attempts) {
    const change = attempt()
    if (change === undefined) continue
    const changed = applyChange(configuration, change)
    if (changed.get(name)?.value !== value) continue
    proven.set(change, { from: configuration, to: changed })
    return change
  }
  return { kind: 'impossible', name }
}

/** How to leave a setting to its default: every active line goes. The change may need two steps when postgresql.auto.conf has lines too: the files first. */
export function removeSetting(configuration: Configuration, name: string): Change {
  const key = settingName(name, configuration.major)
  const lines = configuration.lines.filter((line) => settingName(line.name, configuration.major) === key)
  const winner = lines.find((line) => line.wins)
  const current = configuration.get(name)
  if (current?.source === 'command line') return { kind: 'command-line', name, value: current.value }
  const own = new Map(lines.filter(({ auto }) => !auto).map((line) => [`${line.line} ${line.file}`, line]))
  // From the end of each file, so that the offsets of the edits before stay what they are.
  const edits = [...own.values()].sort((a, b) => b.line - a.line).map((line) => removeLine(configuration, line))
  if (edits.length > 0) return { kind: 'edit', name, how: 'remove', edits }
  if (winner !== undefined) return { kind: 'alter-system', name, value: undefined, at: { file: winner.file, line: winner.line }, forbidden: alterSystemForbidden(configuration) }
  return { kind: 'none', name }
}

/** Several settings, each planned on the result of those before. */
export function planSettings(configuration: Configuration, settings: Iterable<readonly [name: string, value: string]>): { readonly changes: readonly Change[]; readonly configuration: Configuration } {
  const changes: Change[] = []
  for (const [name, value] of settings) {
    const change = planSetting(configuration, name, value)
    changes.push(change)
    configuration = applyChange(configuration, change)
  }
  return { changes, configuration }
}

/** What planning has evaluated already: a large file need not be read again. */
const proven = new WeakMap<Change, { readonly from: Configuration; readonly to: Configuration }>()

/** The configuration with a change made; only changes of kind `edit` touch files. */
export function applyChange(configuration: Configuration, change: Change): Configuration {
  if (change.kind !== 'edit') return configuration
  const known = proven.get(change)
  if (known?.from === configuration) return known.to
  const contents = new Map(configuration.files.map(({ path, bytes }) => [path, bytes]))
  for (const edit of change.edits) contents.set(edit.file, applyEdit(contents.get(edit.file)!, edit))
  for (const file of new Set(change.edits.map((edit) => edit.file))) configuration = withFile(configuration, file, contents.get(file)!)
  return configuration
}

export function applyEdit(bytes: Uint8Array, { offset, before, after }: FileEdit): Uint8Array {
  return splice(bytes, offset, offset + before.length, after)
}

/** The edit that takes an applied edit back. */
export function invertEdit(edit: FileEdit): FileEdit {
  return { ...edit, before: edit.after, after: edit.before }
}

/** Files whose bytes differ between two evaluations. */
export function changedFiles(from: Configuration, to: Configuration): readonly { readonly path: string; readonly before: Uint8Array; readonly after: Uint8Array }[] {
  const old = new Map(from.files.map(({ path, bytes }) => [path, bytes]))
  return to.files.flatMap(({ path, bytes }) => {
    const before = old.get(path)
    return before === undefined || sameBytes(before, bytes) ? [] : [{ path, before, after: bytes }]
  })
}

function alterSystemForbidden(configuration: Configuration): boolean {
  const allowed = configuration.major >= 17 ? configuration.get('allow_alter_system')?.value : undefined
  return allowed !== undefined && !sameValue('allow_alter_system', allowed, 'on', configuration.major)
}

function replaceValue(configuration: Configuration, line: SettingLine, name: string, value: string): Change {
  const { document } = configuration.files.find(({ path }) => path === line.file)!
  const { valueSpan, nameSpan, quoted } = line.entry
  const text = encode(quoted ? quoteValue(value) : plainOrQuoted(value))
  const before = document.bytes.slice(valueSpan.start, valueSpan.end)
  // Without a blank or an equals sign between, only a quoted value may follow the name.
  const after = nameSpan.end === valueSpan.start ? encode(quoteValue(value)) : text
  return { kind: 'edit', name, how: 'replace', edits: [{ file: line.file, line: line.line, offset: valueSpan.start, before, after }] }
}

function insertAfterDefault(main: ConfigurationFile, name: string, value: string, major: number): Change | undefined {
  const found = commentedDefault(main.document, name, major)
  if (found === undefined) return undefined
  return insertLine(main, name, value, found.span.end, found.line + 1, 'after-default')
}

function append(main: ConfigurationFile, name: string, value: string): Change {
  const { bytes } = main
  const lines = countLines(bytes)
  return insertLine(main, name, value, bytes.length, bytes.at(-1) === LF || bytes.length === 0 ? lines : lines + 1, 'append')
}

const LF = 10
const CR = 13

/** A line of its own at the end of the line that ends at `at` (its LF, or the end of the file). */
function insertLine(main: ConfigurationFile, name: string, value: string, at: number, line: number, how: 'after-default' | 'append'): Change {
  const { bytes } = main
  const eol = lineEnd(bytes, at)
  const text = `${name} = ${plainOrQuoted(value)}${eol}`
  const atLineStart = at === 0 || bytes[at - 1] === LF
  const [offset, inserted] = bytes[at] === LF ? [at + 1, text] : [at, atLineStart ? text : `${bytes[at - 1] === CR ? '\n' : eol}${text}`]
  return { kind: 'edit', name, how, edits: [{ file: main.path, line, offset, before: new Uint8Array(0), after: encode(inserted) }] }
}

/** How lines end around an offset: as the line there, or where that one has no end, as the first line of the file. */
function lineEnd(bytes: Uint8Array, at: number): '\n' | '\r\n' {
  const here = bytes[at] === LF ? at : bytes[at - 1] === LF ? at - 1 : bytes.indexOf(LF)
  return here > 0 && bytes[here - 1] === CR ? '\r\n' : '\n'
}

function countLines(bytes: Uint8Array): number {
  let count = 1
  for (const byte of bytes) if (byte === LF) count++
  return count
}

/** The line that shows a setting's default: the first that starts with `#name =`, else the first comment of that shape. */
function commentedDefault({ bytes }: ConfDocument, name: string, major: number): { readonly span: Span; readonly line: number } | undefined {
  const key = settingName(name, major)
  let loose: { span: Span; line: number } | undefined
  let line = 0
  for (let start = 0; start < bytes.length;) {
    line++
    const found = bytes.indexOf(LF, start)
    const end = found === -1 ? bytes.length : found
    const entry = commentedEntry(bytes, { start, end }, (each) => settingName(each, major) === key)
    if (entry !== undefined) {
      if (entry.nameSpan.start === start + 1) return { span: { start, end }, line }
      loose ??= { span: { start, end }, line }
    }
    start = end + 1
  }
  return loose
}

function removeLine(configuration: Configuration, line: SettingLine): FileEdit {
  const { bytes } = configuration.files.find(({ path }) => path === line.file)!
  const { start, end } = line.entry.span
  return { file: line.file, line: line.line, offset: start, before: bytes.slice(start, Math.min(end + 1, bytes.length)), after: new Uint8Array(0) }
}
