// Homebrew's servers on recorded machines: whose they are, who holds them, and what restarts them.
import { describe, expect, it } from 'vitest'
import { guardedByMacOs } from '../../src/plan/macos-privacy.ts'
import { parseBrewServices } from '../../src/platforms/homebrew.ts'
import { archiveDirectoryFor, detectClusters, serviceOf } from '../../src/platforms/index.ts'
import { parseJobState, parsePropertyList } from '../../src/platforms/launchd.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import { postmastersOfPs } from '../../src/platforms/ps.ts'
import { agent, alice, bothPrefixes, daemon, ENV, infoJson, launchctlPrint, linuxbrew, listJson, plist, ps, psLine, silicon } from '../fixtures/machines/homebrew.ts'
import { FakeHost } from '../support/fake-host.ts'
import type { FakeMachine } from '../support/fake-host.ts'

async function found(fake: FakeHost): Promise<Map<string, Cluster>> {
  const clusters = await detectClusters(fake.host)
  expect(fake.unexpected).toEqual([])
  return new Map(clusters.map((cluster) => [cluster.dataDir, cluster]))
}

const on = (machine: FakeMachine): FakeHost => new FakeHost(machine)
const lines = (commands: readonly { readonly file: string; readonly args: readonly string[]; readonly as?: { readonly name: string } }[]): string[] => commands.map(({ file, args, as }) => `${as === undefined ? '' : `${as.name}: `}${[file, ...args].join(' ')}`)
const codes = (cluster: Cluster): string[] => cluster.notes.map(({ code }) => code)

describe('a Mac with both prefixes', () => {
  it('each directory is one cluster of the login user, the old formula\'s too', async () => {
    const clusters = await found(on(bothPrefixes))
    expect([...clusters.values()].map(({ dataDir, platform, version, running, pid, owner, socketDirs }) => [dataDir, platform, version, running, pid, owner.name, ...socketDirs])).toEqual([
      ['/opt/homebrew/var/postgresql@15', 'homebrew', '15.18', true, 960, 'alice', '/tmp'],
      ['/opt/homebrew/var/postgresql@16', 'homebrew', '16.14', true, 950, 'alice', '/tmp'],
      ['/opt/homebrew/var/postgresql@17', 'homebrew', '17.10', true, 913, 'alice', '/tmp'],
      ['/usr/local/var/postgres', 'homebrew', '14.1', false, undefined, 'alice', '/tmp'],
    ])
  })

  it('what brew holds, brew restarts, in the name of its owner and with a limit', async () => {
    const fake = on(bothPrefixes)
    const cluster = (await found(fake)).get('/opt/homebrew/var/postgresql@17')!
    expect(cluster).toMatchObject({ service: { kind: 'brew', name: 'postgresql@17' }, logFile: '/opt/homebrew/var/log/postgresql@17.log', notes: [], evidence: expect.arrayContaining([{ kind: 'service', detail: 'postgresql@17' }]) as unknown })
    const service = await serviceOf(cluster, fake.host)
    expect(service).toMatchObject({ describe: 'brew services restart postgresql@17', needsRoot: false })
    expect(lines(service.restart)).toEqual(['alice: /opt/homebrew/bin/brew services restart postgresql@17'])
    expect(service.restart[0]!.timeoutMs).toBeLessThan(600_000)
    expect(lines(service.reload)).toEqual(['alice: /opt/homebrew/opt/postgresql@17/bin/pg_ctl reload -D /opt/homebrew/var/postgresql@17'])
    expect(archiveDirectoryFor(cluster, [])).toBe('/opt/homebrew/var/postgresql@17-wal')
  })

  it('a server beside its service is named, and stopped before the service starts', async () => {
    const fake = on(bothPrefixes)
    const cluster = (await found(fake)).get('/opt/homebrew/var/postgresql@16')!
    expect(codes(cluster)).toEqual(['outside-unit'])
    expect(cluster.notes[0]!.params['command']).toBe('/opt/homebrew/opt/postgresql@16/bin/pg_ctl stop -D /opt/homebrew/var/postgresql@16 -m fast && brew services restart postgresql@16')
    expect(lines((await serviceOf(cluster, fake.host)).restart)).toEqual([
      'alice: /opt/homebrew/opt/postgresql@16/bin/pg_ctl stop -D /opt/homebrew/var/postgresql@16 -w -t 600 -m fast',
      'alice: /opt/homebrew/bin/brew services restart postgresql@16',
    ])
  })

  it('a formula that brew does not hold is its user\'s own, and never put among what starts at login', async () => {
    const fake = on(bothPrefixes)
    const cluster = (await found(fake)).get('/opt/homebrew/var/postgresql@15')!
    expect(cluster.service).toEqual({ kind: 'pg_ctl', name: '/opt/homebrew/var/postgresql@15' })
    expect((await serviceOf(cluster, fake.host)).restart[0]!.file).toBe('/opt/homebrew/Cellar/postgresql@15/15.18/bin/pg_ctl')
  })

  it('an older brew without `info` is asked for its list', async () => {
    const old = (await found(on(bothPrefixes))).get('/usr/local/var/postgres')!
    expect(old).toMatchObject({ service: { kind: 'brew', name: 'postgresql' }, binDir: '/usr/local/opt/postgresql/bin', port: 5435 })
    expect(lines((await serviceOf(old, on(bothPrefixes).host)).restart)).toEqual(['alice: /usr/local/bin/brew services restart postgresql'])
  })

  it('where brew gives no answer, what starts at login tells of it', async () => {
    const refusal = { code: 1, stderr: 'Error: `brew services` cannot run under tmux!\n' }
    const refused = Object.fromEntries(['/opt/homebrew', '/usr/local'].flatMap((prefix) => ['info --all', 'list'].map((words) => [`${prefix}/bin/brew services ${words} --json`, refusal])))
    const commands = { ...bothPrefixes.commands, ...refused }
    const files = { ...bothPrefixes.files, [agent('postgresql@17')]: plist('homebrew.mxcl.postgresql@17', ['/opt/homebrew/opt/postgresql@17/bin/postgres', '-D', '/opt/homebrew/var/postgresql@17']) }
    const clusters = await found(on({ ...bothPrefixes, files, commands, self: { ...bothPrefixes.self!, home: '/Users/alice' } }))
    expect(clusters.get('/opt/homebrew/var/postgresql@17')).toMatchObject({ platform: 'homebrew', service: { kind: 'brew', name: 'postgresql@17' } })
    expect(clusters.get('/opt/homebrew/var/postgresql@15')).toMatchObject({ platform: 'homebrew', service: { kind: 'pg_ctl' } })
  })
})

