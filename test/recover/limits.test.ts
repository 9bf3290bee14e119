// What the server had more of, at the backup or later, than a new one has: recovery brings it back and needs as much.
import fs from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { takePlainBackup } from '../support/base-backup.ts'
import { pgwal } from '../support/pgwal.ts'
import { open, paused, Recoverable } from '../support/recoverable.ts'

let one: Recoverable
beforeAll(async () => {
  one = await Recoverable.prepare(18, { conf: 'max_active_replication_origins = 30' })
  await one.make(`${one.server.root}/scratch`)
  await one.server.start()
  // Those of subscriptions are kept in a file of their own, of which the backup has a copy.
  for (let at = 1; at <= 15; at++) await one.server.query(`SELECT pg_replication_origin_advance('o${at}', '0/1000000') FROM pg_replication_origin_create('o${at}')`)
  await one.server.query('CHECKPOINT')
  await takePlainBackup(one.server, `${one.backups}/first`)
  await one.server.stop()
  fs.appendFileSync(`${one.server.dataDir}/postgresql.conf`, 'max_prepared_transactions = 5\nmax_connections = 150\n')
  await one.server.start()
  await one.server.query("BEGIN; CREATE TABLE half (n int); PREPARE TRANSACTION 'half'")
  await one.server.query("SELECT pg_create_restore_point('raised')")
  await one.archived()
})
afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
afterAll(() => one.remove())

it('a drill of the backup has as much as the server has now', async () => {
  const run = await pgwal(['verify', '-D', one.server.dataDir, '--json', '--drill', '--drill-dir', `${one.server.root}/scratch`, '--from-backup', one.backups], { PGWAL_STATE_DIR: one.state })
  const check = run.json().clusters[0].checks.find(({ id }: { id: string }) => id === 'backup-drill')
  expect(check, JSON.stringify(check)).toMatchObject({ verdict: 'pass', detail: { code: 'restored' } })
})

it('recover opens with what was prepared, and with all origins', async () => {
  await one.started(await one.recover('--json', '--to', 'latest'), async (query) => {
    await open(query)
    expect(await query('SELECT gid FROM pg_prepared_xacts')).toEqual([{ gid: 'half' }])
    expect(await query('SELECT count(*)::int AS n FROM pg_replication_origin_status')).toEqual([{ n: 15 }])
  })
})

it('where no cluster tells any more, the WAL does: it opens, or waits at the target and can be read', async () => {
  await one.server.stop()
  for (const action of ['promote', 'pause'] as const) {
    await one.started(await one.recover('--json', '--archive', one.archive, '--to', 'raised', '--action', action), async (query) => {
      await (action === 'pause' ? paused : open)(query)
      expect(await query('SHOW max_connections')).toEqual([{ max_connections: '150' }])
      expect(await query('SELECT count(*)::int AS n FROM pg_replication_origin_status')).toEqual([{ n: 15 }])
      if (action === 'promote') expect(await query('SELECT gid FROM pg_prepared_xacts')).toEqual([{ gid: 'half' }])
    })
  }
})

it('raised after the backup and lowered again: the most that stands in the WAL counts, with the cluster there as well', async () => {
  const busy = await Recoverable.prepare(17)
  try {
    await busy.make(`${busy.server.root}/scratch`)
    await busy.server.start()
    await takePlainBackup(busy.server, `${busy.backups}/first`)
    const conf = `${busy.server.dataDir}/postgresql.conf`
    const before = fs.readFileSync(conf, 'utf8')
    fs.appendFileSync(conf, 'max_prepared_transactions = 5\nmax_connections = 150\nmax_worker_processes = 20\nmax_locks_per_transaction = 200\n')
    await busy.server.restart()
    await busy.server.query("BEGIN; CREATE TABLE half (n int); PREPARE TRANSACTION 'half'")
    await busy.server.query("COMMIT PREPARED 'half'")
    fs.writeFileSync(conf, before)
    await busy.server.restart()
    await busy.archived()
    const run = await pgwal(['verify', '-D', busy.server.dataDir, '--json', '--drill', '--drill-dir', `${busy.server.root}/scratch`, '--from-backup', busy.backups], { PGWAL_STATE_DIR: busy.state })
    const check = run.json().clusters[0].checks.find(({ id }: { id: string }) => id === 'backup-drill')
    expect(check, JSON.stringify(check)).toMatchObject({ verdict: 'pass' })
    await busy.started(await busy.recover('--json', '--to', 'latest'), async (query) => {
      await open(query)
      expect(await query("SELECT current_setting('max_connections') AS connections, current_setting('max_locks_per_transaction') AS locks FROM half RIGHT JOIN (SELECT) AS one ON true")).toEqual([{ connections: '150', locks: '200' }])
    })
  } finally {
    await busy.remove()
  }
})

it('segments of 64 MiB, with which no server starts that keeps as little WAL as usual', async () => {
  const large = await Recoverable.prepare(17, { walSegmentMiB: 64 })
  try {
    await large.make(`${large.server.root}/scratch`)
    await large.server.start()
    await takePlainBackup(large.server, `${large.backups}/first`)
    await large.server.query('CREATE TABLE t AS SELECT 1 AS n')
    await large.archived()
    const run = await pgwal(['verify', '-D', large.server.dataDir, '--json', '--drill', '--drill-dir', `${large.server.root}/scratch`, '--from-backup', large.backups], { PGWAL_STATE_DIR: large.state })
    const check = run.json().clusters[0].checks.find(({ id }: { id: string }) => id === 'backup-drill')
    expect(check, JSON.stringify(check)).toMatchObject({ verdict: 'pass' })
    await large.started(await large.recover('--json', '--to', 'latest'), async (query) => {
      await open(query)
      expect(await query('SELECT n FROM t')).toEqual([{ n: 1 }])
    })
  } finally {
    await large.remove()
  }
})
