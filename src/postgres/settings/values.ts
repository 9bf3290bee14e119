// Values as guc.c reads them: booleans, integers and reals with units, enums, and the strings that the server checks.
// Source: parse_bool, parse_int, parse_real, convert_to_base_unit and config_enum_lookup_by_name in PostgreSQL's
// src/backend/utils/misc/guc.c; https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-NAMES-VALUES
import { settingInfo } from './info.ts'
import type { SettingInfo } from './info.ts'
import { settingName } from './names.ts'
import { parseNumber, printNumber } from './numbers.ts'
import { checkBool, checkNumber, checkString } from './strings.ts'
import type { CheckContext, Objection } from './strings.ts'

/**
 * A value that the server takes, `canonical` as it prints it (`value` is that in the setting's own unit, for numbers
 * and booleans), or one that it refuses. `depends` names what has the last word where the files alone do not tell.
 */
export type ParsedValue =
  | { readonly ok: true; readonly canonical: string; readonly value: string | number | boolean; readonly depends?: string }
  | { readonly ok: false; readonly error: string }

/** A boolean: any unambiguous beginning of true, false, yes, no, on, off, in any case, or 1 or 0. */
function parseBool(text: string): boolean | undefined {
  if (text === '1') return true
  if (text === '0') return false
  if (!/^[A-Za-z]+$/.test(text)) return undefined
  const folded = text.toLowerCase()
  if (folded === 'o') return undefined
  for (const [word, value] of [['true', true], ['false', false], ['yes', true], ['no', false], ['on', true], ['off', false]] as const) {
    if (word.startsWith(folded)) return value
  }
  return undefined
}

/**
 * Whether the server takes this text (unquoted) as a value of a setting. Names that the table does not have, the dotted
 * ones among them, take any text.
 */
export function parseValue(name: string, text: string, major: number, options: { readonly windows?: boolean } = {}): ParsedValue {
  const info = settingInfo(name, major)
  if (info === undefined) return { ok: true, canonical: text, value: text }
  const context = { major, windows: options.windows ?? false }
  const key = settingName(info.name, major)
  switch (info.type) {
    case 'bool': {
      const value = parseBool(text)
      if (value === undefined) return { ok: false, error: `parameter "${info.name}" requires a Boolean value` }
      return judged(info, text, value ? 'on' : 'off', value, checkBool(key, value))
    }
    case 'enum': return parseEnum(info, text)
    case 'integer':
    case 'real': return parseNumeric(info, key, text, context)
    case 'string': return judged(info, text, text, text, checkString(key, text, context))
  }
}

function refused(info: SettingInfo, text: string, why?: string): ParsedValue {
  return { ok: false, error: `invalid value for parameter "${info.name}": "${text}"${why === undefined ? '' : `: ${why}`}` }
}

function judged(info: SettingInfo, text: string, canonical: string, value: string | number | boolean, objection: Objection): ParsedValue {
  if (objection === undefined) return { ok: true, canonical, value }
  return 'bad' in objection ? refused(info, text, objection.bad) : { ok: true, canonical, value, depends: objection.depends }
}

/** Words that only some platforms or builds have. */
const BUILD_WORDS: Readonly<Record<string, readonly string[]>> = {
  default_toast_compression: ['lz4'],
  dynamic_shared_memory_type: ['posix', 'sysv', 'windows', 'mmap'],
  file_copy_method: ['clone'],
  file_extend_method: ['posix_fallocate'],
  io_method: ['io_uring'],
  recovery_init_sync_method: ['syncfs'],
  shared_memory_type: ['sysv', 'mmap', 'windows'],
  syslog_facility: ['none', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
  wal_compression: ['lz4', 'zstd'],
  wal_sync_method: ['fsync_writethrough', 'fdatasync', 'open_sync', 'open_datasync'],
}

function parseEnum(info: SettingInfo, text: string): ParsedValue {
  const folded = text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase())
  const word = info.words.find((known) => known.toLowerCase() === folded) ?? info.aliases.get(folded)
  const built = BUILD_WORDS[info.name]?.includes(folded) === true
  const canonical = word ?? folded
  if (built) return { ok: true, canonical, value: canonical, depends: 'how the server was built' }
  if (word === undefined) return refused(info, text, `available: ${info.words.join(', ')}`)
  const strict = (info.name === 'huge_pages' || info.name === 'recovery_prefetch') && word === 'on'
  return { ok: true, canonical, value: canonical, ...strict ? { depends: 'what the machine offers' } : {} }
}

function parseNumeric(info: SettingInfo, key: string, text: string, context: CheckContext): ParsedValue {
  const integer = info.type === 'integer'
  const value = parseNumber(text, integer, info.unit)
  if (value === undefined) return refused(info, text)
  const unit = info.unit === undefined ? '' : ` ${info.unit}`
  if (value < info.min! || value > info.max!) return { ok: false, error: `${value}${unit} is outside the valid range for parameter "${info.name}" (${info.min} .. ${info.max})` }
  const octal = key === 'unix_socket_permissions' || key === 'log_file_mode' || key === 'data_directory_mode'
  const canonical = octal ? value.toString(8).padStart(4, '0') : printNumber(value, integer, info.unit)
  // A long has 32 bits on Windows, where the servers before 18 counted the bytes of some sizes in one.
  const long = context.windows && context.major < 18 && info.unit === 'kB' && value > 2 ** 21 - 1
  return judged(info, text, canonical, value, long ? { depends: 'the width of a long' } : checkNumber(key, value, context))
}

/** Whether two texts mean the same value to the server; texts that are no valid values only if they are equal. */
export function sameValue(name: string, a: string, b: string, major: number): boolean {
  if (a === b) return true
  const [first, second] = [parseValue(name, a, major), parseValue(name, b, major)]
  return first.ok && second.ok && first.value === second.value
}
