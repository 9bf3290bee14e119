import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { bytes, directory, host, notRoot, owner, put, refusal, root } from './support.ts'

const posix = process.platform !== 'win32'

describe.skipIf(!posix)('running a program', () => {
  test('its output and exit code are values', async () => {
    expect(await host.run('sh', ['-c', 'echo out; echo err >&2; exit 3'])).toEqual({ code: 3, timedOut: false, stdout: 'out\n', stderr: 'err\n' })
    expect(await host.run('sh', ['-c', 'kill -9 $$'])).toMatchObject({ signal: 'SIGKILL', timedOut: false })
    expect((await host.run('cat', [], { input: bytes('in\0put') })).stdout).toBe('in\0put')
    // Never read: no error.
    expect((await host.run('true', [], { input: new Uint8Array(1 << 20) })).code).toBe(0)
  })

  test('arguments reach it as they are', async () => {
    const hostile = ['$(id)', '`id`', '; rm -rf /', '"', '\'', '\\', 'new\nline', '', '*']
    expect((await host.run('printf', ['%s|', ...hostile])).stdout).toBe(`${hostile.join('|')}|`)
    expect((await host.run('printf', ['%s|', ...hostile], { as: owner })).stdout).toBe(`${hostile.join('|')}|`)
  })

  test('nothing of our environment leaks in', async () => {
    process.env['PGWAL_TEST_LEAK'] = 'leak'
    const { stdout } = await host.run('env', [], { env: { EXTRA: 'x' } })
    delete process.env['PGWAL_TEST_LEAK']
    const names = stdout.split('\n').filter((line) => line !== '').map((line) => line.split('=')[0]).sort()
    expect(names.filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name!))).toEqual(['EXTRA', 'HOME', 'LANGUAGE', 'LC_ALL', 'PATH'])
    expect(stdout).toContain('LC_ALL=C\n')
    expect((await host.run('pwd', [])).stdout).toBe('/\n')
  })

  test.skipIf(notRoot)('as another account: real user, groups, home', async () => {
    const { stdout } = await host.run('sh', ['-c', 'id -u; id -ru; id -g; id -G; echo $HOME; echo $USER'], { as: (await host.account(owner.name))! })
    const [uid, realUid, gid, groups, home, user] = stdout.split('\n')
    expect([uid, realUid, gid, user]).toEqual([String(owner.uid), String(owner.uid), String(owner.gid), owner.name])
    expect(groups!.split(' ')).not.toContain('0')
    expect(home).toBe((await host.account(owner.name))!.home)
    // It cannot become root again.
    expect((await host.run('cat', ['/etc/shadow'], { as: owner })).code).not.toBe(0)
  })

  test.skipIf(root)('as another account is not for everybody', async () => {
    const other = (await host.account('root'))!
    expect(await refusal(host.run('id', [], { as: other }))).toBe('EPERM')
    expect(await refusal(host.read('/etc/passwd', { as: other }))).toBe('EPERM')
  })

  test('what cannot be started throws', async () => {
    const where = directory()
    expect(await refusal(host.run('pgwal-no-such-program', []))).toBe('ENOENT')
    expect(await refusal(host.run(path.join(where, 'none'), []))).toBe('ENOENT')
    expect(await refusal(host.run(put(path.join(where, 'plain'), 'text'), []))).toBe('EACCES')
    expect(await refusal(host.run(path.join(where, 'none'), [], { as: owner }))).toBe('ENOENT')
    expect(await refusal(host.run(path.join(where, 'plain'), [], { as: owner }))).toBe('EACCES')
    expect(await refusal(host.run('true', [], { cwd: path.join(where, 'none') }))).toBe('ENOENT')
  })

  test('a time limit ends it and what it started, also when it does not listen', async () => {
    const where = directory()
    const pids = path.join(where, 'pids')
    const result = await host.run('sh', ['-c', `trap '' TERM; sleep 600 & echo $! > '${pids}'; echo said; wait; sleep 600`], { timeoutMs: 300 })
    expect(result).toMatchObject({ timedOut: true, signal: 'SIGKILL', stdout: 'said\n' })
    await expect.poll(() => host.processExists(Number(fs.readFileSync(pids, 'utf8')))).toBe(false)
  })

  test('a server that keeps its output open is neither waited for nor ended', async () => {
    const { stdout, code, timedOut } = await host.run('sh', ['-c', 'sleep 600 & echo $!'], { timeoutMs: 60_000 })
    const pid = Number(stdout)
    try {
      expect({ code, timedOut }).toEqual({ code: 0, timedOut: false })
      expect(await host.processExists(pid)).toBe(true)
    } finally {
      process.kill(pid, 'SIGKILL')
    }
  })

  test('more output than there is room for ends the program at once: what is cut is no answer', async () => {
    const where = directory()
    const pids = path.join(where, 'pids')
    // The time limit is longer than any test: only the flood can end these.
    for (const script of ['yes', 'yes >&2', 'trap "" TERM; while :; do echo y; done', 'printf "%02000d" 0; sleep 600']) {
      const refused = await host.run('sh', ['-c', `sleep 600 & echo $! > '${pids}'; ${script}`], { maxOutput: 1000, timeoutMs: 3_600_000 }).catch((error: unknown) => error)
      expect(refused, script).toMatchObject({ code: 'too-much-output', target: 'sh', message: 'run sh: more than 1000 bytes of output' })
      await expect.poll(() => host.processExists(Number(fs.readFileSync(pids, 'utf8'))), { message: script }).toBe(false)
    }
    expect(await refusal(host.run('sh', ['-c', 'head -c 1001 /dev/zero; exit 0'], { maxOutput: 1000 }))).toBe('too-much-output')
    expect((await host.run('printf', ['%01000d', '0'], { maxOutput: 1000 })).stdout).toHaveLength(1000)
  })

  test('a program whose words are merely shown goes on when they are cut', async () => {
    const where = directory()
    const { stdout, code } = await host.run('sh', ['-c', `head -c 3000000 /dev/zero; echo through > '${where}/through'`], { maxOutput: 1000, cut: true })
    expect({ length: stdout.length, code, through: fs.readFileSync(path.join(where, 'through'), 'utf8') }).toEqual({ length: 1000, code: 0, through: 'through\n' })
  })

  test.skipIf(notRoot)('root does not run what others could have put there', async () => {
    const theirs = directory(owner)
    const program = put(path.join(theirs, 'program'), '#!/bin/sh\nid -u\n', { mode: 0o755 })
    expect(await refusal(host.run(program, []))).toBe('unsafe-program')
    expect((await host.run(program, [], { as: owner })).stdout).toBe(`${owner.uid}\n`)
    const ours = directory()
    const writable = put(path.join(ours, 'program'), '#!/bin/sh\nid -u\n', { mode: 0o777 })
    expect(await refusal(host.run(writable, []))).toBe('unsafe-program')
    fs.chmodSync(writable, 0o755)
    expect((await host.run(writable, [])).stdout).toBe('0\n')
    fs.symlinkSync(program, path.join(ours, 'link'))
    expect(await refusal(host.run(path.join(ours, 'link'), []))).toBe('unsafe-program')
  })
})

