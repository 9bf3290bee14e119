// A standby that archives always, into its primary's archive: the second of both fails for ever.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { alarms, configure, directoryOf, look, switchWal } from '../healthy/support.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'
import { follows, standbyOf } from '../support/standby.ts'

let primary: TestServer
let standby: TestServer | undefined

beforeAll(async () => {
  primary = await TestServer.create(17)
  const archive = await directoryOf(primary, 'archive')
  const command = `test ! -f ${archive}/%f && cp %p ${archive}/%f`
  await configure(primary, 'archive_mode = on', `archive_command = '${command}'`)
  await primary.start()
  await primary.stop()
  standby = await standbyOf(primary, 'always')
  // The primary comes first.
  await configure(standby, 'archive_mode = always', `archive_command = 'for i in 1 2 3 4 5 6 7 8 9; do test -f ${archive}/%f && break; sleep 1; done; ${command}'`)
  await primary.start()
  await standby.start()
  await follows(primary, 'always')
})
afterAll(async () => {
  await standby?.remove()
  await primary?.remove()
})

const archiverOf = async (server: TestServer) => alarms(await look(server)).filter((alarm) => alarm.startsWith('archiver-'))

it('D12: is named, and healed by archive_mode = on', async () => {
  await switchWal(primary)
  await eventually(async () => (await archiverOf(standby!)).some((alarm) => alarm.startsWith('archiver-failures/')), 'a failure at the standby', 30_000)
  expect((await archiverOf(standby!)).map((alarm) => alarm.replace(/:.*/, ''))).toEqual(['archiver-failures/stored-by-another'])
  expect(await archiverOf(primary)).toEqual([])
  await configure(standby!, 'archive_mode = on')
  await standby!.restart()
  expect(await archiverOf(standby!)).toEqual([])
})
