// Adds the rules that a replica or a base backup needs, at the lowest place where they take effect, and proves what
// that changes. See https://www.postgresql.org/docs/current/auth-pg-hba-conf.html: the first matching rule decides, and
// physical replication matches the keyword `replication` only.
import { covers, formatNet, halves, overlaps, parseCidr, type Net } from './address.ts'
import { byteString, fromByteString, readable, toByteString } from './bytes.ts'
import { interfaceNets, matchesNames, matchesType, PHYSICAL_REPLICATION, subject, type Dependency, type HbaKnowledge } from './decide.ts'
import { splitLines } from './lexer.ts'
import { rereadHba, type HbaFile } from './read.ts'
import { methodsOf } from './rule.ts'
import type { HbaRule } from './types.ts'

export interface ReplicationWish {
  readonly user: string
  /** Networks in CIDR notation, single addresses, or `local` for the Unix socket. */
  readonly addresses: readonly string[]
  /** For the new rules. An existing rule with another method than reject serves as well. */
  readonly method: string
  /** Of the new TCP rules; says too which connections must get through: `host` with and without TLS. Default `host`. */
  readonly type?: 'host' | 'hostssl' | 'hostnossl'
  /** Go above rules that reject on purpose (anything but a reject for everybody from everywhere). Default false. */
  readonly overrideRejects?: boolean
}

/** A part of what is wished for with one answer. */
export interface Segment {
  /** CIDR notation, or `local`. */
  readonly address: string
  readonly tls: boolean
  /** Who decides; null when no rule matches. */
  readonly rule: HbaRule | null
  readonly method: string
  /** Rejecting rules above it that may decide instead; `on` is empty where a mask with holes takes some of the addresses. */
  readonly unless: readonly { readonly rule: HbaRule; readonly on: readonly Dependency[] }[]
}

export interface InsertionProof {
  /** Who decided, part by part. */
  readonly before: readonly Segment[]
  /** Who decides with the new lines: never a reject. Equal to `before` when nothing is written. */
  readonly after: readonly Segment[]
  /** The rules that were there are all still there, the same and in the same order; checked by reading the result. */
  readonly othersUnchanged: true
}

export interface HbaEdit {
  readonly path: string
  readonly before: Uint8Array
  readonly after: Uint8Array
  readonly inserted: readonly { /** The physical line that it stands before now, or null at the end. */ readonly beforeLine: number | null; readonly text: string }[]
}

export type InsertionRefusal =
  /** The files have errors (see HbaFile.errors): nothing can be proved. */
  | { readonly code: 'does-not-load' }
  /** A rule rejects this user or this network, or connections without TLS: somebody decided that. */
  | { readonly code: 'rejected-on-purpose'; readonly address: string; readonly tls: boolean; readonly rule: HbaRule }
  /** A rejecting rule above may match: that depends on what is not known. */
  | { readonly code: 'unknown'; readonly address: string; readonly tls: boolean; readonly rule: HbaRule; readonly on: readonly Dependency[] }
  /** The wish cannot be written as a rule. */
  | { readonly code: 'bad-wish'; readonly message: string }
  /** The result, read again, is not what was meant. */
  | { readonly code: 'no-proof'; readonly message: string }

export type ReplicationInsertion =
  | { readonly kind: 'insert'; readonly edits: readonly HbaEdit[]; readonly result: HbaFile; readonly proof: InsertionProof }
  | { readonly kind: 'nothing'; readonly because: 'already-served'; readonly proof: InsertionProof }
  | { readonly kind: 'refused'; readonly because: InsertionRefusal }

type Place = 'local' | Net

interface Part { readonly net: Place; readonly unless: Segment['unless'] }

