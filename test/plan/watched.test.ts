// A server that somebody watches (supervisord, runit, a loop in a script) and starts again when it ends: a restart must neither
// wait for an end that nobody sees, nor put a second server beside it.
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { detectClusters, serviceOf } from '../../src/platforms/index.ts'
import { execute } from '../../src/plan/executor.ts'
import type { WriteFileStep } from '../../src/plan/plan.ts'
import { pgwal, PROGRAM } from '../support/pgwal.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'
import { connectionOf, goalsFor, planFor, QUICK, stateHost } from './support.ts'

let server: TestServer
let state: Awaited<ReturnType<typeof stateHost>>
let watcher: ChildProcess

const run = (...args: string[]) => pgwal([args[0]!, '-D', server.dataDir, '--json', '--yes', ...args.slice(1)], { PGWAL_STATE_DIR: state.state })

/** Who started the server that runs now. */
async function parent(): Promise<number> {
  const stat = fs.readFileSync(`/proc/${await server.pid()}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

async function watch(pause: string, again: string): Promise<void> {
  const script = `while :; do "$0" -D "$1" -c work_mem=11MB >>"$2" 2>&1; ${again}; sleep ${pause}; done`
  const identity = process.getuid?.() === 0 ? { uid: server.account.uid, gid: server.account.gid } : {}
  watcher = spawn('/bin/sh', ['-c', script, path.join(server.binDir, 'postgres'), server.dataDir, server.logFile], { stdio: 'ignore', cwd: '/', ...identity })
  await eventually(() => server.query('SELECT 1').then(() => true, () => false), 'the server')
}

beforeEach(async () => {
  server = await TestServer.create(17)
  state = await stateHost()
})
afterEach(async () => {
  watcher.kill('SIGKILL')
  await server.remove()
  await state.remove()
})

const settings = () => server.query("SELECT current_setting('archive_mode') AS mode, current_setting('work_mem') AS memory")

it.skipIf(process.platform !== 'linux').each(['0', '1'])('is started again after %s s by whoever watches it: enable and undo let that one do it', async (pause) => {
  await watch(pause, ':')
  const began = Date.now()
  const enabled = await run('enable', '--archive-dir', `${server.root}/wal`)
  expect([enabled.code, enabled.json().outcome], enabled.stdout + enabled.stderr).toEqual([0, 'applied'])
  expect([await settings(), await parent()]).toEqual([[{ mode: 'on', memory: '11MB' }], watcher.pid])
  const undone = await run('undo')
  expect(undone.code, undone.stdout + undone.stderr).toBe(0)
  expect([await settings(), await parent()]).toEqual([[{ mode: 'off', memory: '11MB' }], watcher.pid])
  expect(Date.now() - began).toBeLessThan(60_000)
})

it.skipIf(process.platform !== 'linux')('does not start with what was written: put back, and the watcher brings the old one up', async () => {
  await watch('0.3', ':')
  const [cluster] = await detectClusters(state.host, { dataDir: server.dataDir })
  const plan = await planFor(state.host, server, goalsFor(path.join(server.root, 'wal')), { service: await serviceOf(cluster!, state.host) })
  const steps = plan.steps.map((step) => {
    if (step.kind !== 'write-file' || step.role !== 'postgresql.conf') return step
    const bytes = new Uint8Array(Buffer.concat([step.after.bytes, Buffer.from("shared_buffers = '7TB'\n")]))
    return { ...step, after: { bytes, sha256: state.host.sha256(bytes) } } satisfies WriteFileStep
  })
  const done = await execute(state.host, { ...plan, steps }, { connection: connectionOf(server), timing: QUICK })
  expect(done, JSON.stringify(done)).toMatchObject({ outcome: 'rolled-back', failure: { code: 'start-failed' } })
  expect([await settings(), await parent()]).toEqual([[{ mode: 'off', memory: '11MB' }], watcher.pid])
})

it.skipIf(process.platform !== 'linux')('has a parent that does not start it again: pg_ctl does, with its options', async () => {
  await watch('0', 'exec sleep 600')
  const enabled = await run('enable', '--archive-dir', `${server.root}/wal`)
  expect([enabled.code, enabled.json().outcome], enabled.stdout + enabled.stderr).toEqual([0, 'applied'])
  expect(await settings()).toEqual([{ mode: 'on', memory: '11MB' }])
})

it.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')('is what its container is for (docker run --init): the container would end with it, so it is not touched', async () => {
  const init = path.join(server.root, 'tini')
  fs.writeFileSync(init, '#!/bin/sh\nshift\n"$@" &\nwait $!\n', { mode: 0o755 })
  const { uid, gid } = server.account
  watcher = spawn('unshare', ['--pid', '--fork', '--mount-proc', '--kill-child', init, '--', 'setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', path.join(server.binDir, 'postgres'), '-D', server.dataDir], { stdio: 'ignore', cwd: '/' })
  await eventually(() => server.query('SELECT 1').then(() => true, () => false), 'the server')
  const first = fs.readFileSync(`/proc/${watcher.pid}/task/${watcher.pid}/children`, 'utf8').trim()
  const inside = await new Promise<string>((resolve) => {
    execFile('nsenter', ['-t', first, '-p', '-m', process.execPath, PROGRAM, 'enable', '-D', server.dataDir, '--archive-dir', `${server.root}/wal`, '--yes', '--json'],
      { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PGWAL_STATE_DIR: state.state } }, (_error, stdout, stderr) => { resolve(stdout + stderr) })
  })
  expect(inside).toContain('"managed"')
  expect(await settings()).toEqual([{ mode: 'off', memory: '4MB' }])
})
