// The first bytes of a connection, both ways: https://www.postgresql.org/docs/current/protocol-message-formats.html
import type { AuthenticationRequest } from './host.ts'

const PROTOCOL_3_0 = 196608
const SSL_REQUEST = 80877103
/** Nothing that a server sends before it lets somebody in is longer; what claims to be is no PostgreSQL. */
const LONGEST_MESSAGE = 64 << 10

/** The StartupMessage with these parameters (`user`, `database`, `replication` …). */
export function startupPacket(parameters: Readonly<Record<string, string>>): Uint8Array {
  const body = Buffer.from(`${Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`).join('')}\0`, 'utf8')
  const head = Buffer.alloc(8)
  head.writeInt32BE(body.length + 8, 0)
  head.writeInt32BE(PROTOCOL_3_0, 4)
  return Buffer.concat([head, body])
}

/** The question whether the server speaks TLS; it answers with one byte, `S` or `N`. */
export function sslRequest(): Uint8Array {
  const packet = Buffer.alloc(8)
  packet.writeInt32BE(8, 0)
  packet.writeInt32BE(SSL_REQUEST, 4)
  return packet
}

/** The polite end of a session that was let in. */
export const TERMINATE: Uint8Array = Uint8Array.of(0x58, 0, 0, 0, 4)

/** Text of a server, fit for a terminal: no control characters, not endless. */
export function cleanText(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g, ' ').slice(0, 1000).trim()
}

/** C strings up to the empty one that ends the list. */
function strings(body: Buffer): string[] {
  const found: string[] = []
  for (let start = 0; start < body.length;) {
    const end = body.indexOf(0, start)
    if (end <= start) break
    found.push(body.toString('utf8', start, end))
    start = end + 1
  }
  return found
}

function methodOf(body: Buffer): Extract<AuthenticationRequest, { kind: 'request' }>['method'] {
  switch (body.readInt32BE(0)) {
    case 0: return 'trust'
    case 3: return 'password'
    case 5: return 'md5'
    case 7: return 'gss'
    case 9: return 'sspi'
    case 10: {
      const mechanisms = strings(body.subarray(4))
      if (mechanisms.some((name) => name.startsWith('SCRAM-SHA-256'))) return 'scram-sha-256'
      return mechanisms.includes('OAUTHBEARER') ? 'oauth' : 'other'
    }
    default: return 'other'
  }
}

function refusal(body: Buffer): AuthenticationRequest {
  const fields = new Map(strings(body).map((field) => [field[0], field.slice(1)]))
  return { kind: 'refused', sqlstate: cleanText(fields.get('C') ?? '').slice(0, 5), message: cleanText(fields.get('M') ?? '') }
}

/**
 * The server's first word on whether it lets somebody in.
 *
 * @param received all bytes up to now
 * @returns undefined while more bytes are needed; `not-postgresql` for what no server would say
 */
export function parseFirstAnswer(received: Uint8Array): AuthenticationRequest | 'not-postgresql' | undefined {
  const bytes = Buffer.from(received.buffer, received.byteOffset, received.byteLength)
  for (let start = 0; start < bytes.length;) {
    const type = String.fromCharCode(bytes[start]!)
    if (!'REvN'.includes(type)) return 'not-postgresql'
    if (bytes.length < start + 5) return undefined
    const length = bytes.readInt32BE(start + 1)
    if (length < 4 || length > LONGEST_MESSAGE) return 'not-postgresql'
    if (bytes.length < start + 1 + length) return undefined
    const body = bytes.subarray(start + 5, start + 1 + length)
    if (type === 'R') return body.length < 4 ? 'not-postgresql' : { kind: 'request', method: methodOf(body) }
    if (type === 'E') return refusal(body)
    // NegotiateProtocolVersion and notices come before the answer.
    start += 1 + length
  }
  return undefined
}
