// pgwal recover on Debian's split layout: the backup has no postgresql.conf, the restored server starts all the same, and goes live with the
// configuration in /etc.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DebianCluster, whyNoDebianCluster } from '../support/debian-cluster.ts'
import { eventually } from '../support/eventually.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { open, queryAt, typed } from '../support/recoverable.ts'

const reason = await whyNoDebianCluster()

describe.skipIf(reason !== undefined)(`a Debian cluster${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let cluster: DebianCluster
  let state: string
  const run = (...args: string[]) => pgwal([args[0]!, '--cluster', cluster.id, ...args.slice(1)], { ...cluster.env, PGWAL_STATE_DIR: state })
  const query = (sql: string) => queryAt(`${cluster.root}/run`, cluster.port)(sql)
  const into = (): string => `${cluster.root}/restored`

  beforeAll(async () => {
    cluster = await DebianCluster.create('pgwal-recover')
    state = await stateDirectory()
    for (const name of ['archive', 'space']) {
      await fsp.mkdir(`${cluster.root}/${name}`, { mode: 0o700 })
      if (process.getuid?.() === 0) await fsp.chown(`${cluster.root}/${name}`, cluster.account.uid, cluster.account.gid)
    }
    const archive = `${cluster.root}/archive`
    await fsp.appendFile(cluster.configFile, `archive_mode = on\narchive_command = 'test ! -f ${archive}/%f && cp %p ${archive}/%f'\n`)
    await fsp.writeFile(cluster.hbaFile, 'local all all trust\nlocal replication all trust\n')
    await cluster.ctl('start')
    // As Debian has it, the role is the account's.
    if (cluster.account.name !== 'postgres') await queryAs(cluster.account.name, 'CREATE ROLE postgres SUPERUSER LOGIN')
    await query(`CREATE TABLESPACE elsewhere LOCATION '${cluster.root}/space'`)
    await query('CREATE TABLE orders TABLESPACE elsewhere AS SELECT generate_series(1, 100) AS n')
  })
  const queryAs = async (user: string, sql: string): Promise<void> => {
    const { default: pg } = await import('pg')
    const client = new pg.Client({ host: `${cluster.root}/run`, port: cluster.port, user, database: 'postgres' })
    await client.connect()
    await client.query(sql)
    await client.end()
  }
  afterAll(async () => {
    await cluster.remove()
    await fsp.rm(state, { recursive: true, force: true })
  })

  it('backed up, dropped, recovered to just before, and gone live under its own name', async () => {
    const backup = (await run('backup', `${cluster.root}/backups`, '--json')).json().backup
    expect(fs.existsSync(`${backup.path}/data/postgresql.conf`)).toBe(false)
    await query("SELECT pg_create_restore_point('before')")
    await query('DROP TABLE orders')
    const [{ last }] = await query('SELECT pg_walfile_name(pg_switch_wal()) AS last') as [{ last: string }]
    await eventually(async () => (await query(`SELECT FROM pg_stat_archiver WHERE last_archived_wal >= '${last}'`)).length === 1, 'the last segment in the archive')
    const refused = await run('recover', '--from-backup', `${cluster.root}/backups`, '--into', cluster.configDir, '--to', 'before', '--yes', '--json')
    expect(refused.json().error).toMatchObject({ code: 'into-inside' })

    const done = await run('recover', '--from-backup', `${cluster.root}/backups`, '--into', into(), '--to', 'before', '--yes', '--json')
    expect(done.code, done.stdout + done.stderr).toBe(0)
    const { commands, plan, cluster: id } = done.json()
    expect([id, plan.binDir, plan.backup.path]).toEqual([cluster.id, '/usr/lib/postgresql/15/bin', `${backup.path}/data`])
    await typed(commands.start)
    const restored = queryAt(`${into()}/s`, plan.port)
    await open(restored)
    expect(await restored("SELECT count(*)::int AS n, current_setting('archive_mode') AS mode FROM orders")).toEqual([{ n: 100, mode: 'off' }])

    const live = commands.goLive as { code: string; command: string }[]
    expect(live.find(({ code }) => code === 'start')!.command).toMatch(/pg_ctlcluster/)
    await typed(live.slice(0, -1).map(({ command }) => command), cluster.env)
    await eventually(async () => query('SELECT NOT pg_is_in_recovery() AS up').then((rows) => rows[0]!['up'] === true, () => false), 'the cluster')
    expect(await query('SELECT count(*)::int AS n FROM orders')).toEqual([{ n: 100 }])
    const [settings] = await query("SELECT current_setting('config_file') AS conf, current_setting('data_directory') AS data, current_setting('archive_mode') AS mode")
    expect(settings).toEqual({ conf: cluster.configFile, data: cluster.dataDir, mode: 'on' })
    await query('SELECT pg_switch_wal()')
    await eventually(async () => fs.readdirSync(`${cluster.root}/archive`).some((name) => /^00000002[0-9A-F]{16}$/.test(name)), 'a segment of timeline 2')
    expect(fs.readdirSync(`${cluster.root}/archive`)).toContain('00000002.history')
    // The backup that the last step is for; the tablespace is where the recovery has put it.
    expect((await run('backup', `${cluster.root}/backups`, '--json')).json().backup).toMatchObject({ timeline: 2, tablespaces: [{ location: expect.stringContaining(`${into()}/tablespaces/`) as string }] })
    // Who types the wrong lines now throws nothing away.
    await expect(typed((commands.discard as string[]).slice(-1), cluster.env)).rejects.toThrow()
    expect(fs.existsSync(`${into()}/tablespaces`)).toBe(true)
  })
})
