// pgwal recover where the cluster has been through a recovery before: it went live with the printed commands, and there are two timelines.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { takePlainBackup } from '../support/base-backup.ts'
import { eventually } from '../support/eventually.ts'
import { pgwal } from '../support/pgwal.ts'
import { open, queryAt, Recoverable, typed } from '../support/recoverable.ts'
import type { Query } from '../support/recoverable.ts'

const tables = async (query: Query): Promise<unknown[]> => (await query("SELECT relname FROM pg_class WHERE relname IN ('common', 'older', 'newer') ORDER BY 1")).map(({ relname }) => relname as unknown)

describe('17: gone live with a recovery, on timeline 2', () => {
  let one: Recoverable
  const hidden = (): string => `${one.server.root}/hidden`
  const ofNewer = (): string[] => fs.readdirSync(one.archive).filter((name) => name.startsWith('00000002'))
  /** Takes files of the archive away while something is tried. */
  const without = async (names: readonly string[], work: () => Promise<void>): Promise<void> => {
    for (const name of names) await fsp.rename(`${one.archive}/${name}`, `${hidden()}/${name}`)
    try {
      await work()
    } finally {
      for (const name of names) await fsp.rename(`${hidden()}/${name}`, `${one.archive}/${name}`)
    }
  }

  beforeAll(async () => {
    one = await Recoverable.prepare(17, { conf: 'track_commit_timestamp = on' })
    const { server } = one
    await one.make(hidden())
    await one.make(`${server.root}/space`)
    await server.start()
    await server.query(`CREATE TABLESPACE elsewhere LOCATION '${server.root}/space'`)
    await server.query("ALTER SYSTEM SET work_mem = '5MB'")
    await takePlainBackup(server, `${one.backups}/first`)
    await server.query("SELECT pg_create_restore_point('early')")
    await one.archived()
    await server.query('CREATE TABLE common TABLESPACE elsewhere AS SELECT 1 AS n')
    await server.query("SELECT pg_create_restore_point('fork')")
    await server.query('CREATE TABLE older (n int)')
    await server.query("SELECT pg_create_restore_point('late')")
    await one.archived()
    // Of a time that is going to be undone.
    await takePlainBackup(server, `${server.root}/undone`)
    await one.archived()
  })
  afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
  afterAll(() => one.remove())

  it('the printed commands take it live in place of the old server, which then archives on timeline 2', async () => {
    const run = await one.recover('--json', '--to', 'fork')
    expect(run.code, run.stdout + run.stderr).toBe(0)
    const { commands, plan } = run.json()
    await typed(commands.start)
    await open(queryAt(`${one.into}/s`, plan.port))
    const steps = commands.goLive as { code: string; command: string }[]
    expect(steps.map(({ code }) => code)).toEqual(['stop-production', 'stop-restored', 'settings-back', 'history', 'move-old', 'move-new', 'start', 'backup'])
    await typed(steps.slice(0, -1).map(({ command }) => command))
    await eventually(async () => await one.server.query('SELECT NOT pg_is_in_recovery() AS up').then((rows) => rows[0]!['up'] === true, () => false), 'the new server')
    expect(await tables((sql) => one.server.query(sql))).toEqual(['common'])
    expect(await one.server.query("SELECT current_setting('work_mem') AS mem, current_setting('archive_mode') AS mode, current_setting('port')::int AS port")).toEqual([{ mem: '5MB', mode: 'on', port: one.server.port }])
    // A server that does not keep them throws away those that there are.
    expect(await one.server.query('SELECT pg_xact_commit_timestamp(xmin) IS NOT NULL AS kept FROM common')).toEqual([{ kept: true }])
    await one.server.query('CREATE TABLE newer (n int)')
    expect((await one.archived()).slice(0, 8)).toBe('00000002')
    expect(ofNewer()).toContain('00000002.history')
    // Its tablespaces stayed in the restored directory, and the words for throwing it away say so.
    const [where] = await one.server.query<{ at: string }>("SELECT pg_tablespace_location(oid) AS at FROM pg_tablespace WHERE spcname = 'elsewhere'")
    expect(where!.at).toContain(`${one.into}/tablespaces/`)
    await fsp.rename(one.into, `${one.into}.live`)
    const link = `${one.server.dataDir}/pg_tblspc/${where!.at.slice(where!.at.lastIndexOf('/') + 1)}`
    await one.server.stop()
    await fsp.rm(link)
    await fsp.symlink(where!.at.replace(one.into, `${one.into}.live`), link)
    await one.server.start()
  })

  it('the statement of verify names the backup that leads to now, and not the younger one of what was undone', async () => {
    const [cluster] = (await pgwal(['verify', '-D', one.server.dataDir, '--json'], { PGWAL_STATE_DIR: one.state })).json().clusters
    const segments = fs.readdirSync(one.archive).filter((name) => /^0{7}1[0-9A-F]{16}\.[0-9A-F]{8}\.backup$/.test(name)).map((name) => name.slice(0, 24)).sort()
    expect(segments).toHaveLength(2)
    expect(cluster.statement.backup).toMatchObject({ segment: segments[0] })
  })

  it('follows the newest timeline; the older one where it is asked for, and what is only there', async () => {
    const newest = await one.recover('--json', '--to', 'latest')
    expect(newest.json().plan).toMatchObject({ target: { timeline: 2 } })
    await one.started(newest, async (query) => {
      await open(query)
      expect(await tables(query)).toEqual(['common', 'newer'])
    })
    expect(await one.refused('--to', 'late')).toMatchObject({ code: 'target-no-such-point' })
    for (const [to, expected] of [['late', ['common', 'older']], ['latest', ['common', 'older']]] as const) {
      const older = await one.recover('--json', '--to', to, '--timeline', '1')
      expect(older.json().plan, older.stdout).toMatchObject({ target: { timeline: 1 }, archive: { last: expect.stringMatching(/^00000001/) as string } })
      await one.started(older, async (query) => {
        await open(query)
        expect(await tables(query), to).toEqual(expected)
      })
    }
    expect(await one.refused('--to', 'latest', '--timeline', '7')).toMatchObject({ code: 'target-no-timeline', message: expect.stringContaining('00000007.history') as string })
  })

  it('without its history file nobody ends before the newer timeline unasked', async () => {
    await without(['00000002.history'], async () => {
      for (const to of ['latest', 'fork']) expect(await one.refused('--to', to), to).toMatchObject({ code: 'target-no-timeline', message: expect.stringContaining('00000002.history') as string })
      const older = await one.recover('--json', '--to', 'latest', '--timeline', '1')
      await one.started(older, async (query) => {
        await open(query)
        expect(await tables(query)).toEqual(['common', 'older'])
      })
    })
  })

  it('a timeline of which only the history file was archived so far: up to where it begins, and not past it on the older one', async () => {
    const segments = ofNewer().filter((name) => /^[0-9A-F]{24}$/.test(name)).sort()
    await without(ofNewer().filter((name) => !name.endsWith('.history')), async () => {
      const run = await one.recover('--json', '--to', 'early')
      expect(run.json().plan, run.stdout).toMatchObject({ target: { timeline: 2, seen: true } })
      await one.started(run, async (query) => {
        await open(query)
        expect(await tables(query)).toEqual([])
      })
      // The older timeline has this segment, too, with what was given up.
      for (const to of ['latest', 'late']) expect(await one.refused('--to', to), to).toMatchObject({ code: 'target-gap', message: expect.stringContaining(segments[0]!) as string })
    })
  })

  it('of a server that went down before it archived the rest, with how its timeline came to be: both come from pg_wal', async () => {
    await one.server.query('CREATE TABLE rest (n int)')
    await one.server.stop()
    try {
      const there = fs.readdirSync(`${one.server.dataDir}/pg_wal`)
      await without(ofNewer().filter((name) => there.includes(name)), async () => {
        expect(fs.existsSync(`${one.archive}/00000002.history`)).toBe(false)
        const run = await one.recover('--json', '--to', 'latest', '-D', one.server.dataDir)
        expect(run.json().plan, run.stdout + run.stderr).toMatchObject({ target: { timeline: 2 }, archive: { remainderFrom: `${one.server.dataDir}/pg_wal` } })
        await one.started(run, async (query) => {
          await open(query)
          expect(await tables(query)).toEqual(['common', 'newer'])
          expect(await query("SELECT FROM pg_class WHERE relname = 'rest'")).toHaveLength(1)
        })
      })
    } finally {
      await one.server.start()
    }
  })

  it('a backup of the newer timeline does not lead back to the older one', async () => {
    await takePlainBackup(one.server, `${one.backups}/second`)
    await one.archived()
    const run = await one.recover('--json', '--to', 'latest', '--dry-run')
    expect(run.json().plan).toMatchObject({ backup: { path: `${one.backups}/second`, timeline: 2 }, target: { timeline: 2 } })
    const older = await one.recover('--json', '--to', 'latest', '--timeline', '1', '--dry-run')
    expect(older.json().plan).toMatchObject({ backup: { path: `${one.backups}/first` }, passedOver: [{ path: `${one.backups}/second`, code: 'no-timeline' }] })
  })
})

