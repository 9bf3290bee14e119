// pgwal recover, interrupted: at each stage it ends, says what became of the directory, and leaves nothing there.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { processExists } from '../../src/host/processes.ts'
import { takePlainBackup } from '../support/base-backup.ts'
import { eventually } from '../support/eventually.ts'
import { PROGRAM } from '../support/pgwal.ts'
import { open, Recoverable } from '../support/recoverable.ts'

interface Running {
  readonly kill: (signal: NodeJS.Signals) => void
  readonly over: () => boolean
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>
}

let one: Recoverable
beforeAll(async () => {
  one = await Recoverable.prepare(17)
  await one.server.start()
  // Large enough to be met while it is copied.
  await one.server.query("CREATE TABLE big AS SELECT repeat(md5(n::text), 30) AS t FROM generate_series(1, 150000) AS n")
  // The archiver must be through: cp does not like files that go.
  await one.archived()
  await takePlainBackup(one.server, `${one.backups}/first`)
  await one.archived()
})
afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
afterAll(() => one.remove())

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [PROGRAM, ...args], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', PGWAL_STATE_DIR: one.state, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr, over] = ['', '', false]
  child.stdout.on('data', (text: Buffer) => { stdout += text.toString() })
  child.stderr.on('data', (text: Buffer) => { stderr += text.toString() })
  const ended = new Promise<Awaited<Running['ended']>>((resolve) => {
    child.once('close', (code) => {
      over = true
      resolve({ code, stdout, stderr })
    })
  })
  return { kill: (signal) => void child.kill(signal), over: () => over, ended }
}

/** Text is broken where the terminal ends. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}

/** Programs that copy into the directory. */
function copying(): string[] {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`${one.into}/data`)
    } catch {
      return false
    }
  })
}

describe.each([['SIGINT', 'a new directory'], ['SIGTERM', 'an empty directory'], ['SIGHUP', 'a new directory']] as const)('%s, %s', (signal, place) => {
  it('while it copies: exit 130, what became of it is told, and nothing stays', async () => {
    if (place === 'an empty directory') await one.make(one.into)
    const run = start(one.args('--to', 'latest'))
    await eventually(async () => run.over() || fs.existsSync(`${one.into}/data/base`), 'the copy')
    run.kill(signal)
    const { code, stdout, stderr } = await run.ended
    expect(code, stdout + stderr).toBe(130)
    expect(oneLine(stdout)).toContain(`What had been restored into ${one.into} is removed again`)
    expect(stderr).not.toMatch(/ {4}at /)
    if (place === 'an empty directory') expect(fs.readdirSync(one.into)).toEqual([])
    else expect(fs.existsSync(one.into)).toBe(false)
    expect(copying()).toEqual([])
  })
})

it('killed: the mark stays, the next run says that it removes the rest first, and restores', async () => {
  const run = start(one.args('--to', 'latest'))
  await eventually(async () => run.over() || fs.existsSync(`${one.into}/data/base`), 'the copy')
  run.kill('SIGKILL')
  expect((await run.ended).code).toBe(null)
  expect(fs.readdirSync(one.into)).toContain('PGWAL-UNFINISHED')
  // A program that copied goes on for a moment, or was ended with its parent.
  await eventually(async () => copying().length === 0, 'the end of the copying')
  fs.writeFileSync(`${one.into}/data/half`, '')
  await one.own(`${one.into}/data/half`)
  const planned = await one.recover('--to', 'latest', '--dry-run')
  expect(oneLine(planned.stdout)).toMatch(/what an interrupted run left there \([^)]*\) is removed first/)
  const again = await one.recover('--json', '--to', 'latest')
  expect(again.json().plan.into).toMatchObject({ replaces: {} })
  expect(fs.existsSync(`${one.into}/data/half`)).toBe(false)
  await one.started(again, async (query) => {
    await open(query)
    expect(await query('SELECT count(*)::int AS n FROM big')).toEqual([{ n: 150000 }])
  })
})

it('while a program does not answer that tells of clusters: that is ended too, exit 130, nothing written', async () => {
  const tools = await fsp.mkdtemp(`${one.state}/tools-`)
  const pid = `${tools}/pid`
  // It does not end when it is asked to.
  await fsp.writeFile(`${tools}/pg_lsclusters`, `#!/bin/sh\ntrap '' TERM INT HUP\necho $$ >'${pid}'\nwhile :; do sleep 1; done\n`, { mode: 0o755 })
  for (const args of [one.args('--to', 'latest'), ['backup', one.backups], ['verify', '--drill']]) {
    await fsp.rm(pid, { force: true })
    const run = start(args, { PATH: `${tools}:${process.env['PATH']!}` })
    await eventually(async () => run.over() || (fs.existsSync(pid) && fs.readFileSync(pid, 'utf8').endsWith('\n')), 'the program was started')
    run.kill('SIGTERM')
    const done = await run.ended
    expect([done.code, done.stdout], done.stderr).toEqual([130, ''])
    await eventually(async () => !processExists(Number(fs.readFileSync(pid, 'utf8'))), 'the program is gone')
  }
  expect(fs.existsSync(one.into)).toBe(false)
})
