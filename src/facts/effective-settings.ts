/**
 * What the files say beside what the server runs with, setting by setting. pg_settings.pending_restart alone does not tell:
 * it stays true after a change was taken back, and it is true where the command line wins anyway, so values are compared.
 * @see https://www.postgresql.org/docs/current/view-file-settings.html
 * @see https://www.postgresql.org/docs/current/config-setting.html
 */
import { commentedEntry } from '../postgres/conf/document.ts'
import type { Configuration, Place } from '../postgres/conf/index.ts'
import { parseValue, sameValue, settingInfo, settingName } from '../postgres/settings/index.ts'
import { configurationFact } from './configuration.ts'
import type { ConfigurationFact } from './configuration.ts'
import { FactUnavailable } from './fact.ts'
import type { Fact, Unavailable } from './fact.ts'
import { liveSettingsFact } from './live-settings.ts'
import type { LiveSetting } from './live-settings.ts'
import { RELEVANT_SETTINGS } from './relevant-settings.ts'

export interface SettingLineView extends Place {
  readonly value: string
  /** In postgresql.auto.conf, which ALTER SYSTEM owns. */
  readonly auto: boolean
  readonly wins: boolean
}

export interface EffectiveSetting {
  readonly name: string
  /** As SHOW prints it; absent when the server is down or lets nobody in. */
  readonly running?: { readonly value: string; readonly source: string }
  /** What the next start would give it, as SHOW would print it; absent when a file that may decide could not be read. */
  readonly configured?: { readonly value: string; readonly from: 'file' | 'auto' | 'command line' | 'default' }
  /** Every active line about it, in reading order. */
  readonly lines: readonly SettingLineView[]
  /** What it takes until the server runs with what the files say; `unknown` where one of both is. */
  readonly pending: 'none' | 'reload' | 'restart' | 'unknown'
  /** Where to look: the line that wins, else the commented-out default. */
  readonly at?: Place
}

export interface EffectiveSettings {
  /** Undefined for a name that this major does not have. */
  get(name: string): EffectiveSetting | undefined
  readonly all: readonly EffectiveSetting[]
  /** Whether the server was asked. */
  readonly live: boolean
  /** Whether all the files were read. */
  readonly complete: boolean
  /** Why the server could not be asked. */
  readonly liveMissing?: Unavailable
  /** Why no file could be read at all. */
  readonly filesMissing?: Unavailable
  /** A file that could not be read and may decide; undefined when all were read. */
  readonly unreadable?: string
}

export const effectiveSettingsFact: Fact<EffectiveSettings> = {
  name: 'effective-settings',
  async gather(from) {
    const [files, live] = await Promise.all([from.fact(configurationFact), from.fact(liveSettingsFact)])
    if (!files.ok && !live.ok) throw new FactUnavailable(files.why)
    const merged = mergeSettings(from.cluster.major, files.ok ? files.value : undefined, live.ok ? live.value : undefined)
    return { ...merged, ...(files.ok ? {} : { filesMissing: files.why }), ...(live.ok ? {} : { liveMissing: live.why }) }
  },
  saved: {
    pack: ({ all, live, complete, liveMissing, filesMissing, unreadable }) => ({ all, live, complete, liveMissing, filesMissing, unreadable }),
    unpack: (data) => withGet(data as Omit<EffectiveSettings, 'get'>),
  },
}

function withGet(data: Omit<EffectiveSettings, 'get'>): EffectiveSettings {
  const byName = new Map(data.all.map((setting) => [setting.name, setting]))
  return { ...data, get: (name) => byName.get(name) }
}

/** Joins both views; either may be missing. */
export function mergeSettings(major: number, files: ConfigurationFact | undefined, live: ReadonlyMap<string, LiveSetting> | undefined): EffectiveSettings {
  const names = new Set<string>(RELEVANT_SETTINGS)
  for (const name of live?.keys() ?? []) if (name.includes('.')) names.add(name)
  for (const { name } of files?.configuration.lines ?? []) if (name.toLowerCase().startsWith('basic_archive.')) names.add(name.toLowerCase())
  const comments = files === undefined ? new Map<string, Place>() : commentedDefaults(files.configuration)
  const settings = new Map<string, EffectiveSetting>()
  for (const name of names) {
    const known = live?.get(name)
    if (known === undefined && settingInfo(name, major) === undefined && !name.includes('.')) continue
    settings.set(name, mergeOne(name, major, files, known, comments.get(name)))
  }
  const unreadable = files === undefined ? undefined : files.unreadable[0]
  return withGet({ all: [...settings.values()], live: live !== undefined, complete: files?.complete ?? false, ...(unreadable === undefined ? {} : { unreadable }) })
}