describe.skipIf(!posix)('finding and signalling', () => {
  test('a program is found in absolute directories of our PATH only', async () => {
    const where = directory()
    const tool = put(path.join(where, 'tool'), '#!/bin/sh\necho found\n', { mode: 0o755 })
    put(path.join(where, 'data'), 'no program')
    fs.mkdirSync(path.join(where, 'sub'))
    const other = new NodeHost({ PATH: `relative:.:${where}`, HOME: '/home/x' })
    expect(await other.which('tool')).toBe(tool)
    expect(await other.which('data')).toBeUndefined()
    expect(await other.which('sub')).toBeUndefined()
    expect((await other.run('tool', [])).stdout).toBe('found\n')
    expect((await other.run('sh', ['-c', 'echo $HOME'])).stdout).toBe('/home/x\n')
  })

  test('a process exists until it is gone, and is not there as a zombie', async () => {
    expect(await host.processExists(process.pid)).toBe(true)
    expect(await host.processExists(1)).toBe(true)
    expect(await host.processExists(0)).toBe(false)
    // `sleep` never collects the child that the shell left it; the shell itself would, so the child outlives it.
    const careless = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 600'])
    try {
      const zombie = await new Promise<number>((resolve) => careless.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString()))))
      await expect.poll(() => host.processExists(zombie), { timeout: 20_000 }).toBe(false)
      if (process.platform === 'linux') expect(fs.existsSync(`/proc/${zombie}`)).toBe(true)
    } finally {
      careless.kill('SIGKILL')
    }
    expect(await host.processExists(-1)).toBe(false)
    const child = spawn('sleep', ['600'])
    const gone = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)))
    await host.signal(child.pid!, 'SIGTERM')
    expect(await gone).toBe('SIGTERM')
    expect(await host.processExists(child.pid!)).toBe(false)
    expect(await refusal(host.signal(child.pid!, 'SIGTERM'))).toBe('ESRCH')
    for (const pid of [0, 1, -1, 1.5, Number.NaN]) expect(await refusal(host.signal(pid, 'SIGTERM'))).toBe('ESRCH')
  })

  test.skipIf(notRoot)('as the owner only what the owner could signal', async () => {
    const ours = spawn('sleep', ['600'])
    const theirs = spawn('sleep', ['600'], { uid: owner.uid, gid: owner.gid })
    const gone = new Promise((resolve) => theirs.once('exit', (_code, signal) => resolve(signal)))
    try {
      expect(await refusal(host.signal(ours.pid!, 'SIGTERM', { as: owner }))).toBe('EPERM')
      await host.signal(theirs.pid!, 'SIGINT', { as: owner })
      expect(await gone).toBe('SIGINT')
      expect(await host.processExists(ours.pid!)).toBe(true)
    } finally {
      ours.kill('SIGKILL')
      theirs.kill('SIGKILL')
    }
  })
})
