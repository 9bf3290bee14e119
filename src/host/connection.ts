// A connection the way people have it: what psql would take from its options, PG*, a service and the password file, and the
// ways in that a cluster's own files tell. https://www.postgresql.org/docs/current/libpq-envars.html
import { codeOf, HostError, UserError } from '../errors.ts'
import type { Account, Connection, Host, Session } from './host.ts'
import { passwordFrom } from './pgpass.ts'
import { serviceFrom } from './service-file.ts'

/** psql's options. `host` and `port` may be lists with commas. */
export interface ConnectionRequest {
  readonly host?: string
  readonly port?: number
  readonly user?: string
  readonly database?: string
  readonly password?: string
}

/** What a cluster on this machine says about itself. */
export interface ClusterHints {
  readonly owner: Account
  readonly port: number
  readonly socketDirs: readonly string[]
}

/** Something that a user should know about where connections come from. */
export interface ConnectionNote {
  readonly code: 'password-file-permissions' | 'password-file-unreadable' | 'environment-points-elsewhere'
  readonly params: Readonly<Record<string, string | number>>
}

/** Everything that {@link connectionCandidates} decides from. */
export interface ConnectionSources {
  readonly request: ConnectionRequest
  /** libpq's parameters (`host`, `port`, `dbname`, `sslmode` …) from the service, else the environment. */
  readonly settings: ReadonlyMap<string, string>
  /** Content of the password file, when there is one that may be used. */
  readonly passwordFile: string
  /** A root certificate in its usual place. */
  readonly rootCertificate?: string
  readonly self: Account & { readonly privileged: boolean }
  readonly notes: readonly ConnectionNote[]
}

const VARIABLES: readonly (readonly [variable: string, parameter: string])[] = [
  ['PGHOST', 'host'], ['PGHOSTADDR', 'hostaddr'], ['PGPORT', 'port'], ['PGUSER', 'user'], ['PGDATABASE', 'dbname'], ['PGPASSWORD', 'password'],
  ['PGPASSFILE', 'passfile'], ['PGSSLMODE', 'sslmode'], ['PGSSLROOTCERT', 'sslrootcert'], ['PGCONNECT_TIMEOUT', 'connect_timeout'],
]
/** Where packages keep the machine's pg_service.conf when PGSYSCONFDIR does not say: Debian, PGDG RPM, source. */
const SYSTEM_CONFIGURATION = ['/etc/postgresql-common', '/etc/sysconfig/pgsql', '/usr/local/pgsql/etc']
const DEFAULT_PORT = 5432
const LEAST_TIMEOUT_MS = 5_000

