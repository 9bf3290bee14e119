// doctor --for-version on real servers: which versions it takes, and that what it says of the newer server is so.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forVersionOf } from '../../src/app/for-version.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import { UserError } from '../../src/errors.ts'
import { eventually } from '../support/eventually.ts'
import { findingsOf, Patient } from '../support/patient.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { CLUSTER } from '../support/run-check.ts'
import { TestServer } from '../support/server.ts'

describe('the version that is asked for', () => {
  const of = (asked: string | undefined, ...majors: number[]) => {
    try {
      return forVersionOf(asked, majors.map((major): Cluster => ({ ...CLUSTER, id: `${major}/main`, major })))
    } catch (error) {
      if (error instanceof UserError) return [error.code, error.params]
      throw error
    }
  }
  it('is a newer one', () => {
    expect(of(undefined, 15)).toEqual({})
    expect(of('17', 15)).toEqual({ forVersion: 17 })
    expect(of('17.2', 12)).toEqual({ forVersion: 17 })
    expect(of('17', 18, 15)).toEqual({ forVersion: 17 })
  })
  it.each(['19', '12', '0', '-1', '9.6', 'new', '', '17x', '1e1', '017'])('is not %j', (asked) => {
    expect(of(asked, 15)).toEqual(['for-version-unknown', { asked, allowed: '13, 14, 15, 16, 17, 18' }])
  })
  it('is newer than a cluster that is looked at', () => {
    expect(of('15', 15)).toEqual(['for-version-not-newer', { asked: '15', cluster: '15/main', major: 15, allowed: '16, 17, 18' }])
    expect(of('14', 17, 16)).toEqual(['for-version-not-newer', { asked: '14', cluster: '16/main', major: 16, allowed: '17, 18' }])
    expect(of('18', 18)).toEqual(['for-version-newest', { asked: '18', cluster: '18/main', major: 18 }])
  })
})

const UPGRADE = /^upgrade-/

describe('a cluster of 15', () => {
  let patient: Patient
  beforeAll(async () => {
    patient = await Patient.create(15)
  })
  afterAll(() => patient.remove())
  const told = async (forVersion?: number) => findingsOf(await patient.report(forVersion === undefined ? {} : { forVersion })).filter(({ name }) => UPGRADE.test(name)).map(({ name }) => name)

  it('that is healthy has nothing to fear, and is not asked about it without the flag', async () => {
    expect(await told(18)).toEqual([])
    const checked = (await patient.report()).checks.map(({ id }) => id)
    expect(checked.filter((id) => UPGRADE.test(id))).toEqual([])
    expect((await patient.report({ forVersion: 18 })).checks.map(({ id }) => id)).toEqual([...checked, 'upgrade-hba', 'upgrade-settings'].sort())
  })

  it('says so of each thing that 16 drops, and 16 agrees', async () => {
    await patient.set(`${patient.healthy()}\npromote_trigger_file = '/tmp/promote'`)
    await patient.server.query("CREATE ROLE worker; ALTER ROLE worker SET force_parallel_mode = 'on'")
    await patient.write(path.join(patient.server.dataDir, 'recovery.conf'), '')
    expect(await told(16)).toEqual(['upgrade-settings/promote-trigger-file', 'upgrade-settings/recovery-conf', 'upgrade-settings/role-setting'])
    expect(await told(17)).toEqual(await told(16))
    await fs.rm(path.join(patient.server.dataDir, 'recovery.conf'))
  })

  it('the same with the server down, from files alone and in the other formats', async () => {
    const state = await stateDirectory()
    const saved = path.join(state, 'facts.json')
    const doctor = (...args: string[]) => pgwal(['doctor', ...args], { PGWAL_STATE_DIR: state })
    const upgrades = (run: Awaited<ReturnType<typeof doctor>>) => run.json().clusters[0].checks.filter(({ id }: { id: string }) => UPGRADE.test(id))
    try {
      await patient.server.stop()
      const live = await doctor('-D', patient.server.dataDir, '--json', '--for-version', '17', '--save-facts', saved)
      expect(upgrades(live)).toMatchObject([{ id: 'upgrade-hba', verdict: 'pass' }, { id: 'upgrade-settings', verdict: 'fail', findings: [{ code: 'promote-trigger-file', severity: 'error', params: { major: 17 }, at: { line: expect.any(Number) } }] }])
      expect(live.code).toBe(1)
      expect(upgrades(await doctor('--facts', saved, '--json', '--for-version', '17'))).toEqual(upgrades(live))
      expect(upgrades(await doctor('--facts', saved, '--json'))).toEqual([])
      expect((await doctor('-D', patient.server.dataDir, '--for-version', '17', '--lang', 'zh-TW')).stdout).toContain('PostgreSQL 17 無法在有 promote_trigger_file 時啟動')
      const refused = await doctor('-D', patient.server.dataDir, '--for-version', '15')
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('One of 16, 17, 18.')])
      expect((await doctor('--facts', saved, '--json', '--for-version', 'x')).json().error.code).toBe('for-version-unknown')
    } finally {
      await fs.rm(state, { recursive: true })
    }
  })
})

