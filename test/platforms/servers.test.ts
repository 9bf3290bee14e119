// Real servers on this machine, found by the real Host.
import { spawn } from 'node:child_process'
import { realpathSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { chooseCluster, detectClusters, serviceOf } from '../../src/platforms/index.ts'
import { inheriting } from '../../src/platforms/pg-ctl.ts'
import type { Cluster, Command } from '../../src/platforms/platform.ts'
import { runAs, TestServer } from '../support/server.ts'

const host = new NodeHost({ PATH: process.env['PATH'] })

async function only(dataDir: string): Promise<Cluster> {
  const clusters = await detectClusters(host, { dataDir })
  expect(clusters.map((cluster) => cluster.dataDir)).toHaveLength(1)
  return clusters[0]!
}

async function perform(commands: readonly Command[]): Promise<void> {
  for (const command of commands) {
    const { timeoutMs, as, env } = command
    const { file, args, input } = inheriting(command)
    const ran = await host.run(file, args, { timeoutMs, ...(input === undefined ? {} : { input }), ...(as === undefined ? {} : { as }), ...(env === undefined ? {} : { env }) })
    expect(ran.code, `${file} ${args.join(' ')}\n${ran.stdout}${ran.stderr}`).toBe(0)
  }
}

const codes = ({ notes }: Cluster): string[] => notes.map(({ code }) => code)

/** The programs may lie behind a symbolic link; a process tells where they really are. */
const binDirOf = (server: TestServer): string => realpathSync(server.binDir)

/** What a server must be seen as. */
function facts(server: TestServer): Partial<Cluster> {
  return {
    platform: 'source', id: server.dataDir, major: server.major, binDir: binDirOf(server), dataDir: server.dataDir, port: server.port, socketDirs: [server.socketDir],
    configFile: path.join(server.dataDir, 'postgresql.conf'), hbaFile: path.join(server.dataDir, 'pg_hba.conf'), service: { kind: 'pg_ctl', name: server.dataDir },
  }
}

describe('several servers at once', () => {
  const servers: TestServer[] = []
  beforeAll(async () => {
    servers.push(await TestServer.create(12), await TestServer.create(15, { dataName: "da ta's" }), await TestServer.create(18))
    await Promise.all(servers.map((server) => server.start()))
  })
  afterAll(async () => {
    for (const server of servers) await server.remove()
  })

  it('each is found by its process, and none is mixed up with another', async () => {
    const clusters = await detectClusters(host)
    for (const server of servers) {
      const mine = clusters.filter(({ dataDir }) => dataDir === server.dataDir)
      expect(mine).toHaveLength(1)
      expect(mine[0]).toMatchObject({ ...facts(server), running: true, pid: await server.pid(), logFile: server.logFile, notes: [] })
      expect(mine[0]!.version).toMatch(new RegExp(`^${server.major}\\.\\d+$`))
      expect(mine[0]!.evidence.map(({ kind }) => kind)).toEqual(['postmaster', 'postmaster.pid'])
      expect(mine[0]!.owner).toMatchObject({ name: server.account.name, uid: server.account.uid })
    }
    expect(new Set(clusters.map(({ id }) => id)).size).toBe(clusters.length)
  })

  it('a symbolic link to a data directory is that data directory', async () => {
    const [first] = servers
    const link = path.join(first!.root, 'link')
    await fs.symlink(first!.dataDir, link)
    expect(await only(link)).toMatchObject({ dataDir: first!.dataDir, pid: await first!.pid() })
    expect(await chooseCluster(new NodeHost({ PGDATA: link }), await detectClusters(host))).toMatchObject({ kind: 'one', cluster: { dataDir: first!.dataDir } })
  })

  it('a restart keeps the log file, and the server comes back as another process', async () => {
    const [, server] = servers
    const before = await only(server!.dataDir)
    await perform((await serviceOf(before, host)).restart)
    const after = await only(server!.dataDir)
    expect(after).toMatchObject({ running: true, port: before.port, logFile: server!.logFile })
    expect(after.pid).not.toBe(before.pid)
    expect(await server!.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })
})

describe('one server through its life', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.create(16, { dataName: 'x/data' })
  }, 120_000)
  afterAll(async () => {
    await server.remove()
  })

  it('down', async () => {
    const cluster = await only(server.dataDir)
    // Nothing has run there yet, so nothing tells where the programs are, unless they are in a usual place.
    expect(cluster).toMatchObject({ dataDir: server.dataDir, running: false, major: 16, port: server.port, socketDirs: [server.socketDir], evidence: [{ kind: 'asked', detail: server.dataDir }] })
    expect(cluster.pid).toBeUndefined()
    expect(await detectClusters(host, { dataDir: server.root })).toEqual([])
  })

  it('options of the command line are seen, beat the file, and are not lost by a restart, nor by a stop and a start', async () => {
    await server.start('-o', `-p ${server.port} -c work_mem=5MB --cluster-name='it s'`)
    const cluster = await only(server.dataDir)
    const options = [['port', String(server.port)], ['work_mem', '5MB'], ['cluster_name', 'it s']]
    expect(cluster.commandLine).toEqual(options)
    const service = await serviceOf(cluster, host)
    await perform(service.restart)
    expect((await only(server.dataDir)).commandLine).toEqual(options)
    expect(await server.query("SELECT name, setting FROM pg_settings WHERE source = 'command line' AND name IN ('work_mem', 'cluster_name') ORDER BY 1")).toEqual([{ name: 'cluster_name', setting: 'it s' }, { name: 'work_mem', setting: '5120' }])

    await perform(service.stop)
    const down = await only(server.dataDir)
    // The programs of the last start are known now.
    expect(down).toMatchObject({ running: false, binDir: binDirOf(server), commandLine: options, notes: [] })
    expect(down.version).toMatch(/^16\.\d+$/)
    await perform((await serviceOf(down, host)).start)
    expect(await server.query('SHOW work_mem')).toEqual([{ work_mem: '5MB' }])
  })

  it.skipIf(process.platform !== 'linux')('its environment and its limits are not lost by a restart, and no argument shows them', async () => {
    await server.stop()
    const odd = { ORACLE_HOME: '/opt/o $x "y"', LC_MESSAGES: 'C', LANG: 'C.UTF-8', HOME: '/nonexistent/home', LD_LIBRARY_PATH: '/nonexistent/lib', EMPTY: '', SECRET: 'hush' }
    const began = await runAs(server.account, '/bin/sh', ['-c', 'unset LC_ALL; ulimit -S -n 777; ulimit -S -s 4096; exec "$0" -D "$1" -w -l "$2" start', path.join(server.binDir, 'pg_ctl'), server.dataDir, server.logFile], { env: odd })
    expect(began.code, began.stderr).toBe(0)
    const inherited = async (): Promise<string[]> => {
      const pid = await server.pid()
      const variables = (await fs.readFile(`/proc/${pid}/environ`, 'utf8')).split('\0').filter((pair) => /^(ORACLE_HOME|LC_|LANG|HOME|LD_|EMPTY|SECRET|PATH|TZ)/.test(pair))
      return [...variables, ...(await fs.readFile(`/proc/${pid}/limits`, 'utf8')).split('\n').filter((line) => /open files|stack size/.test(line))].sort()
    }
    const before = await inherited()
    expect(before).toEqual(expect.arrayContaining(['EMPTY=', 'HOME=/nonexistent/home', 'SECRET=hush', expect.stringMatching(/^Max open files +777 /)]))
    const { restart } = await serviceOf(await only(server.dataDir), host)
    expect(restart.flatMap((command) => inheriting(command).args).join(' ')).not.toContain('hush')
    await perform(restart)
    expect(await inherited()).toEqual(before)
  })

  it('the port that it has, not the one in the file', async () => {
    const cluster = await only(server.dataDir)
    await fs.appendFile(cluster.configFile, 'port = 1\n')
    expect((await only(server.dataDir)).port).toBe(server.port)
  })

  it('reload', async () => {
    await fs.appendFile(path.join(server.dataDir, 'postgresql.conf'), "log_line_prefix = 'reloaded'\n")
    await perform((await serviceOf(await only(server.dataDir), host)).reload)
    await expect.poll(async () => (await server.query('SHOW log_line_prefix'))[0], { timeout: 10_000 }).toEqual({ log_line_prefix: 'reloaded' })
  })

  it('killed: postmaster.pid is stale', async () => {
    const pid = (await server.pid())!
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => host.processExists(pid), { timeout: 20_000 }).toBe(false)
    const cluster = await only(server.dataDir)
    expect(cluster.running).toBe(false)
    expect(cluster.notes).toEqual([{ code: 'stale-pid-file', params: { file: path.join(server.dataDir, 'postmaster.pid'), pid } }])
  })

  it('another process has its number now', async () => {
    const other = spawn('sleep', ['300'], { stdio: 'ignore' })
    try {
      const file = path.join(server.dataDir, 'postmaster.pid')
      const content = (await fs.readFile(file, 'utf8')).split('\n')
      await fs.writeFile(file, [String(other.pid), ...content.slice(1)].join('\n'))
      const cluster = await only(server.dataDir)
      expect(cluster.running).toBe(false)
      expect(codes(cluster)).toEqual(['reused-pid'])
    } finally {
      other.kill()
    }
  })
})

