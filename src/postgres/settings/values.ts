// Values as guc.c reads them: booleans, integers and reals with units, enums, and the strings that the server checks.
// Source: parse_bool, parse_int, parse_real, convert_to_base_unit and config_enum_lookup_by_name in PostgreSQL's
// src/backend/utils/misc/guc.c; https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-NAMES-VALUES
import { settingInfo } from './info.ts'
import type { SettingInfo } from './info.ts'
import { parseNumber, printNumber } from './numbers.ts'

/** `certain` is false where the machine or the build has the last word. */
export type ParsedValue =
  | { readonly ok: true; readonly canonical: string; readonly certain: boolean }
  | { readonly ok: false; readonly error: string }

/** A boolean: any unambiguous beginning of true, false, yes, no, on, off, in any case, or 1 or 0. */
export function parseBool(text: string): boolean | undefined {
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
 * Whether the server takes this text (unquoted) as a value of a setting, and how it prints it then. Settings that the
 * table does not know, the dotted ones among them, take any text.
 */
export function parseValue(name: string, text: string, major: number): ParsedValue {
  const info = settingInfo(name, major)
  if (info === undefined) return { ok: true, canonical: text, certain: name.includes('.') }
  switch (info.type) {
    case 'bool': {
      const value = parseBool(text)
      return value === undefined ? { ok: false, error: `parameter "${info.name}" requires a Boolean value` } : { ok: true, canonical: value ? 'on' : 'off', certain: true }
    }
    case 'enum': return parseEnum(info, text)
    case 'integer':
    case 'real': return parseNumeric(info, text)
    case 'string': return { ok: true, canonical: text, certain: true }
  }
}

function parseEnum(info: SettingInfo, text: string): ParsedValue {
  const folded = text.replace(/[A-Z]+/g, (capitals) => capitals.toLowerCase())
  const word = info.words.find((known) => known.toLowerCase() === folded) ?? info.aliases.get(folded)
  if (word !== undefined) return { ok: true, canonical: word, certain: true }
  return { ok: false, error: `invalid value for parameter "${info.name}": "${text}"; available: ${info.words.join(', ')}` }
}

function parseNumeric(info: SettingInfo, text: string): ParsedValue {
  const value = parseNumber(text, info.type === 'integer', info.unit)
  if (value === undefined) return { ok: false, error: `invalid value for parameter "${info.name}": "${text}"` }
  const unit = info.unit === undefined ? '' : ` ${info.unit}`
  if (value < info.min! || value > info.max!) return { ok: false, error: `${value}${unit} is outside the valid range for parameter "${info.name}" (${info.min}${unit} .. ${info.max}${unit})` }
  return { ok: true, canonical: printNumber(value, info.type === 'integer', info.unit), certain: true }
}

/** Whether two texts mean the same value to the server; texts that are no valid values only if they are equal. */
export function sameValue(name: string, a: string, b: string, major: number): boolean {
  if (a === b) return true
  const [first, second] = [parseValue(name, a, major), parseValue(name, b, major)]
  return first.ok && second.ok && first.canonical === second.canonical
}
