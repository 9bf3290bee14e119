// `pgwal hba` as a user runs it: on files alone, and on a real server.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filesIn } from '../support/files.ts'
import { pgwal } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

const RULES = [
  'local   all          all                       peer',
  'host    all          +admins    10.0.0.0/8     reject',
  'host    all          all        10.0.0.0/8     scram-sha-256',
  'host    all          joe        10.1.2.3/32    trust',
  'hostssl replication  backup     192.0.2.0/24   cert',
  'host    "replication" all       192.0.2.0/24   md5',
  'host    all          all        samehost       password',
  '',
].join('\n')

describe('on a file alone', () => {
  let directory: string
  const file = (name = 'pg_hba.conf') => path.join(directory, name)
  const hba = (name: string, ...args: string[]) => pgwal(['hba', '--hba-file', file(name), '--server-version', '16', ...args])
  const decision = async (user: string, database: string, address: string, ...args: string[]) =>
    (await hba('pg_hba.conf', '--json', '--user', user, '--database', database, '--address', address, ...args)).json().decision

  beforeAll(async () => {
    directory = await filesIn({
      'pg_hba.conf': RULES,
      'odd.conf': 'host all all 10/8 trust\nhost ALL all * trust\n# a comment \\\nhost all all ::1/128 trust\nhost all /^a 127.0.0.1/32 trust\n',
      'broken.conf': 'local all all peer\nhost all all 127.0.0.1 trust\n',
      'secret.conf': 'host all all 10.0.0.0/8 ldap ldapserver=x ldapprefix=y "ldapbindpasswd=sehr geheim hier"\nhost all all 10.1.0.0/16 ldap ldapserver=x ldapbasedn=y ldapbindpasswd=noch geheimer\n',
    })
  })
  afterAll(() => fs.rm(directory, { recursive: true, force: true }))

  it('the rule that decides, with its line and its text', async () => {
    expect(await decision('joe', 'shop', 'local')).toMatchObject({ rule: { file: file(), line: 1, text: RULES.split('\n')[0] }, method: 'peer', certain: true })
    expect(await decision('joe', 'shop', '::1')).toMatchObject({ method: expect.stringMatching(/^(?:password|reject)$/) })
  })

  it('physical replication is not a database of that name', async () => {
    expect(await decision('backup', 'replication', '192.0.2.7', '--ssl')).toMatchObject({ rule: { line: 5 }, method: 'cert' })
    expect(await decision('backup', 'replication', '192.0.2.7')).toEqual({ rule: null, method: 'reject', certain: true, dependsOn: [] })
    expect(await decision('backup', '"replication"', '192.0.2.7', '--ssl')).toMatchObject({ rule: { line: 6 }, method: 'md5' })
  })

  it('without a server it says on what a membership makes the answer depend', async () => {
    expect(await decision('joe', 'shop', '10.1.2.3')).toMatchObject({
      rule: { line: 3 }, method: 'scram-sha-256', certain: false,
      dependsOn: [{ rule: { line: 2 }, method: 'reject', on: [{ kind: 'membership', user: 'joe', role: 'admins' }] }],
    })
    const text = await hba('pg_hba.conf', '--user', 'joe', '--database', 'shop', '--address', '10.1.2.3')
    expect(text.stdout).toContain('if joe is a member of admins')
  })

  it('rules that never decide, and what shadows them', async () => {
    const { loads, errors, unreachable } = (await hba('pg_hba.conf', '--json')).json()
    expect({ loads, errors }).toEqual({ loads: true, errors: [] })
    expect(unreachable).toMatchObject([{ file: file(), line: 4, shadowedBy: { file: file(), line: 3 } }])
  })

  it('names each trap, in both languages', async () => {
    const { traps } = (await hba('odd.conf', '--json')).json()
    const found = traps.map(({ code, line }: { code: string; line: number }) => `${line} ${code}`)
    for (const trap of ['1 short-address', '2 star-address', '2 wrong-case', '4 comment-continuation']) expect(found).toContain(trap)
    expect((await hba('odd.conf')).stdout).toContain('10/8 means 0.0.0.10/8')
    expect((await hba('odd.conf', '--lang', 'zh-TW')).stdout).toContain('實際效果與表面不同')
  })

  it('a file that does not load: why, and exit 1', async () => {
    const shown = await hba('broken.conf', '--json', '--user', 'joe', '--database', 'shop', '--address', 'local')
    expect(shown.code).toBe(1)
    expect(shown.json()).toMatchObject({ loads: false, errors: [{ file: file('broken.conf'), line: 2, message: expect.stringContaining('invalid IP mask') }], decision: { rule: { line: 1 } } })
    // The same regular expression is a name before 16.
    expect((await pgwal(['hba', '--hba-file', file('odd.conf'), '--server-version', '13', '--json'])).json().traps).toEqual(expect.arrayContaining([expect.objectContaining({ code: 'regex-before-16' })]))
  })

  it('never shows a secret option, however it is quoted', async () => {
    for (const args of [[], ['--json'], ['--user', 'a', '--database', 'b', '--address', '10.1.2.3'], ['--json', '--user', 'a', '--database', 'b', '--address', '10.1.2.3']]) {
      const { stdout, stderr } = await hba('secret.conf', ...args)
      expect(stdout.length).toBeGreaterThan(50)
      expect(stdout + stderr).not.toMatch(/geheim/)
    }
  })

  it('half a question, a bad address, no version: exit 2 with what to do', async () => {
    const cases: [string[], string][] = [
      [['--server-version', '16', '--user', 'joe'], 'question-incomplete'],
      [['--server-version', '16', '--user', 'joe', '--database', 'd', '--address', 'somewhere'], 'bad-address'],
      [[], 'needs-server-version'],
    ]
    for (const [args, code] of cases) {
      const wrong = await pgwal(['hba', '--json', '--hba-file', file(), ...args])
      expect([wrong.code, wrong.json().error.code, typeof wrong.json().error.remedy]).toEqual([2, code, 'string'])
    }
  })
})

