// Facts of real servers: the oldest and the newest major, and one that is down.
import fs from 'node:fs/promises'
import os from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import type { OpenGathering } from '../../src/app/gathering.ts'
import { archiveCommandFact } from '../../src/facts/archive-command.ts'
import { archiveDirectoryFact } from '../../src/facts/archive-directory.ts'
import { archiveSegmentsFact } from '../../src/facts/archive-segments.ts'
import { archiveStatusFact } from '../../src/facts/archive-status.ts'
import { archiverFact } from '../../src/facts/archiver.ts'
import { configurationFact } from '../../src/facts/configuration.ts'
import { diskFact } from '../../src/facts/disk.ts'
import { effectiveSettingsFact } from '../../src/facts/effective-settings.ts'
import type { Fact } from '../../src/facts/fact.ts'
import { hbaFact } from '../../src/facts/hba.ts'
import { identityFact } from '../../src/facts/identity.ts'
import { liveSettingsFact } from '../../src/facts/live-settings.ts'
import { logFact } from '../../src/facts/log.ts'
import { loginFact } from '../../src/facts/login.ts'
import { openRunsFact } from '../../src/facts/open-runs.ts'
import { processesFact } from '../../src/facts/processes.ts'
import { replicationFact } from '../../src/facts/replication.ts'
import { roleSettingsFact } from '../../src/facts/role-settings.ts'
import { rolesFact } from '../../src/facts/roles.ts'
import { serverFact } from '../../src/facts/server.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { remoteHostOver } from '../../src/host/remote-host.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'

const host = new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: `${os.tmpdir()}/pgwal-no-such-state` })

async function value<T>({ gathering }: OpenGathering, fact: Fact<T>): Promise<T> {
  const outcome = await gathering.fact(fact)
  if (!outcome.ok) throw new Error(`${fact.name}: ${JSON.stringify(outcome.why)}`)
  return outcome.value
}

describe.each([12, 18] as const)('PostgreSQL %i', (major) => {
  let server: TestServer
  let archive: string
  let open: OpenGathering
  const from = <T>(fact: Fact<T>) => value(open, fact)

  beforeAll(async () => {
    server = await TestServer.create(major)
    archive = `${server.root}/archive`
    await fs.mkdir(archive, { mode: 0o700 })
    if (process.getuid?.() === 0) await fs.chown(archive, server.account.uid, server.account.gid)
    await fs.appendFile(`${server.dataDir}/postgresql.conf`, `archive_mode = on\narchive_command = 'test ! -f ${archive}/%f && cp %p ${archive}/%f'\n`)
    await server.start()
    await server.query("CREATE ROLE joe LOGIN; CREATE ROLE backup REPLICATION LOGIN; GRANT joe TO backup; SET password_encryption = 'md5'; ALTER ROLE backup PASSWORD 'secret'; ALTER ROLE joe SET work_mem = '8MB'")
    await server.query("SELECT pg_create_physical_replication_slot('slot', true)")
    await server.query('CREATE TABLE t ()')
    await server.query('SELECT pg_switch_wal()')
    await eventually(async () => (await fs.readdir(archive)).length > 0)
    open = await gatheringFor(host, await clusterOf(server), { wanted: { replicationUser: 'backup' } })
  })
  afterAll(async () => {
    await open.close()
    await server.remove()
  })

  it('the server and who we are', async () => {
    const [identity] = await server.query<{ id: string }>('SELECT system_identifier::text AS id FROM pg_control_system()')
    expect(await from(serverFact)).toMatchObject({ inRecovery: false, superuser: true, seesActivity: true, seesSecrets: true, systemIdentifier: identity!.id, timeline: 1, login: 'postgres' })
    expect(Math.floor((await from(serverFact)).versionNum / 10_000)).toBe(major)
    expect(await from(identityFact)).toEqual({ systemIdentifier: identity!.id, segmentSize: 1 << 20, checksums: major === 18 })
    expect(await from(loginFact)).toEqual({ kind: 'in' })
  })

  it('the settings, from both sides', async () => {
    const live = await from(liveSettingsFact)
    expect(live.get('archive_mode')).toMatchObject({ value: 'on', source: 'configuration file', sourceFile: `${server.dataDir}/postgresql.conf`, context: 'postmaster' })
    expect(live.get('archive_command')?.value).toContain(archive)
    const { complete, errors } = await from(configurationFact)
    expect({ complete, errors }).toEqual({ complete: true, errors: [] })
    const settings = await from(effectiveSettingsFact)
    expect(settings.get('archive_mode')).toMatchObject({ running: { value: 'on' }, configured: { value: 'on', from: 'file' }, pending: 'none' })
    expect(settings.all.filter(({ pending }) => pending !== 'none')).toEqual([])
    expect(settings.get(major === 12 ? 'wal_keep_size' : 'wal_keep_segments')).toBeUndefined()
    expect(await from(roleSettingsFact)).toEqual([{ name: 'work_mem', value: '8MB', role: 'joe', database: null }])
  })

  it('the archive and the archiver', async () => {
    expect(await from(archiveCommandFact)).toMatchObject({ via: 'command', destination: archive, judgement: { overwrites: 'no' } })
    const directory = await from(archiveDirectoryFact)
    expect(directory).toMatchObject({ state: 'directory', path: archive, mode: 0o700, owner: { name: server.account.name }, writable: { ok: true }, insideDataDirectory: false, sameFileSystemAsData: true, sameFileSystemAsWal: true })
    expect(directory.fileSystem!.freeBytes).toBeGreaterThan(0)
    const { looked, total, faults } = await from(archiveSegmentsFact)
    expect(looked).toBeGreaterThan(0)
    expect({ total, faults }).toEqual({ total: looked, faults: [] })
    expect(await from(archiveStatusFact)).toMatchObject({ ready: 0 })
    expect(await from(archiverFact)).toMatchObject({ failedCount: 0, present: true })
    expect((await from(diskFact)).data.device).toBe((await from(diskFact)).wal.device)
  })

  it.skipIf(process.platform !== 'linux')('the processes', async () => {
    expect((await from(processesFact)).filter(({ role }) => role === 'archiver')).toHaveLength(1)
  })

  it('roles, with the form of the secret and never the secret', async () => {
    const roles = await from(rolesFact)
    expect(roles.roles.find(({ name }) => name === 'backup')).toEqual({ name: 'backup', login: true, replication: true, superuser: false, secret: 'md5', validUntil: null })
    expect(roles.roles.find(({ name }) => name === 'postgres')).toMatchObject({ superuser: true, secret: 'none' })
    expect(roles.memberOf).toEqual(['joe'])
    expect(JSON.stringify(roles)).not.toMatch(/md5[0-9a-f]{32}|secret"?:"?md5[0-9a-f]/)
  })

  it('replication, rules, log and journal', async () => {
    expect(await from(replicationFact)).toMatchObject({ slots: [{ name: 'slot', kind: 'physical', active: false }], senders: 0, withoutSlot: 0, walPrograms: [] })
    const { hba, complete } = await from(hbaFact)
    expect({ loads: hba.loads, complete, ssl: hba.features.ssl }).toEqual({ loads: true, complete: true, ssl: false })
    expect(await from(logFact)).toEqual({ source: server.logFile, archiverLines: [] })
    expect(await from(openRunsFact)).toEqual([])
  })
})