describe('root', () => {
  it('never runs brew as root, but as the user whose it is', async () => {
    const fake = on(silicon)
    const cluster = (await found(fake)).get('/opt/homebrew/var/postgresql@17')!
    expect(cluster).toMatchObject({ owner: { name: 'alice' }, service: { kind: 'brew', name: 'postgresql@17' }, running: true, notes: [] })
    expect(lines((await serviceOf(cluster, fake.host)).restart)).toEqual(['alice: /usr/bin/env -u SUDO_USER -u SUDO_UID -u SUDO_GID -u SUDO_COMMAND /opt/homebrew/bin/brew services restart postgresql@17'])
  })

  it('without sudo, the prefix tells whose brew it is', async () => {
    const cluster = (await found(on({ ...silicon, env: {} }))).get('/opt/homebrew/var/postgresql@17')!
    expect(cluster.service).toEqual({ kind: 'brew', name: 'postgresql@17' })
  })

  it('SUDO_USER=root and an unknown name are nobody, and brew is still not run as root', async () => {
    for (const SUDO_USER of ['root', 'nobody-knows', '']) {
      const fake = on({ ...silicon, env: { SUDO_USER }, files: { ...silicon.files, '/opt/homebrew/bin/brew': { text: '#!/bin/bash\n', uid: 0 } } })
      const cluster = (await found(fake)).get('/opt/homebrew/var/postgresql@17')!
      expect(fake.ranCommands.filter((line) => line.includes('bin/brew'))).toEqual([])
      expect(cluster).toMatchObject({ platform: 'homebrew', running: true, service: { kind: 'pg_ctl' } })
    }
  })

  it('a prefix of somebody else\'s speaks for nobody but its maker: neither its brew nor its programs run in another name', async () => {
    const mallory = { name: 'mallory', uid: 666, gid: 666, home: '/Users/mallory' }
    const fake = on({
      ...silicon, accounts: [alice, mallory],
      files: { ...silicon.files, '/opt/homebrew/bin/brew': { text: '#!/bin/bash\n', uid: 666 } },
      // Its brew tells of alice's directory, as her service and with programs of its own.
      commands: { ...silicon.commands, [`${ENV} /opt/homebrew/bin/brew services info --all --json`]: { as: 'mallory', stdout: infoJson('/opt/homebrew', 'new', { name: 'postgresql@17', status: 'started', user: 'alice', pid: 913 }) } },
    })
    const cluster = (await found(fake)).get('/opt/homebrew/var/postgresql@17')!
    expect(cluster).toMatchObject({ platform: 'source', owner: { name: 'alice' }, service: { kind: 'pg_ctl' } })
    expect(lines((await serviceOf(cluster, fake.host)).restart).join()).not.toContain('brew services')
  })

  it('a brew that is root\'s is asked in the name of whoever called sudo', async () => {
    const fake = on({ ...silicon, files: { ...silicon.files, '/opt/homebrew/bin/brew': { text: '#!/bin/bash\n', uid: 0 } } })
    expect((await found(fake)).get('/opt/homebrew/var/postgresql@17')!.service).toEqual({ kind: 'brew', name: 'postgresql@17' })
  })

  it('a daemon of root\'s launchd is stopped fast and comes back by itself', async () => {
    const fake = on(daemon)
    const cluster = (await found(fake)).get('/opt/homebrew/var/postgresql@17')!
    expect(cluster).toMatchObject({ service: { kind: 'launchd', name: 'homebrew.mxcl.postgresql@17' }, notes: [] })
    const service = await serviceOf(cluster, fake.host)
    expect(service.needsRoot).toBe(true)
    expect(lines(service.restart)).toEqual(['launchctl kill SIGINT system/homebrew.mxcl.postgresql@17'])
    expect(lines(service.start)).toEqual(['launchctl kickstart system/homebrew.mxcl.postgresql@17'])
  })

  it('a server beside its daemon is named', async () => {
    const commands = { ...daemon.commands, 'launchctl print system/homebrew.mxcl.postgresql@17': { stdout: launchctlPrint('system', 'homebrew.mxcl.postgresql@17', ['state = spawn scheduled', 'last exit code = 78: EX_CONFIG']) } }
    const fake = on({ ...daemon, commands })
    const cluster = (await found(fake)).get('/opt/homebrew/var/postgresql@17')!
    expect(codes(cluster)).toEqual(['outside-unit'])
    expect(lines((await serviceOf(cluster, fake.host)).restart)).toEqual([
      'alice: /opt/homebrew/opt/postgresql@17/bin/pg_ctl stop -D /opt/homebrew/var/postgresql@17 -w -t 600 -m fast', 'launchctl kickstart system/homebrew.mxcl.postgresql@17',
    ])
  })
})

