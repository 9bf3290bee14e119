// doctor where the server does not answer, or not as it should: as root, as the owner and as a stranger. It always ends within
// the time that its parts promise; what it could not look at is skipped with the reason, and never shown as passed.
import fs from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import { checks } from '../../src/checks/index.ts'
import { archiverFact } from '../../src/facts/archiver.ts'
import { liveSettingsFact } from '../../src/facts/live-settings.ts'
import { replicationFact } from '../../src/facts/replication.ts'
import { roleSettingsFact } from '../../src/facts/role-settings.ts'
import { rolesFact } from '../../src/facts/roles.ts'
import { serverFact } from '../../src/facts/server.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'
import type { Account } from '../support/server.ts'
import { guarded } from './commands.ts'
import { alarms, configure, directoryOf, doctor, drained, isRoot, majorsOf, strangerOrWhyNone, switchWal } from './support.ts'
import type { Seen } from './support.ts'

/** Only an open session tells these. */
const LIVE: ReadonlySet<string> = new Set([archiverFact, liveSettingsFact, replicationFact, roleSettingsFact, rolesFact, serverFact].map(({ name }) => name))
const NEEDS_SESSION = checks.filter(({ needs }) => Object.values(needs).some(({ name }) => LIVE.has(name))).map(({ id }) => id)
/** What a stranger can judge of a cluster whose files are closed: its major, and runs of pgwal in the stranger's own name. */
const SEEN_BY_ANYBODY = ['postgresql-end-of-life', 'unfinished-run']

const stranger = await strangerOrWhyNone()

describe.each(majorsOf(17))('PostgreSQL %i', (major) => {
  let server: TestServer
  let hba: string
  const file = (name: string) => `${server.dataDir}/${name}`

  beforeAll(async () => {
    server = await TestServer.create(major)
    await configure(server, 'archive_mode = on', `archive_command = '${guarded(await directoryOf(server, 'archive'))}'`, 'max_connections = 5', 'superuser_reserved_connections = 1', 'max_wal_senders = 2', "listen_addresses = '127.0.0.1'")
    await server.start()
    await switchWal(server)
    await drained(server)
    hba = await fs.readFile(file('pg_hba.conf'), 'utf8')
  })
  afterAll(() => server?.remove())

  /** Reports of everybody, each held against what must hold of all; `reachable` is what server-reachable says where it can tell. */
  const everybody = async (reachable: readonly string[], owner = true): Promise<Seen[]> => {
    const who: readonly (readonly [string, Account | undefined])[] = [['we', undefined], ...(isRoot && owner ? [['the owner', server.account] as const] : []), ...(typeof stranger === 'object' ? [['a stranger', stranger] as const] : [])]
    return Promise.all(who.map(async ([name, as]) => {
      // Twice 5 s for the ways in and 10 s for a fact; the rest is for a machine that is busy.
      const seen = await doctor(server.dataDir, { ...(as === undefined ? {} : { as, env: { HOME: '/nonexistent' } }), timeoutMs: 60_000 })
      const findings = seen.checks.flatMap((check) => (check.findings ?? []).map((finding) => ({ id: check.id, ...finding })))
      expect(seen.code, name).toBe(findings.some(({ severity }) => severity === 'error') ? 1 : 0)
      const blind = name === 'a stranger'
      const passed: string[] = []
      for (const { id, verdict, reason } of seen.checks) {
        expect(verdict, `${id} for ${name}`).not.toBe('crash')
        if (verdict === 'skip') expect(reason, `${id} for ${name}`).toMatch(/\w/)
        if (NEEDS_SESSION.includes(id) && (blind || reachable.length > 0)) expect(verdict, `${id} for ${name}`).toBe('skip')
        if (verdict === 'pass') passed.push(id)
      }
      if (blind) expect(passed.filter((id) => !SEEN_BY_ANYBODY.includes(id)), 'what a stranger cannot have seen').toEqual([])
      else expect(findings.filter(({ id }) => id === 'server-reachable').map(({ code, severity }) => `${severity} ${code}`), name).toEqual(reachable)
      return seen
    }))
  }
  const rules = async (text: string) => {
    await fs.writeFile(file('pg_hba.conf'), text)
    const before = (await server.log()).length
    await server.pgCtl('reload')
    await eventually(async () => (await server.log()).slice(before).includes('received SIGHUP'))
  }

  it('healthy: only a stranger sees less', async () => {
    const all = await everybody([])
    for (const seen of all) expect(alarms(seen)).toEqual([])
    expect(all[0]!.checks.find(({ id }) => id === 'replication-role')?.verdict).toBe('pass')
  })

  it('whoever answers at a guessed port is asked whose server that is', async () => {
    const other = await TestServer.create(major)
    const host = new NodeHost({ PATH: process.env['PATH'] })
    // As for a stranger: nothing of the data directory can be read.
    const closed = { ...(await clusterOf(server)), dataDir: '/nonexistent', portGuessed: true } as const
    const answer = async (at: TestServer) => {
      const { session, close } = await gatheringFor(host, { ...closed, port: at.port, socketDirs: [at.socketDir] })
      const outcome = await session()
      await close()
      return outcome
    }
    try {
      expect(await answer(other)).toEqual({ ok: false, why: { code: 'not-readable', params: { target: closed.configFile } } })
      await other.start()
      expect(await answer(other)).toEqual({ ok: false, why: { code: 'not-readable', params: { target: closed.configFile } } })
      expect(await answer(server)).toMatchObject({ ok: true })
    } finally {
      await other.remove()
    }
  })

  it('hanging: connections are accepted, and nothing answers', async () => {
    const pid = await server.pid()
    process.kill(pid!, 'SIGSTOP')
    try {
      await everybody(['error no-answer'])
    } finally {
      process.kill(pid!, 'SIGCONT')
    }
  })

  it('no connection left', async () => {
    const held = []
    try {
      for (let count = 0; count < 5; count++) {
        const client = server.client()
        held.push(client)
        await client.connect()
      }
      await everybody(['warning too-many-connections'], false)
    } finally {
      for (const client of held) await client.end()
    }
  })

  it('nobody is let in', async () => {
    await rules('local all all reject\nhost all all all reject\nhost replication all all trust\n')
    await everybody(['info no-login'], false)
    await rules('local all all scram-sha-256\nhost all all all scram-sha-256\nhost replication all all trust\n')
    await everybody(['info no-login'], false)
    await rules(hba)
  })

  it('down', async () => {
    await server.stop()
    await everybody(['warning down'])
  })

  it('starting: the archive is asked for a timeline, and takes its time', async () => {
    await fs.writeFile(file('standby.signal'), '')
    await configure(server, "restore_command = 'sleep 100; false'")
    await server.pgCtl('-W', '-l', server.logFile, 'start')
    await eventually(async () => server.query('SELECT 1').then(() => false, (error: { code?: string }) => error.code === '57P03'), 'a server that starts')
    const [seen] = await everybody(['info starting'], false)
    expect(alarms(seen!)).toEqual([])
    await server.stop('immediate')
  })

  it('in recovery', async () => {
    await configure(server, "restore_command = 'false'")
    await server.start()
    const [seen] = await everybody([], false)
    expect(alarms(seen!)).toEqual([])
    expect(seen!.checks.find(({ id }) => id === 'archiver-running')?.verdict).toBe('skip')
  })
})
