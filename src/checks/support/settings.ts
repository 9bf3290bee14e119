import type { EffectiveSetting, EffectiveSettings } from '../../facts/effective-settings.ts'
import { parseNumber } from '../../postgres/settings/numbers.ts'
import { cannotJudge } from '../check.ts'

/** What counts now: what the server runs with, else, with the server down, what it would start with. Throws CannotJudge where neither is known. */
export function inForce(settings: EffectiveSettings, name: string): string {
  const value = knownValue(settings.get(name))
  if (value !== undefined) return value
  throw settings.unreadable === undefined ? cannotJudge('not-applicable') : cannotJudge('not-readable', { target: settings.unreadable })
}

export function knownValue(setting: EffectiveSetting | undefined): string | undefined {
  return setting?.running?.value ?? setting?.configured?.value
}

/** The number behind a value as SHOW prints it, in `unit` (`MB`, `s` …) or without one. */
export function numberOf(value: string, unit?: string): number {
  return parseNumber(value, true, unit) ?? Number.NaN
}

/** The value that takes hold with a restart that is still to come, where there is one. */
export function afterRestart(setting: EffectiveSetting | undefined): string | undefined {
  return setting?.pending === 'restart' || setting?.pending === 'reload' ? setting.configured?.value : undefined
}
