import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { connectionCandidates, type ConnectionRequest, credentialsFor, isLocalHost, openFirst, readConnectionSources, remoteHost } from '../../src/host/connection.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { passwordFrom } from '../../src/host/pgpass.ts'
import { serviceFrom } from '../../src/host/service-file.ts'
import { directory, put, refusal } from './support.ts'

const SELF = { name: 'dba', uid: 1000, gid: 1000, privileged: false }
const ROOT = { name: 'root', uid: 0, gid: 0, privileged: true }
const OWNER = { name: 'pgowner', uid: 101, gid: 104 }
const HINTS = { owner: OWNER, port: 5433, socketDirs: ['/run/pg', '@abstract'] }

function candidates(request: ConnectionRequest, settings: Record<string, string>, self = SELF, hints: typeof HINTS | undefined = HINTS) {
  const sources = { request, settings: new Map(Object.entries(settings)), passwordFile: '*:5433:*:*:from-file', self, notes: [] }
  const found = connectionCandidates(sources, hints)
  return { ways: found.candidates.map((one) => `${one.as === undefined ? '' : `${one.as.name}! `}${one.user}@${one.host}:${one.port}/${one.database}`), found }
}

describe('the ways into a local cluster', () => {
  test('root: its sockets as the owner, then loopback', () => {
    expect(candidates({}, {}, ROOT).ways).toEqual([
      'pgowner! pgowner@/run/pg:5433/postgres', 'pgowner! postgres@/run/pg:5433/postgres',
      'pgowner@127.0.0.1:5433/postgres', 'postgres@127.0.0.1:5433/postgres',
    ])
  })

  test('anybody else: the same as themselves, with their own name last', () => {
    expect(candidates({}, {}).ways).toEqual(['pgowner', 'postgres', 'dba'].map((user) => `${user}@/run/pg:5433/postgres`)
      .concat(['pgowner', 'postgres', 'dba'].map((user) => `${user}@127.0.0.1:5433/postgres`)))
  })

  test('options win over everything', () => {
    expect(candidates({ user: 'u', database: 'd' }, { user: 'x', dbname: 'y' }).ways).toEqual(['u@/run/pg:5433/d', 'u@127.0.0.1:5433/d'])
    expect(candidates({ host: 'localhost', user: 'u' }, { host: '/x' }).ways).toEqual(['u@localhost:5433/postgres'])
    expect(candidates({ host: 'db.example', user: 'u' }, {}).ways).toEqual(['u@db.example:5432/postgres'])
    expect(candidates({ port: 6000, user: 'u' }, {}).ways).toEqual(['u@/run/pg:6000/postgres', 'u@127.0.0.1:6000/postgres'])
  })

  test('the environment counts where it is about this cluster', () => {
    expect(candidates({}, { host: '/other', user: 'u' }, ROOT).ways.slice(0, 2)).toEqual(['pgowner! u@/other:5433/postgres', 'pgowner! pgowner@/other:5433/postgres'])
    expect(candidates({}, { user: 'u', dbname: 'd', password: 'secret' }, ROOT).found.candidates[0]).toMatchObject({ user: 'u', database: 'd', password: 'secret' })
  })

  test.each([{ host: 'db.example' }, { port: '5432' }, { host: '/run/pg', port: '5432' }])('an environment about another server is not used: %o', (settings) => {
    const { ways, found } = candidates({}, { ...settings, user: 'u', password: 'secret', dbname: 'd' }, ROOT)
    expect(ways[0]).toBe('pgowner! pgowner@/run/pg:5433/postgres')
    expect(JSON.stringify(found)).not.toContain('secret')
    expect(found.notes.map((note) => note.code)).toEqual(['environment-points-elsewhere'])
  })

  test('a password from the file, TLS and time limit from the settings', () => {
    const [first] = candidates({}, { sslmode: 'verify-ca', sslrootcert: '/ca', connect_timeout: '30' }).found.candidates
    expect(first).toMatchObject({ password: 'from-file', sslmode: 'verify-ca', sslRootCert: '/ca', timeoutMs: 30_000 })
    expect(candidates({}, { sslmode: 'allow', connect_timeout: '1' }).found.candidates[0]).toMatchObject({ sslmode: 'prefer', timeoutMs: 5_000 })
  })

  test('what cannot be is an error of the user', () => {
    for (const settings of [{ port: 'x' }, { port: '0' }, { port: '70000' }, { sslmode: 'maybe' }, { host: 'a,b', port: '1,2,3' }]) {
      expect(() => candidates({}, settings as Record<string, string>)).toThrow(expect.objectContaining({ code: 'bad-connection-setting' }))
    }
  })
})