/** The text of a file, or undefined when there is none that we can read. */
async function textOf(host: Host, path: string): Promise<string | undefined> {
  try {
    return Buffer.from(await host.read(path, { limit: 1 << 20 })).toString('utf8')
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

/**
 * Reads the environment, the service file and the password file of the caller.
 *
 * @throws UserError `no-such-service` when PGSERVICE names one that no file has
 */
export async function readConnectionSources(host: Host, request: ConnectionRequest): Promise<ConnectionSources> {
  const self = await host.self()
  const home = host.env['HOME'] ?? self.home ?? '/'
  const windows = host.os === 'win32'
  const own = windows ? `${host.env['APPDATA'] ?? home}\\postgresql\\` : `${home}/`
  const notes: ConnectionNote[] = []

  // A service beats the environment: it was asked for by name.
  const settings = new Map(await readService(host, own))
  for (const [variable, parameter] of VARIABLES) {
    const value = host.env[variable]
    if (value !== undefined && value !== '' && !settings.has(parameter)) settings.set(parameter, value)
  }

  const certificate = windows ? `${own}root.crt` : `${own}.postgresql/root.crt`
  const hasCertificate = await host.stat(certificate).then(() => true, () => false)
  return {
    request,
    settings,
    passwordFile: await readPasswordFile(host, settings.get('passfile') ?? (windows ? `${own}pgpass.conf` : `${own}.pgpass`), notes),
    ...(hasCertificate ? { rootCertificate: certificate } : {}),
    self,
    notes,
  }
}

async function readService(host: Host, own: string): Promise<ReadonlyMap<string, string>> {
  const service = host.env['PGSERVICE']
  if (service === undefined || service === '') return new Map()
  const directories = host.env['PGSYSCONFDIR'] === undefined ? SYSTEM_CONFIGURATION : [host.env['PGSYSCONFDIR']]
  const files = [host.env['PGSERVICEFILE'] ?? `${own}.pg_service.conf`, ...directories.map((directory) => `${directory}/pg_service.conf`)]
  for (const file of files) {
    const text = await textOf(host, file)
    const found = text === undefined ? undefined : serviceFrom(text, service)
    if (found !== undefined) return found
  }
  throw new UserError('no-such-service', { service, files: files.join(', ') })
}

async function readPasswordFile(host: Host, path: string, notes: ConnectionNote[]): Promise<string> {
  const info = await host.stat(path).catch(() => undefined)
  if (info === undefined) return ''
  if (host.os !== 'win32' && (info.mode & 0o077) !== 0) {
    notes.push({ code: 'password-file-permissions', params: { file: path, mode: info.mode.toString(8) } })
    return ''
  }
  const text = await textOf(host, path)
  if (text === undefined) notes.push({ code: 'password-file-unreadable', params: { file: path } })
  return text ?? ''
}

/** Whether a connection to `host` stays on this machine. */
export function isLocalHost(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@') || host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** The other machine that the options or the environment name, if they do. */
export function remoteHost(sources: ConnectionSources): string | undefined {
  const named = sources.request.host ?? sources.settings.get('host') ?? sources.settings.get('hostaddr')
  return named?.split(',').find((host) => host !== '' && !isLocalHost(host))
}

function portOf(text: string, name: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text.trim()) || port < 1 || port > 65535) throw new UserError('bad-connection-setting', { name, value: text })
  return port
}

interface Target {
  readonly host: string
  readonly port: number
}

/** Hosts and ports, each a list with commas as libpq takes them: one port for all, or one for each. */
function pairs(hosts: string, ports: string | undefined, fallback: number): Target[] {
  const names = hosts.split(',')
  const numbers = (ports ?? '').split(',').map((text) => (text === '' ? fallback : portOf(text, 'port')))
  if (numbers.length !== 1 && numbers.length !== names.length) throw new UserError('bad-connection-setting', { name: 'port', value: ports ?? '' })
  return names.map((host, at) => ({ host: host === '' ? 'localhost' : host, port: numbers.length === 1 ? numbers[0]! : numbers[at]! }))
}

function targetsOf(sources: ConnectionSources, hints: ClusterHints | undefined): { readonly targets: Target[]; readonly elsewhere: boolean } {
  const { request, settings } = sources
  const settingsHost = settings.get('hostaddr') ?? settings.get('host')
  const settingsPort = settings.get('port')
  const requestPort = request.port === undefined ? undefined : String(request.port)
  if (request.host !== undefined) {
    const fallback = hints !== undefined && isLocalHost(request.host) ? hints.port : settingsPort === undefined ? DEFAULT_PORT : portOf(settingsPort, 'port')
    return { targets: pairs(request.host, requestPort, fallback), elsewhere: false }
  }
  if (hints === undefined) {
    const port = requestPort ?? settingsPort
    return { targets: pairs(settingsHost ?? '/var/run/postgresql,/tmp,localhost', port, DEFAULT_PORT), elsewhere: false }
  }
  const port = request.port ?? hints.port
  const sockets = hints.socketDirs.filter((directory) => directory.startsWith('/')).map((host) => ({ host, port }))
  const ways = [...sockets, { host: '127.0.0.1', port }]
  if (settingsHost === undefined && settingsPort === undefined) return { targets: ways, elsewhere: false }
  // The environment may be about another server: then neither its host nor its password is for this one.
  const named = pairs(settingsHost ?? '127.0.0.1', settingsPort, port)
  const same = named.every((target) => isLocalHost(target.host) && target.port === port)
  return same ? { targets: settingsHost === undefined ? ways : [...named, ...ways], elsewhere: false } : { targets: ways, elsewhere: true }
}

function sslmodeOf(settings: ReadonlyMap<string, string>): Connection['sslmode'] {
  const value = settings.get('sslmode')
  switch (value) {
    case undefined: return undefined
    // The other order of the same two ways.
    case 'allow': return 'prefer'
    case 'disable': case 'prefer': case 'require': case 'verify-ca': case 'verify-full': return value
    default: throw new UserError('bad-connection-setting', { name: 'sslmode', value })
  }
}

/** Password and TLS for a server, from wherever they are kept. */
export type Credentials = Pick<Connection, 'password' | 'sslmode' | 'sslRootCert'>

/**
 * Password and TLS for one server.
 *
 * @param database `replication` for a physical replication connection
 */
export function credentialsFor(sources: ConnectionSources, target: { readonly host: string; readonly port: number; readonly user: string; readonly database: string }): Credentials {
  return credentials(sources, target, true)
}

function credentials(sources: ConnectionSources, target: Target & { readonly user: string; readonly database: string }, fromSettings: boolean): Credentials {
  const { request, settings } = sources
  const password = request.password ?? (fromSettings ? settings.get('password') : undefined) ?? passwordFrom(sources.passwordFile, target)
  const sslmode = sslmodeOf(settings)
  const sslRootCert = settings.get('sslrootcert') ?? sources.rootCertificate
  return {
    ...(password === undefined ? {} : { password }),
    ...(sslmode === undefined ? {} : { sslmode }),
    ...(sslRootCert === undefined ? {} : { sslRootCert }),
  }
}

function timeoutOf(settings: ReadonlyMap<string, string>): { timeoutMs?: number } {
  const seconds = Number(settings.get('connect_timeout'))
  return seconds > 0 ? { timeoutMs: Math.max(LEAST_TIMEOUT_MS, seconds * 1000) } : {}
}

/**
 * The ways in, best first: what was asked for; else the cluster's own sockets, as its owner when we are root (peer), then 127.0.0.1;
 * the roles PGUSER, the owner's name, `postgres`, our own name. Without a cluster, what psql would do.
 *
 * @throws UserError `bad-connection-setting` for a port or sslmode that is none
 */
export function connectionCandidates(sources: ConnectionSources, hints?: ClusterHints): { readonly candidates: readonly Connection[]; readonly notes: readonly ConnectionNote[] } {
  const { request, settings, self } = sources
  const { targets, elsewhere } = targetsOf(sources, hints)
  const userSetting = elsewhere ? undefined : settings.get('user')
  const roles = request.user !== undefined
    ? [request.user]
    : [userSetting, ...(hints === undefined ? [self.name, 'postgres'] : [hints.owner.name, 'postgres', ...(self.privileged ? [] : [self.name])])]
  const users = [...new Set(roles.filter((role) => role !== undefined))]
  const database = request.database ?? (elsewhere ? undefined : settings.get('dbname')) ?? 'postgres'
  const acting = hints !== undefined && self.privileged && hints.owner.uid !== self.uid ? { as: hints.owner } : {}
  const seen = new Set<string>()
  const candidates: Connection[] = []
  for (const { host, port } of targets) {
    for (const user of users) {
      const key = JSON.stringify([host, port, user])
      if (seen.has(key)) continue
      seen.add(key)
      candidates.push({
        host, port, user, database,
        ...credentials(sources, { host, port, user, database }, !elsewhere),
        ...timeoutOf(settings),
        ...(host.startsWith('/') ? acting : {}),
      })
    }
  }
  const note: ConnectionNote[] = elsewhere ? [{ code: 'environment-points-elsewhere', params: { host: settings.get('host') ?? settings.get('hostaddr') ?? '', port: settings.get('port') ?? '' } }] : []
  return { candidates, notes: [...sources.notes, ...note] }
}

/** Why nobody let us in: the most telling of all attempts. `code` is what the server or the system said. */
export interface NoLogin {
  readonly kind: 'refused' | 'password-needed' | 'starting' | 'timeout' | 'not-listening' | 'unreachable' | 'no-way'
  /** SQLSTATE for `refused` and `starting`, else the system's code. */
  readonly code: string
  /** Without a password. */
  readonly connection?: Connection
  readonly message: string
}

export type Opened =
  | { readonly ok: true; readonly connection: Connection; readonly session: Session }
  | { readonly ok: false; readonly why: NoLogin; readonly attempts: readonly NoLogin[] }

/** Most telling first. */
const TELLING: readonly NoLogin['kind'][] = ['password-needed', 'refused', 'starting', 'timeout', 'unreachable', 'not-listening', 'no-way']

function kindOf(code: string): NoLogin['kind'] {
  if (code === 'password-needed') return 'password-needed'
  if (code === '57P03') return 'starting'
  if (/^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)) return 'refused'
  if (code === 'timeout' || code === 'ETIMEDOUT') return 'timeout'
  if (code === 'ENOENT' || code === 'ECONNREFUSED') return 'not-listening'
  return 'unreachable'
}

