// The files of a real server's data directory that the server does not read.
import fs from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import { strayFilesFact } from '../../src/facts/stray-files.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { TestServer } from '../support/server.ts'

describe('stray files', () => {
  let server: TestServer
  const strays = async (over: Partial<Cluster> = {}) => {
    const open = await gatheringFor(new NodeHost({ PATH: process.env['PATH'] }), { ...(await clusterOf(server)), ...over })
    try {
      const outcome = await open.gathering.fact(strayFilesFact)
      return outcome.ok ? outcome.value : outcome.why
    } finally {
      await open.close()
    }
  }
  beforeAll(async () => {
    server = await TestServer.create(14)
    await server.start()
  })
  afterAll(() => server.remove())

  it('an exclusive backup, and the label of a copy', async () => {
    expect(await strays()).toEqual({})
    await server.query("SELECT pg_start_backup('x', true, true)")
    expect(await strays()).toMatchObject({ label: { path: `${server.dataDir}/backup_label`, exclusive: true } })
    await server.query('SELECT pg_stop_backup()')
    expect(await strays()).toEqual({})
    await fs.writeFile(`${server.dataDir}/backup_label`, 'START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nBACKUP METHOD: streamed\n')
    expect(await strays()).toMatchObject({ label: { exclusive: false } })
    await fs.rm(`${server.dataDir}/backup_label`)
  })

  it('what a postgresql.conf says of archiving, the last line of each, under the name of today; a link is the same file', async () => {
    const elsewhere = { configFile: `${server.root}/postgresql.conf`, hbaFile: `${server.root}/pg_hba.conf` }
    await fs.appendFile(`${server.dataDir}/postgresql.conf`, "work_mem = 1MB\narchive_mode = off\nArchive_Mode = on\ninclude_if_exists 'archive_command'\n")
    const found = await strays(elsewhere)
    expect(found).toMatchObject({ conf: { path: `${server.dataDir}/postgresql.conf`, settings: [{ name: 'archive_mode', value: 'on' }] }, hba: { edited: false } })
    for (const file of [elsewhere.configFile, elsewhere.hbaFile]) await fs.symlink(file.replace(server.root, server.dataDir), file)
    expect(await strays(elsewhere)).toEqual({})
  })

  it('what a saved file of facts keeps of a command has no secret', () => {
    const fact = { conf: { path: '/d/postgresql.conf', settings: [{ name: 'archive_command', value: 'PGPASSWORD=hidden x %p', line: 1 }] } }
    expect(JSON.stringify(strayFilesFact.saved!.pack(fact))).not.toContain('hidden')
  })
})
