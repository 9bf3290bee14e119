// pgBackRest that drops WAL, or cannot write what it needs, made for real.
import fs from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { names, Patient, remedy } from '../support/patient.ts'
import { runAs } from '../support/server.ts'
import { whyNotInstalled } from '../healthy/support.ts'

const root = process.getuid?.() === 0
const reason = await whyNotInstalled('pgbackrest')

describe.skipIf(reason !== undefined)(`pgBackRest${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let patient: Patient
  let file: string
  const place = (name: string) => `${patient.server.root}/${name}`
  /** A wait of three seconds in place of a minute, so that the tests need not wait either. */
  const configure = (...lines: string[]) => configureWith(place('spool'), ...lines)
  const configureWith = (spool: string, ...lines: string[]) => patient.write(file, [
    '[global]', `repo1-path=${place('repo')}`, `log-path=${place('log')}`, `lock-path=${place('lock')}`, `spool-path=${spool}`, 'archive-timeout=3', ...lines,
    '[main]', `pg1-path=${patient.server.dataDir}`, `pg1-port=${patient.server.port}`, `pg1-socket-path=${patient.server.socketDir}`, 'pg1-user=postgres', ''].join('\n'))
  const pgbackrest = async (...args: string[]) => {
    const ran = await runAs(patient.server.account, 'pgbackrest', [`--config=${file}`, '--stanza=main', ...args])
    expect(ran.code, `${args.join(' ')}: ${ran.stdout}${ran.stderr}`).toBe(0)
  }
  const alarms = async () => (await patient.alarms()).filter(({ name }) => /^(pgbackrest|archiver-failures)\//.test(name))

  async function well(): Promise<void> {
    await patient.drain()
    expect(names(await alarms())).toEqual([])
  }

  beforeAll(async () => {
    patient = await Patient.create(15)
    file = place('pgbackrest.conf')
    for (const name of ['repo', 'log', 'lock', 'spool']) await patient.makeDirectory(place(name))
    await configure()
    await patient.set(`archive_command = 'pgbackrest --config=${file} --stanza=main archive-push %p'`)
    await patient.reload()
    await pgbackrest('stanza-create')
    await well()
  })
  afterAll(() => patient?.remove())

  it('A32: a full queue is dropped, until a backup is made', async () => {
    await configure('archive-push-queue-max=1MB')
    expect((await patient.report()).checks.find(({ id }) => id === 'pgbackrest')?.verdict).toMatchObject({ kind: 'fail', findings: [{ code: 'queue-limit', severity: 'info', params: { limit: '1MB' }, at: { file } }] })
    await fs.rename(place('repo'), place('away'))
    for (let count = 0; count < 4; count++) await patient.switchWal()
    await eventually(async () => (await patient.server.log()).includes('dropped WAL file'))
    await fs.rename(place('away'), place('repo'))
    await patient.drain()
    const [found] = await alarms()
    expect(found).toMatchObject({ name: 'pgbackrest/dropped', severity: 'error', at: { file: patient.server.logFile } })
    expect(await patient.server.log()).toContain(`dropped WAL file '${String(found!.params['first'])}'`)
    expect(remedy(found)).toContain('--stanza=main --type=full backup')
    // The remedy.
    await configure()
    await pgbackrest('--type=full', 'backup')
    await well()
  })

  describe.runIf(root)('asynchronously', () => {
    beforeAll(() => configure('archive-async=y'))

    it('B22: its spool belongs to root', async () => {
      await patient.drain()
      const deep = place('spool/archive/main/out')
      await fs.chown(deep, 0, 0)
      await fs.chmod(deep, 0o755)
      await patient.failOnce()
      const found = await alarms()
      expect(found).toMatchObject([
        { name: 'archiver-failures/failing-because', params: { cause: expect.stringContaining('asynchronously') as string } },
        { name: 'pgbackrest/spool', severity: 'error', params: { place: deep, reason: 'EACCES' } },
      ])
      expect(remedy(found[1])).toContain(`chown -R ${patient.server.account.name} ${deep}`)
      await patient.own(deep)
      await well()
    })

    it('B22: its spool is missing, and it may not make it', async () => {
      await fs.mkdir(place('roots'))
      await configureWith(`${place('roots')}/spool`, 'archive-async=y')
      await patient.failOnce()
      expect((await alarms())[1]).toMatchObject({ name: 'pgbackrest/spool', params: { path: `${place('roots')}/spool/archive/main/out`, place: place('roots') } })
      await patient.own(place('roots'))
      await well()
      await configure('archive-async=y')
    })

    it('B21: what a run as root left behind: its lock', async () => {
      const lock = place('lock/main-archive.lock')
      await patient.drain()
      await fs.rm(lock, { force: true })
      await fs.writeFile(lock, '', { mode: 0o640 })
      await patient.failOnce()
      const found = await alarms()
      expect(found).toMatchObject([
        { name: 'archiver-failures/permission-denied', params: { cause: expect.stringContaining('lock') as string } },
        { name: 'pgbackrest/lock', severity: 'error', params: { place: lock } },
      ])
      await patient.own(lock)
      await well()
    })

    it('B21: it cannot write its log', async () => {
      await fs.chown(place('log'), 0, 0)
      await fs.chmod(place('log'), 0o755)
      const found = await alarms()
      expect(found).toMatchObject([{ name: 'pgbackrest/log', severity: 'warning', params: { place: place('log') } }])
      expect(remedy(found[0])).toContain(`chown ${patient.server.account.name} ${place('log')}`)
      await patient.own(place('log'))
      await well()
    })
  })
})
