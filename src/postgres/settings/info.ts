// The table of settings, by name and major version.
// https://www.postgresql.org/docs/current/view-pg-settings.html
import { settingName } from './names.ts'
import { TABLE } from './table.ts'

export type SettingType = 'bool' | 'integer' | 'real' | 'string' | 'enum'

/** When a change counts: `internal` never, `postmaster` at a restart, `sighup` at a reload, the others also in a session. */
export type SettingContext = 'internal' | 'postmaster' | 'sighup' | 'superuser-backend' | 'backend' | 'superuser' | 'user'

export interface SettingInfo {
  /** With the server's own capitals, e.g. `DateStyle`. */
  readonly name: string
  readonly type: SettingType
  readonly context: SettingContext
  /** Unit of `min`, `max`, `default` and of a bare number, e.g. `kB`, `8kB`, `ms`; undefined for none. */
  readonly unit: string | undefined
  /** Limits of integer and real settings. */
  readonly min: number | undefined
  readonly max: number | undefined
  /** Words of an enum setting as the server prints them. */
  readonly words: readonly string[]
  /** Further words that an enum setting takes, with what they mean. */
  readonly aliases: ReadonlyMap<string, string>
  /** The built-in default; empty where there is none or the build decides. */
  readonly default: string
  /** Whether a change needs a restart. */
  readonly restart: boolean
  /** False for a major that no table was made for: this is then what the nearest one has. */
  readonly tested: boolean
}

export const OLDEST_MAJOR = 12
export const NEWEST_MAJOR = 18

interface Row { readonly from: number; readonly to: number; readonly info: SettingInfo }
let rows: Map<string, Row[]> | undefined

function table(): Map<string, Row[]> {
  if (rows !== undefined) return rows
  rows = new Map()
  for (const line of TABLE.trim().split('\n')) {
    const [name, from, to, type, context, unit, min, max, words, ...boot] = line.split('|') as [string, string, string, SettingType, SettingContext, string, string, string, string, string]
    const listed = words === '' ? [] : words.split(',')
    const info: SettingInfo = {
      name, type, context,
      unit: unit === '' ? undefined : unit,
      min: limit(min), max: limit(max),
      words: listed.filter((word) => !word.includes('=')),
      aliases: new Map(listed.filter((word) => word.includes('=')).map((word) => word.split('=') as [string, string])),
      default: boot.join('|'),
      restart: context === 'postmaster',
      tested: true,
    }
    const key = name.toLowerCase()
    const known = rows.get(key)
    const row = { from: Number(from), to: to === '' ? NEWEST_MAJOR : Number(to), info }
    if (known === undefined) rows.set(key, [row])
    else known.push(row)
  }
  return rows
}

/** The server prints the largest double with six digits. */
function limit(text: string): number | undefined {
  if (text === '') return undefined
  return text === '1.79769e+308' ? Number.MAX_VALUE : text === '-1.79769e+308' ? -Number.MAX_VALUE : Number(text)
}

function nearest(major: number): number {
  return Math.min(NEWEST_MAJOR, Math.max(OLDEST_MAJOR, major))
}

/**
 * A setting in a major version, by any of its names; undefined where that version has none (a dotted name is never known).
 * For a major outside 12 to 18 the nearest of them answers, marked as not `tested`.
 */
export function settingInfo(name: string, major: number): SettingInfo | undefined {
  const version = nearest(major)
  const info = table().get(settingName(name, version))?.find(({ from, to }) => from <= version && version <= to)?.info
  return info === undefined || version === major ? info : { ...info, tested: false }
}

/** The names of all settings of a major, in lower case. */
export function settingNames(major: number): string[] {
  const version = nearest(major)
  return [...table()].filter(([, versions]) => versions.some(({ from, to }) => from <= version && version <= to)).map(([name]) => name)
}
