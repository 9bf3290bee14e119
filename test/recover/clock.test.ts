// A clock that was put back: commits with earlier times come behind later ones, and recovery stops at the first that is too late.
import fs from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { takePlainBackup } from '../support/base-backup.ts'
import { changeCommits } from '../support/commits.ts'
import { open, Recoverable } from '../support/recoverable.ts'

let one: Recoverable

/** Commits a row into a segment of its own; its commits then have times so many minutes ahead. */
async function commit(n: number, minutes: number): Promise<void> {
  await one.server.query('INSERT INTO t VALUES ($1)', [n])
  changeCommits(`${one.archive}/${await one.archived()}`, (record) => {
    record.writeBigInt64LE(record.readBigInt64LE(26) + BigInt(minutes) * 60_000_000n, 26)
  })
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
