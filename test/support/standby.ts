import { spawnSync } from 'node:child_process'
import fs from 'node:fs/promises'
import { expect } from 'vitest'
import { eventually } from './eventually.ts'
import { TestServer } from './server.ts'

/** A standby on a copy of a stopped primary's files, which are whole; it streams from `of`, and is not started. */
export async function standbyOf(primary: TestServer, name: string, of: TestServer = primary): Promise<TestServer> {
  const server = await TestServer.create(primary.major)
  const conf = await fs.readFile(`${server.dataDir}/postgresql.conf`, 'utf8')
  await fs.rm(server.dataDir, { recursive: true })
  const copied = spawnSync('cp', ['-a', primary.dataDir, server.dataDir], { encoding: 'utf8' })
  expect(copied.status, copied.stderr).toBe(0)
  await fs.writeFile(`${server.dataDir}/postgresql.conf`, `${conf}primary_conninfo = 'host=${of.socketDir} port=${of.port} user=postgres application_name=${name}'\n`)
  await fs.writeFile(`${server.dataDir}/standby.signal`, '')
  return server
}

/** Waits until a standby of that name streams. */
export function follows(of: TestServer, name: string): Promise<void> {
  return eventually(async () => (await of.query("SELECT 1 FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'", [name])).length === 1, `${name} streaming`)
}
