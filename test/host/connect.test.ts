import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openFirst } from '../../src/host/connection.ts'
import type { Connection } from '../../src/host/host.ts'
import { runAs, TestServer } from '../support/server.ts'
import { directory, host, notRoot, owner, put, refusal } from './support.ts'

/** A certificate of its own for `localhost`, in the server's directory; false where there is no openssl. */
function makeCertificate(dataDir: string): boolean {
  const [key, certificate] = [path.join(dataDir, 'server.key'), path.join(dataDir, 'server.crt')]
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  } catch {
    return false
  }
  for (const file of [key, certificate]) fs.chownSync(file, owner.uid, owner.gid)
  fs.chmodSync(key, 0o600)
  return true
}

const HBA = `
local all scram scram-sha-256
local all md5 md5
local all plain password
local all peer peer map=m
local all rejected reject
local replication replicator trust
local all postgres trust
hostssl all onlyssl 127.0.0.1/32 trust
hostnossl all onlyplain 127.0.0.1/32 trust
host all postgres 127.0.0.1/32 trust
host all scram 127.0.0.1/32 scram-sha-256
`

let server: TestServer
let hasTls = false

function to(over: Partial<Connection> = {}): Connection {
  return { host: server.socketDir, port: server.port, user: 'postgres', database: 'postgres', timeoutMs: 20_000, ...over }
}

beforeAll(async () => {
  server = await TestServer.create(17, { hba: HBA })
  hasTls = makeCertificate(server.dataDir)
  if (hasTls) fs.appendFileSync(path.join(server.dataDir, 'postgresql.conf'), 'ssl = on\n')
  fs.appendFileSync(path.join(server.dataDir, 'pg_ident.conf'), `m ${owner.name} peer\n`)
  await server.start()
  for (const role of ['scram', 'plain']) await server.query(`CREATE ROLE ${role} LOGIN PASSWORD 'right'`)
  await server.query("SET password_encryption = 'md5'; CREATE ROLE md5 LOGIN PASSWORD 'right'")
  for (const role of ['peer', 'rejected', 'onlyssl', 'onlyplain']) await server.query(`CREATE ROLE ${role} LOGIN`)
  await server.query('CREATE ROLE replicator LOGIN REPLICATION')
})
afterAll(async () => { await server?.remove() })