describe.each([15, 16, 18] as const)('what 16 changed, on a server of %i', (major) => {
  let server: TestServer
  let before: string
  const conf = () => path.join(server.dataDir, 'postgresql.conf')
  beforeAll(async () => {
    server = await TestServer.create(major)
    before = await fs.readFile(conf(), 'utf8')
  })
  afterAll(() => server.remove())
  const strict = major >= 16

  async function archived(lines: string, complaint: RegExp): Promise<boolean> {
    await fs.writeFile(conf(), `${before}archive_mode = on\n${lines}\n`)
    await fs.rm(server.logFile, { force: true })
    await server.start()
    try {
      const count = async () => Number((await server.query<{ n: string }>('SELECT archived_count AS n FROM pg_stat_archiver'))[0]!.n)
      const was = await count()
      await server.query("SELECT pg_create_restore_point('x')")
      await server.query('SELECT pg_switch_wal()')
      await eventually(async () => (await count()) > was || complaint.test(await server.log()), 'a segment archived, or refused')
      return !complaint.test(await server.log())
    } finally {
      await server.stop()
    }
  }

  it('a percent sign that is no placeholder ends archiving and recovery', async () => {
    expect(await archived("archive_command = 'true %p %f %Y'", /String contains unexpected placeholder "%Y"/)).toBe(!strict)
    expect(await archived("archive_command = 'true %p %f %%Y'", /unexpected placeholder/)).toBe(true)
    await fs.writeFile(conf(), `${before}restore_command = 'test %f = %Y'\n`)
    await fs.writeFile(path.join(server.dataDir, 'recovery.signal'), '')
    expect((await server.pgCtl('-w', '-t', '60', '-l', server.logFile, 'start')).code === 0).toBe(!strict)
    if (!strict) await server.stop()
    await fs.rm(path.join(server.dataDir, 'recovery.signal'), { force: true })
  })

  it('a command beside a library', async () => {
    const both = /both "?archive_command"? and "?archive_library"? set/
    // 15 takes the library, which is not there.
    expect(await archived("archive_command = 'true'\narchive_library = 'no_such_library'", new RegExp(`${both.source}|could not access file "no_such_library"`))).toBe(false)
    expect(both.test(await server.log())).toBe(strict)
  })

  it('recovery.conf keeps the server down', async () => {
    await fs.writeFile(conf(), before)
    await fs.writeFile(path.join(server.dataDir, 'recovery.conf'), '')
    expect((await server.pgCtl('-w', '-t', '60', '-l', server.logFile, 'start')).code).not.toBe(0)
    expect(await server.log()).toContain('using recovery command file "recovery.conf" is not supported')
    await fs.rm(path.join(server.dataDir, 'recovery.conf'))
  })

  it('what a role has set, as the dump of the old server sets it', async () => {
    await fs.writeFile(conf(), before)
    await server.start()
    await server.query('CREATE ROLE worker')
    const set = server.query("ALTER ROLE worker SET force_parallel_mode = 'on'").then(() => true, (error: Error & { code?: string }) => error.code)
    expect(await set).toBe(strict ? '42704' : true)
    await server.stop()
  })
})
