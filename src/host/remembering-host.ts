// For a look around that many ask the same questions in: each is put to the machine once. Not for anything that waits for a change.
import type { Host } from './host.ts'

const REMEMBERED = new Set<string | symbol>(['read', 'stat', 'list', 'readLink', 'realPath', 'account'] satisfies (keyof Host)[])

/**
 * The same host, but what `read`, `stat`, `list`, `readLink`, `realPath` and `account` answered, or refused, is answered again from memory.
 * As root each answer about somebody else's files costs two changes of identity, in every thread of the process.
 */
export function rememberingHost(host: Host): Host {
  const known = new Map<string, unknown>()
  return new Proxy(host, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...parameters: readonly unknown[]) => unknown
      if (!REMEMBERED.has(name)) return call
      return (...parameters: readonly unknown[]): unknown => {
        const key = JSON.stringify([name, ...parameters])
        if (!known.has(key)) known.set(key, call(...parameters))
        return known.get(key)
      }
    },
  })
}