describe.each([14, 17] as const)('on PostgreSQL %i', (major) => {
  let server: TestServer
  const ask = async (user: string, ...args: string[]) => (await pgwal(['hba', '-D', server.dataDir, '--json', '--user', user, '--database', 'postgres', '--address', '127.0.0.1', ...args])).json()

  beforeAll(async () => {
    server = await TestServer.create(major, { hba: 'local all all trust\nhost all +closed 127.0.0.1/32 reject\nhost all all samenet trust\n' })
    await server.start()
    await server.query('CREATE ROLE closed; CREATE ROLE within IN ROLE closed; CREATE ROLE ann LOGIN IN ROLE within; CREATE ROLE bob LOGIN')
  })
  afterAll(() => server.remove())

  it('takes memberships from the server, and decides as it does', async () => {
    for (const user of ['ann', 'bob']) {
      const { decision } = await ask(user)
      expect(decision.certain).toBe(true)
      const lets = await server.query('SELECT 1', [], { host: '127.0.0.1', user }).then(() => 'trust', () => 'reject')
      expect([user, decision.method]).toEqual([user, lets])
    }
    expect((await ask('ann')).decision.rule.line).toBe(2)
  })

  it('says that the server has not read the file since it was changed', async () => {
    expect((await ask('bob')).notReloaded).toBe(false)
    await fs.appendFile(path.join(server.dataDir, 'pg_hba.conf'), 'host replication all 127.0.0.1/32 trust\n')
    expect((await ask('bob')).notReloaded).toBe(true)
  })

  it('judges a candidate in place of the cluster\'s file', async () => {
    const directory = await filesIn({ candidate: 'host all bob 127.0.0.1/32 md5\n' })
    try {
      const { decision, notReloaded } = await ask('bob', '--hba-file', path.join(directory, 'candidate'))
      expect([decision.rule.file, decision.method, notReloaded]).toEqual([path.join(directory, 'candidate'), 'md5', null])
    } finally {
      await fs.rm(directory, { recursive: true })
    }
  })
})
