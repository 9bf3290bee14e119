// The manifest of a base backup, read, compared and written; the real ones are of Debian's pg_basebackup, and its
// pg_verifybackup is asked about ours.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CRC32C_START, crc32cText, updateCrc32c } from '../../../src/postgres/backup/crc32c.ts'
import { comparedFiles, compareWithManifest, MANIFEST_NAME, readManifest, sameChecksum, writeManifest } from '../../../src/postgres/backup/manifest.ts'
import type { BackupManifest } from '../../../src/postgres/backup/manifest.ts'
import { DEBIAN_BIN, runAs, TestServer } from '../../support/server.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const crc = (content: Uint8Array): string => crc32cText(updateCrc32c(CRC32C_START, content))
const sha256 = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex')

describe('CRC-32C', () => {
  it('of RFC 3720, in the order of memory', () => {
    expect(crc(bytes('123456789'))).toBe('839206e3')
    expect(crc(new Uint8Array(32))).toBe('aa36918a')
    expect(crc(new Uint8Array(32).fill(0xFF))).toBe('43aba862')
    expect(crc(new Uint8Array(0))).toBe('00000000')
  })

  it('is the same in pieces of any length', () => {
    const content = Uint8Array.from({ length: 1000 }, (_, at) => (at * 7919) & 0xFF)
    for (const cut of [1, 7, 8, 9, 500, 999]) {
      expect(crc32cText(updateCrc32c(updateCrc32c(CRC32C_START, content.subarray(0, cut)), content.subarray(cut)))).toBe(crc(content))
    }
  })
})

describe('readManifest', () => {
  const text = (version: number, identifier = '', files = '', wal = ''): Uint8Array => {
    const signed = `{ "PostgreSQL-Backup-Manifest-Version": ${version},\n${identifier}"Files": [${files}],\n"WAL-Ranges": [${wal}],\n`
    return bytes(`${signed}"Manifest-Checksum": "${sha256(bytes(signed))}"}\n`)
  }

  it('a system identifier of 64 bits, a name that is no UTF-8, a file without a checksum', () => {
    const found = readManifest(text(2, '"System-Identifier": 7399582941567394817,\n', `
{ "Encoded-Path": "626173652fff", "Size": 5, "Last-Modified": "2026-11-23 09:00:01 GMT", "Checksum-Algorithm": "SHA256", "Checksum": "${'AB'.repeat(32)}" },
{ "Path": "a \\"System-Identifier\\": 1", "Size": 0, "Last-Modified": "2026-11-23 09:00:01 GMT" }`, '{ "Timeline": 12, "Start-LSN": "A/2000028", "End-LSN": "A/2000100" }'))
    expect(found).toMatchObject({
      version: 2, systemIdentifier: 7399582941567394817n,
      files: [
        { path: 'base/\uFFFD', size: 5, modified: '2026-11-23T09:00:01.000Z', checksum: { algorithm: 'SHA256', hex: 'ab'.repeat(32) } },
        { path: 'a "System-Identifier": 1', size: 0 },
      ],
      wal: [{ timeline: 12, start: 0xA_0200_0028n, end: 0xA_0200_0100n }],
    })
  })

  it('what is none says so', () => {
    const whole = text(1)
    expect(readManifest(whole)).toMatchObject({ version: 1, files: [], wal: [] })
    expect(readManifest(text(3))).toEqual({ problem: 'version' })
    for (const length of [0, 1, 40, whole.length - 3, whole.length - 40]) expect(readManifest(whole.subarray(0, length)), String(length)).toEqual({ problem: 'cut-off' })
    expect(readManifest(text(1, '', '{ "Path": "a", "Size": -1 }'))).toEqual({ problem: 'syntax' })
    expect(readManifest(text(1, '', '{ "Path": "a", "Size": 1, "Checksum-Algorithm": "MD5", "Checksum": "00" }'))).toEqual({ problem: 'syntax' })
    expect(readManifest(text(1, '', '{ "Size": 1 }'))).toEqual({ problem: 'syntax' })
    expect(readManifest(text(1, '', '{]'))).toEqual({ problem: 'syntax' })
    expect(readManifest(text(1, '', '', '{ "Timeline": 1, "Start-LSN": "x", "End-LSN": "0/0" }'))).toEqual({ problem: 'syntax' })
  })
})

