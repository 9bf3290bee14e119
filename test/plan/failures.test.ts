// What goes wrong on the way, and that the old server runs on its old files afterwards.
import syncFs from 'node:fs'
import fs from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { selectRun, undo } from '../../src/app/undo.ts'
import type { NodeHost } from '../../src/host/node-host.ts'
import { execute } from '../../src/plan/executor.ts'
import type { Execution } from '../../src/plan/executor.ts'
import { listRuns } from '../../src/plan/journal.ts'
import type { Plan, WriteFileStep } from '../../src/plan/plan.ts'
import type { Command } from '../../src/platforms/platform.ts'
import { readPostmaster } from '../../src/plan/postmaster.ts'
import { TestServer } from '../support/server.ts'
import { connectionOf, goalsFor, planFor, QUICK, snapshot, stateHost } from './support.ts'

let server: TestServer
let state: Awaited<ReturnType<typeof stateHost>>
let host: NodeHost
let before: Awaited<ReturnType<typeof snapshot>>
let plan: Plan

beforeAll(async () => {
  server = await TestServer.create(17, { hba: 'local all all trust\nhost all all 127.0.0.1/32 trust\n' })
  await server.start()
  state = await stateHost()
  host = state.host
  before = await snapshot(server)
  plan = await planFor(host, server, goalsFor(path.join(server.root, 'wal')))
})
afterAll(async () => {
  await server.remove()
  await state.remove()
})

// Segments that a run archived before it was put back stay where they are.
beforeEach(() => fs.rm(path.join(server.root, 'wal'), { recursive: true, force: true }))

const options = () => ({ connection: connectionOf(server), timing: QUICK })
const shell = (script: string): Command => ({ file: '/bin/sh', args: ['-c', script], as: server.account, timeoutMs: 20_000 })

/** The plan with more lines in its postgresql.conf: what slips through all proofs. */
function withLines(lines: string): Plan {
  const steps = plan.steps.map((step) => {
    if (step.kind !== 'write-file' || step.role !== 'postgresql.conf') return step
    const bytes = new Uint8Array(Buffer.concat([step.after.bytes, Buffer.from(lines)]))
    return { ...step, after: { bytes, sha256: host.sha256(bytes) } } satisfies WriteFileStep
  })
  return { ...plan, steps }
}

async function expectOldServer(): Promise<void> {
  expect(await snapshot(server)).toEqual(before)
  const [row] = await server.query("SELECT current_setting('archive_mode') AS mode")
  expect(row).toEqual({ mode: 'off' })
}

function codes(done: Execution): string[] {
  return done.happenings.map(({ code }) => code)
}

