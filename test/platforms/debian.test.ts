// Clusters of Debian's own tools, in a root of their own: nothing of the machine's is touched.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { detectClusters, serviceOf } from '../../src/platforms/index.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import { freePort, runAs, serverAccount } from '../support/server.ts'
import type { Account, Ran } from '../support/server.ts'

const BIN = '/usr/lib/postgresql/15/bin'
const missing = await Promise.all(['/usr/bin/pg_createcluster', `${BIN}/postgres`].map((file) => fs.stat(file).then(() => false, () => true)))

/** Debian's tools are Debian's alone. */
describe.skipIf(missing.includes(true))('Debian\'s tools, in a private root (needs postgresql-15 of Debian)', () => {
  let account: Account
  let root: string
  let host: NodeHost
  const ports: number[] = []
  const tool = (file: string, ...args: string[]): Promise<Ran> => runAs(account, `/usr/bin/${file}`, args, { env: { PG_CLUSTER_CONF_ROOT: path.join(root, 'etc') } })
  const find = async (id: string): Promise<Cluster> => {
    const clusters = await detectClusters(host, { id })
    expect(clusters.map((cluster) => cluster.id)).toEqual([id])
    return clusters[0]!
  }
  const perform = async (cluster: Cluster, what: 'start' | 'restart' | 'stop' | 'reload'): Promise<void> => {
    for (const { file, args, timeoutMs, as, env } of (await serviceOf(cluster, host))[what]) {
      const ran = await host.run(file, args, { timeoutMs, ...(as === undefined ? {} : { as }), ...(env === undefined ? {} : { env }) })
      expect(ran.code, `${file} ${args.join(' ')}\n${ran.stdout}${ran.stderr}`).toBe(0)
    }
  }

  beforeAll(async () => {
    account = await serverAccount()
    root = await fs.mkdtemp('/tmp/pgwal-debian-')
    await fs.chmod(root, 0o755)
    for (const name of ['etc', 'log', 's']) await fs.mkdir(path.join(root, name))
    if (process.getuid?.() === 0) for (const name of ['', 'etc', 'log', 's']) await fs.chown(path.join(root, name), account.uid, account.gid)
    host = new NodeHost({ PATH: process.env['PATH'], PG_CLUSTER_CONF_ROOT: path.join(root, 'etc') })
    for (const name of ['main', 'two']) {
      ports.push(await freePort())
      const data = path.join(root, 'data', name === 'two' ? 'of two' : name)
      const made = await tool('pg_createcluster', '15', name, '-d', data, '-l', path.join(root, 'log', `${name}.log`), '-s', path.join(root, 's'), '-p', String(ports.at(-1)), '--start-conf', 'manual', '--', '--no-sync', '-A', 'trust')
      expect(made.code, made.stderr).toBe(0)
    }
  }, 120_000)
  afterAll(async () => {
    for (const name of ['main', 'two']) await tool('pg_ctlcluster', '15', name, 'stop', '-m', 'immediate').catch(() => undefined)
    await fs.rm(root, { recursive: true, force: true })
  })

  it('both are found, down', async () => {
    const clusters = (await detectClusters(host)).filter(({ configFile }) => configFile.startsWith(root))
    expect(clusters.map(({ id, platform, running, version, binDir, port, notes }) => ({ id, platform, running, binDir, port, notes, minor: /^15\.\d+$/.test(version) }))).toEqual(['main', 'two'].map((name, at) => (
      { id: `15/${name}`, platform: 'linux-apt', running: false, binDir: BIN, port: ports[at], notes: [], minor: true })))
    expect(clusters[1]).toMatchObject({
      dataDir: path.join(root, 'data/of two'), configFile: path.join(root, 'etc/15/two/postgresql.conf'), hbaFile: path.join(root, 'etc/15/two/pg_hba.conf'),
      logFile: path.join(root, 'log/two.log'), socketDirs: [path.join(root, 's')], service: { kind: 'pg_ctlcluster', name: '15 two' }, owner: { name: account.name },
      evidence: [{ kind: 'pg_lsclusters', detail: '15 two' }],
    })
  })

  it('started, restarted, reloaded and stopped by its service', async () => {
    await perform(await find('15/two'), 'start')
    const started = await find('15/two')
    expect(started).toMatchObject({ running: true, port: ports[1], notes: [], logFile: path.join(root, 'log/two.log'), socketDirs: [path.join(root, 's')] })
    expect(started.evidence.map(({ kind }) => kind)).toEqual(['postmaster', 'pg_lsclusters', 'postmaster.pid'])
    expect(Object.fromEntries(started.commandLine)).toMatchObject({ config_file: path.join(root, 'etc/15/two/postgresql.conf') })
    expect((await find('15/main')).running).toBe(false)

    await perform(started, 'restart')
    const restarted = await find('15/two')
    expect(restarted.running).toBe(true)
    expect(restarted.pid).not.toBe(started.pid)
    await perform(restarted, 'reload')
    await perform(restarted, 'stop')
    expect(await find('15/two')).toMatchObject({ running: false, notes: [] })
  })

  it('started without Debian\'s tools, it is still that cluster, and runs', async () => {
    const main = await find('15/main')
    const started = await runAs(account, `${BIN}/pg_ctl`, ['-D', path.join(root, 'etc/15/main'), '-w', '-l', path.join(root, 'log/by-hand.log'), 'start'])
    expect(started.code, started.stderr).toBe(0)
    expect(await find('15/main')).toMatchObject({ id: '15/main', platform: 'linux-apt', running: true, dataDir: main.dataDir, configFile: main.configFile, hbaFile: main.hbaFile, logFile: path.join(root, 'log/by-hand.log') })
    await perform(await find('15/main'), 'stop')
    expect((await find('15/main')).running).toBe(false)
  })
})
