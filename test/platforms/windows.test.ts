import { describe, expect, it } from 'vitest'
import { privateDirectoryArguments } from '../../src/host/icacls.ts'
import { absolute, directoryOf } from '../../src/platforms/reading.ts'
import { keyName, parseRegQuery } from '../../src/platforms/windows-registry.ts'
import { parseDependents, parseServiceCommand, parseServiceState, parseWindowsArguments, serviceAccount } from '../../src/platforms/windows-services.ts'
import { windows } from '../../src/platforms/windows.ts'
import { readArchiveCommand, readArchiveScript } from '../../src/postgres/archive-command/index.ts'
import { cmdArchiveCommand, cmdArchiveScript, cmdPathProblem, cmdScriptProblem } from '../../src/postgres/archive-command/writer-cmd.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import type { Host, RunResult } from '../../src/host/host.ts'

const said = (stdout: string, code = 0): RunResult => ({ code, stdout, stderr: '', timedOut: false })

describe('reg query', () => {
  it('reads keys, names with blanks, numbers and empty values', () => {
    const keys = parseRegQuery('\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\PostgreSQL\\Services\\postgresql-x64-17\r\n    Data Directory    REG_SZ    D:\\PG Daten\\17\r\n    Port    REG_DWORD    0x1538\r\n    Branding    REG_SZ    \r\n\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\PostgreSQL\\Services\\other\r\n')
    expect(keys.map(keyName)).toEqual(['postgresql-x64-17', 'other'])
    expect([...keys[0]!.values]).toEqual([['Data Directory', 'D:\\PG Daten\\17'], ['Port', '0x1538'], ['Branding', '']])
  })
})

describe('the command line of a service', () => {
  it.each([
    ['"C:\\Program Files\\PostgreSQL\\16\\bin\\pg_ctl.exe" runservice -N "postgresql-x64-16" -D "D:\\PG Daten\\16\\" -w', 'D:/PG Daten/16" -w', 'C:/Program Files/PostgreSQL/16/bin'],
    ['"C:\\Program Files\\PostgreSQL\\16\\bin\\pg_ctl.exe" runservice -N "x" -D "C:\\data" -e src -w -t 60 -s', 'C:/data', 'C:/Program Files/PostgreSQL/16/bin'],
    ['C:\\Program Files\\PostgreSQL\\16\\bin\\pg_ctl.exe runservice -Nx -DC:\\data', 'C:/data', 'C:/Program Files/PostgreSQL/16/bin'],
    ['"%ProgramFiles%\\PostgreSQL\\16\\bin\\PG_CTL.EXE" runservice --pgdata=C:\\data', 'C:/data', 'C:/Programme/PostgreSQL/16/bin'],
    ['"C:\\pg\\bin\\pg_ctl" runservice -D "C:\\\u8cc7\u6599\\15" -o "-p 5433"', 'C:/\u8cc7\u6599/15', 'C:/pg/bin'],
  ])('%s', (imagePath, directory, binDir) => {
    expect(parseServiceCommand(imagePath, { PROGRAMFILES: 'C:\\Programme' })).toMatchObject({ directory, binDir })
  })

  it('takes the options of -o for the server', () => {
    expect(parseServiceCommand('"C:\\pg\\bin\\pg_ctl.exe" runservice -N "x" -D "C:\\d" -o "-p 5433 -c \\"work_mem=8MB\\""')?.settings).toEqual([['port', '5433'], ['work_mem', '8MB']])
  })

  it.each(['C:\\windows\\system32\\svchost.exe -k netsvcs', '"C:\\pg\\bin\\pg_ctl.exe" start -D C:\\d', '"C:\\pg\\bin\\pg_ctl.exe" runservice -N x', ''])('is no server: %s', (imagePath) => {
    expect(parseServiceCommand(imagePath)).toBeUndefined()
  })

  it('parts words as the C library does', () => {
    expect(parseWindowsArguments('a "b c" d\\\\e "f\\"g" "h\\\\" ""')).toEqual(['a', 'b c', 'd\\\\e', 'f"g', 'h\\', ''])
  })
})

