// A primary with standbys: one that archives nothing until it is promoted, one that archives on its own, one behind another;
// then a promotion, which switches the timeline while doctor looks.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestServer } from '../support/server.ts'
import { follows, standbyOf } from '../support/standby.ts'
import { configure, directoryOf, drained, expectNoAlarm, load, majorsOf, switchWal } from './support.ts'
import { guarded } from './commands.ts'

describe.each(majorsOf(13, 17))('PostgreSQL %i with standbys', (major) => {
  let primary: TestServer
  /** archive_mode = on. */
  let waiting: TestServer
  /** archive_mode = always, with an archive of its own. */
  let always: TestServer
  /** Streams from `waiting`. */
  let cascaded: TestServer
  const all = () => [primary, waiting, always, cascaded]

  beforeAll(async () => {
    primary = await TestServer.create(major)
    await configure(primary, 'archive_mode = on', `archive_command = '${guarded(await directoryOf(primary, 'archive'))}'`, major >= 13 ? 'wal_keep_size = 64MB' : 'wal_keep_segments = 64')
    await primary.start()
    await primary.query("SELECT pg_create_physical_replication_slot('waiting')")
    await switchWal(primary)
    await drained(primary)
    await primary.stop()
    const restore = `restore_command = 'cp ${primary.root}/archive/%f "%p"'`
    const command = `archive_command = '${guarded(`${primary.root}/archive`)}'`
    const standby = async (name: string, of: TestServer, ...lines: string[]) => {
      const server = await standbyOf(primary, name, of)
      await configure(server, ...lines)
      return server
    }
    waiting = await standby('waiting', primary, "primary_slot_name = 'waiting'", 'archive_mode = on', command, restore, major >= 13 ? 'wal_keep_size = 64MB' : 'wal_keep_segments = 64')
    always = await standby('always', primary, 'archive_mode = always', restore)
    await configure(always, `archive_command = '${guarded(await directoryOf(always, 'archive'))}'`)
    cascaded = await standby('cascaded', waiting, 'archive_mode = on', command)
    for (const server of all()) await server.start()
    await follows(primary, 'waiting')
    await follows(primary, 'always')
    await follows(waiting, 'cascaded')
  })
  afterAll(async () => {
    for (const server of all().reverse()) await server?.remove()
  })

  it('none of them gives an alarm', async () => {
    const busy = await load(primary, 2)
    try {
      for (const server of all()) await expectNoAlarm(server, `under load: ${server === primary ? 'the primary' : server === waiting ? 'archive_mode on' : server === always ? 'archive_mode always' : 'cascaded'}`)
    } finally {
      await busy.stop()
    }
    await switchWal(primary)
    await drained(primary)
    for (const server of all()) await expectNoAlarm(server, 'at rest')
  })

  it('nor a standby that was restarted', async () => {
    for (const server of [waiting, always]) {
      await server.restart()
      await expectNoAlarm(server, 'restarted')
    }
    await follows(waiting, 'cascaded')
  })

  it('nor a promotion, while it happens and after it', async () => {
    await switchWal(primary)
    await drained(primary)
    await primary.stop()
    const promoting = waiting.pgCtl('promote')
    await expectNoAlarm(waiting, 'while it is promoted')
    expect((await promoting).code).toBe(0)
    await expectNoAlarm(waiting, 'right after the promotion')
    await expectNoAlarm(cascaded, 'behind the promoted one')
    await switchWal(waiting)
    await drained(waiting)
    await expectNoAlarm(waiting, 'on the new timeline')
    await follows(waiting, 'cascaded')
    await expectNoAlarm(cascaded, 'following to the new timeline')
  })
})
