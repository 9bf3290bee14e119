import { codeOf, HostError } from '../errors.ts'
import type { Account, Connection, Host } from '../host/host.ts'
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
  /** How to log in; undefined when the server is down or nobody lets us in. */
  connection(): Promise<Outcome<Connection>>
  fact<T>(fact: Fact<T>): Promise<Outcome<T>>
  /** What the user wants from the set-up: archive directory, replication role, networks. */
  readonly wanted: Wanted
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

/** A gathering for one cluster; each fact is asked for once. A bug in a fact is thrown, a machine's refusal is an outcome. */
export function createGathering(base: Omit<Gathering, 'fact'>): Gathering {
  const seen = new Map<string, Promise<Outcome<unknown>>>()
  const gathering: Gathering = {
    ...base,
    fact<T>(fact: Fact<T>): Promise<Outcome<T>> {
      let outcome = seen.get(fact.name)
      if (outcome === undefined) {
        outcome = attempt(() => fact.gather(gathering))
        seen.set(fact.name, outcome)
      }
      return outcome as Promise<Outcome<T>>
    },
  }
  return gathering
}

async function attempt<T>(gather: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await gather() }
  } catch (error) {
    if (error instanceof FactUnavailable) return { ok: false, why: error.why }
    if (error instanceof HostError) return { ok: false, why: { code: reasonOf(error), params: { target: error.target, cause: error.code } } }
    throw error
  }
}

function reasonOf(error: HostError): string {
  const code = codeOf(error)
  if (code === 'EACCES' || code === 'EPERM') return 'not-readable'
  if (code === 'ENOENT') return 'not-found'
  if (code === 'timeout') return 'timeout'
  return 'host-error'
}