describe('sc.exe', () => {
  const english = '\r\nSERVICE_NAME: postgresql-x64-16 \r\n        TYPE               : 10  WIN32_OWN_PROCESS  \r\n        STATE              : 4  RUNNING \r\n                                (STOPPABLE, PAUSABLE, ACCEPTS_SHUTDOWN)\r\n        WIN32_EXIT_CODE    : 0  (0x0)\r\n        PID                : 4312\r\n'
  it.each([
    ['English', english, 4],
    ['German', english.replace('TYPE ', 'TYP  ').replace('STATE ', 'STATUS'), 4],
    ['Japanese', english.replace('TYPE ', '\u7a2e\u985e ').replace('STATE ', '\u72b6\u614b ').replace(': 4  RUNNING', ': 1  STOPPED'), 1],
    ['a refusal', '[SC] OpenService FAILED 1060:\r\n\r\nThe specified service does not exist as an installed service.\r\n', undefined],
    ['Wine, which prints nothing', '', undefined],
  ])('%s', (_language, text, state) => {
    expect(parseServiceState(text)).toBe(state)
  })

  it('names what depends on a service', () => {
    expect(parseDependents('Enum: entriesRead  = 2\r\n\r\nSERVICE_NAME: pgagent-pg16\r\nDISPLAY_NAME: x\r\n\r\nSERVICE_NAME: my app\r\n')).toEqual(['pgagent-pg16', 'my app'])
  })
})

describe('accounts and rights', () => {
  it.each([
    ['LocalSystem', 'LocalSystem', 'S-1-5-18'],
    ['NT AUTHORITY\\NetworkService', 'NT AUTHORITY\\NetworkService', 'S-1-5-20'],
    ['NT AUTHORITY\\NETWORK SERVICE', 'NT AUTHORITY\\NetworkService', 'S-1-5-20'],
    ['nt authority\\local service', 'NT AUTHORITY\\LocalService', 'S-1-5-19'],
    ['.\\postgres', 'WIN11\\postgres', undefined],
    ['NT-AUTORIT\u00c4T\\Netzwerkdienst', 'NT-AUTORIT\u00c4T\\Netzwerkdienst', undefined],
  ])('%s', (registered, name, sid) => {
    expect(serviceAccount(registered, 'WIN11')).toEqual({ name, uid: -1, gid: -1, ...(sid === undefined ? {} : { sid }) })
  })

  it('gives a directory to one account or two, by number where it has one', () => {
    expect(privateDirectoryArguments('C:/pg_backups/wal', { name: 'x', uid: -1, gid: -1, sid: 'S-1-5-20' }))
      .toEqual(['C:\\pg_backups\\wal', '/inheritance:r', '/grant:r', '*S-1-5-20:(OI)(CI)F', '*S-1-5-18:(OI)(CI)F', '*S-1-5-32-544:(OI)(CI)F'])
    expect(privateDirectoryArguments('C:/a', { name: 'LocalSystem', uid: -1, gid: -1, sid: 'S-1-5-18' }).filter((word) => word.includes('S-1-5-18'))).toHaveLength(1)
    expect(privateDirectoryArguments('C:/a', { name: 'WIN11\\postgres', uid: -1, gid: -1 })).toContain('WIN11\\postgres:(OI)(CI)F')
    expect(privateDirectoryArguments('C:/a', { name: 'x', uid: -1, gid: -1, sid: 'S-1-5-20' }, { name: 'alice', uid: -1, gid: -1, sid: 'S-1-5-21-1' }).slice(3, 5)).toEqual(['*S-1-5-20:(OI)(CI)F', '*S-1-5-21-1:(OI)(CI)F'])
  })
})

