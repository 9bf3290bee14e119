// Who decides, and what our insertion changes, against real connections to the servers.
import { execFileSync } from 'node:child_process'
import dns from 'node:dns/promises'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decide, insertReplicationRules, PHYSICAL_REPLICATION, type HbaFile, type HbaKnowledge, type HbaQuestion, type ReplicationWish } from '../../../src/postgres/hba/index.ts'
import { byteString, toByteString } from '../../../src/postgres/hba/bytes.ts'
import { attempt } from '../../support/hba-client.ts'
import { HbaDirectory, HbaServer, INTERFACES, MAIN, PACKAGED, type HbaTree } from '../../support/hba-server.ts'
import { MAJORS, type TestServer } from '../../support/server.ts'

const LONG = process.env.PGWAL_LONG === '1'
const SEED = process.env.PGWAL_SEED !== undefined ? Number(process.env.PGWAL_SEED) : LONG ? Date.now() % 2 ** 31 : 20_240_917
const RUNS = LONG ? 2_000 : 60
const here = process.platform === 'linux' && process.arch === 'x64'
const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
const hasIpv6 = Object.values(os.networkInterfaces()).some((list) => list?.some((one) => one.address === '::1') === true)

const LONG_NAME = `n${'x'.repeat(69)}`
/** Roles and of which roles they are direct members. */
const ROLES: Record<string, readonly string[]> = {
  alice: [], bob: ['grp', 'app'], carl: ['sub'], sub: ['grp'], grp: [], app: [], all: [], replication: [], '+grp': [], 'Mixed Case': ['grp'], '/re': [], 'caf\u00e9': [],
}
function memberOf(user: string, role: string): boolean {
  if (!(user in ROLES || user === 'postgres') || !(role in ROLES || role === 'postgres')) return false
  return user === role || (ROLES[user] ?? []).some((one) => memberOf(one, role))
}

const USERS = ['alice', 'bob', 'carl', 'grp', 'postgres', 'ghost', 'all', '+grp', 'Mixed Case', '/re', 'caf\u00e9', LONG_NAME]
const DATABASES = ['app', 'alice', 'bob', 'x', 'all', 'replication', 'sub', '/re']
const ADDRESSES = ['local', '127.0.0.1', '127.0.0.2', '127.1.2.3', ...(hasIpv6 ? ['::1'] : [])]

interface Asked { readonly question: HbaQuestion; readonly logical: boolean }
const asked: fc.Arbitrary<Asked> = fc.record({
  user: fc.constantFrom(...USERS),
  database: fc.oneof(fc.constantFrom(...DATABASES), fc.constant(PHYSICAL_REPLICATION)),
  address: fc.constantFrom(...ADDRESSES),
  tls: fc.boolean(),
  logical: fc.boolean(),
}).map(({ logical, ...question }) => ({ question: { ...question, tls: question.tls && hasOpenssl && question.address !== 'local' }, logical }))

const word = (...words: string[]): fc.Arbitrary<string> => fc.constantFrom(...words)
const list = (one: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof({ weight: 3, arbitrary: one }, { weight: 1, arbitrary: fc.array(one, { minLength: 2, maxLength: 3 }).map((words) => words.join(',')) })
const databases = list(word('all', 'all', 'replication', 'replication', 'sameuser', 'samerole', 'samegroup', 'app', 'x', '"all"', '"replication"', 'ALL', '/^a', '"/re"', 'alice', '@dbs'))
const users = list(word('all', 'all', 'alice', 'bob', '+grp', '+app', '"+grp"', '"all"', '+sub', '"Mixed Case"', '/^[ab]', '/l', '"/re"', 'caf\u00e9', 'ghost', '+ghost', 'postgres', LONG_NAME, LONG_NAME.slice(0, 63), '/(?i)^m', '/^.{5}$', '@users'))
const hosts = word('all', 'all', 'samehost', 'samenet', '127.0.0.1/32', '127.0.0.0/8', '127.0.0.2/32', '127.0.0.0/30', '127.0.0.0 255.0.0.255', '0.0.0.0/0', '::/0', '::1/128', '127/8', '127.1/32', '*', 'localhost', '.', '.localdomain', 'nonsense.invalid', '::ffff:127.0.0.1/128', '127.0.0.1 255.255.255.254')
const methods = word('trust', 'reject', 'reject', 'md5', 'scram-sha-256', 'password')
const rule = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(databases, users, fc.oneof(methods, fc.constant('peer'))).map((parts) => `local ${parts.join(' ')}`) },
  { weight: 5, arbitrary: fc.tuple(word('host', 'host', 'hostssl', 'hostnossl', 'hostnogssenc', 'hostgssenc'), databases, users, hosts, methods).map((parts) => parts.join(' ')) },
  { weight: 1, arbitrary: word('# comment', '# comment \\', '', 'hostssl all alice all cert', 'host all carl 127.0.0.0/8 ident', 'include inc', 'local all all trust \\', 'host replication all all reject # \\') },
)
const rules = fc.tuple(fc.array(rule, { maxLength: 8 }), word('\n', '\n', '\r\n'), fc.boolean()).map(([lines, end, last]) => byteString(lines.join(end) + (last ? end : '')))
const trees: fc.Arbitrary<HbaTree> = rules.map((content) => ({ [MAIN]: content, dbs: 'app\n"all"', users: byteString('bob,+sub # c\n"Mixed Case"'), inc: 'host all bob 127.0.0.2/32 password\nlocal replication bob md5\n' }))

