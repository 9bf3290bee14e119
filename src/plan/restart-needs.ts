// What a server's start needs from the machine. One that runs has it in memory or open, whatever has become of it since.
// https://github.com/postgres/postgres/blob/master/src/backend/postmaster/postmaster.c, https://www.postgresql.org/docs/current/server-start.html
import { codeOf, UserError } from '../errors.ts'
import { absolute, entriesOf, majorIn, octal, serverProgram, statOf, textOf, unlessRefused } from '../platforms/reading.ts'
import { valueOrDefault } from '../postgres/conf/index.ts'
import type { Configuration } from '../postgres/conf/index.ts'
import { parseValue, splitDirectories, splitIdentifiers } from '../postgres/settings/index.ts'
import { asOwner } from './server-context.ts'
import type { ServerContext } from './server-context.ts'
import { linesOf } from './server-log.ts'
import { sslFault } from './ssl-files.ts'
import type { SslFiles } from './ssl-files.ts'

type Looking = Pick<ServerContext, 'host' | 'cluster' | 'self' | 'connection'>

function isOn(configuration: Configuration, name: string): boolean {
  const parsed = parseValue(name, valueOrDefault(configuration, name), configuration.major)
  return parsed.ok && (parsed.value === true || parsed.value === 'on')
}

/** A start writes little: postmaster.pid, lines of the log, statistics, perhaps a segment. */
const LEAST_ROOM = 32 * 2 ** 20

/**
 * Whether the next start finds its program, room on its disks, its addresses, and the files that its settings name.
 * @throws UserError `restart-program`, `restart-space`, `restart-address`, `restart-huge-pages`, `restart-file`, `restart-not-pem`, `restart-other-key`, `restart-passphrase`; HostError where that cannot be seen
 */
export async function refuseWithoutNeeds(context: Looking, configuration: Configuration): Promise<void> {
  await program(context)
  await room(context)
  if (context.host.os === 'win32') return
  await addresses(context)
  await hugePages(context, configuration)
  await files(context, configuration)
}

/** An upgrade may have put another major in its place, or taken away a library that it is linked with. */
async function program(context: Looking): Promise<void> {
  const { host, cluster } = context
  if (cluster.binDir === undefined) return
  const path = serverProgram(host, cluster.binDir, 'postgres')
  const refuse = (reason: string): never => {
    throw new UserError('restart-program', { path, reason, major: cluster.major })
  }
  const said = await host.run(path, ['--version'], { ...asOwner(context), timeoutMs: 30_000 }).catch((error: unknown) => refuse(codeOf(error)))
  if (said.code !== 0 || majorIn(said.stdout) !== cluster.major) refuse(linesOf(`${said.stderr}\n${said.stdout}`)[0] ?? String(said.code))
}

async function room(context: Looking): Promise<void> {
  const { host, cluster } = context
  for (const path of [cluster.dataDir, `${cluster.dataDir}/pg_wal`]) {
    const { freeBytes } = await host.fileSystem(path, asOwner(context))
    if (freeBytes < LEAST_ROOM) throw new UserError('restart-space', { path, freeBytes, leastBytes: LEAST_ROOM })
  }
}

/** A socket goes on listening when its address has left the machine. A next one would not: the server comes up without it, and is silent. */
async function addresses({ host, cluster }: Looking): Promise<void> {
  if (host.os !== 'linux') return
  const ours = new Set(host.interfaces().map((address) => address.replace(/\/.*$/, '').replace(/%.*$/, '')))
  for (const [table, family] of [['tcp', 'ipv4'], ['tcp6', 'ipv6']] as const) {
    // Where it may bind what is not there (a shared address that moves), so may the next start.
    if ((await textOf(host, `/proc/sys/net/${family}/ip_nonlocal_bind`))?.trim() === '1') continue
    for (const address of listeningOn(await textOf(host, `/proc/net/${table}`) ?? '', cluster.port)) {
      if (/^(?:127\.|::$|::1$|0\.0\.0\.0$)/.test(address) || ours.has(address)) continue
      throw new UserError('restart-address', { address, port: cluster.port })
    }
  }
}

const LISTENING = '0A'
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** The addresses with a listening socket at a port, in /proc/net/tcp or tcp6: words of four bytes, each in this machine's order. */
export function listeningOn(table: string, port: number): readonly string[] {
  return table.split('\n').flatMap((line) => {
    const [, hex, at, state] = /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2})/.exec(line) ?? []
    if (hex === undefined || state !== LISTENING || Number.parseInt(at!, 16) !== port) return []
    const bytes = Buffer.from(hex, 'hex')
    if (LITTLE_ENDIAN) bytes.swap32()
    const groups = Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
    // A URL has the short form.
    return [bytes.length === 4 ? [...bytes].join('.') : new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)]
  })
}

const HUGE_PAGES = '/sys/kernel/mm/hugepages'

