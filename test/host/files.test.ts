import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import { hostFileSource } from '../../src/host/file-source.ts'
import { bytes, directory, host, notRoot, owner, put, refusal, text } from './support.ts'

const as = owner

describe('reading', () => {
  test('the content of a file, through links, as another account', async () => {
    const where = directory(owner)
    put(path.join(where, 'a'), 'content', { mode: 0o600, belongsTo: owner })
    fs.mkdirSync(path.join(where, 'sub'))
    fs.symlinkSync('../a', path.join(where, 'sub', 'relative'))
    fs.symlinkSync(path.join(where, 'sub'), path.join(where, 'absolute'))
    for (const name of ['a', 'sub/relative', 'absolute/relative', 'sub/../a', './/a']) {
      expect(text(await host.read(path.join(where, 'x').slice(0, -1) + name, { as }))).toBe('content')
    }
  })

  test('a file of /proc, which tells no size, is read to its end', async () => {
    if (process.platform !== 'linux') return
    expect(text(await host.read('/proc/self/stat'))).toContain(`${process.pid} (`)
    expect(text(await host.read('/proc/cpuinfo')).length).toBeGreaterThan(100)
  })

  test('no more than the limit', async () => {
    const file = put(path.join(directory(), 'a'), 'x'.repeat(100))
    expect(await refusal(host.read(file, { limit: 99 }))).toBe('too-large')
    expect((await host.read(file, { limit: 100 })).length).toBe(100)
  })

  test('part of a file, from either end', async () => {
    const file = put(path.join(directory(), 'a'), '0123456789')
    expect(text(await host.readPart(file, 2, 3))).toBe('234')
    expect(text(await host.readPart(file, -3, 10))).toBe('789')
    expect(text(await host.readPart(file, -30, 2))).toBe('01')
    expect(text(await host.readPart(file, 8, 10))).toBe('89')
    expect((await host.readPart(file, 20, 10)).length).toBe(0)
  })

  test('what is no regular file is neither read nor waited for', async () => {
    const where = directory()
    execFileSync('mkfifo', [path.join(where, 'fifo')])
    const server = net.createServer().listen(path.join(where, 'socket'))
    await new Promise((resolve) => server.once('listening', resolve))
    try {
      for (const file of [path.join(where, 'fifo'), '/dev/zero', '/dev/null']) expect(await refusal(host.read(file))).toBe('not-a-file')
      // A socket cannot even be opened where it is not looked at first.
      expect(['not-a-file', 'ENXIO']).toContain(await refusal(host.read(path.join(where, 'socket'))))
      expect(await refusal(host.read(where))).toBe('EISDIR')
      expect(await refusal(host.append(path.join(where, 'fifo'), bytes('x')))).toMatch(/not-a-file|ENXIO/)
    } finally {
      server.close()
    }
  })

  test('the codes of the system, with the path that was asked for', async () => {
    const where = directory()
    put(path.join(where, 'a'), '')
    fs.symlinkSync('loop', path.join(where, 'loop'))
    expect(await refusal(host.read(path.join(where, 'none')))).toBe('ENOENT')
    expect(await refusal(host.read(path.join(where, 'none', 'a')))).toBe('ENOENT')
    expect(await refusal(host.read(path.join(where, 'a', 'b')))).toBe('ENOTDIR')
    expect(await refusal(host.read(path.join(where, 'loop')))).toBe('ELOOP')
    expect(await refusal(host.list(path.join(where, 'a')))).toBe('ENOTDIR')
    await expect(host.read(path.join(where, 'none'))).rejects.toThrow(`read ${where}/none: no such file or directory`)
  })

  test.skipIf(notRoot)('an account gets what it may read and no more', async () => {
    const where = directory()
    const secret = put(path.join(where, 'secret'), 'secret', { mode: 0o600 })
    fs.mkdirSync(path.join(where, 'closed'), { mode: 0o700 })
    put(path.join(where, 'closed', 'open'), 'open')
    expect(await refusal(host.read(secret, { as }))).toBe('EACCES')
    expect(await refusal(host.read(path.join(where, 'closed', 'open'), { as }))).toBe('EACCES')
    expect(await refusal(host.list(path.join(where, 'closed'), { as }))).toBe('EACCES')
    expect(process.geteuid!()).toBe(0)
    expect(process.getegid!()).toBe(0)
    expect(process.getgroups!()).not.toContain(owner.gid)
    expect(text(await host.read(secret))).toBe('secret')
  })

  test.skipIf(notRoot)('what is asked for at the same time has its own answer and its own name each', async () => {
    const nobody = { ...owner, name: 'nobody', uid: 65534, gid: 65534 }
    const where = directory()
    const files = { ours: {}, theirs: { belongsTo: owner }, nobodys: { belongsTo: nobody } }
    for (const [name, options] of Object.entries(files)) put(path.join(where, name), name, { ...options, mode: 0o600 })
    fs.mkdirSync(path.join(where, 'closed'), { mode: 0o700 })
    put(path.join(where, 'closed', 'a'), '')
    const asked = [undefined, owner, nobody].flatMap((account) => ['ours', 'theirs', 'nobodys', 'none', 'closed/a'].flatMap((name) => {
      const options = account === undefined ? {} : { as: account }
      const file = path.join(where, name)
      return [host.read(file, options).then(text, codeOf), host.stat(file, options).then(({ size }) => size, codeOf)]
    }))
    expect(await Promise.all(asked)).toEqual([
      ['ours', 4, 'theirs', 6, 'nobodys', 7, 'ENOENT', 'ENOENT', '', 0],
      ['EACCES', 4, 'theirs', 6, 'EACCES', 7, 'ENOENT', 'ENOENT', 'EACCES', 'EACCES'],
      ['EACCES', 4, 'EACCES', 6, 'nobodys', 7, 'ENOENT', 'ENOENT', 'EACCES', 'EACCES'],
    ].flat())
    expect(process.geteuid!()).toBe(0)
  })

  test.skipIf(notRoot)('a link planted by the owner leads to nothing that the owner cannot read', async () => {
    const where = directory(owner)
    const ours = directory()
    const secret = put(path.join(ours, 'secret'), 'secret', { mode: 0o600 })
    fs.mkdirSync(path.join(ours, 'closed'), { mode: 0o700 })
    // Readable for all, in a directory that is not; open in our own process, which /proc/self/fd would hand out.
    const inside = put(path.join(ours, 'closed', 'inside'), 'inside', { mode: 0o644 })
    const held = fs.openSync(inside, 'r')
    const links: Record<string, string> = { direct: secret, held: `/proc/self/fd/${held}`, dev: `/dev/fd/${held}`, own: '/proc/self/maps', status: '/proc/self/status' }
    try {
      for (const [name, target] of Object.entries(links)) {
        const link = path.join(where, name)
        fs.symlinkSync(target, link)
        fs.lchownSync(link, owner.uid, owner.gid)
        expect([name, await refusal(host.read(link, { as }))]).toEqual([name, expect.stringMatching(/^(EACCES|not-a-file)$/)])
        expect([name, await refusal(host.read(link))]).toEqual([name, 'unsafe-link'])
      }
    } finally {
      fs.closeSync(held)
    }
  })

  test.skipIf(notRoot)('root follows links in its own directories, and none in those of others', async () => {
    const ours = directory()
    const theirs = directory(owner)
    put(path.join(ours, 'a'), 'ours')
    fs.symlinkSync('a', path.join(ours, 'link'))
    fs.symlinkSync(ours, path.join(theirs, 'link'))
    expect(text(await host.read(path.join(ours, 'link')))).toBe('ours')
    for (const attempt of [
      host.read(path.join(theirs, 'link', 'a')),
      host.list(path.join(theirs, 'link')),
      host.append(path.join(theirs, 'link', 'a'), bytes('x')),
      host.removeFile(path.join(theirs, 'link', 'a')),
      host.makeDirectory(path.join(theirs, 'link', 'new'), { mode: 0o700 }),
    ]) expect(await refusal(attempt)).toBe('unsafe-link')
    expect(fs.readdirSync(ours).sort()).toEqual(['a', 'link'])
    expect(text(await host.read(path.join(theirs, 'link', 'a'), { as }))).toBe('ours')
  })

  test.skipIf(notRoot)('a hard link to a file of somebody else is not read for root', async () => {
    const theirs = directory(owner)
    const ours = directory()
    fs.linkSync(put(path.join(ours, 'secret'), 'secret', { mode: 0o600 }), path.join(theirs, 'postgresql.conf'))
    expect(await refusal(host.read(path.join(theirs, 'postgresql.conf')))).toBe('unsafe-link')
    expect(await refusal(host.read(path.join(theirs, 'postgresql.conf'), { as }))).toBe('EACCES')
  })
})

