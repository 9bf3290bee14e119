// Which rule decides for a connection: check_hba(), check_db() and check_role() in PostgreSQL's
// src/backend/libpq/hba.c. The first rule that matches decides; what it says is final.
import { contains, parseIp, type Ip, type Net } from './address.ts'
import { byteString } from './bytes.ts'
import type { HbaFile } from './read.ts'
import type { ConnectionType, HbaName, HbaPeer, HbaRule } from './types.ts'

/** A connection of pg_basebackup, pg_receivewal or a standby, which names no database. */
export const PHYSICAL_REPLICATION = { replication: 'physical' } as const

export interface HbaQuestion {
  readonly user: string
  /** A database's name (also for logical replication, `replication=database`), or physical replication. */
  readonly database: string | typeof PHYSICAL_REPLICATION
  /** `local` for the Unix socket, else the client's numeric address. */
  readonly address: string
  /** The connection is encrypted with TLS. */
  readonly tls?: boolean
  /** The connection is encrypted by GSSAPI. */
  readonly gss?: boolean
}

/** What may be known beyond the files. Each part that is missing makes answers depend on it where it matters. */
export interface HbaKnowledge {
  /**
   * Whether a role is a member, directly or not, of another. A superuser's membership must be explicit. A role that
   * exists is a member of itself; of a role that does not exist nobody is. Undefined: not known.
   */
  readonly memberOf?: (user: string, role: string) => boolean | undefined
  /** The client's name: reverse lookup that a forward lookup confirms; null if there is none, undefined if not known. */
  readonly hostName?: (address: string) => string | null | undefined
  /** The machine's own addresses with their masks, for samehost and samenet. */
  readonly interfaces?: readonly { readonly address: string; readonly mask: string }[]
}

export type Dependency =
  | { readonly kind: 'membership'; readonly user: string; readonly role: string }
  | { readonly kind: 'host-name'; readonly address: string; readonly name: string }
  | { readonly kind: 'interfaces'; readonly address: string; readonly keyword: 'samehost' | 'samenet' }
  | { readonly kind: 'regex'; readonly pattern: string; readonly subject: string }

/** A rule above the deciding one that decides instead if all of this holds (of one list of names: any). */
export interface Alternative {
  readonly rule: HbaRule
  readonly method: string
  readonly on: readonly Dependency[]
}

export interface Decision {
  /** The first rule that certainly matches; null when none does. */
  readonly rule: HbaRule | null
  /** That rule's method; `reject` when there is no rule. */
  readonly method: string
  /** In order; empty when the answer is certain. */
  readonly dependsOn: readonly Alternative[]
}

export type Match = boolean | readonly Dependency[]

/** Names longer than this many bytes are cut by the server before it looks for a rule. */
const NAME_BYTES = 63

/** What is asked, made ready for the comparison. */
export interface Subject {
  readonly user: string
  readonly rawUser: string
  readonly database: string | null
  readonly rawDatabase: string | null
}

export function subject(user: string, database: HbaQuestion['database']): Subject {
  const cut = (name: string): string => byteString(name).slice(0, NAME_BYTES)
  return typeof database === 'string'
    ? { user, rawUser: cut(user), database, rawDatabase: cut(database) }
    : { user, rawUser: cut(user), database: null, rawDatabase: null }
}

function isMember(user: string, role: string, knowledge: HbaKnowledge): Match {
  const known = knowledge.memberOf?.(user, role)
  if (known !== undefined) return known
  // A role is a member of itself; one that does not exist cannot log in whatever the rule says.
  return user === role || [{ kind: 'membership', user, role }]
}

function matchesPattern(name: HbaName, raw: string, text: string): Match {
  return name.pattern?.state === 'ok' ? name.pattern.test(raw) : [{ kind: 'regex', pattern: name.text.slice(1), subject: text }]
}

function matchesDatabase(name: HbaName, of: Subject, knowledge: HbaKnowledge): Match {
  if (of.database === null || of.rawDatabase === null) return name.kind === 'replication'
  switch (name.kind) {
    case 'all': return true
    case 'replication': return false
    case 'sameuser': return of.rawDatabase === of.rawUser
    case 'samerole': return isMember(of.user, of.database, knowledge)
    case 'regex': return matchesPattern(name, of.rawDatabase, of.database)
    default: return name.raw === of.rawDatabase
  }
}