describe('with less than everything', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.create(14, { conf: "archive_mode = on\narchive_command = '/bin/false %p %f'" })
    await server.start()
    await server.query('CREATE ROLE joe LOGIN')
  })
  afterAll(() => server.remove())

  it('a login without privileges: what it may not see is unknown, not absent', async () => {
    const open = await gatheringFor(host, await clusterOf(server), { connection: { user: 'joe' } })
    try {
      expect(await value(open, serverFact)).toMatchObject({ superuser: false, seesActivity: false, seesSecrets: false, login: 'joe' })
      expect((await value(open, rolesFact)).roles).toMatchObject([{ name: 'postgres', secret: 'unknown' }])
      expect((await value(open, liveSettingsFact)).get('archive_mode')).toMatchObject({ value: 'on', sourceFile: null })
    } finally {
      await open.close()
    }
  })

  it('the archiver\'s queue over SQL, where the data directory is closed', async () => {
    await server.query('CREATE TABLE q ()')
    await server.query('SELECT pg_switch_wal()')
    const local = await gatheringFor(host, await clusterOf(server))
    const remote = await gatheringFor(remoteHostOver(host), { ...(await clusterOf(server)), socketDirs: [] }, { connection: { host: '127.0.0.1', user: 'postgres' } })
    try {
      const { oldest, ready, done } = await value(local, archiveStatusFact)
      const overSql = await value(remote, archiveStatusFact)
      expect(overSql).toMatchObject({ ready, done, oldest: { name: oldest!.name } })
      expect(Math.abs(overSql.oldest!.since.getTime() - oldest!.since.getTime())).toBeLessThan(1000)
      expect(await value(remote, identityFact)).toEqual(await value(local, identityFact))
    } finally {
      await Promise.all([local.close(), remote.close()])
    }
  })

  it('the server is down: files still tell, SQL is unavailable for that reason', async () => {
    await server.query('CREATE TABLE t ()')
    await server.query('SELECT pg_switch_wal()')
    await server.stop('immediate')
    const open = await gatheringFor(host, await clusterOf(server))
    try {
      expect(await value(open, loginFact)).toEqual({ kind: 'down' })
      expect((await value(open, effectiveSettingsFact)).get('archive_mode')).toMatchObject({ configured: { value: 'on' }, pending: 'none' })
      expect((await value(open, identityFact)).segmentSize).toBe(1 << 20)
      const status = await value(open, archiveStatusFact)
      expect(status.ready).toBeGreaterThan(0)
      expect(status.oldest?.name).toMatch(/^0000000100000000000000/)
      for (const fact of [serverFact, archiverFact, rolesFact, replicationFact, liveSettingsFact, processesFact, roleSettingsFact] as Fact<unknown>[]) {
        expect(await open.gathering.fact(fact), fact.name).toEqual({ ok: false, why: { code: 'server-down', params: {} } })
      }
    } finally {
      await open.close()
    }
  })
})
