// A server whose disk is small: what enable sets by itself must not fill it.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

const where = fs.mkdtempSync('/tmp/pgwal-small-')
const mounted = ((): boolean => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m,mode=755', 'tmpfs', where], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

describe.skipIf(!mounted)('400 MB for everything (needs root and a tmpfs)', () => {
  let server: TestServer
  let state: string
  const run = (...args: string[]) => pgwal([args[0]!, '-D', server.dataDir, '--json', '--yes', ...args.slice(1)], { PGWAL_STATE_DIR: state })

  beforeAll(async () => {
    server = await TestServer.create(17, { where, conf: 'max_wal_size = 32MB\nmin_wal_size = 16MB\n' })
    await server.start()
    state = await stateDirectory()
  })
  afterAll(async () => {
    await server.remove()
    fs.rmSync(`${state}-wal`, { recursive: true, force: true })
    fs.rmSync(state, { recursive: true, force: true })
    execFileSync('umount', [where])
    fs.rmSync(where, { recursive: true, force: true })
  })

  it('what was asked for and does not fit is refused', async () => {
    const done = await run('enable', '--archive-dir', `${server.root}/wal`, '--wal-keep-size', '512MB')
    expect([done.code, done.json().error?.code], done.stdout + done.stderr).toEqual([2, 'wal-keep-no-room'])
  })

  it('more WAL than the disk holds is written afterwards, and the server lives', async () => {
    fs.mkdirSync(`${state}-wal`)
    fs.chownSync(`${state}-wal`, server.account.uid, server.account.gid)
    const done = await run('enable', '--archive-dir', `${state}-wal`)
    expect(done.code, done.stdout + done.stderr).toBe(0)
    for (let round = 0; round < 10; round++) {
      await server.query("SELECT count(pg_logical_emit_message(false, 'load', repeat('x', 1000000))) FROM generate_series(1, 50)")
      // What is not in the archive yet is kept in any case.
      await eventually(() => Promise.resolve(fs.readdirSync(`${server.dataDir}/pg_wal/archive_status`).every((name) => !name.endsWith('.ready'))), 'the archive')
      await server.query('CHECKPOINT')
    }
    expect(await server.query("SELECT setting::int > 0 AS kept FROM pg_settings WHERE name = 'wal_keep_size'")).toEqual([{ kept: true }])
  }, 120_000)
})
