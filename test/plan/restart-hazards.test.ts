// A restart brings into force whatever lies there by then. What somebody else left there must not be what a server dies of when
// pgwal restarts it: to put our own changes back would not bring it up again.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { pgwal, stateDirectory } from '../support/pgwal.ts'
import { DEBIAN_BIN, freePort, TestServer } from '../support/server.ts'
import { onTerminal } from '../support/terminal.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

let server: TestServer
let state: string
let conf: string
let pid: number | undefined

const at = (...names: string[]): string => path.join(server.dataDir, ...names)
const append = (lines: string): void => fs.appendFileSync(at('postgresql.conf'), lines)

function put(file: string, text = '', mode = 0o600): void {
  fs.writeFileSync(file, text, { mode })
  if (process.getuid?.() === 0) fs.chownSync(file, server.account.uid, server.account.gid)
}

async function run(major: 12 | 17 | 15, more: Parameters<typeof TestServer.create>[1] = {}): Promise<void> {
  server = await TestServer.create(major, { ...more, conf: `max_prepared_transactions = 2\n${more.conf ?? ''}` })
  await server.start()
  state = await stateDirectory()
  conf = fs.readFileSync(at('postgresql.conf'), 'utf8')
  pid = await server.pid()
}

async function gone(): Promise<void> {
  fs.chmodSync(server.dataDir, 0o700)
  await server.remove()
  fs.rmSync(state, { recursive: true, force: true })
}

const enable = (...args: string[]) => pgwal(['enable', '--cluster', server.dataDir, '--archive-dir', `${server.root}/wal`, '--yes', '--json', ...args], { PGWAL_STATE_DIR: state })

/** Nothing was changed, and nobody stopped the server. */
async function refused(): Promise<{ code: string; message: string }> {
  const before = fs.readFileSync(at('postgresql.conf'), 'utf8')
  const done = await enable()
  expect(done.code, done.stdout + done.stderr).toBe(2)
  expect(await server.pid()).toBe(pid)
  expect(await server.query('SELECT pg_is_in_recovery() AS standby')).toEqual([{ standby: false }])
  expect(fs.readFileSync(at('postgresql.conf'), 'utf8')).toBe(before)
  expect(fs.existsSync(at('pgwal-archive.sh'))).toBe(false)
  return done.json().error
}

describe.each([12, 17] as const)('PostgreSQL %i', (major) => {
  beforeAll(() => run(major))
  afterAll(gone)
  afterEach(() => {
    fs.writeFileSync(at('postgresql.conf'), conf)
    fs.chmodSync(server.dataDir, 0o700)
    for (const name of ['backup_label', 'recovery.signal', 'standby.signal', 'recovery.conf']) fs.rmSync(at(name), { force: true })
  })

  it.each([
    ['shared_preload_libraries', "'no_such_library'"], ['shared_buffers', "'900GB'"], ['huge_pages', 'on'], ['port', '1'], ['unix_socket_directories', "'/nonexistent/s'"],
    ['listen_addresses', "'no-such-host.invalid'"], ['data_directory', "'/nonexistent/data'"],
  ])('%s = %s, written by somebody and not in force', async (name, value) => {
    append(`${name} = ${name === 'port' ? await freePort() : value}\n`)
    const error = await refused()
    expect([error.code, error.message]).toEqual(['restart-others', expect.stringContaining(name)])
  })

  it('a line taken out since the start', async () => {
    fs.writeFileSync(at('postgresql.conf'), conf.replace('max_prepared_transactions = 2\n', ''))
    const error = await refused()
    expect([error.code, error.message]).toEqual(['restart-others', expect.stringContaining('max_prepared_transactions')])
  })

  it.each(['backup_label', 'recovery.signal', 'standby.signal', 'recovery.conf'])('a %s that lies there', async (name) => {
    put(at(name))
    expect((await refused()).code).toBe('restart-copy')
  })

  it('a data directory that others may enter', async () => {
    fs.chmodSync(server.dataDir, 0o755)
    expect((await refused()).code).toBe('restart-mode')
  })
})