describe('Linuxbrew', () => {
  it('is its user\'s, with the way to that user\'s systemd', async () => {
    const fake = on(linuxbrew)
    const cluster = (await found(fake)).get('/home/linuxbrew/.linuxbrew/var/postgresql@16')!
    expect(cluster).toMatchObject({ platform: 'homebrew', running: true, pid: 700, owner: { name: 'bob' }, service: { kind: 'brew', name: 'postgresql@16' }, logFile: '/home/linuxbrew/.linuxbrew/var/log/postgresql@16.log', notes: [] })
    const [restart] = (await serviceOf(cluster, fake.host)).restart
    expect(restart).toMatchObject({ file: '/home/linuxbrew/.linuxbrew/bin/brew', as: { name: 'bob' }, env: { XDG_RUNTIME_DIR: '/run/user/1000' } })
  })

  it('a prefix of one\'s own is found by the brew on the path', async () => {
    const moved = (text: string): string => text.replaceAll('/home/linuxbrew/.linuxbrew', '/opt/brew')
    const files = JSON.parse(moved(JSON.stringify(linuxbrew.files))) as FakeMachine['files']
    const commands = { ...JSON.parse(moved(JSON.stringify(linuxbrew.commands))) as NonNullable<FakeMachine['commands']>, '/opt/brew/bin/brew --prefix': { as: 'bob', stdout: '/opt/brew\n' } }
    const cluster = (await found(on({ ...linuxbrew, env: { PATH: '/opt/brew/bin:/usr/bin', SUDO_USER: 'bob' }, files, commands }))).get('/opt/brew/var/postgresql@16')
    expect(cluster).toMatchObject({ platform: 'homebrew', service: { kind: 'brew', name: 'postgresql@16' } })
  })
})

