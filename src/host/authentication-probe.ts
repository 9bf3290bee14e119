// Which pg_hba.conf rule works is what the server asks for when somebody knocks: only the start-up packet is sent.
import net from 'node:net'
import tls from 'node:tls'
import { HostError } from '../errors.ts'
import { actingAs } from './acting.ts'
import { DEFAULT_CONNECTION_TIMEOUT_MS, describeConnection } from './connect.ts'
import type { AuthenticationRequest, Connection } from './host.ts'
import { parseFirstAnswer, sslRequest, startupPacket, TERMINATE } from './startup-packet.ts'
import { hostError } from './system-error.ts'

/**
 * How the server answers a start-up packet; see {@link Host.probeAuthentication}. No password is ever sent.
 *
 * peer, ident, cert and trust all let in without a question: `trust` stands for each of them.
 *
 * @param withTls over TCP, whether to ask for TLS first (no certificate is checked: nothing secret is sent)
 * @throws HostError `timeout`, `no-tls` (the server has none), `connection-lost`, `not-postgresql`; system codes
 */
export function probeAuthentication(connection: Connection, withTls: boolean): Promise<AuthenticationRequest> {
  const target = describeConnection(connection)
  return new Promise((resolve, reject) => {
    let socket: net.Socket
    let done = false
    const finish = (settle: () => void): void => {
      if (done) return
      done = true
      clearTimeout(timer)
      socket?.destroy()
      settle()
    }
    const fail = (code: string, reason?: string): void => finish(() => reject(new HostError('connect', target, code, reason)))
    const timer = setTimeout(() => fail('timeout', 'the server does not answer'), connection.timeoutMs ?? DEFAULT_CONNECTION_TIMEOUT_MS)
    const refuse = (error: unknown): void => finish(() => reject(hostError('connect', target, error) as Error))

    const knock = (stream: net.Socket): void => {
      let received = Buffer.alloc(0)
      stream.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk])
        const answer = parseFirstAnswer(received)
        if (answer === undefined) return
        if (answer === 'not-postgresql') fail('not-postgresql', 'what listens there is no PostgreSQL')
        else if (answer.kind === 'request' && answer.method === 'trust') stream.write(TERMINATE, () => finish(() => resolve(answer)))
        else finish(() => resolve(answer))
      })
      stream.on('end', () => fail('connection-lost', 'the server closed the connection without an answer'))
      stream.on('close', () => fail('connection-lost', 'the server closed the connection without an answer'))
      stream.on('error', refuse)
      stream.write(startupPacket({
        user: connection.user,
        database: connection.database,
        ...(connection.replication === 'physical' ? { replication: 'true' } : {}),
        application_name: 'pgwal',
      }))
    }

    const local = connection.host.startsWith('/')
    try {
      // The kernel tells the server who we were at the moment of connect(2), which is synchronous for a local socket.
      socket = local
        ? actingAs(connection.as, () => net.connect({ path: `${connection.host}/.s.PGSQL.${connection.port}` }))
        : net.connect({ host: connection.host, port: connection.port })
    } catch (error) {
      refuse(error)
      return
    }
    socket.on('error', refuse)
    socket.once('connect', () => {
      if (!withTls || local) {
        knock(socket)
        return
      }
      socket.write(sslRequest())
      socket.once('close', () => fail('connection-lost', 'the server closed the connection without an answer'))
      socket.once('data', (answer: Buffer) => {
        if (answer.length !== 1 || (answer[0] !== 0x53 && answer[0] !== 0x4e)) fail('not-postgresql', 'what listens there is no PostgreSQL')
        else if (answer[0] === 0x4e) fail('no-tls', 'the server has no TLS')
        else {
          const secure = tls.connect({ socket, rejectUnauthorized: false, ...(net.isIP(connection.host) === 0 ? { servername: connection.host } : {}) })
          secure.on('error', refuse)
          secure.once('secureConnect', () => knock(secure))
        }
      })
    })
  })
}
