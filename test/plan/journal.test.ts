// The journal and the lock, on the file system alone.
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { selectRun } from '../../src/app/undo.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { createJournal, findRun, listRuns, openJournal, openRuns } from '../../src/plan/journal.ts'
import { takeLock } from '../../src/plan/lock.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { isAlive, markOf } from '../../src/plan/process-mark.ts'
import { ensureStateDirectory, stateDirectory } from '../../src/plan/state-directory.ts'
import { serverAccount } from '../support/server.ts'
import { deadPid, faultyHost, stateHost } from './support.ts'

let state: Awaited<ReturnType<typeof stateHost>>
beforeEach(async () => {
  state = await stateHost()
  return state.remove
})

const bytes = new Uint8Array([0, 1, 13, 10, 255, 39])
const owner = await serverAccount()
const cluster = { id: 'c', dataDir: '/nowhere/data', owner }
const plan = { cluster, steps: [{ kind: 'write-file', path: '/x', before: { bytes, sha256: 'a' }, after: { bytes: new Uint8Array(), sha256: 'b' } }] } as unknown as Plan

describe('the state directory', () => {
  const at = (env: Record<string, string>) => stateDirectory(new NodeHost(env))

  it('is what PGWAL_STATE_DIR says, else that of root or of the user', async () => {
    expect(await at({ PGWAL_STATE_DIR: '/a/b/' })).toBe('/a/b')
    const root = (await new NodeHost({}).self()).privileged
    expect(await at({ XDG_STATE_HOME: '/s', HOME: '/h' })).toBe(root ? '/var/lib/pgwal' : '/s/pgwal')
    expect(await at({ XDG_STATE_HOME: 'relative', HOME: '/h' })).toBe(root ? '/var/lib/pgwal' : '/h/.local/state/pgwal')
  })

  it('is made with its parents, for nobody else', async () => {
    const host = new NodeHost({ PGWAL_STATE_DIR: `${state.state}/x/y` })
    const made = await ensureStateDirectory(host)
    expect((await fs.stat(made)).mode & 0o777).toBe(0o700)
    expect((await fs.stat(path.dirname(made))).mode & 0o777).toBe(0o700)
  })

  it('is refused where others can change it', async () => {
    await fs.chmod(state.state, 0o777)
    await expect(ensureStateDirectory(state.host)).rejects.toMatchObject({ code: 'state-directory-unsafe', params: { mode: '0777' } })
  })
})

describe('the journal', () => {
  it('holds the bytes of the plan, in files and directories for us alone', async () => {
    const journal = await createJournal(state.host, plan, 'enable')
    expect(journal.run).toMatch(/^\d{8}-\d{6}-[0-9a-f]{4}$/)
    await journal.begin('apply', undefined)
    const run = await findRun(state.host, journal.run)
    expect(run).toMatchObject({ command: 'enable', state: 'running' })
    expect(run.plan.steps).toEqual(plan.steps)
    expect((await fs.stat(journal.directory)).mode & 0o777).toBe(0o700)
    for (const name of await fs.readdir(journal.directory)) expect([name, (await fs.stat(path.join(journal.directory, name))).mode & 0o777]).toEqual([name, 0o600])
  })

  it('tells how a run ended, the newest first', async () => {
    const endings = ['applied', 'rolled-back', 'failed'] as const
    for (const ending of endings) {
      const journal = await createJournal(state.host, plan, 'enable')
      await journal.begin('apply', undefined)
      await journal.write({ event: 'outcome', action: 'apply', ending })
    }
    expect((await listRuns(state.host)).map((run) => run.state)).toEqual([...endings].reverse())
    expect((await openRuns(state.host, cluster)).map((run) => run.state)).toEqual(['failed'])
    expect(await openRuns(state.host, { dataDir: '/other' })).toEqual([])
  })

  it('of a process that is gone says interrupted, from the first moment on', async () => {
    const gone = faultyHost(state.host, undefined, deadPid()).host
    const journal = await createJournal(gone, plan, 'enable')
    expect(await findRun(state.host, journal.run)).toMatchObject({ state: 'interrupted', entries: [] })
    await journal.begin('apply', undefined)
    expect(await findRun(state.host, journal.run)).toMatchObject({ state: 'interrupted' })
  })

  it('with a line that was cut off is read, and goes on on a new line', async () => {
    const journal = await createJournal(state.host, plan, 'enable')
    await journal.begin('apply', undefined)
    await journal.write({ event: 'intent', action: 'apply', step: 0 })
    await fs.appendFile(`${journal.directory}/journal.jsonl`, '{"at":"2026-11-23T00:00:00Z","event":"rece')
    expect((await findRun(state.host, journal.run)).entries).toHaveLength(2)
    await (await openJournal(state.host, await findRun(state.host, journal.run))).write({ event: 'outcome', action: 'undo', ending: 'undone' })
    expect(await findRun(state.host, journal.run)).toMatchObject({ state: 'undone', entries: [{}, {}, { event: 'outcome' }] })
  })

  it('without a plan is none; of a newer pgwal or damaged it is listed as unreadable', async () => {
    const runs = `${state.state}/runs`
    await fs.mkdir(`${runs}/20260101-000000-0000`, { recursive: true })
    await fs.mkdir(`${runs}/../runs/20260101-000001-0000`)
    await fs.writeFile(`${runs}/20260101-000001-0000/plan.json`, '{"journal":99}')
    await fs.mkdir(`${runs}/20260101-000002-0000`)
    await fs.writeFile(`${runs}/20260101-000002-0000/plan.json`, '{')
    await fs.writeFile(`${runs}/not-a-run`, '')
    expect((await listRuns(state.host)).map(({ run, state: how }) => [run, how])).toEqual([['20260101-000002-0000', 'unreadable'], ['20260101-000001-0000', 'unreadable']])
    await expect(findRun(state.host, '20260101-000001-0000')).rejects.toMatchObject({ code: 'journal-unreadable' })
    // Neither is passed over: what cannot be read may be what was meant, or what was left half done.
    await expect(selectRun(state.host)).rejects.toMatchObject({ code: 'journal-unreadable' })
    await expect(openRuns(state.host, cluster)).rejects.toMatchObject({ code: 'journal-unreadable' })
    for (const name of ['20260101-000000-0000', '../runs', 'x']) await expect(findRun(state.host, name)).rejects.toMatchObject({ code: 'no-such-run' })
  })
})

