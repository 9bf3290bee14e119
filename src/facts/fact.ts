import { codeOf, HostError, NO_PRIVILEGE } from '../errors.ts'
import type { ConnectionSources } from '../host/connection.ts'
import type { Account, Acting, Connection, Host, Session } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'

/** What a fact yields: a value, or why it could not be had. What cannot be seen is unknown, never OK. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: Unavailable }

/** Why a fact is not there: a code that `messages/` has words for, and what they need. */
export interface Unavailable {
  /** `server-down`, `no-login`, `not-readable`, `not-applicable`, `unknown-destination`, `timeout` … */
  readonly code: string
  readonly params: Readonly<Record<string, string | number>>
}

/** What a fact may use: the Host, the cluster, and other facts (each gathered once). */
export interface Gathering {
  readonly host: Host
  readonly cluster: Cluster
  /** Act as the cluster's owner where we may; undefined when we are it, or cannot. */
  readonly as?: Account
  /** How to log in; unavailable when the server is down or nobody lets us in. */
  connection(): Promise<Outcome<Connection>>
  /** The user's options, environment and password file. */
  connectionSources(): Promise<ConnectionSources>
  /** The one open session that all facts share; it is closed by whoever made the gathering. */
  session(): Promise<Outcome<Session>>
  fact<T>(fact: Fact<T>): Promise<Outcome<T>>
  /** What the user wants from the set-up: archive directory, replication role, networks. */
  readonly wanted: Wanted
  /** Whether every archived segment is to be looked into, whatever time that takes. */
  readonly deep?: boolean
}

export interface Wanted {
  readonly replicationUser: string
  /** CIDR; 127.0.0.1/32 and ::1/128 are always wanted. */
  readonly allowFrom: readonly string[]
}

/** One thing to know about a cluster. `name` is its key in saved facts. */
export interface Fact<T> {
  readonly name: string
  gather(from: Gathering): Promise<T>
  /** How long it may take, in milliseconds, where that is not {@link FACT_TIMEOUT_MS}. */
  timeoutMs?(from: Gathering): number
  /** For a value that is more than data: what `--save-facts` keeps of it, and how it is made again from that. */
  readonly saved?: {
    pack(value: T): unknown
    unpack(data: unknown): T | Promise<T>
  }
}

/** Thrown inside `gather` to say that the fact cannot be had. */
export class FactUnavailable extends Error {
  constructor(readonly why: Unavailable) {
    super(why.code)
  }
}

export function unavailable(code: string, params: Unavailable['params'] = {}): FactUnavailable {
  return new FactUnavailable({ code, params })
}

/** Longest time for one fact, in milliseconds: beyond it the fact is unavailable, and the rest of the report is still made. */
export const FACT_TIMEOUT_MS = 10_000
/** The same where every segment is looked into. */
export const DEEP_TIMEOUT_MS = 6 * 3_600_000

/**
 * A gathering for one cluster; each fact is asked for once. A machine's refusal is an outcome; a bug in a fact is thrown
 * to everybody who asks for that fact.
 */
export function createGathering(base: Omit<Gathering, 'fact'>, timeoutMs = FACT_TIMEOUT_MS): Gathering {
  const seen = new Map<string, Promise<Outcome<unknown>>>()
  const gathering: Gathering = {
    ...base,
    fact<T>(fact: Fact<T>): Promise<Outcome<T>> {
      let outcome = seen.get(fact.name)
      if (outcome === undefined) {
        outcome = withinTime(attempt(() => fact.gather(gathering)), fact.name, fact.timeoutMs?.(gathering) ?? timeoutMs)
        // Whoever asks gets the error; nobody asking is no crash of the whole program.
        outcome.catch(() => undefined)
        seen.set(fact.name, outcome)
      }
      return outcome as Promise<Outcome<T>>
    },
  }
  return gathering
}

/** The value of another fact, or the reason why it is missing thrown on, for facts that are made of facts. */
export async function required<T>(from: Gathering, fact: Fact<T>): Promise<T> {
  const outcome = await from.fact(fact)
  if (!outcome.ok) throw new FactUnavailable(outcome.why)
  return outcome.value
}

/** The value of another fact, or undefined. */
export async function optional<T>(from: Gathering, fact: Fact<T>): Promise<T | undefined> {
  const outcome = await from.fact(fact)
  return outcome.ok ? outcome.value : undefined
}

/** The shared session, or the reason why there is none thrown on. */
export async function sessionOf(from: Gathering): Promise<Session> {
  const session = await from.session()
  if (!session.ok) throw new FactUnavailable(session.why)
  return session.value
}

/** In whose name a fact looks at the cluster's files. */
export function acting(from: Gathering): Acting {
  return from.as === undefined ? {} : { as: from.as }
}

/** Whether we see the cluster's files as its owner does: then what is closed to us is closed to the server as well. */
export async function actsAsOwner({ host, cluster, as }: Gathering): Promise<boolean> {
  const self = await host.self()
  // On Windows nobody has a uid.
  return as !== undefined || (self.uid === cluster.owner.uid && self.sid === cluster.owner.sid)
}

/** Runs what may be refused by the machine and makes an outcome of it. */
export async function attempt<T>(gather: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await gather() }
  } catch (error) {
    if (error instanceof FactUnavailable) return { ok: false, why: error.why }
    if (error instanceof HostError && !isOurFault(error)) return { ok: false, why: { code: reasonOf(error), params: { target: error.target, cause: error.code } } }
    throw error
  }
}

async function withinTime<T>(outcome: Promise<Outcome<T>>, target: string, timeoutMs: number): Promise<Outcome<T>> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<Outcome<T>>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, why: { code: 'timeout', params: { target } } }), timeoutMs)
  })
  try {
    return await Promise.race([outcome, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Class 42 is a statement that the server cannot make sense of: a fault in pgwal, not of the machine. */
export function isOurFault({ code }: HostError): boolean {
  return /^42[0-9A-Z]{3}$/.test(code) && code !== NO_PRIVILEGE
}

function reasonOf(error: HostError): string {
  const code = codeOf(error)
  if (code === 'EACCES' || code === 'EPERM') return 'not-readable'
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'not-found'
  if (code === 'timeout' || code === '57014') return 'timeout'
  if (code === NO_PRIVILEGE) return 'no-privilege'
  if (code === 'too-large' || code === 'too-much-output' || code === 'remote') return code
  return 'host-error'
}
