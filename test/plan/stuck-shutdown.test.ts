// A server that was told to end and does not: a fast shutdown waits for its backends, for each receiver of WAL and for archive_command.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import fs from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import type pg from 'pg'
import { selectRun, undo } from '../../src/app/undo.ts'
import { execute } from '../../src/plan/executor.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { refuseWaits } from '../../src/plan/restart-waits.ts'
import type { Command } from '../../src/platforms/platform.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer, type Major } from '../support/server.ts'
import { connectionOf, goalsFor, planFor, QUICK, snapshot, stateHost } from './support.ts'

let server: TestServer
let state: Awaited<ReturnType<typeof stateHost>>
let client: pg.Client | undefined

async function run(conf: string, major: Major = 17): Promise<void> {
  server = await TestServer.create(major, { conf, hba: 'local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 trust\n' })
  await server.start()
}

beforeEach(async () => {
  state = await stateHost()
  client = undefined
})
afterEach(async () => {
  await client?.end().catch(() => undefined)
  await server.remove()
  await state.remove()
})

/** With as little patience as pg_ctl can have. */
async function impatient(): Promise<Plan> {
  const plan = await planFor(state.host, server, [...goalsFor(path.join(server.root, 'wal')), { kind: 'setting', name: 'max_wal_senders', value: '12', atLeast: true }])
  const hasty = (command: Command): Command => ({ ...command, args: command.args.map((word) => (word === '20' ? '2' : word)) })
  return { ...plan, service: { ...plan.service, restart: plan.service.restart.map(hasty) } }
}

const options = () => ({ connection: connectionOf(server), timing: { ...QUICK, startMs: 1_500 } })

/** Someone who asks for WAL and never says a word again. */
async function silentReceiver(): Promise<net.Socket> {
  const socket = net.connect(`${server.socketDir}/.s.PGSQL.${server.port}`)
  const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
  const length = (body: Buffer, extra: number): Buffer => { const four = Buffer.alloc(4); four.writeInt32BE(body.length + extra); return four }
  const startup = Buffer.concat([bytes('\0\x03\0\0'), bytes('user\0postgres\0replication\0true\0application_name\0silent\0\0')])
  socket.write(Buffer.concat([length(startup, 4), startup]))
  await eventually(async () => (await server.query("SELECT 1 FROM pg_stat_replication WHERE application_name = 'silent'")).length === 1, 'a walsender')
  const [row] = await server.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')
  const query = bytes(`START_REPLICATION ${row!.lsn}\0`)
  socket.write(Buffer.concat([bytes('Q'), length(query, 4), query]))
  await eventually(async () => (await server.query("SELECT 1 FROM pg_stat_replication WHERE application_name = 'silent' AND state IN ('streaming', 'catchup')")).length === 1, 'WAL that is sent')
  socket.pause()
  return socket
}

const MAJORS = [12, 14, 17, 18] as const

describe.skipIf(process.platform === 'win32').each(MAJORS)('%i: what a shutdown would wait for is seen before', (major) => {
  it('archive_command', async () => {
    await run("archive_mode = on\narchive_command = 'sleep 60; false %p %f'\n", major)
    await refuseWaits(state.host, connectionOf(server), { hangingSeconds: 0 })
    await server.query('SELECT pg_switch_wal()')
    await eventually(async () => (await fs.readdir(`${server.dataDir}/pg_wal/archive_status`)).length > 0, 'a segment to archive')
    await refuseWaits(state.host, connectionOf(server))
    await new Promise((resolve) => setTimeout(resolve, 2_500))
    await expect(refuseWaits(state.host, connectionOf(server), { hangingSeconds: 2 })).rejects.toMatchObject({ code: 'restart-archiver' })
    await server.query("ALTER SYSTEM SET archive_command = ''")
    await server.query('SELECT pg_reload_conf()')
    await eventually(async () => refuseWaits(state.host, connectionOf(server), { hangingSeconds: 2 }).then(() => true, () => false), 'that nothing is run')
    await server.stop('immediate')
  })

  it('a silent receiver', async () => {
    await run('wal_sender_timeout = 0\n', major)
    const socket = await silentReceiver()
    try {
      await refuseWaits(state.host, connectionOf(server))
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      await expect(refuseWaits(state.host, connectionOf(server), { silentSeconds: 2 })).rejects.toMatchObject({ code: 'restart-receiver', params: { name: 'silent' } })
      await server.query("ALTER SYSTEM SET wal_sender_timeout = '60s'")
      await server.query('SELECT pg_reload_conf()')
      await eventually(async () => refuseWaits(state.host, connectionOf(server), { silentSeconds: 2 }).then(() => true, () => false), 'that it is ended by itself')
    } finally {
      socket.destroy()
    }
  })
})

