// undo without a login: what others left waiting for a restart cannot be asked for, and must not be what the server dies of.
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let state: string
let pid: number | undefined
const more = () => path.join(server.dataDir, 'more.conf')
const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => pgwal([args[0]!, '-D', server.dataDir, '--json', '--yes', ...args.slice(1)], { PGWAL_STATE_DIR: state, ...env })

beforeAll(async () => {
  server = await TestServer.create(17, { conf: "include 'more.conf'\n" })
  fs.writeFileSync(more(), 'work_mem = 5MB\n')
  await server.start()
  await server.query("SET password_encryption = 'scram-sha-256'")
  await server.query("ALTER ROLE postgres PASSWORD 'secret'")
  fs.writeFileSync(path.join(server.dataDir, 'pg_hba.conf'), 'local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\n')
  await server.restart()
  state = await stateDirectory()
  const done = await run(['enable', '--archive-dir', `${server.root}/wal`], { PGPASSWORD: 'secret' })
  expect(done.json().outcome, done.stdout + done.stderr).toBe('applied')
  pid = await server.pid()
})
afterAll(async () => {
  await server.remove()
  fs.rmSync(state, { recursive: true, force: true })
})

it('a file that somebody changed after the server\'s start: nothing is restarted, nothing is changed', async () => {
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  fs.writeFileSync(more(), "shared_buffers = '900GB'\n")
  const done = await run(['undo'])
  expect([done.code, done.json().error?.code], done.stdout + done.stderr).toEqual([2, 'restart-others'])
  expect(done.json().error.message).toContain(more())
  expect(await server.pid()).toBe(pid)
  expect(fs.readFileSync(path.join(server.dataDir, 'postgresql.conf'), 'utf8')).toContain('pgwal-archive')
})

it('with the login, the setting is named', async () => {
  const done = await run(['undo'], { PGPASSWORD: 'secret' })
  expect(done.json().error?.code).toBe('restart-others')
  expect(done.json().error.message).toContain('shared_buffers')
})

it('nobody changed anything since: undone', async () => {
  fs.writeFileSync(more(), 'work_mem = 5MB\n')
  fs.utimesSync(more(), new Date(0), new Date(0))
  const done = await run(['undo'])
  expect([done.code, done.json().outcome], done.stdout + done.stderr).toEqual([0, 'applied'])
  expect(await server.query("SELECT current_setting('archive_mode') AS mode", [], { password: 'secret' })).toEqual([{ mode: 'off' }])
})
