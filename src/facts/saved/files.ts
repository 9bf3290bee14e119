/**
 * Configuration files inside saved facts: what was read, without its secrets but otherwise as it stands, so that the same
 * reader makes the same of it. What is masked keeps its quotes, and lists keep their number of members.
 */
import { parseConf, quoteValue } from '../../postgres/conf/index.ts'
import { decode, encode, splice } from '../../postgres/conf/text.ts'
import type { DirectoryEntry, FileSource } from '../../postgres/file-source.ts'
import { fromByteString, toByteString } from '../../postgres/hba/bytes.ts'
import { MASK, redact, redactLine, redactValue } from '../../report/redact.ts'
import { Verbatim } from './tagged.ts'

interface Failed { readonly failed: string }
/** `latin1`: a file that is no UTF-8, each byte as the character of the same number. */
type StoredFile = { readonly text: string } | { readonly latin1: string } | Failed

/** What a reading has seen, as it stands in the file of facts. */
export interface StoredReads {
  readonly files: readonly (readonly [path: string, file: StoredFile])[]
  readonly directories: readonly (readonly [path: string, entries: readonly DirectoryEntry[] | Failed])[]
}

/** @param redacted takes the secrets out of a file */
export function storeReads(
  files: ReadonlyMap<string, Uint8Array | Failed>,
  directories: ReadonlyMap<string, readonly DirectoryEntry[] | Failed>,
  redacted: (bytes: Uint8Array) => Uint8Array,
): object {
  return {
    files: [...files].map(([path, file]) => [path, 'failed' in file ? { failed: file.failed } : stored(redacted(file))]),
    directories: [...directories].map(([path, entries]) => [path, 'failed' in entries ? { failed: entries.failed } : entries.map(({ name, directory }) => ({ name, directory }))]),
  }
}

function stored(bytes: Uint8Array): object {
  try {
    return { text: new Verbatim(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) }
  } catch {
    return { latin1: new Verbatim(toByteString(bytes)) }
  }
}

/** The reads again, for a reader of postgresql.conf or pg_hba.conf. What was not read then is missing. */
export function storedSource({ files, directories }: StoredReads): FileSource {
  const contents = new Map(files)
  const listings = new Map(directories)
  return {
    async read(path) {
      const file = contents.get(path) ?? { failed: 'ENOENT' }
      if ('failed' in file) throw failure(path, file.failed)
      return 'text' in file ? new TextEncoder().encode(file.text) : fromByteString(file.latin1)
    },
    async list(path) {
      const entries = listings.get(path) ?? { failed: 'ENOENT' }
      if ('failed' in entries) throw failure(path, entries.failed)
      return [...entries]
    },
  }
}

function failure(path: string, code: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code })
}

/** postgresql.conf: secret values behind a setting's name become another quoted text, and comments lose theirs. */
export function redactConf(bytes: Uint8Array): Uint8Array {
  const byLine = new Map(parseConf(bytes).entries.map((entry) => [entry.line, entry]))
  let result = bytes
  // From the end, so that the places before stay where they are.
  const starts = [0]
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) starts.push(at + 1)
  for (let index = starts.length - 1; index >= 0; index--) {
    const start = starts[index]!
    const end = index + 1 < starts.length ? starts[index + 1]! - 1 : bytes.length
    const entry = byLine.get(index + 1)
    if (entry === undefined) {
      result = spliceText(result, start, end, comment)
      continue
    }
    const { start: from, end: to } = entry.valueSpan
    result = spliceText(result, to, end, redact)
    const value = redactValue(entry.name, entry.value)
    if (value !== entry.value) result = splice(result, from, to, encode(quoteValue(value)))
  }
  return result
}

function spliceText(bytes: Uint8Array, start: number, end: number, redacted: (text: string) => string): Uint8Array {
  const text = decode(bytes.subarray(start, end))
  const safe = redacted(text)
  return safe === text ? bytes : splice(bytes, start, end, encode(safe))
}

/** A line that sets nothing; a commented-out setting is redacted as the setting would be. */
function comment(line: string): string {
  const [, signs = '', rest = ''] = /^([\s#]*)([^]*)$/.exec(line) ?? []
  const [, text = '', end = ''] = /^([^]*?)(\s*)$/.exec(rest) ?? []
  return `${signs}${redactLine(text)}${end}`
}

const SECRET_OPTION = /(?:ldapbindpasswd|radiussecrets)"?=/gi

/** pg_hba.conf: the values of the two options that are secrets, comments' words for secrets, and nothing that moves a field. */
export function redactHba(bytes: Uint8Array): Uint8Array {
  const source = toByteString(bytes)
  let result = ''
  let done = 0
  SECRET_OPTION.lastIndex = 0
  for (let found = SECRET_OPTION.exec(source); found !== null; found = SECRET_OPTION.exec(source)) {
    const from = found.index + found[0].length
    const before = source.slice(done, from)
    const to = endOfWord(source, from)
    result += elsewhere(before) + masked(source.slice(from, to))
    done = to
    SECRET_OPTION.lastIndex = to
  }
  result += elsewhere(source.slice(done))
  return fromByteString(result.replaceAll(MASK, toByteString(encode(MASK))))
}

/** Where the word that a place lies in ends: at a blank outside of quotes, or with its line. */
function endOfWord(text: string, from: number): number {
  let lineStart = text.lastIndexOf('\n', from - 1) + 1
  while (lineStart > 1 && /\\\r?\n$/.test(text.slice(Math.max(0, lineStart - 3), lineStart))) lineStart = text.lastIndexOf('\n', lineStart - 2) + 1
  let quoted = (text.slice(lineStart, from).match(/"/g)?.length ?? 0) % 2 === 1
  let at = from
  for (; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') quoted = !quoted
    if (character === '\n' && !/\\\r?$/.test(text.slice(Math.max(0, at - 2), at))) break
    if (!quoted && (character === ' ' || character === '\t' || character === '\r')) break
  }
  return text[at - 1] === '\r' && text[at] === '\n' ? at - 1 : at
}

/** Quotes, commas, and the backslash and line end of a continuation stay: they are what the reader goes by. */
function masked(value: string): string {
  return value.replace(/(?:(?!\\\r?\n|\\$)[^",\r\n])+/g, MASK)
}

function elsewhere(text: string): string {
  return text.split('\n').map((line) => {
    const [, words = '', end = ''] = /^([^]*?)([\\\s]*)$/.exec(line) ?? []
    return `${redactWords(words)}${end}`
  }).join('\n')
}

/** The pieces end where a secret option begins, whose name alone would be taken for one with its value. */
function redactWords(words: string): string {
  const [, text = words, option = ''] = /^([^]*?)((?:ldapbindpasswd|radiussecrets)"?=)$/i.exec(words) ?? []
  return `${redact(text)}${option}`
}
