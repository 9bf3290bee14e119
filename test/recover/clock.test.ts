// A clock that was put back: commits with earlier times come behind later ones, and recovery stops at the first that is too late.
import fs from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { CRC32C_START, updateCrc32c } from '../../src/postgres/backup/crc32c.ts'
import { LandmarkReader } from '../../src/postgres/wal/index.ts'
import { takePlainBackup } from '../support/base-backup.ts'
import { open, Recoverable } from '../support/recoverable.ts'

const SEGMENT = 1 << 20
let one: Recoverable

/** Commits a row into a segment of its own; its commits then have times so many minutes ahead. */
async function commit(n: number, minutes: number): Promise<void> {
  await one.server.query('INSERT INTO t VALUES ($1)', [n])
  const name = await one.archived()
  const file = `${one.archive}/${name}`
  const bytes = fs.readFileSync(file)
  const start = BigInt(Number.parseInt(name.slice(16), 16) * SEGMENT)
  for (const { kind, lsn, end } of new LandmarkReader().read(bytes, start)) {
    const at = Number(lsn - start)
    const length = bytes.readUInt32LE(at)
    // One that goes on in the next page stays as it is.
    if (kind !== 'commit' || Number(end - lsn) > length + 7) continue
    bytes.writeBigInt64LE(bytes.readBigInt64LE(at + 26) + BigInt(minutes) * 60_000_000n, at + 26)
    const crc = updateCrc32c(updateCrc32c(CRC32C_START, bytes.subarray(at + 24, at + length)), bytes.subarray(at, at + 20))
    bytes.writeUInt32LE((crc ^ 0xFFFF_FFFF) >>> 0, at + 20)
  }
  fs.writeFileSync(file, bytes)
}

beforeAll(async () => {
  one = await Recoverable.prepare(17, { conf: 'autovacuum = off' })
  await one.server.start()
  await one.server.query('CREATE TABLE t (n int)')
  await takePlainBackup(one.server, `${one.backups}/first`)
  for (const [n, minutes] of [[1, 0], [2, 10], [3, 0], [4, 0], [5, 0]] as const) await commit(n, minutes)
})
afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
afterAll(() => one.remove())

const inFiveMinutes = (): string => new Date(Date.now() + 5 * 60_000).toISOString()

async function promised(): Promise<void> {
  const run = await one.recover('--json', '--to', inFiveMinutes())
  await one.started(run, async (query) => {
    await open(query)
    expect(await query('SELECT n FROM t ORDER BY n')).toEqual([{ n: 1 }])
  })
  const { lastIn, firstOut, clockBack } = run.json().plan.target
  expect(Date.parse(lastIn.at)).toBeLessThan(Date.now())
  expect(Date.parse(firstOut.at)).toBeGreaterThan(Date.now() + 6 * 60_000)
  // With the LSN that is told for them, they are in.
  expect(Date.parse(clockBack.at)).toBeLessThan(Date.now())
  const further = await one.recover('--json', '--to', clockBack.lsn)
  await one.started(further, async (query) => {
    await open(query)
    expect(await query('SELECT n FROM t ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 }])
  })
}

it('the plan has in what the server restores, though the archive ends with commits before the target', promised)

it('nor does a later one beyond the target promise more', async () => {
  await commit(6, 20)
  await promised()
  const { stdout } = await one.recover('--dry-run', '--to', inFiveMinutes())
  expect(stdout).toContain('The server\'s clock was put back')
})
