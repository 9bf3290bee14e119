// As much of a client as it takes to learn which authentication the server asks for: the start-up packet and the first
// answer. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
import net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'

export interface Attempt {
  readonly user: string
  /** Empty: no database is named. */
  readonly database: string
  readonly replication?: 'true' | 'database'
  /** The client's address; `local` for the Unix socket. */
  readonly address: string
  readonly tls?: boolean
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const PROTOCOL_3 = 196_608

function startup(attempt: Attempt): Buffer {
  const parameters = [['user', attempt.user], ...(attempt.database === '' ? [] : [['database', attempt.database]]), ...(attempt.replication === undefined ? [] : [['replication', attempt.replication]])]
  const body = Buffer.concat([...parameters.flat().map((text) => Buffer.from(`${text!}\0`)), Buffer.from([0])])
  const head = Buffer.alloc(8)
  head.writeInt32BE(body.length + 8, 0)
  head.writeInt32BE(PROTOCOL_3, 4)
  return Buffer.concat([head, body])
}

/** Collects bytes until there are enough; fails when the connection ends before. */
function reader(socket: net.Socket): (enough: (bytes: Buffer) => boolean) => Promise<Buffer> {
  return (enough) => new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0)
    const done = (act: () => void): void => {
      socket.removeAllListeners('data')
      socket.removeAllListeners('error')
      socket.removeAllListeners('close')
      socket.on('error', () => undefined)
      act()
    }
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (enough(bytes)) done(() => { resolve(bytes) })
    })
    socket.on('error', (error) => { done(() => { reject(error) }) })
    socket.on('close', () => { done(() => { reject(new Error('the server closed the connection without an answer')) }) })
  })
}

const message = (bytes: Buffer): boolean => bytes.length >= 5 && bytes.length >= 1 + bytes.readInt32BE(1)

/** The name of what the server asked for, or what its refusal means. */
function meaning(bytes: Buffer): string {
  const body = bytes.subarray(5, 1 + bytes.readInt32BE(1))
  if (bytes[0] === 0x52) {
    switch (body.readInt32BE(0)) {
      case 0: return 'trust'
      case 3: return 'password'
      case 5: return 'md5'
      case 10: return body.includes('OAUTHBEARER') ? 'oauth' : 'scram-sha-256'
      default: return `request ${body.readInt32BE(0)}`
    }
  }
  const text = /\0M([^\0]*)/.exec(`\0${body.toString('latin1')}`)?.[1] ?? ''
  if (text.startsWith('no pg_hba.conf entry')) return 'no entry'
  if (text.startsWith('pg_hba.conf rejects')) return 'reject'
  if (text.startsWith('Peer authentication failed')) return 'peer'
  if (text.startsWith('Ident authentication failed')) return 'ident'
  if (text.startsWith('connection requires a valid client certificate')) return 'cert'
  return text
}

/** Makes one attempt and returns what the server decided. The connection is closed again. */
export async function attempt(server: { readonly port: number; readonly socketDir: string }, asked: Attempt): Promise<string> {
  const raw = asked.address === 'local'
    ? net.connect({ path: path.join(server.socketDir, `.s.PGSQL.${server.port}`) })
    : net.connect({ host: asked.address.includes(':') ? '::1' : '127.0.0.1', port: server.port, localAddress: asked.address })
  let socket: net.Socket = raw
  try {
    if (asked.tls === true) {
      raw.write(SSL_REQUEST)
      const answer = await reader(raw)((bytes) => bytes.length >= 1)
      if (answer[0] !== 0x53) return 'no TLS'
      socket = tls.connect({ socket: raw, rejectUnauthorized: false })
    }
    socket.write(startup(asked))
    return meaning(await reader(socket)(message))
  } finally {
    socket.destroy()
    raw.destroy()
  }
}
