import { HostError } from '../errors.ts'
import type { Host } from './host.ts'

/** What needs no machine at all, or only a connection. */
const THERE: readonly string[] = ['now', 'sleep', 'hostName', 'self', 'connect', 'query', 'probeAuthentication', 'sha256', 'randomId']

/**
 * This machine's Host for a server on another one: connections work, and every look at files or processes throws `remote`,
 * because what lies under the same path here belongs to somebody else.
 */
export function remoteHostOver(host: Host): Host {
  return new Proxy(host, {
    get(target, name) {
      if (name === 'remote') return true
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (THERE.includes(String(name))) return value.bind(target) as unknown
      if (name === 'interfaces') return () => []
      if (name === 'listBatches') return (path: string) => closedStream(name, path)
      return async (...args: unknown[]) => {
        throw new HostError(String(name), String(args[0] ?? ''), 'remote', 'it is on another machine')
      }
    },
  })
}

async function* closedStream(name: string, path: string): AsyncGenerator<never> {
  throw new HostError(name, path, 'remote', 'it is on another machine')
}
