// Configuration files, labels and limits of a live server that mislead: what doctor finds, and a clean bill once its remedy is done.
import { existsSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findingsOf, names, Patient, remedy } from '../support/patient.ts'
import { DEBIAN_BIN, runAs } from '../support/server.ts'

/** pg_checksums, pg_basebackup and basic_archive. */
const programs = existsSync(`${DEBIAN_BIN}/pg_checksums`)

describe.skipIf(!programs)('PostgreSQL 15', () => {
  let patient: Patient
  const inData = (name: string) => path.join(patient.server.dataDir, name)
  const looked = async (...only: string[]) => findingsOf(await patient.report({ only }))
  const well = async () => {
    await patient.drain()
    expect(names(await patient.alarms())).toEqual([])
  }

  beforeAll(async () => {
    patient = await Patient.create(15, '', { binDir: DEBIAN_BIN })
    await well()
  })
  afterAll(() => patient.remove())

  it('D15 data checksums are off, until the command in the remedy has turned them on', async () => {
    const [found] = await looked('data-checksums')
    expect(found).toMatchObject({ name: 'data-checksums/off', severity: 'info' })
    const command = /sudo -u (\S+) (\S+) --enable -D (\S+)/.exec(remedy(found))!
    expect(command.slice(1)).toEqual([patient.server.account.name, `${DEBIAN_BIN}/pg_checksums`, patient.server.dataDir])
    await patient.server.stop()
    expect(await runAs(patient.server.account, command[2]!, ['--enable', '--no-sync', '-D', command[3]!])).toMatchObject({ code: 0 })
    expect(findingsOf(await patient.report({ only: ['data-checksums'] }))).toEqual([])
    await patient.server.start()
    expect(await looked('data-checksums')).toEqual([])
    await well()
  })

  it('G03 backup_label in the directory of a server that runs: its next start fails, unless the remedy comes first', async () => {
    const client = patient.server.client()
    await client.connect()
    await client.query("SELECT pg_backup_start('x', true)")
    const { rows: [stopped] } = await client.query<{ label: string }>('SELECT labelfile AS label FROM pg_backup_stop()')
    await client.end()
    // The copy that it belongs to is so old that its WAL is gone.
    const label = stopped!.label.replace(/LOCATION: [0-9A-F]+\/[0-9A-F]+/g, 'LOCATION: 0/100028').replace(/\(file [0-9A-F]+\)/g, '(file 000000010000000000000001)')
    await fs.rm(inData('pg_wal/000000010000000000000001'), { force: true })
    await patient.write(inData('backup_label'), label, 0o600)
    const [found, ...others] = await patient.alarms()
    expect(names(others)).toEqual([])
    expect(found).toMatchObject({ name: 'backup-label/left-over', severity: 'warning', at: { file: inData('backup_label') } })
    await patient.server.stop()
    await expect(patient.server.start()).rejects.toThrow('could not locate required checkpoint record')
    const [, from, to] = /mv (\S+) (\S+)/.exec(remedy(found))!
    await fs.rename(from!, to!)
    await patient.server.start()
    await well()
  })

  it('D09 E11 the files in the data directory are edited, and others are in force', async () => {
    const etc = await patient.makeDirectory(path.join(patient.server.root, 'etc'), 0o755)
    await patient.server.stop()
    const conf = await fs.readFile(patient.conf, 'utf8')
    for (const name of ['postgresql.conf', 'pg_hba.conf']) {
      await fs.copyFile(inData(name), path.join(etc, name))
      await patient.own(path.join(etc, name))
    }
    await fs.writeFile(path.join(etc, 'postgresql.conf'), `${conf}archive_mode = off\ndata_directory = '${patient.server.dataDir}'\nhba_file = '${etc}/pg_hba.conf'\n`)
    await patient.server.start('-o', `-c config_file=${etc}/postgresql.conf`)
    const over = { configFile: `${etc}/postgresql.conf`, hbaFile: `${etc}/pg_hba.conf` }
    const seen = async () => findingsOf(await patient.report({ only: ['settings-in-force', 'hba-loads'] }, over)).filter(({ name }) => name.endsWith('/other-file'))

    // As initdb left them they are nobody's mistake, but for what they say of archiving.
    const [settings, ...others] = await seen()
    expect(others).toEqual([])
    expect(settings).toMatchObject({ name: 'settings-in-force/other-file', severity: 'warning', params: { names: 'archive_mode', winner: 'off', configFile: over.configFile } })
    expect(remedy(settings)).toContain(over.configFile)
    await fs.utimes(inData('PG_VERSION'), 1, 1)
    await fs.appendFile(inData('pg_hba.conf'), 'host replication all 10.0.0.0/8 scram-sha-256\n')
    await patient.server.query('SELECT pg_reload_conf()')
    expect((await seen()).map(({ name, severity }) => `${severity} ${name}`)).toEqual(['info hba-loads/other-file', 'warning settings-in-force/other-file'])

    for (const name of ['postgresql.conf', 'pg_hba.conf']) await fs.rename(inData(name), inData(`${name}.old`))
    expect(await seen()).toEqual([])
    await patient.server.stop()
    for (const name of ['postgresql.conf', 'pg_hba.conf']) await fs.rename(inData(`${name}.old`), inData(name))
    await patient.server.start()
    await well()
  })

  it('D22 the archive module is preloaded, and nothing archives', async () => {
    await patient.set("shared_preload_libraries = 'basic_archive'\narchive_command = ''")
    await patient.server.restart()
    await patient.logs(/archiving is not configured/)
    const [found, ...others] = await patient.alarms({ only: ['archive-command', 'settings-in-force'] })
    expect(names(others)).toEqual([])
    expect(found).toMatchObject({ name: 'archive-command/preloaded-only', severity: 'error', params: { library: 'basic_archive' } })
    expect(remedy(found)).toContain('archive_library')
    await patient.set(`shared_preload_libraries = 'basic_archive'\narchive_library = 'basic_archive'\nbasic_archive.archive_directory = '${patient.archive}'`)
    await patient.reload()
    expect(names(await patient.alarms({ only: ['archive-command'] }))).toEqual([])
    await patient.set()
    await patient.server.restart()
    await well()
  })

  it('D03 wal_level was minimal for a while: no backup from before rolls past it', async () => {
    const client = patient.server.client()
    await client.connect()
    await client.query("SELECT pg_backup_start('before', true)")
    await client.query('SELECT pg_backup_stop(true)')
    await client.end()
    const backup = (await fs.readdir(patient.archive)).filter((name) => name.endsWith('.backup')).sort().at(-1)!
    await well()
    await patient.set(`${patient.healthy()}\narchive_mode = off\nwal_level = minimal\nmax_wal_senders = 0`)
    await patient.server.restart()
    expect(names(await patient.alarms())).toEqual(expect.arrayContaining(['archive-mode/off', 'wal-level/minimal']))
    for (let at = 0; at < 4; at++) {
      await patient.server.query(`CREATE TABLE low${at} AS SELECT 1 AS n`)
      await patient.server.query('SELECT pg_switch_wal()')
    }
    await patient.set()
    await patient.server.restart()
    await patient.drain()
    const gap = (await patient.alarms()).find(({ name }) => name.startsWith('archive-gaps/'))
    expect(gap).toMatchObject({ name: 'archive-gaps/still-in-pg-wal', severity: 'error' })
    // Whoever has them archived after all has no gap any more, and still no way for the backup.
    const status = inData('pg_wal/archive_status')
    const [from, to] = [gap!.params['first'] as string, gap!.params['last'] as string]
    for (const name of await fs.readdir(inData('pg_wal'))) if (name >= from && name <= to) await patient.write(path.join(status, `${name}.ready`), '', 0o600)
    await patient.drain()
    expect(names(await patient.alarms())).toEqual([])
    const [found, ...others] = await patient.alarms({ deep: true })
    expect(names(others)).toEqual([])
    expect(found).toMatchObject({ name: 'archive-segments/minimal', severity: 'error' })
    expect(backup < String(found!.params['segment'])).toBe(true)
    expect(remedy(found)).toContain('take a new base backup now')
    const taken = await runAs(patient.server.account, `${DEBIAN_BIN}/pg_basebackup`, ['-h', '127.0.0.1', '-p', String(patient.server.port), '-U', 'postgres', '-D', `${patient.server.root}/copy`, '-c', 'fast'])
    expect(taken).toMatchObject({ code: 0 })
    await patient.drain()
    expect((await patient.alarms({ deep: true })).map(({ name, severity }) => `${severity} ${name}`)).toEqual(['warning archive-segments/minimal'])
    // Those of the tests before this one, too.
    for (const name of await fs.readdir(patient.archive)) if (name.endsWith('.backup') && name <= backup) await fs.rm(path.join(patient.archive, name))
    expect(await patient.alarms({ deep: true })).toEqual([])
  })
})