describe('the lock', () => {
  it('is for one at a time, and says who has it since when', async () => {
    const lock = await takeLock(state.host, cluster)
    await expect(takeLock(state.host, cluster)).rejects.toMatchObject({ code: 'locked', params: { pid: process.pid, since: expect.stringMatching(/^\d{4}-/) } })
    const other = await takeLock(state.host, { dataDir: '/nowhere/else', owner })
    await other.release()
    await lock.release()
    await (await takeLock(state.host, cluster)).release()
    expect(await fs.readdir(`${state.state}/locks`)).toEqual([])
  })

  it('excludes those with another state directory too, as root and the owner have, unless the data directory cannot be written', async () => {
    const dataDir = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-data-'))
    const second = await stateHost()
    try {
      if (process.getuid?.() === 0) await fs.chown(dataDir, owner.uid, owner.gid)
      const lock = await takeLock(state.host, { dataDir, owner })
      expect(await fs.stat(path.join(dataDir, 'pgwal.lock'))).toMatchObject({ uid: owner.uid, mode: 0o100600 })
      await expect(takeLock(second.host, { dataDir, owner })).rejects.toMatchObject({ code: 'locked', params: { pid: process.pid } })
      expect(await fs.readdir(`${second.state}/locks`)).toEqual([])
      await lock.release()
      await (await takeLock(second.host, { dataDir, owner })).release()
      await takeLock(faultyHost(state.host, undefined, deadPid()).host, { dataDir, owner })
      await (await takeLock(second.host, { dataDir, owner })).release()
      expect(await fs.readdir(dataDir)).toEqual([])
      // What an owner plants there is neither followed out of the owner's hands nor waited for.
      await fs.mkdir(path.join(dataDir, 'pgwal.lock'))
      await (await takeLock(second.host, { dataDir, owner })).release()
    } finally {
      await fs.rm(dataDir, { recursive: true, force: true })
      await second.remove()
    }
  })

  it('of a process that is gone is taken over, by one only', async () => {
    await takeLock(faultyHost(state.host, undefined, deadPid()).host, cluster)
    const hosts = Array.from({ length: 6 }, () => new NodeHost({ PGWAL_STATE_DIR: state.state }))
    const taken = await Promise.allSettled(hosts.map((host) => takeLock(host, cluster)))
    expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('of a process whose number somebody else has now, or of another boot, or torn, is stale', async () => {
    const mark = await markOf(state.host, process.pid)
    expect(await isAlive(state.host, mark)).toBe(true)
    if (mark.started !== undefined) expect(await isAlive(state.host, { ...mark, started: `${mark.started}0` })).toBe(false)
    if (mark.boot !== undefined) expect(await isAlive(state.host, { ...mark, boot: 'before' })).toBe(false)
    const lock = await takeLock(state.host, cluster)
    const [name] = await fs.readdir(`${state.state}/locks`)
    await fs.writeFile(`${state.state}/locks/${name!}`, '{"process":{"pi')
    const mine = await takeLock(state.host, cluster)
    // The first one is no longer its own: it must not give back what is another's.
    await lock.release()
    await expect(takeLock(state.host, cluster)).rejects.toMatchObject({ code: 'locked' })
    await mine.release()
  })
})
