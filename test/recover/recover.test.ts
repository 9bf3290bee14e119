// pgwal recover on real servers, as a program: a table dropped by mistake comes back, and the restored server is started with the
// very commands that were printed.
import fs from 'node:fs'
import path from 'node:path'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { packBackup, takePlainBackup } from '../support/base-backup.ts'
import { pgwal } from '../support/pgwal.ts'
import { open, paused, Recoverable, typed } from '../support/recoverable.ts'
import type { Major } from '../support/server.ts'

/** A cluster with a history: a backup, a table, a restore point, the mistake, and what was committed after it. */
class Accident extends Recoverable {
  lsn = ''
  time = ''
  begun = ''

  static async happen(major: Major): Promise<Accident> {
    const one = new Accident(await Recoverable.prepare(major, { conf: 'track_commit_timestamp = on\nmax_connections = 23\nmax_wal_senders = 3\nmax_prepared_transactions = 2' }))
    const { server } = one
    await one.make(`${server.root}/space`)
    await server.start()
    await server.query(`CREATE TABLESPACE elsewhere LOCATION '${server.root}/space'`)
    await server.query('CREATE TABLE orders (n int) TABLESPACE elsewhere')
    await server.query("ALTER SYSTEM SET work_mem = '5MB'")
    one.begun = new Date(Date.now() - 60_000).toISOString()
    await takePlainBackup(server, `${one.backups}/first`)
    await server.query('INSERT INTO orders SELECT generate_series(1, 100)')
    await server.query('INSERT INTO orders VALUES (101)')
    const [point] = await server.query<{ lsn: string }>("SELECT pg_create_restore_point('before')::text AS lsn")
    one.lsn = point!.lsn
    const client = server.client()
    await client.connect()
    await client.query('BEGIN')
    await client.query('DROP TABLE orders')
    const { rows: [dropped] } = await client.query<{ id: string }>('SELECT txid_current()::text AS id')
    await client.query('COMMIT')
    await client.end()
    const [row] = await server.query<{ at: string }>(`SELECT to_char(pg_xact_commit_timestamp('${dropped!.id}') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS at`)
    one.time = `${row!.at}+00`
    await server.query('CREATE TABLE after (n int)')
    await server.query('SELECT pg_switch_wal()')
    await server.query('CREATE TABLE latest (n int)')
    await one.archived()
    return one
  }
}

async function tables(query: (sql: string) => Promise<pg.QueryResultRow[]>): Promise<unknown[]> {
  return (await query("SELECT relname FROM pg_class WHERE relname IN ('orders', 'after', 'latest') ORDER BY 1")).map(({ relname }) => relname as unknown)
}

const majors = process.env['PGWAL_LONG'] === undefined ? [12, 18] as const : [12, 13, 14, 15, 16, 17, 18] as const