describe('what the tools print', () => {
  it('services, in every form', () => {
    const started = { name: 'postgresql@17', status: 'started', user: 'alice', pid: 913, file: agent('postgresql@17') } as const
    expect(parseBrewServices('')).toEqual([])
    expect(parseBrewServices('[]\n')).toEqual([])
    expect(parseBrewServices('Error: Running Homebrew as root is extremely dangerous and no longer supported.\n')).toEqual([])
    expect(parseBrewServices('{"name":"postgresql@17"}')).toEqual([])
    expect(parseBrewServices(listJson({ name: 'postgresql@17', status: 'error', user: 'alice', exit_code: 256, file: agent('postgresql@17') }, { name: 'redis', status: 'none' }))).toEqual([
      { name: 'postgresql@17', status: 'error', user: 'alice', file: agent('postgresql@17') },
    ])
    expect(parseBrewServices(listJson({ name: 'postgresql@17', status: 'none' }))).toEqual([{ name: 'postgresql@17', status: 'none' }])
    const told = { ...started, directory: '/opt/homebrew/var/postgresql@17', binDir: '/opt/homebrew/opt/postgresql@17/bin', logFile: '/opt/homebrew/var/log/postgresql@17.log' }
    expect(parseBrewServices(infoJson('/opt/homebrew', 'old', started))).toEqual([told])
    expect(parseBrewServices(infoJson('/opt/homebrew', 'new', started))).toEqual([told])
    // A service whose command is not known to brew.
    expect(parseBrewServices('[{"name":"postgresql@14","status":"none","command":null,"pid":0}]')).toEqual([{ name: 'postgresql@14', status: 'none' }])
  })

  it('property lists', () => {
    expect(parsePropertyList(plist('a.b', ['/x & y/postgres', '-D', '/d'], { log: '/dev/null', keepAlive: false }))).toEqual({ label: 'a.b', program: ['/x & y/postgres', '-D', '/d'], keepAlive: false })
    expect(parsePropertyList('<plist><dict><key>Label</key><string>l</string><key>Program</key><string>/p</string><key>ProgramArguments</key><array><string>p</string><string>-x</string></array></dict></plist>').program).toEqual(['/p', '-x'])
    expect(parsePropertyList('bplist00')).toEqual({ program: [], keepAlive: false })
  })

  it('jobs, whether launchctl prints or lists them', () => {
    expect(parseJobState(launchctlPrint('gui/501', 'l', ['state = running', 'pid = 913']))).toEqual({ pid: 913 })
    expect(parseJobState(launchctlPrint('gui/501', 'l', ['state = not running', 'last exit code = (never exited)']))).toEqual({})
    expect(parseJobState('{\n\t"LimitLoadToSessionType" = "System";\n\t"Label" = "l";\n\t"LastExitStatus" = 256;\n\t"PID" = 913;\n};\n')).toEqual({ pid: 913 })
    expect(parseJobState('{\n\t"Label" = "l";\n\t"LastExitStatus" = 19968;\n};\n')).toEqual({})
  })

  it('ps: paths with blanks, children, and who only talks of servers', () => {
    const names = new Set(['postgres'])
    const listed = ps(
      psLine(70, 1, 'alice', '/Applications/Postgres.app/Contents/Versions/17/bin/postgres -D /Users/alice/Library/Application Support/Postgres/var-17 -p 5432'),
      psLine(71, 70, 'alice', 'postgres: walwriter '), psLine(72, 70, 'alice', '/Applications/Postgres.app/Contents/Versions/17/bin/postgres -D /x'),
      psLine(80, 1, 'bob', 'grep postgres'), psLine(81, 1, 'bob', 'postgres'))
    expect(postmastersOfPs(listed, names)).toEqual({
      complete: true,
      servers: [
        {
          pid: 70, user: 'alice', parent: { pid: 1, name: 'launchd', command: '/sbin/launchd' },
          argv: ['/Applications/Postgres.app/Contents/Versions/17/bin/postgres', '-D', '/Users/alice/Library/Application Support/Postgres/var-17', '-p', '5432'],
        },
        { pid: 81, user: 'bob', argv: ['postgres'], parent: { pid: 1, name: 'launchd', command: '/sbin/launchd' } },
      ],
    })
    expect(postmastersOfPs(psLine(70, 1, 'alice', 'postgres -D /d'), names).complete).toBe(false)
  })
})

describe('places that macOS guards', () => {
  it.each<[string, boolean]>([
    ['/Users/alice/Documents/wal', true], ['/Users/alice/Desktop', true], ['/users/alice/downloads/x', true], ['/Users/alice/Library/Mobile Documents/com~apple~CloudDocs/wal', true],
    ['/Users/alice/Library/CloudStorage/Box', true], ['/Volumes/Backup/wal', true], ['/System/Volumes/Data/Users/alice/Documents', true], ['/srv/home/alice/Documents/wal', true],
    ['/Users/alice/Documentation', false], ['/Users/alice/wal/Documents', false], ['/Users/alice/Library/Application Support/Postgres', false], ['/opt/homebrew/var/postgresql@17-wal', false], ['/VolumesX', false],
  ])('%s: %s', (path, guarded) => {
    expect(guardedByMacOs(path, '/srv/home/alice')).toBe(guarded)
  })
})