describe('a restart that fails is rolled back by itself', () => {
  afterEach(expectOldServer)

  it('more shared memory than there is: the log line that says so is in the result', async () => {
    const done = await execute(host, withLines("shared_buffers = '7TB'\n"), options())
    expect(done).toMatchObject({ outcome: 'rolled-back', cancelled: false, failure: { code: 'start-failed' }, server: 'started' })
    expect(done.failure!.log!.join('\n')).toMatch(/FATAL: .*memory/)
    expect(codes(done)).toEqual(expect.arrayContaining(['file-restored', 'server-restored', 'directory-removed', 'file-removed']))
    expect((await listRuns(host))[0]!.state).toBe('rolled-back')
  })

  it('the port is taken by somebody else', async () => {
    const other = net.createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    try {
      const done = await execute(host, withLines(`port = ${(other.address() as net.AddressInfo).port}\nlisten_addresses = '127.0.0.1'\n`), options())
      expect(done).toMatchObject({ outcome: 'rolled-back', failure: { code: 'start-failed' } })
      expect(done.failure!.log!.join('\n')).toContain('could not bind')
    } finally {
      other.close()
    }
  })

  it('the service refuses: the server was never stopped', async () => {
    const pid = await server.pid()
    const done = await execute(host, { ...plan, service: { ...plan.service, restart: [shell('echo "Interactive authentication required." >&2; exit 1')] } }, options())
    expect(done).toMatchObject({ outcome: 'rolled-back', failure: { code: 'restart-failed', params: { reason: expect.stringContaining('Interactive authentication required.') } } })
    expect(await server.pid()).toBe(pid)
  })

  it('the service says yes and does nothing', async () => {
    const done = await execute(host, { ...plan, service: { ...plan.service, restart: [shell('exit 0')] } }, { ...options(), timing: { ...QUICK, startMs: 500 } })
    expect(done).toMatchObject({ outcome: 'rolled-back', failure: { code: 'start-failed', params: { reason: 'down' } } })
  })

  it('the server comes up and dies a moment later', async () => {
    const killer = shell(`pid=$(head -1 '${server.dataDir}/postmaster.pid'); (sleep 0.2; kill -QUIT "$pid") >/dev/null 2>&1 &`)
    const done = await execute(host, { ...plan, service: { ...plan.service, restart: [...plan.service.restart, killer] } }, { ...options(), timing: { ...QUICK, settleMs: 800 } })
    expect(done).toMatchObject({ outcome: 'rolled-back', failure: { code: 'start-failed', params: { reason: 'died' } } })
  })

  it('the server runs, but not with what was wanted', async () => {
    const done = await execute(host, { ...plan, wanted: { ...plan.wanted, settings: { ...plan.wanted.settings, work_mem: '77MB' } } }, { ...options(), timing: { ...QUICK, reloadMs: 200 } })
    expect(done).toMatchObject({ outcome: 'rolled-back', server: 'restarted', failure: { code: 'not-in-force', params: { name: 'work_mem', wanted: '77MB', found: '4MB' } } })
  })

  it('Ctrl-C while the server is waited for', async () => {
    const stop = new AbortController()
    const done = await execute(host, plan, { ...options(), timing: { ...QUICK, settleMs: 600 }, signal: stop.signal, onWaiting: ({ code }) => void (code === 'restarting' && stop.abort()) })
    expect(done).toMatchObject({ outcome: 'rolled-back', cancelled: true })
    expect(done.failure).toBeUndefined()
  })
})

