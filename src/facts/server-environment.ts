/** The environment that the archive command inherits: the running server's own, which is not that of a login. */
import { textOf } from '../platforms/reading.ts'
import type { Gathering } from './fact.ts'

/**
 * The variables with which the server was started (Linux, as its owner or root); undefined where they cannot be seen. They may
 * hold passwords: no fact keeps more of them than it needs.
 */
export async function serverEnvironment({ host, cluster: { pid } }: Gathering): Promise<ReadonlyMap<string, string> | undefined> {
  if (host.os !== 'linux' || pid === undefined) return undefined
  const text = await textOf(host, `/proc/${pid}/environ`)
  if (text === undefined || text === '') return undefined
  return new Map(text.split('\0').flatMap((entry) => {
    const cut = entry.indexOf('=')
    return cut > 0 ? [[entry.slice(0, cut), entry.slice(cut + 1)] as const] : []
  }))
}