describe('configuration outside the data directory', () => {
  let server: TestServer
  let config: string
  beforeAll(async () => {
    server = await TestServer.create(14)
    config = path.join(server.root, 'etc')
    await fs.mkdir(path.join(config, 'conf.d'), { recursive: true })
    const conf = await fs.readFile(path.join(server.dataDir, 'postgresql.conf'), 'utf8')
    await fs.rename(path.join(server.dataDir, 'pg_hba.conf'), path.join(config, 'pg_hba.conf'))
    await fs.rename(path.join(server.dataDir, 'pg_ident.conf'), path.join(config, 'pg_ident.conf'))
    await fs.rm(path.join(server.dataDir, 'postgresql.conf'))
    await fs.writeFile(path.join(config, 'postgresql.conf'), `${conf}\ndata_directory = '${server.dataDir}'\ninclude_dir = 'conf.d'\n`)
    await fs.writeFile(path.join(config, 'conf.d', 'more.conf'), `unix_socket_directories = '/nowhere, ${server.socketDir}'\n`)
    if (process.getuid?.() === 0) for (const name of ['etc', 'etc/conf.d', 'etc/postgresql.conf', 'etc/conf.d/more.conf']) await fs.chown(path.join(server.root, name), server.account.uid, server.account.gid)
  })
  afterAll(async () => {
    await server.remove()
  })

  const ctl = (...args: string[]) => runAs(server.account, path.join(server.binDir, 'pg_ctl'), args, { cwd: server.root })

  it('down: -D of the configuration and --config-file mean the same cluster', async () => {
    const wanted = { dataDir: server.dataDir, configFile: path.join(config, 'postgresql.conf'), hbaFile: path.join(config, 'pg_hba.conf'), port: server.port, socketDirs: ['/nowhere', server.socketDir] }
    for (const asked of [{ dataDir: config }, { configFile: path.join(config, 'postgresql.conf') }, { dataDir: server.dataDir, configFile: path.join(config, 'postgresql.conf') }]) {
      const clusters = await detectClusters(host, asked)
      expect(clusters).toHaveLength(1)
      expect(clusters[0]).toMatchObject({ ...wanted, running: false })
    }
  })

  it('the data directory alone has no configuration, and that is said', async () => {
    expect(codes(await only(server.dataDir))).toContain('config-missing')
  })

  it.each([
    ['absolute', () => config],
    ['relative, from a shell', () => 'etc'],
  ])('running with -D CONFIG, %s', async (_how, directory) => {
    const started = await ctl('-D', directory(), '-o', `-k ${server.socketDir}`, '-w', '-l', server.logFile, 'start')
    expect(started.code, started.stderr).toBe(0)
    const cluster = await only(server.dataDir)
    expect(cluster).toMatchObject({ dataDir: server.dataDir, configFile: path.join(config, 'postgresql.conf'), hbaFile: path.join(config, 'pg_hba.conf'), running: true, port: server.port, socketDirs: [server.socketDir] })
    expect(await server.query('SHOW config_file')).toEqual([{ config_file: cluster.configFile }])
    expect(await server.query('SHOW hba_file')).toEqual([{ hba_file: cluster.hbaFile }])
    const service = await serviceOf(cluster, host)
    await perform(service.restart)
    expect(await only(server.dataDir)).toMatchObject({ configFile: cluster.configFile, hbaFile: cluster.hbaFile, running: true, commandLine: [['unix_socket_directories', server.socketDir]] })
    expect(await server.query('SHOW config_file')).toEqual([{ config_file: cluster.configFile }])
    await perform(service.stop)
    await perform(service.start)
    expect(await server.query('SHOW hba_file')).toEqual([{ hba_file: cluster.hbaFile }])
    await perform(service.stop)
  })

  it('running with -D DATA and config_file', async () => {
    const started = await ctl('-D', server.dataDir, '-o', `-k ${server.socketDir} -c config_file=${config}/postgresql.conf -c hba_file=${config}/pg_hba.conf`, '-w', '-l', server.logFile, 'start')
    expect(started.code, started.stderr).toBe(0)
    const cluster = await only(server.dataDir)
    expect(cluster).toMatchObject({ dataDir: server.dataDir, configFile: path.join(config, 'postgresql.conf'), hbaFile: path.join(config, 'pg_hba.conf'), running: true })
    await perform((await serviceOf(cluster, host)).restart)
    expect(await server.query('SHOW config_file')).toEqual([{ config_file: cluster.configFile }])
  })

  it('another configuration of the same directory is another cluster, and does not run', async () => {
    const second = path.join(server.root, 'second.conf')
    await fs.writeFile(second, `data_directory = '${server.dataDir}'\nport = 1\n`)
    const [other] = await detectClusters(host, { configFile: second })
    expect(other).toMatchObject({ running: false, configFile: second, dataDir: server.dataDir, port: 1 })
    expect(other!.notes).toContainEqual({ code: 'data-directory-shared', params: { directory: server.dataDir, config: path.join(config, 'postgresql.conf') } })
    expect((await detectClusters(host, { dataDir: server.dataDir })).map(({ configFile, running }) => [configFile, running])).toEqual([[path.join(config, 'postgresql.conf'), true]])
  })
})

