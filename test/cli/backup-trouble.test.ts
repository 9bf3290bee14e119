// `pgwal backup` where something is in the way: a disk that is too small or fills up, an archive with a hole, backups of others, Ctrl-C.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { pgwal, PROGRAM } from '../support/pgwal.ts'
import type { ProgramRun } from '../support/pgwal.ts'
import { Recoverable } from '../support/recoverable.ts'
import { DEBIAN_BIN } from '../support/server.ts'

const root = process.getuid?.() === 0
const hasDebian = fs.existsSync(`${DEBIAN_BIN}/pg_basebackup`)
/** Through pg_basebackup, and by the low-level interface. */
const servers = [...(hasDebian ? [{ major: 15 as const, binDir: DEBIAN_BIN }] : []), { major: 18 as const }]

describe.each(servers)('$major $binDir', ({ major, ...options }) => {
  let one: Recoverable
  const args = (directory: string, ...more: string[]): string[] => ['backup', directory, '-D', one.server.dataDir, '--timeout', '20', ...more]
  const run = (directory: string, ...more: string[]): Promise<ProgramRun> => pgwal(args(directory, ...more), { PGWAL_STATE_DIR: one.state })
  const part = (directory: string): string | undefined => fs.readdirSync(directory).find((name) => name.startsWith('.pgwal-backup-'))

  /** Starts it, and does something once its files are being copied. */
  const during = async (directory: string, work: (kill: (signal: NodeJS.Signals) => void) => unknown, ...more: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    const child = spawn(process.execPath, [PROGRAM, ...args(directory, '--json', ...more)], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', PGWAL_STATE_DIR: one.state }, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr, over] = ['', '', false]
    child.stdout.on('data', (text: Buffer) => { stdout += text.toString() })
    child.stderr.on('data', (text: Buffer) => { stderr += text.toString() })
    const ended = new Promise<number | null>((resolve) => {
      child.once('close', (code) => {
        over = true
        resolve(code)
      })
    })
    await eventually(async () => over || (part(directory) !== undefined && fs.existsSync(`${directory}/${part(directory)}/data/base`)), 'the copy')
    await work((signal) => void child.kill(signal))
    return { code: await ended, stdout, stderr }
  }
  /** Nothing of a backup, neither here nor in the server. */
  const expectGone = async (directory: string, but: readonly string[] = []): Promise<void> => {
    expect(fs.readdirSync(directory).filter((name) => !but.includes(name))).toEqual([])
    const kept = await one.server.query("SELECT slot_name FROM pg_replication_slots UNION ALL SELECT application_name FROM pg_stat_replication UNION ALL SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'pg%' AND pid <> pg_backend_pid()")
    if (kept.length > 0) await eventually(async () => (await one.server.query("SELECT FROM pg_replication_slots UNION ALL SELECT FROM pg_stat_replication UNION ALL SELECT FROM pg_stat_activity WHERE application_name LIKE 'pg%' AND pid <> pg_backend_pid()")).length === 0, `the end of ${JSON.stringify(kept)}`)
  }

  beforeAll(async () => {
    // A segment whose name stands in this file is said to be archived, and is not.
    one = await Recoverable.prepare(major, { ...options, command: (archive) => `grep -q %f ${path.dirname(archive)}/lost 2>/dev/null || { test ! -f ${archive}/%f && cp %p ${archive}/%f; }` })
    await one.server.start()
    await one.server.query('CREATE TABLE big AS SELECT n, repeat(md5(n::text), 20) AS t FROM generate_series(1, 100000) AS n')
  })
  afterAll(() => one.remove())

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s while the files are copied: exit 130, no half a backup, no slot', async (signal) => {
    const { code, stdout, stderr } = await during(one.backups, (kill) => { kill(signal) })
    expect(code, stdout + stderr).toBe(130)
    await expectGone(one.backups)
  })

  describe.skipIf(!root)('a disk of its own (a tmpfs: needs root)', () => {
    const disk = (): string => `${one.server.root}/disk`
    const mount = (megabytes: number): void => { execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700,uid=${one.server.account.uid}`, 'tmpfs', disk()]) }
    beforeAll(() => one.make(disk()))
    afterEach(() => { execFileSync('umount', [disk()]) })

    it('too small: how much is needed and how much there is, and not even a directory stays', async () => {
      mount(120)
      const refused = await run(`${disk()}/new/backups`, '--json')
      expect([refused.code, refused.json().error.code], refused.stdout).toEqual([2, 'backup-space'])
      const [, needed, free] = /: ([\d.]+) MB are needed, ([\d.]+) MB are free/.exec(refused.json().error.message)!
      expect(Number(needed)).toBeGreaterThan(Number(free))
      expect(Number(free)).toBeLessThanOrEqual(126)
      expect(fs.readdirSync(disk())).toEqual([])
      const chinese = await run(`${disk()}/new/backups`, '--lang', 'zh-TW')
      expect(chinese.stderr).toContain(`需要 ${needed} MB，可用 ${free} MB`)
    })

    it('filled up by somebody else meanwhile: given up and removed', async () => {
      mount(400)
      const { code, stdout, stderr } = await during(disk(), () => {
        // Up to the last byte, against what is copied meanwhile.
        spawnSync('dd', ['if=/dev/zero', `of=${disk()}/filler`, 'bs=1M'], { stdio: 'ignore' })
      })
      expect([code, JSON.parse(stdout).error?.code], stdout + stderr).toEqual([2, 'backup-space-ran-out'])
      await expectGone(disk(), ['filler'])
    })
  })

  it('while the archive lacks WAL behind the newest backup nothing is removed, and what is missing is named', async () => {
    const first = (await run(one.backups, '--json')).json().backup
    await one.archived()
    const lost = `${one.server.root}/lost`
    let next = ''
    const refused = await during(one.backups, async () => {
      const [row] = await one.server.query<{ next: string }>('SELECT pg_walfile_name(pg_current_wal_lsn() + 1024 * 1024) AS next')
      next = row!.next
      await fsp.writeFile(lost, next, { mode: 0o644 })
      for (let segment = 0; segment < 12; segment++) await one.server.query('SELECT txid_current(); SELECT pg_switch_wal()')
    }, '--keep', '1', '--yes')
    await fsp.rm(lost)
    const said = JSON.parse(refused.stdout)
    if (options.binDir === undefined) {
      // It has no WAL of its own: without the archive's it is none.
      expect([refused.code, said.error], refused.stdout).toMatchObject([2, { code: 'backup-not-archived', message: expect.stringContaining(next) as string }])
      expect(fs.readdirSync(one.backups)).toEqual([path.basename(first.path)])
    } else {
      expect([refused.code, said.retention], refused.stdout).toMatchObject([1, { outcome: 'refused', refusal: { code: 'gap', segment: next } }])
      expect(fs.readdirSync(one.backups)).toHaveLength(2)
    }
    expect(fs.existsSync(`${one.archive}/${first.startSegment}`)).toBe(true)
  })

  it('while somebody else makes a base backup nothing is removed: which WAL that one needs is not known yet', async () => {
    const mine = `${one.server.root}/beside`
    await run(mine, '--json')
    await one.archived()
    const before = one.segments()
    const refusal = async (): Promise<object> => {
      const done = await run(mine, '--keep', '1', '--yes', '--json')
      expect(done.code, done.stdout + done.stderr).toBe(1)
      expect(one.segments()).toEqual(expect.arrayContaining(before))
      return done.json().retention
    }
    const client = one.server.client()
    await client.connect()
    const [{ pid }] = (await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows as [{ pid: number }]
    await client.query("SELECT pg_backup_start('by hand', true)")
    expect(await refusal()).toMatchObject({ outcome: 'refused', refusal: { code: 'backup-running', pid } })
    await client.end()
    if (options.binDir === undefined) return
    const child = spawn(`${DEBIAN_BIN}/pg_basebackup`, ['-D', '-', '-F', 'tar', '-X', 'none', '-r', '1M', '-c', 'fast', '-h', one.server.socketDir, '-p', `${one.server.port}`, '-U', 'postgres'], { stdio: 'ignore' })
    try {
      await eventually(async () => (await one.server.query("SELECT FROM pg_stat_replication WHERE state = 'backup'")).length === 1, 'the backup of somebody')
      expect(await refusal()).toMatchObject({ outcome: 'refused', refusal: { code: 'backup-running' } })
    } finally {
      child.kill('SIGKILL')
    }
    await eventually(async () => (await one.server.query("SELECT FROM pg_stat_replication WHERE state = 'backup'")).length === 0, 'its end')
  })

  it('nor while another pgwal is at one in the same directory, which the server may be through with', async () => {
    const mine = `${one.server.root}/pair`
    await run(mine, '--json')
    await one.archived()
    const before = one.segments()
    const other = `${mine}/.pgwal-backup-0123456789ab`
    await one.make(other)
    fs.writeFileSync(`${other}/pgwal-backup.json`, JSON.stringify({ version: 1, state: 'making', process: { pid: process.pid } }))
    await one.own(`${other}/pgwal-backup.json`)
    const done = await run(mine, '--keep', '1', '--yes', '--give-up-others', '--json')
    expect([done.code, done.json().retention], done.stderr).toEqual([1, { outcome: 'refused', refusal: { code: 'backup-beside', pid: process.pid } }])
    expect(one.segments()).toEqual(expect.arrayContaining(before))
    await fsp.rm(mine, { recursive: true })
  })

  it('half a copy of a backup is none to keep in place of a whole one', async () => {
    const mine = `${one.server.root}/copied`
    await run(mine, '--json')
    const [whole] = fs.readdirSync(mine) as [string]
    // As a copy that was broken off leaves it, with a name behind the other's.
    execFileSync('cp', ['-a', `${mine}/${whole}`, `${mine}/${whole}_copy`])
    fs.rmSync(`${mine}/${whole}_copy/data/base`, { recursive: true })
    await one.archived()
    const refused = await run(mine, '--keep', '2', '--yes', '--json')
    expect([refused.code, refused.json().retention], refused.stderr).toMatchObject([1, { outcome: 'refused', refusal: { code: 'not-whole', name: `${whole}_copy`, problem: 'missing' } }])
    expect(fs.readdirSync(mine)).toEqual(expect.arrayContaining([whole, `${whole}_copy`]))
    fs.rmSync(`${mine}/${whole}_copy`, { recursive: true })
    const done = await run(mine, '--keep', '2', '--yes', '--json')
    expect([done.code, fs.readdirSync(mine).length], done.stdout + done.stderr).toEqual([0, 2])
    expect(fs.readdirSync(mine)).not.toContain(whole)
    await fsp.rm(mine, { recursive: true })
  })

  it('another cluster archives there, too: nothing is removed; where the clock was ahead, what was made just now stays', async () => {
    const mine = `${one.server.root}/ahead`
    const first = (await run(mine, '--json')).json().backup.path
    const record = `${first}/pgwal-backup.json`
    await fsp.writeFile(record, (await fsp.readFile(record, 'utf8')).replace(/"finishedAt": "20../, '"finishedAt": "2099'))
    const segment = `${one.archive}/${one.segments()[0]!}`
    const own = await fsp.readFile(segment)
    await fsp.writeFile(segment, Buffer.concat([own.subarray(0, 24), Buffer.from([own[24]! ^ 1]), own.subarray(25)]))
    const refused = await run(mine, '--keep', '1', '--give-up-others', '--yes', '--json')
    expect([refused.code, refused.json().retention], refused.stdout).toMatchObject([1, { outcome: 'refused', refusal: { code: 'foreign', path: segment } }])
    await fsp.writeFile(segment, own)
    const done = await run(mine, '--keep', '1', '--yes', '--json')
    expect(done.code, done.stdout + done.stderr).toBe(0)
    expect(fs.readdirSync(mine)).toEqual([path.basename(done.json().backup.path)])
    await fsp.rm(mine, { recursive: true })
  })

  it('a server that ends sessions which wait ends none that makes a backup', async () => {
    const patient = `${one.server.root}/patient`
    // Nobody may wait as long as the files take.
    const limits = (await one.server.query("SELECT name FROM pg_settings WHERE name IN ('idle_session_timeout', 'statement_timeout', 'lock_timeout')")).map(({ name }) => name as string)
    for (const name of limits) await one.server.query(`ALTER ROLE postgres SET ${name} = '${name === 'statement_timeout' ? '2s' : '100ms'}'`)
    try {
      const done = await run(patient, '--json')
      expect(done.code, done.stdout + done.stderr).toBe(0)
    } finally {
      await one.server.query('ALTER ROLE postgres RESET ALL')
      await fsp.rm(patient, { recursive: true, force: true })
    }
  })

  it('WAL that a standby may still need stays as long as its slot says so, also for --give-up-others; it is named', async () => {
    const mine = `${one.server.root}/followed`
    await run(mine, '--json')
    await one.server.query("SELECT pg_create_physical_replication_slot('behind', true)")
    const [at] = await one.server.query<{ name: string }>("SELECT pg_walfile_name(restart_lsn) AS name FROM pg_replication_slots WHERE slot_name = 'behind'")
    try {
      await one.archived()
      const kept = await run(mine, '--keep', '1', '--give-up-others', '--yes', '--json')
      expect(kept.json(), kept.stderr).toMatchObject({ retention: { outcome: 'applied', wal: { keepFrom: at!.name }, standbys: [{ name: 'behind', segment: at!.name }] } })
      expect(fs.existsSync(`${one.archive}/${at!.name}`)).toBe(true)
      const words = await run(mine, '--keep', '1', '--give-up-others')
      expect(words.stdout.replace(/\s+/g, ' ')).toContain(`the standby behind may still need WAL from ${at!.name} on`)
    } finally {
      await one.server.query("SELECT pg_drop_replication_slot('behind')")
      await fsp.rm(mine, { recursive: true, force: true })
    }
  }, 240_000)

  it('WAL that only backups of others need stays, or goes with --give-up-others; they are named', async () => {
    const mine = `${one.server.root}/mine`
    const other = (await run(`${one.server.root}/other`, '--label', 'of-somebody', '--json')).json().backup
    await one.archived()
    await run(mine, '--json')
    await one.archived()
    const before = fs.readdirSync(one.archive).sort()
    // Those of the tests before lie in another directory, and count as others', too.
    const kept = await run(mine, '--keep', '1', '--yes', '--json')
    expect(kept.code, kept.stdout + kept.stderr).toBe(0)
    const { retention } = kept.json()
    expect(retention.others.map(({ label }: { label: string }) => label)).toContain('pgwal backup of-somebody')
    expect(retention.withheld.files).toBeGreaterThan(0)
    expect(retention.removed.backups).toHaveLength(1)
    expect(fs.readdirSync(one.archive)).toEqual(expect.arrayContaining([other.startSegment]))
    const oldest = retention.others[0].startSegment
    for (const name of before.filter((segment) => /^[0-9A-F]{24}$/.test(segment) && segment >= oldest)) expect(fs.readdirSync(one.archive)).toContain(name)

    const words = await run(mine, '--keep', '1', '--give-up-others')
    expect([words.code, words.stdout]).toEqual([2, expect.stringContaining('they can no longer be restored afterwards')])
    expect(fs.existsSync(`${one.archive}/${other.startSegment}`)).toBe(true)
    const gone = await run(mine, '--keep', '1', '--give-up-others', '--yes', '--json')
    expect([gone.code, gone.json().retention.outcome], gone.stdout).toEqual([0, 'applied'])
    const [left] = fs.readdirSync(mine)
    const record = JSON.parse(fs.readFileSync(`${mine}/${left}/pgwal-backup.json`, 'utf8')).backup
    const segments = fs.readdirSync(one.archive).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort()
    expect(segments[0]).toBe(record.startSegment)
    // What is in somebody else's directory is not touched.
    expect(fs.existsSync(`${other.path}/data/PG_VERSION`)).toBe(true)
    expect(fs.readdirSync(mine)).toHaveLength(1)
  }, 240_000)
})
