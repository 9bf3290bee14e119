// What is recognised beside the packages: plain services of other systems, and servers that somebody else runs.
import { describe, expect, it } from 'vitest'
import { enable } from '../../src/app/enable.ts'
import type { Context } from '../../src/base-command.ts'
import { parseRegistryFile } from '../../src/platforms/other-unix.ts'
import { archiveDirectoryFor, detectClusters, serviceOf } from '../../src/platforms/index.ts'
import type { Cluster, Command } from '../../src/platforms/platform.ts'
import { clusterHeading } from '../../src/report/clusters-text.ts'
import type { Style } from '../../src/report/style.ts'
import { alpine, arch, freeBsd, macInstallers, supervised } from '../fixtures/machines/other-unix.ts'
import { FakeHost } from '../support/fake-host.ts'
import type { FakeMachine } from '../support/fake-host.ts'

async function found(machine: FakeMachine): Promise<{ readonly fake: FakeHost; readonly clusters: readonly Cluster[]; at(dataDir: string): Cluster }> {
  const fake = new FakeHost(machine)
  const clusters = await detectClusters(fake.host)
  expect(fake.unexpected).toEqual([])
  return { fake, clusters, at: (dataDir) => clusters.find((one) => one.dataDir === dataDir)! }
}

const lines = (commands: readonly Command[]): string[] => commands.map(({ file, args, as }) => `${as === undefined ? '' : `${as.name}: `}${[file, ...args].join(' ')}`)

describe('plain services', () => {
  it('Arch is a unit like any other', async () => {
    const { fake, clusters } = await found(arch)
    expect(clusters).toMatchObject([{
      platform: 'source', id: '/var/lib/postgres/data', version: '18.4', running: true, pid: 400, service: { kind: 'systemd', name: 'postgresql' }, socketDirs: ['/run/postgresql'], notes: [],
    }])
    expect(lines((await serviceOf(clusters[0]!, fake.host)).restart)).toEqual(['systemctl restart postgresql'])
    expect(archiveDirectoryFor(clusters[0]!, [])).toBe('/var/lib/postgres/backups/wal')
  })

  it('Alpine: configuration in /etc, the data elsewhere, one service for the version that is the default', async () => {
    const { fake, clusters, at } = await found(alpine)
    expect(clusters.map(({ dataDir }) => dataDir)).toEqual(['/var/lib/postgresql/15/data', '/var/lib/postgresql/16/data'])
    expect(at('/var/lib/postgresql/16/data')).toMatchObject({
      platform: 'other', product: 'Alpine', version: '16.14', running: true, pid: 300, configFile: '/etc/postgresql/postgresql.conf', hbaFile: '/etc/postgresql/pg_hba.conf',
      service: { kind: 'openrc', name: 'postgresql' }, logFile: '/var/log/postgresql/postmaster.log', owner: { uid: 70 }, notes: [],
    })
    expect(at('/var/lib/postgresql/15/data')).toMatchObject({ platform: 'other', version: '15.18', running: false, port: 5433, service: { kind: 'pg_ctl' }, configFile: '/var/lib/postgresql/15/data/postgresql.conf' })
    const service = await serviceOf(at('/var/lib/postgresql/16/data'), fake.host)
    expect(service).toMatchObject({ describe: 'rc-service postgresql restart', needsRoot: true })
    expect([...lines(service.restart), ...lines(service.reload)]).toEqual(['rc-service postgresql restart', 'rc-service postgresql reload'])
  })

  it('Alpine while the server is down: the configuration that it will have', async () => {
    const files = Object.fromEntries(Object.entries(alpine.files).filter(([path]) => !path.startsWith('/proc/300') && !path.endsWith('postmaster.pid')))
    const { at } = await found({ ...alpine, files })
    expect(at('/var/lib/postgresql/16/data')).toMatchObject({ running: false, configFile: '/etc/postgresql/postgresql.conf', hbaFile: '/etc/postgresql/pg_hba.conf', service: { kind: 'openrc' } })
  })

  it('FreeBSD: rc.d restarts what rc.conf enables', async () => {
    const { fake, at } = await found(freeBsd)
    const cluster = at('/var/db/postgres/data16')
    expect(cluster).toMatchObject({ platform: 'other', product: 'FreeBSD', version: '16.14', running: true, pid: 800, service: { kind: 'rc.d', name: 'postgresql' }, socketDirs: ['/tmp'], notes: [] })
    expect(lines((await serviceOf(cluster, fake.host)).restart)).toEqual(['service postgresql restart'])
    expect(at('/var/db/postgres/data15')).toMatchObject({ running: false, major: 15, service: { kind: 'pg_ctl' } })
  })

  it('FreeBSD with the service switched off: the server is its owner\'s', async () => {
    const { at } = await found({ ...freeBsd, commands: { ...freeBsd.commands, 'sysrc -n postgresql_enable': { stdout: 'NO\n' } } })
    expect(at('/var/db/postgres/data16').service.kind).toBe('pg_ctl')
  })
})