describe.each(majors)('PostgreSQL %i', (major) => {
  let one: Accident
  beforeAll(async () => { one = await Accident.happen(major) })
  afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
  afterAll(() => one.remove())

  it('to the microsecond: just before the table was dropped, and on to going live', async () => {
    const space = () => fs.readdirSync(`${one.server.root}/space`, { recursive: true }).map(String).sort()
    const [before, names] = [space(), fs.readdirSync(one.archive).sort()]
    const run = await one.recover('--json', '--to', one.time)
    expect(run.code, run.stdout + run.stderr).toBe(0)
    const { plan, done, cluster } = run.json()
    expect(cluster).toBe(one.server.dataDir)
    expect(done).toMatchObject({ compared: true, major })
    expect(plan).toMatchObject({ archive: { path: one.archive }, backup: { path: `${one.backups}/first`, format: 'plain', manifest: true }, target: { kind: 'time', seen: true, timeline: 1, action: 'promote' } })
    // Its local form is in the user's zone, and the first commit that is out is the very one.
    expect(plan.target.local).toMatch(/\+08:00$/)
    expect(plan.target.firstOut.at.replace(/0+\+/, '+')).toBe(one.time.replace(/0+\+/, '+'))
    expect(plan.target.lastIn.at < plan.target.firstOut.at).toBe(true)
    expect(fs.statSync(one.into).mode & 0o777).toBe(0o700)
    expect(fs.readdirSync(one.into).sort()).toEqual(['GUIDE.txt', 'data', 'kept', 'pg_hba.conf', 'pg_ident.conf', 'postgresql.conf', 's', 'tablespaces'])
    expect(fs.readFileSync(`${one.into}/kept/postgresql.auto.conf`, 'utf8')).toContain('work_mem')

    await one.started(run, async (query) => {
      await open(query)
      expect(await tables(query)).toEqual(['orders'])
      expect(await query('SELECT count(*)::int AS n, max(n) FROM orders')).toEqual([{ n: 101, max: 101 }])
      const [settings] = await query("SELECT current_setting('archive_mode') AS archive, current_setting('listen_addresses') AS listen, current_setting('max_connections')::int AS connections")
      expect(settings).toEqual({ archive: 'off', listen: '', connections: 23 })
      const [where] = await query('SELECT pg_tablespace_location(oid) AS at FROM pg_tablespace WHERE spcname = \'elsewhere\'')
      expect(where!['at']).toContain(`${one.into}/tablespaces/`)
      await query('INSERT INTO orders VALUES (102)')
    })
    // Nothing of it reached production.
    expect(space()).toEqual(before)
    expect(fs.readdirSync(one.archive).sort()).toEqual(names)
  })

  it('to an LSN, to a restore point, to the end', async () => {
    for (const [to, kind, expected] of [[one.lsn, 'lsn', ['orders']], ['before', 'name', ['orders']], ['latest', 'latest', ['after', 'latest']]] as const) {
      const run = await one.recover('--json', '--to', to, '--action', 'pause')
      expect(run.code, run.stdout + run.stderr).toBe(0)
      expect(run.json().plan.target).toMatchObject({ kind, seen: true })
      await one.started(run, async (query) => {
        if (kind === 'latest') await open(query)
        else await paused(query)
        expect(await tables(query), to).toEqual(expected)
        if (kind !== 'name') return
        expect(run.json().commands.accept[0]).toContain("SELECT pg_wal_replay_resume()")
        await query('SELECT pg_wal_replay_resume()')
        await open(query)
      })
    }
  })

  describe.skipIf(major !== 18 && process.env['PGWAL_LONG'] === undefined)('verify --drill --from-backup', () => {
    const scratch = (): string => `${one.server.root}/scratch`
    const kept = (): string => `${one.backups}/first`
    beforeAll(() => one.make(scratch()))

    interface Drilled { readonly code: number; readonly check: { verdict: string; detail: object; findings: { code: string; message: string; remedy: string }[] }; readonly statement: { notProved: string[]; provedBackup?: object } }
    const drill = async (...args: string[]): Promise<Drilled> => {
      const from = args.includes('--from-backup') ? [] : ['--from-backup', one.backups]
      const run = await pgwal(['verify', '-D', one.server.dataDir, '--json', '--drill', '--drill-dir', scratch(), ...from, ...args], { PGWAL_STATE_DIR: one.state })
      expect(fs.readdirSync(scratch())).toEqual([])
      const [cluster] = run.json().clusters
      expect(cluster.checks.some(({ id }: { id: string }) => id === 'restore-drill')).toBe(false)
      return { code: run.code, check: cluster.checks.find(({ id }: { id: string }) => id === 'backup-drill'), statement: cluster.statement }
    }
    const age = async (): Promise<object> => (await pgwal(['doctor', '-D', one.server.dataDir, '--json', '--only', 'restore-drill-age'], { PGWAL_STATE_DIR: one.state })).json().clusters[0].checks[0]

    it('restores to a target, and to now; doctor and the next verify know it', async () => {
      const there = await drill('--to', one.time)
      expect(there, JSON.stringify(there)).toMatchObject({ check: { verdict: 'pass', detail: { code: 'restored-to-target', params: { target: one.time } } }, statement: { provedBackup: { path: kept(), target: one.time, thisRun: true } } })
      const now = await drill()
      expect(now, JSON.stringify(now)).toMatchObject({ check: { verdict: 'pass', detail: { code: 'restored', params: { backup: kept(), target: 'now' } } }, statement: { provedBackup: { path: kept(), target: 'now' } } })
      expect(now.statement.notProved).toEqual([])
      const [later] = (await pgwal(['verify', '-D', one.server.dataDir, '--json'], { PGWAL_STATE_DIR: one.state })).json().clusters
      expect(later.statement).toMatchObject({ provedBackup: { path: kept(), target: 'now', thisRun: false }, notProved: ['other-backups'] })
      expect(await age()).toMatchObject({ verdict: 'pass' })
    })

    it('says why not, in Chinese as well; an altered backup is on record, a mistyped target is not', async () => {
      const chinese = async (...args: string[]): Promise<string> => {
        const from = args.includes('--from-backup') ? [] : ['--from-backup', one.backups]
        const run = await pgwal(['verify', '-D', one.server.dataDir, '--lang', 'zh-TW', '--drill', '--drill-dir', scratch(), ...from, ...args], { PGWAL_STATE_DIR: one.state })
        expect(run.code, run.stdout + run.stderr).toBe(1)
        const lines = run.stdout.split('\n')
        const at = lines.findIndex((line) => line.includes('backup-drill'))
        const after = lines.slice(at + 1)
        const text = [lines[at]!, ...after.slice(0, after.findIndex((line) => !line.startsWith(' ')))].map((line) => line.trim()).join('')
        // Names, paths and options are as they are; three English words in a row are a sentence.
        expect(text).not.toMatch(/[A-Za-z]+ [a-z]+ [a-z]+/)
        expect(text).toMatch(/\p{Script=Han}/u)
        return text
      }
      expect(await chinese('--from-backup', one.archive)).toContain('沒有基礎備份')
      expect(await chinese('--to', '2099-01-01')).toContain('超出歸檔')
      const mistyped = await pgwal(['verify', '-D', one.server.dataDir, '--json', '--drill', '--from-backup', one.backups, '--to', 'time:yesterday'], { PGWAL_STATE_DIR: one.state })
      expect([mistyped.code, mistyped.json().error.code]).toEqual([2, 'bad-target-date'])
      expect(JSON.stringify(await age())).not.toContain('backup-failed')
      const file = `${kept()}/global/${fs.readdirSync(`${kept()}/global`).find((name) => /^\d{4}$/.test(name) && fs.statSync(`${kept()}/global/${name}`).size > 0)!}`
      const bytes = fs.readFileSync(file)
      fs.writeFileSync(file, Buffer.from(bytes).fill(7, 100, 101))
      const altered = await drill()
      fs.writeFileSync(file, bytes)
      expect(altered).toMatchObject({ code: 1, check: { verdict: 'fail', findings: [{ code: 'backup-damaged' }] } })
      expect(altered.check.findings[0]!.message).toContain(file.slice(kept().length + 1))
      expect(await age()).toMatchObject({ verdict: 'fail', findings: [{ code: 'backup-failed', severity: 'warning', params: { code: 'backup-damaged', path: one.backups } }] })
    })
  })

  it('a target that cannot be reached is refused before anything is written', async () => {
    const refused = async (to: string, code: string, text: RegExp): Promise<void> => {
      const run = await one.recover('--json', '--to', to)
      expect([run.code, run.json().error?.code], run.stdout).toEqual([2, code])
      expect(run.json().error.message).toMatch(text)
      expect(fs.existsSync(one.into)).toBe(false)
    }
    await refused(one.begun, 'target-before-backup', /earliest that it can restore/)
    await refused('0/100', 'target-before-backup', /0\/100 /)
    await refused('2099-01-01 00:00', 'target-beyond-archive', /last commit: \d{4}-/)
    await refused('7/0', 'target-beyond-archive', /7\/0/)
    await refused('never', 'target-no-such-point', /before/)
    await refused('time:yesterday', 'bad-target-date', /yesterday/)
    const needed = one.segments().at(-2)!
    fs.renameSync(`${one.archive}/${needed}`, `${one.archive}.hidden`)
    await refused('latest', 'target-gap', new RegExp(needed))
    fs.renameSync(`${one.archive}.hidden`, `${one.archive}/${needed}`)
    fs.truncateSync(`${one.archive}/${needed}`, 5000)
    await refused('latest', 'target-damaged', new RegExp(needed))
  })
})

