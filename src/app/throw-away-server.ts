/**
 * A PostgreSQL server that lives for one run: `pgwal demo` does the whole main job on it. Everything lies in one new
 * directory; it is stopped by its process id and removed, whatever happens.
 */
import { UserError } from '../errors.ts'
import { freePort } from '../host/free-port.ts'
import type { Account, Host } from '../host/host.ts'
import { directoryOf } from '../platforms/reading.ts'

export interface Binaries {
  /** Directory with initdb, pg_ctl and postgres. */
  readonly binDir: string
  readonly version: string
  readonly major: number
}

export interface ThrowAwayServer {
  readonly root: string
  readonly dataDir: string
  readonly socketDir: string
  readonly logFile: string
  readonly port: number
  readonly account: Account
  readonly superuser: string
  readonly password: string
  /** Stops the server and removes the directory. Safe to call twice. */
  remove(): Promise<void>
}

const PROGRAMS = ['initdb', 'pg_ctl', 'postgres']
const TIMEOUT_MS = 60_000

/** The unprivileged account for a server: PostgreSQL refuses root, so root lends it another. */
export async function unprivilegedAccount(host: Host): Promise<Account> {
  const self = await host.self()
  if (!self.privileged || host.os === 'win32') return self
  for (const name of ['postgres', 'nobody']) {
    const account = await host.account(name)
    if (account !== undefined && account.uid !== 0) return account
  }
  throw new UserError('no-unprivileged-account', {})
}

/**
 * Binaries to run: those in `given`, else the newest installation on this machine. The account must be able to execute them;
 * where it cannot (a checkout in root's home), they are copied to `copyTo`.
 */
export async function usableBinaries(host: Host, account: Account, places: readonly string[], copyTo: string): Promise<Binaries> {
  const found: Binaries[] = []
  for (const place of places) {
    const binaries = await tryBinaries(host, account, place)
    if (binaries !== undefined) return binaries
    if (await hasPrograms(host, place)) {
      const copy = `${copyTo}/postgresql`
      await copyTree(host, directoryOf(place), copy)
      const copied = await tryBinaries(host, account, `${copy}/bin`)
      if (copied !== undefined) return copied
    }
  }
  for (const place of await installedPlaces(host)) {
    const binaries = await tryBinaries(host, account, place)
    if (binaries !== undefined) found.push(binaries)
  }
  found.sort((a, b) => b.major - a.major)
  if (found[0] === undefined) throw new UserError('no-binaries', {})
  return found[0]
}

async function installedPlaces(host: Host): Promise<string[]> {
  const versioned = ['/usr/lib/postgresql', '/usr/libexec', '/opt/homebrew/opt', '/usr/local/opt', '/home/linuxbrew/.linuxbrew/opt', '/usr']
  const places = ['/usr/local/pgsql/bin', '/usr/bin']
  for (const parent of versioned) {
    const entries = await host.list(parent).catch(() => [])
    for (const { name } of entries) if (/^(\d+|postgresql@?\d+|pgsql-\d+)$/.test(name)) places.push(`${parent}/${name}/bin`)
  }
  const onPath = await host.which('postgres')
  return onPath === undefined ? places : [directoryOf(onPath), ...places]
}

async function hasPrograms(host: Host, binDir: string): Promise<boolean> {
  const there = await Promise.all(PROGRAMS.map((program) => host.stat(`${binDir}/${program}`).then(() => true, () => false)))
  return there.every(Boolean)
}

async function tryBinaries(host: Host, account: Account, binDir: string): Promise<Binaries | undefined> {
  if (!(await hasPrograms(host, binDir))) return undefined
  const answer = await host.run(`${binDir}/postgres`, ['--version'], { as: account, timeoutMs: 10_000 }).catch(() => undefined)
  const version = answer?.code === 0 ? /\b(\d+)\.(\d+)/.exec(answer.stdout) : null
  if (version === null) return undefined
  return { binDir, version: version[0], major: Number(version[1]) }
}

/** Copies an installation for all to read, and recreates the library links that npm packages list instead of carrying. */
async function copyTree(host: Host, from: string, to: string): Promise<void> {
  await must(host, 'cp', ['-RP', from, to])
  await must(host, 'chmod', ['-R', 'a+rX', to])
  const listed = await host.read(`${to}/pg-symlinks.json`).catch(() => undefined)
  if (listed === undefined) return
  const links: unknown = JSON.parse(Buffer.from(listed).toString('utf8'))
  if (!Array.isArray(links)) return
  for (const { source, target } of links as { source: string; target: string }[]) {
    // Both paths begin with the folder's old name, `native/`; source and link lie in one directory.
    const link = `${to}/${target.replace(/^native\//, '')}`
    if (await host.stat(link, { followLinks: false }).then(() => true, () => false)) continue
    await must(host, 'ln', ['-s', '--', source.slice(source.lastIndexOf('/') + 1), link])
  }
}

