// `pgwal verify --drill` as a program: what it prints, Ctrl-C, and what is left when it is killed.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { pgwal, PROGRAM, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let scratch: string
let state: string
const args = () => ['verify', '--drill', '-D', server.dataDir, '--drill-dir', scratch]
const left = () => fs.readdirSync(scratch)

beforeAll(async () => {
  server = await TestServer.create(17)
  state = await stateDirectory()
  scratch = `${server.root}/scratch`
  for (const directory of [scratch, `${server.root}/archive`]) {
    await fsp.mkdir(directory, { mode: 0o700 })
    if (process.getuid?.() === 0) await fsp.chown(directory, server.account.uid, server.account.gid)
  }
  await fsp.appendFile(`${server.dataDir}/postgresql.conf`, `archive_mode = on\narchive_command = 'test ! -f ${server.root}/archive/%f && cp %p ${server.root}/archive/%f'\n`)
  await server.start()
})
afterAll(async () => {
  await server.remove()
  await fsp.rm(state, { recursive: true, force: true })
})

/** Starts it, and signals it when the copy is there. */
async function signalled(signal: NodeJS.Signals): Promise<number | null> {
  const child = spawn(process.execPath, [PROGRAM, ...args()], { env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PGWAL_STATE_DIR: state }, stdio: 'ignore' })
  const ended = new Promise<number | null>((resolve) => { child.once('exit', resolve) })
  // Once its data are being copied.
  await eventually(async () => left().some((name) => fs.existsSync(`${scratch}/${name}/data/base/1`)) || child.exitCode !== null)
  child.kill(signal)
  return ended
}

it('Ctrl-C and SIGTERM: 130, and nothing is left', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    expect(await signalled(signal), signal).toBe(130)
    expect(left()).toEqual([])
  }
})

it('killed: the next run removes what was left, and proves the restore', async () => {
  expect(await signalled('SIGKILL')).toBeNull()
  expect(left()).toHaveLength(1)
  const run = await pgwal([...args(), '--json'], { PGWAL_STATE_DIR: state })
  const [cluster] = run.json().clusters
  expect(cluster.checks.find(({ id }: { id: string }) => id === 'restore-drill')).toMatchObject({ verdict: 'pass', detail: { code: 'restored' } })
  expect(cluster.statement).toMatchObject({ drill: { outcome: 'proved', thisRun: true }, notProved: ['base-backup'] })
  expect(Date.parse(cluster.statement.archivedUntil)).toBeLessThan(Date.now())
  expect(left()).toEqual([])

  const later = await pgwal(['verify', '-D', server.dataDir, '--lang', 'zh-TW'], { PGWAL_STATE_DIR: state })
  expect(later.stdout).toContain('最近一次從歸檔還原叢集的副本')
  expect(later.stdout).toContain('沒有已知的基礎備份')
})

it('a drill that could not be tried is no success: exit 2, and nothing is proved', async () => {
  const run = await pgwal([...args(), '-U', 'nobody_at_all', '--json'], { PGWAL_STATE_DIR: state })
  const [cluster] = run.json().clusters
  expect([run.code, cluster.checks.find(({ id }: { id: string }) => id === 'restore-drill').verdict, cluster.summary.error], run.stdout).toEqual([2, 'skip', 0])
  // Without one, the same holds for archiving.
  expect((await pgwal(['verify', '-D', server.dataDir, '-U', 'nobody_at_all'], { PGWAL_STATE_DIR: state })).code).toBe(2)
})

it('a login without rights: what it may not do is skipped with the reason, and nothing of it is a success', async () => {
  await server.query('CREATE ROLE anybody LOGIN')
  const verify = async (...more: string[]) => {
    const run = await pgwal(['verify', '-D', server.dataDir, '-U', 'anybody', '--json', ...more], { PGWAL_STATE_DIR: state })
    const [cluster] = run.json().clusters
    return { code: run.code, crash: cluster.summary.crash, of: (id: string) => cluster.checks.find((check: { id: string }) => check.id === id) }
  }
  const seen = await verify()
  expect([seen.code, seen.crash, seen.of('archive-round-trip')]).toMatchObject([2, 0, { verdict: 'skip', reason: 'anybody may not execute both pg_create_restore_point and pg_switch_wal' }])

  await server.query('GRANT EXECUTE ON FUNCTION pg_create_restore_point(text), pg_switch_wal() TO anybody')
  const granted = await verify()
  expect([granted.code, granted.of('archive-round-trip')]).toMatchObject([0, { verdict: 'pass' }])

  // Which process is the archiver, it does not see.
  await fsp.appendFile(`${server.dataDir}/postgresql.conf`, "archive_command = 'sleep 20'\n")
  await server.query('SELECT pg_reload_conf()')
  expect((await verify('--timeout', '1')).of('archive-round-trip')).toMatchObject({ verdict: 'fail', findings: [{ code: 'not-yet' }] })

  await server.query('REVOKE SELECT ON pg_stat_archiver FROM PUBLIC')
  expect((await verify('--timeout', '1')).of('archiver-statistics')).toMatchObject({ verdict: 'skip', reason: 'the login may not see this' })
})
