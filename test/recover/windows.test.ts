// pgwal recover on a Windows machine that a directory stands for: all but the server's start, which the lab does.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { recover } from '../../src/app/recover.ts'
import type { RecoverOptions } from '../../src/app/recover.ts'
import type { Context } from '../../src/base-command.ts'
import { UserError } from '../../src/errors.ts'
import { messages } from '../../src/messages/messages.ts'
import { windowsCommandsFor } from '../../src/recover/guide-windows.ts'
import type { Cluster, Service } from '../../src/platforms/platform.ts'
import { LandmarkReader, readSegmentHeader } from '../../src/postgres/wal/index.ts'
import { recoverText } from '../../src/report/recover-text.ts'
import { PLAIN } from '../../src/report/style.ts'
import { packBackup, takePlainBackup } from '../support/base-backup.ts'
import { DriveHost } from '../support/drive-host.ts'
import { Recoverable } from '../support/recoverable.ts'

const TAR = 'C:/Windows/System32/tar.exe'

describe('17: a backup, its tablespace and its archive, as a drive of Windows has them', () => {
  let one: Recoverable
  let drive: DriveHost
  let oid: string

  const context = (): Context => ({
    host: drive.host, json: true, locale: 'en', style: PLAIN, verbose: false, quiet: true, hostWith: () => drive.host,
    ui: { interactive: false, words: messages('en'), style: PLAIN, note: () => undefined, progress: () => ({ update: () => undefined, done: () => undefined }) },
  } as unknown as Context)
  const run = (over: Partial<RecoverOptions> = {}, selection = {}) => recover(context(), selection, { fromBackup: 'C:\\backups\\plain', into: 'C:\\restored', to: 'here', archive: 'c:\\ARCHIVE', action: 'promote', yes: true, ...over })
  const refusal = async (over: Partial<RecoverOptions> = {}, selection = {}): Promise<[code: string, params: Record<string, unknown>]> => {
    const error = await run(over, selection).then(() => undefined, (thrown: unknown) => thrown)
    if (!(error instanceof UserError)) throw new Error(`not refused: ${String(error)}`, { cause: error })
    return [error.code, error.params]
  }
  const at = (...parts: readonly string[]): string => path.join(one.server.root, ...parts)
  const text = (...parts: readonly string[]): string => fs.readFileSync(at('restored', ...parts), 'utf8')

  beforeAll(async () => {
    one = await Recoverable.withTablespace(17)
    await takePlainBackup(one.server, `${one.backups}/plain`)
    await packBackup(one.server, `${one.backups}/plain`, `${one.backups}/packed`, 'z')
    await one.server.query("SELECT pg_create_restore_point('here')")
    await one.archived()
    for (let segment = 0; segment < 3; segment++) await one.archived()
    await one.server.stop()
    ;[oid] = fs.readdirSync(`${one.backups}/plain/pg_tblspc`) as [string]
  })
  beforeEach(() => {
    fs.rmSync(at('restored'), { recursive: true, force: true })
    // GNU tar, which has the place that Windows' own has.
    const tar = async (args: readonly string[]) => ({ stdout: execFileSync('tar', args.map((arg) => (arg.startsWith('C:/') ? drive.here(arg) : arg)), { encoding: 'utf8' }) })
    drive = new DriveHost(one.server.root, { [TAR]: tar })
  })
  afterAll(() => one.remove())

  it('is restored without any program, and reads its WAL in its own directory', async () => {
    const report = await run()
    expect(report).toMatchObject({
      outcome: 'applied', shell: 'cmd', done: { compared: true, major: 17 }, into: { path: 'C:/restored', owner: 'alice' }, target: { seen: true }, archive: { path: 'c:/ARCHIVE', copiedTo: 'C:/restored/wal' },
      tablespaces: [{ oid, path: `C:/restored/tablespaces/${oid}` }],
    })
    expect(drive.given).toEqual([{ path: 'C:/restored', accounts: ['alice', 'alice'] }])
    expect(text('data', 'tablespace_map')).toBe(`${oid} C:/restored/tablespaces/${oid}\n`)
    expect(fs.readdirSync(at('restored', 'tablespaces', oid))).toEqual([expect.stringMatching(/^PG_17_/)])
    expect(fs.existsSync(at('restored', 'PGWAL-UNFINISHED'))).toBe(false)
    const conf = text('postgresql.conf')
    expect(conf).toContain("data_directory = 'C:/restored/data'\n")
    expect(conf).toContain("listen_addresses = '127.0.0.1'\n")
    expect(conf).toContain("unix_socket_directories = ''\n")
    expect(conf).toContain("archive_mode = 'off'\n")
    expect(conf).toContain(String.raw`restore_command = '(if not exist "C:\\restored\\wal" exit 255) & (if not exist "C:\\restored\\wal\\%f" exit 1) & (copy /b /y "C:\\restored\\wal\\%f" "%p" >nul) & (if errorlevel 1 exit 255)'`)
    // That of the target, and the next one: a record may begin in one and end in the other.
    const names = one.segments()
    const last = names.indexOf(report.archive.last)
    expect(fs.readdirSync(at('restored', 'wal')).sort()).toEqual(names.filter((name) => name >= report.archive.first).slice(0, names.slice(0, last + 2).filter((name) => name >= report.archive.first).length))
    expect(last + 2).toBeLessThan(names.length)
    for (const name of fs.readdirSync(at('restored', 'wal'))) expect(fs.readFileSync(at('restored', 'wal', name)).equals(fs.readFileSync(at('archive', name)))).toBe(true)
    expect(text('GUIDE.txt')).toMatch(/cmd\.exe, not PowerShell.*\r\n/)
    const shown = recoverText(report, PLAIN).replace(/\s+/g, ' ')
    expect(shown).toContain(`listens on 127.0.0.1 alone, port ${report.port}`)
    expect(shown).not.toMatch(/0700|sudo|runuser|cp -|rm -rf/)
    expect(recoverText(report, { ...PLAIN, locale: 'zh-TW' })).toContain('命令提示字元')
  })

  it('whose rules let everybody in asks for no password, and for one in every other case', async () => {
    await run()
    expect(text('pg_hba.conf')).toBe('host all all 127.0.0.1/32 trust\n')
    const rules = `${one.backups}/plain/pg_hba.conf`
    const before = fs.readFileSync(rules)
    const manifest = fs.readFileSync(`${one.backups}/plain/backup_manifest`)
    fs.rmSync(`${one.backups}/plain/backup_manifest`)
    try {
      for (const other of ['host all all 127.0.0.1/32 scram-sha-256\n', 'local all all trust\n', 'host all +admins 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 md5\n', undefined]) {
        fs.rmSync(at('restored'), { recursive: true })
        if (other === undefined) fs.rmSync(rules)
        else fs.writeFileSync(rules, other)
        await run()
        expect(text('pg_hba.conf'), other).toBe('host all all 127.0.0.1/32 md5\n')
      }
    } finally {
      fs.writeFileSync(rules, before)
      fs.writeFileSync(`${one.backups}/plain/backup_manifest`, manifest)
      await one.own(rules)
    }
  })

  it('and waits at the target: all that the archive has behind it is there for a later one', async () => {
    const report = await run({ action: 'pause' })
    expect(fs.readdirSync(at('restored', 'wal')).sort()).toEqual(one.segments().filter((name) => name >= report.archive.first))
    expect(report.commands.accept).toEqual([expect.stringMatching(/^psql -h 127\.0\.0\.1 -p \d+ -U postgres -d postgres -c "SELECT pg_wal_replay_resume\(\)"$/)])
  })

  it('in an archive of gzip: made whole here; in one of another form: refused, with what to do', async () => {
    const names = one.segments()
    fs.mkdirSync(at('packed'))
    for (const name of names) fs.writeFileSync(at('packed', `${name}.gz`), zlib.gzipSync(fs.readFileSync(at('archive', name)), { level: 1 }))
    const report = await run({ archive: 'C:\\packed' })
    expect(fs.readFileSync(at('restored', 'wal', report.archive.last)).equals(fs.readFileSync(at('archive', report.archive.last)))).toBe(true)
    for (const name of names) fs.renameSync(at('packed', `${name}.gz`), at('packed', `${name}.zst`))
    fs.rmSync(at('restored'), { recursive: true })
    expect(await refusal({ archive: 'C:\\packed' })).toEqual(['archive-form-not-here', { path: 'C:/packed', program: 'zstd' }])
    fs.rmSync(at('packed'), { recursive: true })
  })

  it('as tar files: unpacked by the tar of Windows, which is named where it is missing', async () => {
    expect(await refusal({ fromBackup: 'C:\\backups\\packed' })).toEqual(['backup-needs-program', expect.objectContaining({ what: TAR })])
    fs.mkdirSync(at('Windows', 'System32'), { recursive: true })
    fs.writeFileSync(at('Windows', 'System32', 'tar.exe'), '')
    const report = await run({ fromBackup: 'C:\\backups\\packed' })
    expect(report).toMatchObject({ outcome: 'applied', done: { compared: true } })
    expect(text('data', 'tablespace_map')).toBe(`${oid} C:/restored/tablespaces/${oid}\n`)
    fs.rmSync(at('Windows'), { recursive: true })
  })

  it.each([
    ['the data directory in other letters', 'C:\\DATA\\New', 'into-inside'],
    ['with slashes of both kinds and dots', 'c:/backups\\../data/base\\x', 'into-inside'],
    ['the archive', 'C:\\archive\\x\\', 'into-inside'],
    ['the backup itself', 'C:\\BACKUPS\\plain', 'into-inside'],
    ['its tablespace', 'C:\\backups\\plain.ts\\OID\\x', 'into-inside'],
    ['a tablespace of the cluster', 'c:\\SPACE\\x', 'into-inside'],
    ['a share', '\\\\localhost\\c$\\restored', 'into-unusable'],
    ['a share, with slashes', '//localhost/c$/restored', 'into-unusable'],
    ['the long form of a path', '\\\\?\\C:\\restored', 'into-unusable'],
    ['a drive\'s own working directory', 'C:restored', 'into-unusable'],
    ['a drive', 'C:\\', 'into-unusable'],
    ['a name that means another', 'C:\\data.', 'into-unusable'],
    ['a percent sign', 'C:\\100%', 'into-unusable'],
    ['letters that the code page may lack', 'C:\\wiederhergestellt-ä', 'into-unusable'],
    ['a stream of a file', 'C:\\a:b', 'into-unusable'],
    ['a long name', `C:\\${'x'.repeat(200)}`, 'into-unusable'],
    ['a directory that is not there', 'C:\\nowhere\\x', 'into-unusable'],
    ['what is not empty', 'C:\\space', 'into-inside'],
    ['a file', 'C:\\data\\PG_VERSION', 'into-inside'],
  ])('is not restored into %s', async (_what, into, code) => {
    expect((await refusal({ into: into.replace('OID', oid) }, { dataDir: 'C:\\data' }))[0]).toBe(code)
    expect(fs.existsSync(at('data', 'New'))).toBe(false)
  })

  it('into a name on the drive of the working directory, and beside it', async () => {
    for (const into of ['\\restored', '/restored', 'restored', '.\\restored\\']) expect((await run({ into, dryRun: true })).into.path, into).toBe('C:/restored')
    expect(fs.existsSync(at('restored'))).toBe(false)
  })

  it('an empty directory, or what an interrupted run left, is made anew: whoever made it may have let others in', async () => {
    fs.mkdirSync(at('restored'))
    await run()
    expect(drive.given).toHaveLength(1)
    fs.rmSync(at('restored'), { recursive: true })
    fs.mkdirSync(at('restored', 'data'), { recursive: true })
    fs.writeFileSync(at('restored', 'PGWAL-UNFINISHED'), '{}')
    await expect(run()).resolves.toMatchObject({ outcome: 'applied' })
    expect(drive.given).toHaveLength(2)
    expect((await refusal())[0]).toBe('into-not-empty')
  })

  it.each(['copyFile', 'checksum', 'replace', 'makeDirectory'])('Ctrl-C at any %s leaves nothing', async (call) => {
    for (const nth of [1, 3]) {
      const interrupted = new AbortController()
      let seen = 0
      drive.onCall = (name, file) => { if (name === call && file.startsWith('C:/restored/') && ++seen === nth) interrupted.abort() }
      if (call === 'copyFile') drive.onCall = (name) => { if (name === call && ++seen === nth) interrupted.abort() }
      expect(await run({ signal: interrupted.signal })).toMatchObject({ outcome: 'cancelled', takenAway: true })
      expect(fs.existsSync(at('restored'))).toBe(false)
    }
  })

  it('a tablespace that was made on a drive is seen in the WAL', () => {
    const reader = new LandmarkReader()
    for (const name of one.segments()) {
      const bytes = fs.readFileSync(at('archive', name))
      const found = bytes.indexOf(`${at('space')}\0`)
      if (found >= 0) bytes.write('C:/', found)
      const header = readSegmentHeader(bytes)
      if (!('error' in header)) reader.read(bytes, header.pageAddress)
    }
    expect(reader.tablespaces).toMatchObject([{ oid, location: `C:/${at('space').slice(3)}` }])
  })

  it('a file that is damaged leaves nothing', async () => {
    const file = `${one.backups}/plain/PG_VERSION`
    const before = fs.readFileSync(file)
    fs.writeFileSync(file, '17\r')
    expect(await refusal()).toEqual(['backup-damaged', expect.objectContaining({ file: 'PG_VERSION' })])
    fs.writeFileSync(file, before)
    expect(fs.existsSync(at('restored'))).toBe(false)
  })
})

