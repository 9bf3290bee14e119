import { spawn } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { archiveCommand, archiveScript, restoreCommand } from '../../../src/postgres/archive-command/writer.ts'
import { type Account, type Ran, runAs, serverAccount } from '../../support/server.ts'

const CLUSTER = 7_312_345_678_901_234_567n
const SEGMENT = '000000010000000000000003'
const SIZE = 1 << 20

interface Shell { readonly name: string; readonly shell: readonly string[]; readonly ownTools: boolean }
const SHELLS: readonly Shell[] = [
  { name: 'dash', shell: ['/bin/dash'], ownTools: false },
  { name: 'bash', shell: ['/bin/bash', '--norc', '--posix'], ownTools: false },
  { name: 'busybox sh', shell: ['/bin/busybox', 'sh'], ownTools: false },
  { name: 'busybox sh with busybox tools', shell: ['/bin/busybox', 'sh'], ownTools: true },
]
const isRoot = process.getuid?.() === 0

let account: Account
let root: string
let counter = 0

/** One try-out place: an archive, a data directory to stand in, a directory of fake tools that go first. */
class Place {
  readonly archive: string
  readonly data: string
  readonly tools: string
  readonly script: string

  constructor(readonly base: string, readonly shell: Shell, archiveName: string) {
    this.archive = path.join(base, archiveName)
    this.data = path.join(base, 'data')
    this.tools = path.join(base, 'tools')
    this.script = path.join(base, "pgwal's 50% archive.sh")
  }

  async source(name: string, content: Uint8Array | string): Promise<void> {
    await fs.writeFile(path.join(this.data, 'pg_wal', name), content)
  }

  /** Puts a fake in a tool's place. What stood there may be a link to the real one: it is removed, never written through. */
  async tool(name: string, text: string): Promise<void> {
    await fs.rm(path.join(this.tools, name), { force: true })
    await fs.writeFile(path.join(this.tools, name), `#!/bin/sh\n${text}\n`, { mode: 0o755, flag: 'wx' })
  }

  get environment(): NodeJS.ProcessEnv {
    return { PATH: `${this.tools}:/usr/bin:/bin` }
  }

  async run(name = SEGMENT, file = `pg_wal/${name}`): Promise<Ran> {
    return runAs(account, this.shell.shell[0]!, [...this.shell.shell.slice(1), this.script, file, name], { cwd: this.data, env: this.environment })
  }

  async files(): Promise<string[]> {
    return (await fs.readdir(this.archive)).sort()
  }

  async stored(name = SEGMENT): Promise<Buffer> {
    return fs.readFile(path.join(this.archive, name))
  }

  /** The archive holds this and nothing else: no temporary file either. */
  async holdsOnly(name: string, content: Uint8Array | string): Promise<void> {
    expect(await this.files()).toEqual([name])
    expect((await this.stored(name)).equals(Buffer.from(content))).toBe(true)
  }
}

function segment(options: { cluster?: bigint; fill?: number; size?: number; claimed?: number } = {}): Buffer {
  const bytes = Buffer.alloc(options.size ?? SIZE, options.fill ?? 7)
  bytes.writeUInt16LE(0xD110, 0)
  bytes.writeUInt16LE(2, 2)
  bytes.writeUInt32LE(1, 4)
  bytes.writeBigUInt64LE(0x300000n, 8)
  bytes.writeBigUInt64LE(options.cluster ?? CLUSTER, 24)
  bytes.writeUInt32LE(options.claimed ?? SIZE, 32)
  bytes.writeUInt32LE(8192, 36)
  return bytes
}

async function own(...files: string[]): Promise<void> {
  if (isRoot) for (const file of files) await fs.chown(file, account.uid, account.gid)
}

async function make(shell: Shell, archiveName = 'archive', ddCanSync = true): Promise<Place> {
  const base = path.join(root, String(counter++))
  const place = new Place(base, shell, archiveName)
  for (const directory of [base, place.data, path.join(place.data, 'pg_wal'), place.tools, place.archive]) {
    await fs.mkdir(directory)
    await own(directory)
  }
  if (shell.ownTools) for (const tool of ['dd', 'od', 'sync', 'ln', 'rm', 'cmp', 'wc', 'head', 'mv', 'cp']) await fs.symlink('/bin/busybox', path.join(place.tools, tool))
  await fs.writeFile(place.script, archiveScript({ archiveDir: place.archive, systemIdentifier: CLUSTER, ddCanSync }))
  await place.source(SEGMENT, segment())
  return place
}

