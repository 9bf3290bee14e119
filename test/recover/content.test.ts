// What is in a restored server, and what keeps people out of it.
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { takePlainBackup } from '../support/base-backup.ts'
import { pgwal } from '../support/pgwal.ts'
import { open, paused, queryAt, Recoverable, typed } from '../support/recoverable.ts'

const canMount = spawnSync('unshare', ['-m', 'true']).status === 0
let one: Recoverable
let file: string
beforeAll(async () => {
  one = await Recoverable.prepare(18, { conf: 'max_prepared_transactions = 2' })
  await one.make(`${one.server.root}/scratch`)
  await one.server.start()
  await one.server.query('CREATE DATABASE other')
  await one.server.query('CREATE TABLE t AS SELECT generate_series(1, 5000) AS n', [], { database: 'other' })
  await one.server.query('CREATE UNLOGGED TABLE u AS SELECT 1 AS n', [], { database: 'other' })
  const [{ path }] = await one.server.query<{ path: string }>("SELECT pg_relation_filepath('t') AS path", [], { database: 'other' }) as [{ path: string }]
  file = path
  const holder = one.server.client()
  await holder.connect()
  await holder.query('CREATE TEMPORARY TABLE passing AS SELECT 1 AS n')
  await takePlainBackup(one.server, `${one.backups}/first`)
  await holder.end()
  // As a DROP DATABASE that was broken off leaves it.
  await one.server.query('CREATE DATABASE invalid')
  await one.server.query("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'invalid'")
  await one.server.query("BEGIN; CREATE TABLE half (n int); PREPARE TRANSACTION 'half'")
  await one.server.query("SELECT pg_create_restore_point('here')")
  await one.archived()
})
afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
afterAll(() => one.remove())

async function drill(): Promise<{ check: object; statement: { prepared?: number; notProved: string[] } }> {
  const run = await pgwal(['verify', '-D', one.server.dataDir, '--json', '--drill', '--drill-dir', `${one.server.root}/scratch`, '--from-backup', one.backups], { PGWAL_STATE_DIR: one.state })
  const [{ checks, statement }] = run.json().clusters
  return { check: checks.find(({ id }: { id: string }) => id === 'backup-drill'), statement }
}

it('prepared transactions are told of: by the statement of a drill, and by the guide of a recovery', async () => {
  expect(await drill()).toMatchObject({ check: { verdict: 'pass' }, statement: { prepared: 1, notProved: [] } })
  const text = await pgwal(['verify', '-D', one.server.dataDir, '--drill', '--drill-dir', `${one.server.root}/scratch`, '--from-backup', one.backups], { PGWAL_STATE_DIR: one.state })
  expect(text.stdout.replace(/\s+/g, ' ')).toContain('The restored server had 1 prepared transaction that stays open')
  const run = await one.recover('--json', '--to', 'here')
  expect(run.json().commands.prepared[0]).toContain('pg_prepared_xacts')
  expect(fs.readFileSync(`${one.into}/GUIDE.txt`, 'utf8')).toContain('ROLLBACK PREPARED')
})

it('while the old data directory is in its place, the restored one is not moved into it', async () => {
  const run = await one.recover('--json', '--to', 'here')
  const { command } = run.json().commands.goLive.find(({ code }: { code: string }) => code === 'move-new')
  await expect(typed([command])).rejects.toThrow('mv')
  expect([fs.existsSync(`${one.into}/data/PG_VERSION`), fs.existsSync(`${one.server.dataDir}/data`)]).toEqual([true, false])
})

it('what a backup by hand had waiting for the archiver, and is archived by now, is not archived again when it goes live', async () => {
  const status = `${one.backups}/first/pg_wal/archive_status`
  const [archived] = one.segments()
  const waiting = [archived!, '00000001000000000000FFFF'].map((name) => `${status}/${name}.ready`)
  const made = fs.existsSync(status) ? undefined : status
  if (made !== undefined) await one.make(made)
  for (const name of waiting) {
    fs.writeFileSync(name, '')
    await one.own(name)
  }
  expect((await one.recover('--json', '--to', 'here')).code).toBe(0)
  expect(fs.readdirSync(`${one.into}/data/pg_wal/archive_status`).sort()).toEqual([`${archived!}.done`, '00000001000000000000FFFF.ready'].sort())
  for (const name of waiting) fs.rmSync(name)
})

it('a trigger that writes at each login keeps nobody out of a server that waits at its target', async () => {
  await one.server.query('CREATE TABLE logins (at timestamptz)')
  await one.server.query("CREATE FUNCTION at_login() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO logins VALUES (now()); END $$")
  await one.server.query('CREATE EVENT TRIGGER at_login ON login EXECUTE FUNCTION at_login()')
  await one.server.query('ALTER EVENT TRIGGER at_login ENABLE ALWAYS')
  await one.server.query("SELECT pg_create_restore_point('triggered')")
  await one.archived()
  await one.started(await one.recover('--json', '--to', 'triggered', '--action', 'pause'), paused)
  await one.server.query('DROP EVENT TRIGGER at_login')
})

it('without a manifest a drill says that nothing was compared, and still finds that a table is not there', async () => {
  fs.rmSync(`${one.backups}/first/backup_manifest`)
  expect(await drill()).toMatchObject({ check: { verdict: 'pass' }, statement: { notProved: ['backup-content'] } })
  fs.rmSync(`${one.backups}/first/${file}`)
  expect(await drill()).toMatchObject({ check: { verdict: 'fail', findings: [{ code: 'relation-missing', params: { file, relation: 't', database: 'other' } }] } })
})

it.skipIf(!canMount)('an old data directory that is a mount point stays, and what is restored goes into it', async () => {
  const other = await Recoverable.prepare(17)
  const { dataDir } = other.server
  execFileSync('mount', ['--bind', dataDir, dataDir])
  try {
    await other.server.start()
    await takePlainBackup(other.server, `${other.backups}/first`)
    await other.server.query('CREATE TABLE t AS SELECT 1 AS n')
    await other.archived()
    const run = await other.recover('--json', '--to', 'latest')
    const steps = run.json().commands.goLive as { code: string; command: string }[]
    expect(steps.map(({ code }) => code)).toEqual(['stop-production', 'stop-restored', 'settings-back', 'history', 'move-old-content', 'move-new', 'start', 'backup'])
    expect(fs.readFileSync(`${other.into}/GUIDE.txt`, 'utf8').replace(/[\s#]+/g, ' ')).toContain('take that away before the next base backup')
    // While the old one is there, nothing goes into it.
    await expect(typed([steps.find(({ code }) => code === 'move-new')!.command])).rejects.toThrow()
    await typed(run.json().commands.start)
    await open(queryAt(`${other.into}/s`, run.json().plan.port))
    await typed(steps.slice(0, -1).map(({ command }) => command))
    expect(await other.server.query('SELECT n FROM t')).toEqual([{ n: 1 }])
    expect([fs.existsSync(`${other.into}/data`), fs.existsSync(`${dataDir}/before-recovery/PG_VERSION`)]).toEqual([false, true])
  } finally {
    await other.server.stop('immediate')
    execFileSync('umount', ['-l', dataDir])
    await other.remove()
  }
})
