// From the fields of one line to a rule: parse_hba_line() in PostgreSQL's src/backend/libpq/hba.c.
import { formatIp, formatMask, formatWritten, net, parseIp, parsePrefixLength, prefix, type Ip, type Net } from './address.ts'
import { readable } from './bytes.ts'
import type { Token } from './lexer.ts'
import { readOptions, Refused, type ReadOptions, type Uncertainty } from './options.ts'
import { compilePattern } from './regex.ts'
import type { ConnectionType, HbaFeatures, HbaName, HbaPeer, HbaRule } from './types.ts'

const TYPES = ['local', 'host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc']
const METHODS = ['trust', 'ident', 'peer', 'password', 'gss', 'sspi', 'reject', 'md5', 'scram-sha-256', 'pam', 'bsd', 'ldap', 'cert', 'radius']
/** glibc's text for a name that is no address. */
const NOT_AN_ADDRESS = 'Name or service not known'

export const CONNECTION_TYPES: readonly string[] = TYPES

/** The methods that a server of this major knows. */
export function methodsOf(major: number): readonly string[] {
  return major >= 18 ? [...METHODS, 'oauth'] : METHODS
}

export const DATABASE_KEYWORDS: readonly string[] = ['all', 'sameuser', 'samegroup', 'samerole', 'replication']
export const ADDRESS_KEYWORDS: readonly string[] = ['all', 'samehost', 'samenet']

interface Parsed {
  readonly rule: Omit<HbaRule, 'index' | 'file' | 'line' | 'text'>
  readonly uncertain: readonly Uncertainty[]
}

function only(tokens: readonly Token[], what: string): Token {
  if (tokens.length > 1) throw new Refused(`multiple values specified for ${what}`)
  return tokens[0]!
}

function regexName(token: Token, text: string): HbaName {
  const pattern = compilePattern(token.raw.slice(1))
  if (pattern.state === 'invalid') throw new Refused(`invalid regular expression "${token.raw.slice(1)}": ${pattern.message}`)
  return { text, raw: token.raw, quoted: token.quoted, kind: 'regex', pattern }
}

/** The words that most rules hold, once for all of them. */
const COMMON = new Map(['all', 'replication'].map((word) => [word, { text: word, raw: word, quoted: false, kind: word as HbaName['kind'] }]))

function databaseName(token: Token, major: number): HbaName {
  const common = token.quoted ? undefined : COMMON.get(token.raw)
  if (common !== undefined) return common
  const text = readable(token.raw)
  if (major >= 16 && token.raw.startsWith('/')) return regexName(token, text)
  const keyword = !token.quoted && DATABASE_KEYWORDS.includes(token.raw)
  const kind = !keyword ? 'name' : token.raw === 'samegroup' ? 'samerole' : token.raw as HbaName['kind']
  return { text, raw: token.raw, quoted: token.quoted, kind }
}

function userName(token: Token, major: number): HbaName {
  if (!token.quoted && token.raw === 'all') return COMMON.get('all')!
  const text = readable(token.raw)
  if (major >= 16 && token.raw.startsWith('/')) return regexName(token, text)
  const kind = token.quoted ? 'name' : token.raw.startsWith('+') ? 'group' : 'name'
  return { text, raw: token.raw, quoted: token.quoted, kind }
}

function typeWarning(type: string, features: HbaFeatures): string | null {
  if (type === 'hostssl') {
    if (features.builtWith?.ssl === false) return 'hostssl record cannot match because SSL is not supported by this build'
    if (features.ssl === false) return 'hostssl record cannot match because SSL is disabled'
  }
  if (type === 'hostgssenc' && features.builtWith?.gss === false) return 'hostgssenc record cannot match because GSSAPI is not supported by this build'
  return null
}

interface PeerFields { readonly peer: HbaPeer; readonly address: string; readonly mask: string | null; readonly fieldsUsed: number }

function netFields(written: string, ip: Ip, of: Net, fieldsUsed: number): PeerFields {
  const mask = of.length === null ? formatIp(of.family, of.mask) : formatMask(of.family, of.length)
  return { peer: { kind: 'net', net: of }, address: formatWritten(written, ip), mask, fieldsUsed }
}

