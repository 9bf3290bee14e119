// verify --drill on real servers: what it proves, what it refuses, and that it leaves nothing behind.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import os from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import { verify } from '../../src/app/verify.ts'
import type { Verdict } from '../../src/checks/check.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { lastDrill } from '../../src/plan/drill-record.ts'
import type { DrillWanted, Waiting } from '../../src/probes/probe.ts'
import { restoreDrill } from '../../src/probes/restore-drill.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'

const root = process.getuid?.() === 0
const SEGMENT = 1 << 20

let state: string
let host: NodeHost
beforeAll(async () => {
  state = await fsp.mkdtemp(`${os.tmpdir()}/pgwal-state-`)
  host = new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: state })
})
afterAll(() => fsp.rm(state, { recursive: true, force: true }))

class Archived {
  private constructor(readonly server: TestServer, readonly archive: string, readonly scratch: string) {}

  static async start(major: 12 | 13 | 17 | 18): Promise<Archived> {
    const server = await TestServer.create(major, { conf: '' })
    const one = new Archived(server, `${server.root}/archive`, `${server.root}/scratch`)
    for (const directory of [one.archive, one.scratch, `${server.root}/space`]) await one.make(directory)
    await fsp.appendFile(`${server.dataDir}/postgresql.conf`, `archive_mode = on\narchive_command = 'test ! -f ${one.archive}/%f && cp %p ${one.archive}/%f'\n`)
    await server.start()
    return one
  }

  async make(directory: string): Promise<void> {
    await fsp.mkdir(directory, { mode: 0o700 })
    if (root) await fsp.chown(directory, this.server.account.uid, this.server.account.gid)
  }

  async drill(on: (what: Waiting) => void = () => undefined, wanted: DrillWanted = {}, machine: NodeHost = host): Promise<Verdict> {
    const { gathering, session, close } = await gatheringFor(machine, await clusterOf(this.server))
    try {
      const open = await session()
      if (!open.ok) throw new Error(JSON.stringify(open.why))
      return await restoreDrill.run({ gathering, session: open.value, timeoutMs: 60_000, waiting: on, drill: { directory: this.scratch, niceness: 0, ...wanted } })
    } finally {
      await close()
    }
  }

  segments(): string[] {
    return fs.readdirSync(this.archive).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort()
  }

  /** What a drill must never leave: files of the copy, or a server on it. */
  expectNothingLeft(): void {
    expect(fs.readdirSync(this.scratch)).toEqual([])
    const left = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`${this.scratch}/`)
      } catch {
        return false
      }
    })
    expect(left).toEqual([])
  }
}

/** Does something to the newest segment when the copy is about to be started. */
function atStart(one: Archived, harm: (file: string) => void): (what: Waiting) => void {
  let done = false
  return ({ code }) => {
    if (code !== 'drill-recovering' || done) return
    done = true
    harm(`${one.archive}/${one.segments().at(-1)!}`)
  }
}

