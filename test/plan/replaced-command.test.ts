// An archive_command of somebody's own that works: the archive that it fills, and the backups that rely on it, end where pgwal takes its place.
import fs from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let state: string
const enable = (...args: string[]) => pgwal(['enable', '--cluster', server.dataDir, ...args], { PGWAL_STATE_DIR: state })
const conf = (): string => fs.readFileSync(`${server.dataDir}/postgresql.conf`, 'utf8')

/** As a hand writes it: `old` is where it stores. */
async function archiving(command: string): Promise<void> {
  await server.query(`ALTER SYSTEM SET archive_command = '${command.replaceAll("'", "''")}'`)
  await server.query('SELECT pg_reload_conf()')
  await server.query('CREATE TABLE IF NOT EXISTS t (); DROP TABLE t')
  await server.query('SELECT pg_switch_wal()')
}

beforeAll(async () => {
  server = await TestServer.create(17, { conf: 'archive_mode = on\n', hba: 'local all all trust\nhost all all 127.0.0.1/32 trust\n' })
  await server.start()
  state = await stateDirectory()
  fs.mkdirSync(`${server.root}/old`)
  if (process.getuid?.() === 0) fs.chownSync(`${server.root}/old`, server.account.uid, server.account.gid)
  await archiving(`test ! -f "${server.root}/old/%f" && cp "%p" "${server.root}/old/%f"`)
  await eventually(async () => (await server.query('SELECT FROM pg_stat_archiver WHERE archived_count > 0')).length > 0, 'a segment in the archive')
})
afterAll(async () => {
  await server.remove()
  fs.rmSync(state, { recursive: true, force: true })
})

it('the plan says that its archive ends', async () => {
  const shown = await enable('--archive-dir', `${server.root}/wal`, '--dry-run')
  expect([shown.code, shown.stdout.replaceAll(/\s+/g, ' ')]).toEqual([0, expect.stringMatching(/archive_command that stores WAL now is replaced.*\/old.*base backup/)])
  const json = await enable('--archive-dir', `${server.root}/wal`, '--dry-run', '--json')
  expect(json.json().plan.effects.endsArchive).toEqual({ directory: `${server.root}/old`, own: false })
})

it('--yes alone does not replace it', async () => {
  const before = conf()
  const done = await enable('--archive-dir', `${server.root}/wal`, '--yes', '--json')
  expect([done.code, done.json().error?.code]).toEqual([2, 'archive-command-present'])
  expect(conf()).toBe(before)
  expect((await server.query('SELECT current_setting($1) AS command', ['archive_command']))[0]!['command']).toContain('/old/%f')
})

it('into its own directory the archive goes on, and nothing is said', async () => {
  const shown = await enable('--archive-dir', `${server.root}/old`, '--dry-run', '--json')
  expect([shown.code, shown.json().plan.effects.endsArchive]).toEqual([0, undefined])
})

it('with a word more it is done, and undo puts it back', async () => {
  const done = await enable('--archive-dir', `${server.root}/wal`, '--yes', '--replace-command', '--json')
  expect(done.code, done.stdout + done.stderr).toBe(0)
  const moved = await enable('--archive-dir', `${server.root}/wal2`, '--dry-run', '--json')
  expect(moved.json().plan.effects.endsArchive).toEqual({ directory: `${server.root}/wal`, own: true })
  const undone = await pgwal(['undo', '--yes', '--json'], { PGWAL_STATE_DIR: state })
  expect(undone.code, undone.stdout + undone.stderr).toBe(0)
  expect((await server.query('SELECT current_setting($1) AS command', ['archive_command']))[0]!['command']).toContain('/old/%f')
})

it('one that fails has nothing to lose', async () => {
  await archiving('false %p')
  await eventually(async () => (await server.query('SELECT FROM pg_stat_archiver WHERE last_failed_time > last_archived_time')).length > 0, 'a failure')
  const done = await enable('--archive-dir', `${server.root}/wal`, '--yes', '--json')
  expect(done.code, done.stdout + done.stderr).toBe(0)
})
