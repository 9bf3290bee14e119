// SQL through `pg`, loaded on first use. What `pg` would take from the environment by itself is shut out: connections are
// made of what the caller says and of nothing else (https://node-postgres.com/apis/client).
import tls from 'node:tls'
import { codeOf, HostError } from '../errors.ts'
import { actingAs } from './acting.ts'
import type { Connection, Row, Session } from './host.ts'
import { cleanText } from './startup-packet.ts'

export const DEFAULT_CONNECTION_TIMEOUT_MS = 10_000
/** How much longer than the server's own limit we wait for it to keep it. */
const PATIENCE_MS = 1_000
/** Bytes of one answer. No answer that pgwal asks for comes near. */
const LARGEST_ANSWER = 64 << 20

type Pg = typeof import('pg')
type Client = InstanceType<Pg['default']['Client']>
/** Parts of the client that its types leave out. */
interface Inner {
  readonly connection: { readonly stream: import('node:net').Socket }
  readonly connectionParameters: { options?: string; replication?: string }
}

/** How a connection is named in messages: no password. */
export function describeConnection(connection: Connection): string {
  return `${connection.user}@${connection.host}:${connection.port}/${connection.replication === undefined ? connection.database : 'replication'}`
}

/** What `connect` needs of the machine. */
export interface ConnectSetting {
  readonly loadPg: () => Promise<Pg>
  /** A root certificate, PEM. */
  readonly readCertificate: (file: string) => Uint8Array
}

/** What a statement may hold that an error must not repeat. */
function secretsIn(connection: Connection, sql: string | undefined): string[] {
  const literals = [...(sql ?? '').matchAll(/\bpassword\s+E?'((?:[^']|'')*)'/gi)].map((match) => match[1]!)
  return [connection.password ?? '', ...literals].filter((secret) => secret !== '')
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((result, secret) => result.replaceAll(secret, '••••'), cleanText(text))
}

function sqlError(operation: string, connection: Connection, error: unknown, sql?: string): HostError {
  if (error instanceof HostError) return error
  const message = error instanceof Error ? error.message : ''
  const code = codeOf(error) || codeFromMessage(message)
  return new HostError(operation, describeConnection(connection), code, withoutSecrets(message, secretsIn(connection, sql)) || code)
}

/** `pg` has no codes of its own: these are its own fixed English texts, never the server's. */
function codeFromMessage(message: string): string {
  if (message.startsWith('Connection terminated')) return 'connection-lost'
  if (message === 'The server does not support SSL connections') return 'no-tls'
  if (message === 'There was an error establishing an SSL connection') return 'no-tls'
  if (message.startsWith('SASL')) return 'authentication-failed'
  return 'connection-error'
}

/** TLS as libpq's sslmode means it: https://www.postgresql.org/docs/current/libpq-ssl.html */
function tlsOptions(connection: Connection, setting: ConnectSetting): tls.ConnectionOptions {
  const { sslmode = 'prefer', sslRootCert } = connection
  const authority = sslRootCert === undefined || sslRootCert === 'system' ? {} : { ca: Buffer.from(setting.readCertificate(sslRootCert)) }
  if (sslmode === 'verify-full' || (sslRootCert === 'system' && sslmode !== 'prefer')) {
    requireAuthority(connection)
    return { rejectUnauthorized: true, ...authority }
  }
  if (sslmode === 'verify-ca' || (sslmode === 'require' && sslRootCert !== undefined)) {
    requireAuthority(connection)
    return { rejectUnauthorized: true, checkServerIdentity: () => undefined, ...authority }
  }
  return { rejectUnauthorized: false }
}

function requireAuthority(connection: Connection): void {
  if (connection.sslRootCert === undefined) {
    throw new HostError('connect', describeConnection(connection), 'no-root-certificate', `sslmode ${connection.sslmode} needs a root certificate (sslrootcert)`)
  }
}

/** A promise that settles with `work`, or rejects when the time is over, after `stop` has cut the line. */
async function within<T>(ms: number, stop: () => void, late: () => HostError, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(late())
      stop()
    }, ms)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
    work.catch(() => undefined)
  }
}