function readPeer(fields: readonly Token[][], at: number, features: HbaFeatures): PeerFields {
  const field = fields[at]
  if (field === undefined) throw new Refused('end-of-line before IP address specification')
  const token = only(field, 'host address')
  if (!token.quoted && ADDRESS_KEYWORDS.includes(token.raw)) {
    return { peer: { kind: token.raw as 'all' | 'samehost' | 'samenet' }, address: token.raw, mask: null, fieldsUsed: 1 }
  }
  const slash = token.raw.indexOf('/')
  const written = slash < 0 ? token.raw : token.raw.slice(0, slash)
  const ip = parseIp(written, features.interfaceNames)
  if (slash >= 0) {
    if (ip === null) throw new Refused(`specifying both host name and CIDR mask is invalid: "${token.raw}"`)
    const length = parsePrefixLength(token.raw.slice(slash + 1), ip.family)
    if (length === null) throw new Refused(`invalid CIDR mask in address "${token.raw}"`)
    return netFields(written, ip, prefix(ip, length), 1)
  }
  if (ip === null) return { peer: { kind: 'name', name: token.raw }, address: readable(token.raw), mask: null, fieldsUsed: 1 }
  const maskField = fields[at + 1]
  if (maskField === undefined) throw new Refused('end-of-line before netmask specification')
  const maskToken = only(maskField, 'netmask')
  const mask = parseIp(maskToken.raw, features.interfaceNames)
  if (mask === null) throw new Refused(`invalid IP mask "${maskToken.raw}": ${NOT_AN_ADDRESS}`)
  if (mask.family !== ip.family) throw new Refused('IP address and mask do not match')
  return netFields(written, ip, net(ip, mask.value), 2)
}

function isBuilt(method: string, features: HbaFeatures): boolean {
  const built = features.builtWith
  switch (method) {
    case 'gss': return built?.gss ?? true
    case 'sspi': return built?.sspi ?? false
    case 'pam': return built?.pam ?? true
    case 'bsd': return built?.bsd ?? false
    case 'ldap': return built?.ldap ?? true
    case 'cert': return built?.ssl ?? true
    default: return true
  }
}

function readMethod(field: readonly Token[] | undefined, type: ConnectionType, major: number, features: HbaFeatures): string {
  if (field === undefined) throw new Refused('end-of-line before authentication method')
  let method = only(field, 'authentication type').raw
  if (!methodsOf(major).includes(method)) throw new Refused(`invalid authentication method "${method}"`)
  if (!isBuilt(method, features)) throw new Refused(`invalid authentication method "${method}": not supported by this build`)
  if (type === 'local' && method === 'ident') method = 'peer'
  if (type === 'local' && method === 'gss') throw new Refused('gssapi authentication is not supported on local sockets')
  if (type !== 'local' && method === 'peer') throw new Refused('peer authentication is only supported on local sockets')
  if (type !== 'hostssl' && method === 'cert') throw new Refused('cert authentication is only supported on hostssl connections')
  return method
}

/** These show or need options even where none are written. */
const METHODS_WITH_DEFAULTS = ['gss', 'sspi', 'ldap', 'cert', 'radius', 'oauth']
const NO_WORDS: readonly string[] = []
const NO_OPTIONS: ReadOptions = { options: [], warning: null }

/** A refusal without a text of its own keeps the text of the warning before it. */
function optionsOf(words: readonly string[], type: ConnectionType, method: string, major: number, features: HbaFeatures, warning: string | null, uncertain: Uncertainty[]): ReadOptions {
  try {
    return readOptions(words, type, method, major, features, uncertain)
  } catch (error) {
    throw error instanceof Refused && error.reason === null ? new Refused(warning) : error
  }
}

/**
 * Reads the fields of one line.
 * @throws Refused when the server refuses the line
 */
export function parseRule(fields: readonly Token[][], major: number, features: HbaFeatures): Parsed {
  const uncertain: Uncertainty[] = []
  try {
    return { rule: parseFields(fields, major, features, uncertain), uncertain }
  } catch (error) {
    if (error instanceof Refused) error.uncertain = uncertain
    throw error
  }
}

function parseFields(fields: readonly Token[][], major: number, features: HbaFeatures, uncertain: Uncertainty[]): Parsed['rule'] {
  const noteUnknown = (name: HbaName): HbaName => {
    if (name.pattern?.state === 'unknown') uncertain.push({ kind: 'regex', word: name.text })
    return name
  }
  const type = only(fields[0]!, 'connection type').raw as ConnectionType
  if (!TYPES.includes(type)) throw new Refused(`invalid connection type "${type}"`)
  const warning = typeWarning(type, features)
  if (fields[1] === undefined) throw new Refused('end-of-line before database specification')
  const databases = fields[1].map((token) => noteUnknown(databaseName(token, major)))
  if (fields[2] === undefined) throw new Refused('end-of-line before role specification')
  const users = fields[2].map((token) => noteUnknown(userName(token, major)))
  const peer = type === 'local' ? null : readPeer(fields, 3, features)
  const methodAt = 3 + (peer?.fieldsUsed ?? 0)
  const method = readMethod(fields[methodAt], type, major, features)
  const words = fields.length === methodAt + 1 ? NO_WORDS : fields.slice(methodAt + 1).flatMap((field) => field.map((token) => token.raw))
  const options = words.length === 0 && !METHODS_WITH_DEFAULTS.includes(method) ? NO_OPTIONS : optionsOf(words, type, method, major, features, warning, uncertain)
  return {
    type, databases, users, method,
    peer: peer?.peer ?? null, address: peer?.address ?? null, mask: peer?.mask ?? null,
    options: options === NO_OPTIONS ? NO_WORDS : options.options.map(readable),
    warning: options.warning ?? warning,
  }
}
