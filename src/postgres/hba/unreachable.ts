// Rules that can never decide, because rules above them take every connection that they would match. Sound, not
// complete: what is listed is certain whatever roles, host names and interfaces there are; some that is true is missed.
//
// A rule is a set of (kind of connection, database token, user token, address). Each combination is looked up in an
// index of what the rules above cover, so that the time grows with the number of combinations and not with its square.
import { covers, type Net } from './address.ts'
import type { HbaFile } from './read.ts'
import type { HbaName, HbaPeer, HbaRule } from './types.ts'

export interface Unreachable {
  readonly rule: HbaRule
  /** The rules above that together take everything, in order; empty where the server itself can never match the rule. */
  readonly shadowedBy: readonly HbaRule[]
  readonly because: 'shadowed' | 'ssl-off' | 'not-built'
}

/** Kinds of connections: the socket, and TCP without encryption, with TLS, with GSSAPI, with both. */
type Kind = 'local' | 'plain' | 'tls' | 'gss' | 'both'
const KINDS = {
  local: ['local'],
  host: ['plain', 'tls', 'gss', 'both'],
  hostssl: ['tls', 'both'],
  hostnossl: ['plain', 'gss'],
  hostgssenc: ['gss', 'both'],
  hostnogssenc: ['plain', 'tls'],
} as const satisfies Record<string, readonly Kind[]>

/** Rules whose lists of databases and users multiply to more are looked up and indexed only as far as `all` goes. */
const MANY = 4096

/** Whole-address-space keys by family, for `all`. */
interface Covered {
  /** The first rule for all addresses. */
  all: HbaRule | null
  samehost: HbaRule | null
  samenet: HbaRule | null
  /** By family and prefix length: networks by their base. */
  readonly nets: Record<4 | 6, Map<number, Map<bigint, HbaRule>>>
  /** Networks with masks that are not contiguous; few, if any. */
  readonly odd: { net: Net; rule: HbaRule }[]
  /** Host names and suffixes, in lower case. */
  readonly names: Map<string, HbaRule>
}

/** More networks with holes than this under one key are not looked at. */
const MANY_ODD = 32

function emptyCovered(): Covered {
  return { all: null, samehost: null, samenet: null, nets: { 4: new Map(), 6: new Map() }, odd: [], names: new Map() }
}

const lower = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

function add(covered: Covered, peer: HbaPeer | null, rule: HbaRule): void {
  switch (peer?.kind) {
    case undefined:
    case 'all':
      covered.all ??= rule
      return
    case 'samehost':
      covered.samehost ??= rule
      return
    case 'samenet':
      covered.samenet ??= rule
      return
    case 'name': {
      const name = lower(peer.name)
      if (!covered.names.has(name)) covered.names.set(name, rule)
      return
    }
    case 'net': {
      const { family, length, base } = peer.net
      if (length === null) {
        if (covered.odd.length < MANY_ODD) covered.odd.push({ net: peer.net, rule })
        return
      }
      let sameLength = covered.nets[family].get(length)
      if (sameLength === undefined) covered.nets[family].set(length, sameLength = new Map())
      if (!sameLength.has(base)) sameLength.set(base, rule)
    }
  }
}

/** A rule that takes every address of a network. */
function coverOfNet(covered: Covered, net: Net): HbaRule[] | null {
  if (covered.all !== null) return [covered.all]
  for (const [length, bases] of covered.nets[net.family]) {
    // Without a contiguous mask only the common leading ones of it can be compared by prefix.
    if (net.length !== null && length > net.length) continue
    const shift = BigInt((net.family === 4 ? 32 : 128) - length)
    const mask = ((1n << BigInt(length)) - 1n) << shift
    if ((net.mask & mask) !== mask) continue
    const rule = bases.get(net.base & mask)
    if (rule !== undefined) return [rule]
  }
  const odd = covered.odd.find((entry) => covers(entry.net, net))
  return odd === undefined ? null : [odd.rule]
}