/** Splits networks into what lies in `cut` and what does not; null when the border is not expressible in networks. */
function carve(parts: readonly Part[], cut: Net): { inside: Part[]; outside: Part[] } | null {
  const inside: Part[] = []
  const outside: Part[] = []
  for (const part of parts) {
    let net = part.net as Net
    if (covers(cut, net)) inside.push(part)
    else if (!overlaps(cut, net)) outside.push(part)
    else {
      if (cut.length === null) return null
      while (!covers(cut, net)) {
        const [low, high] = halves(net)
        const [next, rest]: [Net, Net] = overlaps(cut, low) ? [low, high] : [high, low]
        outside.push({ ...part, net: rest })
        net = next
      }
      inside.push({ ...part, net })
    }
  }
  return { inside, outside }
}

/** The networks of a rule's address; null when they are not known. */
function netsOf(rule: HbaRule, knowledge: HbaKnowledge): readonly Net[] | 'all' | null {
  switch (rule.peer?.kind) {
    case undefined:
    case 'all': return 'all'
    case 'net': return [(rule.peer as { net: Net }).net]
    case 'samehost':
    case 'samenet': return knowledge.interfaces === undefined ? null : interfaceNets(rule.peer.kind as 'samehost' | 'samenet', knowledge.interfaces).map(withLength)
    default: return null
  }
}

function withLength(net: Net): Net {
  const bits = net.mask.toString(2).padStart(net.family === 4 ? 32 : 128, '0')
  return /^1*0*$/.test(bits) ? { ...net, length: bits.replaceAll('0', '').length } : net
}

function unknownPeer(rule: HbaRule, address: string): Dependency[] {
  const peer = rule.peer
  if (peer?.kind === 'name') return [{ kind: 'host-name', address, name: peer.name }]
  if (peer?.kind === 'samehost' || peer?.kind === 'samenet') return [{ kind: 'interfaces', address, keyword: peer.kind }]
  return []
}

/** Who decides for physical replication of a user from every address of a network. */
export function surveyReplication(hba: HbaFile, user: string, address: string, tls: boolean, knowledge: HbaKnowledge = {}): Segment[] {
  const place = address === 'local' ? 'local' : parseCidr(address)
  if (place === null) throw new RangeError(`neither local nor a network: ${address}`)
  const who = subject(user, PHYSICAL_REPLICATION)
  const segments: Segment[] = []
  let open: Part[] = [{ net: place, unless: [] }]
  const settle = (parts: readonly Part[], rule: HbaRule | null): void => {
    for (const { net, unless } of parts) segments.push({ address: net === 'local' ? 'local' : formatNet(net), tls, rule, method: rule?.method ?? 'reject', unless })
  }
  for (const rule of hba.rules) {
    if (open.length === 0) break
    if (place === 'local' ? rule.type !== 'local' : !matchesType(rule.type, tls, false)) continue
    const names = matchesNames(rule, who, knowledge)
    if (names === false) continue
    const nets = netsOf(rule, knowledge)
    let on: readonly Dependency[] = names === true ? [] : names
    let partly = false
    let inside: Part[] = []
    let outside: Part[] = []
    if (nets === 'all' || place === 'local') inside = open
    else {
      outside = open
      for (const net of nets ?? []) {
        const parts = carve(outside, net)
        if (parts === null) {
          // A mask with holes takes some of these addresses, but not as networks: nothing is claimed.
          inside = open
          outside = []
          partly = true
          break
        }
        inside.push(...parts.inside)
        outside = parts.outside
      }
      if (nets === null) {
        inside = open
        outside = []
        on = [...on, ...unknownPeer(rule, address)]
      }
    }
    if (on.length === 0 && !partly) {
      settle(inside, rule)
      open = outside
    } else if (rule.method === 'reject') open = [...outside, ...inside.map((part) => ({ ...part, unless: [...part.unless, { rule, on }] }))]
  }
  settle(open, null)
  return segments
}

/** A reject for everybody from everywhere: the usual last line, which nobody meant against this user. */
function isDefaultDeny(rule: HbaRule): boolean {
  if (!rule.users.some((name) => name.kind === 'all')) return false
  if (rule.type === 'local') return true
  return rule.type === 'host' && (rule.peer?.kind === 'all' || (rule.peer?.kind === 'net' && rule.peer.net.length === 0))
}