describe('17: what the server has in memory and nobody finds any more', () => {
  // Values that read otherwise than what the server runs with, and are that.
  beforeAll(() => run(17, { conf: "logging_collector = on\nlog_directory = 'logs'\ntransaction_buffers = 0\nWAL_buffers = -1\nshared_buffers = 131072kB\nhuge_pages = try\nmax_locks_per_transaction = 0x50\n" }))
  afterAll(gone)

  it('the directory of its log', async () => {
    append("log_directory = '/nonexistent/logs'\n")
    expect((await refused()).code).toBe('restart-file')
    fs.writeFileSync(at('postgresql.conf'), conf)
  })

  it('rules that the server found from where it was started', async () => {
    append(`hba_file = '${path.relative('/tmp', at('pg_hba.conf'))}'\n`)
    await server.restart()
    pid = await server.pid()
    expect((await refused()).code).toBe('restart-relative')
    fs.writeFileSync(at('postgresql.conf'), conf)
    await server.restart()
    pid = await server.pid()
  })

  it('what came while somebody looked at the plan is seen, too', async () => {
    const before = fs.readFileSync(at('postgresql.conf'), 'utf8')
    const asked = await onTerminal(['enable', '-D', server.dataDir, '--archive-dir', `${server.root}/wal`], { PGWAL_STATE_DIR: state }, `umask 077; : >'${at('standby.signal')}'`)
    fs.rmSync(at('standby.signal'), { force: true })
    expect(asked.code, asked.shown).toBe(2)
    expect(asked.shown).toContain('standby.signal')
    expect(await server.pid()).toBe(pid)
    expect(fs.readFileSync(at('postgresql.conf'), 'utf8')).toBe(before)
  }, 60_000)

  it('undo does not restart into it either; once it is put right, both do', async () => {
    const done = await enable()
    expect(done.code, done.stdout + done.stderr).toBe(0)
    pid = await server.pid()
    put(at('standby.signal'))
    const undo = (): ReturnType<typeof pgwal> => pgwal(['undo', '--yes', '--json'], { PGWAL_STATE_DIR: state })
    const kept = await undo()
    expect([kept.code, kept.json().error.code]).toEqual([2, 'restart-copy'])
    expect(await server.pid()).toBe(pid)
    expect(await server.query("SELECT current_setting('archive_mode') AS mode")).toEqual([{ mode: 'on' }])
    fs.rmSync(at('standby.signal'))
    expect((await undo()).code).toBe(0)
    expect(fs.readFileSync(at('postgresql.conf'), 'utf8')).toBe(conf)
  })
})

