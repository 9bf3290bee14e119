import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { isTemporaryName } from '../../src/host/replace.ts'
import { bytes, directory, hash, host, leftovers, notRoot, owner, put, refusal } from './support.ts'

const as = owner
const mounts: string[] = []
afterEach(() => {
  for (const mount of mounts.splice(0)) execFileSync('umount', [mount])
})

/** Whether a mount can be made here; what it takes differs by container. */
function mount(...args: string[]): boolean {
  try {
    execFileSync('mount', args, { stdio: 'ignore' })
    mounts.push(args.at(-1)!)
    return true
  } catch {
    return false
  }
}

/** Sets (with a value) and lists extended attributes; the ACL lets the owner's account read, nobody else. */
const attributes = (file: string, set?: string): string => execFileSync('python3', ['-c',
  'import os,sys\nf=sys.argv[1]\nif len(sys.argv)>2: os.setxattr(f,"user.pgwal",sys.argv[2].encode()); os.setxattr(f,"system.posix_acl_access",bytes.fromhex("0200000001000600ffffffff02000400"+int(sys.argv[3]).to_bytes(4,"little").hex()+"04000400ffffffff10000600ffffffff20000000ffffffff"))\nprint(sorted((n,os.getxattr(f,n).hex()) for n in os.listxattr(f)))',
  file, ...(set === undefined ? [] : [set, String(owner.uid)])], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

/** Whether files in `where` can have ACLs, and python3 is there to set them. */
function hasAttributes(where: string): boolean {
  try {
    attributes(put(path.join(where, 'probe'), ''), 'x')
    return true
  } catch {
    return false
  } finally {
    fs.rmSync(path.join(where, 'probe'), { force: true })
  }
}

describe('replacing a file', () => {
  test('new content, the old mode and owner, a new inode, nothing left over', async () => {
    const where = directory(owner)
    const file = put(path.join(where, 'postgresql.conf'), 'old', { mode: 0o640, belongsTo: owner })
    const before = await host.stat(file)
    await host.replace(file, bytes('new'), { as, expect: hash('old') })
    expect(fs.readFileSync(file, 'utf8')).toBe('new')
    const after = await host.stat(file)
    expect(after).toMatchObject({ mode: 0o640, uid: before.uid, gid: before.gid })
    expect(after.inode).not.toBe(before.inode)
    expect(fs.readdirSync(where)).toEqual(['postgresql.conf'])
  })

  test('a read-only file in a directory of ours keeps its mode', async () => {
    const where = directory(owner)
    const file = put(path.join(where, 'a'), 'old', { mode: 0o400, belongsTo: owner })
    await host.replace(file, bytes('new'), { as, expect: hash('old') })
    expect((await host.stat(file)).mode).toBe(0o400)
  })

  test('a new file has the mode that was asked for, whatever the umask', async () => {
    const where = directory(owner)
    const old = process.umask(0o077)
    try {
      await host.replace(path.join(where, 'a'), bytes('new'), { as, expect: null, mode: 0o644 })
      await host.replace(path.join(where, 'b'), bytes('new'), { as, expect: null })
    } finally {
      process.umask(old)
    }
    expect(await host.stat(path.join(where, 'a'))).toMatchObject({ mode: 0o644, uid: owner.uid })
    expect(await host.stat(path.join(where, 'b'))).toMatchObject({ mode: 0o600 })
  })

  test('the link stays a link', async () => {
    const where = directory(owner)
    const real = path.join(where, 'real')
    fs.mkdirSync(real)
    fs.chownSync(real, owner.uid, owner.gid)
    put(path.join(real, 'conf'), 'old', { belongsTo: owner })
    fs.symlinkSync('real/conf', path.join(where, 'link'))
    await host.replace(path.join(where, 'link'), bytes('new'), { as, expect: hash('old') })
    expect(fs.readlinkSync(path.join(where, 'link'))).toBe('real/conf')
    expect(fs.readFileSync(path.join(real, 'conf'), 'utf8')).toBe('new')
    expect(fs.lstatSync(path.join(real, 'conf')).isFile()).toBe(true)
  })

  test('what somebody changed, made or removed meanwhile is left alone', async () => {
    const where = directory(owner)
    const file = put(path.join(where, 'a'), 'theirs', { belongsTo: owner })
    expect(await refusal(host.replace(file, bytes('new'), { as, expect: hash('old') }))).toBe('changed')
    expect(await refusal(host.replace(file, bytes('new'), { as, expect: null }))).toBe('changed')
    expect(await refusal(host.replace(path.join(where, 'none'), bytes('new'), { as, expect: hash('old') }))).toBe('changed')
    expect(fs.readFileSync(file, 'utf8')).toBe('theirs')
    expect(fs.readdirSync(where)).toEqual(['a'])
  })

  test('what is no file, or cannot be written, is left as it is', async () => {
    const where = directory(owner)
    execFileSync('mkfifo', [path.join(where, 'fifo')])
    expect(await refusal(host.replace(path.join(where, 'fifo'), bytes('new'), { as, expect: hash('') }))).toBe('not-a-file')
    expect(await refusal(host.replace(where, bytes('new'), { as, expect: hash('') }))).toBe('EISDIR')
    expect(await refusal(host.replace(path.join(where, 'none', 'a'), bytes('new'), { as, expect: null }))).toBe('ENOENT')
    const file = put(path.join(where, 'a'), 'old', { belongsTo: owner })
    fs.chmodSync(where, 0o555)
    expect(await refusal(host.replace(file, bytes('new'), { as, expect: hash('old') }))).toBe('EACCES')
    fs.chmodSync(where, 0o755)
    expect(fs.readFileSync(file, 'utf8')).toBe('old')
    expect(leftovers(where)).toEqual([])
  })

  test('the temporary name is read by no include_dir', async () => {
    const where = directory(owner)
    const file = put(path.join(where, 'a.conf'), 'old', { belongsTo: owner })
    const seen = new Set<string>()
    const watcher = fs.watch(where, (_event, name) => seen.add(String(name)))
    await host.replace(file, bytes('new'), { as, expect: hash('old') })
    await expect.poll(() => seen.size).toBeGreaterThan(1)
    watcher.close()
    const temporary = [...seen].filter((name) => name !== 'a.conf')
    expect(temporary.every((name) => name.startsWith('.') && !name.endsWith('.conf') && isTemporaryName(name))).toBe(true)
  })

  test('ACL and extended attributes stay', async ({ skip }) => {
    const where = directory(owner)
    if (!hasAttributes(where)) skip('no python3, or a file system without ACLs')
    const file = put(path.join(where, 'a'), 'old', { mode: 0o640, belongsTo: owner })
    attributes(file, 'value')
    const before = attributes(file)
    expect(before).toContain('posix_acl_access')
    await host.replace(file, bytes('new'), { as, expect: hash('old') })
    expect(attributes(file)).toBe(before)
    expect(fs.readFileSync(file, 'utf8')).toBe('new')
  })

  test.skipIf(notRoot)('a file of root in a directory of the owner stays root\'s, without bits that lend its rights', async ({ skip }) => {
    const where = directory(owner)
    const file = put(path.join(where, 'postgresql.conf'), 'old')
    fs.chmodSync(file, 0o4755)
    await host.replace(file, bytes('new'), { as, expect: hash('old') })
    expect(await host.stat(file)).toMatchObject({ uid: 0, gid: 0, mode: 0o755 })
    expect(fs.readFileSync(file, 'utf8')).toBe('new')
    if (!hasAttributes(where)) skip('no python3, or a file system without ACLs')
    attributes(file, 'value')
    const before = attributes(file)
    await host.replace(file, bytes('newer'), { as, expect: hash('new') })
    expect(attributes(file)).toBe(before)
    expect((await host.stat(file)).uid).toBe(0)
  })

  test.skipIf(notRoot)('a file in a directory that only root can write is none of the owner\'s', async () => {
    const where = directory()
    const file = put(path.join(where, 'postgresql.conf'), 'old')
    const theirs = directory(owner)
    fs.symlinkSync(file, path.join(theirs, 'postgresql.conf'))
    expect(await refusal(host.replace(path.join(theirs, 'postgresql.conf'), bytes('new'), { as, expect: hash('old') }))).toBe('EACCES')
    expect(await refusal(host.replace(path.join(theirs, 'postgresql.conf'), bytes('new'), { expect: hash('old') }))).toBe('unsafe-link')
    expect(fs.readFileSync(file, 'utf8')).toBe('old')
    await host.replace(file, bytes('new'), { expect: hash('old') })
    expect(fs.readFileSync(file, 'utf8')).toBe('new')
  })

  test.skipIf(notRoot)('a file that is a mount point is written in place', async ({ skip }) => {
    const where = directory(owner)
    const source = put(path.join(directory(), 'source'), 'old content', { belongsTo: owner })
    const file = put(path.join(where, 'postgresql.conf'), '', { belongsTo: owner })
    if (!mount('--bind', source, file)) skip('no right to mount')
    await host.replace(file, bytes('new'), { as, expect: hash('old content') })
    expect(fs.readFileSync(source, 'utf8')).toBe('new')
    expect(fs.readdirSync(where)).toEqual(['postgresql.conf'])
  })

  test.skipIf(notRoot)('a full disk, a disk without inodes and a read-only one leave the old file', async ({ skip }) => {
    const where = directory()
    if (!mount('-t', 'tmpfs', '-o', `size=64k,nr_inodes=4,uid=${owner.uid},gid=${owner.gid},mode=755`, 'pgwal-test', where)) skip('no right to mount')
    const file = put(path.join(where, 'a'), 'old', { belongsTo: owner })
    expect(await refusal(host.replace(file, new Uint8Array(100_000), { as, expect: hash('old') }))).toBe('ENOSPC')
    expect(fs.readdirSync(where)).toEqual(['a'])
    await host.append(path.join(where, 'journal'), bytes('first'), { as })
    expect(await refusal(host.append(path.join(where, 'journal'), new Uint8Array(100_000), { as }))).toBe('ENOSPC')
    expect(fs.readFileSync(path.join(where, 'journal'), 'utf8')).toBe('first')
    put(path.join(where, 'last'), '')
    expect(await refusal(host.replace(file, bytes('new'), { as, expect: hash('old') }))).toBe('ENOSPC')
    expect(await host.canWriteInto(where, { as })).toEqual({ ok: false, code: 'ENOSPC' })
    execFileSync('mount', ['-o', 'remount,ro', where])
    expect(await refusal(host.replace(file, bytes('new'), { as, expect: hash('old') }))).toBe('EROFS')
    expect(await refusal(host.makeDirectory(path.join(where, 'd'), { as, mode: 0o700 }))).toBe('EROFS')
    expect(await host.canWriteInto(where, { as })).toEqual({ ok: false, code: 'EROFS' })
    expect(fs.readFileSync(file, 'utf8')).toBe('old')
  })
})

describe.skipIf(notRoot)('an owner who swaps directories for links while root works', () => {
  // A child with the owner's identity, so that it swaps at any moment of a call, not only between two of ours.
  const swapper = `
    const fs = require('node:fs')
    const [conf, aside, evil] = process.argv.slice(1)
    let swaps = 0
    process.on('SIGTERM', () => { process.stdout.write(String(swaps)); process.exit(0) })
    function swap() {
      for (let i = 0; i < 200; i++) {
        try { fs.renameSync(conf, aside) } catch {}
        try { fs.symlinkSync(evil, conf) } catch {}
        try { fs.symlinkSync(evil + '/postgresql.conf', aside + '/postgresql.conf') } catch {}
        try { fs.unlinkSync(conf) } catch {}
        try { fs.renameSync(aside, conf) } catch {}
        if (i % 2) try { fs.unlinkSync(conf + '/postgresql.conf') } catch {}
        swaps++
      }
      process.stdout.write('batch ')
      setImmediate(swap)
    }
    process.stdout.write('ready ')
    swap()`

  test.each([['as the owner', owner], ['in its own name', undefined]])('%s: nothing outside is touched', async (_how, account) => {
    const theirs = directory(owner)
    const canaries = directory()
    for (const name of ['postgresql.conf', 'journal']) put(path.join(canaries, name), 'old', { mode: 0o600 })
    const conf = path.join(theirs, 'conf')
    fs.mkdirSync(conf)
    fs.chownSync(conf, owner.uid, owner.gid)
    const acting = account === undefined ? {} : { as: account }
    const child = spawn(process.execPath, ['-e', swapper, conf, path.join(theirs, 'aside'), canaries], { uid: owner.uid, gid: owner.gid, cwd: '/', stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString() })
    const ended = new Promise((resolve) => child.once('close', resolve))
    await expect.poll(() => said, { timeout: 20_000 }).toContain('ready')
    const outcomes = new Map<string, number>()
    const note = async (work: Promise<unknown>): Promise<void> => {
      const code = await refusal(work)
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
    }
    try {
      // At least a hundred rounds, and as many as a busy machine needs until both sides have really met.
      const met = (): boolean => said.split('batch').length > 2 && outcomes.has('resolved')
      for (let round = 0; round < 100 || (!met() && round < 5_000); round++) {
        // What the other side says is read between rounds.
        await new Promise((resolve) => setImmediate(resolve))
        await note(host.replace(path.join(conf, 'postgresql.conf'), bytes('new'), { ...acting, expect: round % 2 === 0 ? hash('old') : null }))
        await note(host.append(path.join(conf, 'journal'), bytes('x'), acting))
        await note(host.makeDirectory(path.join(conf, 'made'), { ...acting, mode: 0o777 }))
        await note(host.removeFile(path.join(conf, 'postgresql.conf'), acting))
        await note(host.removeDirectory(path.join(conf, 'made'), acting))
        const read = await host.read(path.join(conf, 'journal'), acting).catch(() => new Uint8Array())
        expect(new TextDecoder().decode(read)).not.toContain('old')
      }
    } finally {
      child.kill('SIGTERM')
      await ended
    }
    expect(Number(said.split(' ').at(-1))).toBeGreaterThan(200)
    expect(fs.readdirSync(canaries).sort()).toEqual(['journal', 'postgresql.conf'])
    for (const name of ['postgresql.conf', 'journal']) {
      expect(fs.readFileSync(path.join(canaries, name), 'utf8')).toBe('old')
      expect(fs.statSync(path.join(canaries, name))).toMatchObject({ uid: 0, gid: 0, mode: 0o100600 })
    }
    expect([...outcomes.keys()]).toContain('resolved')
  })
})