/** A role's name as a token that means exactly this role. */
function writeUser(name: string, major: number): string | null {
  if (name === '' || /[\0\n\r]/.test(name)) return null
  if (major >= 16 && name.startsWith('/')) {
    // Even in quotes this would be a regular expression.
    return `"/^${name.replace(/[^A-Za-z0-9_/\u0080-\uffff]/g, '\\$&').replaceAll('"', '""')}$"`
  }
  return /^[A-Za-z_\u0080-\uffff][A-Za-z0-9_.\-\u0080-\uffff]*$/.test(name) && !/^(all|sameuser|samegroup|samerole|replication)$/i.test(name) && !/\s/.test(name)
    ? name
    : `"${name.replaceAll('"', '""')}"`
}

function writeRule(wish: ReplicationWish, user: string, address: string): string {
  const first = address === 'local' ? 'local' : wish.type ?? 'host'
  const fields = [first.padEnd(7), 'replication'.padEnd(15), user.padEnd(15), (address === 'local' ? '' : address).padEnd(23), wish.method]
  return fields.join(' ')
}

function lineEnding(content: string): string {
  const crlf = content.split('\r\n').length - 1
  const lf = content.split('\n').length - 1
  return crlf > lf - crlf ? '\r\n' : '\n'
}

/** Where a line goes: before a line of a file, or at the end of the main file. */
interface Spot { readonly path: string; readonly before: number | null }

function edit(hba: HbaFile, path: string, lines: readonly { spot: Spot; text: string }[], extraBlankLine: boolean): HbaEdit {
  const source = hba.files.find((file) => file.path === path)!
  const content = toByteString(source.bytes)
  const eol = lineEnding(content)
  const offsets = new Map(splitLines(content, hba.major).map((line) => [line.line, line.start]))
  const byOffset = new Map<number, string[]>()
  for (const { spot, text } of lines) {
    const offset = spot.before === null ? content.length : offsets.get(spot.before)!
    byOffset.set(offset, [...(byOffset.get(offset) ?? []), byteString(text)])
  }
  let after = ''
  let copied = 0
  for (const [offset, texts] of [...byOffset].sort(([a], [b]) => a - b)) {
    after += content.slice(copied, offset)
    copied = offset
    if (offset > 0 && content[offset - 1] !== '\n') after += eol
    if (offset === content.length && extraBlankLine) after += eol
    after += texts.map((text) => text + eol).join('')
  }
  after += content.slice(copied)
  return {
    path, before: source.bytes, after: fromByteString(after),
    inserted: lines.map(({ spot, text }) => ({ beforeLine: spot.before, text })),
  }
}

/** Whether the rules of the result are the old ones in their order, with nothing but the new texts in between. */
function onlyAdds(before: HbaFile, after: HbaFile, texts: ReadonlySet<string>): string | null {
  if (!after.loads) return after.errors.find((error) => error.fatal)?.message ?? 'does not load'
  let at = 0
  for (const rule of after.rules) {
    const old = before.rules[at]
    if (old !== undefined && old.text === rule.text && old.file === rule.file && old.type === rule.type && old.method === rule.method
      && old.address === rule.address && old.mask === rule.mask && String(old.options) === String(rule.options)
      && sameNames(old.databases, rule.databases) && sameNames(old.users, rule.users)) at++
    else if (!texts.has(rule.text)) return `line ${rule.line} of ${rule.file} would change`
  }
  return at === before.rules.length ? null : `line ${before.rules[at]!.line} of ${before.rules[at]!.file} would be lost`
}

function sameNames(a: HbaRule['databases'], b: HbaRule['databases']): boolean {
  return a.length === b.length && a.every((name, index) => name.raw === b[index]!.raw && name.kind === b[index]!.kind)
}

const isServed = (segment: Segment): boolean => segment.method !== 'reject' && segment.unless.length === 0

