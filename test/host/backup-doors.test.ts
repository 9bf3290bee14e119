// What copying and checking a whole cluster needs of the host: checksums of large files, new names, programs that report and can be ended.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import { directory, host, notRoot, owner, put, refusal } from './support.ts'

describe('checksum', () => {
  test('of files of any length, as the owner, durable', async () => {
    const where = directory(owner)
    for (const length of [0, 9, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 1 << 20, (2 << 20) + 5]) {
      const content = Buffer.alloc(length, '123456789')
      const file = put(path.join(where, 'a'), content.toString(), { mode: 0o600, belongsTo: owner })
      expect(await host.checksum(file, 'SHA256', { as: owner, sync: true })).toEqual({ size: length, hex: createHash('sha256').update(content).digest('hex'), modified: fs.statSync(file).mtime })
    }
    expect(await host.checksum(put(path.join(where, 'b'), '123456789', { belongsTo: owner }), 'CRC32C', { as: owner })).toMatchObject({ size: 9, hex: '839206e3' })
  })

  test('of many at the same time: each has its own, and one that cannot be had is no other\'s fault', async () => {
    const where = directory(owner)
    const files = Array.from({ length: 40 }, (_, n) => put(path.join(where, String(n)), 'x'.repeat(n * 20_000), { belongsTo: owner }))
    const sums = await Promise.all([...files, path.join(where, 'none')].map((file) => host.checksum(file, 'SHA256', { as: owner }).then(({ hex }) => hex, (error: unknown) => codeOf(error))))
    expect(sums).toEqual([...files.map((file) => createHash('sha256').update(fs.readFileSync(file)).digest('hex')), 'ENOENT'])
  })

  test('what cannot be read, and a wish to stop', async () => {
    const where = directory()
    expect(await refusal(host.checksum(path.join(where, 'none'), 'CRC32C'))).toBe('ENOENT')
    expect(await refusal(host.checksum(where, 'CRC32C'))).toBe('EISDIR')
    const file = put(path.join(where, 'a'), 'x')
    expect(await refusal(host.checksum(file, 'CRC32C', { stop: AbortSignal.abort() }))).toBe('stopped')
  })

  test.skipIf(notRoot)('not what is closed to the account', async () => {
    const file = put(path.join(directory(), 'secret'), 'x', { mode: 0o600 })
    expect(await refusal(host.checksum(file, 'CRC32C', { as: owner }))).toBe('EACCES')
  })
})

describe('a copy of one file', () => {
  test('whole, of any length, for the account alone', async () => {
    const where = directory(owner)
    for (const length of [0, 9, (2 << 20) + 5]) {
      const from = put(path.join(where, `from-${length}`), 'x'.repeat(length), { mode: 0o640, belongsTo: owner })
      const to = path.join(where, `to-${length}`)
      expect(await host.copyFile(from, to, { as: owner })).toBe(length)
      expect(fs.readFileSync(to).equals(fs.readFileSync(from))).toBe(true)
      if (process.platform !== 'win32') expect(fs.statSync(to)).toMatchObject({ uid: owner.uid, mode: expect.toSatisfy((mode: number) => (mode & 0o777) === 0o600) })
    }
  })

  test('never over what is there, and not of what is no file', async () => {
    const where = directory()
    const [from, to] = [put(path.join(where, 'from'), 'new'), put(path.join(where, 'to'), 'old')]
    expect(await refusal(host.copyFile(from, to))).toBe('EEXIST')
    fs.symlinkSync('nowhere', path.join(where, 'link'))
    expect(await refusal(host.copyFile(from, path.join(where, 'link')))).toBe('EEXIST')
    expect(fs.readFileSync(to, 'utf8')).toBe('old')
    expect(await refusal(host.copyFile(where, path.join(where, 'other')))).toBe('EISDIR')
    expect(await refusal(host.copyFile(path.join(where, 'none'), path.join(where, 'other')))).toBe('ENOENT')
    expect(await refusal(host.copyFile(from, path.join(where, 'stopped'), { stop: AbortSignal.abort() }))).toBe('stopped')
    expect(fs.existsSync(path.join(where, 'nowhere'))).toBe(false)
  })

  test.skipIf(notRoot)('neither out of nor into what is closed to the account', async () => {
    const [closed, open] = [directory(), directory(owner)]
    const secret = put(path.join(closed, 'secret'), 'x', { mode: 0o600 })
    expect(await refusal(host.copyFile(secret, path.join(open, 'a'), { as: owner }))).toBe('EACCES')
    expect(await refusal(host.copyFile(put(path.join(open, 'b'), 'x', { belongsTo: owner }), path.join(closed, 'b'), { as: owner }))).toBe('EACCES')
  })
})

describe('rename and sync', () => {
  test('a directory gets another name, which must be free', async () => {
    const where = directory(owner)
    const from = path.join(where, 'from')
    await host.makeDirectory(from, { as: owner, mode: 0o700 })
    put(path.join(from, 'file'), 'x', { belongsTo: owner })
    await host.sync(path.join(from, 'file'), { as: owner })
    await host.sync(from, { as: owner })
    await host.makeDirectory(path.join(where, 'taken'), { as: owner, mode: 0o700 })
    expect(await refusal(host.rename(from, path.join(where, 'taken'), { as: owner }))).toBe('EEXIST')
    fs.symlinkSync('nowhere', path.join(where, 'link'))
    expect(await refusal(host.rename(from, path.join(where, 'link'), { as: owner }))).toBe('EEXIST')
    await host.rename(from, path.join(where, 'to'), { as: owner })
    expect(fs.readdirSync(where).sort()).toEqual(['link', 'taken', 'to'])
    expect(fs.readFileSync(path.join(where, 'to', 'file'), 'utf8')).toBe('x')
    expect(await refusal(host.rename(from, path.join(where, 'again'), { as: owner }))).toBe('ENOENT')
    expect(await refusal(host.sync(path.join(where, 'none'), { as: owner }))).toBe('ENOENT')
  })
})

describe.skipIf(process.platform === 'win32')('a program that reports', () => {
  test('its words come while it runs, and a wish to stop ends it with what it started', async () => {
    const stopping = new AbortController()
    let said = ''
    const run = host.run('sh', ['-c', 'echo one >&2; sleep 600 & echo $! >&2; wait'], {
      stop: stopping.signal,
      onStderr: (text) => {
        said += text
        if (/one\n\d+\n/.test(said)) stopping.abort()
      },
    })
    expect(await run).toMatchObject({ signal: 'SIGTERM', timedOut: false })
    const child = Number(said.split('\n')[1])
    expect(await host.processExists(child)).toBe(false)
    expect((await host.run('sleep', ['600'], { stop: AbortSignal.abort() })).signal).toBe('SIGTERM')
  })

  test('a time limit longer than a timer can be is none', async () => {
    expect((await host.run('true', [], { timeoutMs: 2 ** 40 })).timedOut).toBe(false)
  })
})
