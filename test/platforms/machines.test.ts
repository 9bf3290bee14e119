// Whole machines as data: what is found on them, and what would restart it.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import fs from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { archiveDirectoryFor, chooseCluster, detect, detectClusters, platforms, serviceOf } from '../../src/platforms/index.ts'
import type { Cluster, Platform } from '../../src/platforms/platform.ts'
import { debianSystemd, debianUnprivileged } from '../fixtures/machines/debian-systemd.ts'
import { managed } from '../fixtures/machines/managed.ts'
import { pgdg } from '../fixtures/machines/pgdg.ts'
import { FakeHost } from '../support/fake-host.ts'
import type { FakeMachine } from '../support/fake-host.ts'

function on(machine: FakeMachine): FakeHost {
  return new FakeHost(machine)
}

async function found(fake: FakeHost): Promise<Map<string, Cluster>> {
  const clusters = await detectClusters(fake.host)
  expect(fake.unexpected).toEqual([])
  return new Map(clusters.map((cluster) => [cluster.id, cluster]))
}

const codes = (cluster: Cluster | undefined): string[] => (cluster?.notes ?? []).map(({ code }) => code)

describe('Debian with systemd', () => {
  it('finds each cluster once, with every trace of it', async () => {
    const clusters = await found(on(debianSystemd))
    expect([...clusters.keys()]).toEqual(['13/old', '15/main', '15/second'])
    expect(clusters.get('15/main')).toEqual({
      platform: 'linux-apt', id: '15/main', version: '15.18', major: 15, binDir: '/usr/lib/postgresql/15/bin', dataDir: '/var/lib/postgresql/15/main',
      configFile: '/etc/postgresql/15/main/postgresql.conf', hbaFile: '/etc/postgresql/15/main/pg_hba.conf', owner: expect.objectContaining({ name: 'postgres', uid: 101 }) as unknown,
      port: 5432, socketDirs: ['/var/run/postgresql'], commandLine: [['config_file', '/etc/postgresql/15/main/postgresql.conf']], running: true, pid: 812,
      service: { kind: 'systemd', name: 'postgresql@15-main' }, logFile: '/var/log/postgresql/postgresql-15-main.log',
      evidence: [
        { kind: 'postmaster', detail: '812' }, { kind: 'pg_lsclusters', detail: '15 main' },
        { kind: 'postmaster.pid', detail: '/var/lib/postgresql/15/main/postmaster.pid' }, { kind: 'known-place', detail: '/var/lib/postgresql/15/main' },
      ],
      notes: [],
    })
  })

  it('a server outside its unit runs, whatever pg_lsclusters says, and the way back is the restart', async () => {
    const fake = on(debianSystemd)
    const second = (await found(fake)).get('15/second')!
    // The port that it has, not the one that it will have.
    expect(second).toMatchObject({ running: true, pid: 913, port: 5433 })
    expect(codes(second)).toEqual(['outside-unit', 'unit-failed'])
    expect(second.notes[0]!.params['command']).toBe('runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_ctl stop -D /var/lib/postgresql/15/second -m fast && systemctl reset-failed postgresql@15-second && systemctl start postgresql@15-second')
    const service = await serviceOf(second, fake.host)
    expect(service.restart.map(({ file, args, as }) => [file, args.join(' '), as?.name])).toEqual([
      ['/usr/lib/postgresql/15/bin/pg_ctl', 'stop -D /var/lib/postgresql/15/second -w -t 600 -m fast', 'postgres'],
      ['systemctl', 'reset-failed postgresql@15-second', undefined],
      ['systemctl', 'start postgresql@15-second', undefined],
    ])
    expect(service.needsRoot).toBe(true)
  })

  it('a name with a dash: no unit can start it, so that pg_ctlcluster does without systemd', async () => {
    const machine = JSON.parse(JSON.stringify(debianSystemd).replaceAll('second', 'sec-ond')) as FakeMachine
    const fake = on(machine)
    const cluster = (await found(fake)).get('15/sec-ond')!
    expect(cluster).toMatchObject({ running: true, pid: 913, service: { kind: 'pg_ctlcluster', name: '15 sec-ond' }, notes: [] })
    const service = await serviceOf(cluster, fake.host)
    expect(service.restart.map(({ file, args }) => [file, ...args].join(' '))).toEqual(['pg_ctlcluster --skip-systemctl-redirect -m fast 15 sec-ond restart'])
    expect(service.stop.map(({ file, args }) => [file, ...args].join(' '))).toEqual(['pg_ctlcluster --skip-systemctl-redirect -m fast 15 sec-ond stop'])
  })

  it.skipIf(!existsSync('/usr/bin/systemd-escape'))('what systemd makes of such a name in a path of the unit', () => {
    const path = (instance: string) => execFileSync('/usr/bin/systemd-escape', ['--unescape', instance], { encoding: 'utf8' }).trim()
    expect([path('15-main'), path('15-sec-ond')]).toEqual(['15/main', '15/sec/ond'])
  })

  it('a server in its unit is restarted by systemd, never through the umbrella unit', async () => {
    const fake = on(debianSystemd)
    const service = await serviceOf((await found(fake)).get('15/main')!, fake.host)
    expect(service.restart).toEqual([{ file: 'systemctl', args: ['restart', 'postgresql@15-main'], timeoutMs: expect.any(Number) as unknown }])
    expect(service.describe).toBe('systemctl restart postgresql@15-main')
    expect(service.logs?.args).toContain('postgresql@15-main')
  })

  it('a cluster without programs is listed; a process id that somebody else has now is no server', async () => {
    const old = (await found(on(debianSystemd))).get('13/old')!
    expect(old).toMatchObject({ running: false, version: '13', major: 13, port: 5430, commandLine: [['config_file', '/etc/postgresql/13/old/postgresql.conf'], ['work_mem', '8MB']] })
    expect(old.binDir).toBeUndefined()
    expect(codes(old)).toEqual(['reused-pid', 'binaries-missing'])
  })

  it('without systemd and in a private root the tool of Debian does it, told where the root is', async () => {
    const files = Object.fromEntries(Object.entries(debianSystemd.files).filter(([path]) => path !== '/run/systemd/system'))
    const plain = on({ ...debianSystemd, files })
    const main = (await found(plain)).get('15/main')!
    expect(main.service).toEqual({ kind: 'pg_ctlcluster', name: '15 main' })
    expect(main.notes).toEqual([])
    expect((await serviceOf(main, plain.host)).restart).toEqual([{ file: 'pg_ctlcluster', args: ['--skip-systemctl-redirect', '-m', 'fast', '15', 'main', 'restart'], timeoutMs: expect.any(Number) as unknown }])

    const moved = { ...Object.fromEntries(Object.entries(debianSystemd.files).map(([path, entry]) => [path.replace(/^\/etc\/postgresql/, '/srv/conf'), entry])) }
    const conf = '/srv/conf/15/main/postgresql.conf'
    const mainPid = { 'systemctl show --no-pager -p Id,Names,LoadState,MainPID -- postgresql@15-main.service': { stdout: 'Id=postgresql@15-main.service\nLoadState=loaded\nMainPID=812\n' } }
    const fake = on({ ...debianSystemd, env: { PG_CLUSTER_CONF_ROOT: '/srv/conf' }, files: moved, commands: { ...debianSystemd.commands, ...mainPid } })
    const clusters = await detectClusters(fake.host, { configFile: conf })
    // What runs there names the other root: two configurations of one directory are two clusters.
    expect(clusters.map(({ id, running, configFile }) => [id, running, configFile])).toEqual([['15/main', false, conf]])
    expect(codes(clusters[0])).toContain('data-directory-shared')
    const [restart] = (await serviceOf(clusters[0]!, fake.host)).restart
    expect(restart).toMatchObject({ file: 'pg_ctlcluster', env: { PG_CLUSTER_CONF_ROOT: '/srv/conf' }, as: { name: 'postgres' } })
  })

  it('without root everything that can be seen is there, and what cannot is said', async () => {
    const clusters = await found(on(debianUnprivileged))
    expect([...clusters.keys()]).toEqual(['13/old', '15/main', '15/second'])
    expect(clusters.get('15/main')).toMatchObject({ running: true, pid: 812, version: '15.18', port: 5432, dataDir: '/var/lib/postgresql/15/main' })
    expect(codes(clusters.get('15/main'))).toEqual(['process-unreadable', 'data-unreadable'])
    expect(codes(clusters.get('15/second'))).toContain('outside-unit')
    expect(clusters.get('13/old')).toMatchObject({ running: false, major: 13 })
  })

  it('only what was asked for', async () => {
    const fake = on(debianSystemd)
    for (const asked of [{ id: '15/main' }, { id: '15-main' }, { dataDir: '/var/lib/postgresql/15/main/' }, { dataDir: '/etc/postgresql/15/main' }, { configFile: '/etc/postgresql/15/main/postgresql.conf' }, { id: '15/main', dataDir: '/var/lib/postgresql/15/main' }]) {
      expect((await detectClusters(fake.host, asked)).map(({ id }) => id), JSON.stringify(asked)).toEqual(['15/main'])
    }
    for (const asked of [{ id: 'main' }, { dataDir: '/var/lib/postgresql' }, { dataDir: '/var/lib/nowhere' }, { id: '15/second', dataDir: '/var/lib/postgresql/15/main' }]) {
      expect(await detectClusters(fake.host, asked), JSON.stringify(asked)).toEqual([])
    }
    expect(fake.unexpected).toEqual([])
  })
})

