// `pgwal demo`: it does what it shows, and nothing of it is left, also after Ctrl-C.
import { spawn } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { processExists } from '../../src/host/processes.ts'
import { eventually } from '../support/eventually.ts'
import { pgwal, PROGRAM } from '../support/pgwal.ts'

let temporary: string

beforeEach(async () => {
  temporary = await fs.mkdtemp('/tmp/pgwal-demo-test-')
  await fs.chmod(temporary, 0o755)
})
afterEach(async () => {
  await fs.rm(temporary, { recursive: true, force: true })
})

/** Processes whose command line names the directory of this test. */
async function leftProcesses(): Promise<string[]> {
  const found: string[] = []
  for (const pid of (await fs.readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await fs.readFile(path.join('/proc', pid, 'cmdline'), 'utf8').catch(() => '')
    if (line.includes(temporary) && Number(pid) !== process.pid) found.push(line)
  }
  return found
}

describe.skipIf(process.platform !== 'linux')('pgwal demo', () => {
  it('finds it, sets it up, proves it, puts it back, and leaves nothing', async () => {
    const shown = await pgwal(['demo'], { TMPDIR: temporary })
    expect(shown.code, shown.stdout + shown.stderr).toBe(0)
    expect(shown.stdout).toContain('$ pgwal doctor')
    expect(shown.stdout).toMatch(/[0-9A-F]{24} archived in/)
    expect(shown.stdout).toContain('archive_mode = on')
    expect(await fs.readdir(temporary)).toEqual([])
    expect(await leftProcesses()).toEqual([])
  })

  it('leaves nothing after Ctrl-C in the middle', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'demo'], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', TMPDIR: temporary }, stdio: ['ignore', 'pipe', 'pipe'] })
    let shown = ''
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        shown += chunk.toString()
        if (shown.includes('$ pgwal enable')) resolve()
      })
      void ended.then(() => resolve())
    })
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(await fs.readdir(temporary)).toEqual([])
    expect(await leftProcesses()).toEqual([])
  })

  it.each([['SIGINT', 'initdb'], ['SIGTERM', 'initdb'], ['SIGHUP', 'initdb'], ['SIGINT', 'postgres']] as const)('%s while %s does not answer: that is ended too, and nothing is left', async (signal, deaf) => {
    const tools = path.join(temporary, 'tools')
    const pids = path.join(temporary, 'pids')
    await fs.mkdir(tools)
    await fs.mkdir(pids, { mode: 0o777 })
    await fs.chmod(pids, 0o777)
    const programs = { postgres: 'echo postgres \\(PostgreSQL\\) 17.2', pg_ctl: 'exit 1', initdb: 'exit 1', [deaf]: `trap '' TERM INT HUP; echo $$ >'${pids}/pid'; while :; do sleep 1; done` }
    for (const [name, script] of Object.entries(programs)) await fs.writeFile(path.join(tools, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    const child = spawn(process.execPath, [PROGRAM, 'demo', '--bin-dir', tools], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', TMPDIR: temporary }, stdio: 'ignore' })
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
    await eventually(async () => (await fs.readFile(path.join(pids, 'pid'), 'utf8').catch(() => '')).endsWith('\n'), deaf)
    const pid = Number(await fs.readFile(path.join(pids, 'pid'), 'utf8'))
    child.kill(signal)
    expect(await ended).toBe(130)
    await eventually(() => Promise.resolve(!processExists(pid)), `the end of ${deaf}`)
    expect((await fs.readdir(temporary)).sort()).toEqual(['pids', 'tools'])
    expect(await leftProcesses()).toEqual([])
  })
})