describe('without a cluster', () => {
  const none = (request: ConnectionRequest, settings: Record<string, string>) =>
    connectionCandidates({ request, settings: new Map(Object.entries(settings)), passwordFile: '', self: SELF, notes: [] }).candidates.map((one) => `${one.user}@${one.host}:${one.port}`)

  test('what psql would do', () => {
    expect(none({ user: 'u' }, {})).toEqual(['u@/var/run/postgresql:5432', 'u@/tmp:5432', 'u@localhost:5432'])
    expect(none({ user: 'u' }, { host: 'a,b', port: '1,2' })).toEqual(['u@a:1', 'u@b:2'])
    expect(none({ user: 'u' }, { host: 'name', hostaddr: '192.0.2.1', port: '7' })).toEqual(['u@192.0.2.1:7'])
    expect(none({ host: 'h', user: 'u' }, { port: '7' })).toEqual(['u@h:7'])
  })

  test('which machine is meant', () => {
    const sources = (request: ConnectionRequest, host?: string) => ({ request, settings: new Map(host === undefined ? [] : [['host', host]]), passwordFile: '', self: SELF, notes: [] })
    expect(remoteHost(sources({ host: 'db.example' }))).toBe('db.example')
    expect(remoteHost(sources({}, '/tmp,db.example'))).toBe('db.example')
    expect(remoteHost(sources({ host: 'localhost' }, 'db.example'))).toBeUndefined()
    expect(['/tmp', '@x', 'localhost', '127.0.0.2', '::1'].every(isLocalHost)).toBe(true)
    expect(['192.0.2.1', '127.0.0.1.example', 'localhost.example'].some(isLocalHost)).toBe(false)
  })
})

describe('the password file', () => {
  const at = { host: 'db', port: 5432, database: 'app', user: 'u' }
  test.each([
    ['db:5432:app:u:secret', 'secret'],
    ['*:*:*:*:secret', 'secret'],
    ['# db:5432:app:u:no\r\n\ndb:5432:app:u:secret\r\n', 'secret'],
    ['other:5432:app:u:no\ndb:5432:app:u:first\n*:*:*:*:second', 'first'],
    ['db:5432:app:u:a\\:b\\\\c\\d', 'a:b\\cd'],
    ['db:5432:app:u:secret:rest', 'secret'],
    ['db:5432:app:u:', undefined],
    ['db:5432:app:u', undefined],
    ['db:5433:*:*:no', undefined],
    ['\\*:*:*:*:no', undefined],
    ['d*:*:*:*:no', undefined],
  ])('%j', (content, password) => {
    expect(passwordFrom(content, at)).toBe(password)
  })

  test('sockets in a usual directory go by localhost, others by their path', () => {
    const content = 'localhost:*:*:*:default\n/srv/s:*:*:*:own'
    for (const host of ['/var/run/postgresql', '/run/postgresql', '/tmp', 'localhost']) expect(passwordFrom(content, { ...at, host })).toBe('default')
    expect(passwordFrom(content, { ...at, host: '/srv/s' })).toBe('own')
    expect(passwordFrom('fe80\\:\\:1:*:*:*:v6', { ...at, host: 'fe80::1' })).toBe('v6')
  })
})

