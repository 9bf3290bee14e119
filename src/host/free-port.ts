import { codeOf, UserError } from '../errors.ts'
import type { Host } from './host.ts'

/**
 * A port of the loopback on which nobody answers: refused connections are free ports.
 *
 * @throws UserError `no-free-port`
 */
export async function freePort(host: Host): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    // Below what systems give to outgoing connections, so that none takes it before the server does.
    const port = 20_000 + (Number.parseInt(host.randomId(4), 16) % 12_000)
    const connection = { host: '127.0.0.1', port, user: 'x', database: 'x', timeoutMs: 1_000 }
    const error = await host.probeAuthentication(connection, false).then(() => undefined, (thrown: unknown) => thrown)
    if (error !== undefined && codeOf(error) === 'ECONNREFUSED') return port
  }
  throw new UserError('no-free-port', {})
}
