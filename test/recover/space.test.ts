// pgwal recover where the disk is too small, or fills up: needs a file system of its own.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { takePlainBackup } from '../support/base-backup.ts'
import { eventually } from '../support/eventually.ts'
import { PROGRAM } from '../support/pgwal.ts'
import { Recoverable } from '../support/recoverable.ts'

describe.skipIf(process.getuid?.() !== 0)('17: a tmpfs (needs root)', () => {
  let one: Recoverable
  const disk = (): string => `${one.server.root}/disk`
  const mount = (megabytes: number): void => { execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700,uid=${one.server.account.uid}`, 'tmpfs', disk()]) }
  beforeAll(async () => {
    one = await Recoverable.prepare(17)
    await one.make(disk())
    await one.server.start()
    await one.server.query('CREATE TABLE big AS SELECT n, repeat(md5(n::text), 20) AS t FROM generate_series(1, 100000) AS n')
    await one.archived()
    await takePlainBackup(one.server, `${one.backups}/first`)
    await one.archived()
  })
  afterEach(() => { execFileSync('umount', [disk()]) })
  afterAll(() => one.remove())

  it('too small: how much is needed, and nothing is written', async () => {
    mount(100)
    const run = await one.recover('--json', '--to', 'latest', '--into', `${disk()}/restored`)
    expect([run.code, run.json().error.code], run.stdout).toEqual([2, 'into-no-space'])
    const [, needed, free] = /: (\d+) MB are needed, (\d+) MB are free/.exec(run.json().error.message)!
    expect(Number(needed)).toBeGreaterThan(Number(free))
    expect(fs.readdirSync(disk())).toEqual([])
  })

  it('filled up by somebody else meanwhile: said, and all is taken away', async () => {
    mount(400)
    const into = `${disk()}/restored`
    const child = spawn(process.execPath, [PROGRAM, ...one.args('--json', '--to', 'latest', '--into', into)], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', PGWAL_STATE_DIR: one.state }, stdio: ['ignore', 'pipe', 'ignore'] })
    let stdout = ''
    child.stdout.on('data', (text: Buffer) => { stdout += text.toString() })
    const ended = new Promise<number | null>((resolve) => { child.once('close', resolve) })
    await eventually(async () => child.exitCode !== null || fs.existsSync(`${into}/data`), 'the directory')
    spawnSync('dd', ['if=/dev/zero', `of=${disk()}/filler`, 'bs=1M'], { stdio: 'ignore' })
    expect([await ended, JSON.parse(stdout).error?.code], stdout).toEqual([2, 'into-no-space'])
    expect(fs.readdirSync(disk())).toEqual(['filler'])
  })
})