async function makeCertificate(server: TestServer): Promise<void> {
  const at = (name: string): string => path.join(server.dataDir, name)
  execFileSync('openssl', ['req', '-new', '-x509', '-days', '2', '-nodes', '-text', '-out', at('server.crt'), '-keyout', at('server.key'), '-subj', '/CN=localhost', '-newkey', 'rsa:2048'], { stdio: 'ignore' })
  fs.copyFileSync(at('server.crt'), at('root.crt'))
  for (const name of ['server.crt', 'server.key', 'root.crt']) {
    fs.chmodSync(at(name), 0o600)
    if (process.getuid?.() === 0) fs.chownSync(at(name), server.account.uid, server.account.gid)
  }
  return Promise.resolve()
}

/** What the server's own look-up of the client's name gives. */
async function hostNames(): Promise<Map<string, string | null>> {
  const found = new Map<string, string | null>()
  for (const address of ADDRESSES.filter((one) => one !== 'local')) {
    const name = await dns.lookupService(address, 0).then((result) => result.hostname, () => null)
    const forward = name === null || name === address ? [] : await dns.lookup(name, { all: true }).catch(() => [])
    found.set(address, forward.some((one) => one.address === address) ? name : null)
  }
  return found
}

/** How a decision shows itself to a client. */
function shownAs(hba: HbaFile, { question }: Asked, knowledge: HbaKnowledge): string[] {
  const decision = decide(hba, question, knowledge)
  if (decision.dependsOn.length > 0) throw new Error(`not certain: ${JSON.stringify(decision.dependsOn)}`)
  if (decision.rule === null) return ['no entry']
  // A role without a password of its own kind is asked in the other way, so that nobody learns which roles exist.
  if (decision.method === 'md5') return question.user in ROLES ? ['md5'] : ['md5', 'scram-sha-256']
  return [decision.method]
}

