// doctor on real servers: fresh, healthy, and with each classic complaint made for real and then put right.
import fs from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { diagnose } from '../../src/app/diagnose.ts'
import type { DiagnoseOptions } from '../../src/app/diagnose.ts'
import { checks as every } from '../../src/checks/index.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { remoteHostOver } from '../../src/host/remote-host.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import type { ClusterReport } from '../../src/report/report.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'

const host = new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: `${os.tmpdir()}/pgwal-no-such-state` })
const root = process.getuid?.() === 0
/** True on every healthy cluster of these tests, and on many a real one. */
const EXPECTED = ['archive-directory/same-file-system', 'postgresql-end-of-life/ended']
const RULES = 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n'
const REPLICATION = 'host replication all 127.0.0.1/32 trust\nhost replication all ::1/128 trust\n'

async function doctor(server: TestServer, options: DiagnoseOptions = {}, over: Partial<Cluster> = {}): Promise<ClusterReport> {
  const report = await diagnose(host, { ...(await clusterOf(server)), ...over }, options)
  for (const { id, verdict } of report.checks) if (verdict.kind === 'crash') throw new Error(`${id} crashed`, { cause: verdict.error })
  return report
}

/** Without those that are only about a newer major. */
const checks = every.filter(({ upgrade }) => upgrade !== true)

/** `check/code` of every error and warning that is not expected anyway. */
function alarms(report: ClusterReport): string[] {
  return findings(report).filter(({ severity }) => severity !== 'info').map(({ name }) => name).filter((name) => !EXPECTED.includes(name))
}

function findings(report: ClusterReport) {
  return report.checks.flatMap(({ id, verdict }) => (verdict.kind === 'fail' ? verdict.findings.map((finding) => ({ name: `${id}/${finding.code}`, ...finding })) : []))
}

function finding(report: ClusterReport, name: string) {
  return findings(report).find((one) => one.name === name)
}

function verdict(report: ClusterReport, id: string) {
  return report.checks.find((check) => check.id === id)?.verdict
}

