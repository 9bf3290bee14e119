// Numbers with units as the server reads and prints them.
// Source: parse_int, parse_real, convert_to_base_unit, convert_int_from_base_unit and convert_real_from_base_unit in
// PostgreSQL's src/backend/utils/misc/guc.c; the C library's strtol (base 0) and strtod.

type Units = readonly (readonly [unit: string, multiplier: number])[]

function memory(base: number): Units {
  return [['TB', 2 ** 40 / base], ['GB', 2 ** 30 / base], ['MB', 2 ** 20 / base], ['kB', 2 ** 10 / base], ['B', 1 / base]]
}

/** From the largest unit to the smallest, as multiples of the unit that a setting is kept in. */
const UNITS: Readonly<Record<string, Units>> = {
  B: memory(1), kB: memory(1024), MB: memory(2 ** 20), '8kB': memory(8192),
  ms: [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1000], ['ms', 1], ['us', 1 / 1000]],
  s: [['d', 86_400], ['h', 3600], ['min', 60], ['s', 1], ['ms', 1 / 1000], ['us', 1 / 1_000_000]],
  min: [['d', 1440], ['h', 60], ['min', 1], ['s', 1 / 60], ['ms', 1 / 60_000], ['us', 1 / 60_000_000]],
}

/** Another block size than 8 kB, as pg_settings spells the unit. */
function unitsOf(unit: string): Units | undefined {
  const blocks = /^(\d+)(kB|MB)$/.exec(unit)
  return UNITS[unit] ?? (blocks === null ? undefined : memory(Number(blocks[1]) * (blocks[2] === 'kB' ? 1024 : 2 ** 20)))
}

const INT_MAX = 2 ** 31 - 1

/** To the nearest integer, halves to the even one, as C's rint. */
function rint(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

interface Scanned { readonly value: number; readonly rest: string }

const SMALLEST_NORMAL = 2 ** -1022

/** C's strtod: undefined where nothing is read, or where the value is out of a double's range. */
function strtod(text: string): Scanned | undefined {
  const body = text.replace(/^[ \t\n\v\f\r]+/, '')
  const word = /^([+-]?)(?:(infinity|inf)|nan(?:\([A-Za-z0-9_]*\))?)/i.exec(body)
  if (word !== null) return { value: word[2] === undefined ? NaN : word[1] === '-' ? -Infinity : Infinity, rest: body.slice(word[0].length) }
  const hex = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?/i.exec(body)
  if (hex !== null && `${hex[2]}${hex[3] ?? ''}` !== '') {
    const digits = `${hex[2]}${hex[3] ?? ''}`
    const magnitude = Number(BigInt(`0x${digits}`)) * 2 ** (Number(hex[4] ?? 0) - 4 * (hex[3] ?? '').length)
    return inRange(magnitude, /[1-9a-f]/i.test(digits), hex[1] === '-', body.slice(hex[0].length))
  }
  const decimal = /^([+-]?)((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)/i.exec(body)
  if (decimal === null) return undefined
  const mantissa = decimal[2]!.split(/e/i)[0]!
  return inRange(Number(decimal[2]), /[1-9]/.test(mantissa), decimal[1] === '-', body.slice(decimal[0].length))
}

function inRange(magnitude: number, nonZero: boolean, negative: boolean, rest: string): Scanned | undefined {
  if (magnitude === Infinity || (nonZero && magnitude < SMALLEST_NORMAL)) return undefined
  return { value: negative ? -magnitude : magnitude, rest }
}

/** C's strtol with base 0; undefined where nothing is read. `overflow` beyond 64 bits. */
function strtol(text: string): (Scanned & { readonly overflow: boolean }) | undefined {
  const found = /^[ \t\n\v\f\r]*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text)
  if (found === null) return undefined
  const digits = found[2]!
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
  const value = found[1] === '-' ? -magnitude : magnitude
  return { value: Number(value), rest: text.slice(found[0].length), overflow: value > 2n ** 63n - 1n || value < -(2n ** 63n) }
}

/**
 * The number that a text means in the unit of a setting, undefined where the server refuses it. Limits of the setting
 * itself are not looked at.
 */
export function parseNumber(text: string, integer: boolean, unit: string | undefined): number | undefined {
  let scanned: Scanned | undefined
  if (integer) {
    const whole = strtol(text)
    // "1e3" and "1.5" stop the integer early: the server reads the text again as a fraction then.
    const again = whole === undefined ? /^[.eE]/.test(text) : whole.overflow || /^[.eE]/.test(whole.rest)
    scanned = again ? strtod(text) : whole
  } else {
    scanned = strtod(text)
  }
  if (scanned === undefined || Number.isNaN(scanned.value)) return undefined
  let { value } = scanned
  const rest = scanned.rest.replace(/^[ \t\n\v\f\r]+/, '')
  if (rest !== '') {
    const units = unit === undefined ? undefined : unitsOf(unit)
    const written = /^([^ \t\n\v\f\r]{1,3})[ \t\n\v\f\r]*$/.exec(rest)?.[1]
    const at = units?.findIndex(([known]) => known === written) ?? -1
    if (units === undefined || at === -1) return undefined
    value *= units[at]![1]
    // A fraction such as 30.1GB is rounded to a whole number of the next smaller unit.
    const smaller = units[at + 1]
    if (smaller !== undefined) value = rint(value / smaller[1]) * smaller[1]
  }
  if (!integer) return value
  value = rint(value)
  return value > INT_MAX || value < -INT_MAX - 1 ? undefined : value + 0
}

/** A value in the unit of its setting as SHOW prints it: `4096` in kB is `4MB`. */
export function printNumber(value: number, integer: boolean, unit: string | undefined): string {
  const units = unit === undefined ? undefined : unitsOf(unit)
  if (units === undefined || value <= 0) return integer ? String(value) : printG(value)
  if (integer) {
    for (const [name, multiplier] of units) {
      if (multiplier <= 1 || value % multiplier === 0) return `${rint(value / multiplier)}${name}`
    }
  }
  let printed = value
  let named = ''
  for (const [name, multiplier] of units) {
    printed = value / multiplier
    named = name
    if (printed > 0 && Math.abs(rint(printed) / printed - 1) <= 1e-8) break
  }
  return `${printG(printed)}${named}`
}

/** C's %g: six significant digits. */
function printG(value: number): string {
  if (value === 0) return '0'
  const [mantissa, exponentText] = value.toExponential(5).split('e') as [string, string]
  const exponent = Number(exponentText)
  const trim = (digits: string): string => digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits
  if (exponent >= -4 && exponent < 6) return trim(value.toFixed(5 - exponent))
  return `${trim(mantissa)}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}
