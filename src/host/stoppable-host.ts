// For looking around that may be given up at any time, however long a program or a server takes to answer.
import type { Host, RunOptions } from './host.ts'

/** What answers at once and asks nothing of the machine: no promise may take its place. */
const AT_ONCE: ReadonlySet<string | symbol> = new Set<keyof Host>(['now', 'hostName', 'interfaces', 'sha256', 'randomId'])

/**
 * The same host until `signal` is aborted: then what it runs is ended, and every call from then on is refused.
 *
 * @param refusal what those calls throw
 */
export function stoppableHost(host: Host, signal: AbortSignal, refusal: () => Error): Host {
  return new Proxy(host, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...parameters: readonly unknown[]) => unknown
      if (AT_ONCE.has(name)) return call
      return (...parameters: readonly unknown[]): unknown => {
        // Nobody waits for this one: a promise in its place would be refused with nobody to hear of it.
        if (signal.aborted && name === 'listBatches') throw refusal()
        if (signal.aborted) return Promise.reject(refusal())
        if (name !== 'run') return call(...parameters)
        const [file, args, options] = parameters as readonly [string, readonly string[], RunOptions?]
        return call(file, args, { ...options, stop: options?.stop === undefined ? signal : AbortSignal.any([signal, options.stop]) })
      }
    },
  })
}
