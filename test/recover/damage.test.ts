// A segment whose first page is whole and whose records are not: only a replay finds it.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packBackup, takePlainBackup } from '../support/base-backup.ts'
import { eventually } from '../support/eventually.ts'
import { pgwal } from '../support/pgwal.ts'
import { open, Recoverable, typed } from '../support/recoverable.ts'

describe.each([12, 18] as const)('PostgreSQL %i', (major) => {
  let one: Recoverable
  let file: string
  beforeAll(async () => {
    one = await Recoverable.prepare(major)
    await one.make(`${one.server.root}/scratch`)
    await one.server.start()
    await takePlainBackup(one.server, `${one.backups}/first`)
    await one.server.query('CREATE TABLE t (n int)')
    await one.archived()
    await one.server.query('INSERT INTO t SELECT generate_series(1, 5000)')
    file = `${one.archive}/${await one.archived()}`
    await one.server.query('INSERT INTO t VALUES (7)')
    await one.archived()
  })
  afterAll(() => one.remove())

  const drill = async (): Promise<object> => {
    const run = await pgwal(['verify', '-D', one.server.dataDir, '--json', '--drill', '--drill-dir', `${one.server.root}/scratch`, '--from-backup', one.backups], { PGWAL_STATE_DIR: one.state })
    return run.json().clusters[0].checks.find(({ id }: { id: string }) => id === 'backup-drill')
  }

  it('the latest is the end of the archive', async () => {
    await one.started(await one.recover('--json', '--to', 'latest'), async (query) => {
      await open(query)
      expect(await query('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 5001 }])
    })
  })

  it('bits that flipped in the middle: a drill of the backup names the file; a recovery to the latest does not open before it (12 does)', async () => {
    const bytes = fs.readFileSync(file)
    // As long as a record: a single byte may be one between two of them, which nobody reads.
    fs.writeFileSync(file, bytes.map((byte, at) => (at >= 100_000 && at < 100_064 ? byte ^ 1 : byte)))
    try {
      expect(await drill()).toMatchObject({ verdict: 'fail', findings: [{ code: 'target-damaged', params: { file } }] })
      if (major === 12) return
      const run = await one.recover('--json', '--to', 'latest')
      // It may have been consistent, and so up for pg_ctl, before it came to the damage.
      await typed(run.json().commands.start).catch(() => undefined)
      await eventually(async () => (await fsp.readFile(`${one.into}/server.log`, 'utf8')).includes('recovery ended before configured recovery target was reached'), 'the end of recovery')
      await eventually(() => Promise.resolve(!fs.existsSync(`${one.into}/data/postmaster.pid`)), 'the end of the server')
    } finally {
      fs.writeFileSync(file, bytes)
      fs.rmSync(one.into, { recursive: true, force: true })
    }
  })

  it('a compressed one that is cut off: named by a drill of the backup', async () => {
    await typed([`gzip ${file}`])
    fs.truncateSync(`${file}.gz`, fs.statSync(`${file}.gz`).size - 100)
    expect(await drill()).toMatchObject({ verdict: 'fail', findings: [{ code: 'target-damaged', params: { file: `${file}.gz` } }] })
  })
})

it('the newest backup is cut off: nothing of it is left, and the older one that leads there is told', async () => {
  const one = await Recoverable.prepare(17)
  try {
    await one.server.start()
    await takePlainBackup(one.server, `${one.backups}/old`)
    await one.archived()
    await takePlainBackup(one.server, `${one.server.root}/plain`)
    await packBackup(one.server, `${one.server.root}/plain`, `${one.backups}/new`)
    await one.server.query('CREATE TABLE t AS SELECT 1 AS n')
    await one.archived()
    fs.truncateSync(`${one.backups}/new/base.tar`, 5_000_000)
    const { message, remedy } = await one.refused('--to', 'latest')
    expect([message, remedy]).toEqual([expect.stringContaining(`${one.backups}/new/base.tar`), expect.stringContaining(`--from-backup ${one.backups}/old`)])
    await one.started(await one.recover('--json', '--to', 'latest', '--from-backup', `${one.backups}/old`), async (query) => {
      await open(query)
      expect(await query('SELECT n FROM t')).toEqual([{ n: 1 }])
    })
    // Alone there is none to tell of.
    const alone = await one.refused('--to', 'latest', '--archive', one.archive, '--from-backup', `${one.backups}/new`)
    expect(alone.remedy).not.toContain('--from-backup')
  } finally {
    await one.remove()
  }
})