describe.skipIf(process.getuid?.() !== 0)('with a log that root opened for it', () => {
  it('and that its account cannot open: the next start has one of its own', async () => {
    const server = await TestServer.create(17)
    try {
      const log = path.join(server.root, 'roots.log')
      await fs.writeFile(log, '', { mode: 0o644 })
      const child = spawn('/bin/sh', ['-c', `exec setpriv --reuid=${server.account.uid} --regid=${server.account.gid} --clear-groups -- "$0" -D "$1" >>"$2" 2>&1`, path.join(server.binDir, 'postgres'), server.dataDir, log], { stdio: 'ignore', cwd: '/', detached: true })
      child.unref()
      await expect.poll(() => server.query('SELECT 1 AS one').catch(() => []), { timeout: 30_000 }).toEqual([{ one: 1 }])
      const { start, stop } = await serviceOf(await only(server.dataDir), host)
      await perform([...stop, ...start])
      expect(await server.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
      expect(await fs.readFile(path.join(server.dataDir, 'server.log'), 'utf8')).toContain('ready to accept connections')
    } finally {
      await server.remove()
    }
  })
})

describe('with the log collector', () => {
  it('the log is the file that it writes now, and a restart does not send the server\'s output to us', async () => {
    const server = await TestServer.create(17, { conf: "logging_collector = on\nlog_directory = 'my log'\nlog_filename = 'a b.log'" })
    try {
      await server.start()
      const cluster = await only(server.dataDir)
      expect(cluster.logFile).toBe(path.join(server.dataDir, 'my log', 'a b.log'))
      await perform((await serviceOf(cluster, host)).restart)
      await server.query("DO $$ BEGIN RAISE LOG 'mark of the test'; END $$")
      await expect.poll(() => fs.readFile(cluster.logFile!, 'utf8'), { timeout: 10_000 }).toContain('mark of the test')
    } finally {
      await server.remove()
    }
  })
})

describe.skipIf(process.getuid?.() !== 0)('without root (tried by root as nobody)', () => {
  it('a server of somebody else is found by its command line', async () => {
    const server = await TestServer.create(13)
    try {
      await server.start()
      // The tests' own loader may be out of that account's reach: one bundle is not.
      const { build } = await import('esbuild')
      const script = path.join(server.root, 'detect.mjs')
      await build({
        stdin: { contents: "import { NodeHost } from './src/host/node-host.ts'\nimport { detect } from './src/platforms/index.ts'\nprocess.stdout.write(JSON.stringify(await detect(new NodeHost())))", resolveDir: process.cwd(), loader: 'ts' },
        bundle: true, platform: 'node', format: 'esm', external: ['pg'], outfile: script,
      })
      const node = path.join(server.root, 'node')
      await fs.copyFile(process.execPath, node)
      await fs.chmod(node, 0o755)
      const nobody = { name: 'nobody', uid: 65534, gid: 65534 }
      const ran = await runAs(nobody, node, [script])
      expect(ran.stderr).toBe('')
      const { clusters } = JSON.parse(ran.stdout) as { clusters: Cluster[] }
      const mine = clusters.find(({ dataDir }) => dataDir === server.dataDir)
      expect(mine).toMatchObject({ running: true, pid: await server.pid(), major: 13, binDir: binDirOf(server), owner: { name: server.account.name } })
      expect(codes(mine!)).toEqual(expect.arrayContaining(['process-unreadable', 'config-unreadable', 'data-unreadable']))
    } finally {
      await server.remove()
    }
  })
})

describe.skipIf(process.platform !== 'linux')('a log that was rotated or deleted under the server', () => {
  it('has its old name again at the next start', async () => {
    const server = await TestServer.create(17)
    const logOfNextStart = async (): Promise<string> => {
      const { args } = (await serviceOf(await only(server.dataDir), host)).restart[0]!
      return args[args.indexOf('-l') + 1]!
    }
    try {
      await server.start()
      expect(await logOfNextStart()).toBe(server.logFile)
      await fs.rename(server.logFile, `${server.logFile}.1`)
      expect(await logOfNextStart()).toBe(server.logFile)
      await fs.rename(`${server.logFile}.1`, `${server.logFile}-20261130`)
      expect(await logOfNextStart()).toBe(server.logFile)
      await fs.rm(`${server.logFile}-20261130`)
      expect(await logOfNextStart()).toBe(server.logFile)
    } finally {
      await server.remove()
    }
  })
})
