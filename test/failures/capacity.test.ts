// Disks, slots and queues on a live server: what doctor says, who holds WAL back, and a clean bill after the remedy.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { doctorText } from '../../src/report/text.ts'
import { checks } from '../../src/checks/index.ts'
import { archiveCommand } from '../../src/postgres/archive-command/index.ts'
import { quoteValue } from '../../src/postgres/conf/index.ts'
import type { Host } from '../../src/host/host.ts'
import { eventually } from '../support/eventually.ts'
import { alarmsOf, findingsOf, names, Patient, remedy } from '../support/patient.ts'
import { DEBIAN_BIN, runAs } from '../support/server.ts'

const root = process.getuid?.() === 0
const MIB = 1 << 20
/** pg_basebackup, pg_receivewal, pg_resetwal and pg_archivecleanup. */
const programs = existsSync(`${DEBIAN_BIN}/pg_basebackup`)

async function write(patient: Patient, segments: number): Promise<void> {
  for (let at = 0; at < segments; at++) await patient.switchWal()
}

/** The finished segments in pg_wal look as if they were written over so long, evenly. */
async function age(patient: Patient, minutes: number): Promise<void> {
  const directory = path.join(patient.server.dataDir, 'pg_wal')
  const [{ current }] = await patient.server.query<{ current: string }>('SELECT pg_walfile_name(pg_current_wal_lsn()) AS current') as [{ current: string }]
  const finished = (await fs.readdir(directory)).filter((name) => /^[0-9A-F]{24}$/.test(name) && name < current).sort()
  for (const [at, name] of finished.entries()) {
    const then = Date.now() / 1000 - minutes * 60 * (1 - at / finished.length)
    // A checkpoint may just have taken it away.
    await fs.utimes(path.join(directory, name), then, then).catch(() => undefined)
  }
}