describe('the commands for cmd.exe', () => {
  const cluster = { id: 'postgresql-x64-15', dataDir: 'C:/Program Files/PostgreSQL/15/data & 15', port: 5432, owner: { name: 'NT AUTHORITY\\NetworkService', uid: -1, gid: -1, sid: 'S-1-5-20' } } as unknown as Cluster
  const service = { start: [{ file: 'net', args: ['start', 'postgresql-x64-15'] }], stop: [{ file: 'net', args: ['stop', 'postgresql-x64-15', '/y'] }] } as unknown as Service
  const guiding = { root: 'C:/restored', port: 20001, archive: 'C:/pg backups/wal', paused: false, prepared: false, binDir: 'C:/Program Files/PostgreSQL/15/bin', superuser: 'postgres', hasClients: true }

  it('with the service, on its drive', () => {
    const commands = windowsCommandsFor({ ...guiding, cluster, service })
    expect(commands.start).toEqual([String.raw`"C:\Program Files\PostgreSQL\15\bin\pg_ctl.exe" -D C:\restored -l C:\restored\server.log -w -t 86400 start`])
    expect(commands.goLive.map(({ code, command }) => [code, command])).toEqual([
      ['stop-production', 'net stop postgresql-x64-15 /y'],
      ['stop-restored', String.raw`"C:\Program Files\PostgreSQL\15\bin\pg_ctl.exe" -D C:\restored -m fast stop`],
      ['settings-back', String.raw`copy /y C:\restored\kept\postgresql.auto.conf C:\restored\data\postgresql.auto.conf`],
      ['history', String.raw`for /r C:\restored\data\pg_wal %f in (*.history) do @if not exist "C:\pg backups\wal\%~nxf" copy "%f" "C:\pg backups\wal\%~nxf"`],
      ['move-old', String.raw`move "C:\Program Files\PostgreSQL\15\data & 15" "C:\Program Files\PostgreSQL\15\data & 15.before-recovery"`],
      ['move-new', String.raw`move C:\restored\data "C:\Program Files\PostgreSQL\15\data & 15"`],
      ['rights', String.raw`icacls "C:\Program Files\PostgreSQL\15\data & 15" /inheritance:r /grant:r "*S-1-5-20:(OI)(CI)F" "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F"`],
      ['start', 'net start postgresql-x64-15'],
      ['backup', 'pgwal backup --cluster postgresql-x64-15'],
    ])
    expect(commands.discard.at(-1)).toBe(String.raw`if exist C:\restored\data\PG_VERSION rmdir /s /q C:\restored`)
  })

  it('from another drive, and where no cluster is known', () => {
    expect(windowsCommandsFor({ ...guiding, root: 'D:/restored', cluster, service }).goLive.find(({ code }) => code === 'move-new')?.command)
      .toBe(String.raw`robocopy D:\restored\data "C:\Program Files\PostgreSQL\15\data & 15" /e /move /sj`)
    expect(windowsCommandsFor({ ...guiding, hasClients: false }).goLive.map(({ code, command }) => `${code}: ${command}`)).toEqual(expect.arrayContaining([
      String.raw`check-settings: notepad C:\restored\data\postgresql.conf`, String.raw`start: "C:\Program Files\PostgreSQL\15\bin\pg_ctl.exe" -D C:\restored\data -l C:\restored\server.log start`, 'backup: pgwal backup',
    ]))
  })
})
