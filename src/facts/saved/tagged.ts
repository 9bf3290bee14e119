/**
 * Values as JSON that can be made again: what JSON has no word for becomes `{"$": type, "value": …}`. Every string is
 * redacted on the way, so that nothing secret leaves in a file.
 */
import { redact, redactValue } from '../../report/redact.ts'

/** Text without secrets already, which a second redaction would only tear: file contents that must be read again. */
export class Verbatim {
  constructor(readonly text: string) {}
}

/** A tag or a member that means nothing. */
export class BadTag extends Error {}

/** The members that hold a value whose name stands beside or above it: a name like `ssl_passphrase_command` decides what is secret. */
const VALUE_MEMBERS = ['value', 'bootValue']

/**
 * Plain data of a value. Undefined members are left out, as JSON does.
 * @throws TypeError for a function or an object of a class, which could not be made again
 */
export function toTagged(value: unknown, name?: string): unknown {
  switch (typeof value) {
    case 'string': return redact(value)
    case 'boolean': return value
    case 'number': return Number.isFinite(value) ? value : { $: 'number', value: String(value) }
    case 'bigint': return { $: 'bigint', value: String(value) }
    case 'object': return value === null ? null : ofObject(value, name)
    default: throw new TypeError(`a ${typeof value} cannot be saved`)
  }
}

function ofObject(value: object, name: string | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => toTagged(item, name))
  if (value instanceof Verbatim) return value.text
  if (value instanceof Date) return { $: 'date', value: value.toISOString() }
  if (value instanceof Map) return { $: 'map', value: [...value].map(([key, item]) => [toTagged(key), toTagged(item, name)]) }
  if (value instanceof Set) return { $: 'set', value: [...value].map((item) => toTagged(item, name)) }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError(`a ${value.constructor.name} cannot be saved`)
  const members = Object.entries(value).filter(([, item]) => item !== undefined)
  const own = 'name' in value && typeof value.name === 'string' ? value.name : name
  const tagged = members.map(([key, item]) => [key, typeof item === 'string' && own !== undefined && VALUE_MEMBERS.includes(key) ? redactValue(own, item) : toTagged(item, own)] as const)
  if (members.some(([key]) => key === '$')) throw new TypeError('a member named $ cannot be saved')
  return Object.fromEntries(tagged)
}

/**
 * The reverse of {@link toTagged}, but for what was redacted.
 * @throws BadTag
 */
export function fromTagged(data: unknown): unknown {
  if (Array.isArray(data)) return data.map(fromTagged)
  if (typeof data !== 'object' || data === null) return data
  if (!('$' in data)) return Object.fromEntries(Object.entries(data).map(([key, item]) => [key, fromTagged(item)]))
  const value = 'value' in data ? data.value : undefined
  switch (data.$) {
    case 'date': {
      const date = new Date(String(value))
      if (Number.isNaN(date.getTime())) throw new BadTag(`date ${String(value)}`)
      return date
    }
    case 'bigint':
      if (typeof value !== 'string' || !/^-?\d+$/.test(value)) throw new BadTag(`bigint ${String(value)}`)
      return BigInt(value)
    case 'number': return Number(value)
    case 'map':
      if (!Array.isArray(value) || !value.every((pair) => Array.isArray(pair) && pair.length === 2)) throw new BadTag('map')
      return new Map(value.map(([key, item]) => [fromTagged(key), fromTagged(item)] as const))
    case 'set':
      if (!Array.isArray(value)) throw new BadTag('set')
      return new Set(value.map(fromTagged))
    default: throw new BadTag(String(data.$))
  }
}