describe.skipIf(!here)('decisions against real connections (needs the packaged servers for Linux x64)', () => {
  let directory: HbaDirectory
  let servers: HbaServer[] = []
  let knowledge: HbaKnowledge = {}

  beforeAll(async () => {
    if (!hasOpenssl) console.log('no openssl: connections with TLS are not tested')
    directory = HbaDirectory.create()
    const names = await hostNames()
    knowledge = {
      memberOf,
      hostName: (address) => names.get(address) ?? null,
      interfaces: Object.values(os.networkInterfaces()).flatMap((all) => (all ?? []).map(({ address, netmask }) => ({ address, mask: netmask }))),
    }
    servers = await Promise.all(MAJORS.map(async (major) => {
      const server = await HbaServer.start(major, directory, {
        features: { ssl: hasOpenssl, builtWith: PACKAGED, oauthValidatorLibraries: [], interfaceNames: INTERFACES },
        conf: `listen_addresses = '127.0.0.1${hasIpv6 ? ',::1' : ''}'\nmax_connections = 100\n${hasOpenssl ? "ssl = on\nssl_ca_file = 'root.crt'\n" : ''}`,
        ...(hasOpenssl ? { beforeStart: makeCertificate } : {}),
      })
      const quoted = (name: string): string => `"${name}"`
      await server.server.query(["set password_encryption = 'md5'", ...Object.keys(ROLES).map((role) => `create role ${quoted(role)} login replication password 'x'`),
        ...Object.entries(ROLES).flatMap(([role, groups]) => groups.map((group) => `grant ${quoted(group)} to ${quoted(role)}`)), `create role ${LONG_NAME} login password 'x'`].join(';'))
      return server
    }))
    ROLES[LONG_NAME.slice(0, 63)] = []
  })
  afterAll(async () => {
    await Promise.all(servers.map(async (server) => server.remove()))
    directory.remove()
  })

  const real = async (server: HbaServer, one: Asked): Promise<string> => attempt(server.server, {
    user: one.question.user,
    address: one.question.address,
    tls: one.question.tls === true,
    ...(typeof one.question.database === 'string' ? { database: one.question.database, ...(one.logical ? { replication: 'database' as const } : {}) } : { database: '', replication: 'true' as const }),
  })

  async function disagreements(server: HbaServer, hba: HbaFile, questions: readonly Asked[]): Promise<string[]> {
    const found = await Promise.all(questions.map(async (one) => {
      const ours = shownAs(hba, one, knowledge)
      const theirs = await real(server, one)
      return ours.includes(theirs) ? [] : [`PostgreSQL ${server.major}: ${JSON.stringify(one)}: server ${theirs}, ours ${ours.join(' or ')}`]
    }))
    return found.flat()
  }

  it(`decides like the server, and loads when it does: ${RUNS} files a server, seed ${SEED}`, async () => {
    console.log(`decisions: ${RUNS} files for each of ${servers.length} servers, PGWAL_SEED=${SEED}`)
    let compared = 0
    await fc.assert(fc.asyncProperty(trees, fc.array(asked, { minLength: 8, maxLength: 8 }), async (tree, questions) => {
      directory.write(tree)
      const found = await Promise.all(servers.map(async (server) => {
        const hba = await server.ours()
        const loaded = await server.reload()
        if (loaded !== hba.loads) return [`PostgreSQL ${server.major}: the server ${loaded ? 'loads' : 'refuses'} the file, ours ${JSON.stringify(hba.errors)}`]
        if (!loaded) return []
        compared += questions.length
        return disagreements(server, hba, questions)
      }))
      if (found.flat().length > 0) throw new Error(found.flat().join('\n'))
    }), { numRuns: RUNS, seed: SEED })
    expect(compared).toBeGreaterThan(RUNS * 20)
  }, LONG ? 3_600_000 : 300_000)

  const wish: fc.Arbitrary<ReplicationWish> = fc.record({
    user: fc.constantFrom('alice', 'bob', 'Mixed Case', '/re', 'caf\u00e9', 'all', '+grp', 'replication'),
    addresses: fc.uniqueArray(fc.constantFrom('local', '127.0.0.1/32', '127.0.0.2', '127.0.0.0/8', ...(hasIpv6 ? ['::1/128'] : [])), { minLength: 1, maxLength: 3 }),
    method: fc.constantFrom('scram-sha-256', 'md5', 'trust'),
    type: fc.constantFrom('host' as const, 'host' as const, ...(hasOpenssl ? ['hostssl' as const, 'hostnossl' as const] : [])),
    overrideRejects: fc.boolean(),
  })

  it(`inserts what lets in whom it says and nobody else: ${RUNS} files a server, seed ${SEED}`, async () => {
    const outcomes = new Map<string, number>()
    await fc.assert(fc.asyncProperty(trees, wish, fc.array(asked, { minLength: 6, maxLength: 6 }), async (tree, wanted, others) => {
      for (const server of servers) {
        directory.write(tree)
        const hba = await server.ours()
        const planned = insertReplicationRules(hba, wanted, knowledge)
        const outcome = planned.kind === 'refused' ? planned.because.code : planned.kind
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        if (planned.kind === 'refused') continue
        if (planned.kind === 'insert') for (const edit of planned.edits) directory.write({ ...tree, [path.basename(edit.path)]: toByteString(edit.after) })
        expect(await server.reload()).toBe(true)
        const after = await server.ours()
        const asks = wanted.addresses.flatMap((address): Asked[] => {
          const at = address === 'local' ? ['local'] : address === '127.0.0.0/8' ? ['127.0.0.1', '127.1.2.3'] : [address.split('/')[0]!]
          const encrypted = address === 'local' || !hasOpenssl ? [false] : wanted.type === 'host' ? [false, true] : [wanted.type === 'hostssl']
          return at.flatMap((one) => encrypted.map((tls) => ({ question: { user: wanted.user, database: PHYSICAL_REPLICATION, address: one, tls }, logical: false })))
        })
        for (const ask of asks) {
          const answer = await real(server, ask)
          if (answer === 'reject' || answer === 'no entry') throw new Error(`PostgreSQL ${server.major}: ${JSON.stringify(ask)} is still refused: ${answer}\n${JSON.stringify(planned, (key, value: unknown) => key === 'result' || value instanceof Uint8Array ? undefined : value)}`)
        }
        const untouched = others.filter(({ question }) => question.user !== wanted.user || question.database !== PHYSICAL_REPLICATION)
        const found = await disagreements(server, hba, untouched)
        expect(found).toEqual([])
        expect(insertReplicationRules(after, wanted, knowledge).kind).toBe('nothing')
      }
    }), { numRuns: Math.ceil(RUNS / 3), seed: SEED })
    console.log(`insertions: ${[...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')}`)
    expect(outcomes.get('insert')).toBeGreaterThan(RUNS / 3)
    expect(outcomes.get('no-proof')).toBeUndefined()
  }, LONG ? 3_600_000 : 300_000)

  it('does not start on what does not load, and starts on what does', async () => {
    const files: Record<string, string> = {
      'no rules': '# only a comment \\\nlocal all all trust\n',
      'an error': 'local all all trust\nlocal all all TRUST\n',
      'CR line ends': '# c\rlocal all all trust\r',
      'a rule that cannot match': 'local all all trust\nhostgssenc all all all md5\n',
      'an error without a text in the view': 'local all all trust\nhostssl all all all md5 clientcert=x\n',
    }
    for (const server of [servers[0]!, servers[6]!]) {
      for (const [name, content] of Object.entries(files)) {
        directory.write({ [MAIN]: content })
        const { loads } = await server.ours()
        await server.stop()
        const started = await server.startAgain()
        expect({ name, major: server.major, started }).toEqual({ name, major: server.major, started: loads })
      }
      directory.write({ [MAIN]: 'local all all trust\n' })
      await server.startAgain()
    }
  })
})
