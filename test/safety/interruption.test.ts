// Ctrl-C, a request to end and a terminal that goes away, at every stage of the real program: nothing is changed, or it is put back, or
// what was begun is finished; nothing that was started stays behind.
import { spawn } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { processExists } from '../../src/host/processes.ts'
import { eventually } from '../support/eventually.ts'
import { pgwal, PROGRAM, stateDirectory } from '../support/pgwal.ts'
import { LONG } from '../support/seed.ts'
import { TestServer } from '../support/server.ts'
import { snapshot } from '../plan/support.ts'

const HBA = 'local all all trust\nhost all all 127.0.0.1/32 trust\n'
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** What comes after the questions takes a restart: one signal for each stage, all of them in the long run. */
const later = (stage: number, signal: NodeJS.Signals): boolean => LONG || SIGNALS[stage] === signal

let server: TestServer
let state: string
let before: Awaited<ReturnType<typeof snapshot>>
const archive = () => path.join(server.root, 'wal')
const env = () => ({ PGWAL_STATE_DIR: state })

beforeAll(async () => {
  server = await TestServer.create(16, { hba: HBA, conf: 'autovacuum = off\n' })
  await server.start()
  before = await snapshot(server)
})
afterAll(async () => {
  await server.remove()
})
beforeAll(async () => {
  state = await stateDirectory()
})
afterEach(async () => {
  // For what comes after a case that went wrong.
  if (JSON.stringify(await snapshot(server)) !== JSON.stringify(before)) await pgwal(['undo', '--yes'], env())
  await fs.rm(state, { recursive: true, force: true })
  await fs.rm(archive(), { recursive: true, force: true })
  state = await stateDirectory()
})
afterAll(async () => {
  await fs.rm(state, { recursive: true, force: true })
})

interface Running {
  /** Closes our ends: nobody listens to it any more. */
  readonly leave: (...streams: readonly ('stdout' | 'stderr')[]) => void
  readonly kill: (signal: NodeJS.Signals) => void
  readonly shown: () => string
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null; readonly stdout: string; readonly stderr: string }>
}

