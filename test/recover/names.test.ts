// Restore points with names that are typed exactly as they are, and with names that are there twice.
import fs from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { takePlainBackup } from '../support/base-backup.ts'
import { pgwal } from '../support/pgwal.ts'
import { open, Recoverable } from '../support/recoverable.ts'

const ODD = ['say "hi", time', " it's ", 'back\\slash', '部署前']

let one: Recoverable
let again: string
beforeAll(async () => {
  one = await Recoverable.prepare(18)
  await one.make(`${one.server.root}/scratch`)
  await one.server.start()
  const point = async (name: string): Promise<string> => {
    const [row] = await one.server.query<{ lsn: string }>('SELECT pg_create_restore_point($1)::text AS lsn', [name])
    return row!.lsn
  }
  let done = false
  const meanwhile = (async () => { while (!done) await point('during') })()
  await takePlainBackup(one.server, `${one.backups}/first`).finally(() => { done = true })
  await meanwhile
  await one.server.query('CREATE TABLE t (n int)')
  for (const name of ODD) await point(name)
  await point('during')
  await point('twice')
  await one.server.query('INSERT INTO t VALUES (1)')
  await one.archived()
  again = await point('twice')
  await one.server.query('INSERT INTO t VALUES (2)')
  await one.archived()
})
afterEach(() => { fs.rmSync(one.into, { recursive: true, force: true }) })
afterAll(() => one.remove())

async function drill(to: string): Promise<{ verdict: string; detail: { code: string; message: string; params: object } }> {
  const run = await pgwal(['verify', '-D', one.server.dataDir, '--json', '--drill', '--drill-dir', `${one.server.root}/scratch`, '--from-backup', one.backups, '--to', to], { PGWAL_STATE_DIR: one.state })
  return run.json().clusters[0].checks.find(({ id }: { id: string }) => id === 'backup-drill')
}

it('quotes, backslashes, other letters and blanks at the ends are parts of a name', async () => {
  for (const name of ODD) {
    const run = await one.recover('--json', '--dry-run', '--to', name)
    expect([run.code, run.json().plan?.target?.value], run.stdout).toEqual([0, name])
  }
  for (const name of [ODD[0]!, `name:${ODD[1]!}`]) expect(await drill(name)).toMatchObject({ verdict: 'pass', detail: { code: 'restored-to-target' } })
  expect(await one.refused('--json', '--to', "it's")).toMatchObject({ code: 'target-no-such-point', message: expect.stringContaining(`" it's "`) as string })
})

it('one that is there twice: the first is taken, as PostgreSQL does, both are told, and the other is had by its LSN', async () => {
  const run = await one.recover('--json', '--to', 'twice')
  expect(run.json().plan.target.sameName, run.stdout).toMatchObject([{}, { lsn: again }])
  expect(fs.readFileSync(`${one.into}/GUIDE.txt`, 'utf8').replace(/\s+/g, ' ')).toContain('there are 2 restore points of this name')
  await one.started(run, async (query) => {
    await open(query)
    expect(await query('SELECT n FROM t')).toEqual([])
  })
  await one.started(await one.recover('--json', '--to', again), async (query) => {
    await open(query)
    expect(await query('SELECT n FROM t')).toEqual([{ n: 1 }])
  })
  expect(await drill('twice')).toMatchObject({ verdict: 'pass', detail: { code: 'restored-to-first', params: { count: 2, lsn: again } } })
})

it('one that is there before the backup ended, and later again: recovery would stop at the first, where it cannot open', async () => {
  expect(await one.refused('--json', '--to', 'during')).toMatchObject({ code: 'target-before-backup' })
})
