// `pgwal backup` as a program, on real servers: through pg_basebackup (Debian's 15) and through the low-level API (12 and 18).
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { pgwal, PROGRAM, stateDirectory } from '../support/pgwal.ts'
import { LONG } from '../support/seed.ts'
import { DEBIAN_BIN, runAs, TestServer } from '../support/server.ts'

const hasDebian = fs.existsSync(`${DEBIAN_BIN}/pg_basebackup`)
const servers = [...(LONG ? [{ major: 12 as const }] : []), ...(hasDebian ? [{ major: 15 as const, binDir: DEBIAN_BIN }] : []), { major: 18 as const }]

describe.each(servers)('$major $binDir', ({ major, ...options }) => {
  let server: TestServer
  let state: string
  let backups: string
  let archive: string
  const run = (...args: string[]) => pgwal(['backup', backups, '-D', server.dataDir, '--timeout', '30', ...args], { PGWAL_STATE_DIR: state })
  const sets = () => fs.readdirSync(backups).sort()

  beforeAll(async () => {
    server = await TestServer.create(major, options)
    state = await stateDirectory()
    backups = path.join(server.root, 'backups')
    archive = path.join(server.root, 'archive')
    for (const directory of [backups, archive, `${server.root}/space`]) {
      await fsp.mkdir(directory, { mode: 0o700 })
      if (process.getuid?.() === 0) await fsp.chown(directory, server.account.uid, server.account.gid)
    }
    await fsp.appendFile(`${server.dataDir}/postgresql.conf`, `archive_mode = on\narchive_command = 'test ! -f ${archive}/%f && cp %p ${archive}/%f'\n`)
    await server.start()
    await server.query(`CREATE TABLESPACE other LOCATION '${server.root}/space'`)
    await server.query('CREATE TABLE t TABLESPACE other AS SELECT generate_series(1, 1000) AS n')
  })
  afterAll(async () => {
    await server.remove()
    await fsp.rm(state, { recursive: true, force: true })
  })

  it('a complete set, with its tablespace, for the owner alone; an old one goes with its WAL', async () => {
    const first = (await run('--label', 'night ly', '--json')).json()
    expect(first.backup).toMatchObject({ method: options.binDir === undefined ? 'low-level' : 'pg_basebackup', label: 'night ly' })
    const { path: set, startSegment } = first.backup
    expect(path.basename(set)).toMatch(/^\d{8}T\d{6}Z_night-ly$/)
    expect(sets()).toEqual([path.basename(set)])
    expect(fs.statSync(set).mode & 0o777).toBe(0o700)
    expect(fs.statSync(`${set}/data/backup_label`).uid).toBe(process.getuid?.() === 0 ? server.account.uid : process.getuid?.())
    const [oid] = fs.readdirSync(`${set}/tablespaces`)
    expect(fs.realpathSync(`${set}/data/pg_tblspc/${oid}`)).toBe(`${set}/tablespaces/${oid}`)
    expect(fs.existsSync(`${set}/data/postgresql.conf`)).toBe(true)
    expect(fs.existsSync(`${set}/data/postmaster.pid`)).toBe(false)
    if (options.binDir !== undefined) {
      const verified = await runAs(server.account, `${DEBIAN_BIN}/pg_verifybackup`, [`${set}/data`])
      expect(verified.code, verified.stderr).toBe(0)
    }

    // Somebody else's files are left alone.
    fs.mkdirSync(`${backups}/mine`)
    await server.query('SELECT pg_switch_wal()')
    const planned = await run('--keep', '1', '--json')
    expect([planned.code, planned.json().retention.outcome]).toEqual([2, 'planned'])
    expect(sets()).toContain(path.basename(set))
    const second = await run('--keep', '1', '--yes', '--lang', 'zh-TW')
    expect(second.code, second.stdout + second.stderr).toBe(0)
    expect(second.stdout).toContain('已移除 2 份備份')
    expect(sets()).toHaveLength(2)
    expect(sets()).toContain('mine')
    const wal = fs.readdirSync(archive)
    expect(wal.filter((name) => name.slice(8, 24) <= startSegment.slice(8))).toEqual([])
    const [kept] = sets().filter((name) => name !== 'mine')
    const record = JSON.parse(fs.readFileSync(`${backups}/${kept}/pgwal-backup.json`, 'utf8')).backup
    expect(wal).toEqual(expect.arrayContaining([record.startSegment, record.stopSegment]))
  })

  it('not inside the data, the tablespace or the archive', async () => {
    for (const inside of [server.dataDir, `${server.dataDir}/x/y`, `${archive}/b`, `${server.root}/space`]) {
      const refused = await pgwal(['backup', inside, '-D', server.dataDir, '--json'], { PGWAL_STATE_DIR: state })
      expect([refused.code, refused.json().error.code]).toEqual([2, 'backup-inside'])
    }
    expect(fs.existsSync(`${server.dataDir}/x`)).toBe(false)
  })

  it('one that somebody else just begins beside it is left alone; one that was given up long ago is not', async () => {
    const [young, old] = ['.pgwal-backup-0123456789ab', '.pgwal-backup-ba9876543210'].map((name) => `${backups}/${name}`) as [string, string]
    for (const directory of [young, old]) {
      fs.mkdirSync(directory, { mode: 0o700 })
      if (process.getuid?.() === 0) fs.chownSync(directory, server.account.uid, server.account.gid)
    }
    fs.utimesSync(old, 0, 0)
    expect((await run('--json')).code).toBe(0)
    expect([fs.existsSync(young), fs.existsSync(old)]).toEqual([true, false])
    fs.rmdirSync(young)
  })

  it('stopped or killed in the middle: nothing that looks like a backup, and the next run clears it away', async () => {
    const before = sets()
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const child = spawn(process.execPath, [PROGRAM, 'backup', backups, '-D', server.dataDir], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PGWAL_STATE_DIR: state }, stdio: 'ignore' })
      const ended = new Promise<number | null>((resolve) => { child.once('exit', resolve) })
      const part = () => sets().find((name) => name.startsWith('.pgwal-backup-'))
      await eventually(async () => child.exitCode !== null || (part() !== undefined && fs.existsSync(`${backups}/${part()}/data/base`)))
      child.kill(signal)
      expect(await ended, signal).toBe(signal === 'SIGTERM' ? 130 : null)
      expect(sets().filter((name) => !name.startsWith('.')), signal).toEqual(before)
      expect(part() === undefined, signal).toBe(signal === 'SIGTERM')
    }
    await eventually(async () => {
      const done = await run('--json')
      return done.code === 0 && !sets().some((name) => name.startsWith('.'))
    })
  })
})
