// Configuration files as people, tools and accidents write them.
import fc from 'fast-check'
import { settingNames } from '../../../src/postgres/settings/index.ts'
import { MAJORS } from '../../support/server.ts'
import { NEEDS_A_SESSION } from './oracle.ts'
import type { Files } from './oracle.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const one = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values)

const KNOWN = [...new Set(MAJORS.flatMap((major) => settingNames(major)))].filter((name) => !NEEDS_A_SESSION.has(name)).sort()
const FAVOURITES = ['archive_mode', 'archive_command', 'archive_library', 'archive_timeout', 'wal_level', 'work_mem', 'wal_keep_size', 'max_wal_size', 'DateStyle', 'sort_mem', 'data_directory', 'port', 'log_line_prefix', 'search_path', 'summarize_wal']

const anyCase = (name: string): fc.Arbitrary<string> => fc.oneof({ weight: 6, arbitrary: fc.constant(name) }, one(name.toUpperCase(), name.toLowerCase(), name.replace(/(^|_)[a-z]/g, (part) => part.toUpperCase())))
const name = fc.oneof(
  { weight: 5, arbitrary: one(...FAVOURITES).chain(anyCase) },
  { weight: 4, arbitrary: one(...KNOWN).chain(anyCase) },
  { weight: 1, arbitrary: one('my.setting', 'A.b', 'plpgsql.variable_conflict', 'x._1', '\xe4.\xf6', 'no_such_thing') },
)
const strangeName = one('a.b.c', 'a.', '.a', '1a', 'a-b', 'a/b', "'a'", '"a"', '\xff', '\xc2\xa0a', '_', 'a$', 'include', 'Include_Dir', 'incl\xfcde', '\xef\xbb\xbfarchive_mode')

const quotedPiece = fc.oneof(
  { weight: 6, arbitrary: fc.stringMatching(/^[A-Za-z0-9 %,./:_-]{0,8}$/) },
  one("''", '\\\\', "\\'", '\\n', '\\t', '\\b', '\\f', '\\r', '\\0', '\\1', '\\101', '\\777', '\\8', '\\x41', '\\"', '\t', '\r', '"', '#', '%p', '\xe9', '\xc3\xa9', '\xe2\x82\xac', '$', ';', '='),
)
const quoted = fc.array(quotedPiece, { maxLength: 4 }).map((pieces) => `'${pieces.join('')}'`)
const plain = one('on', 'off', 'true', 'yes', '0', '1', '10', '64kB', '4MB', '1GB', '0x10', '010', '+5', '-1', '1.5', '.5', '5.', '1e3', '1.5e3', 'replica', 'minimal', 'logical', 'always', 'archive', 'localhost', 'a-b', 'a:b/c_d.e', 'x_y', 'banana', '1h', '500ms', '1d', '2min', '99999999999', '\xfcber')
const strangeValue = one('10.0.0.5', '*', '/tmp/x', '1.5GB', "'a' 'b'", "'abc", "abc'", '"abc"', "E'x'", '', 'a b', 'a.b', 'a,b', "'a\\'", "'''", "''''", "'a''", '$x', '@x', '(1)', '1 GB', '-', '+', '=', '0x', '\x00', '\x0c', '\x0b1', "'a\x00b'", '\x1a', '\xe2\x80\x98a\xe2\x80\x99', '5.5.5', '1e', "1'a'", "'a'1", 'a#b', '-a')
const between = fc.oneof({ weight: 5, arbitrary: one(' = ', '=', ' ', '\t=\t') }, one('', ' =', '= ', '==', ' = = ', '\r=\r', '\x0c=', ':', ' -> '))
const trail = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, one(' ', '\t# comment', '#x', '\r', ' \r', " # it's", ' junk', ';', ',', '\\', '#\x00\xff', " 'x'", '\x0c'))

const goodValue = fc.oneof(quoted, plain)
const goodLine = fc.tuple(name, one(' = ', '=', ' ', '\t'), goodValue, one('', ' # c', '\r', ' ')).map((parts) => parts.join(''))
const oddLine = fc.tuple(fc.oneof({ weight: 4, arbitrary: name }, strangeName), between, fc.oneof(goodValue, strangeValue), trail).map((parts) => parts.join(''))
const filler = one('', '# comment', '#archive_mode = off', '   ', '\t', '\r', '#', '# \xff\x00', '  # x = 1')
const include = fc.tuple(one('include', 'include_if_exists', 'include_dir', 'INCLUDE'), one(' ', ' = ', '='), one("'a.inc'", "'d/b.conf'", "'d'", "'./d/'", "'missing'", "''", "' '", 'd', 'a.inc', "'d/../a.inc'", "'main.conf'", "'../no/x'", "'d//b.conf'", "'./a.inc'")).map((parts) => parts.join(''))
const garbage = fc.uint8Array({ maxLength: 20 }).map((raw) => Buffer.from(raw).toString('latin1').replaceAll('\n', ''))