describe('the register', () => {
  it('lists every adapter in the folder, the catch-all last', async () => {
    const files = (await fs.readdir(new URL('../../src/platforms/', import.meta.url))).filter((name) => name.endsWith('.ts') && name !== 'index.ts').map((name) => name.slice(0, -'.ts'.length))
    const adapters: Platform[] = []
    for (const file of files) {
      const exported = Object.values(await import(`../../src/platforms/${file}.ts`) as Record<string, unknown>)
      adapters.push(...exported.filter((one): one is Platform => typeof one === 'object' && one !== null && 'sightings' in one && 'id' in one))
    }
    expect([...platforms].map(({ id }) => id).sort()).toEqual(adapters.map(({ id }) => id).sort())
    expect(new Set(platforms.map(({ id }) => id)).size).toBe(platforms.length)
    expect(platforms.at(-1)?.id).toBe('source')
  })
})

describe('choosing', () => {
  it('PGDATA and PGCLUSTER choose among several, and never hide that there are several', async () => {
    const fake = on(debianSystemd)
    const clusters = await detectClusters(fake.host)
    const choose = async (env: Readonly<Record<string, string>>) => chooseCluster(on({ ...debianSystemd, env }).host, clusters)
    expect(await choose({})).toEqual({ kind: 'several', clusters })
    expect(await choose({ PGDATA: '/var/lib/postgresql/15/second' })).toMatchObject({ kind: 'one', cluster: { id: '15/second' } })
    expect(await choose({ PGCLUSTER: '15/main' })).toMatchObject({ kind: 'one', cluster: { id: '15/main' } })
    expect(await choose({ PGDATA: '/var/lib/pgsql/data' })).toEqual({ kind: 'several', clusters })
    expect(await chooseCluster(fake.host, clusters, { id: '16/main' })).toEqual({ kind: 'none', target: '16/main' })
    expect(await chooseCluster(fake.host, [])).toEqual({ kind: 'none' })
  })

  it('each cluster has an archive of its own', async () => {
    const clusters = await found(on(debianSystemd))
    const main = clusters.get('15/main')!
    expect(archiveDirectoryFor(main, [])).toBe('/var/lib/postgresql/backups/wal')
    expect(archiveDirectoryFor(main, ['/var/lib/postgresql/backups/wal/'])).toBe('/var/lib/postgresql/backups/15-main-wal')
    expect(archiveDirectoryFor(main, ['/var/lib/postgresql/backups/wal', '/var/lib/postgresql/backups/15-main-wal'])).toBe('/var/lib/postgresql/backups/15-main-wal-2')
  })
})

