// A server's limits for others end neither a backup nor a drill, which take hours.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { withoutIdleLimit, withoutLimits } from '../../src/probes/drill/limits.ts'
import { connectionOf } from '../plan/support.ts'
import { TestServer } from '../support/server.ts'

const limits: readonly (readonly [name: string, since: number])[] = [
  ['statement_timeout', 12], ['lock_timeout', 12], ['idle_in_transaction_session_timeout', 12], ['idle_session_timeout', 14], ['transaction_timeout', 17],
]

describe.each([12, 17] as const)('PostgreSQL %i', (major) => {
  const known = limits.filter(([, since]) => since <= major).map(([name]) => name)
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.create(major, { conf: known.map((name) => `${name} = '1h'\n`).join('') })
    await server.start()
  })
  afterAll(() => server.remove())

  it.each([['all of them', withoutLimits, known], ['that for a session which waits', withoutIdleLimit, known.filter((name) => name === 'idle_session_timeout')]] as const)('%s', async (_, lift, lifted) => {
    const session = await new NodeHost(process.env).connect(connectionOf(server))
    try {
      await lift(session)
      const rows = await session.query("SELECT name FROM pg_settings WHERE name = ANY ($1) AND setting = '0'", [known])
      expect(rows.map(({ name }) => name).sort()).toEqual([...lifted].sort())
    } finally {
      await session.close()
    }
  })
})
