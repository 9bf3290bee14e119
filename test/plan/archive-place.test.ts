// What is seen of the directory that shall hold the archive.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { surveyArchivePlace } from '../../src/plan/archive-place.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { serverAccount, TestServer } from '../support/server.ts'

const isRoot = process.getuid?.() === 0
const host = new NodeHost({ PATH: process.env['PATH'] })
let root: string
let cluster: Cluster

beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-place-'))
  const owner = await serverAccount()
  await fs.chmod(root, 0o755)
  await own(root)
  cluster = { id: 'one', dataDir: `${root}/data`, configFile: `${root}/data/postgresql.conf`, major: 17, owner, commandLine: [] } as unknown as Cluster
})
afterEach(() => fs.rm(root, { recursive: true, force: true }))

async function own(file: string): Promise<void> {
  const { uid, gid } = await serverAccount()
  if (isRoot) await fs.chown(file, uid, gid)
}

const look = async (directory: string, others: readonly Cluster[] = []) => surveyArchivePlace({ host, cluster, self: await host.self() }, directory, { systemIdentifier: '7', others })

/** The first bytes of a segment of a cluster. */
function segment(identifier: bigint): Buffer {
  const bytes = Buffer.alloc(64)
  bytes.writeUInt16LE(0xd116, 0)
  bytes.writeUInt16LE(0x0002, 2)
  bytes.writeUInt32LE(1, 4)
  bytes.writeBigUInt64LE(identifier, 24)
  bytes.writeUInt32LE(16 << 20, 32)
  bytes.writeUInt32LE(8192, 36)
  return bytes
}

it('what is missing, from the first directory that exists, through links', async () => {
  await fs.mkdir(`${root}/disk`)
  await own(`${root}/disk`)
  await fs.symlink(`${root}/disk`, `${root}/backups`)
  expect(await look(`${root}/backups/a/wal`)).toEqual({
    directory: `${root}/backups/a/wal`, realPath: `${await fs.realpath(root)}/disk/a/wal`, kind: 'absent', missing: [`${root}/backups/a`, `${root}/backups/a/wal`], parentIsRoots: false, writable: { ok: true },
  })
})

it('a directory with segments of this cluster, and then of another one', async () => {
  await fs.mkdir(`${root}/wal`)
  await own(`${root}/wal`)
  await fs.writeFile(`${root}/wal/000000010000000000000001`, segment(7n))
  await fs.writeFile(`${root}/wal/notes.txt`, 'x')
  expect(await look(`${root}/wal`)).toMatchObject({ kind: 'directory', missing: [], writable: { ok: true } })
  expect(await look(`${root}/wal`)).not.toHaveProperty('foreign')
  await fs.writeFile(`${root}/wal/000000010000000000000002`, segment(8n))
  for (const name of await fs.readdir(`${root}/wal`)) await own(`${root}/wal/${name}`)
  expect(await look(`${root}/wal`)).toMatchObject({ foreign: '8' })
})

it('a file is no directory, nor is one a place for directories', async () => {
  await fs.writeFile(`${root}/wal`, '')
  expect(await look(`${root}/wal`)).toMatchObject({ kind: 'other' })
  expect((await look(`${root}/wal/below`)).writable).toMatchObject({ ok: false })
})

it('another cluster that archives there, whatever its name begins with', async () => {
  await fs.mkdir(`${root}/wal`)
  await own(`${root}/wal`)
  await fs.mkdir(`${root}/other`)
  await fs.writeFile(`${root}/other/postgresql.conf`, `archive_command = 'cp %p ${root}/wal/%f'\n`)
  for (const name of [`${root}/other`, `${root}/other/postgresql.conf`]) await own(name)
  const other = { ...cluster, id: 'two', dataDir: `${root}/other`, configFile: `${root}/other/postgresql.conf` }
  expect(await look(`${root}/wal`, [other])).toMatchObject({ usedBy: 'two' })
  expect(await look(`${root}/wal`, [cluster])).not.toHaveProperty('usedBy')
  await fs.writeFile(`${root}/other/postgresql.conf`, `archive_command = 'cp %p ${root}/wal2/%f'\n`)
  expect(await look(`${root}/wal`, [other])).not.toHaveProperty('usedBy')
})

it.skipIf(!isRoot)('below a directory of root\'s, root makes it, if the owner can get there', async () => {
  await fs.mkdir(`${root}/mnt`)
  expect(await look(`${root}/mnt/wal`)).toMatchObject({ parentIsRoots: true, writable: { ok: true } })
  await fs.chmod(`${root}/mnt`, 0o711)
  expect(await look(`${root}/mnt/wal`)).toMatchObject({ parentIsRoots: true })
  await fs.chmod(`${root}/mnt`, 0o700)
  expect((await look(`${root}/mnt/wal`)).writable).toMatchObject({ ok: false, code: 'EACCES' })
  await fs.mkdir(`${root}/full`)
  expect(await look(`${root}/full`)).toMatchObject({ kind: 'directory', writable: { ok: false, code: 'EACCES' } })
})

it.skipIf(!isRoot || process.platform !== 'linux')('a place that is emptied at the next boot, or cleaned: no archive of data that are to last', async () => {
  const server = await TestServer.create(17, { where: '/var/lib' })
  const disk = await fs.mkdtemp('/var/lib/pgwal-test-mem-')
  const state = await stateDirectory()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=777', 'tmpfs', disk])
  try {
    await server.start()
    const enable = (directory: string) => pgwal(['enable', '--cluster', server.dataDir, '--archive-dir', directory, '--dry-run', '--json'], { PGWAL_STATE_DIR: state })
    for (const [directory, place] of [[`${disk}/a/wal`, 'tmpfs'], ['/tmp/pgwal-no-such/wal', '/tmp'], ['/var/tmp/pgwal-no-such', '/var/tmp']] as const) {
      const done = await enable(directory)
      expect([done.code, done.json().error], done.stdout).toEqual([2, expect.objectContaining({ code: 'archive-directory-fleeting', message: expect.stringContaining(`(${place})`) })])
    }
    const done = await enable(`${server.root}/wal`)
    expect(done.code, done.stdout).toBe(0)
  } finally {
    await server.remove()
    execFileSync('umount', [disk])
    await fs.rmdir(disk)
    await fs.rm(state, { recursive: true })
  }
})

it('a place that macOS guards, there and not elsewhere, also behind a link', async () => {
  await fs.mkdir(`${root}/Documents`)
  await own(`${root}/Documents`)
  await fs.symlink(`${root}/Documents`, `${root}/backups`)
  const mac = new Proxy(host, { get: (target, name) => {
    const value: unknown = name === 'os' ? 'darwin' : Reflect.get(target, name, target)
    return typeof value === 'function' ? value.bind(target) as unknown : value
  } })
  const self = await host.self()
  const atHome = { ...cluster, owner: { ...cluster.owner, home: await fs.realpath(root) } }
  for (const [on, guarded] of [[mac, true], [host, undefined]] as const) {
    expect((await surveyArchivePlace({ host: on, cluster: atHome, self }, `${root}/backups/wal`, { systemIdentifier: '7', others: [] })).guarded).toBe(guarded)
  }
})