/** Which server a candidate leads to: all local doors of a port are one server's. */
function serverOf({ host, port }: Connection): string {
  return isLocalHost(host) ? String(port) : `${host}:${port}`
}

/**
 * Tries the candidates in turn. The caller closes the session. What one role is told about a whole target is not asked again, and a
 * server that is silent at one of its doors is not waited for at the others.
 */
export async function openFirst(host: Host, candidates: readonly Connection[]): Promise<Opened> {
  const attempts: NoLogin[] = []
  const hopeless = new Set<string>()
  for (const connection of candidates) {
    const target = `${connection.host}:${connection.port}`
    if (hopeless.has(target) || hopeless.has(serverOf(connection))) continue
    try {
      return { ok: true, connection, session: await host.connect(connection) }
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      const shown: { -readonly [K in keyof Connection]: Connection[K] } = { ...connection }
      delete shown.password
      const kind = kindOf(codeOf(error))
      attempts.push({ kind, code: error.code, connection: shown, message: error.message })
      if (kind === 'timeout') hopeless.add(serverOf(connection))
      else if (kind !== 'refused' && kind !== 'password-needed') hopeless.add(target)
    }
  }
  const why = TELLING.flatMap((kind) => attempts.filter((attempt) => attempt.kind === kind)).at(0)
  return { ok: false, why: why ?? { kind: 'no-way', code: 'no-way', message: 'no address to try' }, attempts }
}
