// verify --drill on real servers: what it proves, what it refuses, and that it leaves nothing behind.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { verify } from '../../src/app/verify.ts'
import type { NodeHost } from '../../src/host/node-host.ts'
import { lastDrill } from '../../src/plan/drill-record.ts'
import type { Waiting } from '../../src/probes/probe.ts'
import { Archived, atStart, drillHost, failure, hostWith, root } from '../support/archived.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { eventually } from '../support/eventually.ts'

const SEGMENT = 1 << 20

let host: NodeHost
let forget: () => Promise<void>
beforeAll(async () => {
  ({ host, remove: forget } = await drillHost())
})
afterAll(() => forget())

describe.each([13, 17] as const)('PostgreSQL %i', (major) => {
  let one: Archived
  const intact = new Map<string, Buffer>()
  beforeAll(async () => {
    one = await Archived.start(major)
    await one.server.query(`CREATE TABLESPACE elsewhere LOCATION '${one.server.root}/space'`)
    await one.server.query('CREATE TABLE there (n int) TABLESPACE elsewhere')
    await one.server.query('INSERT INTO there SELECT generate_series(1, 1000)')
  })
  afterEach(() => {
    one.expectNothingLeft()
    for (const [file, bytes] of intact) fs.writeFileSync(file, bytes)
    intact.clear()
  })
  afterAll(() => one.server.remove())

  it('restores the copy to its mark, tablespace and all, and touches nothing', async () => {
    const space = () => fs.readdirSync(`${one.server.root}/space`, { recursive: true }).map(String).sort()
    const before = space()
    const said: string[] = []
    let map = ''
    const verdict = await one.drill(host, ({ code }) => {
      said.push(code)
      if (code !== 'drill-recovering') return
      const [drill] = fs.readdirSync(one.scratch)
      expect(fs.statSync(`${one.scratch}/${drill}`).mode & 0o777).toBe(0o700)
      expect(fs.readdirSync(`${one.scratch}/${drill}/data/pg_wal`).filter((name) => name.length === 24)).toEqual([])
      map = fs.readFileSync(`${one.scratch}/${drill}/data/tablespace_map`, 'utf8')
    })
    expect(verdict).toMatchObject({ kind: 'pass', detail: { code: 'restored', params: { archive: one.archive } } })
    expect(map).toMatch(new RegExp(`^\\d+ ${one.scratch}/pgwal-drill-[0-9a-f]{12}/tablespaces/\\d+\\n$`))
    expect(said).toEqual(expect.arrayContaining(['drill-checkpoint', 'drill-copying', 'drill-recovering', 'drill-removing']))
    expect(space()).toEqual(before)
    expect(fs.readdirSync(one.archive).filter((name) => !name.startsWith('00000001'))).toEqual([])
    expect(await one.server.query('SELECT count(*) FROM there')).toEqual([{ count: '1000' }])
    // Nothing of the backup stays behind in the server, and the tablespaces are free again.
    await one.server.query("ALTER TABLESPACE elsewhere RENAME TO there")
    await one.server.query("ALTER TABLESPACE there RENAME TO elsewhere")
  })

  it('a table whose file the cluster itself has lost is not restored, and named', async () => {
    await one.server.query('CREATE TABLE lost AS SELECT 1 AS n')
    const [row] = await one.server.query<{ file: string }>("SELECT pg_relation_filepath('lost') AS file")
    await one.server.query('CHECKPOINT')
    fs.unlinkSync(`${one.server.dataDir}/${row!.file}`)
    expect(failure(await one.drill(host))).toMatchObject({ code: 'relation-missing', params: { relation: 'lost', file: row!.file, database: 'postgres' } })
    await one.server.query('DROP TABLE lost')
  })

  it.each([
    ['hidden', (file: string) => { fs.unlinkSync(file) }, 'segment-missing', {}],
    ['truncated', (file: string) => { fs.truncateSync(file, SEGMENT / 2) }, 'segment-damaged', { problem: 'file-size' }],
    ['zeroed', (file: string) => { fs.writeFileSync(file, Buffer.alloc(SEGMENT)) }, 'segment-damaged', { problem: 'zeroed' }],
    ['with one bit flipped', (file: string) => {
      const bytes = fs.readFileSync(file)
      // Within the first record, which every recovery reads.
      bytes[0x40]! ^= 4
      fs.writeFileSync(file, bytes)
    }, 'segment-different', {}],
    ['foreign', (file: string) => {
      const bytes = fs.readFileSync(file)
      bytes.writeBigUInt64LE(7_000_000_000_000_000_001n, 24)
      fs.writeFileSync(file, bytes)
    }, 'segment-foreign', { found: '7000000000000000001' }],
  ] as const)('a segment that is %s: the drill fails, and names it', async (_how, harm, code, params) => {
    let harmed = ''
    const found = failure(await one.drill(host, atStart(one, (file) => {
      harmed = file
      intact.set(file, fs.readFileSync(file))
      harm(file)
    })))
    expect(found).toMatchObject({ code, severity: 'error', params: { segment: harmed.slice(-24), ...params }, at: { file: harmed } })
  })

  it('an archive that the owner cannot read any more', async () => {
    const found = failure(await one.drill(host, atStart(one, () => { fs.chmodSync(one.archive, 0o000) })).finally(() => { fs.chmodSync(one.archive, 0o700) }))
    expect(found).toMatchObject({ code: 'archive-unreadable', params: { path: one.archive, reason: 'EACCES' } })
  })

  it('Ctrl-C while it copies, and while it starts: nothing is left, and the server is not in backup', async () => {
    for (const moment of ['drill-copying', 'drill-recovering']) {
      const stopping = new AbortController()
      await expect(one.drill(host, ({ code }) => { if (code === moment) stopping.abort() }, { signal: stopping.signal })).rejects.toThrow('interrupted')
      one.expectNothingLeft()
    }
    expect(await one.drill(host)).toMatchObject({ kind: 'pass' })
  })
})