describe('17: what the machine no longer has', () => {
  let bin: string
  beforeAll(async () => {
    const programs = await TestServer.create(17)
    const place = fs.mkdtempSync('/var/tmp/pgwal-test-programs-')
    fs.chmodSync(place, 0o755)
    execFileSync('cp', ['-a', path.dirname(programs.binDir), `${place}/17`])
    await programs.remove()
    bin = `${place}/17/bin`
    await run(17, { binDir: bin })
  })
  afterAll(async () => {
    await gone()
    fs.rmSync(path.dirname(path.dirname(bin)), { recursive: true, force: true })
  })

  it.each([
    ['gone', () => undefined],
    ['of another major', () => '#!/bin/sh\necho "postgres (PostgreSQL) 16.4"\n'],
    ['that cannot be loaded', () => '#!/bin/sh\necho "error while loading shared libraries: libssl.so.1.1" >&2\nexit 127\n'],
  ])('its program, %s', async (_what, instead) => {
    const program = `${bin}/postgres`
    fs.renameSync(program, `${program}.kept`)
    const text = instead()
    if (text !== undefined) fs.writeFileSync(program, text, { mode: 0o755 })
    try {
      const error = await refused()
      expect([error.code, error.message]).toEqual(['restart-program', expect.stringMatching(text === undefined ? /ENOENT/ : /16\.4|libssl/)])
    } finally {
      fs.rmSync(program, { force: true })
      fs.renameSync(`${program}.kept`, program)
    }
  })

  it.skipIf(process.getuid?.() !== 0)('an address (skipped: needs root)', async ({ skip }) => {
    const ip = (...args: string[]) => spawnSync('busybox', ['ip', ...args, 'dev', 'lo'], { encoding: 'utf8' })
    for (const [address, length] of [['10.213.77.19', 32], ['fd12:3456:789a::7', 128]] as const) {
      const added = ip('address', 'add', `${address}/${length}`)
      if (added.status !== 0) skip(`no address can be added here: ${added.stderr}`)
      try {
        append(`listen_addresses = '127.0.0.1, ${address}'\n`)
        await server.restart()
        pid = await server.pid()
      } finally {
        ip('address', 'del', `${address}/${length}`)
      }
      const error = await refused()
      expect([error.code, error.message]).toEqual(['restart-address', expect.stringContaining(address)])
      fs.writeFileSync(at('postgresql.conf'), conf)
      await server.restart()
      pid = await server.pid()
    }
  })

  it.skipIf(process.getuid?.() !== 0)('huge pages (skipped: needs root)', async ({ skip }) => {
    const pool = '/proc/sys/vm/nr_hugepages'
    const resize = (pages: number): void => { fs.writeFileSync(pool, String(pages)) }
    // Nobody else's are touched.
    if (!fs.existsSync(pool) || fs.readFileSync(pool, 'utf8').trim() !== '0') skip('no huge pages here, or somebody has them')
    try {
      resize(120)
    } catch {
      skip('their number cannot be changed here')
    }
    try {
      append("huge_pages = on\nshared_buffers = '32MB'\n")
      const started = await server.restart().then(() => true, () => false)
      if (!started) skip('no huge pages can be had here')
      pid = await server.pid()
      resize(4)
      const error = await refused()
      expect([error.code, error.message]).toEqual(['restart-huge-pages', expect.stringMatching(/keeps 4 of the \d\d /)])
      // It is what would have happened.
      await server.stop()
      expect((await server.pgCtl('-w', '-l', server.logFile, 'start')).code).not.toBe(0)
      resize(120)
      await server.start()
      expect((await pgwal(['enable', '--cluster', server.dataDir, '--archive-dir', `${server.root}/wal`, '--dry-run', '--json'], { PGWAL_STATE_DIR: state })).code).toBe(0)
    } finally {
      await server.stop()
      fs.writeFileSync(at('postgresql.conf'), conf)
      resize(0)
      await server.start()
      pid = await server.pid()
    }
  })

  it('and all of it there is no hindrance', async () => {
    append("listen_addresses = '*'\n")
    await server.restart()
    const done = await enable()
    expect(done.code, done.stdout + done.stderr).toBe(0)
  })
})

describe.skipIf(process.getuid?.() !== 0)('17: a disk that is nearly full (a tmpfs of its own: needs root)', () => {
  let disk: string
  beforeAll(async () => {
    disk = fs.mkdtempSync('/tmp/pgwal-test-disk-')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=120m,mode=755', 'tmpfs', disk])
    await run(17, { where: disk })
  })
  afterAll(async () => {
    await gone()
    execFileSync('umount', [disk])
    fs.rmdirSync(disk)
  })

  it('is no place to restart in', async () => {
    const { bavail, bsize } = fs.statfsSync(disk)
    execFileSync('fallocate', ['-l', String(bavail * bsize - 2 * (1 << 20)), `${disk}/filler`])
    expect((await refused()).code).toBe('restart-space')
    fs.rmSync(`${disk}/filler`)
  })
})

describe.skipIf(!fs.existsSync(DEBIAN_BIN)).each([12, 15] as const)('%i: a base backup that is being made', (major) => {
  beforeAll(() => run(major, major === 15 ? { binDir: DEBIAN_BIN } : {}))
  afterAll(gone)

  it('by pg_basebackup, is not broken off', async () => {
    const child = spawn(`${DEBIAN_BIN}/pg_basebackup`, ['-h', server.socketDir, '-p', String(server.port), '-U', 'postgres', '-D', `${state}/copy`, '-X', 'none', '-c', 'fast', '--max-rate=32k'], { stdio: 'ignore' })
    try {
      await eventually(async () => (await server.query("SELECT FROM pg_stat_replication WHERE state = 'backup'")).length > 0, 'a backup')
      const error = await refused()
      expect([error.code, error.message]).toEqual(['restart-backup', expect.stringContaining('pg_basebackup')])
      expect(child.exitCode).toBe(null)
    } finally {
      child.kill('SIGKILL')
      await new Promise((resolve) => { child.once('close', resolve) })
      await eventually(async () => (await server.query("SELECT FROM pg_stat_replication")).length === 0, 'its end')
    }
  })

  it('by functions: neither enable nor undo', async () => {
    let client = server.client({ application_name: 'barman' })
    await client.connect()
    const undo = (): ReturnType<typeof pgwal> => pgwal(['undo', '--yes', '--json'], { PGWAL_STATE_DIR: state })
    const begin = (): Promise<unknown> => client.query(major >= 15 ? "SELECT pg_backup_start('x', true)" : "SELECT * FROM pg_start_backup('x', true, false)")
    try {
      await begin()
      expect((await refused()).code).toBe('restart-backup')
    } finally {
      await client.end()
    }
    const done = await enable()
    expect(done.code, done.stdout + done.stderr).toBe(0)
    pid = await server.pid()
    client = server.client({ application_name: 'barman' })
    await client.connect()
    try {
      await begin()
      const kept = await undo()
      expect([kept.code, kept.json().error?.code, await server.pid()]).toEqual([2, 'restart-backup', pid])
    } finally {
      await client.end()
    }
    const undone = await undo()
    expect(undone.code, undone.stdout + undone.stderr).toBe(0)
  })
})