it('compareWithManifest: as pg_verifybackup', () => {
  const files = ['PG_VERSION', 'base/1/1', 'base/1/2', 'postgresql.auto.conf'].map((path) => ({ path, size: 10 }))
  const there = new Map([['PG_VERSION', 10], ['base/1/2', 9], ['base/1/3', 1], ['backup_manifest', 5], ['pg_wal/000000010000000000000002', 1], ['standby.signal', 0], ['pg_walx', 1]])
  expect(compareWithManifest({ files }, there)).toEqual([
    { code: 'missing', path: 'base/1/1' },
    { code: 'size', path: 'base/1/2', found: 9, expected: 10 },
    { code: 'extra', path: 'base/1/3' },
    { code: 'extra', path: 'pg_walx' },
  ])
  expect(comparedFiles({ files }).map(({ path }) => path)).toEqual(['PG_VERSION', 'base/1/1', 'base/1/2'])
})

it('the CRC of a big-endian server is the same one', () => {
  expect(sameChecksum({ algorithm: 'CRC32C', hex: 'e3069283' }, '839206e3')).toBe(true)
  expect(sameChecksum({ algorithm: 'SHA256', hex: 'e3069283' }, '839206e3')).toBe(false)
  expect(sameChecksum({ algorithm: 'CRC32C', hex: 'e3069284' }, '839206e3')).toBe(false)
})

describe.skipIf(!fs.existsSync(`${DEBIAN_BIN}/pg_basebackup`))('manifests of pg_basebackup', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.create(15, { binDir: DEBIAN_BIN })
    await server.start()
  })
  afterAll(() => server.remove())

  it.each(['CRC32C', 'SHA224', 'NONE'])('with %s: each file has that size and checksum, and written by us it convinces pg_verifybackup', async (algorithm) => {
    const backup = `${server.root}/${algorithm}`
    const made = await runAs(server.account, `${DEBIAN_BIN}/pg_basebackup`, ['-h', server.socketDir, '-p', String(server.port), '-U', 'postgres', '-D', backup, '-X', 'fetch', '-c', 'fast', '--no-sync', `--manifest-checksums=${algorithm}`])
    expect(made.code, made.stderr).toBe(0)
    const content = await fsp.readFile(`${backup}/${MANIFEST_NAME}`)
    const manifest = readManifest(content) as BackupManifest
    expect(sha256(content.subarray(0, manifest.signedBytes))).toBe(manifest.sha256)
    expect(manifest.files.length).toBeGreaterThan(500)
    for (const { path, size, checksum } of manifest.files) {
      const file = await fsp.readFile(`${backup}/${path}`)
      expect(file.length, path).toBe(size)
      const own = algorithm === 'CRC32C' ? crc(file) : algorithm === 'NONE' ? undefined : createHash(algorithm).update(file).digest('hex')
      expect(checksum?.hex, path).toBe(own)
    }

    const signed = await Promise.all(manifest.files.map(async ({ path, size, modified }) => ({ path, size, modified: modified!, checksum: { algorithm: 'CRC32C' as const, hex: crc(await fsp.readFile(`${backup}/${path}`)) } })))
    await fsp.writeFile(`${backup}/${MANIFEST_NAME}`, writeManifest(signed, manifest.wal, sha256))
    const verified = await runAs(server.account, `${DEBIAN_BIN}/pg_verifybackup`, [backup])
    expect(verified.stdout + verified.stderr).toContain('backup successfully verified')
    expect(readManifest(await fsp.readFile(`${backup}/${MANIFEST_NAME}`))).toMatchObject({ wal: manifest.wal, files: signed })
  })
})