describe('RPM packages and hand-written units', () => {
  it('PGDATA is what the unit says after its drop-ins; a unit without a cluster is none', async () => {
    const clusters = await found(on(pgdg))
    expect([...clusters.keys()]).toEqual(['/home/deploy/ci', '/home/deploy/db', '/srv/pg data/15', '/var/lib/pgsql/data-two'])
    expect(clusters.get('/srv/pg data/15')).toMatchObject({
      platform: 'linux-rpm', version: '15.9', binDir: '/usr/pgsql-15/bin', running: true, pid: 523, service: { kind: 'systemd', name: 'postgresql-15' },
      logFile: '/srv/pg data/15/log/postgresql-Mon.log', socketDirs: ['/run/postgresql', '/tmp'], notes: [],
      evidence: [{ kind: 'postmaster', detail: '523' }, { kind: 'service', detail: 'postgresql-15' }, { kind: 'postmaster.pid', detail: '/srv/pg data/15/postmaster.pid' }],
    })
  })

  it('an instance that is down has the options that its unit will give it', async () => {
    const two = (await found(on(pgdg))).get('/var/lib/pgsql/data-two')!
    expect(two).toMatchObject({ platform: 'linux-rpm', running: false, version: '13.16', port: 5440, binDir: '/usr/bin', commandLine: [['archive_mode', 'off']], service: { kind: 'systemd', name: 'postgresql@two' } })
    expect(archiveDirectoryFor(two, ['/var/lib/pgsql/backups/wal'])).toBe('/var/lib/pgsql/backups/data-two-wal')
  })

  it('a source build under a hand-written unit is that unit\'s', async () => {
    const fake = on(pgdg)
    const shop = (await found(fake)).get('/home/deploy/db')!
    expect(shop).toMatchObject({ platform: 'source', running: true, port: 6000, commandLine: [['port', '6000']], configFile: '/home/deploy/db/postgresql.conf', service: { kind: 'systemd', name: 'shop-db' }, logFile: '/home/deploy/log', owner: { name: 'deploy' } })
    expect(codes(shop)).toEqual(['binary-replaced'])
    expect((await serviceOf(shop, fake.host)).restart.map(({ file, args }) => [file, ...args].join(' '))).toEqual(['systemctl restart shop-db'])
  })

  it('a server that a job of another service started is nobody\'s, and its restart loses nothing', async () => {
    const fake = on(pgdg)
    const ci = (await found(fake)).get('/home/deploy/ci')!
    expect(ci).toMatchObject({ running: true, port: 6001, service: { kind: 'pg_ctl', name: '/home/deploy/ci' }, manager: { name: 'repmgr' } })
    expect((await serviceOf(ci, fake.host)).restart).toEqual([{
      file: '/opt/pg17/bin/pg_ctl', as: expect.objectContaining({ name: 'deploy' }) as unknown, timeoutMs: expect.any(Number) as unknown, inherit: { variables: ['PGPORT=6001'], limits: [] },
      args: ['restart', '-D', '/home/deploy/ci', '-w', '-t', '600', '-m', 'fast', '-l', '/dev/null', '-o', '-D /home/deploy/ci'],
    }])
  })
})