function mergeOne(name: string, major: number, files: ConfigurationFact | undefined, live: LiveSetting | undefined, comment: Place | undefined): EffectiveSetting {
  const lines = (files?.configuration.lines ?? [])
    .filter((line) => settingName(line.name, major) === name)
    .map(({ file, line, value, auto, wins }) => ({ file, line, value, auto, wins }))
  const configured = configuredValue(name, major, files, lines, live)
  const winner = lines.find((line) => line.wins)
  const place = winner ?? (live !== undefined && live.sourceFile !== null && live.sourceLine !== null ? { file: live.sourceFile, line: live.sourceLine } : comment)
  return {
    name,
    lines,
    ...(live === undefined ? {} : { running: { value: live.value, source: live.source } }),
    ...(configured === undefined ? {} : { configured }),
    pending: pendingOf(name, major, configured, live),
    ...(place === undefined ? {} : { at: { file: place.file, line: place.line } }),
  }
}

/** What the next start would give a setting; undefined when a file that may decide could not be read. */
export function configuredValue(name: string, major: number, files: ConfigurationFact | undefined, lines: readonly SettingLineView[], live: LiveSetting | undefined): EffectiveSetting['configured'] {
  if (files === undefined) return undefined
  const said = files.configuration.get(name)
  if (said?.source === 'command line') return { value: canonical(name, said.value, major), from: 'command line' }
  if (!files.complete) return undefined
  if (said !== undefined) return { value: canonical(name, said.value, major), from: lines.find((line) => line.wins)?.auto === true ? 'auto' : 'file' }
  const fallback = live === undefined ? settingInfo(name, major)?.default : live.bootValue ?? undefined
  return fallback === undefined ? undefined : { value: canonical(name, fallback, major), from: 'default' }
}

/** Sources that no file can change: the server's own, or a session's. */
const BEYOND_FILES = new Set(['command line', 'override', 'environment variable', 'client', 'session', 'database', 'user', 'database user', 'interactive', 'test'])

/** What it takes until the server runs with what the files say, by comparing the values. */
export function pendingOf(name: string, major: number, configured: EffectiveSetting['configured'], live: LiveSetting | undefined): EffectiveSetting['pending'] {
  if (live === undefined) return 'none'
  if (live.context === 'internal' || BEYOND_FILES.has(live.source)) return 'none'
  if (configured === undefined) return 'unknown'
  if (configured.from === 'default' && live.source === 'default') return 'none'
  if (sameValue(name, live.value, configured.value, major)) return 'none'
  return live.context === 'postmaster' ? 'restart' : 'reload'
}

function canonical(name: string, text: string, major: number): string {
  const parsed = parseValue(name, text, major)
  return parsed.ok ? parsed.canonical : text
}

const RELEVANT: ReadonlySet<string> = new Set(RELEVANT_SETTINGS)

/** The last commented-out default of each setting in the main file. */
function commentedDefaults({ configFile, files }: Configuration): Map<string, Place> {
  const found = new Map<string, Place>()
  const bytes = files.find(({ path }) => path === configFile)?.bytes
  if (bytes === undefined) return found
  let line = 0
  for (let start = 0; start < bytes.length; ) {
    line++
    const lf = bytes.indexOf(10, start)
    const end = lf === -1 ? bytes.length : lf
    const entry = bytes[start] === 35 ? commentedEntry(bytes, { start, end }, (name) => RELEVANT.has(name.toLowerCase())) : undefined
    if (entry !== undefined) found.set(entry.name.toLowerCase(), { file: configFile, line })
    start = end + 1
  }
  return found
}
