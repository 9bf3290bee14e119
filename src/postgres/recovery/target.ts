// What a user means by `--to`: the end of the archive, a point in time, a position, or a restore point.
// https://www.postgresql.org/docs/current/runtime-config-wal.html#RUNTIME-CONFIG-WAL-RECOVERY-TARGET
import { type Lsn, lsnFromText } from '../wal/lsn.ts'

/** Up to a time or a position means: without what stands there. */
export type RecoveryTarget =
  | { readonly kind: 'latest' }
  /** Microseconds since 1970. What was committed earlier is in, what was committed then or later is not. */
  | { readonly kind: 'time'; readonly time: bigint }
  /** Records that begin earlier are in, the one that begins there is not. */
  | { readonly kind: 'lsn'; readonly lsn: Lsn }
  | { readonly kind: 'name'; readonly name: string }

/** `empty`; `date`: no such day or time of day; `skipped`, `twice`: the clocks were changed then, and the zone must be named. */
export type TargetProblem = 'empty' | 'date' | 'skipped' | 'twice' | 'lsn'

/** Minutes that local time is ahead of UTC at an instant (milliseconds since 1970). */
export type ZoneOffset = (instant: number) => number

/** That of this machine. */
export const localOffset: ZoneOffset = (instant) => -new Date(instant).getTimezoneOffset()

const TIME = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?)?\s*(Z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?)?$/i
const MINUTE_MS = 60_000

/**
 * Reads `latest`, `2026-11-23 10:15:30.25+08`, `0/3000148` or the name of a restore point. A time without a zone is in the zone
 * of `offset`. `time:`, `lsn:` and `name:` before it say what it is. Of a name blanks at its ends are a part.
 */
export function parseTarget(text: string, offset: ZoneOffset): RecoveryTarget | { readonly problem: TargetProblem } {
  const [, said, rest] = /^(?:\s*(time|lsn|name):)?(.*)$/s.exec(text)!
  if (said === 'name' && rest !== '') return { kind: 'name', name: rest! }
  const word = rest!.trim()
  if (word === '') return { problem: 'empty' }
  if (said === undefined && word === 'latest') return { kind: 'latest' }
  const lsn = lsnFromText(word)
  if (said !== 'time' && lsn !== undefined) return { kind: 'lsn', lsn }
  if (said === 'lsn') return { problem: 'lsn' }
  const parts = TIME.exec(word)
  if (parts !== null) return timeOf(parts, offset)
  return said === 'time' ? { problem: 'date' } : { kind: 'name', name: text }
}

/**
 * A time as a server writes it into a backup_label: `2026-11-23 10:15:30 UTC`, in log_timezone. Milliseconds since 1970. Of a zone
 * that is only an abbreviation it is taken to be that of `offset`; `certain` is false then.
 */
export function serverTime(text: string, offset: ZoneOffset): { readonly at: number; readonly certain: boolean } | undefined {
  const [, time, zone] = /^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})(?:\.\d+)? ?(\S*)$/.exec(text.trim()) ?? []
  if (time === undefined) return undefined
  const certain = /^(?:UTC|GMT|[+-]\d{2}(?::?\d{2})?)$/.test(zone ?? '')
  const read = parseTarget(`time:${time}${certain ? ` ${zone}` : ''}`, offset)
  return 'kind' in read && read.kind === 'time' ? { at: Number(read.time / 1000n), certain } : undefined
}

function timeOf(parts: RegExpExecArray, offset: ZoneOffset): RecoveryTarget | { readonly problem: TargetProblem } {
  const [year, month, day, hour, minute, second] = [parts[1], parts[2], parts[3], parts[4] ?? '0', parts[5] ?? '0', parts[6] ?? '0'].map(Number) as [number, number, number, number, number, number]
  const wall = Date.UTC(year, month - 1, day, hour, minute, second)
  const back = new Date(wall)
  if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return { problem: 'date' }
  const micros = BigInt((parts[7] ?? '').padEnd(6, '0'))
  const at = (instant: number): RecoveryTarget => ({ kind: 'time', time: BigInt(instant) * 1000n + micros })
  const zone = parts[8]
  if (zone !== undefined) {
    const named = zoneMinutes(zone)
    return named === undefined ? { problem: 'date' } : at(wall - named * MINUTE_MS)
  }
  // The offsets around it: where they differ, the clocks were changed.
  const offsets = new Set([-24, -3, 0, 3, 24].map((hours) => offset(wall + hours * 60 * MINUTE_MS)))
  const fits = [...offsets].map((minutes) => wall - minutes * MINUTE_MS).filter((instant, index, all) => offset(instant) * MINUTE_MS === wall - instant && all.indexOf(instant) === index)
  return fits.length === 1 ? at(fits[0]!) : { problem: fits.length === 0 ? 'skipped' : 'twice' }
}

function zoneMinutes(zone: string): number | undefined {
  const parts = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(zone)
  if (parts === null) return 0
  const minutes = Number(parts[2]) * 60 + Number(parts[3] ?? 0)
  return minutes > 15 * 60 + 59 || Number(parts[3] ?? 0) > 59 ? undefined : parts[1] === '-' ? -minutes : minutes
}

/** A time as postgresql.conf has it: UTC, with all its digits. */
export function timeInUtc(time: bigint): string {
  const date = new Date(Number(time / 1000n)).toISOString().replace('T', ' ').slice(0, 19)
  return `${date}${fraction(time)}+00`
}

/** The same for people, in the zone of `offset`: `2026-11-23 18:15:30+08:00`. */
export function timeInZone(time: bigint, offset: ZoneOffset): string {
  const instant = Number(time / 1000n)
  const minutes = offset(instant)
  const date = new Date(instant + minutes * MINUTE_MS).toISOString().replace('T', ' ').slice(0, 19)
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60]
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date}${fraction(time)}${minutes < 0 ? '-' : '+'}${two(hours)}:${two(rest)}`
}

function fraction(time: bigint): string {
  const digits = String(((time % 1_000_000n) + 1_000_000n) % 1_000_000n).padStart(6, '0').replace(/0+$/, '')
  return digits === '' ? '' : `.${digits}`
}