describe('installers of macOS', () => {
  it('EDB\'s is root\'s launchd: stopped fast as its owner, then started', async () => {
    const { fake, at } = await found(macInstallers)
    const cluster = at('/Library/PostgreSQL/17/data')
    expect(cluster).toMatchObject({ platform: 'other', product: 'EDB', version: '17.10', running: true, pid: 500, owner: { name: 'postgres' }, service: { kind: 'launchd', name: 'postgresql-17' }, notes: [] })
    expect(cluster.evidence).toContainEqual({ kind: 'known-place', detail: '/etc/postgres-reg.ini [PostgreSQL/17]' })
    const service = await serviceOf(cluster, fake.host)
    expect(service.needsRoot).toBe(true)
    expect(lines(service.restart)).toEqual(['postgres: /Library/PostgreSQL/17/bin/pg_ctl stop -D /Library/PostgreSQL/17/data -w -t 600 -m fast', 'launchctl kickstart system/postgresql-17'])
    expect(archiveDirectoryFor(cluster, [])).toBe('/Library/PostgreSQL/17/backups/wal')
  })

  it('Postgres.app is its user\'s, blanks in the path and all', async () => {
    const { fake, at } = await found(macInstallers)
    const directory = '/Users/alice/Library/Application Support/Postgres/var-18'
    const cluster = at(directory)
    expect(cluster).toMatchObject({ platform: 'other', product: 'Postgres.app', version: '18.4', running: true, pid: 600, port: 5433, owner: { name: 'alice' }, service: { kind: 'pg_ctl' }, logFile: `${directory}/postgres-server.log`, notes: [] })
    const [restart] = (await serviceOf(cluster, fake.host)).restart
    expect(restart).toMatchObject({ file: '/Applications/Postgres.app/Contents/Versions/18/bin/pg_ctl', as: { name: 'alice' } })
    expect(restart!.args.slice(0, 3)).toEqual(['restart', '-D', directory])
  })

  it('are named to people', async () => {
    const { clusters } = await found(macInstallers)
    const style: Style = { colour: 0, unicode: true, width: 200, locale: 'en' }
    expect(clusters.map((cluster) => clusterHeading(cluster, style).split(' · ')[2])).toEqual(['EDB', 'Postgres.app', 'MacPorts'])
  })

  it('MacPorts has its own way', async () => {
    const { fake, at } = await found(macInstallers)
    const cluster = at('/opt/local/var/db/postgresql15/defaultdb')
    expect(cluster).toMatchObject({ platform: 'other', product: 'MacPorts', version: '15.18', running: true, owner: { name: '_postgres' }, service: { kind: 'launchd', name: 'postgresql15-server' }, notes: [] })
    expect(lines((await serviceOf(cluster, fake.host)).restart)).toEqual(['/opt/local/bin/port unload postgresql15-server', '/opt/local/bin/port load postgresql15-server'])
  })

  it('the file of EDB\'s installers', () => {
    expect(parseRegistryFile('; note\nloose=1\r\n[PostgreSQL/17]\r\n DataDirectory = /a b/data\r\n#x=y\r\nPort=5432\r\n[PostgreSQL/16]\r\n')).toEqual(new Map([
      ['PostgreSQL/17', new Map([['DataDirectory', '/a b/data'], ['Port', '5432']])], ['PostgreSQL/16', new Map()],
    ]))
  })
})

describe('servers that somebody else runs', () => {
  it('each is named with whoever may change it, and with the command', async () => {
    const { clusters } = await found(supervised)
    const short = 'a1b2c3d4e5f6'
    expect(Object.fromEntries(clusters.map(({ dataDir, manager }) => [dataDir.replace(/^[^:]*:/, ''), [manager?.name, manager?.command]]))).toEqual({
      '500:/home/postgres/pgdata': ['Kubernetes', 'kubectl edit'],
      '510:/pgdata': ['podman', `podman exec -it ${short} pgwal enable; podman restart -t 60 ${short}`],
      '520:/var/snap/charmed-postgresql/common/var/lib/postgresql': ['snap charmed-postgresql', 'juju config postgresql'],
      '530:/srv/lxc': ['lxc', 'lxc-attach -n db1 -- pgwal enable'],
      '/srv/stolon/postgres': ['stolon', 'stolonctl update --patch'],
    })
  })

  it.each([['/srv/repmgr', 'repmgr', 'repmgr service pause'], ['/srv/auto', 'pg_auto_failover', 'pg_autoctl enable maintenance --pgdata /srv/auto']])('%s is recognised while it is down', async (dataDir, name, command) => {
    const fake = new FakeHost(supervised)
    const [cluster] = await detectClusters(fake.host, { dataDir })
    expect(fake.unexpected).toEqual([])
    expect(cluster).toMatchObject({ running: false, manager: { name, command } })
  })

  it('enable refuses each, and says who may and how, before it asks or touches anything', async () => {
    const { fake, clusters } = await found(supervised)
    const ui = { interactive: false, words: { progress: {} }, progress: () => ({ done: () => undefined }) }
    for (const { id, manager } of clusters) {
      const refused = enable({ host: fake.host, json: true, ui } as unknown as Context, { id }, { yes: true })
      await expect(refused, id).rejects.toMatchObject({ code: 'managed', params: { manager: manager!.name, command: manager!.command, evidence: manager!.evidence } })
    }
    expect(fake.unexpected).toEqual([])
  })
})