describe('C. slots, queue and retention', () => {
  let patient: Patient
  const sql = (text: string) => patient.server.query(text)
  const slot = async (name: string) => void await sql(`SELECT pg_create_physical_replication_slot('${name}', true)`)
  const well = async () => {
    await patient.drain()
    expect(names(await patient.alarms())).toEqual([])
  }

  beforeAll(async () => {
    patient = await Patient.create(15, 'max_wal_size = 12MB\nmin_wal_size = 2MB\nmax_replication_slots = 2\nwal_keep_size = 1MB', programs ? { binDir: DEBIAN_BIN } : {})
    if (!programs) return
    // Room below the first segment for what an old archive would hold.
    await patient.server.stop()
    const reset = await runAs(patient.server.account, path.join(patient.server.binDir, 'pg_resetwal'), ['-l', '000000010000000000000BB8', '-D', patient.server.dataDir])
    expect(reset).toMatchObject({ code: 0 })
    for (const name of await fs.readdir(patient.archive)) await fs.rm(path.join(patient.archive, name))
    await patient.server.start()
    await well()
  })
  afterAll(() => patient.remove())
  afterEach(async () => {
    await sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots')
    await patient.set()
    await patient.reload()
    await patient.drain()
  })

  it('C02 C04 a slot that nobody uses: who keeps WAL, and how much', async () => {
    await slot('gone')
    expect(findingsOf(await patient.report()).map(({ name }) => name)).toContain('replication-slots/no-cap')
    await write(patient, 13)
    await patient.drain()
    const report = await patient.report()
    const [found, ...others] = alarmsOf(report)
    expect(names(others)).toEqual([])
    expect(found).toMatchObject({ name: 'replication-slots/abandoned', severity: 'warning', params: { name: 'gone', kind: 'physical' } })
    expect(found!.params['keptBytes']).toBeGreaterThanOrEqual(13 * MIB)
    expect(report.times!.holds[0]).toMatchObject({ by: 'slot', name: 'gone' })
    expect(remedy(found)).toContain("SELECT pg_drop_replication_slot('gone')")
    await sql("SELECT pg_drop_replication_slot('gone')")
    await well()
  })

  it('C03 a slot beyond its limit: first in danger, then lost', async () => {
    await patient.set(`${patient.healthy()}\nmax_slot_wal_keep_size = 40MB`)
    await patient.reload()
    await slot('slow')
    await write(patient, 13)
    await patient.drain()
    expect(names(await patient.alarms())).toEqual(['replication-slots/abandoned-bounded'])
    await sql('CHECKPOINT')
    await patient.set(`${patient.healthy()}\nmax_slot_wal_keep_size = 3MB`)
    await patient.reload()
    expect(names(await patient.alarms())).toEqual(['replication-slots/nearly-lost'])
    await sql('CHECKPOINT')
    const [found, ...others] = await patient.alarms()
    expect(names(others)).toEqual([])
    expect(found).toMatchObject({ name: 'replication-slots/lost', severity: 'error', params: { name: 'slow', reason: 'wal_removed' } })
    expect(remedy(found)).toContain("SELECT pg_drop_replication_slot('slow')")
    await sql("SELECT pg_drop_replication_slot('slow')")
    await well()
  })

  it.skipIf(!programs)('D17 all slots are taken: pg_basebackup is refused', async () => {
    await slot('one')
    await slot('two')
    const refused = await runAs(patient.server.account, path.join(patient.server.binDir, 'pg_basebackup'), ['-h', '127.0.0.1', '-p', String(patient.server.port), '-U', 'postgres', '-D', `${patient.server.root}/copy`, '-c', 'fast'])
    expect(refused.stderr).toContain('all replication slots are in use')
    const [found, ...others] = await patient.alarms()
    expect(names(others)).toEqual([])
    expect(found).toMatchObject({ name: 'replication-slots/all-used', severity: 'warning', params: { limit: 2 } })
    expect(remedy(found)).toContain('max_replication_slots')
    await sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
    await well()
  })

  it.skipIf(!programs)('C06 a receiver without a slot, and nothing kept for it', async () => {
    await patient.set(`${patient.healthy()}\nwal_keep_size = 0`)
    await patient.reload()
    const received = await patient.makeDirectory(`${patient.server.root}/received`)
    const { account, binDir, port } = patient.server
    const receiver = spawn(path.join(binDir, 'pg_receivewal'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-D', received, '--no-loop'], { stdio: 'ignore', ...(root ? { uid: account.uid, gid: account.gid } : {}) })
    try {
      await eventually(async () => (await sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")).length === 1, 'a receiver')
      const [found, ...others] = await patient.alarms()
      expect(names(others)).toEqual([])
      expect(found).toMatchObject({ name: 'wal-keep-size/receivers-unprotected', params: { receivers: 1 } })
      expect(remedy(found)).toContain('wal_keep_size = 1GB')
      await patient.set(`${patient.healthy()}\nwal_keep_size = 1GB`)
      await patient.reload()
      await well()
    } finally {
      receiver.kill('SIGINT')
    }
    await eventually(async () => (await sql('SELECT 1 FROM pg_stat_replication')).length === 0, 'the end of the receiver')
  })

  it('C12 a segment that waits was removed from pg_wal', async () => {
    await patient.drain()
    await patient.setCommand('exit 1 # %p %f')
    await patient.reload()
    await patient.failOnce()
    const removed = await patient.switchWal()
    const file = path.join(patient.server.dataDir, 'pg_wal', removed)
    const bytes = await fs.readFile(file)
    await fs.rm(file)
    const found = (await patient.alarms()).find(({ name }) => name === 'archiver-backlog/file-gone')
    expect(found).toMatchObject({ severity: 'error', params: { count: 1, segment: removed, last: removed } })
    expect(remedy(found)).toContain('new base backup')
    await patient.write(file, bytes, 0o600)
    await patient.set()
    await patient.reload()
    await well()
  })

  it('what would be lost is counted up to what the archive holds', async () => {
    await patient.drain()
    const { loss } = (await patient.report()).times!
    expect(loss!.seen).toBe(true)
    expect(loss!.bytes).toBeLessThan(MIB)
    await patient.setCommand('exit 1 # %p %f')
    await patient.reload()
    const failing = await patient.report()
    await patient.failOnce()
    await write(patient, 3)
    const report = await patient.report()
    expect(failing.times!.loss!.bytes).toBeLessThan(MIB)
    expect(report.times!.loss!.bytes).toBeGreaterThanOrEqual(3 * MIB)
    expect(report.times!.holds[0]).toMatchObject({ by: 'archiver' })
    await patient.set()
    await patient.reload()
    await well()
  })

  it('C11 the command is slower than the server: the pace is measured while it works', async () => {
    await patient.drain()
    const slowly = (seconds: number) => `archive_command = ${quoteValue(`sleep ${seconds}; ${archiveCommand(patient.script)}`)}`
    // Two minutes later, by the clock of doctor.
    const later: Host = new Proxy(patient.host, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (name === 'now') return () => new Date(target.now().getTime() + 125_000)
        return typeof value === 'function' ? value.bind(target) as unknown : value
      },
    })
    await patient.set(slowly(1.5))
    await patient.reload()
    await write(patient, 100)
    const slow = await patient.alarms({}, {}, later)
    expect(names(slow).filter((name) => name.startsWith('archiver-backlog/'))).toEqual(['archiver-backlog/too-slow'])
    const found = slow.find(({ name }) => name === 'archiver-backlog/too-slow')!
    expect(found.params['archivedPerMinute']).toBeLessThan(70)
    expect(found.params['writtenPerMinute']).toBeGreaterThan(30)
    expect(remedy(found)).toContain('lz4')
    // The same queue with a command that is fast enough is nobody's alarm.
    await patient.set(slowly(0.05))
    await patient.reload()
    const report = await patient.report({}, {}, later)
    expect(findingsOf(report).find(({ name }) => name.startsWith('archiver-backlog/'))).toMatchObject({ name: 'archiver-backlog/catching-up', severity: 'info' })
    await patient.set()
    await patient.reload()
    await well()
  }, 400_000)

  it.skipIf(!programs)('C07 WAL older than the oldest base backup: the command in the remedy removes it', async () => {
    const { binDir, account, port } = patient.server
    for (let number = 0x400; number < 0x400 + 1100; number++) {
      const file = path.join(patient.archive, `00000001000000000000${number.toString(16).toUpperCase().padStart(4, '0')}`)
      const handle = await fs.open(file, 'w')
      await handle.truncate(MIB)
      await handle.close()
      await patient.own(file)
    }
    const backup = await runAs(account, path.join(binDir, 'pg_basebackup'), ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-D', `${patient.server.root}/backup`, '-c', 'fast', '-X', 'none'])
    expect(backup.code).toBe(0)
    const report = await patient.report({ only: ['archive-retention'] })
    const [found] = findingsOf(report)
    expect(found).toMatchObject({ name: 'archive-retention/older-than-backups', severity: 'info' })
    expect(found!.params['count']).toBeGreaterThanOrEqual(1100)
    const command = String(found!.params['command'])
    expect(remedy(found)).toContain(command)
    const [program, ...args] = command.split(' ')
    expect(await runAs(account, path.join(binDir, program!), args)).toMatchObject({ code: 0 })
    expect((await fs.readdir(patient.archive)).length).toBeLessThan(1100)
    expect(findingsOf(await patient.report({ only: ['archive-retention'] }))).toEqual([])
  })

  it('a rate is told with its span, and none of a moment', async () => {
    // Or a checkpoint takes the segments away before they are looked at.
    await patient.set(`${patient.healthy()}\nwal_keep_size = 64MB`)
    await patient.reload()
    await write(patient, 10)
    await age(patient, 120)
    const report = await patient.report()
    const { rate, walFullMs, archiveFullMs } = report.times!
    expect(rate!.spanMs).toBeGreaterThan(59 * 60_000)
    expect(rate!.bytesPerSecond).toBeCloseTo((rate!.bytes / rate!.spanMs) * 1000)
    expect(walFullMs).toBeGreaterThan(0)
    expect(archiveFullMs).toBeGreaterThan(0)
    const text = doctorText([report], { colour: 0, locale: 'en', unicode: true, width: 80 }, { words: checks })
    expect(text).toMatch(/WAL is written at .* an hour \(over the last [12] h/)
    expect(doctorText([report], { colour: 0, locale: 'zh-TW', unicode: true, width: 80 }, { words: checks })).toMatch(/最近 [12] 小時/)
  })
})

describe.skipIf(!root)('C01, and B20 by way of a link: the disk of pg_wal (a tmpfs: root only)', () => {
  let patient: Patient | undefined
  let disk: string
  const run = async (...args: string[]) => expect(await runAs({ name: 'root', uid: 0, gid: 0 }, args[0]!, args.slice(1))).toMatchObject({ code: 0 })

  beforeAll(async () => {
    patient = await Patient.create(15, 'max_wal_size = 2MB\nmin_wal_size = 2MB')
    await patient.server.stop()
    disk = path.join(patient.server.root, 'disk')
    await fs.mkdir(disk)
    await run('mount', '-t', 'tmpfs', '-o', 'size=48m,mode=755', 'tmpfs', disk)
    await patient.own(disk)
    const wal = path.join(patient.server.dataDir, 'pg_wal')
    await run('cp', '-a', wal, `${disk}/wal`)
    await fs.rm(wal, { recursive: true })
    await fs.symlink(`${disk}/wal`, wal)
    await patient.server.start()
    await patient.drain()
  })
  afterAll(async () => {
    await patient?.server.stop('immediate')
    await run('umount', disk)
    await patient?.remove()
  })

  it('fills because nothing is archived: how long it lasts, and at what rate', async () => {
    const ill = patient!
    expect(names(await ill.alarms())).toEqual([])
    await ill.setCommand('exit 1 # %p %f')
    await ill.reload()
    await ill.failOnce()
    await write(ill, 12)
    await age(ill, 30)
    const report = await ill.report()
    const found = alarmsOf(report).find(({ name }) => name === 'wal-space/filling')
    expect(found).toMatchObject({ severity: 'error', params: { by: 'archiver' }, at: { file: `${disk}/wal` } })
    expect(found!.params['fullMs']).toBeLessThan(24 * 3_600_000)
    expect(remedy(found)).toContain('never delete from pg_wal')
    await ill.set()
    await ill.reload()
    await ill.drain()
    expect(names(await ill.alarms())).toEqual([])
  })

  it('is full', async () => {
    const ill = patient!
    await ill.setCommand('exit 1 # %p %f')
    await ill.reload()
    await ill.failOnce()
    const free = (await fs.statfs(disk)).bavail * (await fs.statfs(disk)).bsize
    await fs.writeFile(`${disk}/ballast`, Buffer.alloc(free - MIB))
    expect((await ill.alarms()).find(({ name }) => name.startsWith('wal-space/'))).toMatchObject({ name: 'wal-space/full', severity: 'error', at: { file: `${disk}/wal` } })
    await fs.rm(`${disk}/ballast`)
    await ill.set()
    await ill.reload()
    await ill.drain()
    expect(names(await ill.alarms())).toEqual([])
  })
})