/** Rules that together take everything of a rule's address. */
function coverOf(covered: Covered, peer: HbaPeer | null): HbaRule[] | null {
  if (covered.all !== null) return [covered.all]
  if (peer === null) return null
  if (peer.kind === 'net') return coverOfNet(covered, peer.net)
  if (peer.kind === 'name') {
    const name = lower(peer.name)
    const exact = covered.names.get(name)
    if (exact !== undefined) return [exact]
    // A suffix takes the name where the name ends with it.
    for (let dot = name.indexOf('.', 0); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const suffix = covered.names.get(name.slice(dot))
      if (suffix !== undefined) return [suffix]
    }
  }
  if (peer.kind === 'samehost' && covered.samehost !== null) return [covered.samehost]
  if ((peer.kind === 'samehost' || peer.kind === 'samenet') && covered.samenet !== null) return [covered.samenet]
  const v4 = covered.nets[4].get(0)?.get(0n)
  const v6 = covered.nets[6].get(0)?.get(0n)
  return v4 === undefined || v6 === undefined ? null : [v4, v6]
}

/** Tokens that stand for the same have the same key. */
function key(name: HbaName): string {
  switch (name.kind) {
    case 'name': return `=${name.raw}`
    case 'group': return name.raw
    case 'regex': return name.raw
    default: return name.kind
  }
}

/** The keys that take every database of a token, for the connections of a user token. */
function databaseKeys(database: HbaName, user: HbaName): string[] {
  if (database.kind === 'replication') return ['replication']
  if (database.kind === 'all') return ['all']
  const own = key(database)
  // A user's own database is the one of the user's name.
  return database.kind === 'sameuser' && user.kind === 'name' ? [own, 'all', `=${user.raw}`] : [own, 'all']
}

function userKeys(user: HbaName): string[] {
  return user.kind === 'all' ? ['all'] : [key(user), 'all']
}

/** @returns the rules that can never decide, in order */
export function unreachable(hba: HbaFile): Unreachable[] {
  const found: Unreachable[] = []
  const index = new Map<string, Covered>()
  const separator = '\0'
  const entry = (kind: Kind, database: string, user: string): Covered | undefined => index.get(`${kind}${separator}${database}${separator}${user}`)
  for (const rule of hba.rules) {
    if (rule.type === 'hostssl' && (hba.features.ssl === false || hba.features.builtWith?.ssl === false)) {
      found.push({ rule, shadowedBy: [], because: hba.features.builtWith?.ssl === false ? 'not-built' : 'ssl-off' })
      continue
    }
    if (rule.type === 'hostgssenc' && hba.features.builtWith?.gss === false) {
      found.push({ rule, shadowedBy: [], because: 'not-built' })
      continue
    }
    const kinds: readonly Kind[] = KINDS[rule.type]
    const shadowing = shadowOf(rule, kinds, entry)
    if (shadowing !== null) {
      found.push({ rule, shadowedBy: shadowing, because: 'shadowed' })
      continue // adds nothing to what is covered
    }
    const pairs = rule.databases.length * rule.users.length > MANY
      ? [...new Set(rule.databases.map(key))].filter((name) => name === 'all' || name === 'replication').flatMap((database) => rule.users.some((user) => user.kind === 'all') ? [[database, 'all'] as const] : [])
      : rule.databases.flatMap((database) => rule.users.map((user) => [key(database), key(user)] as const))
    for (const kind of kinds) {
      for (const [database, user] of pairs) {
        const name = `${kind}${separator}${database}${separator}${user}`
        let covered = index.get(name)
        if (covered === undefined) index.set(name, covered = emptyCovered())
        add(covered, rule.peer, rule)
      }
    }
  }
  return found
}

function shadowOf(rule: HbaRule, kinds: readonly Kind[], entry: (kind: Kind, database: string, user: string) => Covered | undefined): HbaRule[] | null {
  if (rule.databases.length * rule.users.length > MANY) return null
  const taking = new Set<HbaRule>()
  for (const database of rule.databases) {
    for (const user of rule.users) {
      for (const kind of kinds) {
        let cover: HbaRule[] | null = null
        search: for (const databaseKey of databaseKeys(database, user)) {
          for (const userKey of userKeys(user)) {
            const covered = entry(kind, databaseKey, userKey)
            cover = covered === undefined ? null : coverOf(covered, rule.peer)
            if (cover !== null) break search
          }
        }
        if (cover === null) return null
        for (const one of cover) taking.add(one)
      }
    }
  }
  return [...taking].sort((a, b) => a.index - b.index)
}
