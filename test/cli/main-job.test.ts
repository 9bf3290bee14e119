// The whole main job, by the built program, on real servers: doctor, enable, verify, undo, doctor.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'
import { onTerminal } from '../support/terminal.ts'

const HBA = 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n'

/** Codes of the findings of one check. */
function codes(report: any, id: string): string[] { // eslint-disable-line @typescript-eslint/no-explicit-any
  const check = report.clusters[0].checks.find((one: { id: string }) => one.id === id)
  return (check?.findings ?? []).map((finding: { code: string }) => finding.code)
}

function verdict(report: any, id: string): string { // eslint-disable-line @typescript-eslint/no-explicit-any
  return report.clusters[0].checks.find((one: { id: string }) => one.id === id)?.verdict
}

describe.each([14, 17] as const)('PostgreSQL %i from a source build', (major) => {
  let server: TestServer
  let state: string
  let before: { conf: Buffer; hba: Buffer }
  const files = () => ({ conf: path.join(server.dataDir, 'postgresql.conf'), hba: path.join(server.dataDir, 'pg_hba.conf') })
  const run = (...args: string[]) => pgwal([args[0]!, '-D', server.dataDir, ...args.slice(1)], { PGWAL_STATE_DIR: state })

  beforeAll(async () => {
    server = await TestServer.create(major, { hba: HBA, dataName: "da ta's %p" })
    await server.start()
    state = await stateDirectory()
    before = { conf: await fs.readFile(files().conf), hba: await fs.readFile(files().hba) }
  })
  afterAll(async () => {
    await server.remove()
    await fs.rm(state, { recursive: true, force: true })
  })

  it('finds the cluster with its evidence', async () => {
    const found = await run('clusters', '--json')
    expect(found.code).toBe(0)
    const cluster = found.json().clusters[0]
    expect(cluster).toMatchObject({ platform: 'source', dataDir: server.dataDir, port: server.port, running: true, configFile: files().conf, hbaFile: files().hba })
    expect(cluster.version).toMatch(new RegExp(`^${major}\\.`))
    expect(cluster.evidence.map((one: { kind: string }) => one.kind)).toContain('postmaster')
  })

  it('doctor says that nothing is archived and that nobody can take a base backup', async () => {
    const run1 = await run('doctor', '--json')
    expect(run1.code).toBe(1)
    const report = run1.json()
    expect(report).toMatchObject({ schema: 1, command: 'doctor' })
    expect(verdict(report, 'archive-mode')).toBe('fail')
    expect(verdict(report, 'replication-rule')).toBe('fail')
    expect(verdict(report, 'wal-level')).toBe('pass')
    expect(report.clusters[0].summary.crash).toBe(0)
    const text = await run('doctor')
    expect(text.stdout).toContain('archive-mode')
    expect(text.stdout).not.toContain('\u001b')
  })

  it('enable --dry-run shows the plan and changes nothing', async () => {
    const planned = await run('enable', '--dry-run', '--json', '--archive-dir', `${server.root}/archive`)
    expect(planned.code).toBe(0)
    expect(planned.json()).toMatchObject({ schema: 1, command: 'enable', outcome: 'planned', plan: { effects: { restart: true } } })
    expect(await fs.readFile(files().conf)).toEqual(before.conf)
    expect(await fs.readFile(files().hba)).toEqual(before.hba)
  })

  it('enable without a terminal and without --yes shows the plan and exits 2', async () => {
    const refused = await run('enable', '--archive-dir', `${server.root}/archive`)
    expect(refused.code).toBe(2)
    expect(refused.stdout + refused.stderr).toContain('archive_mode')
    expect(await fs.readFile(files().conf)).toEqual(before.conf)
  })

  it('enable applies, restarts and proves it', async () => {
    const applied = await run('enable', '--yes', '--json', '--archive-dir', `${server.root}/archive`)
    expect(applied.code, applied.stdout + applied.stderr).toBe(0)
    const result = applied.json()
    expect(result.outcome).toBe('applied')
    expect(result.run).toMatch(/^\d{8}/)
    const roundTrip = result.verify.checks.find((one: { id: string }) => one.id === 'archive-round-trip')
    expect(roundTrip.verdict).toBe('pass')
    const [row] = await server.query("SELECT current_setting('archive_mode') AS mode, current_setting('wal_level') AS level")
    expect(row).toEqual({ mode: 'on', level: 'replica' })
    const archived = (await fs.readdir(`${server.root}/archive`)).filter((name) => /^[0-9A-F]{24}$/.test(name))
    expect(archived.length).toBeGreaterThan(0)
    const directory = await fs.stat(`${server.root}/archive`)
    expect([directory.mode & 0o7777, directory.uid]).toEqual([0o700, server.account.uid])
  })

  it('a second enable finds nothing to do', async () => {
    const again = await run('enable', '--yes', '--json', '--archive-dir', `${server.root}/archive`)
    expect(again.code, again.stdout + again.stderr).toBe(0)
    expect(again.json().outcome).toBe('nothing-to-do')
  })

  it('doctor finds neither error nor warning but the shared disk', async () => {
    const healthy = (await run('doctor', '--json')).json()
    const alarms = healthy.clusters[0].checks.flatMap((check: { id: string; findings?: { severity: string; code: string }[] }) =>
      (check.findings ?? []).filter((finding) => finding.severity !== 'info').map((finding) => `${check.id}/${finding.code}`))
    expect(alarms.filter((alarm: string) => !/same-file-system|end-of-life/.test(alarm))).toEqual([])
  })

  it('verify proves a segment, in both languages', async () => {
    const verified = await run('verify', '--json')
    expect(verified.code, verified.stdout).toBe(0)
    const report = verified.json()
    expect(verdict(report, 'archive-round-trip')).toBe('pass')
    expect(verdict(report, 'replication-login')).toBe('pass')
    expect((await run('verify', '--lang', 'zh-TW')).stdout).toMatch(/歸檔/)
  })

  it('history lists the run, undo puts every byte back', async () => {
    expect((await run('history', '--json')).json().runs).toHaveLength(1)
    const undone = await run('undo', '--yes', '--json')
    expect(undone.code, undone.stdout + undone.stderr).toBe(0)
    expect(await fs.readFile(files().conf)).toEqual(before.conf)
    expect(await fs.readFile(files().hba)).toEqual(before.hba)
    const [row] = await server.query("SELECT current_setting('archive_mode') AS mode")
    expect(row).toEqual({ mode: 'off' })
    expect(codes((await run('doctor', '--json')).json(), 'archive-mode')).not.toEqual([])
  })

  it('doctor works with the server down', async () => {
    await server.stop()
    const down = await run('doctor', '--json')
    expect(down.code).toBe(1)
    const report = down.json()
    expect(report.clusters[0].cluster.running).toBe(false)
    expect(verdict(report, 'archive-mode')).toBe('fail')
    expect(verdict(report, 'archiver-running')).toBe('skip')
    expect(report.clusters[0].summary.crash).toBe(0)
  })
})

