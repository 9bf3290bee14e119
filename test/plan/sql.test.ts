// Steps in SQL on a real server: ALTER SYSTEM with its file put back to the byte, and the replication role.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { previewUndo, selectRun, undo } from '../../src/app/undo.ts'
import type { NodeHost } from '../../src/host/node-host.ts'
import { execute } from '../../src/plan/executor.ts'
import type { Goal } from '../../src/plan/goal.ts'
import type { SqlStep } from '../../src/plan/plan.ts'
import { judgeAutoConf } from '../../src/plan/steps/sql.ts'
import { TestServer } from '../support/server.ts'
import { connectionOf, planFor, QUICK, snapshot, stateHost } from './support.ts'

let server: TestServer
let state: Awaited<ReturnType<typeof stateHost>>
let host: NodeHost
const options = () => ({ connection: connectionOf(server), timing: QUICK })
const auto = () => path.join(server.dataDir, 'postgresql.auto.conf')
const goals: Goal[] = [
  { kind: 'setting', name: 'wal_keep_size', value: '1GB', atLeast: true },
  { kind: 'setting', name: 'archive_command', value: "/bin/sh 'C:\\odd' \"%p\"" },
]

beforeAll(async () => {
  server = await TestServer.create(14)
  await server.start()
  for (const setting of ["wal_keep_size = '16MB'", "archive_command = 'true'", "work_mem = '5MB'"]) await server.query(`ALTER SYSTEM SET ${setting}`)
  await server.query('SELECT pg_reload_conf()')
})
afterAll(async () => server.remove())
beforeEach(async () => {
  state = await stateHost()
  host = state.host
  return state.remove
})

describe('ALTER SYSTEM where postgresql.auto.conf decides', () => {
  it('is planned as SQL with a reload, applied, and undone to the very bytes', async () => {
    const before = await snapshot(server)
    const plan = await planFor(host, server, goals)
    expect(plan.steps.map(({ kind }) => kind)).toEqual(['sql', 'reload'])
    expect((plan.steps[0] as SqlStep).undo).toEqual(["ALTER SYSTEM SET \"wal_keep_size\" = '16MB'", "ALTER SYSTEM SET \"archive_command\" = 'true'"])
    const done = await execute(host, plan, options())
    expect(done, JSON.stringify(done.happenings)).toMatchObject({ outcome: 'applied' })
    const rows = await server.query("SELECT name, reset_val FROM pg_settings WHERE name IN ('wal_keep_size', 'archive_command') ORDER BY 1")
    expect(rows).toEqual([{ name: 'archive_command', reset_val: "/bin/sh 'C:\\odd' \"%p\"" }, { name: 'wal_keep_size', reset_val: '1024' }])
    expect((await planFor(host, server, goals)).steps).toEqual([])
    const undone = await undo(host, (await selectRun(host))!, options())
    expect(undone, JSON.stringify(undone)).toMatchObject({ outcome: 'undone', server: 'reloaded' })
    expect(await snapshot(server)).toEqual(before)
    await expect.poll(async () => (await server.query('SHOW wal_keep_size'))[0]).toEqual({ wal_keep_size: '16MB' })
  })

  it('is undone with the server down, and does not start it', async () => {
    const before = await snapshot(server)
    await execute(host, await planFor(host, server, goals), options())
    await server.stop()
    const undone = await undo(host, (await selectRun(host))!, { timing: QUICK })
    expect(undone).toMatchObject({ outcome: 'undone', server: 'untouched' })
    expect(await snapshot(server)).toEqual(before)
    expect(await server.pid()).toBeUndefined()
    await server.start()
  })

  it('somebody else\'s ALTER SYSTEM afterwards is kept: refused, and with force only ours is taken back', async () => {
    const plan = await planFor(host, server, goals)
    await execute(host, plan, options())
    await server.query("ALTER SYSTEM SET maintenance_work_mem = '99MB'")
    const run = (await selectRun(host))!
    expect((await previewUndo(host, run, options())).edited).toEqual([auto()])
    await expect(undo(host, run, options())).rejects.toMatchObject({ code: 'edited-since', params: { path: auto() } })
    expect(await undo(host, run, { ...options(), force: true })).toMatchObject({ outcome: 'undone' })
    const text = await fs.readFile(auto(), 'utf8')
    expect(text).toContain("maintenance_work_mem = '99MB'")
    expect(text).toContain("wal_keep_size = '16MB'")
    await server.query('ALTER SYSTEM RESET maintenance_work_mem')
  })

  it('judges the file by what it says, in any order', () => {
    const bytes = (text: string) => new TextEncoder().encode(text)
    const step = { before: { bytes: bytes("# x\na = '1'\nb = '2'\n"), sha256: '' }, set: { a: '9' } }
    expect(judgeAutoConf(step, step.before.bytes)).toBe('before')
    expect(judgeAutoConf(step, bytes("b = '2'\na = '9'\n"))).toBe('after')
    expect(judgeAutoConf(step, bytes("b = '3'\na = '9'\n"))).toBe('other')
    expect(judgeAutoConf(step, bytes("a = '9'\n"))).toBe('other')
    expect(judgeAutoConf(step, bytes("a = '9'\nb = '2'\nc = '1'\n"))).toBe('other')
    expect(judgeAutoConf(step, bytes("b = '2'\na = '1'\n"))).toBe('other')
  })
})