describe.skipIf(!fs.existsSync(DEBIAN_BIN))("15, Debian's", () => {
  beforeAll(() => run(15, { binDir: DEBIAN_BIN, conf: "shared_preload_libraries = 'auto_explain'\n" }))
  afterAll(gone)
  afterEach(() => { fs.writeFileSync(at('postgresql.conf'), conf) })

  it('a certificate that cannot be loaded, a private key that others may read', async () => {
    append('ssl = on\n')
    expect((await refused()).message).toContain('ssl_cert_file')
    put(at('server.crt'))
    put(at('server.key'), '', 0o644)
    const error = await refused()
    expect([error.code, error.message]).toEqual(['restart-file', expect.stringMatching(/ssl_key_file.*0644/s)])
  })

  it.skipIf(!hasOpenssl)('a certificate that was renewed without its key; half of one; a key that asks (skipped: no openssl)', async () => {
    const made = (name: string, ...args: string[]): void => { execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-subj', `/CN=${name}`, '-keyout', `${server.root}/${name}.key`, '-out', `${server.root}/${name}.crt`, ...args], { stdio: 'ignore' }) }
    made('one', '-nodes')
    made('two', '-nodes')
    made('locked', '-passout', 'pass:secret')
    const pair = (certificate: string | Buffer, key: string): void => {
      put(at('server.crt'), typeof certificate === 'string' ? fs.readFileSync(`${server.root}/${certificate}.crt`, 'utf8') : certificate.toString())
      put(at('server.key'), fs.readFileSync(`${server.root}/${key}.key`, 'utf8'))
    }
    fs.rmSync(at('server.key'), { force: true })
    pair('one', 'one')
    append('ssl = on\n')
    await server.restart()
    pid = await server.pid()
    pair('two', 'one')
    expect((await refused()).code).toBe('restart-other-key')
    pair(fs.readFileSync(`${server.root}/one.crt`).subarray(0, 500), 'one')
    expect((await refused()).code).toBe('restart-not-pem')
    pair('locked', 'locked')
    expect((await refused()).code).toBe('restart-passphrase')
    fs.writeFileSync(at('postgresql.conf'), conf)
    await server.restart()
    pid = await server.pid()
  })

  it('a library whose package was removed', async () => {
    const library = `${server.root}/mine.so`
    fs.copyFileSync('/usr/lib/postgresql/15/lib/auto_explain.so', library)
    append(`shared_preload_libraries = '${library}'\n`)
    await server.restart()
    pid = await server.pid()
    fs.rmSync(library)
    const error = await refused()
    expect([error.code, error.message]).toEqual(['restart-file', expect.stringContaining(library)])
    fs.writeFileSync(at('postgresql.conf'), conf)
    await server.restart()
    pid = await server.pid()
  })

  it('--no-restart leaves all of it alone, and libraries that are there are no hindrance', async () => {
    append("shared_buffers = '900GB'\n")
    const left = await enable('--no-restart')
    expect(left.code, left.stdout + left.stderr).toBe(0)
    expect(await server.pid()).toBe(pid)
    fs.writeFileSync(at('postgresql.conf'), fs.readFileSync(at('postgresql.conf'), 'utf8').replace("shared_buffers = '900GB'\n", ''))
    const done = await enable()
    expect(done.code, done.stdout + done.stderr).toBe(0)
    expect(await server.pid()).not.toBe(pid)
  })
})
