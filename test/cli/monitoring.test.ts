// doctor as cron and a monitoring system run it.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

describe('doctor --format', () => {
  let server: TestServer
  let state: string
  const run = (...args: string[]) => pgwal(['doctor', '-D', server.dataDir, ...args], { PGWAL_STATE_DIR: state, LC_ALL: 'zh_TW.UTF-8' })

  beforeAll(async () => {
    state = await stateDirectory()
    server = await TestServer.create(17)
    await server.start()
  })
  afterAll(async () => {
    await server.remove()
    await fs.rm(state, { recursive: true, force: true })
  })

  it('nagios: the state as exit code, English in every locale, nothing on stderr', async () => {
    const bad = await run('--format', 'nagios')
    expect(bad.code).toBe(2)
    expect(bad.stdout).toMatch(/^PGWAL CRITICAL - \d+ errors?.*: .*\[[\w-]+\/[\w-]+\] \| 'errors'=\d+;;;0 .*'backlog'=0;;;0.*'wal_free'=\d+B;;;0.*$/m)
    expect(bad.stdout).not.toMatch(/\p{Script=Han}/u)
    expect(bad.stderr).toBe('')
    const good = await run('--format=nagios', '--only', 'server-reachable')
    expect([good.code, good.stdout.slice(0, 8)]).toEqual([0, 'PGWAL OK'])
  })

  it('nagios: what keeps pgwal from running is UNKNOWN, on stdout', async () => {
    for (const args of [['--format', 'nagios', '--only', 'no-such-check'], ['--format=nagios', '--no-such-option'], ['--format', 'nagios', '--facts', '/no/such/file', '--only', 'wal-level']]) {
      const { code, stdout } = await run(...args)
      expect([code, stdout.split('\n').length]).toEqual([3, 2])
      expect(stdout).toMatch(/^PGWAL UNKNOWN - /)
    }
  })

  it('prometheus: exit 0 whatever it found, so that cron puts the file in place', async () => {
    const { code, stdout, stderr } = await run('--format', 'prometheus')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`pgwal_archive_backlog_segments{cluster="${server.dataDir}"} 0`)
    expect(stdout).toMatch(/^pgwal_check_verdict\{cluster="[^"]*",check="archive-mode",verdict="fail"\} 1$/m)
    expect(stdout).toMatch(/^pgwal_last_run_timestamp_seconds\{[^}]*\} \d{10}$/m)
    expect((await run('--format', 'prometheus', '--only', 'no-such-check')).code).toBe(2)
  })

  it('json is --json, and also from a file of facts', async () => {
    const file = path.join(state, 'facts.json')
    const long = await run('--format', 'json', '--only', 'archive-mode', '--save-facts', file)
    expect(long.json().clusters[0].checks[0].id).toBe('archive-mode')
    expect(long.code).toBe(1)
    expect((await run('--format', 'json', '--only', 'no-such-check')).json().error.code).toBe('unknown-check')
    expect((await pgwal(['doctor', '--facts', file, '--format', 'nagios'])).stdout).toMatch(/^PGWAL CRITICAL .*'backlog'=0;;;0/)
    expect((await run('--format', 'nagios', '--json')).code).toBe(3)
  })
})
