// undo must not put back files that the server would not start with any more, because of what was added since.
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

describe.each([12, 17] as const)('PostgreSQL %i, set up from wal_level = minimal', (major) => {
  let server: TestServer
  let state: string
  let conf: string
  const file = () => path.join(server.dataDir, 'postgresql.conf')
  const run = (...args: string[]) => pgwal([args[0]!, '-D', server.dataDir, '--json', '--yes', ...args.slice(1)], { PGWAL_STATE_DIR: state })

  beforeAll(async () => {
    server = await TestServer.create(major, { conf: 'wal_level = minimal\nmax_wal_senders = 0\n' })
    await server.start()
    state = await stateDirectory()
    conf = fs.readFileSync(file(), 'utf8')
    const done = await run('enable', '--archive-dir', `${server.root}/wal`)
    expect(done.code, done.stdout + done.stderr).toBe(0)
  })
  afterAll(async () => {
    await server.remove()
    fs.rmSync(state, { recursive: true, force: true })
  })

  /** Nothing was changed, and nobody stopped the server. */
  async function refused(reason: RegExp, ...args: string[]): Promise<void> {
    const [before, pid] = [fs.readFileSync(file(), 'utf8'), await server.pid()]
    const done = await run('undo', ...args)
    expect([done.code, await server.pid()], done.stdout + done.stderr).toEqual([2, pid])
    expect(done.json().error).toMatchObject({ code: 'old-files-refused', message: expect.stringMatching(reason) })
    expect(fs.readFileSync(file(), 'utf8')).toBe(before)
  }

  it('a replication slot was made', async () => {
    await server.query("SELECT pg_create_physical_replication_slot('standby')")
    await refused(/slot "standby" exists, but wal_level = minimal/)
    await refused(/slot "standby"/, '--force')
    await server.query("SELECT pg_drop_replication_slot('standby')")
  })

  it('somebody gave the server more senders, in another file', async () => {
    await server.query('ALTER SYSTEM SET max_wal_senders = 10')
    await server.restart()
    await refused(/max_wal_senders/)
    await server.query('ALTER SYSTEM RESET max_wal_senders')
    await server.restart()
  })

  it('it is a standby by now', async () => {
    const signal = `${server.dataDir}/standby.signal`
    fs.writeFileSync(signal, '')
    await server.restart()
    expect(await server.query('SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: true }])
    await refused(/max_wal_senders = 0, and a standby/)
    await server.stop()
    fs.rmSync(signal)
    await server.start()
  })

  it('nothing stands in its way: undone, and it runs', async () => {
    const temporary = server.client()
    await temporary.connect()
    // Goes with its session, as that of a running pg_basebackup does.
    await temporary.query("SELECT pg_create_physical_replication_slot('passing', true, true)")
    temporary.on('error', () => undefined)
    const done = await run('undo')
    expect(done.code, done.stdout + done.stderr).toBe(0)
    expect(fs.readFileSync(file(), 'utf8')).toBe(conf)
    expect(await server.query("SELECT current_setting('wal_level') AS level")).toEqual([{ level: 'minimal' }])
  })
})