describe('before the restart', () => {
  afterEach(expectOldServer)

  it('a value that PostgreSQL refuses never reaches the server', async () => {
    const pid = await server.pid()
    const done = await execute(host, withLines('archive_mode = banana\n'), options())
    expect(done).toMatchObject({ outcome: 'rolled-back', failure: { code: 'config-refused', log: [expect.stringContaining('banana')] } })
    expect(await server.pid()).toBe(pid)
  })

  it('what only the program knows is asked of it', async () => {
    const done = await execute(host, withLines("timezone = 'Nowhere/At_All'\n"), options())
    expect(done).toMatchObject({ outcome: 'rolled-back', failure: { code: 'config-refused', params: { reason: expect.stringContaining('TimeZone') } } })
  })

  it('Ctrl-C between two steps', async () => {
    const stop = new AbortController()
    const done = await execute(host, plan, { ...options(), signal: stop.signal, onHappening: ({ code }) => void (code === 'directory-made' && stop.abort()) })
    expect(done).toMatchObject({ outcome: 'rolled-back', cancelled: true, server: 'untouched' })
    await expect(fs.stat(path.join(server.root, 'wal'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

it('somebody makes the directory during the run: it is theirs, and stays', async () => {
  const wal = path.join(server.root, 'wal')
  await fs.mkdir(wal)
  const done = await execute(host, plan, options())
  expect(done).toMatchObject({ outcome: 'rolled-back', failure: { code: 'edited-since', params: { path: wal } } })
  expect((await fs.stat(wal)).isDirectory()).toBe(true)
})

it('somebody edits a file during the run: nothing of theirs is lost, everything of ours is put back', async () => {
  const hba = path.join(server.dataDir, 'pg_hba.conf')
  const original = await fs.readFile(hba)
  const edit = Buffer.concat([original, Buffer.from('# theirs\n')])
  const done = await execute(host, plan, { ...options(), onHappening: ({ code }) => void (code === 'directory-made' && syncFs.writeFileSync(hba, edit)) })
  expect(done).toMatchObject({ failure: { code: 'edited-since', params: { path: hba } } })
  expect(done.outcome).toBe('rolled-back')
  expect(await fs.readFile(hba)).toEqual(edit)
  expect((await snapshot(server))['postgresql.conf']).toEqual(before['postgresql.conf'])
  await fs.writeFile(hba, original)
  await expectOldServer()
})

it('even the old server does not start: says what to type, and undo goes on from there', async () => {
  const broken = shell("echo 'no such unit' >&2; exit 5")
  const done = await execute(host, { ...plan, service: { ...plan.service, restart: [...plan.service.stop, broken], start: [broken] } }, options())
  expect(done).toMatchObject({ outcome: 'failed-rollback', server: 'down' })
  expect(done.happenings.at(-1)).toMatchObject({ status: 'failed', code: 'server-not-restored', params: { command: expect.stringContaining('/bin/sh -c') } })
  expect(done.files!.map(({ path: file, state: how }) => [path.basename(file), how])).toEqual([['pgwal-archive.sh', 'after'], ['postgresql.conf', 'before'], ['pg_hba.conf', 'before']])
  const files = await snapshot(server)
  expect(files['postgresql.conf']).toEqual(before['postgresql.conf'])
  expect(files['pg_hba.conf']).toEqual(before['pg_hba.conf'])
  expect((await listRuns(host))[0]!.state).toBe('failed')
  await expect(execute(host, plan, options())).rejects.toMatchObject({ code: 'interrupted-run' })
  // The start time of a server has whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await server.start()
  const undone = await undo(host, (await selectRun(host))!, options())
  expect(undone, JSON.stringify(undone)).toMatchObject({ outcome: 'undone' })
  await expectOldServer()
})

it('a crash left a process number that is another cluster\'s by now: that one is neither stopped nor taken for ours', async () => {
  const other = await TestServer.create(17)
  await other.start()
  try {
    expect((await execute(host, plan, options())).outcome).toBe('applied')
    const file = path.join(server.dataDir, 'postmaster.pid')
    const lines = (await fs.readFile(file, 'utf8')).split('\n')
    const pid = await other.pid()
    await server.stop('immediate')
    await fs.writeFile(file, [String(pid), ...lines.slice(1)].join('\n'))
    if (process.getuid?.() === 0) await fs.chown(file, server.account.uid, server.account.gid)
    const undone = await undo(host, (await selectRun(host))!, { timing: QUICK })
    expect(undone, JSON.stringify(undone)).toMatchObject({ outcome: 'undone', server: 'untouched' })
    expect(await other.pid()).toBe(pid)
    expect(await other.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    await fs.rm(file)
    await server.start()
    await expectOldServer()
  } finally {
    await other.remove()
  }
})

describe('where there is no /proc', () => {
  /** A Mac, as far as its processes are asked for; `seen` is whether lsof tells anything. */
  const mac = (seen: boolean): NodeHost => new Proxy(host, { get: (target, name) => {
    if (name === 'os') return 'darwin'
    const value: unknown = Reflect.get(target, name, target)
    if (name !== 'run') return typeof value === 'function' ? value.bind(target) as unknown : value
    return (file: string, args: readonly string[], more?: object) => file !== 'lsof' ? target.run(file, args, more)
      : target.run('/bin/sh', ['-c', seen ? 'printf "p%s\\nfcwd\\nn%s\\n" "$1" "$(readlink "/proc/$1/cwd")"' : 'exit 1', 'sh', args[2]!])
  } })

  it('only a PostgreSQL server is taken for the one in postmaster.pid, and only ours where its directory can be seen', async () => {
    const other = await TestServer.create(17)
    await other.start()
    const file = path.join(server.dataDir, 'postmaster.pid')
    const text = await fs.readFile(file, 'utf8')
    const found = async (seen: boolean, pid: number | undefined): Promise<boolean> => {
      await fs.writeFile(file, text.replace(/^\d+/, String(pid)))
      return (await readPostmaster({ host: mac(seen), cluster: plan.cluster, self: await host.self() })) !== undefined
    }
    try {
      const own = await server.pid()
      expect([await found(true, own), await found(false, own)]).toEqual([true, true])
      expect([await found(true, process.pid), await found(false, process.pid)]).toEqual([false, false])
      expect(await found(true, await other.pid())).toBe(false)
    } finally {
      await fs.writeFile(file, text)
      await other.remove()
    }
  })
})