describe('the replication role', () => {
  const role: Goal[] = [{ kind: 'replication-role', user: 'Back "up"' }]
  const roles = () => server.query("SELECT rolcanlogin, rolreplication FROM pg_roles WHERE rolname = 'Back \"up\"'")

  it('is made, and dropped by undo', async () => {
    const plan = await planFor(host, server, role)
    expect(plan.steps.map((step) => step.kind === 'sql' && step.about)).toEqual(['CREATE ROLE "Back ""up"""'])
    expect(await execute(host, plan, options())).toMatchObject({ outcome: 'applied' })
    expect(await roles()).toEqual([{ rolcanlogin: true, rolreplication: true }])
    expect((await planFor(host, server, role)).steps).toEqual([])
    expect(await undo(host, (await selectRun(host))!, options())).toMatchObject({ outcome: 'undone' })
    expect(await roles()).toEqual([])
  })

  it('that somebody made in between is theirs', async () => {
    const plan = await planFor(host, server, role)
    await server.query('CREATE ROLE "Back ""up""" LOGIN REPLICATION')
    expect(await execute(host, plan, options())).toMatchObject({ outcome: 'rolled-back', failure: { code: 'edited-since' } })
    expect(await roles()).toHaveLength(1)
    await server.query('DROP ROLE "Back ""up"""')
  })

  it('that exists gets what it lacks, and keeps what it had', async () => {
    await server.query('CREATE ROLE "Back ""up""" LOGIN')
    await execute(host, await planFor(host, server, role), options())
    expect(await roles()).toEqual([{ rolcanlogin: true, rolreplication: true }])
    expect(await undo(host, (await selectRun(host))!, options())).toMatchObject({ outcome: 'undone' })
    expect(await roles()).toEqual([{ rolcanlogin: true, rolreplication: false }])
    await server.query('DROP ROLE "Back ""up"""')
  })

  it('without a login the undo says so, and is there for the next try', async () => {
    await execute(host, await planFor(host, server, role), options())
    const run = (await selectRun(host))!
    expect(await undo(host, run, { timing: QUICK })).toMatchObject({ outcome: 'failed', happenings: [{ code: 'step-failed', params: { step: 'CREATE ROLE "Back ""up"""' } }] })
    expect(await undo(host, (await selectRun(host))!, options())).toMatchObject({ outcome: 'undone' })
    expect(await roles()).toEqual([])
  })
})
