// verify --drill can do no harm: what the copy's server runs with, and what happens when its disk fills up.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { NodeHost } from '../../src/host/node-host.ts'
import { Archived, drillHost, failure, hostWith, root } from '../support/archived.ts'
import { eventually } from '../support/eventually.ts'

let host: NodeHost
let forget: () => Promise<void>
beforeAll(async () => {
  ({ host, remove: forget } = await drillHost())
})
afterAll(() => forget())

interface Seen {
  readonly settings: Record<string, string>
  readonly processes: string[]
  readonly prepared: string[]
  readonly subscriptions: number
  readonly nice: number
  readonly uid: number
  readonly mode: number
}

/** Looks at the copy's server in the moment before it is stopped. */
function seeing(one: Archived, see: (seen: Seen) => void): NodeHost {
  return hostWith(host, {
    signal: async (...given: Parameters<NodeHost['signal']>) => {
      const [drill] = fs.readdirSync(one.scratch)
      const client = new pg.Client({ host: `${one.scratch}/${drill}/s`, port: one.server.port, user: 'postgres', database: 'postgres' })
      await client.connect()
      try {
        const rows = async (sql: string): Promise<Record<string, unknown>[]> => (await client.query(sql)).rows
        see({
          settings: Object.fromEntries((await rows('SELECT name, current_setting(name) AS value FROM pg_settings')).map(({ name, value }) => [String(name), String(value)])),
          processes: (await rows('SELECT DISTINCT backend_type AS type FROM pg_stat_activity ORDER BY 1')).map(({ type }) => String(type)),
          prepared: (await rows('SELECT gid FROM pg_prepared_xacts')).map(({ gid }) => String(gid)),
          subscriptions: (await rows('SELECT subname FROM pg_subscription WHERE subenabled')).length,
          nice: Number(fs.readFileSync(`/proc/${given[0]}/stat`, 'latin1').split(') ')[1]!.split(' ')[16]),
          uid: fs.statSync(`/proc/${given[0]}`).uid,
          mode: fs.statSync(`${one.scratch}/${drill}`).mode & 0o777,
        })
      } finally {
        await client.end()
      }
      return host.signal(...given)
    },
  })
}

describe('a server with much that a copy must not do', () => {
  let one: Archived
  let library: string
  beforeAll(async () => {
    one = await Archived.start(17, {
      initdb: ['-k'],
      conf: (place) => [
        `include_if_exists = '${place}/elsewhere.conf'`, "cluster_name = 'production'", 'wal_level = logical', 'max_prepared_transactions = 5', 'track_commit_timestamp = on',
        // Jobs, and commands of a recovery.
        "shared_preload_libraries = 'pg_prewarm'", "session_preload_libraries = 'auto_explain'", "an_extension.that_is_gone = 'on'",
        `archive_cleanup_command = 'touch ${place}/cleaned-up'`, `recovery_end_command = 'touch ${place}/ended'`, `restore_command = 'touch ${place}/restored; false'`,
        "primary_conninfo = 'host=127.0.0.1 port=1 application_name=copy'", "primary_slot_name = 'production'", 'hot_standby_feedback = on',
        // More than the copy takes.
        'shared_buffers = 400MB', 'huge_pages = try', 'max_connections = 400', `external_pid_file = '${place}/production.pid'`, "log_directory = '/no/such/place'",
      ].join('\n'),
    })
    library = `${one.server.root}/goes-away.so`
    await fsp.writeFile(`${one.server.root}/elsewhere.conf`, "listen_addresses = '127.0.0.1'\nwork_mem = 8MB\n")
    await fsp.copyFile(path.join(one.server.binDir, '../lib/postgresql/auth_delay.so'), library)
    await fsp.appendFile(`${one.server.dataDir}/postgresql.conf`, `shared_preload_libraries = 'pg_prewarm, ${library}'\n`)
    await one.server.restart()
    // As after an update of packages: the running server has it, a new one would not find it.
    await fsp.rm(library)
    await one.server.query('CREATE TABLE t (n int)')
    await one.server.query("SELECT pg_create_logical_replication_slot('logical', 'test_decoding')")
    await one.server.query("CREATE SUBSCRIPTION nightly CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, enabled = false, slot_name = NONE)")
    await one.server.query('UPDATE pg_subscription SET subenabled = true')
    await one.server.query("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'waiting'")
    await one.server.query('CREATE UNLOGGED TABLE scratch AS SELECT generate_series(1, 50000) AS n')
  })
  afterAll(() => one.server.remove())

  it('the copy archives nothing, listens nowhere, runs nothing, and gives way; production is as it was', async () => {
    const { server } = one
    const outside = () => ({ root: fs.readdirSync(server.root).filter((name) => name !== 'server.log').sort(), sockets: fs.readdirSync(server.socketDir).sort(), pidFile: fs.readFileSync(`${server.root}/production.pid`, 'utf8') })
    const before = { ...outside(), pid: await server.pid(), failed: await server.query('SELECT failed_count FROM pg_stat_archiver'), archive: new Set(fs.readdirSync(one.archive)) }
    const [{ oid, path: unlogged }] = await server.query<{ oid: number; path: string }>("SELECT oid::int, pg_relation_filepath(oid) AS path FROM pg_class WHERE relname = 'scratch'") as [{ oid: number; path: string }]
    expect(oid).toBeGreaterThan(0)
    let seen: Seen | undefined
    let copied: string[] = []
    const verdict = await one.drill(seeing(one, (now) => { seen = now }), ({ code }) => {
      if (code === 'drill-recovering') copied = fs.readdirSync(path.dirname(`${one.scratch}/${fs.readdirSync(one.scratch)[0]}/data/${unlogged}`))
    }, { niceness: 10 })
    expect(verdict).toMatchObject({ kind: 'pass' })
    expect(seen!.settings).toMatchObject({
      archive_mode: 'off', archive_command: '(disabled)', archive_library: '', archive_cleanup_command: '', recovery_end_command: '',
      listen_addresses: '', cluster_name: 'pgwal_drill', external_pid_file: '', ssl: 'off',
      shared_preload_libraries: '', session_preload_libraries: '', local_preload_libraries: '', max_logical_replication_workers: '0', event_triggers: 'off',
      primary_conninfo: '', primary_slot_name: '', hot_standby_feedback: 'off', shared_buffers: '64MB', huge_pages: 'off', data_checksums: 'on',
      config_file: expect.stringContaining(`${one.scratch}/`), hba_file: expect.stringContaining(`${one.scratch}/`), data_directory: expect.stringContaining(`${one.scratch}/`),
    })
    expect(seen!.processes.filter((type) => /archiver|logical|autovacuum|autoprewarm|walsender|slotsync/.test(type))).toEqual([])
    // What was waiting for its commit is there, and the job that would act on others is, too, asleep.
    expect(seen).toMatchObject({ prepared: ['waiting'], subscriptions: 1, nice: 10, uid: server.account.uid, mode: 0o700 })
    // Of an unlogged table only what recovery makes it from.
    const file = path.basename(unlogged)
    expect(copied.filter((name) => name === file || name.startsWith(`${file}.`) || name.startsWith(`${file}_`))).toEqual([`${file}_init`])

    expect(outside()).toEqual({ root: before.root, sockets: before.sockets, pidFile: before.pidFile })
    expect(await server.pid()).toBe(before.pid)
    expect(await server.query('SELECT failed_count FROM pg_stat_archiver')).toEqual(before.failed)
    expect(await server.query("SELECT slot_name FROM pg_replication_slots WHERE slot_name = 'logical'")).toHaveLength(1)
    expect(await server.query('SELECT gid FROM pg_prepared_xacts')).toEqual([{ gid: 'waiting' }])
    // What is new in the archive, production put there; nothing is gone, and nothing of another timeline is there or on its way.
    const names = [...fs.readdirSync(one.archive), ...fs.readdirSync(`${server.dataDir}/pg_wal/archive_status`)]
    expect(names.filter((name) => !name.startsWith('00000001'))).toEqual([])
    for (const name of before.archive) expect(names).toContain(name)
    one.expectNothingLeft()
  })

  it('its checkpoint takes long: Ctrl-C does not wait for it', async () => {
    const stopping = new AbortController()
    const drilling = one.drill(host, ({ code }) => { if (code === 'drill-checkpoint') setTimeout(() => { stopping.abort() }, 1) }, { signal: stopping.signal })
    await expect(drilling).rejects.toThrow('interrupted')
    one.expectNothingLeft()
    // The server is not left in backup mode.
    await eventually(async () => (await one.server.query("SELECT FROM pg_stat_activity WHERE application_name = 'pgwal'")).length === 0)
  })
})

