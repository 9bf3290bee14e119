// A report from saved facts is the report that was made when they were saved, also where the server is long gone.
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeFacts } from '../../src/app/facts-file.ts'
import { facts } from '../../src/facts/index.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { eventually } from '../support/eventually.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import type { ProgramRun } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

const HBA = 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\nhost replication all 127.0.0.1/32 trust\nhost replication all ::1/128 trust\n'
const SECRET = 'hunter2'

describe('facts in a file', () => {
  let server: TestServer
  let state: string
  let archive: string
  let directory: string
  const conf = () => path.join(server.dataDir, 'postgresql.conf')
  const run = (args: readonly string[]) => pgwal(['doctor', ...args], { PGWAL_STATE_DIR: state })
  const saved: { readonly name: string; readonly live: ProgramRun }[] = []
  const file = (name: string) => path.join(directory, `${name}.json`)
  const save = async (name: string) => {
    const live = await run(['-D', server.dataDir, '--json', '--save-facts', file(name)])
    saved.push({ name, live })
    return live.json()
  }

  beforeAll(async () => {
    directory = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-facts-'))
    state = await stateDirectory()
    server = await TestServer.create(16, { hba: HBA })
    archive = `${server.root}/archive`
    await fs.mkdir(archive, { mode: 0o700 })
    if (process.getuid?.() === 0) await fs.chown(archive, server.account.uid, server.account.gid)
    await fs.appendFile(conf(), `archive_mode = on\narchive_command = 'test ! -f ${archive}/%f && cp %p ${archive}/%f'\nsslpassword.x = '${SECRET}'\nprimary_conninfo = 'host=x password=${SECRET}'\n`)
    await server.start()
    await server.query('CREATE TABLE t ()')
    await server.query('SELECT pg_switch_wal()')
    await eventually(async () => (await fs.readdir(archive)).length > 0)
    await server.query(`CREATE ROLE backup REPLICATION LOGIN PASSWORD '${SECRET}'`)
    await save('healthy')

    await fs.rm(archive, { recursive: true })
    await fs.appendFile(conf(), `wal_level = 'repl'\nno_such = 1\narchive_command = 'AWS_SECRET_ACCESS_KEY=${SECRET} cp %p ${archive}/%f || PGPASSWORD=${SECRET} false'\n`)
    await fs.writeFile(path.join(server.dataDir, 'pg_hba.conf'), `${HBA}host all all 10.0.0.0/8 ldap ldapserver=x ldapbindpasswd="${SECRET} ${SECRET}" ldapbasedn="a b"\nhost all all all tust\nhost all all 10/8 trust # password=${SECRET}\n`)
    await server.query('SELECT pg_switch_wal()')
    await server.query('SELECT pg_reload_conf()')
    await save('broken')

    await server.stop('immediate')
    await save('down')
    await server.remove()
  })
  afterAll(async () => {
    await fs.rm(directory, { recursive: true, force: true })
    await fs.rm(state, { recursive: true, force: true })
  })

  it.each(['healthy', 'broken', 'down'])('%s: the same report and exit code with the server gone', async (name) => {
    const { live } = saved.find((one) => one.name === name)!
    const again = await run(['--json', '--facts', file(name)])
    expect(again.json()).toEqual(live.json())
    expect(again.stdout).toBe(live.stdout)
    expect(again.code).toBe(live.code)
    expect(live.json().clusters[0].summary).toMatchObject(name === 'healthy' ? { error: 0, crash: 0 } : { crash: 0, error: expect.any(Number) })
    if (name !== 'healthy') expect(live.code).toBe(1)
  })

  it('the three are not the same', () => expect(new Set(saved.map(({ live }) => JSON.stringify(live.json().clusters[0].summary))).size).toBe(3))

  it('holds every fact, no secret, and is its owner\'s alone', async () => {
    for (const { name } of saved) {
      const text = await fs.readFile(file(name), 'utf8')
      expect(text).not.toContain(SECRET)
      expect(text).not.toMatch(/SCRAM-SHA-256\$\d/)
      const { facts: version, clusters } = JSON.parse(text)
      expect(version).toBe(1)
      expect(Object.keys(clusters[0].facts)).toEqual(facts.map((fact) => fact.name))
      for (const [fact, outcome] of Object.entries(clusters[0].facts)) expect(outcome, fact).not.toHaveProperty('crash')
      expect((await fs.stat(file(name))).mode & 0o777).toBe(0o600)
    }
  })

  it('a text report, one check alone, a cluster by its name', async () => {
    const { clusters } = JSON.parse(await fs.readFile(file('down'), 'utf8'))
    const text = await run(['--facts', file('down'), '--cluster', clusters[0].cluster.id, '--only', 'configuration-loads'])
    expect(text.stdout).toContain('no_such')
    expect((await run(['--facts', file('down'), '--cluster', 'another', '--json'])).json().error.code).toBe('no-such-cluster')
  })

  it('a fact that the file lacks is a reason, not an error', async () => {
    const data = JSON.parse(await fs.readFile(file('healthy'), 'utf8'))
    delete data.clusters[0].facts.hba
    await fs.writeFile(file('older'), JSON.stringify(data))
    const report = (await run(['--facts', file('older'), '--json'])).json()
    expect(report.clusters[0].checks.find((check: { id: string }) => check.id === 'hba-loads')).toMatchObject({ verdict: 'skip', code: 'not-saved' })
  })

  it.each<[string, (data: any) => unknown, object]>([ // eslint-disable-line @typescript-eslint/no-explicit-any
    ['cut off', (data) => JSON.stringify(data, null, 2).slice(0, 300), { code: 'facts-not-json', message: expect.stringMatching(/bad\.json:\d+: this is not JSON/) }],
    ['another version', (data) => ({ ...data, facts: 2 }), { code: 'facts-version', message: expect.stringContaining('version 2') }],
    ['other JSON', () => [], { code: 'facts-malformed' }],
    ['without clusters', (data) => ({ ...data, clusters: [] }), { code: 'facts-malformed', message: expect.stringContaining('clusters') }],
    ['a damaged cluster', (data) => ({ ...data, clusters: [{ ...data.clusters[0], cluster: { id: 1 } }] }), { code: 'facts-malformed', message: expect.stringContaining('clusters[0].cluster') }],
    ['a damaged fact', (data) => ({ ...data, clusters: [{ ...data.clusters[0], facts: { ...data.clusters[0].facts, hba: { ok: true, value: 1 } } }] }), { code: 'facts-malformed', message: expect.stringContaining('clusters[0].facts.hba') }],
  ])('a bad file: %s', async (_what, change, error) => {
    const changed = change(JSON.parse(await fs.readFile(file('healthy'), 'utf8')))
    await fs.writeFile(file('bad'), typeof changed === 'string' ? changed : JSON.stringify(changed))
    const ran = await run(['--facts', file('bad'), '--json'])
    expect(ran.code).toBe(2)
    expect(ran.json().error).toMatchObject({ remedy: expect.any(String), ...error })
  })

  it('a file that is not there, and both options at once', async () => {
    expect((await run(['--facts', file('none'), '--json'])).json().error.code).toBe('facts-unreadable')
    expect((await run(['--facts', file('down'), '--save-facts', file('copy'), '--json'])).json().error.code).toBe('usage')
  })

  it('replaces an older file, and says where it cannot write', async () => {
    const host = new NodeHost()
    await fs.writeFile(file('old'), 'x'.repeat(1000))
    await writeFacts(host, file('old'), [])
    expect(JSON.parse(await fs.readFile(file('old'), 'utf8'))).toMatchObject({ facts: 1, clusters: [] })
    const relative = path.relative(process.cwd(), file('relative'))
    await writeFacts(host, relative, [])
    await fs.access(file('relative'))
    await expect(writeFacts(host, path.join(directory, 'none/x.json'), [])).rejects.toMatchObject({ code: 'facts-not-written', params: { reason: 'ENOENT' } })
  })
})
