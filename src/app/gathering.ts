/** What doctor, enable and verify look through at one cluster: the machine, the session that all facts share, what is wanted. */
import { HostError } from '../errors.ts'
import { createGathering } from '../facts/fact.ts'
import type { Gathering, Outcome, Unavailable, Wanted } from '../facts/fact.ts'
import { systemIdentifierOf } from '../facts/identity.ts'
import { connectionCandidates, openFirst, readConnectionSources } from '../host/connection.ts'
import type { ConnectionRequest, ConnectionSources, NoLogin } from '../host/connection.ts'
import type { Acting, Connection, Host, Session } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { parseStat } from '../platforms/processes.ts'

export interface GatheringOptions {
  /** psql's options as the user gave them. */
  readonly connection?: ConnectionRequest
  /** Options, environment and password file, where they were read already. */
  readonly sources?: ConnectionSources
  readonly wanted?: Partial<Wanted>
  /** Look into every archived segment. */
  readonly deep?: boolean
  /** For connecting and for each statement, in milliseconds. */
  readonly sessionTimeoutMs?: number
}

export interface OpenGathering {
  readonly gathering: Gathering
  session(): Promise<Outcome<Session>>
  /** Closes the shared session. */
  close(): Promise<void>
}

type Login = Outcome<{ readonly connection: Connection; readonly session: Session }>

/** SQLSTATE, for ordinary logins and for those reserved. */
const TOO_MANY_CONNECTIONS = '53300'
/** A server that accepts a connection and then says nothing must not hold up the report. */
const SESSION_TIMEOUT_MS = 5_000

/** Opens the gathering; whoever opens it closes it. Nothing is asked of the server but which role is there for base backups. */
export async function gatheringFor(host: Host, cluster: Cluster, options: GatheringOptions = {}): Promise<OpenGathering> {
  const self = await host.self()
  const as: Acting = self.privileged && self.uid !== cluster.owner.uid ? { as: cluster.owner } : {}
  let sources: Promise<ConnectionSources> | undefined
  let login: Promise<Login> | undefined
  const connectionSources = () => (sources ??= options.sources === undefined ? readConnectionSources(host, options.connection ?? {}) : Promise.resolve(options.sources))
  const loggedIn = () => (login ??= connectionSources().then((known) => logIn(host, cluster, known, options.sessionTimeoutMs ?? SESSION_TIMEOUT_MS, as)))
  const part = async <K extends 'connection' | 'session'>(key: K): Promise<Outcome<K extends 'session' ? Session : Connection>> => {
    const outcome = await loggedIn()
    return outcome.ok ? { ok: true, value: outcome.value[key] as K extends 'session' ? Session : Connection } : outcome
  }
  const session = () => part('session')
  const gathering = createGathering({
    host,
    cluster,
    ...as,
    connection: () => part('connection'),
    session,
    connectionSources,
    ...(options.deep === true ? { deep: true } : {}),
    wanted: {
      replicationUser: options.wanted?.replicationUser ?? await defaultReplicationUser(cluster, await session()),
      allowFrom: options.wanted?.allowFrom ?? [],
    },
  })
  return {
    gathering,
    session,
    async close() {
      const outcome = await login
      if (outcome?.ok === true) await outcome.value.session.close()
    },
  }
}

async function logIn(host: Host, cluster: Cluster, sources: ConnectionSources, timeoutMs: number, as: Acting): Promise<Login> {
  if (!cluster.running) return { ok: false, why: { code: 'server-down', params: {} } }
  const { candidates } = connectionCandidates(sources, cluster)
  const opened = await openFirst(host, candidates.map((candidate) => ({ timeoutMs, ...candidate })))
  const guessed = cluster.portGuessed === true && !namesPort(sources)
  if (!opened.ok) return { ok: false, why: guessed ? portUnknown(cluster) : reason(opened.why) }
  const { connection, session } = opened
  const target = `${connection.host}:${connection.port}`
  try {
    const other = await identifierOfOther(host, cluster, session, as)
    if (other === undefined && guessed && !(await isItsSession(host, cluster, session))) {
      await session.close()
      return { ok: false, why: portUnknown(cluster) }
    }
    if (other === undefined) return { ok: true, value: { connection, session } }
    await session.close()
    return { ok: false, why: { code: 'other-server', params: { target, found: other } } }
  } catch (error) {
    // Whoever lets us in and then answers nothing is of no use; a connection that is left open keeps the program from ending.
    await session.close()
    if (!(error instanceof HostError)) throw error
    return { ok: false, why: { code: 'host-error', params: { target, cause: error.code } } }
  }
}

/** The system identifier of the server that answers, where it is not that of the data directory; undefined where both agree or one cannot be seen. */
async function identifierOfOther(host: Host, cluster: Cluster, session: Session, as: Acting): Promise<string | undefined> {
  const [own, [row]] = await Promise.all([
    systemIdentifierOf(host, cluster.dataDir, as),
    session.query('SELECT system_identifier::text AS id FROM pg_catalog.pg_control_system()'),
  ])
  const found = String(row?.['id'])
  return own === undefined || own === found ? undefined : found
}

function namesPort({ request, settings }: ConnectionSources): boolean {
  return request.port !== undefined || request.host !== undefined || settings.has('port') || settings.has('host')
}

/** Whoever answers at the usual place need not be this cluster's server, and nobody answering there means nothing. */
function portUnknown(cluster: Cluster): Unavailable {
  return { code: 'not-readable', params: { target: cluster.configFile } }
}

/** Whether the process that serves the session is a child of the cluster's postmaster. */
async function isItsSession(host: Host, cluster: Cluster, session: Session): Promise<boolean> {
  const [row] = await session.query('SELECT pg_backend_pid() AS pid')
  const stat = await host.read(`/proc/${String(row?.['pid'])}/stat`).catch(() => undefined)
  return stat !== undefined && cluster.pid !== undefined && parseStat(new TextDecoder().decode(stat))?.parent === cluster.pid
}

function reason({ kind, code, connection, message }: NoLogin): Unavailable {
  const target = connection === undefined ? '' : `${connection.host}:${connection.port}`
  if (kind === 'starting') return { code: 'starting', params: { target, reason: message } }
  if (code === TOO_MANY_CONNECTIONS) return { code: 'too-many-connections', params: { target, reason: message } }
  if (kind === 'timeout') return { code: 'timeout', params: { target } }
  if (kind === 'refused' || kind === 'password-needed') return { code: 'no-login', params: { user: connection?.user ?? '', reason: message } }
  return { code: 'host-error', params: { target, cause: code } }
}

/** The role that base backups are taken with when nobody says: postgres, else the owner's namesake, else the one we logged in as. */
async function defaultReplicationUser(cluster: Cluster, session: Outcome<Session>): Promise<string> {
  if (!session.ok) return 'postgres'
  const [row] = await session.value.query(
    `SELECT coalesce((SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ('postgres', $1) ORDER BY rolname <> 'postgres' LIMIT 1), current_user)::text AS role`,
    [cluster.owner.name]).catch((error: unknown) => {
    if (error instanceof HostError) return []
    throw error
  })
  return String(row?.['role'] ?? 'postgres')
}
