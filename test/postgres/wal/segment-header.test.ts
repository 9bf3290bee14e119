import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseWalName } from '../../../src/postgres/wal/names.ts'
import { checkSegment, readSegmentHeader, SEGMENT_HEADER_BYTES } from '../../../src/postgres/wal/segment-header.ts'
import { MAJORS, TestServer } from '../../support/server.ts'

interface Fields { magic?: number; info?: number; timeline?: number; address?: bigint; id?: bigint; size?: number; block?: number; little?: boolean }

function header(fields: Fields = {}): Uint8Array {
  const view = new DataView(new ArrayBuffer(SEGMENT_HEADER_BYTES))
  const little = fields.little ?? true
  view.setUint16(0, fields.magic ?? 0xD110, little)
  view.setUint16(2, fields.info ?? 2, little)
  view.setUint32(4, fields.timeline ?? 1, little)
  view.setBigUint64(8, fields.address ?? 0x3000000n, little)
  view.setBigUint64(24, fields.id ?? 7_000_000_000_000_000_001n, little)
  view.setUint32(32, fields.size ?? 16 << 20, little)
  view.setUint32(36, fields.block ?? 8192, little)
  return new Uint8Array(view.buffer)
}

const NAME = '000000010000000000000003'
const codes = (...args: Parameters<typeof checkSegment>): string[] => checkSegment(...args).map((problem) => problem.code)

describe('readSegmentHeader', () => {
  it('reads both byte orders', () => {
    for (const little of [true, false]) {
      expect(readSegmentHeader(header({ little, id: 0xF123456789ABCDEFn }))).toEqual({
        magic: 0xD110, major: 15, byteOrder: little ? 'little' : 'big', timeline: 1, pageAddress: 0x3000000n,
        systemIdentifier: 0xF123456789ABCDEFn, segmentSize: 16 << 20, blockSize: 8192,
      })
    }
  })

  it('takes an unknown magic for an unknown version, not for an error', () => {
    expect(readSegmentHeader(header({ magic: 0xD999 }))).toMatchObject({ magic: 0xD999, major: undefined, segmentSize: 16 << 20 })
  })

  it.each([
    ['short', new Uint8Array(39)],
    ['short', new Uint8Array(0)],
    ['zeroed', new Uint8Array(40)],
    ['not-wal', new Uint8Array(40).fill(0x20)],
    ['not-wal', new TextEncoder().encode('1\t0/3000158\tno recovery target specified\n')],
    ['not-wal', header({ info: 0 })],
    ['not-wal', header({ size: 3 << 20 })],
    ['not-wal', header({ block: 0 })],
    ['not-wal', header({ magic: 0 })],
  ])('%s', (error, bytes) => {
    expect(readSegmentHeader(bytes)).toEqual({ error })
  })

  it('reads from the middle of a larger buffer', () => {
    const padded = new Uint8Array(100)
    padded.set(header(), 7)
    expect(readSegmentHeader(padded.subarray(7))).toMatchObject({ major: 15 })
  })
})

describe('checkSegment', () => {
  const good = readSegmentHeader(header())
  const expected = { systemIdentifier: 7_000_000_000_000_000_001n, segmentSize: 16 << 20, fileSize: 16 << 20 }

  it('finds nothing wrong with the right segment, full or partial', () => {
    expect(codes(NAME, good, expected)).toEqual([])
    expect(codes(`${NAME}.partial`, good, expected)).toEqual([])
  })

  it.each([
    ['another cluster', NAME, header({ id: 1n }), {}, ['system-identifier']],
    ['another segment size', NAME, header({ size: 1 << 20, address: 0x300000n }), {}, ['segment-size']],
    ['truncated file', NAME, header(), { fileSize: 400_000 }, ['file-size']],
    ['content of another segment', NAME, header({ address: 0x4000000n }), {}, ['page-address']],
    ['a later timeline inside', NAME, header({ timeline: 2 }), {}, ['timeline']],
    ['zeros', NAME, new Uint8Array(40), {}, ['zeroed']],
    ['empty file', NAME, new Uint8Array(0), { fileSize: 0 }, ['file-size', 'short']],
    ['impossible name', '000000010000000000000100', header(), {}, ['name']],
    ['a name of another kind', '00000002.history', header(), {}, ['name']],
  ])('%s', (_what, name, bytes, more, problems) => {
    expect(codes(name, readSegmentHeader(bytes), { ...expected, ...more })).toEqual(problems)
  })

  it('accepts an ancestor in the first segment of a timeline, and no other', () => {
    const child = `00000003${NAME.slice(8)}`
    expect(codes(child, good, expected)).toEqual([])
    expect(codes(child, good, { ...expected, ancestors: new Set([1, 2]) })).toEqual([])
    expect(codes(child, good, { ...expected, ancestors: new Set([2]) })).toEqual(['timeline'])
  })
})

describe('the first segment of a real cluster', () => {
  const servers: TestServer[] = []
  afterAll(async () => {
    for (const server of servers) await server.remove()
  })

  it.each(MAJORS)('%i', async (major) => {
    const mib = major % 2 === 0 ? 1 : 4
    const server = await TestServer.create(major, { walSegmentMiB: mib })
    servers.push(server)
    // pg_control begins with the system identifier (catalog/pg_control.h).
    const systemIdentifier = (await fs.readFile(path.join(server.dataDir, 'global', 'pg_control'))).readBigUInt64LE(0)
    const name = (await fs.readdir(path.join(server.dataDir, 'pg_wal'))).find((file) => parseWalName(file).kind === 'segment')!
    const bytes = await fs.readFile(path.join(server.dataDir, 'pg_wal', name))
    const read = readSegmentHeader(bytes)
    expect(read).toMatchObject({ major, systemIdentifier, segmentSize: mib << 20, timeline: 1 })
    expect(checkSegment(name, read, { systemIdentifier, segmentSize: mib << 20, fileSize: bytes.length })).toEqual([])
  })
})