describe('16: the archive ends with a segment that is not complete', () => {
  let one: Recoverable
  let last: string
  beforeAll(async () => {
    one = await Recoverable.prepare(16)
    await one.server.start()
    await takePlainBackup(one.server, `${one.backups}/first`)
    await one.server.query('CREATE TABLE common (n int)')
    await one.archived()
    await one.server.query('CREATE TABLE newer (n int)')
    await one.server.query("SELECT pg_create_restore_point('last')")
    last = `${one.archive}/${await one.archived()}`
    // As pg_receivewal, and a standby that is promoted, leave it.
    await fsp.rename(last, `${last}.partial`)
  })
  afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
  afterAll(() => one.remove())

  it('it is told of, to the latest as well as to what may be in it; under its own name it is restored', async () => {
    const plan = await one.recover('--json', '--to', 'latest', '--dry-run')
    expect(plan.json().plan.archive.partial, plan.stdout).toMatchObject({ file: `${last}.partial`, name: last.slice(-24) })
    for (const to of ['last', '2099-01-01']) {
      expect(await one.refused('--json', '--to', to)).toMatchObject({ code: 'target-in-partial', message: expect.stringContaining(`${last}.partial`) as string, remedy: expect.stringContaining(last.slice(-24)) as string })
    }
    await one.started(await one.recover('--json', '--to', 'latest'), async (query) => {
      await open(query)
      expect(await tables(query)).toEqual(['common'])
    })
    await typed([`cp -p ${last}.partial ${last}`])
    await one.started(await one.recover('--json', '--to', 'last'), async (query) => {
      await open(query)
      expect(await tables(query)).toEqual(['common', 'newer'])
    })
  })
})