function start(program: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(program, args, { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', ...env(), ...more }, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (text: Buffer) => { stdout += text.toString() })
  child.stderr.on('data', (text: Buffer) => { stderr += text.toString() })
  const ended = new Promise<Awaited<Running['ended']>>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { leave: (...streams) => streams.forEach((stream) => child[stream].destroy()), kill: (signal) => void child.kill(signal), shown: () => stdout + stderr, ended }
}

const run = (...args: string[]) => start(process.execPath, [PROGRAM, ...args])
const enabling = (...more: string[]) => ['enable', '-D', server.dataDir, '--archive-dir', archive(), ...more]

/** The configuration, the server that runs with it, and nothing of ours in its directory. */
async function expectUntouched(): Promise<void> {
  expect(await snapshot(server)).toEqual(before)
  expect((await fs.readdir(server.dataDir)).filter((name) => name.includes('pgwal'))).toEqual([])
  expect(await server.query("SELECT current_setting('archive_mode') AS mode")).toEqual([{ mode: 'off' }])
}

/** Everything that the journals of all runs say. */
async function journals(): Promise<string> {
  const names = await fs.readdir(state, { recursive: true })
  return (await Promise.all(names.map((name) => fs.readFile(path.join(state, name), 'latin1').catch(() => '')))).join('')
}

async function changed(name: string, is: boolean): Promise<void> {
  await eventually(async () => ((await fs.readFile(path.join(server.dataDir, name), 'latin1')) !== before[name]!.bytes) === is, `${name} is ${is ? 'new' : 'old'}`)
}

describe.each(SIGNALS)('%s', (signal) => {
  it.each([['enable', '--yes'], ...(signal === 'SIGTERM' ? [['doctor'], ['verify'], ['clusters'], ['settings'], ['hba']] : [])])('%s while a program does not answer: that is ended too, exit 130, nothing changed', async (...args) => {
    const tools = await fs.mkdtemp(path.join(state, 'tools-'))
    const pid = path.join(tools, 'pid')
    // It does not end when it is asked to.
    await fs.writeFile(path.join(tools, 'pg_lsclusters'), `#!/bin/sh\ntrap '' TERM INT HUP\necho $$ >'${pid}'\nwhile :; do sleep 1; done\n`, { mode: 0o755 })
    const program = start(process.execPath, [PROGRAM, ...args, ...(args[0] === 'enable' ? ['-D', server.dataDir] : [])], { PATH: `${tools}:${process.env['PATH']!}` })
    await eventually(async () => (await fs.readFile(pid, 'utf8').catch(() => '')).endsWith('\n'), 'the program was started')
    program.kill(signal)
    const done = await program.ended
    expect([done.code, done.stdout], done.stderr).toEqual([130, ''])
    expect(done.stderr).not.toMatch(/ {4}at /)
    const child = Number(await fs.readFile(pid, 'utf8'))
    await eventually(() => Promise.resolve(!processExists(child)), 'the program is gone')
    expect((await pgwal(['history', '--json'], env())).json().runs).toEqual([])
    await expectUntouched()
  })

  it('enable at a question on a terminal: exit 130, nothing changed', async () => {
    // A terminal of its own; says the number of the process, and at the end how it went.
    const TERMINAL = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
print("pid", pid, flush=True)
try:
    while True:
        data = os.read(fd, 4096)
        if not data: break
        os.write(1, data)
except OSError: pass
_, status = os.waitpid(pid, 0)
print("exit", os.WEXITSTATUS(status) if os.WIFEXITED(status) else "killed", flush=True)
`
    const program = start('python3', ['-c', TERMINAL, process.execPath, PROGRAM, 'enable', '-D', server.dataDir], { TERM: 'xterm' })
    await eventually(() => Promise.resolve(program.shown().includes('/') && /\?.*wal/i.test(program.shown())), 'the first question')
    process.kill(Number(/pid (\d+)/.exec(program.shown())![1]), signal)
    const { stdout } = await program.ended
    expect(stdout).toMatch(/exit 130\s*$/)
    await expectUntouched()
  })

  it.runIf(later(0, signal))('enable while it is applied: put back, the old server answers, exit 130', async () => {
    const program = run(...enabling('--yes'))
    await changed('pg_hba.conf', true)
    program.kill(signal)
    const done = await program.ended
    expect(done.code, done.stdout + done.stderr).toBe(130)
    expect(done.stdout).toContain('Cancelled')
    await expectUntouched()
    expect((await pgwal(['undo', '--yes'], env())).stdout).toContain('othing to undo')
  })

  it.runIf(later(1, signal))('enable while it is proved: it stays, is said not to be proved, exit 130, and undo puts it back', async () => {
    const program = run(...enabling('--yes', '--timeout', '3000'))
    // The archive refuses from the start, so that the proof has something to wait for.
    await eventually(() => fs.chmod(archive(), 0o500).then(() => true, () => false), 'the archive directory')
    await eventually(async () => (await journals()).includes('"ending":"applied"'), 'it was applied')
    program.kill(signal)
    const done = await program.ended
    expect(done.code, done.stdout + done.stderr).toBe(130)
    expect(done.stdout).toMatch(/pgwal\s+verify/)
    expect(await server.query("SELECT current_setting('archive_mode') AS mode")).toEqual([{ mode: 'on' }])
    expect((await pgwal(['undo', '--yes'], env())).code).toBe(0)
    await expectUntouched()
  })

  it.runIf(later(2, signal))('undo once it has begun: finished', async () => {
    expect((await pgwal(enabling('--yes'), env())).code).toBe(0)
    const program = run('undo', '--yes')
    await changed('pg_hba.conf', false)
    program.kill(signal)
    const done = await program.ended
    expect(done.code, done.stdout + done.stderr).toBe(0)
    await expectUntouched()
  })
})

describe('a promise of somebody\'s that fails while nobody waits for it', () => {
  const straying = async (script: string, ...args: string[]) => {
    const file = path.join(state, 'stray.mjs')
    await fs.writeFile(file, script)
    return start(process.execPath, ['--import', file, PROGRAM, ...args]).ended
  }

  it('ends nothing half-way: enable goes on to its end, and then tells', async () => {
    const done = await straying("setInterval(() => void Promise.reject(new Error('stray postgres://u:hunter2@h/d')), 150).unref()", ...enabling('--yes', '--json'))
    expect(JSON.parse(done.stdout)).toMatchObject({ outcome: 'applied' })
    expect(done.code).toBe(2)
    expect(done.stderr).toMatch(/^pgwal: stray postgres:/m)
    expect(done.stderr).not.toContain('hunter2')
    expect(await server.query("SELECT current_setting('archive_mode') AS mode")).toEqual([{ mode: 'on' }])
    expect((await pgwal(['undo', '--yes'], env())).code).toBe(0)
    await expectUntouched()
  })

  it('and is none where somebody waits for it later', async () => {
    // verify takes longer than that.
    const waits = "setTimeout(() => { const late = Promise.reject(new Error('late')); setTimeout(() => late.catch(() => process.stdout.write(' ')), 50) }, 200)"
    const done = await straying(waits, 'verify', '-D', server.dataDir, '--json')
    expect(done.stdout).toMatch(/^ \{/)
    expect(done.stderr).not.toContain('late')
  })
})

describe('nobody listens', () => {
  const isApplied = async (mode: 'on' | 'off'): Promise<void> => {
    expect(await journals()).toContain('"ending":"applied"')
    expect(await server.query("SELECT current_setting('archive_mode') AS mode, current_setting('wal_keep_size') AS keep")).toEqual([{ mode, keep: '1GB' }])
    expect((await pgwal(['undo', '--yes'], env())).code).toBe(0)
    await expectUntouched()
  }

  it('stdout and stderr are gone before enable applies anything: it goes on to its end, restart and all', async () => {
    const program = run(...enabling('--yes', '--verbose'))
    await eventually(() => Promise.resolve(program.shown() !== ''), 'the plan')
    program.leave('stdout', 'stderr')
    const done = await program.ended
    expect([done.code, done.signal], done.stdout + done.stderr).toEqual([0, null])
    await isApplied('on')
  })

  it.each([
    ['closed', 'exec "$@" >&- 2>&-', 0],
    ['nowhere, errors alone', '"$@" 2>&1 >/dev/null | :; exit 0', 0],
    ['read by head alone', '"$@" 2>&1 | head -n 1; exit 0', 0],
    // The result could not be told.
    ['on a disk that is full', 'exec "$@" >/dev/full 2>&1', 2],
  ])('output that is %s: enable goes on to its end', async (_label, script, code) => {
    const program = start('/bin/sh', ['-c', script, 'sh', process.execPath, PROGRAM, ...enabling('--yes', '--verbose', '--no-restart')])
    const done = await program.ended
    expect([done.code, done.signal], done.stdout + done.stderr).toEqual([code, null])
    await isApplied('off')
  })

  it('and it is asked to end: put back all the same', async () => {
    const program = run(...enabling('--yes', '--verbose'))
    await eventually(() => Promise.resolve(program.shown() !== ''), 'the plan')
    program.leave('stdout', 'stderr')
    await changed('pg_hba.conf', true)
    program.kill('SIGTERM')
    expect([(await program.ended).code]).toEqual([130])
    await expectUntouched()
  })
})