describe('connecting', () => {
  test('rows as they come, parameters apart from the text', async () => {
    const rows = await host.query(to(), 'SELECT $1::text AS text, 1::int4 AS small, 12345678901::int8 AS big, true AS yes, NULL AS nothing, application_name AS name FROM pg_stat_activity WHERE pid = pg_backend_pid()', ['\'; DROP'])
    expect(rows).toEqual([{ text: '\'; DROP', small: 1, big: '12345678901', yes: true, nothing: null, name: 'pgwal' }])
    expect(await host.query(to(), 'SELECT 1 AS a; SELECT 2 AS b')).toEqual([{ b: 2 }])
  })

  test('several statements on one connection, also at once', async () => {
    const session = await host.connect(to())
    const [a, b, c] = await Promise.allSettled([session.query('SELECT pg_backend_pid() AS pid'), session.query('SELECT broken'), session.query('SELECT pg_backend_pid() AS pid')])
    expect(b).toMatchObject({ status: 'rejected', reason: { code: '42703' } })
    expect(a).toEqual(c)
    await session.close()
    expect(await refusal(session.query('SELECT 1'))).not.toBe('resolved')
  })

  test.skipIf(notRoot)('peer: as root we are the owner for the moment of connecting', async () => {
    expect(await host.query(to({ user: 'peer', as: owner }), 'SELECT current_user AS me')).toEqual([{ me: 'peer' }])
    expect(await refusal(host.query(to({ user: 'peer' }), 'SELECT 1'))).toBe('28000')
    expect(process.geteuid!()).toBe(0)
  })

  test('a walsender answers for physical replication', async () => {
    const [row] = await host.query(to({ user: 'replicator', database: 'replication', replication: 'physical' }), 'IDENTIFY_SYSTEM')
    const [known] = await server.query<{ id: string }>('SELECT system_identifier::text AS id FROM pg_control_system()')
    // int4 up to 16, int8 from then on.
    expect([row!['systemid'], String(row!['timeline'])]).toEqual([known!.id, '1'])
    expect(await refusal(host.query(to({ user: 'replicator', database: 'postgres' }), 'SELECT 1'))).toBe('28000')
  })

  test('passwords by every method, and the codes without', async () => {
    for (const user of ['scram', 'md5', 'plain']) {
      expect(await host.query(to({ user, password: 'right' }), 'SELECT current_user AS me')).toEqual([{ me: user }])
      expect([user, await refusal(host.connect(to({ user, password: 'wrong' })))]).toEqual([user, '28P01'])
      expect([user, await refusal(host.connect(to({ user })))]).toEqual([user, 'password-needed'])
    }
    expect(await refusal(host.connect(to({ user: 'rejected' })))).toBe('28000')
    expect(await refusal(host.connect(to({ database: 'none' })))).toBe('3D000')
    expect(await refusal(host.connect(to({ host: directory() })))).toBe('ENOENT')
    expect(await refusal(host.connect(to({ host: '127.0.0.1', port: 1 })))).toBe('ECONNREFUSED')
  })

  test('our environment does not steer the connection', async () => {
    const before = { ...process.env }
    Object.assign(process.env, { PGPASSWORD: 'right', PGOPTIONS: '-c work_mem=1234kB', PGSSLMODE: 'require', PGDATABASE: 'none', PGUSER: 'rejected', PGAPPNAME: 'x' })
    try {
      expect(await refusal(host.connect(to({ user: 'scram' })))).toBe('password-needed')
      expect(await host.query(to(), 'SHOW work_mem')).not.toEqual([{ work_mem: '1234kB' }])
    } finally {
      for (const name of ['PGPASSWORD', 'PGOPTIONS', 'PGSSLMODE', 'PGDATABASE', 'PGUSER', 'PGAPPNAME']) {
        if (before[name] === undefined) Reflect.deleteProperty(process.env, name)
        else process.env[name] = before[name]
      }
    }
  })

  test('no error repeats a secret', async () => {
    const secret = 'Zu7-secret'
    const errors = [
      await host.connect(to({ user: 'scram', password: secret })).catch((error: unknown) => error),
      await host.query(to(), `ALTER ROLE scram PASSWORD '${secret}' ${secret}`).catch((error: unknown) => error),
      await host.query(to({ password: secret }), `SELECT '${secret}'::int`).catch((error: unknown) => error),
    ]
    for (const error of errors) {
      expect(error).toBeInstanceOf(Error)
      expect(`${(error as Error).message} ${(error as Error).stack ?? ''} ${JSON.stringify(error)}`).not.toContain(secret)
    }
  })
})

