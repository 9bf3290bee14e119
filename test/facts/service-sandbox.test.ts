// What is asked of a machine about a service's own view of the file system, and what its answers mean. That systemd and the
// kernel answer so is the lab's to show.
import { describe, expect, it } from 'vitest'
import { createGathering } from '../../src/facts/fact.ts'
import { examineSandbox, serviceSandboxFact } from '../../src/facts/service-sandbox.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import { FakeHost, LINUX, postgres } from '../support/fake-host.ts'
import type { FakeMachine } from '../support/fake-host.ts'
import { CLUSTER } from '../support/run-check.ts'

const SHOW = 'systemctl show --no-pager -p Id,Names,LoadState,ProtectSystem,ProtectHome,PrivateTmp,ReadWritePaths,ReadOnlyPaths,InaccessiblePaths,TemporaryFileSystem,BindPaths,BindReadOnlyPaths,RootDirectory,RootImage,RuntimeDirectory,StateDirectory,CacheDirectory,LogsDirectory,ConfigurationDirectory -- postgresql-17.service'
const INSIDE = 'nsenter -t 42 -m --'
const OWNER = '/usr/bin/setpriv --reuid=101 --regid=104 --init-groups --'

interface Case {
  readonly unit?: string
  readonly cluster?: Partial<Cluster>
  readonly machine?: Partial<FakeMachine>
  readonly path?: string
  readonly namespace?: string
  readonly commands?: FakeMachine['commands']
}

async function looked({ unit = 'ProtectSystem=strict', cluster = {}, machine = {}, path = '/srv/wal', namespace = 'mnt:[2]', commands = {} }: Case) {
  const host = new FakeHost({
    files: {
      ...LINUX, '/srv/wal': { kind: 'directory', inode: 7, uid: 101 }, '/srv': { kind: 'directory', inode: 5 },
      '/proc/42/ns/mnt': { link: namespace, leadsTo: '/proc/42' }, '/proc/self/ns/mnt': { link: 'mnt:[1]', leadsTo: '/proc' },
    },
    commands: { [SHOW]: { stdout: `Id=postgresql-17.service\nLoadState=loaded\n${unit}\n` }, ...commands },
    ...machine,
  })
  const gathering = createGathering({
    host: host.host, cluster: { ...CLUSTER, owner: postgres, service: { kind: 'systemd', name: 'postgresql-17' }, ...cluster }, as: postgres,
    connection: () => Promise.reject(new Error('no connection')), session: () => Promise.reject(new Error('no session')), connectionSources: () => Promise.reject(new Error('no sources')),
    wanted: { replicationUser: 'postgres', allowFrom: [] },
  })
  const found = await examineSandbox(gathering, path)
  expect(host.unexpected).toEqual([])
  return { found, ran: host.ranCommands }
}

describe('tried inside', () => {
  const outside = { '/usr/bin/test -w /srv/wal': { as: 'postgres' } }
  const same = { ...outside, [`${INSIDE} /usr/bin/stat -L -c %d:%i /srv/wal`]: { stdout: '1:7\n' } }

  it('read-only, as the owner, and which line says so', async () => {
    const { found } = await looked({ commands: { ...same, [`${INSIDE} ${OWNER} /usr/bin/test -w /srv/wal`]: { code: 1 } } })
    expect(found).toEqual({ unit: 'postgresql-17', path: '/srv/wal', access: 'read-only', line: 'ProtectSystem=strict', tried: true })
  })

  it('open, whatever the unit says: it was changed since the start', async () => {
    const { found } = await looked({ commands: { ...same, [`${INSIDE} ${OWNER} /usr/bin/test -w /srv/wal`]: {} } })
    expect(found).toMatchObject({ access: 'open', tried: true })
  })

  it('another directory in its place', async () => {
    const { found } = await looked({ unit: 'PrivateTmp=yes', path: '/tmp', machine: {}, commands: { '/usr/bin/test -w /tmp': { as: 'postgres' }, [`${INSIDE} /usr/bin/stat -L -c %d:%i /tmp`]: { stdout: '1:99\n' } } })
    expect(found).toMatchObject({ access: 'hidden', line: 'PrivateTmp=yes', tried: true })
  })

  it('no directory in its place', async () => {
    const { found } = await looked({ unit: '', commands: { ...outside, [`${INSIDE} /usr/bin/stat -L -c %d:%i /srv/wal`]: { code: 1, stderr: 'stat: cannot statx\n' } } })
    expect(found).toEqual({ unit: 'postgresql-17', path: '/srv/wal', access: 'hidden', tried: true })
  })

  it('what does not exist yet: its innermost directory, as root who may have to make it', async () => {
    const { found } = await looked({
      path: '/srv/new/wal',
      commands: { '/usr/bin/test -w /srv': {}, [`${INSIDE} /usr/bin/stat -L -c %d:%i /srv`]: { stdout: '1:5\n' }, [`${INSIDE} /usr/bin/test -w /srv`]: { code: 1 } },
    })
    expect(found).toMatchObject({ access: 'read-only', line: 'ProtectSystem=strict', tried: true })
  })

  it('what is closed outside, too, is not the sandbox\'s doing', async () => {
    const { found } = await looked({ commands: { '/usr/bin/test -w /srv/wal': { as: 'postgres', code: 1 } } })
    expect(found).toMatchObject({ access: 'open', tried: true })
  })

  it('a service that shares our view needs no trial', async () => {
    const { found, ran } = await looked({ namespace: 'mnt:[1]' })
    expect(found).toMatchObject({ access: 'open', tried: true })
    expect(ran).toHaveLength(1)
  })
})

describe('told by the unit', () => {
  it.each<[string, Case]>([
    ['the server is down', { cluster: { running: false, pid: undefined as never } }],
    ['it runs outside of its unit', { cluster: { notes: [{ code: 'outside-unit', params: {} }] } }],
    ['we are not root', { machine: { self: { ...postgres, privileged: false } } }],
    ['nsenter is missing', { commands: { '/usr/bin/test -w /srv/wal': { as: 'postgres' }, [`${INSIDE} /usr/bin/stat -L -c %d:%i /srv/wal`]: { code: 127 } } }],
    ['the service has no stat', { commands: { '/usr/bin/test -w /srv/wal': { as: 'postgres' }, [`${INSIDE} /usr/bin/stat -L -c %d:%i /srv/wal`]: { code: 1, stderr: 'nsenter: failed to execute /usr/bin/stat\n' } } }],
  ])('because %s', async (_, one) => {
    expect((await looked(one)).found).toEqual({ unit: 'postgresql-17', path: '/srv/wal', access: 'read-only', line: 'ProtectSystem=strict', tried: false })
  })

  it('no unit, no sandbox', async () => {
    expect((await looked({ cluster: { service: { kind: 'pg_ctl', name: '/data' } } })).found).toBeUndefined()
    expect(serviceSandboxFact.name).toBe('service-sandbox')
  })
})