describe('restarting a service', () => {
  const cluster = { binDir: 'C:/pg/bin', dataDir: 'C:/d', service: { kind: 'windows', name: 'pg' }, notes: [] } as unknown as Cluster
  const hostWith = (commands: Readonly<Record<string, RunResult>>): Host => ({
    os: 'win32', env: {}, run: async (file: string, args: readonly string[]) => commands[[file, ...args].join(' ')] ?? said('', 1),
  }) as unknown as Host

  it('waits for the server, not for the service manager, and asks again when that is busy', async () => {
    const service = await windows.service(cluster, hostWith({ 'sc.exe enumdepend pg': said('Enum: entriesRead  = 0\r\n') }))
    expect(service.needsRoot).toBe(true)
    expect(service.restart.map(({ file, args }) => [file, ...args].join(' '))).toEqual(['net stop pg', 'net start pg'])
    expect(service.restart[1]).toMatchObject({ afterServerEnd: true })
    const busy = new RegExp(service.restart[1]!.tryAgain!.when, 'i')
    expect(busy.test('Der Dienst wird gerade gestartet oder beendet.\r\nSie erhalten weitere Hilfe, wenn Sie NET HELPMSG 2189 eingeben.')).toBe(true)
    expect(busy.test('More help is available by typing NET HELPMSG 3523.')).toBe(false)
    expect(new RegExp(service.restart[0]!.tolerate!, 'i').test('Sie erhalten weitere Hilfe, wenn Sie NET HELPMSG 3521 eingeben.')).toBe(true)
  })

  it('starts again what stopped with it', async () => {
    const running = '\r\nSERVICE_NAME: agent\r\n        TYPE : 10  WIN32_OWN_PROCESS\r\n        STATE : 4  RUNNING\r\n'
    const service = await windows.service(cluster, hostWith({ 'sc.exe enumdepend pg': said('SERVICE_NAME: agent\r\n'), 'sc.exe queryex agent': said(running) }))
    expect(service.restart.map(({ file, args }) => [file, ...args].join(' '))).toEqual(['net stop pg /y', 'net start pg', 'net start agent'])
  })

  it('stops a server that runs outside its service with pg_ctl', async () => {
    const service = await windows.service({ ...cluster, notes: [{ code: 'outside-unit', params: {} }] }, hostWith({}))
    expect(service.restart.map(({ file }) => file)).toEqual(['C:/pg/bin/pg_ctl', 'net'])
  })
})

describe('the archive command for cmd.exe', () => {
  it('names a script of the data directory relative to it', () => {
    expect(cmdArchiveCommand('C:/d\u00e4ta 100%/pgwal-archive.cmd', 'c:\\d\u00e4ta 100%')).toBe('".\\pgwal-archive.cmd" "%p" "%f" || exit 1')
    expect(cmdArchiveCommand('C:/conf/pgwal-archive.cmd', 'C:/data')).toBe('"C:\\conf\\pgwal-archive.cmd" "%p" "%f" || exit 1')
    expect(cmdScriptProblem('C:/c\u00f6nf/pgwal-archive.cmd', 'C:/data')).toBe('control-character')
  })

  it.each([['C:/pg_backups/wal', undefined], ['D:\\Sicherung & Co (2)\\wal', undefined], ['C:/\u8cc7\u6599', undefined], ['C:/', 'root'], ['C:wal', 'relative'], ['\\\\nas\\wal', 'relative'], ['/wal', 'relative'], ['C:/a"b', 'control-character'], ['C:/100%', 'control-character'], ['C:/a:b', 'control-character'], ['C:/a\nb', 'control-character']])('%s', (path, problem) => {
    expect(cmdPathProblem(path)).toBe(problem)
  })

  it('has CRLF everywhere, another code page only for letters beyond ASCII, and says where it stores', () => {
    for (const archiveDir of ['C:/pg_backups/wal', 'C:/Sicherung & Co/\u8cc7\u6599']) {
      const text = cmdArchiveScript({ archiveDir })
      expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
      expect(text.includes('chcp 65001')).toBe(archiveDir.includes('\u8cc7'))
      expect(readArchiveScript(text)).toEqual({ archiveDir, systemIdentifier: undefined })
      expect(readArchiveCommand('".\\pgwal-archive.cmd" "%p" "%f" || exit 1', { shell: 'cmd', major: 15, script: () => text }))
        .toMatchObject({ kind: 'pgwal', overwrites: 'no', atomic: 'yes', durable: 'no', propagatesFailure: 'yes', destination: archiveDir.replaceAll('/', '\\') })
    }
  })

  it('publishes with what never replaces', () => {
    expect(cmdArchiveScript({ archiveDir: 'C:/a' })).not.toMatch(/^\s*move\b/m)
  })
})

describe('paths with a drive', () => {
  it('keeps it', () => {
    expect(absolute('C:/data', '../x')).toBe('C:/x')
    expect(absolute('/', 'C:\\a\\.\\b')).toBe('C:/a/b')
    expect(directoryOf('C:/a')).toBe('C:/')
    expect(directoryOf('C:/a/b')).toBe('C:/a')
  })
})