it('undo restarts the server as it runs by then, not as it ran when enable was used', async () => {
  const server = await TestServer.create(17)
  const state = await stateDirectory()
  const run = (...args: string[]) => pgwal([args[0]!, '-D', server.dataDir, ...args.slice(1)], { PGWAL_STATE_DIR: state })
  try {
    await server.start('-o', '-c work_mem=11MB')
    expect((await run('enable', '--yes', '--archive-dir', `${server.root}/archive`)).code).toBe(0)
    await server.stop()
    await server.start('-o', '-c work_mem=22MB', '-l', `${server.root}/other.log`)
    const undone = await run('undo', '--yes')
    expect(undone.code, undone.stdout + undone.stderr).toBe(0)
    expect(await server.query("SELECT current_setting('work_mem') AS memory, current_setting('archive_mode') AS mode")).toEqual([{ memory: '22MB', mode: 'off' }])
    expect((await fs.readFile(`${server.root}/other.log`, 'utf8')).match(/ready to accept connections/g)).toHaveLength(2)
  } finally {
    await server.remove()
    await fs.rm(state, { recursive: true, force: true })
  }
})

it.skipIf(process.platform !== 'linux')('undo leaves a server alone that Patroni has taken over since', async () => {
  const server = await TestServer.create(17)
  const state = await stateDirectory()
  const run = (...args: string[]) => pgwal([args[0]!, '-D', server.dataDir, '--yes', '--json', ...args.slice(1)], { PGWAL_STATE_DIR: state })
  let patroni: ChildProcess | undefined
  try {
    await server.start()
    expect((await run('enable', '--archive-dir', `${server.root}/archive`)).json().outcome).toBe('applied')
    await server.stop()
    await fs.writeFile(`${server.root}/patroni`, '"$1" -D "$2"; exit')
    patroni = spawn('/bin/sh', [`${server.root}/patroni`, `${server.binDir}/postgres`, server.dataDir], { stdio: 'ignore', cwd: '/', ...(process.getuid?.() === 0 ? { uid: server.account.uid, gid: server.account.gid } : {}) })
    await eventually(() => server.query('SELECT 1').then(() => true, () => false), 'the server')
    const pid = await server.pid()
    const refused = await run('undo')
    expect([refused.code, refused.json().error], refused.stdout + refused.stderr).toEqual([2, expect.objectContaining({ code: 'managed', message: expect.stringContaining('Patroni') })])
    expect(await server.pid()).toBe(pid)
    expect(await server.query("SELECT current_setting('archive_mode') AS mode")).toEqual([{ mode: 'on' }])
  } finally {
    await server.remove()
    patroni?.kill('SIGKILL')
    await fs.rm(state, { recursive: true, force: true })
  }
})