describe.each([14, 17] as const)('PostgreSQL %i', (major) => {
  let server: TestServer
  let archive: string
  let before: string
  const conf = () => `${server.dataDir}/postgresql.conf`
  const own = async (path: string) => { if (root) await fs.chown(path, server.account.uid, server.account.gid) }
  const set = async (lines: string) => fs.writeFile(conf(), `${before}${lines}\n`)
  const good = () => `archive_mode = on\nwal_keep_size = 64MB\narchive_command = '/bin/sh -c ''test ! -e "$1/$3" || { cmp -s "$2" "$1/$3"; exit; }; cp "$2" "$1/.$3" && sync "$1/.$3" && ln "$1/.$3" "$1/$3" && rm "$1/.$3" && sync "$1"'' sh ${archive} "%p" "%f" || exit 1'`
  const switchWal = async () => {
    await server.query('SELECT pg_create_restore_point($1)', ['x'])
    await server.query('SELECT pg_switch_wal()')
  }
  /** Nothing waits any more; the switch wakes an archiver that pauses after failures. */
  const drain = async () => {
    await switchWal()
    await eventually(async () => !(await fs.readdir(`${server.dataDir}/pg_wal/archive_status`)).some((name) => name.endsWith('.ready')), 'an empty queue')
  }
  /** Switches, and waits for a failure after that. Counters prove nothing here: before 15 the statistics arrive late and out of order. */
  const failOnce = async () => {
    const [{ since }] = await server.query<{ since: string }>('SELECT clock_timestamp()::text AS since') as [{ since: string }]
    await switchWal()
    await eventually(async () => (await server.query('SELECT 1 FROM pg_stat_archiver WHERE last_failed_time > $1::timestamptz', [since])).length === 1, 'a failure')
  }
  const archiver = async () => (await server.query<{ failed: string }>('SELECT failed_count AS failed FROM pg_stat_archiver'))[0]!

  beforeAll(async () => {
    server = await TestServer.create(major, { hba: RULES + REPLICATION })
    archive = `${server.root}/archive`
    await fs.mkdir(archive, { mode: 0o700 })
    await own(archive)
    before = await fs.readFile(conf(), 'utf8')
    await server.start()
  })
  afterAll(() => server.remove())

  it('fresh: WAL is not archived, at the line of the commented-out default', async () => {
    const report = await doctor(server)
    expect(alarms(report)).toEqual(['archive-mode/off'])
    const line = before.split('\n').findIndex((text) => text.startsWith('#archive_mode')) + 1
    expect(finding(report, 'archive-mode/off')).toMatchObject({ severity: 'error', at: { file: conf(), line }, fix: { kind: 'setting', name: 'archive_mode' } })
    expect(report.checks.map(({ id }) => id)).toEqual(checks.map(({ id }) => id))
  })

  it('complaint 1: archive_mode "cannot be changed": the restart is missing', async () => {
    await set(good())
    await server.pgCtl('reload')
    await eventually(async () => (await server.query("SELECT 1 FROM pg_settings WHERE name = 'archive_mode' AND pending_restart")).length === 1)
    const report = await doctor(server)
    expect(alarms(report)).toEqual(['archive-mode/off-until-restart', 'settings-in-force/restart-pending'])
    const line = before.split('\n').length
    expect(finding(report, 'settings-in-force/restart-pending')).toMatchObject({ severity: 'error', params: { name: 'archive_mode', configured: 'on', running: 'off' }, at: { file: conf(), line } })
  })

  it('healthy: no error and no warning', async () => {
    await set(good())
    await server.restart()
    await drain()
    const report = await doctor(server)
    expect(alarms(report)).toEqual([])
    for (const id of ['archive-mode', 'archiver-running', 'archiver-backlog', 'archiver-failures', 'archive-system-identifier', 'replication-rule', 'replication-role', 'settings-in-force']) {
      expect(verdict(report, id), id).toEqual({ kind: 'pass' })
    }
  })

  it.each(['a mode that forbids it', ...(root ? ['another owner'] : [])])('complaint 2: segments are not archived: permissions of the directory (%s)', async (how) => {
    await drain()
    const owner = how === 'another owner' ? 'root' : server.account.name
    if (owner === 'root') await fs.chown(archive, 0, 0)
    else await fs.chmod(archive, 0o500)
    try {
      await failOnce()
      const report = await doctor(server)
      expect(alarms(report)).toEqual(['archive-directory/not-writable', 'archiver-failures/permission-denied'])
      expect(finding(report, 'archive-directory/not-writable')).toMatchObject({ params: { path: archive, found: owner, owner: server.account.name, reason: 'EACCES' }, at: { file: archive } })
      expect(finding(report, 'archiver-failures/permission-denied')?.params['cause']).toMatch(/Permission denied/)
    } finally {
      await fs.chmod(archive, 0o700)
      await own(archive)
    }
  })

  it('complaint 3: archive_command fails: the path is missing', async () => {
    const missing = `${server.root}/gone/wal`
    await set(`archive_mode = on\narchive_command = 'test ! -f ${missing}/%f && cp %p ${missing}/%f'`)
    await server.restart()
    await failOnce()
    const report = await doctor(server)
    expect(finding(report, 'archive-directory/parent-missing')).toMatchObject({ severity: 'error', params: { path: missing, obstacle: `${server.root}/gone` } })
    expect(finding(report, 'archiver-failures/no-such-file')?.params['cause']).toMatch(/No such file or directory/)
    await set(good())
    await server.restart()
    await drain()
    expect(alarms(await doctor(server))).toEqual([])
  })

  it('complaint 4: pg_basebackup is refused: no replication rule', async () => {
    await fs.writeFile(`${server.dataDir}/pg_hba.conf`, RULES)
    await server.pgCtl('reload')
    await eventually(async () => (await server.query<{ loaded: boolean }>(`SELECT pg_conf_load_time() > (pg_stat_file('pg_hba.conf')).modification AS loaded`))[0]!.loaded)
    const report = await doctor(server)
    expect(alarms(report)).toEqual(['replication-rule/no-rule'])
    expect(finding(report, 'replication-rule/no-rule')).toMatchObject({ severity: 'error', params: { user: 'postgres' }, fix: { kind: 'replication-rule' } })
    expect(String(finding(report, 'replication-rule/no-rule')!.params['addresses'])).toContain('127.0.0.1')
    await fs.writeFile(`${server.dataDir}/pg_hba.conf`, RULES + REPLICATION)
    expect(alarms(await doctor(server))).toEqual(['hba-loads/not-reloaded'])
    await server.pgCtl('reload')
  })

  it('a program that does not exist: nothing is counted, and doctor names it all the same', async () => {
    await set("archive_mode = on\narchive_command = '/no/such/program %p %f'")
    await server.restart()
    const { failed } = await archiver()
    await switchWal()
    await eventually(async () => (await server.log()).includes('exit code 127'))
    const report = await doctor(server)
    expect((await archiver()).failed).toBe(failed)
    expect(finding(report, 'archive-command/program-missing')).toMatchObject({ params: { program: '/no/such/program' } })
    expect(finding(report, 'archiver-failures/program-not-found')?.params['cause']).toMatch(/127/)
  })

  it('/bin/true: all well, say the statistics', async () => {
    await set("archive_mode = on\narchive_command = '/bin/true'")
    await server.restart()
    await drain()
    expect(alarms(await doctor(server))).toEqual(['archive-command/discards'])
  })

  it('down: what files tell is still told, and nothing is guessed', async () => {
    await set(good().replace('archive_mode = on', ''))
    await server.stop()
    const report = await doctor(server)
    expect(alarms(report)).toEqual(['archive-mode/off', 'server-reachable/down'])
    for (const id of ['archiver-running', 'replication-role']) expect(verdict(report, id), id).toEqual({ kind: 'skip', why: { code: 'server-down', params: {} } })
  })

  it('a configuration that the server would not start with', async () => {
    await set('archive_command = cp %p /x/%f')
    const report = await doctor(server)
    expect(finding(report, 'configuration-loads/syntax')).toMatchObject({ severity: 'error', at: { file: conf(), line: before.split('\n').length } })
    await server.start().then(() => { throw new Error('it started') }, () => undefined)
  })
})

