// The four classic complaints, each made for real and named exactly.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

const HBA = 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n'

describe('the four classic complaints', () => {
  let server: TestServer
  let state: string
  const conf = () => path.join(server.dataDir, 'postgresql.conf')
  const run = (...args: string[]) => pgwal([args[0]!, '-D', server.dataDir, '--json', ...args.slice(1)], { PGWAL_STATE_DIR: state })
  const findings = async (...args: string[]): Promise<string[]> =>
    (await run(...args)).json().clusters[0].checks.flatMap((check: { id: string; findings?: { code: string }[] }) => (check.findings ?? []).map(({ code }) => `${check.id}/${code}`))
  const archiveTo = async (directory: string) => {
    await fs.appendFile(conf(), `archive_mode = on\narchive_command = 'test ! -f ${directory}/%f && cp %p ${directory}/%f'\n`)
    await server.restart()
    await server.query("SELECT pg_create_restore_point('x')")
    await server.query('SELECT pg_switch_wal()')
    // The archiver tries three times, a second apart, and then says so.
    for (let tries = 0; tries < 100 && !/failed too many times|archive command failed/.test(await server.log()); tries++) await new Promise((resolve) => setTimeout(resolve, 100))
  }

  beforeAll(async () => {
    server = await TestServer.create(17, { hba: HBA })
    await server.start()
    state = await stateDirectory()
  })
  afterAll(async () => {
    await server.remove()
    await fs.rm(state, { recursive: true, force: true })
  })

  it('"archive_mode cannot be changed": it was edited, and the server was not restarted', async () => {
    await fs.appendFile(conf(), 'archive_mode = on\n')
    await server.query('SELECT pg_reload_conf()')
    expect(await findings('doctor')).toContain('archive-mode/off-until-restart')
  })

  it('"pg_basebackup is refused": there is no replication rule', async () => {
    expect(await findings('doctor', '--only', 'replication-rule')).toEqual(['replication-rule/no-rule'])
    expect(await findings('verify', '--timeout', '1')).toContain('replication-login/refused')
  })

  it('"archive_command fails": the path does not exist', async () => {
    await archiveTo(`${server.root}/nowhere/wal`)
    const found = await findings('doctor')
    expect(found).toContain('archive-directory/parent-missing')
    expect(found.join()).toMatch(/archiver-failures/)
    expect(await findings('verify', '--timeout', '1')).toContain('archive-round-trip/not-archived')
  })

  it.skipIf(process.getuid?.() !== 0)('"segments are not archived": the directory is not the server\'s (needs root to make)', async () => {
    const directory = `${server.root}/roots`
    await fs.mkdir(directory, { mode: 0o755 })
    await archiveTo(directory)
    const found = await findings('doctor')
    expect(found).toContain('archive-directory/not-writable')
    expect(await findings('verify', '--timeout', '1')).toContain('archive-round-trip/not-archived')
  })
})