it.each(['stop', 'restart'])('a %s by somebody else while the plan is looked at: enable neither starts the server nor takes its new options', async (how) => {
  const server = await TestServer.create(17)
  const state = await stateDirectory()
  try {
    await server.start()
    const conf = await fs.readFile(`${server.dataDir}/postgresql.conf`, 'utf8')
    const ctl = [`${server.binDir}/pg_ctl`, '-D', server.dataDir, '-w', '-l', server.logFile, '-m', 'fast', how, ...(how === 'stop' ? [] : ['-o', '-c work_mem=22MB'])].map((word) => `'${word}'`).join(' ')
    const theirs = process.getuid?.() === 0 ? `setpriv --reuid=${server.account.uid} --regid=${server.account.gid} --clear-groups -- ${ctl}` : ctl
    const done = await onTerminal(['enable', '-D', server.dataDir, '--archive-dir', `${server.root}/archive`], { PGWAL_STATE_DIR: state }, theirs)
    expect(done.code, done.shown).toBe(2)
    expect(done.shown).toContain('postmaster.pid was changed by somebody else')
    expect(await fs.readFile(`${server.dataDir}/postgresql.conf`, 'utf8')).toBe(conf)
    if (how === 'stop') expect(await server.pid()).toBeUndefined()
    else expect(await server.query('SHOW work_mem')).toEqual([{ work_mem: '22MB' }])
  } finally {
    await server.remove()
    await fs.rm(state, { recursive: true, force: true })
  }
}, 90_000)

describe('errors', () => {
  it('an unknown flag is exit 2, and an error object under --json', async () => {
    const wrong = await pgwal(['doctor', '--json', '--no-such-flag'])
    expect(wrong.code).toBe(2)
    expect(wrong.json()).toMatchObject({ schema: 1, command: 'doctor', error: { code: expect.any(String), message: expect.any(String) } })
  })

  it('a data directory that is none is exit 2 with a remedy', async () => {
    const wrong = await pgwal(['doctor', '--json', '-D', '/nonexistent/pgdata'])
    expect(wrong.code).toBe(2)
    expect(wrong.json().error).toMatchObject({ code: 'no-such-cluster', remedy: expect.any(String) })
  })
})
