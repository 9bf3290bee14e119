// pgwal recover and tablespaces: they are mapped, and a running cluster's are never reached into. To replay CREATE TABLESPACE empties the
// directory that it names, whatever a backup's map says.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { packBackup, takePlainBackup } from '../support/base-backup.ts'
import { pgwal } from '../support/pgwal.ts'
import { open, Recoverable } from '../support/recoverable.ts'
import { runAs } from '../support/server.ts'

describe('17: a tablespace that was made after the backup', () => {
  let one: Recoverable
  let made: string
  let late: string
  const files = (): string[] => fs.readdirSync(late, { recursive: true }).map(String).sort()
  beforeAll(async () => {
    one = await Recoverable.prepare(17)
    late = `${one.server.root}/late`
    await one.make(late)
    await one.server.start()
    await takePlainBackup(one.server, `${one.backups}/old`)
    await one.server.query("CREATE TABLE early AS SELECT 1 AS n")
    await one.server.query("SELECT pg_create_restore_point('before')")
    await one.server.query(`CREATE TABLESPACE late LOCATION '${late}'`)
    await one.server.query('CREATE TABLE precious TABLESPACE late AS SELECT generate_series(1, 100) AS n')
    made = await one.archived()
    await one.server.query("SELECT pg_create_restore_point('after')")
    await one.archived()
  })
  afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
  afterAll(() => one.remove())

  it('is not replayed over the one in use, neither by recover nor by a drill; before it was made, both restore', async () => {
    const before = files()
    expect(before.length).toBeGreaterThan(1)
    for (const to of ['latest', 'after']) {
      const refused = await one.refused('--to', to)
      expect(refused).toMatchObject({ code: 'target-tablespace-made' })
      expect(refused.message).toContain(`(${late}, in ${made})`)
    }
    const drill = async (...args: string[]) => {
      const run = await pgwal(['verify', '-D', one.server.dataDir, '--json', '--drill', '--from-backup', one.backups, ...args], { PGWAL_STATE_DIR: one.state })
      return run.json().clusters[0].checks.find(({ id }: { id: string }) => id === 'backup-drill')
    }
    expect(await drill()).toMatchObject({ verdict: 'fail', findings: [{ code: 'target-tablespace-made' }] })
    expect(await drill('--to', 'latest')).toMatchObject({ verdict: 'fail', findings: [{ code: 'target-tablespace-made' }] })
    expect(await drill('--to', 'before')).toMatchObject({ verdict: 'pass' })
    await one.started(await one.recover('--json', '--to', 'before'), async (query) => {
      await open(query)
      expect(await query("SELECT relname FROM pg_class WHERE relname IN ('early', 'precious')")).toEqual([{ relname: 'early' }])
    })
    expect(files()).toEqual(before)
    await one.server.query('CHECKPOINT')
    await one.server.restart()
    expect(await one.server.query('SELECT count(*)::int AS n FROM precious')).toEqual([{ n: 100 }])
  })

  it('a backup that was begun after that restores it into its own place', async () => {
    await takePlainBackup(one.server, `${one.backups}/new`)
    await one.archived()
    const before = files()
    const run = await one.recover('--json', '--to', 'latest')
    expect(run.json().plan).toMatchObject({ backup: { path: `${one.backups}/new` }, tablespaces: [{ location: `${one.backups}/new.ts/${run.json().plan.tablespaces[0].oid}` }], makes: [] })
    await one.started(run, async (query) => {
      await open(query)
      expect(await query('SELECT count(*)::int AS n FROM precious')).toEqual([{ n: 100 }])
      const [where] = await query("SELECT pg_tablespace_location(oid) AS at FROM pg_tablespace WHERE spcname = 'late'")
      expect(where!['at']).toContain(`${one.into}/tablespaces/`)
      await query('DROP TABLE precious')
      await query('DROP TABLESPACE late')
    })
    expect(files()).toEqual(before)
    await fsp.rm(`${one.backups}/new`, { recursive: true })
    await fsp.rm(`${one.backups}/new.ts`, { recursive: true })
  })

  it('where no cluster is known any more: not while somebody\'s files lie there; else the plan says what recovery makes', async () => {
    await one.server.stop()
    await fsp.rename(one.server.dataDir, `${one.server.root}/gone`)
    try {
      expect(await one.refused('--to', 'after', '--archive', one.archive)).toMatchObject({ code: 'target-tablespace-made' })
      await fsp.rename(late, `${late}.gone`)
      await one.make(late)
      const run = await one.recover('--json', '--to', 'after', '--archive', one.archive)
      expect(run.json().plan.makes).toMatchObject([{ location: late }])
      await one.started(run, async (query) => {
        await open(query)
        expect(await query('SELECT count(*)::int AS n FROM precious')).toEqual([{ n: 100 }])
      })
      await fsp.rm(late, { recursive: true })
      await fsp.rename(`${late}.gone`, late)
    } finally {
      await fsp.rename(`${one.server.root}/gone`, one.server.dataDir)
      await one.server.start()
    }
  })
})