async function connectOnce(pg: Pg, connection: Connection, ssl: tls.ConnectionOptions | false): Promise<Client> {
  const timeoutMs = connection.timeoutMs ?? DEFAULT_CONNECTION_TIMEOUT_MS
  const config = {
    host: connection.host,
    port: connection.port,
    user: connection.user,
    database: connection.database,
    // A function, because without a value `pg` would take PGPASSWORD or look into ~/.pgpass.
    password: () => {
      if (connection.password === undefined) throw new HostError('connect', describeConnection(connection), 'password-needed', 'the server asks for a password')
      return connection.password
    },
    ssl,
    sslnegotiation: 'postgres',
    client_encoding: 'utf8',
    application_name: 'pgwal',
    statement_timeout: timeoutMs,
    keepAlive: true,
  }
  const client = new pg.default.Client(config as ConstructorParameters<typeof pg.default.Client>[0])
  const inner = client as unknown as Inner
  // Neither PGOPTIONS nor PGREPLICATION of ours.
  inner.connectionParameters.options = '-c datestyle=ISO'
  delete inner.connectionParameters.replication
  if (connection.replication === 'physical') {
    inner.connectionParameters.replication = 'true'
    delete inner.connectionParameters.options
  }
  client.on('error', () => undefined)
  const stop = (): void => { inner.connection.stream.destroy() }
  const late = (): HostError => new HostError('connect', describeConnection(connection), 'timeout', 'the server does not answer')
  try {
    // The kernel tells the server who we were at the moment of connect(2), which is synchronous for a local socket.
    const connecting = connection.host.startsWith('/') ? actingAs(connection.as, () => ({ done: client.connect() })) : { done: client.connect() }
    await within(timeoutMs, stop, late, connecting.done)
    return client
  } catch (error) {
    stop()
    throw sqlError('connect', connection, error)
  }
}

/** Whether libpq would try again without TLS under `prefer`: the server has none, it fails, or the rule is for plain connections. */
function plainMayHelp(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'no-tls' || code === '28000' || code === 'EPROTO' || code === 'connection-lost' || code === 'ECONNRESET' || code.startsWith('ERR_SSL')
}

async function connectByMode(pg: Pg, connection: Connection, setting: ConnectSetting): Promise<Client> {
  const { sslmode = 'prefer' } = connection
  if (sslmode === 'disable' || connection.host.startsWith('/')) return connectOnce(pg, connection, false)
  const secure = tlsOptions(connection, setting)
  if (sslmode !== 'prefer') return connectOnce(pg, connection, secure)
  try {
    return await connectOnce(pg, connection, secure)
  } catch (error) {
    if (!plainMayHelp(error)) throw error
    return connectOnce(pg, connection, false)
  }
}

/**
 * Opens a connection; see {@link Host.connect}. int8 and numeric come as strings.
 *
 * @throws HostError with the SQLSTATE or the system's code, else `timeout`, `password-needed`, `no-tls`, `connection-lost`,
 * `no-root-certificate`, `authentication-failed`; its text holds no password
 */
export async function openSession(connection: Connection, setting: ConnectSetting): Promise<Session> {
  const timeoutMs = connection.timeoutMs ?? DEFAULT_CONNECTION_TIMEOUT_MS
  const client = await connectByMode(await setting.loadPg(), connection, setting)
  const { stream } = (client as unknown as Inner).connection
  let received = 0
  let tooLarge = false
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (received <= LARGEST_ANSWER) return
    tooLarge = true
    stream.destroy()
  })

  async function ask(sql: string, parameters: readonly unknown[] | undefined): Promise<Row[]> {
    received = 0
    const began = performance.now()
    const late = (): HostError => new HostError('query', describeConnection(connection), 'timeout', 'the server does not answer')
    try {
      // Without parameters the simple protocol, the only one that a walsender understands.
      const asked = parameters === undefined || parameters.length === 0 ? client.query(sql) : client.query(sql, [...parameters])
      const result = await within(timeoutMs + PATIENCE_MS, () => stream.destroy(), late, asked as Promise<{ rows: Row[] } | { rows: Row[] }[]>)
      return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) ?? []
    } catch (error) {
      if (tooLarge) throw new HostError('query', describeConnection(connection), 'too-large', `an answer of more than ${LARGEST_ANSWER} bytes`)
      // query_canceled is also what pg_cancel_backend() looks like.
      if (codeOf(error) === '57014' && performance.now() - began >= timeoutMs) throw new HostError('query', describeConnection(connection), 'timeout', 'the statement took too long')
      throw sqlError('query', connection, error, sql)
    }
  }

  let last: Promise<unknown> = Promise.resolve()
  return {
    query(sql, parameters) {
      const mine = last.then(() => ask(sql, parameters))
      last = mine.catch(() => undefined)
      return mine
    },
    async close() {
      const gone = (): HostError => new HostError('close', describeConnection(connection), 'timeout')
      // A server that does not react to the goodbye is left alone.
      await within(PATIENCE_MS, () => stream.destroy(), gone, client.end()).catch(() => undefined)
    },
  }
}
