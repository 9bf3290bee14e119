// `pgwal settings` as a user runs it: on files alone, and on a real server.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filesIn } from '../support/files.ts'
import { pgwal } from '../support/pgwal.ts'
import { TestServer } from '../support/server.ts'

describe('on files alone', () => {
  let directory: string
  const main = () => path.join(directory, 'postgresql.conf')
  const run = (...args: string[]) => pgwal(['settings', '--config-file', main(), ...args])

  beforeAll(async () => {
    directory = await filesIn({
      'postgresql.conf': [
        'archive_mode = off', "include 'more/a.inc'", "primary_conninfo = 'host=a user=b password=geheim'", "app.token = 'verborgen'",
        "archive_command = 'cp \"%p\" ''/srv/a b''/%f'", 'archive_mode = on', '',
      ].join('\n'),
      'more/a.inc': 'wal_keep_size = 1GB\nArchive_Mode = always\nport = 6000\n',
      'postgresql.auto.conf': "port = '7000'\n",
      'broken.conf': 'wal_level = minimal\nfoo = 1\nwork_mem = 3\nport = = 1\napp.token my schluessel\n',
    })
  })
  afterAll(() => fs.rm(directory, { recursive: true, force: true }))

  it('the value, the deciding line, and every line that lost with what beat it', async () => {
    const shown = await run('--server-version', '14', '--json')
    expect(shown.code, shown.stderr).toBe(0)
    const report = shown.json()
    expect(report).toMatchObject({ schema: 1, command: 'settings', loads: true, errors: [], serverVersion: 14 })
    const auto = path.join(directory, 'postgresql.auto.conf')
    const inc = path.join(directory, 'more/a.inc')
    expect(report.settings.archive_mode).toMatchObject({
      value: 'on',
      source: { file: main(), line: 6 },
      lines: [
        { file: main(), line: 1, value: 'off', wins: false, lostTo: { file: main(), line: 6 }, because: 'duplicate' },
        { file: inc, line: 2, value: 'always', wins: false, because: 'include' },
        { file: main(), line: 6, value: 'on', wins: true },
      ],
      running: null,
      pendingRestart: null,
    })
    expect(report.settings.port).toMatchObject({ value: '7000', source: { file: auto, line: 1 }, from: 'auto' })
    expect(report.settings.port.lines[0]).toMatchObject({ file: inc, line: 3, wins: false, because: 'auto', lostTo: { file: auto, line: 1 } })
    // Quotes and escapes are gone, units and case are as written.
    expect(report.settings.archive_command.value).toBe('cp "%p" \'/srv/a b\'/%f')
    expect(report.settings.wal_keep_size.value).toBe('1GB')
    expect(Object.keys(report.settings).sort()).toEqual(['app.token', 'archive_command', 'archive_mode', 'port', 'primary_conninfo', 'wal_keep_size'])
  })

  it('only what is named, in any case and by its old name; the default of what is unset', async () => {
    const { settings } = (await run('--server-version=14', '--json', 'ARCHIVE_MODE', 'sort_mem', 'my.own', 'timezone')).json()
    expect(Object.keys(settings)).toEqual(['archive_mode', 'work_mem', 'my.own', 'TimeZone'])
    expect(settings.work_mem).toMatchObject({ value: '4MB', source: null, from: 'default', lines: [] })
    expect(settings['my.own']).toMatchObject({ value: null, source: null })
  })

  it('never shows a secret, in no form and no language', async () => {
    for (const args of [[], ['--json'], ['--lang', 'zh-TW']]) {
      const { stdout, stderr } = await run('--server-version', '14', ...args)
      expect(stdout).toContain('host=a user=b')
      expect(stdout + stderr).not.toMatch(/geheim|verborgen/)
    }
    for (const args of [[], ['--json']]) expect((await pgwal(['settings', '--config-file', path.join(directory, 'broken.conf'), '--server-version', '14', ...args])).stdout).not.toContain('schluessel')
  })

  it('says why a server would not start, with file and line, and exits 1', async () => {
    const broken = path.join(directory, 'broken.conf')
    const shown = await pgwal(['settings', '--config-file', broken, '--server-version', '14', '--json'])
    expect(shown.code).toBe(1)
    const { loads, errors } = shown.json()
    expect(loads).toBe(false)
    const at = (line: number) => errors.filter((error: { file: string; line: number }) => error.file === broken && error.line === line).map(({ code }: { code: string }) => code)
    expect([at(2), at(3), at(4)]).toEqual([['unknown-name'], ['bad-value'], ['syntax']])
    // wal_level = minimal with the default max_wal_senders: only a real start finds out.
    expect(at(1)).toEqual(['conflict'])
    const text = await pgwal(['settings', '--config-file', broken, '--server-version', '14'])
    expect(text.code).toBe(1)
    expect(text.stdout).toContain(`${broken}:2`)
    expect(text.stdout).toContain('unrecognized configuration parameter "foo"')
  })

  it('the same file means something else to another major', async () => {
    expect((await run('--server-version', '12', '--json')).json()).toMatchObject({ loads: false, errors: [{ line: 1, code: 'unknown-name' }] })
    expect((await run('--server-version', '16.4', '--json')).json()).toMatchObject({ loads: true, serverVersion: 16 })
  })

  it('an unknown name: a clear message with what may be meant, exit 2', async () => {
    const wrong = await run('--server-version', '14', '--json', 'archiv_mode')
    expect(wrong.code).toBe(2)
    expect(wrong.json().error).toMatchObject({ code: 'unknown-setting', remedy: expect.stringContaining('archive_mode') })
    const elsewhere = await run('--server-version', '14', '--json', 'summarize_wal')
    expect(elsewhere.json().error).toMatchObject({ code: 'setting-of-other-major', message: expect.stringContaining('17') })
  })

  it('no version, no file, no number: exit 2 with what to do', async () => {
    const cases: [string[], string][] = [
      [['--config-file', path.join(directory, 'broken.conf')], 'needs-server-version'],
      [['--config-file', path.join(directory, 'none.conf'), '--server-version', '14'], 'no-such-file'],
      [['--config-file', main(), '--server-version', 'new'], 'usage'],
    ]
    for (const [args, code] of cases) {
      const wrong = await pgwal(['settings', '--json', ...args])
      expect([wrong.code, wrong.json().error.code, typeof wrong.json().error.remedy]).toEqual([2, code, 'string'])
    }
  })
})

