// Plans applied to real servers, and put back.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { history } from '../../src/app/history.ts'
import { previewUndo, selectRun, undo } from '../../src/app/undo.ts'
import type { NodeHost } from '../../src/host/node-host.ts'
import { execute } from '../../src/plan/executor.ts'
import { listRuns } from '../../src/plan/journal.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { TestServer } from '../support/server.ts'
import { connectionOf, goalsFor, planFor, QUICK, snapshot, stateHost } from './support.ts'

const HBA = 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n'

describe.each([14, 17] as const)('PostgreSQL %i', (major) => {
  let server: TestServer
  let host: NodeHost
  let removeState: () => Promise<void>
  let before: Awaited<ReturnType<typeof snapshot>>
  let plan: Plan
  const archive = () => path.join(server.root, 'backups', 'wal')
  const options = () => ({ connection: connectionOf(server), timing: QUICK })

  beforeAll(async () => {
    server = await TestServer.create(major, { hba: HBA, dataName: "da ta's" })
    await fs.chmod(path.join(server.dataDir, 'postgresql.conf'), 0o640)
    await server.start()
    const state = await stateHost()
    host = state.host
    removeState = state.remove
    before = await snapshot(server)
    plan = await planFor(host, server, goalsFor(archive()))
  })
  afterAll(async () => {
    await server.remove()
    await removeState()
  })

  it('plans directories, script, settings, rules and one restart', () => {
    expect(plan.steps.map((step) => [step.kind, 'path' in step ? path.basename(step.path) : ''])).toEqual([
      ['make-directory', 'backups'], ['make-directory', 'wal'], ['write-file', 'pgwal-archive.sh'], ['write-file', 'postgresql.conf'], ['write-file', 'pg_hba.conf'], ['restart', '']])
    expect(plan.effects).toMatchObject({ restart: true, reload: false, restartFor: ['archive_mode'] })
  })

  it('applies it, and the server archives', async () => {
    const done = await execute(host, plan, options())
    expect(done, JSON.stringify(done.happenings)).toMatchObject({ outcome: 'applied', cancelled: false })
    expect(done.happenings.map(({ code }) => code)).toEqual(expect.arrayContaining(['config-accepted', 'config-accepted-after-write', 'restarted', 'in-force']))
    await server.query('CREATE TABLE t ()')
    const [row] = await server.query<{ name: string }>('SELECT pg_walfile_name(pg_switch_wal()) AS name')
    await expect.poll(() => fs.readdir(archive()), { timeout: 30_000 }).toContain(row!.name)
    const info = await fs.stat(archive())
    expect([info.mode & 0o7777, info.uid]).toEqual([0o700, server.account.uid])
    expect((await snapshot(server))['postgresql.conf']).toMatchObject({ mode: 0o640, uid: before['postgresql.conf']!.uid })
  })

  it('finds nothing to do the second time', async () => {
    expect((await planFor(host, server, goalsFor(archive()))).steps).toEqual([])
  })

  it('refuses the old plan: the files are no longer those that were shown', async () => {
    await expect(execute(host, plan, options())).rejects.toMatchObject({ code: 'changed' })
  })

  it('has it in its history, and shows what undoing would do', async () => {
    const [entry] = await history(host)
    expect(entry).toMatchObject({ state: 'applied', command: 'enable', cluster: { dataDir: server.dataDir } })
    const preview = await previewUndo(host, (await selectRun(host))!, options())
    expect(preview.edited).toEqual([])
    expect(preview.effects).toMatchObject({ restart: true })
    expect(preview.steps.map(({ kind }) => kind)).toEqual(['write-file', 'write-file', 'write-file', 'restart'])
    expect(preview.steps[1]!.diff).toContain('-archive_mode = on')
  })

  it('does not undo over an edit, unless forced, and then keeps the edit', async () => {
    const conf = path.join(server.dataDir, 'postgresql.conf')
    const mine = await fs.readFile(conf)
    await fs.appendFile(conf, '# mine\n')
    const edited = (await snapshot(server))['postgresql.conf']
    const run = (await selectRun(host))!
    await expect(undo(host, run, options())).rejects.toMatchObject({ code: 'edited-since', params: { path: conf } })
    expect((await snapshot(server))['postgresql.conf']).toEqual(edited)
    if (major === 14) {
      await fs.writeFile(conf, mine)
      return
    }
    const done = await undo(host, run, { ...options(), force: true })
    expect(done.outcome).toBe('undone')
    const kept = (await fs.readdir(run.directory)).find((name) => name.startsWith('kept-'))!
    expect((await fs.readFile(path.join(run.directory, kept))).toString('latin1')).toBe(edited!.bytes)
    expect((await fs.stat(path.join(run.directory, kept))).mode & 0o777).toBe(0o600)
  })

  it('undoes it: identical bytes, modes and owners, the archive stays because it is not empty', async () => {
    const run = await selectRun(host)
    if (major === 14) {
      const done = await undo(host, run!, options())
      expect(done, JSON.stringify(done.happenings)).toMatchObject({ outcome: 'undone', server: 'restarted' })
      expect(done.happenings).toContainEqual({ status: 'skipped', code: 'directory-kept', params: { path: archive() } })
    }
    expect(await snapshot(server)).toEqual(before)
    const [row] = await server.query("SELECT current_setting('archive_mode') AS mode")
    expect(row).toEqual({ mode: 'off' })
    expect((await listRuns(host)).map(({ state }) => state)).toEqual(['undone'])
    expect(await selectRun(host)).toBeUndefined()
  })
})

describe('without a restart', () => {
  it('what needs one waits, what a reload brings is in force, and undo needs no restart', async () => {
    const server = await TestServer.create(16, { hba: HBA })
    const { host, remove } = await stateHost()
    try {
      await server.start()
      const pid = await server.pid()
      const before = await snapshot(server)
      const plan = await planFor(host, server, goalsFor(path.join(server.root, 'wal')), { restart: false })
      expect(plan.effects).toEqual({ restart: false, reload: true, connectionsDropped: 0, restartFor: ['archive_mode'] })
      const options = { connection: connectionOf(server), timing: QUICK }
      expect(await execute(host, plan, options)).toMatchObject({ outcome: 'applied' })
      const settings = () => server.query("SELECT current_setting('archive_mode') AS mode, current_setting('wal_keep_size') AS keep")
      expect(await settings()).toEqual([{ mode: 'off', keep: '1GB' }])
      expect(await undo(host, (await selectRun(host))!, options)).toMatchObject({ outcome: 'undone', server: 'reloaded' })
      expect(await snapshot(server)).toEqual(before)
      expect(await server.pid()).toBe(pid)

      // Restarted by somebody in between: then the undo restarts too.
      await execute(host, await planFor(host, server, goalsFor(path.join(server.root, 'wal')), { restart: false }), options)
      await server.restart()
      expect(await settings()).toEqual([{ mode: 'on', keep: '1GB' }])
      expect(await undo(host, (await selectRun(host))!, options)).toMatchObject({ outcome: 'undone', server: 'restarted' })
      expect(await settings()).toEqual([{ mode: 'off', keep: '0' }])
    } finally {
      await server.remove()
      await remove()
    }
  })
})