function matchesUser(name: HbaName, of: Subject, knowledge: HbaKnowledge): Match {
  switch (name.kind) {
    case 'all': return true
    case 'group': return isMember(of.user, name.text.slice(1), knowledge)
    case 'regex': return matchesPattern(name, of.rawUser, of.user)
    default: return name.raw === of.rawUser
  }
}

/** True if any is, else what any of them depends on. */
function anyOf(names: readonly HbaName[], test: (name: HbaName) => Match): Match {
  let open: Dependency[] | null = null
  for (const name of names) {
    const match = test(name)
    if (match === true) return true
    if (match !== false) open = [...(open ?? []), ...match]
  }
  return open ?? false
}

function both(first: Match, second: () => Match): Match {
  if (first === false) return false
  const other = second()
  if (other === false || first === true) return other
  return other === true ? first : [...first, ...other]
}

/** Whether a rule's lists of databases and users match. */
export function matchesNames(rule: HbaRule, of: Subject, knowledge: HbaKnowledge): Match {
  return both(anyOf(rule.databases, (name) => matchesDatabase(name, of, knowledge)), () => anyOf(rule.users, (name) => matchesUser(name, of, knowledge)))
}

/** Whether a connection type covers a TCP connection with this encryption. */
export function matchesType(type: ConnectionType, tls: boolean, gss: boolean): boolean {
  switch (type) {
    case 'local': return false
    case 'host': return true
    case 'hostssl': return tls
    case 'hostnossl': return !tls
    case 'hostgssenc': return gss
    case 'hostnogssenc': return !gss
  }
}

const lower = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

/** A name in the file against a client's name: a leading dot makes it a suffix; ASCII letters in any case. */
export function matchesHostName(pattern: string, name: string): boolean {
  return pattern.startsWith('.') ? lower(name).endsWith(lower(pattern)) : lower(name) === lower(pattern)
}

/** The networks that samehost or samenet stand for on a machine. */
export function interfaceNets(keyword: 'samehost' | 'samenet', interfaces: NonNullable<HbaKnowledge['interfaces']>): Net[] {
  return interfaces.flatMap(({ address, mask }) => {
    const ip = parseIp(address)
    const maskIp = parseIp(mask)
    if (ip === null) return []
    const full = ip.family === 4 ? (1n << 32n) - 1n : (1n << 128n) - 1n
    // A mask that is missing, foreign or zero counts as the one address.
    const bits = keyword === 'samehost' || maskIp?.family !== ip.family || maskIp.value === 0n ? full : maskIp.value
    return [{ family: ip.family, base: ip.value & bits, mask: bits, length: null }]
  })
}

function matchesPeer(peer: HbaPeer, ip: Ip, address: string, knowledge: HbaKnowledge): Match {
  switch (peer.kind) {
    case 'all': return true
    case 'net': return contains(peer.net, ip)
    case 'name': {
      const known = knowledge.hostName?.(address)
      if (known === undefined) return [{ kind: 'host-name', address, name: peer.name }]
      return known !== null && matchesHostName(peer.name, known)
    }
    default:
      if (knowledge.interfaces === undefined) return [{ kind: 'interfaces', address, keyword: peer.kind }]
      return interfaceNets(peer.kind, knowledge.interfaces).some((own) => contains(own, ip))
  }
}

/**
 * Who decides for a connection. Asks the rules as they were read, also where the file as a whole does not load.
 * @throws RangeError when the address is neither `local` nor a numeric address
 */
export function decide(hba: HbaFile, question: HbaQuestion, knowledge: HbaKnowledge = {}): Decision {
  const local = question.address === 'local'
  const ip = local ? null : parseIp(question.address)
  if (!local && ip === null) throw new RangeError(`not a numeric address: ${question.address}`)
  const of = subject(question.user, question.database)
  const tls = question.tls ?? false
  // A server without GSSAPI never has such a connection, and takes hostnogssenc for host.
  const gss = question.gss ?? false
  const dependsOn: Alternative[] = []
  for (const rule of hba.rules) {
    if (ip === null ? rule.type !== 'local' : !matchesType(rule.type, tls, gss)) continue
    const match = both(matchesNames(rule, of, knowledge), () => ip === null || rule.peer === null || matchesPeer(rule.peer, ip, question.address, knowledge))
    if (match === true) return { rule, method: rule.method, dependsOn }
    if (match !== false) dependsOn.push({ rule, method: rule.method, on: match })
  }
  return { rule: null, method: 'reject', dependsOn }
}
