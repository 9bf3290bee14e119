// Rules that can never decide, because rules above them take every connection that they would match. Sound, not
// complete: what is listed is certain whatever roles, host names and interfaces there are; some that is true is missed.
//
// A rule is a set of (kind of connection, database token, user token, address). Each combination is looked up in an
// index of what the rules above cover, so that the time grows with the number of combinations and not with its square.
import { covers, type Net } from './address.ts'
import type { HbaFile } from './read.ts'
import type { ConnectionType, HbaName, HbaPeer, HbaRule } from './types.ts'

export interface Unreachable {
  readonly rule: HbaRule
  /** The rules above that together take everything, in order; empty where the server itself can never match the rule. */
  readonly shadowedBy: readonly HbaRule[]
  readonly because: 'shadowed' | 'ssl-off' | 'not-built'
}

/** Kinds of TCP connections: without encryption, with TLS, with GSSAPI, with both. The types of rules that take each. */
const TAKERS = {
  plain: ['host', 'hostnossl', 'hostnogssenc'],
  tls: ['host', 'hostssl', 'hostnogssenc'],
  gss: ['host', 'hostnossl', 'hostgssenc'],
  both: ['host', 'hostssl', 'hostgssenc'],
} as const satisfies Record<string, readonly ConnectionType[]>
type Kind = keyof typeof TAKERS
const KINDS = Object.keys(TAKERS) as Kind[]
const kindsOf = (type: ConnectionType): readonly Kind[] => KINDS.filter((kind) => (TAKERS[kind] as readonly ConnectionType[]).includes(type))
const KINDS_OF = new Map((['host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc'] as const).map((type) => [type as ConnectionType, kindsOf(type)]))

/** Rules whose lists of databases and users multiply to more are looked up and indexed only as far as `all` goes. */
const MANY = 4096

/** What rules of one type, database token and user token take. Parts that are rarely needed are made late. */
interface Covered {
  /** The first rule for all addresses. */
  all?: HbaRule
  samehost?: HbaRule
  samenet?: HbaRule
  nets?: Level[]
  /** Networks with masks that are not contiguous; few, if any. */
  odd?: { net: Net; rule: HbaRule }[]
  /** Host names and suffixes, in lower case. */
  names?: Map<string, HbaRule>
}
/** Networks of one family and prefix length: the first, and where there are more all of them by their base. */
interface Level {
  readonly family: 4 | 6
  readonly length: number
  readonly mask: bigint
  readonly base: bigint
  readonly rule: HbaRule
  all?: Map<bigint, HbaRule>
}
type Slot = Partial<Record<ConnectionType, Covered>>

/** More networks with holes than this under one key are not looked at. */
const MANY_ODD = 32

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
      covered.names ??= new Map<string, HbaRule>()
      if (!covered.names.has(name)) covered.names.set(name, rule)
      return
    }
    case 'net': {
      const { family, length, base, mask } = peer.net
      if (length === null) {
        covered.odd ??= []
        if (covered.odd.length < MANY_ODD) covered.odd.push({ net: peer.net, rule })
        return
      }
      const same = covered.nets?.find((one) => one.family === family && one.length === length)
      if (same !== undefined) {
        same.all ??= new Map([[same.base, same.rule]])
        if (!same.all.has(base)) same.all.set(base, rule)
        return
      }
      const level: Level = { family, length, mask, base, rule }
      if (covered.nets === undefined) covered.nets = [level]
      else covered.nets.push(level)
    }
  }
}

function ruleAt({ all, base, rule }: Level, at: bigint): HbaRule | undefined {
  return all === undefined ? (base === at ? rule : undefined) : all.get(at)
}

/** A rule that takes every address of a network. */
function coverOfNet(covered: Covered, net: Net): HbaRule[] | null {
  for (const level of covered.nets ?? []) {
    const { family, length, mask } = level
    if (family !== net.family || (net.length === null ? (net.mask & mask) !== mask : length > net.length)) continue
    const rule = ruleAt(level, net.base & mask)
    if (rule !== undefined) return [rule]
  }
  const odd = covered.odd?.find((entry) => covers(entry.net, net))
  return odd === undefined ? null : [odd.rule]
}

/** Rules that together take everything of a rule's address. */
function coverOf(covered: Covered, peer: HbaPeer | null): HbaRule[] | null {
  if (covered.all !== undefined) return [covered.all]
  if (peer === null) return null
  if (peer.kind === 'net') return coverOfNet(covered, peer.net)
  if (peer.kind === 'name') {
    const name = lower(peer.name)
    const exact = covered.names?.get(name)
    if (exact !== undefined) return [exact]
    // A suffix takes the name where the name ends with it.
    if (covered.names !== undefined) for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const suffix = covered.names.get(name.slice(dot))
      if (suffix !== undefined) return [suffix]
    }
  }
  if (peer.kind === 'samehost' && covered.samehost !== undefined) return [covered.samehost]
  if ((peer.kind === 'samehost' || peer.kind === 'samenet') && covered.samenet !== undefined) return [covered.samenet]
  const v4 = covered.nets?.find((one) => one.family === 4 && one.length === 0)?.rule
  const v6 = covered.nets?.find((one) => one.family === 6 && one.length === 0)?.rule
  return v4 === undefined || v6 === undefined ? null : [v4, v6]
}