describe('managed servers', () => {
  it('are recognised, each with its manager\'s command', async () => {
    const clusters = await found(on(managed))
    const managers = [...clusters.values()].map(({ id, manager }) => [id, manager?.name])
    expect(managers).toEqual([
      ['/data/auto', 'pg_auto_failover'], ['/data/patroni', 'Patroni'], ['/data/pcmk', 'Pacemaker'], ['/var/lib/postgresql/data', undefined],
      ['docker:600:/var/lib/postgresql/data', 'docker'],
    ])
    expect(clusters.get('/data/patroni')?.manager).toMatchObject({ command: 'patronictl edit-config', evidence: 'process 50 (patroni)' })
  })

  it('a container\'s server is never taken for the one with the same path out here', async () => {
    const clusters = await found(on(managed))
    expect(clusters.get('/var/lib/postgresql/data')).toMatchObject({ running: false, port: 5439 })
    expect(clusters.get('docker:600:/var/lib/postgresql/data')).toMatchObject({
      platform: 'other', running: true, pid: 600, version: '16.4', major: 16, owner: { uid: 999 }, commandLine: [['wal_level', 'logical']],
      configFile: 'docker:600:/var/lib/postgresql/data/postgresql.conf', manager: { command: expect.stringContaining('docker restart -t 60 4f1c0ffee123') as unknown },
    })
  })

  it('a snap\'s is the snap\'s', async () => {
    const fake = on(managed)
    const [snap] = await detectClusters(fake.host, { dataDir: '/var/snap/charmed-postgresql/common/var/lib/postgresql' })
    expect(snap?.manager).toMatchObject({ name: 'snap charmed-postgresql', command: 'juju config postgresql' })
  })

  it('a server that cannot be placed is at least mentioned', async () => {
    const self = { name: 'alice', uid: 1000, gid: 1000, privileged: false }
    const own = Object.fromEntries(Object.entries(pgdg.commands!).map(([line, { stdout }]) => [line, { stdout: stdout! }]))
    const fake = on({ ...pgdg, self, env: {}, commands: own })
    const { clusters, notes } = await detect(fake.host)
    expect(fake.unexpected).toEqual([])
    expect(clusters.map(({ dataDir }) => dataDir)).toContain('/srv/pg data/15')
    // `postgres` alone, with its environment closed to us.
    expect(notes).toEqual([{ code: 'postmaster-unidentified', params: { pid: 800 } }])
  })
})
