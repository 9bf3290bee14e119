import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import { stuckSegmentFact } from '../../src/facts/stuck-segment.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { CLUSTER } from '../support/run-check.ts'

const NAME = '000000010000000000000003'
let root: string | undefined
afterEach(async () => {
  if (root !== undefined) await fs.rm(root, { recursive: true })
})

/** A stopped cluster of one waiting segment, and an archive. */
async function look(stored: Uint8Array | undefined, command = 'test ! -f A/%f && cp %p A/%f', name = NAME) {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-stuck-'))
  const [data, archive] = [path.join(root, 'data'), path.join(root, 'archive')]
  await fs.mkdir(path.join(data, 'pg_wal/archive_status'), { recursive: true })
  await fs.mkdir(archive)
  await fs.writeFile(path.join(data, 'pg_wal', NAME), own)
  await fs.writeFile(path.join(data, `pg_wal/archive_status/${NAME}.ready`), '')
  await fs.writeFile(path.join(data, 'postgresql.conf'), `archive_mode = on\narchive_command = '${command.replaceAll('A/', `${archive}/`)}'\n`)
  if (stored !== undefined) await fs.writeFile(path.join(archive, name), stored)
  const host = new NodeHost({ PATH: process.env['PATH'] })
  const { pid, ...stopped } = CLUSTER
  expect(pid).toBeDefined()
  const { gathering, close } = await gatheringFor(host, { ...stopped, running: false, dataDir: data, configFile: path.join(data, 'postgresql.conf'), owner: await host.self() })
  try {
    return await gathering.fact(stuckSegmentFact)
  } finally {
    await close()
  }
}

const own = Buffer.alloc(2_500_000, 7)
const changed = Buffer.from(own).fill(8, 2_000_000, 2_000_001)

it.each<[string, Uint8Array | undefined, object]>([
  ['nothing', undefined, { state: 'absent' }],
  ['the very same', own, { state: 'identical', size: own.length, wanted: own.length }],
  ['half of it', own.subarray(0, 1_200_000), { state: 'incomplete', size: 1_200_000, wanted: own.length }],
  ['an empty file', Buffer.alloc(0), { state: 'incomplete', size: 0 }],
  ['another of the same size', changed, { state: 'different' }],
  ['half of another', Buffer.alloc(1000, 9), { state: 'different' }],
  ['more than it', Buffer.alloc(2_600_000, 7), { state: 'different' }],
])('%s', async (_what, stored, expected) => {
  expect(await look(stored)).toMatchObject({ ok: true, value: { name: NAME, ...expected } })
})

it('what is compressed cannot be compared', async () => {
  expect(await look(Buffer.alloc(10), 'test ! -f A/%f.gz && gzip < %p > A/%f.gz', `${NAME}.gz`)).toMatchObject({ ok: true, value: { state: 'exists', size: 10 } })
})