it.skipIf(process.platform === 'win32')('waiting for archive_command: its last checkpoint is made, so it is ended at once and runs on its old files', async () => {
  await run("archive_mode = on\narchive_command = 'sleep 60; false %p %f'\n")
  const before = await snapshot(server)
  await server.query('SELECT pg_switch_wal()')
  await eventually(async () => (await fs.readdir(`${server.dataDir}/pg_wal/archive_status`)).length > 0, 'a segment to archive')
  const began = Date.now()
  const done = await execute(state.host, await impatient(), options())
  expect(done, JSON.stringify(done)).toMatchObject({ outcome: 'rolled-back', server: 'restarted', failure: { code: 'restart-failed' } })
  expect(Date.now() - began).toBeLessThan(30_000)
  expect(await snapshot(server)).toEqual(before)
  expect(await server.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect(await server.log()).not.toContain('was not properly shut down')
})

it.skipIf(process.platform === 'win32')('waiting for a receiver of WAL that is silent: the same', async () => {
  await run('wal_sender_timeout = 0\n')
  const before = await snapshot(server)
  const socket = await silentReceiver()
  try {
    const done = await execute(state.host, await impatient(), options())
    expect(done, JSON.stringify(done)).toMatchObject({ outcome: 'rolled-back', server: 'restarted', failure: { code: 'restart-failed' } })
    expect(await snapshot(server)).toEqual(before)
    expect(await server.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(await server.log()).not.toContain('was not properly shut down')
  } finally {
    socket.destroy()
  }
})

it.skipIf(process.platform === 'win32')('waiting for a backend: it is left to people, who are told that it is still there and what ends it', async () => {
  await run('')
  const before = await snapshot(server)
  client = server.client()
  client.on('error', () => undefined)
  await client.connect()
  const backend = Number((await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
  const plan = await impatient()
  const postmaster = await server.pid()
  process.kill(backend, 'SIGSTOP')
  try {
    const began = Date.now()
    const done = await execute(state.host, plan, options())
    expect(Date.now() - began).toBeLessThan(30_000)
    expect(done, JSON.stringify(done)).toMatchObject({ outcome: 'failed-rollback', server: 'stopping' })
    expect(done.happenings.at(-1)).toMatchObject({ status: 'failed', code: 'server-stopping', params: { pid: postmaster, command: expect.stringContaining('pg_ctl stop -D') } })
    expect(done.happenings.at(-1)!.log!.join('\n')).toContain(String(backend))
    const files = await snapshot(server)
    expect([files['postgresql.conf'], files['pg_hba.conf']]).toEqual([before['postgresql.conf'], before['pg_hba.conf']])
  } finally {
    process.kill(backend, 'SIGCONT')
  }
  // What was waited for is gone; nobody starts it: undo does.
  await eventually(async () => (await server.pid()) === undefined, 'its end')
  const undone = await undo(state.host, (await selectRun(state.host))!, { timing: QUICK })
  expect(undone, JSON.stringify(undone)).toMatchObject({ outcome: 'undone', server: 'started' })
  expect(await snapshot(server)).toEqual(before)
})