describe('15: what a running server archives after the plan', () => {
  let one: Recoverable
  beforeAll(async () => {
    one = await Recoverable.prepare(15)
    await one.make(`${one.server.root}/late`)
    await one.server.start()
    await takePlainBackup(one.server, `${one.backups}/old`)
    await one.archived()
  })
  afterAll(() => one.remove())

  it('is not replayed by the latest: it goes as far as the plan said, and a new tablespace stays the server\'s', async () => {
    await one.server.query('CREATE TABLE early AS SELECT 1 AS n')
    const last = await one.archived()
    const run = await one.recover('--json', '--to', 'latest')
    expect(run.json().plan).toMatchObject({ archive: { last } })
    await one.server.query(`CREATE TABLESPACE late LOCATION '${one.server.root}/late'`)
    await one.server.query('CREATE TABLE precious TABLESPACE late AS SELECT generate_series(1, 100) AS n')
    await one.archived()
    await one.started(run, async (query) => {
      await open(query)
      expect(await query("SELECT relname FROM pg_class WHERE relname IN ('early', 'precious')")).toEqual([{ relname: 'early' }])
      // Of a history file it may ask for whatever it likes: so its timeline is one that nobody has.
      expect(await query("SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS line")).toEqual([{ line: '00000002' }])
    })
    await one.server.query('CHECKPOINT')
    await one.server.restart()
    expect(await one.server.query('SELECT count(*)::int AS n FROM precious')).toEqual([{ n: 100 }])
  })
})