describe('what is kept, refused and cleaned up', () => {
  let one: Archived
  beforeAll(async () => {
    one = await Archived.start(17)
  })
  afterAll(() => one.server.remove())

  it('verify keeps the result for doctor, the failed as well as the proved', async () => {
    const cluster = await clusterOf(one.server)
    const run = (onWaiting: (what: Waiting) => void = () => undefined) => verify(host, cluster, { timeoutMs: 60_000, drill: { directory: one.scratch }, onWaiting })
    const report = await run(atStart(one, (file) => { fs.unlinkSync(file) }))
    expect(report.checks.at(-1)).toMatchObject({ id: 'restore-drill', verdict: { kind: 'fail' } })
    expect(await lastDrill(host, cluster)).toMatchObject({ outcome: 'failed', code: 'segment-missing' })
    expect((await run()).checks.at(-1)).toMatchObject({ id: 'restore-drill', verdict: { kind: 'pass' } })
    expect(await lastDrill(host, cluster)).toMatchObject({ outcome: 'proved' })
    expect((await verify(host, cluster, { timeoutMs: 60_000 })).checks.map(({ id }) => id)).not.toContain('restore-drill')
  })

  it('cleans up what a drill left that was killed, its server too, and leaves that of a living one', async () => {
    const kept = `${one.scratch}/kept`
    let left = ''
    await one.drill(host, ({ code }) => {
      if (code !== 'drill-removing' || left !== '') return
      // As it stands in the moment before it is removed: kept as what a killed run would have left.
      const [name] = fs.readdirSync(one.scratch)
      left = name!
      fs.cpSync(`${one.scratch}/${name}`, kept, { recursive: true, filter: (source) => !source.includes('/s/') && !source.endsWith('postmaster.pid') })
    })
    const name = `pgwal-drill-${'a'.repeat(12)}`
    fs.renameSync(kept, `${one.scratch}/${name}`)
    if (root) for (const entry of ['', ...fs.readdirSync(`${one.scratch}/${name}`, { recursive: true }).map(String)]) fs.chownSync(`${one.scratch}/${name}/${entry}`, one.server.account.uid, one.server.account.gid)
    const marker = `${one.scratch}/${name}/pgwal-drill.json`
    const mine = fs.readFileSync(marker, 'utf8')
    expect(await one.drill(host)).toMatchObject({ kind: 'pass' })
    // Its mark is of this very process, which lives.
    expect(fs.readdirSync(one.scratch)).toEqual([name])
    fs.writeFileSync(marker, mine.replace(/"pid":\d+/, '"pid":1').replace(/"started":"\d+"/, '"started":"1"'))
    expect(await one.drill(host)).toMatchObject({ kind: 'pass' })
    one.expectNothingLeft()
  })

  it('a directory that cannot be: said before anything is done', async () => {
    expect(failure(await one.drill(host, undefined, { directory: `${one.server.root}/not-there` }))).toMatchObject({ code: 'directory-unusable', params: { reason: 'ENOENT' } })
    expect(failure(await one.drill(host, undefined, { directory: `${one.scratch}/${'long'.repeat(20)}` }))).toMatchObject({ code: 'directory-unusable' })
    one.expectNothingLeft()
  })

  it('too little space: refused, with what is needed', async () => {
    const small = hostWith(host, { fileSystem: async () => ({ freeBytes: 1 << 20, totalBytes: 1 << 30, freeInodes: 1, device: 1 }) })
    const verdict = await one.drill(small)
    expect(failure(verdict)).toMatchObject({ code: 'no-space', params: { path: one.scratch, freeBytes: 1 << 20 } })
    one.expectNothingLeft()
  })

  it('a tablespace that somebody makes meanwhile waits, and is not replayed into its own place', async () => {
    await one.make(`${one.server.root}/late`)
    let making: Promise<unknown> | undefined
    const slow = hostWith(host, {
      run: async (...given: Parameters<NodeHost['run']>) => {
        if (given[0] === 'cp' && making === undefined) {
          making = one.server.query(`CREATE TABLESPACE late LOCATION '${one.server.root}/late'`)
          await eventually(async () => (await one.server.query("SELECT FROM pg_locks WHERE relation = 'pg_tablespace'::regclass AND NOT granted")).length === 1)
          expect(fs.readdirSync(`${one.server.root}/late`)).toEqual([])
        }
        return host.run(...given)
      },
    })
    expect(await one.drill(slow)).toMatchObject({ kind: 'pass' })
    expect(making).toBeDefined()
    await making
    await one.server.query('CREATE TABLE late (n int) TABLESPACE late')
    expect(await one.drill(host)).toMatchObject({ kind: 'pass' })
    expect(await one.server.query('SELECT * FROM late')).toEqual([])
  })

  it('timeline 2: restored as well, and a history file that is missing is named', async () => {
    await one.server.stop()
    await fsp.appendFile(`${one.server.dataDir}/postgresql.conf`, `restore_command = 'cp ${one.archive}/%f %p'\n`)
    await fsp.writeFile(`${one.server.dataDir}/recovery.signal`, '')
    if (root) await fsp.chown(`${one.server.dataDir}/recovery.signal`, one.server.account.uid, one.server.account.gid)
    await one.server.start()
    await eventually(async () => (await one.server.query<{ up: boolean }>('SELECT NOT pg_is_in_recovery() AS up'))[0]!.up)
    expect(await one.drill(host)).toMatchObject({ kind: 'pass' })
    expect(fs.readdirSync(one.archive).filter((name) => name.startsWith('00000003'))).toEqual([])
    fs.unlinkSync(`${one.archive}/00000002.history`)
    expect(failure(await one.drill(host))).toMatchObject({ code: 'history-missing', at: { file: `${one.archive}/00000002.history` } })
    one.expectNothingLeft()
  })

  it('a server that archives into nothing: not archived, in the time given', async () => {
    await one.server.query("ALTER SYSTEM SET archive_command = 'test -d /no/such && cp %p " + one.archive + "/%f'")
    await one.server.query('SELECT pg_reload_conf()')
    await eventually(async () => (await one.server.query<{ archive_command: string }>('SHOW archive_command'))[0]!.archive_command.startsWith('test -d'))
    const verdict = await one.drill(host, undefined, {}, { timeoutMs: 500 })
    expect(failure(verdict)).toMatchObject({ code: 'not-archived' })
    one.expectNothingLeft()
  })
})
