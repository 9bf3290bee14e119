// The archive of a real server with a gap; what the check makes of it is tested there.
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import { archiveContentsFact } from '../../src/facts/archive-contents.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { eventually } from '../support/eventually.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let archive: string
const host = new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: `${os.tmpdir()}/pgwal-no-such-state` })

beforeAll(async () => {
  server = await TestServer.create(17)
  archive = `${server.root}/archive`
  await fs.mkdir(archive, { mode: 0o700 })
  if (process.getuid?.() === 0) await fs.chown(archive, server.account.uid, server.account.gid)
  await fs.appendFile(`${server.dataDir}/postgresql.conf`, `archive_mode = on\narchive_command = 'test ! -f ${archive}/%f && cp %p ${archive}/%f'\n`)
  await server.start()
})
afterAll(() => server.remove())

async function contents() {
  const { gathering, close } = await gatheringFor(host, await clusterOf(server))
  try {
    const outcome = await gathering.fact(archiveContentsFact)
    if (!outcome.ok) throw new Error(JSON.stringify(outcome.why))
    return outcome.value
  } finally {
    await close()
  }
}

async function archived(): Promise<string> {
  await server.query("SELECT pg_create_restore_point('x')")
  const [row] = await server.query<{ name: string }>('SELECT pg_walfile_name(pg_switch_wal() - 1) AS name')
  await eventually(async () => (await fs.readdir(archive)).includes(row!.name))
  return row!.name
}

it('finds the gap, and the server\'s timeline', async () => {
  const names = [await archived(), await archived(), await archived()]
  expect(await contents()).toMatchObject({ gaps: [], current: 1, missingHistories: [], timelines: [{ timeline: 1 }] })
  await fs.rm(path.join(archive, names[1]!))
  expect((await contents()).gaps).toMatchObject([{ first: names[1], last: names[1], count: 1, neededBy: [1] }])
})