describe('looking', () => {
  test('what is there, sorted, with its kind', async () => {
    const where = directory(owner)
    fs.mkdirSync(path.join(where, 'directory'))
    put(path.join(where, 'file'), 'abc', { mode: 0o640, belongsTo: owner })
    fs.symlinkSync('directory', path.join(where, 'link'))
    fs.symlinkSync('nowhere', path.join(where, 'dangling'))
    execFileSync('mkfifo', [path.join(where, 'fifo')])
    put(path.join(where, 'new\nline'), '')
    expect(await host.list(where, { as })).toEqual([
      { name: 'dangling', kind: 'symlink' }, { name: 'directory', kind: 'directory' }, { name: 'fifo', kind: 'fifo' },
      { name: 'file', kind: 'file' }, { name: 'link', kind: 'symlink' }, { name: 'new\nline', kind: 'file' },
    ])
    const streamed: string[] = []
    for await (const names of host.listBatches(where, { as })) streamed.push(...names)
    expect(streamed.sort()).toEqual(fs.readdirSync(where).sort())
    expect(await host.stat(path.join(where, 'file'))).toMatchObject({ kind: 'file', size: 3, mode: 0o640, links: 1 })
    expect((await host.stat(path.join(where, 'link'))).kind).toBe('directory')
    expect((await host.stat(path.join(where, 'link'), { followLinks: false })).kind).toBe('symlink')
    expect(await host.readLink(path.join(where, 'link'))).toBe('directory')
    expect(await host.realPath(path.join(where, 'link'))).toBe(path.join(where, 'directory'))
    const source = hostFileSource(host, as)
    expect((await source.list(where)).filter((entry) => entry.directory).map((entry) => entry.name)).toEqual(['directory', 'link'])
    expect(text(await source.read(path.join(where, 'file')))).toBe('abc')
    await expect(source.read(where)).rejects.toMatchObject({ code: 'EISDIR' })
  })

  test('size and first bytes of many files of one directory, in the order of the names, each with its own refusal', async () => {
    const where = directory(owner)
    const names = Array.from({ length: 500 }, (_, at) => `file ${at}`)
    for (const [at, name] of names.entries()) put(path.join(where, name), `${at}`.padStart(at % 9, '.'), { belongsTo: owner })
    const heads = await host.readHeads(where, names, 4, { as })
    expect(heads.map((head) => ('bytes' in head ? [head.name, head.size, text(head.bytes)] : head))).toEqual(names.map((name, at) => {
      const content = `${at}`.padStart(at % 9, '.')
      return [name, content.length, content.slice(0, 4)]
    }))
    fs.mkdirSync(path.join(where, 'directory'))
    fs.symlinkSync('file 5', path.join(where, 'link'))
    execFileSync('mkfifo', [path.join(where, 'fifo')])
    expect((await host.readHeads(where, ['none', 'directory', 'fifo', 'link', '../x'], 4, { as })).map((head) => ('bytes' in head ? text(head.bytes) : head.error)))
      .toEqual(['ENOENT', 'EISDIR', 'not-a-file', '....', 'EINVAL'])
    expect(await refusal(host.readHeads(path.join(where, 'none'), ['file'], 4, { as }))).toBe('ENOENT')
  })

  test('the file system, in bytes', async () => {
    const info = await host.fileSystem(directory())
    expect(info.totalBytes).toBeGreaterThan(info.freeBytes)
    expect(info.freeInodes).toBeGreaterThan(0)
  })

  test('whether a file can be made there, without making one', async () => {
    const where = directory(owner)
    expect(await host.canWriteInto(where, { as })).toEqual({ ok: true })
    expect(await host.canWriteInto(path.join(where, 'none'), { as })).toEqual({ ok: false, code: 'ENOENT' })
    expect(await host.canWriteInto(put(path.join(where, 'file'), ''), { as })).toEqual({ ok: false, code: 'ENOTDIR' })
    fs.chmodSync(where, 0o555)
    expect(await host.canWriteInto(where, { as })).toEqual({ ok: false, code: 'EACCES' })
    expect(fs.readdirSync(where)).toEqual(['file'])
    fs.chmodSync(where, 0o755)
  })

  test('where there are no unnamed files, access is checked as the account', async () => {
    if (process.platform !== 'linux') return
    // procfs knows no unnamed files and lets nobody write.
    expect((await host.canWriteInto('/proc/sys', { as })).ok).toBe(false)
  })
})

