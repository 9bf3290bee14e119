// Logical replication: a publisher that archives, and a subscriber that archives too.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'
import { guarded } from './commands.ts'
import { configure, directoryOf, drained, expectNoAlarm, load, majorsOf } from './support.ts'

describe.each(majorsOf(16))('PostgreSQL %i with logical replication', (major) => {
  let publisher: TestServer
  let subscriber: TestServer

  beforeAll(async () => {
    [publisher, subscriber] = await Promise.all([TestServer.create(major), TestServer.create(major)])
    for (const server of [publisher, subscriber]) {
      await configure(server, 'archive_mode = on', `archive_command = '${guarded(await directoryOf(server, 'archive'))}'`, 'wal_level = logical')
      await server.start()
      await server.query('CREATE TABLE load (id serial PRIMARY KEY, at timestamptz DEFAULT now(), filler text)')
    }
    await publisher.query('CREATE PUBLICATION everything FOR ALL TABLES')
    await subscriber.query(`CREATE SUBSCRIPTION everything CONNECTION 'host=${publisher.socketDir} port=${publisher.port} user=postgres dbname=postgres' PUBLICATION everything`)
    await eventually(async () => (await publisher.query("SELECT 1 FROM pg_stat_replication WHERE application_name = 'everything' AND state = 'streaming'")).length === 1, 'a subscriber')
  })
  afterAll(async () => {
    await subscriber?.remove()
    await publisher?.remove()
  })

  it('neither gives an alarm, under load and at rest', async () => {
    const busy = await load(publisher, 3)
    try {
      await expectNoAlarm(publisher, 'the publisher under load')
      await expectNoAlarm(subscriber, 'the subscriber under load')
    } finally {
      await busy.stop()
    }
    const count = async (server: TestServer) => (await server.query<{ n: string }>('SELECT count(*) AS n FROM load'))[0]!.n
    const sent = await count(publisher)
    expect(Number(sent)).toBeGreaterThan(0)
    await eventually(async () => (await count(subscriber)) === sent, 'all rows')
    await drained(publisher)
    await drained(subscriber)
    await expectNoAlarm(publisher, 'the publisher at rest')
    await expectNoAlarm(subscriber, 'the subscriber at rest')
  })
})