describe('16: what is no whole backup of a cluster with tablespaces', () => {
  let one: Recoverable
  beforeAll(async () => {
    one = await Recoverable.withTablespace(16)
    await takePlainBackup(one.server, `${one.backups}/plain`)
    await one.archived()
  })
  afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
  afterAll(() => one.remove())

  it('a copy whose link leads to the running cluster\'s tablespace', async () => {
    const [oid] = fs.readdirSync(`${one.backups}/plain/pg_tblspc`)
    await fsp.mkdir(`${one.server.root}/copies`)
    await one.own(`${one.server.root}/copies`)
    await runAs(one.server.account, 'cp', ['-a', `${one.backups}/plain`, `${one.server.root}/copies/links`])
    for (const name of [`pg_tblspc/${oid}`, 'backup_manifest']) await fsp.rm(`${one.server.root}/copies/links/${name}`)
    await fsp.symlink(`${one.server.root}/space`, `${one.server.root}/copies/links/pg_tblspc/${oid}`)
    const refused = await one.refused('--to', 'latest', '--from-backup', `${one.server.root}/copies`)
    expect(refused).toMatchObject({ code: 'backup-tablespace-live' })
    expect(refused.message).toContain(`${one.server.root}/space`)
  })

  it('tar files without the tablespace\'s, with and without a manifest', async () => {
    const packed = `${one.server.root}/packed`
    await packBackup(one.server, `${one.backups}/plain`, packed)
    const [oid] = fs.readdirSync(`${one.backups}/plain/pg_tblspc`)
    await fsp.rm(`${packed}/${oid}.tar`)
    for (const manifest of [true, false]) {
      if (!manifest) await fsp.rm(`${packed}/backup_manifest`)
      const refused = await one.refused('--to', 'latest', '--from-backup', packed, '--archive', one.archive)
      expect(refused, String(manifest)).toMatchObject({ code: 'backup-tablespace-missing' })
      expect(refused.message).toContain(`${oid}.tar`)
    }
  })

  it('a tar made by hand, with the links into the running cluster and no tablespace_map: nothing is unpacked through them, and none of them stays', async () => {
    const copy = `${one.server.root}/by-hand`
    await runAs(one.server.account, 'cp', ['-a', `${one.backups}/plain`, copy])
    const [oid] = fs.readdirSync(`${copy}/pg_tblspc`)
    for (const name of [`pg_tblspc/${oid}`, 'backup_manifest', 'tablespace_map']) await fsp.rm(`${copy}/${name}`, { force: true })
    await runAs(one.server.account, 'ln', ['-s', `${one.server.root}/space`, `${copy}/pg_tblspc/${oid}`])
    const tar = async (directory: string): Promise<void> => {
      await runAs(one.server.account, 'mkdir', [directory])
      const done = await runAs(one.server.account, 'tar', ['-cf', `${directory}/base.tar`, '-C', copy, 'backup_label', '--exclude=./backup_label', '.'])
      expect(done.code, done.stderr).toBe(0)
    }
    await tar(`${one.server.root}/linked`)
    const refused = await one.refused('--to', 'latest', '--from-backup', `${one.server.root}/linked`, '--archive', one.archive)
    expect(refused).toMatchObject({ code: 'backup-tablespace-missing', message: expect.stringContaining(`${oid}.tar`) as string })

    // Where the WAL of the running server is elsewhere, and the link to it came along.
    await fsp.rm(`${copy}/pg_tblspc/${oid}`)
    await fsp.rm(`${copy}/pg_wal`, { recursive: true })
    await runAs(one.server.account, 'ln', ['-s', `${one.server.dataDir}/pg_wal`, `${copy}/pg_wal`])
    await tar(`${one.server.root}/wal-linked`)
    const wal = (): string[] => fs.readdirSync(`${one.server.dataDir}/pg_wal`).sort()
    const before = wal()
    const run = await one.recover('--json', '--to', 'latest', '--from-backup', `${one.server.root}/wal-linked`, '--archive', one.archive)
    expect(run.code, run.stdout + run.stderr).toBe(0)
    expect(fs.lstatSync(`${one.into}/data/pg_wal`).isDirectory()).toBe(true)
    expect(wal()).toEqual(before)
    fs.rmSync(one.into, { recursive: true })

    // A database that somebody put on another disk by hand.
    const [database] = fs.readdirSync(`${copy}/base`)
    await fsp.rm(`${copy}/base/${database}`, { recursive: true })
    await runAs(one.server.account, 'ln', ['-s', `${one.server.dataDir}/base/${database}`, `${copy}/base/${database}`])
    await tar(`${one.server.root}/database-linked`)
    for (const backup of [`${one.server.root}/database-linked`, copy]) {
      const linked = await one.refused('--to', 'latest', '--from-backup', backup, '--archive', one.archive)
      expect(linked, backup).toMatchObject({ code: 'backup-damaged', message: expect.stringContaining(`base/${database} (a link to elsewhere)`) as string })
    }
  })

  it('a tablespace within the data directory (a developer\'s setting) comes back with it', async () => {
    const client = one.server.client()
    await client.connect()
    await client.query('SET allow_in_place_tablespaces = on')
    await client.query("CREATE TABLESPACE inside LOCATION ''")
    await client.end()
    await one.server.query('CREATE TABLE u TABLESPACE inside AS SELECT generate_series(1, 10) AS n')
    await takePlainBackup(one.server, `${one.backups}/inside`)
    await one.archived()
    // Recovery makes it, and the backup has it.
    for (const backup of ['plain', 'inside']) {
      await one.started(await one.recover('--json', '--to', 'latest', '--from-backup', `${one.backups}/${backup}`), async (query) => {
        await open(query)
        expect(await query('SELECT count(*)::int AS n FROM u'), backup).toEqual([{ n: 10 }])
      })
    }
  })
})