/**
 * Plans the lines that let a user connect for physical replication. Nothing is reordered, nothing else is touched, and
 * where rules already serve nothing is written.
 * @param hba read with the same knowledge of the server as it will be used with
 */
export function insertReplicationRules(hba: HbaFile, wish: ReplicationWish, knowledge: HbaKnowledge = {}): ReplicationInsertion {
  const refuse = (because: InsertionRefusal): ReplicationInsertion => ({ kind: 'refused', because })
  const empty = hba.rules.length === 0 && hba.files.length > 0 && !hba.errors.some((error) => error.fatal && error.line > 0)
  if (!hba.loads && !empty) return refuse({ code: 'does-not-load' })
  const user = writeUser(wish.user, hba.major)
  if (user === null) return refuse({ code: 'bad-wish', message: 'this name cannot stand in pg_hba.conf' })
  if (!methodsOf(hba.major).includes(wish.method) || wish.method === 'reject') return refuse({ code: 'bad-wish', message: `no method of this server lets anybody in: ${wish.method}` })
  const type = wish.type ?? 'host'
  const addresses = [...new Set(wish.addresses.map((address) => {
    const net = address === 'local' ? null : parseCidr(address)
    return net === null ? address : formatNet(net)
  }))]
  const variants = (address: string): boolean[] => address === 'local' ? [false]
    : type === 'host' ? (hba.features.ssl === false ? [false] : [false, true]) : [type === 'hostssl']
  const survey = (of: HbaFile): Segment[] => addresses.flatMap((address) => variants(address).flatMap((tls) => surveyReplication(of, wish.user, address, tls, knowledge)))

  const lines: { spot: Spot; text: string }[] = []
  const before: Segment[] = []
  const mainFile = hba.files[0]!.path
  for (const address of addresses) {
    if (address !== 'local' && parseCidr(address) === null) return refuse({ code: 'bad-wish', message: `neither local nor a network: ${address}` })
    const segments = variants(address).flatMap((tls) => surveyReplication(hba, wish.user, address, tls, knowledge))
    before.push(...segments)
    const unserved = segments.filter((segment) => !isServed(segment))
    if (unserved.length === 0) continue
    let top: HbaRule | null = null
    for (const segment of unserved) {
      const at = { address: segment.address, tls: segment.tls }
      for (const { rule, on } of segment.unless) {
        if (wish.overrideRejects !== true) return refuse({ code: 'unknown', ...at, rule, on })
        if (top === null || rule.index < top.index) top = rule
      }
      if (segment.rule?.method !== 'reject') continue
      if (wish.overrideRejects !== true && !isDefaultDeny(segment.rule)) return refuse({ code: 'rejected-on-purpose', ...at, rule: segment.rule })
      if (top === null || segment.rule.index < top.index) top = segment.rule
    }
    lines.push({ spot: top === null ? { path: mainFile, before: null } : { path: top.file, before: top.line }, text: writeRule(wish, user, address) })
  }
  if (lines.length === 0) return { kind: 'nothing', because: 'already-served', proof: { before, after: before, othersUnchanged: true } }

  const texts = new Set(lines.map((line) => line.text))
  let problem = ''
  // A backslash at the end of the last line would swallow the new one; an empty line in between takes it.
  for (const extraBlankLine of [false, true]) {
    const edits = [...new Set(lines.map((line) => line.spot.path))].map((path) => edit(hba, path, lines.filter((line) => line.spot.path === path), extraBlankLine))
    const files = new Map(hba.snapshot.files)
    for (const { path, after } of edits) files.set(path, after)
    const result = rereadHba({ files, directories: hba.snapshot.directories }, hba.options)
    const found = onlyAdds(hba, result, texts)
    const after = survey(result)
    const open = after.find((segment) => !isServed(segment))
    problem = found ?? (open === undefined ? '' : `${readable(wish.user)} from ${open.address} would still be rejected`)
    if (problem === '') return { kind: 'insert', edits, result, proof: { before, after, othersUnchanged: true } }
  }
  return refuse({ code: 'no-proof', message: problem })
}
