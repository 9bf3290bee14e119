// A server whose WAL pgBackRest takes, synchronously and with its spool.
import fs from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runAs, TestServer } from '../support/server.ts'
import { configure, directoryOf, drained, expectNoAlarm, load, own, switchWal, whyNotInstalled } from './support.ts'

const reason = await whyNotInstalled('pgbackrest')

describe.skipIf(reason !== undefined)(`pgBackRest${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let server: TestServer
  let file: string
  const set = async (...lines: string[]) => {
    await fs.writeFile(file, [
      '[global]', `repo1-path=${server.root}/repo`, `log-path=${server.root}/log`, `lock-path=${server.root}/lock`, `spool-path=${server.root}/spool`, 'start-fast=y', 'compress-type=lz4', ...lines,
      '[main]', `pg1-path=${server.dataDir}`, `pg1-port=${server.port}`, `pg1-socket-path=${server.socketDir}`, 'pg1-user=postgres', ''].join('\n'))
    await own(server, file)
  }
  const pgbackrest = async (...args: string[]) => {
    const ran = await runAs(server.account, 'pgbackrest', [`--config=${file}`, '--stanza=main', ...args])
    expect(ran.code, `${args.join(' ')}: ${ran.stdout}${ran.stderr}`).toBe(0)
  }

  beforeAll(async () => {
    // pgBackRest of Debian 12 knows PostgreSQL up to 15.
    server = await TestServer.create(15)
    file = `${server.root}/pgbackrest.conf`
    for (const name of ['repo', 'log', 'lock', 'spool']) await directoryOf(server, name)
    await set()
    await configure(server, 'archive_mode = on', `archive_command = 'pgbackrest --config=${file} --stanza=main archive-push %p'`)
    await server.start()
    await pgbackrest('stanza-create')
    await pgbackrest('check')
  })
  afterAll(() => server?.remove())

  it('checked by pgBackRest itself: no alarm', async () => {
    await expectNoAlarm(server, 'after pgbackrest check')
  })

  it('during a backup of its own, under load', async () => {
    const busy = await load(server, 2)
    try {
      const backup = pgbackrest('backup', '--type=full')
      await expectNoAlarm(server, 'during pgbackrest backup')
      await backup
    } finally {
      await busy.stop()
    }
    await expectNoAlarm(server, 'after pgbackrest backup')
  })

  it('asynchronously, through its spool', async () => {
    await set('archive-async=y', 'process-max=2')
    const busy = await load(server, 2)
    try {
      await switchWal(server)
      await expectNoAlarm(server, 'asynchronously, under load')
    } finally {
      await busy.stop()
    }
    await drained(server)
    expect(await fs.readdir(`${server.root}/spool/archive/main/out`)).not.toEqual([])
    await expectNoAlarm(server, 'asynchronously, at rest')
  })
})
