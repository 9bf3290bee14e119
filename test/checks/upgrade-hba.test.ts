import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import check from '../../src/checks/upgrade-hba.ts'
import { rereadHba } from '../../src/postgres/hba/index.ts'
import { hbaOf } from '../support/hba-of.ts'
import { HbaDirectory, HbaServer } from '../support/hba-server.ts'
import { CLUSTER, codes, run } from '../support/run-check.ts'

const GOOD = 'local all all peer\nhost replication all 127.0.0.1/32 scram-sha-256\n'

function found(text: string, from: number, forVersion: number) {
  return run(check, { hba: hbaOf(text, { major: from }) }, {}, { cluster: { ...CLUSTER, major: from }, forVersion })
}

it('a file that both read alike', () => {
  for (const from of [12, 13, 14, 15, 16, 17]) expect(found(GOOD, from, 18)).toEqual([])
})

it('old values of clientcert', () => {
  const text = `${GOOD}hostssl all all 10.0.0.0/8 md5 clientcert=1\nhostssl all all 10.0.0.0/8 md5 "clientcert"=0\nhostssl all all 10.0.0.0/8 md5 clientcert=no-verify\n`
  expect(found(text, 13, 14)).toMatchObject([
    { code: 'clientcert', severity: 'error', params: { value: '1' }, at: { file: '/etc/pg_hba.conf', line: 3 } },
    { code: 'clientcert-off', severity: 'error', params: { value: '0' }, at: { line: 4 } },
    { code: 'clientcert-off', severity: 'error', params: { value: 'no-verify' }, at: { line: 5 } },
  ])
  expect(found(text, 12, 13)).toEqual([])
})

it('a comment that ends in a backslash takes the next rule with it from 14 on', () => {
  const text = `local all all peer\n# the standby \\\nhost replication all 127.0.0.1/32 md5\n`
  expect(found(text, 13, 14)).toMatchObject([{ code: 'swallowed', severity: 'warning', params: { rule: 'host replication all 127.0.0.1/32 md5' }, at: { line: 3 } }])
  expect(found(text, 14, 17)).toEqual([])
  // Without any other rule the file is empty to 14.
  expect(codes(found('# \\\nhost all all 127.0.0.1/32 md5\n', 13, 14))).toEqual(['error refused', 'warning swallowed'])
})

it('a line that goes on in the next one from 14 on', () => {
  const text = `${GOOD}host all all 10.0.0.0/8 ldap ldapserver=x ldapprefix=a\\\nhost all all 10.1.0.0/16 reject\n`
  expect(codes(found(text, 13, 14))).toEqual(['error refused', 'warning swallowed'])
})

it('names that begin with a slash', () => {
  const text = `${GOOD}host /srv,"/a.b" /^adm all md5\n`
  expect(found(text, 15, 16)).toMatchObject([
    { code: 'becomes-regex', severity: 'warning', params: { name: '/srv', escaped: '/srv' }, at: { line: 3 } },
    { code: 'becomes-regex', params: { name: '/a.b', escaped: '/a\\.b' } },
    { code: 'becomes-regex', params: { name: '/^adm' } },
  ])
  expect(codes(found(`${GOOD}host /( all all md5\n`, 15, 16))).toEqual(['error refused'])
  expect(found(text, 16, 17)).toEqual([])
})

it('MD5 from 18 on, told once', () => {
  const text = `${GOOD}host all all 10.0.0.0/8 md5\nhost all all 10.1.0.0/16 md5\n`
  expect(found(text, 17, 18)).toMatchObject([{ code: 'md5-deprecated', severity: 'info', params: { count: 2 }, at: { line: 3 } }])
  expect(found(text, 16, 17)).toEqual([])
})

it('what this major refuses as well is not told again', () => {
  expect(found(`${GOOD}host all all 127.0.0.1 trust\n`, 15, 16)).toEqual([])
})

it('a path with .. is the same file to all majors', () => {
  const hba = hbaOf(`${GOOD}host all @sub/../names all md5\n`, { major: 14 })
  const names = new TextEncoder().encode('alice\n')
  const files = new Map(hba.hba.snapshot.files).set('/etc/sub/../names', names)
  const read = rereadHba({ files, directories: new Map() }, hba.hba.options)
  expect(run(check, { hba: { ...hba, hba: read } }, {}, { cluster: { ...CLUSTER, major: 14 }, forVersion: 15 })).toEqual([])
})

it('is not judged without an upgrade, where a file is closed, or where the version is not known', () => {
  const hba = hbaOf(GOOD)
  expect(codes(run(check, { hba }))).toEqual(['skip not-applicable'])
  expect(codes(run(check, { hba }, {}, { forVersion: 15 }))).toEqual(['skip not-applicable'])
  expect(codes(run(check, { hba: hbaOf(GOOD, { complete: false }) }, {}, { forVersion: 17 }))).toEqual(['skip not-readable'])
  expect(codes(run(check, { hba }, {}, { cluster: { ...CLUSTER, major: 0 }, forVersion: 17 }))).toEqual(['skip not-readable'])
})

describe('against the servers of both majors', () => {
  const CASES = [
    GOOD,
    `${GOOD}hostssl all all 10.0.0.0/8 md5 clientcert=1\n`,
    `${GOOD}hostssl all all 10.0.0.0/8 md5 clientcert=0\n`,
    `${GOOD}hostssl all all 10.0.0.0/8 md5 clientcert=verify-ca\n`,
    `${GOOD}# comment \\\nhost all all 10.0.0.0/8 md5\n`,
    '# comment \\\nlocal all all trust\n',
    `${GOOD}host all "/(" all md5\n`,
    `${GOOD}host all "/a+" all md5\n`,
    `${GOOD}host all /a,b all md5\nhost all all all md5 # \\\n`,
  ]
  let directory: HbaDirectory
  let servers: HbaServer[]
  beforeAll(async () => {
    directory = HbaDirectory.create()
    servers = await Promise.all(([12, 13, 14, 15, 16, 17, 18] as const).map((major) => HbaServer.start(major, directory)))
  })
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.remove()))
    directory.remove()
  })

  it.each(CASES)('%j', async (text) => {
    directory.write({ 'pg_hba.conf': text })
    const loads = new Map<number, boolean>()
    const rules = new Map<number, number>()
    for (const server of servers) {
      loads.set(server.major, await server.reload())
      rules.set(server.major, (await server.rows()).filter(({ error, method }) => error === null && method !== null).length)
    }
    for (const from of servers) for (const to of servers.filter(({ major }) => major > from.major)) {
      if (loads.get(from.major) === false) continue
      const told = found(text, from.major, to.major)
      const name = `${from.major} to ${to.major}`
      expect(!codes(told).some((code) => code.startsWith('error')), name).toBe(loads.get(to.major))
      if (loads.get(to.major) === true) expect(codes(told).includes('warning swallowed'), name).toBe(rules.get(to.major)! < rules.get(from.major)!)
    }
  })
})