describe.each([13, 18] as const)('on PostgreSQL %i', (major) => {
  let server: TestServer
  const conf = () => path.join(server.dataDir, 'postgresql.conf')
  const settings = async (...names: string[]) => (await pgwal(['settings', '-D', server.dataDir, '--json', ...names])).json()

  beforeAll(async () => {
    server = await TestServer.create(major, { conf: 'work_mem = 4096kB\nwork_mem = 8MB' })
    await server.start('-o', '-c max_wal_senders=7')
  })
  afterAll(() => server.remove())

  it('a fresh server waits for nothing: every value is what its files say', async () => {
    const report = await settings()
    expect(report.cluster).toMatchObject({ dataDir: server.dataDir, running: true })
    const waiting = Object.entries(report.settings as Record<string, { wouldChange: boolean | null }>).filter(([, one]) => one.wouldChange === true)
    expect(waiting).toEqual([])
    expect(report.settings.work_mem).toMatchObject({ value: '8MB', running: '8MB', pendingRestart: false, pendingReload: false })
  })

  it('agrees with the server about every setting that a file decides', async () => {
    const report = await settings()
    const rows = await server.query<{ name: string; file: string; line: number }>("SELECT name, sourcefile AS file, sourceline AS line FROM pg_settings WHERE source = 'configuration file'")
    expect(rows.length).toBeGreaterThan(8)
    for (const { name, file, line } of rows) expect([name, report.settings[name]?.source]).toEqual([name, { file, line }])
  })

  it('the command line beats a file, and a restart would not change that', async () => {
    await fs.appendFile(conf(), 'max_wal_senders = 9\n')
    await server.pgCtl('reload')
    const { max_wal_senders: setting } = (await settings('max_wal_senders')).settings
    expect(setting).toMatchObject({ value: '7', source: 'command line', running: '7', pendingRestart: false, wouldChange: false })
    expect(setting.lines.at(-1)).toMatchObject({ value: '9', wins: false, lostTo: 'command line', because: 'command line' })
  })

  it('what waits for a restart or a reload, and what only seems to', async () => {
    await fs.appendFile(conf(), "archive_mode = on\narchive_timeout = 5min\nmax_replication_slots = 12\n")
    await server.pgCtl('reload')
    await expect.poll(async () => (await server.query("SELECT pending_restart FROM pg_settings WHERE name = 'max_replication_slots'"))[0]).toEqual({ pending_restart: true })
    const now = (await settings('archive_mode', 'archive_timeout')).settings
    expect(now.archive_mode).toMatchObject({ value: 'on', running: 'off', pendingRestart: true, wouldChange: true, flaggedPendingRestart: true })
    expect(now.archive_timeout).toMatchObject({ value: '5min', running: '5min', wouldChange: false })

    const text = await fs.readFile(conf(), 'utf8')
    await fs.writeFile(conf(), text.replace('max_replication_slots = 12\n', '').replace('archive_timeout = 5min', 'archive_timeout = 6min'))
    const later = (await settings('archive_timeout', 'max_replication_slots')).settings
    expect(later.archive_timeout).toMatchObject({ value: '6min', running: '5min', pendingRestart: false, pendingReload: true, wouldChange: true })
    // The server's flag stays after the line is gone.
    expect(later.max_replication_slots).toMatchObject({ flaggedPendingRestart: true, pendingRestart: false, wouldChange: false })
    const shown = await pgwal(['settings', '-D', server.dataDir, '--lang', 'zh-TW', 'archive_mode'])
    expect(shown.stdout).toMatch(/archive_mode\s+on/)
    expect(shown.stdout).toContain('重新啟動')
  })

  it('an error in the files keeps a change from coming', async () => {
    const text = await fs.readFile(conf(), 'utf8')
    await fs.appendFile(conf(), 'no_such_setting = 1\n')
    const shown = await pgwal(['settings', '-D', server.dataDir, '--json', 'archive_mode', 'archive_timeout'])
    await fs.writeFile(conf(), text)
    expect(shown.code).toBe(1)
    expect(shown.json().settings.archive_mode).toMatchObject({ pendingRestart: true, wouldChange: false })
    expect(shown.json().settings.archive_timeout).toMatchObject({ pendingReload: true, wouldChange: false })
  })

  it('roles and databases with a value of their own', async () => {
    await server.query("CREATE ROLE joe LOGIN; ALTER ROLE joe SET work_mem = '1GB'; ALTER DATABASE postgres SET work_mem = '2GB'; ALTER ROLE joe IN DATABASE postgres SET work_mem = '3GB'")
    const { work_mem: setting } = (await settings('work_mem')).settings
    expect(setting.value).toBe('8MB')
    expect(setting.overriddenFor).toEqual(expect.arrayContaining([
      { role: 'joe', database: null, value: '1GB' }, { role: null, database: 'postgres', value: '2GB' }, { role: 'joe', database: 'postgres', value: '3GB' }]))
  })

  it('with the server down the files still answer', async () => {
    await server.stop()
    const report = await settings('archive_mode')
    expect(report).toMatchObject({ loads: true, notSeen: { code: 'server-down' } })
    expect(report.settings.archive_mode).toMatchObject({ value: 'on', running: null, pendingRestart: null })
  })
})