/** Initialises and starts a server with scram passwords, on a free port of the loopback and a socket of its own. `stop` counts until the server is started. */
export async function startThrowAwayServer(host: Host, root: string, account: Account, binaries: Binaries, stop?: AbortSignal): Promise<ThrowAwayServer> {
  const as = { as: account }
  const port = await freePort(host)
  const server = {
    root, port, account, superuser: 'postgres', password: host.randomId(12),
    dataDir: `${root}/pg/data`, socketDir: `${root}/pg/run`, logFile: `${root}/pg/postgresql.log`,
  }
  await host.makeDirectory(`${root}/pg`, { mode: 0o700, ...((await host.self()).privileged ? { owner: account } : {}) })
  await host.makeDirectory(server.socketDir, { ...as, mode: 0o700 })
  const passwordFile = `${root}/pg/password`
  await host.replace(passwordFile, Buffer.from(`${server.password}\n`), { ...as, expect: null, mode: 0o600 })
  await must(host, `${binaries.binDir}/initdb`, [
    '-D', server.dataDir, '-U', server.superuser, '--auth-host=scram-sha-256', '--auth-local=trust', `--pwfile=${passwordFile}`,
    '--no-sync', '-E', 'UTF8', '--locale=C'], account, stop)
  await host.removeFile(passwordFile, as)
  await configure(host, server, account)
  if (stop?.aborted === true) throw new UserError('interrupted')
  const log = ['-w', '-t', '60', '-D', server.dataDir, '-l', server.logFile]
  await must(host, `${binaries.binDir}/pg_ctl`, [...log, 'start'], account).catch(async (error: unknown) => {
    const said = await host.readPart(server.logFile, -2_000, 2_000, as).catch(() => new Uint8Array())
    throw new UserError('command-failed', { command: 'pg_ctl start', output: new TextDecoder().decode(said).trim() }, { cause: error })
  })
  let removed = false
  return {
    ...server,
    async remove() {
      if (removed) return
      removed = true
      await host.run(`${binaries.binDir}/pg_ctl`, ['-w', '-t', '30', '-D', server.dataDir, '-m', 'immediate', 'stop'], { as: account, timeoutMs: 40_000 }).catch(() => undefined)
      // What the account controls is removed in its name: no link planted there leads root astray.
      for (const { name, kind } of await host.list(`${root}/pg`, as).catch(() => [])) {
        await (kind === 'directory' ? host.removeTree(`${root}/pg/${name}`, as) : host.removeFile(`${root}/pg/${name}`, as))
      }
      await host.removeTree(root)
    },
  }
}

/** As a fresh source build is: no replication rules yet, and names for the port and the socket. */
async function configure(host: Host, server: { dataDir: string; port: number; socketDir: string }, account: Account): Promise<void> {
  const conf = `${server.dataDir}/postgresql.conf`
  const hba = `${server.dataDir}/pg_hba.conf`
  const before = Buffer.from(await host.read(conf, { as: account }))
  const lines = `\nport = ${server.port}\nunix_socket_directories = '${server.socketDir}'\nlisten_addresses = 'localhost'\nfsync = off\n`
  await host.replace(conf, Buffer.concat([before, Buffer.from(lines)]), { as: account, expect: host.sha256(before) })
  const rules = Buffer.from(await host.read(hba, { as: account }))
  const without = rules.toString('latin1').split('\n').filter((line) => !/^(local|host)\s+replication\s/.test(line)).join('\n')
  await host.replace(hba, Buffer.from(without, 'latin1'), { as: account, expect: host.sha256(rules) })
}

async function must(host: Host, file: string, args: readonly string[], as?: Account, stop?: AbortSignal): Promise<void> {
  const done = await host.run(file, args, { ...(as === undefined ? {} : { as }), ...(stop === undefined ? {} : { stop }), timeoutMs: TIMEOUT_MS })
  if (done.code !== 0) throw new UserError('command-failed', { command: [file, ...args].join(' '), output: (done.stderr || done.stdout).trim() })
}