/** The pool may have been made smaller than what is in use of it: what the server gives back with its end, its next start does not get again. */
async function hugePages({ host }: Looking, configuration: Configuration): Promise<void> {
  if (host.os !== 'linux' || !isOn(configuration, 'huge_pages')) return
  for (const { name } of await entriesOf(host, HUGE_PAGES)) {
    const [total, surplus, reserved, free, overcommit] = await Promise.all(['nr_hugepages', 'surplus_hugepages', 'resv_hugepages', 'free_hugepages', 'nr_overcommit_hugepages'].map(async (counter) =>
      Number(await textOf(host, `${HUGE_PAGES}/${name}/${counter}`) ?? 0))) as [number, number, number, number, number]
    const lacking = Math.max(0, surplus - overcommit) + reserved - free
    if (lacking > 0) throw new UserError('restart-huge-pages', { path: `${HUGE_PAGES}/${name}/nr_hugepages`, have: total - surplus, need: total - surplus + lacking })
  }
}

type Refuse = (setting: string, path: string, reason: string) => never

/** Files and directories that the start needs. */
async function files(context: Looking, configuration: Configuration): Promise<void> {
  const { host, cluster } = context
  const { dataDir } = cluster
  const as = asOwner(context)
  const value = (name: string): string => valueOrDefault(configuration, name)
  const refuse: Refuse = (setting, path, reason) => {
    throw new UserError('restart-file', { setting, path, reason, owner: cluster.owner.name })
  }
  const needWritable = async (setting: string, directory: string): Promise<void> => {
    const writable = await host.canWriteInto(directory, as)
    if (!writable.ok) refuse(setting, directory, writable.code)
  }
  await needWritable('data_directory', dataDir)
  if (isOn(configuration, 'ssl')) await ssl(context, value, refuse)
  for (const directory of splitDirectories(value('unix_socket_directories')) ?? []) {
    if (!directory.startsWith('/')) continue
    // A service makes it anew at each start.
    const made = /^(?:\/var)?\/run\//.test(directory) && cluster.service.kind !== 'pg_ctl' && await statOf(host, directory, as) === undefined
    if (!made) await needWritable('unix_socket_directories', directory)
  }
  if (isOn(configuration, 'logging_collector')) {
    const directory = absolute(dataDir, value('log_directory'))
    await needWritable('log_directory', await statOf(host, directory, as) === undefined ? absolute(directory, '..') : directory)
  }
  await libraries(context, value('shared_preload_libraries'), value('dynamic_library_path'), refuse)
}

/** Those whose package was removed while the server has them in memory. */
async function libraries(context: Looking, list: string, path: string, refuse: Refuse): Promise<void> {
  const { host, connection } = context
  const names = splitIdentifiers(list, false) ?? []
  if (names.length === 0 || connection === undefined || path !== '$libdir') return
  const built = (await unlessRefused(host.query(connection, "SELECT setting FROM pg_catalog.pg_config WHERE name = 'PKGLIBDIR'")))?.[0]
  if (built === undefined) return
  for (const name of names) {
    const file = name.startsWith('$libdir/') || !name.includes('/') ? `${String(built['setting'])}/${name.replace(/^\$libdir\//, '')}` : name
    const found = await Promise.all(['', '.so', '.dylib'].map((ending) => statOf(host, `${file}${ending}`, asOwner(context))))
    if (found.every((one) => one === undefined)) refuse('shared_preload_libraries', file, 'ENOENT')
  }
}

async function ssl(context: Looking, value: (name: string) => string, refuse: Refuse): Promise<void> {
  const { host, cluster } = context
  const as = asOwner(context)
  const contents: Partial<Record<keyof SslFiles, Uint8Array>> = {}
  for (const setting of ['ssl_cert_file', 'ssl_key_file', 'ssl_ca_file', 'ssl_crl_file'] as const) {
    if (value(setting) === '') continue
    const path = absolute(cluster.dataDir, value(setting))
    contents[setting] = await host.read(path, as).catch((error: unknown) => refuse(setting, path, codeOf(error)))
    if (setting !== 'ssl_key_file') continue
    const { mode, uid } = await host.stat(path, as)
    // Root's may be for a group as well.
    if ((mode & (uid === cluster.owner.uid ? 0o077 : 0o037)) !== 0) refuse(setting, path, octal(mode))
  }
  const { ssl_cert_file: certificate, ssl_key_file: key } = contents
  if (certificate === undefined || key === undefined) return
  const fault = sslFault({ ...contents, ssl_cert_file: certificate, ssl_key_file: key }, value('ssl_passphrase_command') !== '')
  if (fault !== undefined) throw new UserError(`restart-${fault.fault}`, { setting: fault.setting, path: absolute(cluster.dataDir, value(fault.setting)), owner: cluster.owner.name })
}