describe('changing', () => {
  test('a directory has its exact mode and owner whatever the umask', async () => {
    const where = directory(owner)
    const old = process.umask(0o077)
    try {
      await host.makeDirectory(path.join(where, 'new'), { as, mode: 0o755 })
    } finally {
      process.umask(old)
    }
    expect(await host.stat(path.join(where, 'new'))).toMatchObject({ kind: 'directory', mode: 0o755, uid: owner.uid, gid: owner.gid })
    expect(await refusal(host.makeDirectory(path.join(where, 'new'), { as, mode: 0o700 }))).toBe('EEXIST')
    expect(await refusal(host.makeDirectory(path.join(where, 'no', 'parent'), { as, mode: 0o700 }))).toBe('ENOENT')
    put(path.join(where, 'new', 'file'), '')
    expect(await refusal(host.removeDirectory(path.join(where, 'new'), { as }))).toBe('ENOTEMPTY')
    await host.removeFile(path.join(where, 'new', 'file'), { as })
    await host.removeDirectory(path.join(where, 'new'), { as })
    expect(fs.readdirSync(where)).toEqual([])
    expect(await refusal(host.removeFile(path.join(where, 'none'), { as }))).toBe('ENOENT')
  })

  test('lines are added, and never through a link', async () => {
    const where = directory(owner)
    const journal = path.join(where, 'journal')
    await host.append(journal, bytes('one\n'), { as })
    await host.append(journal, bytes('two\n'), { as })
    expect(fs.readFileSync(journal, 'utf8')).toBe('one\ntwo\n')
    expect(await host.stat(journal)).toMatchObject({ mode: 0o600, uid: owner.uid })
    put(path.join(where, 'target'), 'untouched', { belongsTo: owner })
    fs.symlinkSync('target', path.join(where, 'link'))
    expect(await refusal(host.append(path.join(where, 'link'), bytes('x'), { as }))).toMatch(/ELOOP|EEXIST|not-a-file/)
    await host.removeFile(path.join(where, 'link'), { as })
    expect(fs.readFileSync(path.join(where, 'target'), 'utf8')).toBe('untouched')
  })

  test('a tree is removed without what its links lead to', async () => {
    const where = directory(owner)
    const other = directory(owner)
    put(path.join(other, 'kept'), 'kept')
    await host.makeDirectory(path.join(where, 'tree'), { as, mode: 0o700 })
    await host.makeDirectory(path.join(where, 'tree', 'sub'), { as, mode: 0o700 })
    await host.append(path.join(where, 'tree', 'sub', 'file'), bytes('x'), { as })
    fs.symlinkSync(other, path.join(where, 'tree', 'link'))
    await host.removeTree(path.join(where, 'tree'), { as })
    await host.removeTree(path.join(where, 'tree'), { as })
    expect(fs.readdirSync(where)).toEqual([])
    expect(fs.readdirSync(other)).toEqual(['kept'])
  })
})