const lineEnd = fc.oneof({ weight: 8, arbitrary: fc.constant('\n') }, one('\r\n', '\r', '\n\n'))
const fileOf = (line: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.tuple(fc.array(fc.tuple(line, lineEnd), { maxLength }), fc.boolean(), fc.oneof({ weight: 20, arbitrary: fc.constant('') }, one('\xef\xbb\xbf', '\xff\xfe')))
    .map(([lines, ended, mark]) => bytes(mark + lines.map(([text, end], at) => text + (at === lines.length - 1 && !ended ? '' : end)).join('')))

/** NUL right after a quote makes the server write before its buffer: what happens then is nobody's rule. */
const defined = (files: Files): boolean => Object.values(files).every((raw) => !Buffer.from(raw).includes("'\x00"))

/** Files that mostly load: values, duplicates and precedence matter. */
export const soundFiles: fc.Arbitrary<Files> = fc.record({
  'main.conf': fileOf(fc.oneof({ weight: 12, arbitrary: goodLine }, { weight: 2, arbitrary: filler }, { weight: 1, arbitrary: one("include 'a.inc'", "include_dir 'd'", "include_if_exists 'no'", "include_if_exists = 'd/b.conf'") }), 10),
  'a.inc': fileOf(goodLine, 3),
  'd/b.conf': fileOf(goodLine, 2),
  'd/10.conf': fileOf(goodLine, 1),
  'auto.conf': fileOf(goodLine, 3),
})

/** Files with all that can go wrong. */
export const oddFiles: fc.Arbitrary<Files> = fc.record({
  'main.conf': fileOf(fc.oneof({ weight: 5, arbitrary: oddLine }, { weight: 5, arbitrary: goodLine }, { weight: 2, arbitrary: filler }, { weight: 3, arbitrary: include }, { weight: 1, arbitrary: garbage }), 8),
  'a.inc': fileOf(fc.oneof({ weight: 4, arbitrary: goodLine }, oddLine, include), 3),
  'd/b.conf': fileOf(fc.oneof({ weight: 4, arbitrary: goodLine }, oddLine), 2),
  'd/.hidden.conf': fileOf(oddLine, 1),
  'd/x.confx': fileOf(oddLine, 1),
  'd/9.conf': fileOf(fc.oneof({ weight: 4, arbitrary: goodLine }, oddLine), 1),
  'auto.conf': fileOf(fc.oneof({ weight: 6, arbitrary: goodLine }, oddLine), 3),
}).filter(defined)

/** Many small files, each included for itself: what one line means, and where its error is. */
export const manyLines: fc.Arbitrary<Files> = fc.array(fc.oneof({ weight: 6, arbitrary: oddLine }, { weight: 1, arbitrary: garbage }), { minLength: 1, maxLength: 25 }).map((lines): Files => ({
  'main.conf': bytes(lines.map((_, at) => `include 'l${at}.inc'`).join('\n')),
  ...Object.fromEntries(lines.map((line, at) => [`l${at}.inc`, bytes(line)])),
})).filter(defined)

/** A real file after an accident. */
export function damaged(samples: readonly Uint8Array[]): fc.Arbitrary<Files> {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const harm = fc.record({ kind: one('cut', 'drop', 'byte', 'insert', 'double', 'join', 'uncomment', 'uncomment', 'uncomment', 'uncomment', 'eol'), at: place, length: fc.nat(40), byte: fc.oneof(one(0x27, 0x5c, 0x0a, 0x0d, 0x23, 0x3d, 0x00, 0xff, 0x20, 0x2e), fc.nat(255)), text: fc.oneof(oddLine, goodLine) })
  return fc.tuple(fc.nat(samples.length - 1), fc.array(harm, { minLength: 1, maxLength: 6 }), place).map(([which, harms, from]): Files => {
    const whole = Buffer.from(samples[which]!)
    // A piece of the file is enough, and quicker.
    const start = whole.indexOf(10, Math.floor(from * whole.length * 0.8)) + 1
    let file: Uint8Array = whole.subarray(start, start + 3000)
    for (const { kind, at, length, byte, text } of harms) {
      const here = Math.floor(at * file.length)
      const lineStart = file.lastIndexOf(10, here) + 1
      if (kind === 'cut') file = file.subarray(0, here)
      else if (kind === 'drop') file = Buffer.concat([file.subarray(0, here), file.subarray(here + length)])
      else if (kind === 'byte') file = Buffer.concat([file.subarray(0, here), Buffer.from([byte]), file.subarray(here + 1)])
      else if (kind === 'insert') file = Buffer.concat([file.subarray(0, lineStart), bytes(`${text}\n`), file.subarray(lineStart)])
      else if (kind === 'double') file = Buffer.concat([file.subarray(0, here), file.subarray(lineStart)])
      else if (kind === 'join') file = Buffer.concat([file.subarray(0, Math.max(0, lineStart - 1)), file.subarray(lineStart)])
      else if (kind === 'uncomment' && file[lineStart] === 0x23) file = Buffer.concat([file.subarray(0, lineStart), file.subarray(lineStart + 1)])
      else if (kind === 'eol') file = bytes(Buffer.from(file).toString('latin1').replaceAll('\n', '\r\n'))
    }
    return { 'main.conf': new Uint8Array(file) }
  }).filter(defined)
}
