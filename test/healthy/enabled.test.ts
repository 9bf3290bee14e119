// A cluster that `pgwal enable` has just set up, and what a healthy server goes through after that.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'
import { alarms, configure, doctor, drained, expectNoAlarm, load, majorsOf, switchWal } from './support.ts'

const HBA = 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n'

describe.each(majorsOf(12, 18))('PostgreSQL %i after pgwal enable', (major) => {
  let server: TestServer
  let state: string
  const archive = () => `${server.root}/archive`
  const healthy = (when: string) => expectNoAlarm(server, when, { env: { PGWAL_STATE_DIR: state } })

  beforeAll(async () => {
    server = await TestServer.create(major, { hba: HBA })
    await server.start()
    state = await stateDirectory()
    const enabled = await pgwal(['enable', '-D', server.dataDir, '--yes', '--json', '--archive-dir', archive()], { PGWAL_STATE_DIR: state })
    expect(enabled.json().outcome, enabled.stdout + enabled.stderr).toBe('applied')
  })
  afterAll(async () => {
    await server.remove()
    await fs.rm(state, { recursive: true, force: true })
  })

  it('at once', async () => {
    const seen = await doctor(server.dataDir, { env: { PGWAL_STATE_DIR: state } })
    expect(alarms(seen)).toEqual([])
    expect(seen.code).toBe(0)
    for (const id of ['archive-mode', 'archiver-running', 'archiver-failures', 'replication-rule']) expect(seen.checks.find((one) => one.id === id)?.verdict, id).toBe('pass')
  })

  it('under load, with a base backup running, and when that is done', async () => {
    const busy = await load(server)
    const backup = server.client()
    try {
      await healthy('under load')
      await backup.connect()
      await backup.query(major >= 15 ? "SELECT pg_backup_start('healthy', true)" : "SELECT pg_start_backup('healthy', true, false)")
      await healthy('under load, during a base backup')
      await backup.query(major >= 15 ? 'SELECT * FROM pg_backup_stop()' : 'SELECT * FROM pg_stop_backup(false)')
      await healthy('under load, after the base backup')
    } finally {
      await backup.end()
      await busy.stop()
    }
    expect((await fs.readdir(archive())).filter((name) => name.endsWith('.backup'))).toHaveLength(1)
  })

  it('right after a restart, and after a crash', async () => {
    await server.restart()
    await healthy('after a restart')
    await switchWal(server)
    await server.stop('immediate')
    await server.start()
    await healthy('after a crash')
  })

  it('with the statistics reset', async () => {
    await drained(server)
    await server.query("SELECT pg_stat_reset_shared('archiver')")
    await healthy('statistics reset')
    await switchWal(server)
    await drained(server)
    await healthy('statistics reset, one segment later')
  })

  it('with failures that are cured', async () => {
    await fs.rename(archive(), `${archive()}.away`)
    const [{ since }] = await server.query<{ since: string }>('SELECT clock_timestamp()::text AS since') as [{ since: string }]
    await switchWal(server)
    await eventually(async () => (await server.query('SELECT 1 FROM pg_stat_archiver WHERE last_failed_time > $1::timestamptz', [since])).length === 1, 'a failure')
    await fs.rename(`${archive()}.away`, archive())
    await switchWal(server)
    await drained(server)
    await healthy('failures cured')
    await server.restart()
    await healthy('failures cured, after a restart')
  })

  it('idle for days, with archive_timeout', async () => {
    await configure(server, "archive_timeout = '60s'")
    await server.pgCtl('reload')
    await switchWal(server)
    await drained(server)
    await eventually(async () => (await server.query("SELECT 1 FROM pg_settings WHERE name = 'archive_timeout' AND setting = '60'")).length === 1)
    await expectNoAlarm(server, 'nothing written since', { daysLater: 5 })
    await lastArchivedDaysAgo(server, archive(), 5)
    await healthy('the last segment archived days ago')
  })
})

/** The server's own statistics, which it writes when it stops, and the files, set back: it archived something last some days ago. */
async function lastArchivedDaysAgo(server: TestServer, archive: string, days: number): Promise<void> {
  const read = async () => BigInt((await server.query<{ at: string }>("SELECT (extract(epoch FROM last_archived_time - '2000-01-01 00:00:00+00')::numeric * 1000000)::bigint::text AS at FROM pg_stat_archiver"))[0]!.at)
  const before = await read()
  await server.stop()
  const directory = path.join(server.dataDir, 'pg_stat')
  const back = BigInt(days) * 86_400_000_000n
  const latest = BigInt(Date.now() - Date.UTC(2000, 0, 1)) * 1000n
  for (const name of await fs.readdir(directory)) {
    const file = path.join(directory, name)
    const bytes = await fs.readFile(file)
    for (let at = 0; at + 8 <= bytes.length; at++) {
      const time = bytes.readBigInt64LE(at)
      if (time >= before && time <= latest) bytes.writeBigInt64LE(time - back, at)
    }
    await fs.writeFile(file, bytes)
  }
  const old = new Date(Date.now() - days * 86_400_000)
  for (const place of [archive, path.join(server.dataDir, 'pg_wal', 'archive_status')]) {
    for (const name of await fs.readdir(place)) await fs.utimes(path.join(place, name), old, old)
  }
  await server.start()
  expect(Number(latest - (await read())) / Number(back)).toBeGreaterThan(0.9)
}