const ALL = 0
const REPLICATION = 1
const SAMEUSER = 2

/** Numbers for tokens: those that stand for the same have the same one, as user and as database. */
class Numbers {
  private readonly names = new Map<string, number>()
  private readonly others = new Map([['all', ALL], ['replication', REPLICATION], ['sameuser', SAMEUSER]])
  private next = 3

  of({ kind, raw }: HbaName): number {
    if (kind === 'name') return this.name(raw)
    // A group begins with a plus sign and an expression with a slash.
    return this.numberIn(this.others, kind === 'group' || kind === 'regex' ? raw : kind)
  }

  name(raw: string): number {
    return this.numberIn(this.names, raw)
  }

  private numberIn(known: Map<string, number>, text: string): number {
    let number = known.get(text)
    if (number === undefined) known.set(text, number = this.next++)
    return number
  }
}

/** The numbers that take every database of a token, for the connections of a user token. */
function databaseKeys(database: number, user: HbaName, numbers: Numbers): number[] {
  if (database === REPLICATION || database === ALL) return [database]
  // A user's own database is the one of the user's name.
  return database === SAMEUSER && user.kind === 'name' ? [database, ALL, numbers.name(user.raw)] : [database, ALL]
}

function userKeys(user: number): number[] {
  return user === ALL ? [ALL] : [user, ALL]
}

/** One number for a database's and a user's; there are fewer of either than bytes in a file. */
const slotKey = (database: number, user: number): number => database * 2 ** 26 + user

/** @returns the rules that can never decide, in order */
export function unreachable(hba: HbaFile): Unreachable[] {
  const { ssl, builtWith } = hba.features
  const found: Unreachable[] = []
  const index = new Map<number, Slot>()
  const numbers = new Numbers()
  for (const rule of hba.rules) {
    if (rule.type === 'hostssl' && (ssl === false || builtWith?.ssl === false)) {
      found.push({ rule, shadowedBy: [], because: builtWith?.ssl === false ? 'not-built' : 'ssl-off' })
      continue
    }
    if (rule.type === 'hostgssenc' && builtWith?.gss === false) {
      found.push({ rule, shadowedBy: [], because: 'not-built' })
      continue
    }
    const shadowing = shadowOf(rule, index, numbers)
    if (shadowing !== null) found.push({ rule, shadowedBy: shadowing, because: 'shadowed' }) // adds nothing to what is covered
    else for (const name of slotsOf(rule, numbers)) {
      let slot = index.get(name)
      if (slot === undefined) index.set(name, slot = {})
      add(slot[rule.type] ??= {}, rule.peer, rule)
    }
  }
  return found
}

function slotsOf(rule: HbaRule, numbers: Numbers): number[] {
  const { databases, users } = rule
  const narrow = databases.length * users.length <= MANY
  const some = narrow ? databases : databases.filter((name) => name.kind === 'all' || name.kind === 'replication')
  const who = narrow ? users : users.filter((name) => name.kind === 'all')
  if (some.length === 1 && who.length === 1) return [slotKey(numbers.of(some[0]!), numbers.of(who[0]!))]
  const whoseNumbers = who.map((user) => numbers.of(user))
  return some.flatMap((database) => {
    const number = numbers.of(database)
    return whoseNumbers.map((user) => slotKey(number, user))
  })
}

function shadowOf(rule: HbaRule, index: ReadonlyMap<number, Slot>, numbers: Numbers): HbaRule[] | null {
  if (rule.databases.length * rule.users.length > MANY) return null
  const taking = new Set<HbaRule>()
  for (const database of rule.databases) {
    const databaseNumber = numbers.of(database)
    for (const user of rule.users) {
      const slots: Slot[] = []
      for (const databaseKey of databaseKeys(databaseNumber, user, numbers)) {
        for (const userKey of userKeys(numbers.of(user))) {
          const slot = index.get(slotKey(databaseKey, userKey))
          if (slot !== undefined) slots.push(slot)
        }
      }
      const cover = coverOfSlots(slots, rule)
      if (cover === null) return null
      for (const one of cover) taking.add(one)
    }
  }
  return [...taking].sort((a, b) => a.index - b.index)
}

/** Rules that together take every kind of connection that a rule is for. */
function coverOfSlots(slots: readonly Slot[], rule: HbaRule): HbaRule[] | null {
  const firstOf = (types: readonly ConnectionType[]): HbaRule[] | null => {
    for (const slot of slots) {
      for (const type of types) {
        const covered = slot[type]
        const cover = covered === undefined ? null : coverOf(covered, rule.peer)
        if (cover !== null) return cover
      }
    }
    return null
  }
  if (rule.type === 'local') return firstOf(['local'])
  const whole = firstOf(rule.type === 'host' ? ['host'] : ['host', rule.type])
  if (whole !== null) return whole
  const together: HbaRule[] = []
  for (const kind of KINDS_OF.get(rule.type)!) {
    const cover = firstOf(TAKERS[kind])
    if (cover === null) return null
    together.push(...cover)
  }
  return together
}