describe('a place that is somebody\'s, and a backup that is none', () => {
  let one: Accident
  beforeAll(async () => { one = await Accident.happen(17) })
  afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
  afterAll(() => one.remove())
  const error = async (...args: string[]): Promise<{ code: string; message: string }> => {
    const run = await one.recover('--json', '--to', 'before', ...args)
    expect(run.code, run.stdout).toBe(2)
    return run.json().error
  }

  it('refuses a live data directory, what lies in it, the archive, the backup, and what is not empty', async () => {
    const { server } = one
    for (const into of [server.dataDir, `${server.dataDir}/restored`, `${server.root}/space/restored`, `${one.archive}/restored`, `${one.backups}/restored`]) {
      expect(await error('--into', into), into).toMatchObject({ code: 'into-inside' })
    }
    expect(await error('--into', server.root)).toMatchObject({ code: 'into-not-empty' })
    expect(await error('--into', `${server.root}/none/restored`)).toMatchObject({ code: 'into-unusable' })
  })

  it('refuses what is no backup, with the reason', async () => {
    expect(await error('--from-backup', one.server.dataDir)).toMatchObject({ code: 'backup-running' })
    expect(await error('--from-backup', one.archive)).toMatchObject({ code: 'no-backup' })
    const label = `${one.backups}/first/backup_label`
    fs.renameSync(label, `${label}.hidden`)
    expect(await error()).toMatchObject({ code: 'backup-no-backup-label' })
    fs.renameSync(`${label}.hidden`, label)
    const control = `${one.backups}/first/global/pg_control`
    const bytes = fs.readFileSync(control)
    fs.writeFileSync(control, Buffer.from(bytes).fill(1, 40, 44))
    expect(await error()).toMatchObject({ code: 'backup-control-file', message: expect.stringContaining('checksum') as string })
    fs.writeFileSync(control, bytes)
  })

  it('names the file of a backup that was altered, that is missing, and that does not belong to it; nothing stays', async () => {
    const [file] = fs.readdirSync(`${one.backups}/first/base/1`).filter((name) => /^\d{4}$/.test(name))
    const altered = path.join(one.backups, 'first/base/1', file!)
    const bytes = fs.readFileSync(altered)
    const changed = Buffer.from(bytes)
    changed[changed.length - 1]! ^= 1
    fs.writeFileSync(altered, changed)
    expect(await error()).toMatchObject({ code: 'backup-damaged', message: expect.stringContaining(`base/1/${file!} (checksum)`) as string })
    expect(fs.existsSync(one.into)).toBe(false)
    fs.renameSync(altered, `${one.backups}/hidden`)
    expect(await error()).toMatchObject({ message: expect.stringContaining(`base/1/${file!} (missing)`) as string })
    fs.renameSync(`${one.backups}/hidden`, altered)
    fs.writeFileSync(altered, bytes)
    fs.writeFileSync(`${one.backups}/first/base/1/stray`, '')
    expect(await error()).toMatchObject({ message: expect.stringContaining('base/1/stray') as string })
    fs.rmSync(`${one.backups}/first/base/1/stray`)
    expect(fs.existsSync(one.into)).toBe(false)
  })

  it('tar with gzip, from a compressed archive named by hand, with no cluster known; of several backups the newest that reaches', async () => {
    await takePlainBackup(one.server, `${one.backups}/second`)
    await packBackup(one.server, `${one.backups}/first`, `${one.backups}/packed`, 'z')
    for (const name of ['first', 'first.ts']) fs.rmSync(`${one.backups}/${name}`, { recursive: true })
    for (const name of one.segments().slice(0, -1)) await typed([`gzip ${one.archive}/${name}`])
    const run = await one.recover('--json', '--to', 'before', '--archive', one.archive)
    expect(run.code, run.stdout + run.stderr).toBe(0)
    const { plan } = run.json()
    expect(plan.backup).toMatchObject({ path: `${one.backups}/packed`, format: 'tar', manifest: true })
    expect(plan.passedOver).toMatchObject([{ path: `${one.backups}/second`, code: 'no-such-point' }])
    await one.started(run, async (query) => {
      await open(query)
      expect(await query('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 101 }])
    })
  })
})