describe('a server that says nothing', () => {
  let silent: net.Server | undefined
  afterEach(() => silent?.close())

  it('does not hold up the report', async () => {
    const server = await TestServer.create(17)
    try {
      silent = net.createServer(() => undefined).listen(server.port, '127.0.0.1')
      const report = await doctor(server, { sessionTimeoutMs: 300 }, { running: true, socketDirs: [] })
      expect(finding(report, 'server-reachable/no-answer')).toMatchObject({ severity: 'error', params: { target: `127.0.0.1:${server.port}` } })
      expect(verdict(report, 'replication-role')).toEqual({ kind: 'skip', why: { code: 'timeout', params: { target: `127.0.0.1:${server.port}` } } })
      expect(verdict(report, 'archive-mode')?.kind).toBe('fail')
    } finally {
      await server.remove()
    }
  })
})

describe('the account of the system is not the role', () => {
  it('is told in the server\'s own words', async () => {
    const server = await TestServer.create(17, { hba: 'local all all peer map=nobody\nhost replication all 127.0.0.1/32 ident\nhost all all all reject\n' })
    try {
      await server.start()
      const report = await doctor(server)
      expect(finding(report, 'server-reachable/no-login')).toMatchObject({ severity: 'info', params: { reason: expect.stringContaining('Peer authentication failed') as string } })
    } finally {
      await server.remove()
    }
  })
})

describe('another cluster answers on the port', () => {
  it('its settings are not taken for this one\'s', async () => {
    const [stopped, other] = await Promise.all([TestServer.create(17), TestServer.create(17, { conf: 'archive_mode = on\nwal_level = logical' })])
    try {
      await other.start()
      const report = await doctor(stopped, {}, { running: true, port: other.port, socketDirs: [other.socketDir] })
      expect(finding(report, 'server-reachable/other-server')).toMatchObject({ severity: 'error' })
      expect(verdict(report, 'archive-mode')?.kind).toBe('fail')
      expect(verdict(report, 'replication-role')).toMatchObject({ kind: 'skip', why: { code: 'other-server' } })
    } finally {
      await Promise.all([stopped.remove(), other.remove()])
    }
  })
})

describe('a server on another machine', () => {
  it.each([12, 17] as const)('%i: is judged by what SQL shows to the role; the rest is skipped for that reason', async (major) => {
    const server = await TestServer.create(major, { conf: "archive_mode = on\narchive_command = '/bin/true'\ninclude_dir = 'more'" })
    try {
      await fs.mkdir(`${server.dataDir}/more`)
      await fs.writeFile(`${server.dataDir}/more/one.conf`, 'wal_level = minimal\nwal_level = replica\n')
      await server.start()
      await server.query('CREATE ROLE visitor LOGIN')
      const { pid, ...cluster } = await clusterOf(server)
      expect(pid).toBeGreaterThan(0)
      const look = async (user: string) => diagnose(remoteHostOver(host), { ...cluster, platform: 'other', owner: await host.self(), socketDirs: [], service: { kind: 'unknown', name: '' } }, { connection: { host: '127.0.0.1', user } })
      await fs.appendFile(`${server.dataDir}/more/one.conf`, 'archive_timeout = 60\n')
      await fs.appendFile(`${server.dataDir}/pg_hba.conf`, 'host all all 192.0.2.0/33 trust\n')
      const files = ['replication-rule', 'hba-loads', 'configuration-loads', 'settings-in-force']

      const report = await look('postgres')
      expect(report.summary.crash).toBe(0)
      expect(alarms(report).sort()).toEqual(['archive-command/discards', 'hba-loads/broken', 'settings-in-force/reload-pending'])
      expect(finding(report, 'settings-in-force/reload-pending')).toMatchObject({ at: { file: `${server.dataDir}/more/one.conf`, line: 3 } })
      for (const id of ['archive-mode', ...(major >= 14 ? ['archiver-running'] : []), 'wal-level', 'replication-role', 'archiver-backlog', 'configuration-loads']) expect(verdict(report, id), id).toEqual({ kind: 'pass' })

      const seenByVisitor = await look('visitor')
      expect(seenByVisitor.summary.crash).toBe(0)
      for (const id of files) expect(verdict(seenByVisitor, id), id).toMatchObject({ kind: 'skip', why: { code: 'remote' } })
    } finally {
      await server.remove()
    }
  })
})

describe('which checks', () => {
  it('--only and --skip choose, and an id that is none is refused', async () => {
    const server = await TestServer.create(17)
    try {
      expect((await doctor(server, { only: ['archive-mode', 'wal-level'] })).checks.map(({ id }) => id)).toEqual(['archive-mode', 'wal-level'])
      expect((await doctor(server, { skip: ['archive-mode'] })).checks).toHaveLength(checks.length - 1)
      await expect(doctor(server, { only: ['archive-mod'] })).rejects.toMatchObject({ code: 'unknown-check', params: { id: 'archive-mod' } })
    } finally {
      await server.remove()
    }
  })
})