/** Exit 1 with one line that names the file and says this. */
function refused(ran: Ran, reason: RegExp | string, name = SEGMENT): void {
  expect(ran.stderr).toMatch(reason)
  expect(ran.stderr).toMatch(/^pgwal-archive: [^\n]+\n$/)
  expect(ran.stderr).toContain(`pgwal-archive: ${name}: `)
  expect(ran).toMatchObject({ code: 1, stdout: '' })
}

const accepted = { code: 0, stdout: '', stderr: '' }

beforeAll(async () => {
  account = await serverAccount()
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-script-'))
  await fs.chmod(root, 0o755)
})
afterAll(async () => {
  await fs.rm(root, { recursive: true, force: true })
})

const installed = await Promise.all(SHELLS.map(async (shell) => fs.access(shell.shell[0]!).then(() => true, () => false)))

describe.each(SHELLS.map((shell, index) => ({ ...shell, there: installed[index]! })))('the archive script under $name', (shell) => {
  beforeEach((context) => {
    if (!shell.there) context.skip(`${shell.shell[0]!} is not installed`)
  })

  it('stores a segment, readable by its owner alone', async () => {
    const place = await make(shell)
    expect(await place.run()).toEqual(accepted)
    await place.holdsOnly(SEGMENT, segment())
    expect((await fs.stat(path.join(place.archive, SEGMENT))).mode & 0o777).toBe(0o600)
    expect((await fs.stat(path.join(place.archive, SEGMENT))).nlink).toBe(1)
  })

  it.each([
    ['00000002.history', '1\t0/300158\tno recovery target specified\n'],
    ['000000010000000000000003.00000028.backup', 'START WAL LOCATION: 0/300028 (file 000000010000000000000003)\n'],
    [`${SEGMENT}.partial`, segment()],
    ['A'.repeat(64), 'a name that PostgreSQL may yet invent'],
  ])('stores %s', async (name, content) => {
    const place = await make(shell)
    await place.source(name, content)
    expect(await place.run(name)).toEqual(accepted)
    await place.holdsOnly(name, content)
  })

  it('succeeds again on an identical file, and leaves it alone', async () => {
    const place = await make(shell)
    await place.run()
    const before = await fs.stat(path.join(place.archive, SEGMENT))
    expect(await place.run()).toEqual(accepted)
    await place.holdsOnly(SEGMENT, segment())
    expect((await fs.stat(path.join(place.archive, SEGMENT))).ino).toBe(before.ino)
  })

  it('never overwrites a different file, of any kind', async () => {
    const place = await make(shell)
    await place.source('00000002.history', '1\t0/300158\tA\n')
    for (const [name, content] of [[SEGMENT, segment({ fill: 9 })], ['00000002.history', '1\t0/300158\tB\n']] as const) {
      await fs.writeFile(path.join(place.archive, name), content)
      await own(path.join(place.archive, name))
      refused(await place.run(name), /exists with different content, and is not overwritten/, name)
      expect((await place.stored(name)).equals(Buffer.from(content))).toBe(true)
    }
  })

  it.each([0, 487_424])('names an incomplete copy of %i bytes under the final name, and leaves it', async (bytes) => {
    const place = await make(shell)
    const stub = segment().subarray(0, bytes)
    await fs.writeFile(path.join(place.archive, SEGMENT), stub)
    await own(path.join(place.archive, SEGMENT))
    refused(await place.run(), `is an incomplete copy (${bytes} bytes), not made by this script`)
    await place.holdsOnly(SEGMENT, stub)
    await fs.rm(path.join(place.archive, SEGMENT))
    expect(await place.run()).toEqual(accepted)
  })

  it('says that an existing file cannot be compared', async () => {
    const place = await make(shell)
    const target = path.join(place.archive, SEGMENT)
    await fs.symlink('/nonexistent', target)
    refused(await place.run(), /cannot be compared/)
    await fs.rm(target)
    await fs.mkdir(target)
    refused(await place.run(), /is a directory/)
  })

  it('refuses when the archive directory is missing, and does not make it', async () => {
    const place = await make(shell)
    await fs.rmdir(place.archive)
    refused(await place.run(), /archive directory .* does not exist \(or is not mounted\)/)
    await expect(fs.stat(place.archive)).rejects.toThrow('ENOENT')
  })

  it('refuses WAL of another cluster, zeros, and what is no WAL', async () => {
    const place = await make(shell)
    for (const [content, found] of [[segment({ cluster: 42n }), '42'], [Buffer.alloc(SIZE), '0'], [Buffer.alloc(24), 'missing']] as const) {
      await place.source(SEGMENT, content)
      refused(await place.run(), `system identifier ${found}, this archive is for ${CLUSTER}`)
    }
    await place.source(SEGMENT, Buffer.alloc(10))
    refused(await place.run(), `the header of pg_wal/${SEGMENT} cannot be read: `)
    await place.source(`${SEGMENT}.partial`, segment({ cluster: 42n }))
    refused(await place.run(`${SEGMENT}.partial`), 'belongs to another cluster', `${SEGMENT}.partial`)
    expect(await place.files()).toEqual([])
  })

  it('accepts identifiers beyond 63 bits', async () => {
    const place = await make(shell)
    const large = 0xF123_4567_89AB_CDEFn
    await fs.writeFile(place.script, archiveScript({ archiveDir: place.archive, systemIdentifier: large }))
    await place.source(SEGMENT, segment({ cluster: large }))
    expect(await place.run()).toEqual(accepted)
  })

  it('refuses a segment shorter than its header says, and leaves nothing', async () => {
    const place = await make(shell)
    await place.source(SEGMENT, segment({ size: SIZE / 2 }))
    refused(await place.run(), `has ${SIZE / 2} bytes, its header says ${SIZE}`)
    expect(await place.files()).toEqual([])
  })

  it('says that the source is missing or unreadable', async () => {
    const place = await make(shell)
    await fs.rm(path.join(place.data, 'pg_wal', SEGMENT))
    refused(await place.run(), `there is no file pg_wal/${SEGMENT}`)
    await place.source(SEGMENT, segment())
    await fs.chmod(path.join(place.data, 'pg_wal', SEGMENT), 0)
    refused(await place.run(), 'is not readable')
  })

  it.each(['', '.', '..', '../x', 'a/b', '.hidden', 'a b', 'a\nb', '*', '-rf', 'ä', '$(id)', `${SEGMENT}_`])('refuses the name %j', async (name) => {
    const place = await make(shell)
    const ran = await place.run(name, `pg_wal/${SEGMENT}`)
    expect(ran).toEqual({ code: 1, stdout: '', stderr: 'pgwal-archive: the second argument is not the name of a WAL file\n' })
    expect(await place.files()).toEqual([])
  })

  it('refuses a name of 65 characters', async () => {
    const place = await make(shell)
    refused(await place.run('A'.repeat(65), `pg_wal/${SEGMENT}`), 'longer than 64', 'A'.repeat(65))
  })

  it('says that it may not write', async () => {
    const place = await make(shell)
    await fs.chmod(place.archive, 0o500)
    refused(await place.run(), /copy to .* failed: Permission denied/)
  })

  it('survives the death of a tool by a signal', async () => {
    const place = await make(shell)
    // A link that was made counts, whatever became of ln; a leftover that rm could not remove is no reason to fail.
    for (const [tool, before, code] of [['od', '', 1], ['dd', '', 1], ['sync', '', 1], ['ln', '', 1], ['ln', '/bin/ln "$@"; ', 0], ['rm', '', 0]] as const) {
      await fs.rm(path.join(place.archive, SEGMENT), { force: true })
      await place.tool(tool, `${before}kill -9 $$`)
      if (tool === 'ln') await place.tool('mv', 'kill -9 $$')
      expect((await place.run()).code, `${before}${tool}`).toBe(code)
      await fs.rm(path.join(place.tools, tool))
      if (shell.ownTools) await fs.symlink('/bin/busybox', path.join(place.tools, tool))
    }
    expect(await place.run()).toEqual(accepted)
    await place.holdsOnly(SEGMENT, segment())
  })

  it('clears what a copy that was cut off left behind, whoever was cut off', async () => {
    const place = await make(shell)
    const gone = spawn('true')
    await new Promise((resolve) => gone.once('exit', resolve))
    for (const name of [`.pgwal.${SEGMENT}`, `.pgwal.${SEGMENT}~${gone.pid!}`, `.pgwal.${SEGMENT}~99999999`]) {
      await fs.writeFile(path.join(place.archive, name), 'half')
      await own(path.join(place.archive, name))
    }
    expect(await place.run()).toEqual(accepted)
    await place.holdsOnly(SEGMENT, segment())
  })

  it('is killed in the middle of a copy, and recovers', async () => {
    const place = await make(shell)
    await place.tool('dd', 'echo half; echo $$ >"$PIDFILE"; exec sleep 30')
    const pidFile = path.join(place.base, 'dd.pid')
    const child = spawn(shell.shell[0]!, [...shell.shell.slice(1), place.script, `pg_wal/${SEGMENT}`, SEGMENT], {
      cwd: place.data, env: { ...place.environment, PIDFILE: pidFile }, stdio: 'ignore', ...(isRoot ? { uid: account.uid, gid: account.gid } : {}),
    })
    let copier = ''
    while (!/^\d+\n$/.test(copier)) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      copier = await fs.readFile(pidFile, 'utf8').catch(() => '')
    }
    const dead = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await dead
    process.kill(Number(copier), 'SIGKILL')
    expect(await place.files()).toEqual([`.pgwal.${SEGMENT}`, `.pgwal.${SEGMENT}~${child.pid!}`])
    await fs.rm(path.join(place.tools, 'dd'))
    expect(await place.run()).toEqual(accepted)
    await place.holdsOnly(SEGMENT, segment())
  })

  it('lets several archivers race for one name', async () => {
    const place = await make(shell)
    const runs = await Promise.all(Array.from({ length: 6 }, async () => place.run()))
    expect(runs).toEqual(runs.map(() => accepted))
    await place.holdsOnly(SEGMENT, segment())
  })

  it('lets exactly one of two different writers win a race', async () => {
    const place = await make(shell)
    await place.source('00000002.history', '1\t0/300158\tA\n')
    const other = path.join(place.data, 'pg_wal', 'other')
    await fs.writeFile(other, '1\t0/300158\tB\n')
    // Both are held back until both have looked whether the name is free.
    await place.tool('dd', `for argument in "$@"; do case $argument in if=*) echo x >>"$0.seen"; esac; done
while [ "$(wc -l <"$0.seen")" -lt 2 ]; do sleep 0.01; done
exec /bin/dd "$@"`)
    await fs.writeFile(path.join(place.tools, 'dd.seen'), '')
    await own(path.join(place.tools, 'dd.seen'))
    const runs = await Promise.all([place.run('00000002.history'), place.run('00000002.history', other)])
    expect(runs.map((ran) => ran.code).sort()).toEqual([0, 1])
    refused(runs.find((ran) => ran.code === 1)!, /exists with different content/, '00000002.history')
    await place.holdsOnly('00000002.history', runs[0]!.code === 0 ? '1\t0/300158\tA\n' : '1\t0/300158\tB\n')
  })

  it('publishes without hard links as well, and still replaces nothing', async () => {
    const place = await make(shell)
    await place.tool('ln', 'echo "ln: failed to create hard link: Operation not permitted" >&2; exit 1')
    expect(await place.run()).toEqual(accepted)
    await place.holdsOnly(SEGMENT, segment())
    await fs.rm(path.join(place.archive, SEGMENT))
    await place.tool('mv', 'exit 0')
    refused(await place.run(), /cannot be created: Operation not permitted/)
    expect(await place.files()).toEqual([])
  })

  it('does not believe in success when its temporary file vanishes', async () => {
    const place = await make(shell)
    await place.tool('ln', 'rm -f "$1"; echo "ln: failed to access: No such file or directory" >&2; exit 1')
    refused(await place.run(), /cannot be created: No such file or directory/)
    expect(await place.files()).toEqual([])
  })

  it('syncs everything where sync takes no names or the file system syncs no directories, and believes a real error', async () => {
    const place = await make(shell)
    const log = path.join(place.base, 'log')
    await fs.writeFile(log, '')
    await own(log)
    await place.tool('sync', `echo "[$*]" >>'${log}'; [ $# -eq 0 ] || { echo "sync: usage" >&2; exit 1; }`)
    expect(await place.run()).toEqual(accepted)
    expect(await fs.readFile(log, 'utf8')).toMatch(/\[\]\n$/)
    await fs.rm(path.join(place.archive, SEGMENT))
    await place.tool('sync', `echo "[$*]" >>'${log}'; case $1 in '${place.archive}') echo "sync: error syncing '$1': Invalid argument" >&2; exit 1; esac`)
    expect(await place.run()).toEqual(accepted)
    expect(await fs.readFile(log, 'utf8')).toMatch(/\[\]\n$/)
    await place.tool('sync', `case $1 in '${place.archive}') echo "sync: error syncing '$1': Input/output error" >&2; exit 1; esac`)
    refused(await place.run(), /sync of .* failed: Input\/output error/)
  })

  it('syncs the file by itself where dd cannot', async () => {
    const place = await make(shell, 'archive', false)
    const log = path.join(place.base, 'log')
    await fs.writeFile(log, '')
    await own(log)
    await place.tool('sync', `printf '%s\\n' "$1" >>'${log}'`)
    expect(await place.run()).toEqual(accepted)
    await place.holdsOnly(SEGMENT, segment())
    expect((await fs.readFile(log, 'utf8')).split('\n')).toEqual([expect.stringContaining(`/.pgwal.${SEGMENT}~`), place.archive, ''])
  })

  it.each(['a b', "it's", '"quoted"', '100% %p %f %%', '$HOME', '`id`', '$(id)', 'back\\slash', '*', '-n', '歸檔 ü', 'a;b&c|d', '#x', '~', 'x:y: z', '!'])('takes an archive and a script in a directory named %j', async (name) => {
    const place = await make(shell, name)
    const script = path.join(place.archive, `${name}.sh`)
    await fs.writeFile(script, await fs.readFile(place.script))
    const expanded = (command: string, p: string, f: string): string => command.replace(/%(.)/g, (_all, letter: string) => letter === 'p' ? p : letter === 'f' ? f : '%')
    const sh = async (command: string, p: string, f: string): Promise<Ran> =>
      runAs(account, shell.shell[0]!, [...shell.shell.slice(1), '-c', expanded(command, p, f)], { cwd: place.data, env: place.environment })
    expect(await sh(archiveCommand(script), `pg_wal/${SEGMENT}`, SEGMENT)).toEqual(accepted)
    expect(await place.files()).toEqual([SEGMENT, `${name}.sh`].sort())
    expect((await place.stored()).equals(segment())).toBe(true)

    const restore = restoreCommand(place.archive)
    expect(await sh(restore, 'RECOVERYXLOG', SEGMENT)).toEqual(accepted)
    expect((await fs.readFile(path.join(place.data, 'RECOVERYXLOG'))).equals(segment())).toBe(true)
    expect(await sh(restore, 'RECOVERYHISTORY', '00000002.history')).toMatchObject({ code: 1, stderr: '' })

    // Up to a segment, on whatever timeline; names that are numbers count as names, and history files are no segments.
    const upTo = '000000030000000A00000009'
    for (const [file, code] of [[upTo, 0], ['000000040000000900000010', 0], ['00000003000000090000000A', 0], ['00000003000000090000FFFF', 0], ['00000001.history', 0], ['FFFFFFFF.history', 0],
      ['000000030000000A0000000A', 1], ['000000010000000A00000010', 1], ['00000003000000100000000A', 1]] as const) {
      await fs.writeFile(path.join(place.archive, file), 'x')
      for (const limited of [restoreCommand(place.archive, [''], upTo), restoreCommand(place.archive, ['.gz', ''], upTo)]) expect(await sh(limited, 'RECOVERYXLOG', file), file).toMatchObject({ code, stderr: '' })
    }
    await fs.rm(place.archive, { recursive: true })
    expect(await sh(restore, 'RECOVERYXLOG', SEGMENT)).toMatchObject({ code: 255 })
    // The script went with the directory: the archiver must see an ordinary failure.
    expect(await sh(archiveCommand(script), `pg_wal/${SEGMENT}`, SEGMENT)).toMatchObject({ code: 1, stderr: expect.stringContaining(`${name}.sh`) as string })
  })

  it('finds its tools without a PATH', async () => {
    const place = await make(shell)
    const ran = await runAs(account, shell.shell[0]!, [...shell.shell.slice(1), place.script, `pg_wal/${SEGMENT}`, SEGMENT], { cwd: place.data, env: { PATH: undefined } })
    expect(ran).toEqual(accepted)
  })

  it('reports a full disk, leaves no stub, and goes on when there is room', async (context) => {
    if (!isRoot) context.skip('mounting a small file system needs root')
    const place = await make(shell)
    const mounted = await runAs({ name: 'root', uid: 0, gid: 0 }, 'mount', ['-t', 'tmpfs', '-o', 'size=500k,mode=777', 'tmpfs', place.archive])
    if (mounted.code !== 0) context.skip(`cannot mount a tmpfs here: ${mounted.stderr.trim()}`)
    try {
      refused(await place.run(), /copy to .* failed: No space left on device/)
      expect(await place.files()).toEqual([])
      await runAs({ name: 'root', uid: 0, gid: 0 }, 'mount', ['-o', 'remount,size=4m', place.archive])
      expect(await place.run()).toEqual(accepted)
      await place.holdsOnly(SEGMENT, segment())
    } finally {
      await runAs({ name: 'root', uid: 0, gid: 0 }, 'umount', [place.archive])
    }
  })
})

describe('paths that cannot be used', () => {
  it.each(['', 'relative', '-x', './x', '/a\nb', '/a\u0000b', '/', '//'])('%j', (bad) => {
    expect(() => archiveScript({ archiveDir: bad, systemIdentifier: 1n })).toThrow(RangeError)
    expect(() => archiveCommand(bad)).toThrow(RangeError)
    expect(() => restoreCommand(bad)).toThrow(RangeError)
  })
})