test('a service, as libpq reads it', () => {
  const content = '# comment\n[other]\nhost=no\n[my.service]\nhost = blanks\nhost=db # all of it\npassword="a;b#c"\nhost=second\nbroken\n[my.service]\nport=1\n'
  expect([...serviceFrom(content, 'my.service')!]).toEqual([['host ', ' blanks'], ['host', 'db # all of it'], ['password', '"a;b#c"']])
  expect(serviceFrom(content, 'none')).toBeUndefined()
  expect(serviceFrom('', '')).toBeUndefined()
})

describe('from the machine', () => {
  test('a service beats the environment, and the password file must be ours alone', async () => {
    const home = directory()
    put(path.join(home, '.pg_service.conf'), '[mine]\nhost=127.0.0.1\nport=5555\n')
    const passwords = put(path.join(home, '.pgpass'), '127.0.0.1:5555:*:u:secret\n127.0.0.1:5555:replication:r:for-replication\n', { mode: 0o600 })
    const host = new NodeHost({ HOME: home, PGSERVICE: 'mine', PGHOST: 'x', PGUSER: 'u' })
    const sources = await readConnectionSources(host, {})
    expect(connectionCandidates(sources).candidates[0]).toMatchObject({ host: '127.0.0.1', port: 5555, user: 'u', password: 'secret' })
    expect(credentialsFor(sources, { host: '127.0.0.1', port: 5555, user: 'r', database: 'replication' })).toEqual({ password: 'for-replication' })
    expect(credentialsFor(sources, { host: '127.0.0.1', port: 5555, user: 'r', database: 'postgres' })).toEqual({})
    fs.chmodSync(passwords, 0o644)
    const open = await readConnectionSources(host, {})
    expect(open.passwordFile).toBe('')
    expect(open.notes).toEqual([{ code: 'password-file-permissions', params: { file: passwords, mode: '644' } }])
  })

  test('PGPASSFILE, PGSERVICEFILE and PGSYSCONFDIR name other places', async () => {
    const where = directory()
    put(path.join(where, 'pg_service.conf'), '[system]\ndbname=d\n')
    put(path.join(where, 'services'), '[own]\nuser=o\n')
    put(path.join(where, 'passwords'), '*:*:*:*:secret\n', { mode: 0o600 })
    fs.mkdirSync(path.join(where, '.postgresql'))
    put(path.join(where, '.postgresql', 'root.crt'), 'certificate')
    const base = { HOME: where, PGPASSFILE: path.join(where, 'passwords'), PGSERVICEFILE: path.join(where, 'services'), PGSYSCONFDIR: where }
    const sources = await readConnectionSources(new NodeHost({ ...base, PGSERVICE: 'own' }), {})
    expect(sources.settings.get('user')).toBe('o')
    expect(sources.passwordFile).toBe('*:*:*:*:secret\n')
    expect(connectionCandidates(sources).candidates[0]!.sslRootCert).toBe(path.join(where, '.postgresql', 'root.crt'))
    expect((await readConnectionSources(new NodeHost({ ...base, PGSERVICE: 'system' }), {})).settings.get('dbname')).toBe('d')
    expect(await refusal(readConnectionSources(new NodeHost({ ...base, PGSERVICE: 'none' }), {}))).toBe('no-such-service')
  })
})

test.skipIf(process.platform === 'win32')('a server that is silent at its socket is not waited for at its loopback address', async () => {
  const called: string[] = []
  const silent = async (where: string, place: net.ListenOptions) => {
    const server = net.createServer((socket) => {
      called.push(where)
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(place, resolve))
    return server
  }
  const loopback = await silent('loopback', { host: '127.0.0.1', port: 0 })
  const { port } = loopback.address() as net.AddressInfo
  const sockets = directory()
  const socket = await silent('socket', { path: `${sockets}/.s.PGSQL.${port}` })
  try {
    const connection = { port, user: 'u', database: 'd', timeoutMs: 200 }
    const opened = await openFirst(new NodeHost(), [{ ...connection, host: sockets }, { ...connection, host: '127.0.0.1' }, { ...connection, host: sockets, user: 'v' }])
    expect(opened).toMatchObject({ ok: false, why: { kind: 'timeout' } })
    expect(called).toEqual(['socket'])
  } finally {
    for (const server of [loopback, socket]) server.close()
  }
})