function failure(verdict: Verdict) {
  if (verdict.kind !== 'fail') throw new Error(`not failed: ${JSON.stringify(verdict)}`, { cause: verdict.kind === 'crash' ? verdict.error : undefined })
  return verdict.findings[0]!
}

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
    const verdict = await one.drill(({ code }) => {
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
    const found = failure(await one.drill(atStart(one, (file) => {
      harmed = file
      intact.set(file, fs.readFileSync(file))
      harm(file)
    })))
    expect(found).toMatchObject({ code, severity: 'error', params: { segment: harmed.slice(-24), ...params }, at: { file: harmed } })
  })

  it('an archive that the owner cannot read any more', async () => {
    const found = failure(await one.drill(atStart(one, () => { fs.chmodSync(one.archive, 0o000) })).finally(() => { fs.chmodSync(one.archive, 0o700) }))
    expect(found).toMatchObject({ code: 'archive-unreadable', params: { path: one.archive, reason: 'EACCES' } })
  })

  it('Ctrl-C while it copies, and while it starts: nothing is left, and the server is not in backup', async () => {
    for (const moment of ['drill-copying', 'drill-recovering']) {
      const stopping = new AbortController()
      await expect(one.drill(({ code }) => { if (code === moment) stopping.abort() }, { signal: stopping.signal })).rejects.toThrow('interrupted')
      one.expectNothingLeft()
    }
    expect(await one.drill()).toMatchObject({ kind: 'pass' })
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
    await one.drill(({ code }) => {
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
    expect(await one.drill()).toMatchObject({ kind: 'pass' })
    // Its mark is of this very process, which lives.
    expect(fs.readdirSync(one.scratch)).toEqual([name])
    fs.writeFileSync(marker, mine.replace(/"pid":\d+/, '"pid":1').replace(/"started":"\d+"/, '"started":"1"'))
    expect(await one.drill()).toMatchObject({ kind: 'pass' })
    one.expectNothingLeft()
  })

  it('a directory that cannot be: said before anything is done', async () => {
    expect(failure(await one.drill(undefined, { directory: `${one.server.root}/not-there` }))).toMatchObject({ code: 'directory-unusable', params: { reason: 'ENOENT' } })
    expect(failure(await one.drill(undefined, { directory: `${one.scratch}/${'long'.repeat(20)}` }))).toMatchObject({ code: 'directory-unusable' })
    one.expectNothingLeft()
  })

  it('too little space: refused, with what is needed', async () => {
    const small = new Proxy(host, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (name === 'fileSystem') return async () => ({ freeBytes: 1 << 20, totalBytes: 1 << 30, freeInodes: 1, device: 1 })
        return typeof value === 'function' ? value.bind(target) as unknown : value
      },
    })
    const { gathering, session, close } = await gatheringFor(small, await clusterOf(one.server))
    const open = await session()
    if (!open.ok) throw new Error('no session')
    const verdict = await restoreDrill.run({ gathering, session: open.value, timeoutMs: 60_000, waiting: () => undefined, drill: { directory: one.scratch, niceness: 0 } })
    await close()
    expect(failure(verdict)).toMatchObject({ code: 'no-space', params: { path: one.scratch, freeBytes: 1 << 20 } })
    one.expectNothingLeft()
  })

  it('a tablespace that somebody makes meanwhile waits, and is not replayed into its own place', async () => {
    await one.make(`${one.server.root}/late`)
    let making: Promise<unknown> | undefined
    const slow = new Proxy(host, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        if (name !== 'run') return value.bind(target) as unknown
        return async (...given: Parameters<NodeHost['run']>) => {
          if (given[0] === 'cp' && making === undefined) {
            making = one.server.query(`CREATE TABLESPACE late LOCATION '${one.server.root}/late'`)
            await eventually(async () => (await one.server.query("SELECT FROM pg_locks WHERE relation = 'pg_tablespace'::regclass AND NOT granted")).length === 1)
            expect(fs.readdirSync(`${one.server.root}/late`)).toEqual([])
          }
          return target.run(...given)
        }
      },
    })
    expect(await one.drill(undefined, {}, slow)).toMatchObject({ kind: 'pass' })
    expect(making).toBeDefined()
    await making
    await one.server.query('CREATE TABLE late (n int) TABLESPACE late')
    expect(await one.drill()).toMatchObject({ kind: 'pass' })
    expect(await one.server.query('SELECT * FROM late')).toEqual([])
  })

  it('timeline 2: restored as well, and a history file that is missing is named', async () => {
    await one.server.stop()
    await fsp.appendFile(`${one.server.dataDir}/postgresql.conf`, `restore_command = 'cp ${one.archive}/%f %p'\n`)
    await fsp.writeFile(`${one.server.dataDir}/recovery.signal`, '')
    if (root) await fsp.chown(`${one.server.dataDir}/recovery.signal`, one.server.account.uid, one.server.account.gid)
    await one.server.start()
    await eventually(async () => (await one.server.query<{ up: boolean }>('SELECT NOT pg_is_in_recovery() AS up'))[0]!.up)
    expect(await one.drill()).toMatchObject({ kind: 'pass' })
    expect(fs.readdirSync(one.archive).filter((name) => name.startsWith('00000003'))).toEqual([])
    fs.unlinkSync(`${one.archive}/00000002.history`)
    expect(failure(await one.drill())).toMatchObject({ code: 'history-missing', at: { file: `${one.archive}/00000002.history` } })
    one.expectNothingLeft()
  })

  it('a server that archives into nothing: not archived, in the time given', async () => {
    await one.server.query("ALTER SYSTEM SET archive_command = 'test -d /no/such && cp %p " + one.archive + "/%f'")
    await one.server.query('SELECT pg_reload_conf()')
    await eventually(async () => (await one.server.query<{ archive_command: string }>('SHOW archive_command'))[0]!.archive_command.startsWith('test -d'))
    const { gathering, session, close } = await gatheringFor(host, await clusterOf(one.server))
    const open = await session()
    if (!open.ok) throw new Error('no session')
    const verdict = await restoreDrill.run({ gathering, session: open.value, timeoutMs: 500, waiting: () => undefined, drill: { directory: one.scratch, niceness: 0 } })
    await close()
    expect(failure(verdict)).toMatchObject({ code: 'not-archived' })
    one.expectNothingLeft()
  })
})