describe('TLS as libpq means it', () => {
  const local = (over: Partial<Connection>): Connection => to({ host: '127.0.0.1', ...over })
  const ssl = async (connection: Connection): Promise<unknown> => (await host.query(connection, 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'))[0]!['ssl']

  test('prefer takes TLS, and plain where only that is let in', async ({ skip }) => {
    if (!hasTls) skip('no openssl')
    expect(await ssl(local({}))).toBe(true)
    expect(await ssl(local({ user: 'onlyssl' }))).toBe(true)
    expect(await ssl(local({ user: 'onlyplain' }))).toBe(false)
    expect(await ssl(local({ sslmode: 'disable' }))).toBe(false)
    expect(await refusal(host.connect(local({ user: 'onlyssl', sslmode: 'disable' })))).toBe('28000')
    expect(await ssl(local({ user: 'scram', password: 'right' }))).toBe(true)
    expect(await refusal(host.connect(local({ user: 'scram', password: 'wrong' })))).toBe('28P01')
  })

  test('require asks for no certificate, verify-ca for one, verify-full for the name', async ({ skip }) => {
    if (!hasTls) skip('no openssl')
    const sslRootCert = put(path.join(directory(), 'root.crt'), fs.readFileSync(path.join(server.dataDir, 'server.crt'), 'utf8'))
    const other = path.join(directory(), 'other.crt')
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=other', '-keyout', '/dev/null', '-out', other], { stdio: 'ignore' })
    expect(await ssl(local({ sslmode: 'require' }))).toBe(true)
    expect(await refusal(host.connect(local({ sslmode: 'require', user: 'onlyplain' })))).toBe('28000')
    expect(await ssl(local({ sslmode: 'verify-ca', sslRootCert }))).toBe(true)
    expect(await refusal(host.connect(local({ sslmode: 'verify-ca', sslRootCert: other })))).not.toBe('resolved')
    expect(await refusal(host.connect(local({ sslmode: 'require', sslRootCert: other })))).not.toBe('resolved')
    expect(await refusal(host.connect(local({ sslmode: 'verify-ca' })))).toBe('no-root-certificate')
    expect(await refusal(host.connect(local({ sslmode: 'verify-ca', sslRootCert: '/none' })))).toBe('ENOENT')
    expect(await refusal(host.connect(local({ sslmode: 'verify-full', sslRootCert })))).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(await ssl(to({ host: 'localhost', sslmode: 'verify-full', sslRootCert }))).toBe(true)
  })
})

describe('asking how the server would authenticate', () => {
  test('over the socket', async () => {
    const method = async (user: string, over: Partial<Connection> = {}): Promise<unknown> => host.probeAuthentication(to({ user, ...over }), false)
    expect(await method('scram')).toEqual({ kind: 'request', method: 'scram-sha-256' })
    expect(await method('md5')).toEqual({ kind: 'request', method: 'md5' })
    expect(await method('plain')).toEqual({ kind: 'request', method: 'password' })
    expect(await method('postgres')).toEqual({ kind: 'request', method: 'trust' })
    expect(await method('rejected')).toMatchObject({ kind: 'refused', sqlstate: '28000' })
    expect(await method('peer', { as: owner })).toEqual({ kind: 'request', method: 'trust' })
    expect(await method('replicator', { replication: 'physical' })).toEqual({ kind: 'request', method: 'trust' })
    expect(await method('postgres', { replication: 'physical' })).toMatchObject({ kind: 'refused', sqlstate: '28000' })
  })

  test.skipIf(notRoot)('peer refuses root itself', async () => {
    expect(await host.probeAuthentication(to({ user: 'peer' }), false)).toMatchObject({ kind: 'refused', sqlstate: '28000' })
  })

  test('over TCP, with TLS and without', async ({ skip }) => {
    if (!hasTls) skip('no openssl')
    const local = (user: string): Connection => to({ host: '127.0.0.1', user })
    expect(await host.probeAuthentication(local('onlyssl'), true)).toEqual({ kind: 'request', method: 'trust' })
    expect(await host.probeAuthentication(local('onlyssl'), false)).toMatchObject({ kind: 'refused', sqlstate: '28000' })
    expect(await host.probeAuthentication(local('onlyplain'), true)).toMatchObject({ kind: 'refused', sqlstate: '28000' })
    expect(await host.probeAuthentication(local('onlyplain'), false)).toEqual({ kind: 'request', method: 'trust' })
    expect(await host.probeAuthentication(local('scram'), true)).toEqual({ kind: 'request', method: 'scram-sha-256' })
    expect(await refusal(host.probeAuthentication(to({ host: '127.0.0.1', port: 1 }), true))).toBe('ECONNREFUSED')
    expect(await refusal(host.probeAuthentication(to({ host: directory() }), false))).toBe('ENOENT')
  })
})

describe('servers that do not play along', () => {
  /** A listener on loopback that does with each connection what it is told. */
  async function listener(behave: (socket: net.Socket) => void): Promise<{ connection: Connection; stop: () => void }> {
    const sockets: net.Socket[] = []
    const listening = net.createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      behave(socket)
    })
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
    const { port } = listening.address() as net.AddressInfo
    return {
      connection: { host: '127.0.0.1', port, user: 'u', database: 'd', timeoutMs: 300 },
      stop: () => {
        for (const socket of sockets) socket.destroy()
        listening.close()
      },
    }
  }

  test('one that never answers', async () => {
    const { connection, stop } = await listener(() => undefined)
    expect(await refusal(host.connect(connection))).toBe('timeout')
    expect(await refusal(host.connect({ ...connection, sslmode: 'disable' }))).toBe('timeout')
    expect(await refusal(host.probeAuthentication(connection, true))).toBe('timeout')
    expect(await refusal(host.probeAuthentication(connection, false))).toBe('timeout')
    stop()
  })

  test('one that hangs up, and one that is no PostgreSQL', async () => {
    const silent = await listener((socket) => socket.end())
    expect(await refusal(host.connect(silent.connection))).toMatch(/connection-lost|ECONNRESET|EPIPE/)
    expect(await refusal(host.probeAuthentication(silent.connection, false))).toMatch(/connection-lost|ECONNRESET|EPIPE/)
    expect(await refusal(host.probeAuthentication(silent.connection, true))).toMatch(/connection-lost|ECONNRESET|EPIPE/)
    silent.stop()
    const web = await listener((socket) => socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')))
    expect(await refusal(host.probeAuthentication(web.connection, false))).toBe('not-postgresql')
    expect(await refusal(host.probeAuthentication(web.connection, true))).toBe('not-postgresql')
    expect(await refusal(host.connect({ ...web.connection, sslmode: 'require' }))).not.toBe('resolved')
    web.stop()
  })

  test('a statement that takes too long, and a server that is stopped in one', async () => {
    expect(await refusal(host.query(to({ timeoutMs: 300 }), 'SELECT pg_sleep(600)'))).toBe('timeout')
    const session = await host.connect(to({ timeoutMs: 300 }))
    const [{ pid } = { pid: 0 }] = await session.query('SELECT pg_backend_pid() AS pid') as { pid: number }[]
    process.kill(pid!, 'SIGSTOP')
    try {
      expect(await refusal(session.query('SELECT 1'))).toBe('timeout')
      await session.close()
    } finally {
      process.kill(pid!, 'SIGCONT')
    }
    const cancelled = host.query(to(), 'SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(600)')
    expect(await refusal(cancelled)).toBe('57014')
  })

  test('an answer without end', async () => {
    expect(await refusal(host.query(to(), "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)"))).toBe('too-large')
  })

  test('the backend ends in the middle', async () => {
    expect(await refusal(host.query(to(), 'SELECT pg_terminate_backend(pg_backend_pid())'))).toMatch(/57P01|connection-lost/)
  })
})

describe('the first way that works', () => {
  test('is opened, and the ones before it are no harm', async () => {
    const found = await openFirst(host, [to({ host: directory() }), to({ user: 'rejected' }), to({ user: 'nobody' }), to()])
    expect(found).toMatchObject({ ok: true, connection: { user: 'postgres' } })
    if (found.ok) await found.session.close()
  })

  test('else the most telling reason, without the password', async () => {
    const missing = to({ host: directory(), password: 'secret' })
    const closed = to({ host: '127.0.0.1', port: 1 })
    const reasons = async (...ways: Connection[]): Promise<unknown> => {
      const found = await openFirst(host, ways)
      expect(JSON.stringify(found)).not.toContain('secret')
      return found.ok ? 'ok' : `${found.why.kind} ${found.why.code} (${found.attempts.length})`
    }
    expect(await reasons()).toBe('no-way no-way (0)')
    expect(await reasons(missing, { ...missing, user: 'other' }, closed)).toBe('not-listening ENOENT (2)')
    expect(await reasons(missing, to({ user: 'rejected' }))).toBe('refused 28000 (2)')
    expect(await reasons(missing, to({ user: 'rejected' }), to({ user: 'scram' }))).toBe('password-needed password-needed (3)')
    expect(await reasons(to({ user: 'scram', password: 'secret' }))).toBe('refused 28P01 (1)')
  })

  test('a daemon that a program starts does not hold us up', async () => {
    const other = await TestServer.create(17)
    try {
      // Without -l the server keeps the standard output of pg_ctl.
      const started = await host.run(path.join(other.binDir, 'pg_ctl'), ['-D', other.dataDir, '-w', '-t', '60', 'start'], { as: other.account, timeoutMs: 90_000 })
      expect(started).toMatchObject({ code: 0, timedOut: false })
      expect(await host.query({ host: other.socketDir, port: other.port, user: 'postgres', database: 'postgres' }, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
      const pid = (await other.pid())!
      await host.signal(pid, 'SIGINT', { as: other.account })
      await expect.poll(() => host.processExists(pid), { timeout: 30_000 }).toBe(false)
      expect((await runAs(other.account, path.join(other.binDir, 'pg_ctl'), ['-D', other.dataDir, 'status'])).code).toBe(3)
    } finally {
      await other.remove()
    }
  })
})
