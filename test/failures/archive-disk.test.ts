// Disks and directories that refuse the archive, made for real; mounting needs root.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { names, Patient, remedy } from '../support/patient.ts'

const root = process.getuid?.() === 0
let patient: Patient
beforeAll(async () => {
  patient = await Patient.create(17)
})
afterAll(() => patient.remove())

async function healed(): Promise<void> {
  await patient.drain()
  expect(names(await patient.alarms())).toEqual([])
}

/** The command of the documentation's page, on a directory of this test. */
const guarded = (directory: string) => patient.setCommand(`test ! -f ${directory}/%f && cp %p ${directory}/%f`)

describe('directories', () => {
  it('B01: the directory is not there', async () => {
    const moved = `${patient.archive}.moved`
    await fs.rename(patient.archive, moved)
    await patient.failOnce()
    const found = await patient.alarms()
    expect(names(found)).toContain('archive-directory/missing')
    expect(remedy(found.find(({ name }) => name === 'archive-directory/missing'))).toContain(`install -d -o ${patient.server.account.name} -m 0700 ${patient.archive}`)
    await fs.rename(moved, patient.archive)
    await healed()
  })

  it.runIf(root)('B02: it belongs to root', async () => {
    await fs.chown(patient.archive, 0, 0)
    await patient.failOnce()
    const found = await patient.alarms()
    expect(names(found)).toEqual(['archive-directory/not-writable', 'archiver-failures/permission-denied'])
    const command = remedy(found[0])
    expect(command).toBe(`sudo chown ${patient.server.account.name} ${patient.archive} && sudo chmod 0700 ${patient.archive}`)
    execFileSync('sh', ['-c', command.replaceAll('sudo ', '')])
    await healed()
  })
})

describe.runIf(root)('file systems', () => {
  let disk: string
  const mount = (...args: string[]) => execFileSync('mount', args)
  beforeAll(async () => {
    disk = await patient.makeDirectory(path.join(patient.server.root, 'disk'))
    mount('-t', 'tmpfs', '-o', `size=3m,mode=700,uid=${patient.server.account.uid}`, 'tmpfs', disk)
  })
  afterAll(() => execFileSync('umount', ['-l', disk]))

  it('B15: the archive is full, and A25: the half copy that it leaves', async () => {
    await patient.write(path.join(disk, 'ballast'), Buffer.alloc((2 << 20) + (1 << 19)))
    await guarded(disk)
    await patient.reload()
    await patient.switchWal()
    await eventually(async () => (await patient.server.log()).includes('No space left on device'))
    const segment = (await patient.waiting())[0]!
    await eventually(async () => (await patient.server.log()).includes(`test ! -f ${disk}/${segment}`))
    const found = await patient.alarms()
    expect(names(found)).toContain('archive-space/full')
    expect(found.some(({ name }) => name === 'archiver-failures/no-space' || name === 'archiver-failures/incomplete-copy')).toBe(true)
    expect(remedy(found.find(({ name }) => name === 'archive-space/full'))).toContain('make room')
    // Room alone does not help: the half copy keeps its name.
    await fs.rm(path.join(disk, 'ballast'))
    await patient.failOnce()
    const half = (await patient.alarms()).find(({ name }) => name === 'archiver-failures/incomplete-copy')
    expect(half).toMatchObject({ params: { segment, path: path.join(disk, segment) } })
    expect(remedy(half)).toContain(`sudo mv ${disk}/${segment} ${disk}/${segment}.incomplete`)
    await fs.rm(path.join(disk, segment))
    await patient.set()
    await patient.reload()
    await healed()
  })

  it('B14: the file system turned read-only', async () => {
    await guarded(disk)
    await patient.reload()
    await patient.drain()
    mount('-o', 'remount,ro', disk)
    await patient.failOnce()
    await eventually(async () => (await patient.server.log()).includes('Read-only file system'))
    const found = await patient.alarms()
    expect(names(found)).toEqual(expect.arrayContaining(['archive-directory/read-only', 'archiver-failures/read-only']))
    expect(remedy(found.find(({ name }) => name === 'archive-directory/read-only'))).toContain(`findmnt -T ${disk}`)
    mount('-o', 'remount,rw', disk)
    await patient.drain()
    // This archive is small, and its command is no good; the disk and the archiver are well.
    expect(names(await patient.alarms()).filter((name) => /^(archive-directory|archiver-)/.test(name))).toEqual([])
  })
})