describe.skipIf(!root)('a disk that fills up (a tmpfs of its own: needs root)', () => {
  let one: Archived
  let disk: string
  beforeAll(async () => {
    one = await Archived.start(16)
    disk = `${one.server.root}/disk`
    await one.make(disk)
  })
  afterEach(() => {
    execFileSync('umount', [disk])
    one.expectNothingLeft()
  })
  afterAll(() => one.server.remove())

  const mount = async (megabytes: number): Promise<void> => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', disk])
    await one.own(disk)
  }
  /** Fills the disk up to what is to stay free; less than everything counts in whole MiB. */
  const fill = (leaveMiB: number): void => {
    const { bavail, bsize } = fs.statfsSync(disk)
    execFileSync('fallocate', ['-l', String(bavail * bsize - leaveMiB * (1 << 20)), `${disk}/filler`])
  }
  const expectClean = async (): Promise<void> => {
    expect(fs.readdirSync(disk).filter((name) => name !== 'filler')).toEqual([])
    expect(await one.server.query('SELECT 1 AS up')).toEqual([{ up: 1 }])
    expect((await one.server.query<{ failed: string }>('SELECT failed_count AS failed FROM pg_stat_archiver'))[0]!.failed).toBe('0')
  }

  it('too small from the start: refused before anything is copied', async () => {
    await mount(80)
    const said: string[] = []
    expect(failure(await one.drill(host, ({ code }) => { said.push(code) }, { directory: disk }))).toMatchObject({ code: 'no-space', params: { path: disk } })
    expect(said).toEqual(['drill-removing'])
    await expectClean()
  })

  it.each([
    ['low while the copy is made', 'drill-copying', 40],
    ['full while the copy is made', 'drill-copying', 0],
    ['low while the copy recovers', 'drill-recovering', 40],
    ['full while the copy recovers', 'drill-recovering', 0],
  ] as const)('%s: given up, and all is removed', async (_what, moment, leave) => {
    await mount(200)
    let filled = false
    const verdict = await one.drill(host, ({ code }) => {
      if (code !== moment || filled) return
      filled = true
      fill(leave)
    }, { directory: disk })
    expect(failure(verdict)).toMatchObject({ code: 'space-ran-out', params: { path: expect.stringContaining(`${disk}/pgwal-drill-`) } })
    await expectClean()
  })

  it('full in the middle of a file: the copying program says so, and it is understood', async () => {
    await mount(200)
    let filled = false
    const sudden = hostWith(host, {
      run: async (...given: Parameters<NodeHost['run']>) => {
        if (given[0] === 'cp' && !filled) {
          filled = true
          fill(0)
        }
        return host.run(...given)
      },
    })
    expect(failure(await one.drill(sudden, undefined, { directory: disk }))).toMatchObject({ code: 'space-ran-out' })
    await expectClean()
  })
})
