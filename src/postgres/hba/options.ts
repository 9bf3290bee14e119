// The options behind the method: parse_hba_auth_opt() and the closing checks of parse_hba_line() in PostgreSQL's
// src/backend/libpq/hba.c, and what pg_hba_file_rules shows of them (get_hba_options).
import { parseIp } from './address.ts'
import { readable } from './bytes.ts'
import { parseLdapUrl } from './ldap-url.ts'
import type { ConnectionType, HbaFeatures } from './types.ts'

/** What only the server can know of a line: whether a pattern is valid, and whether a name resolves. */
export interface Uncertainty { readonly kind: 'regex' | 'radius-server'; readonly word: string }

/** The line is refused. A null message: the server refuses it but its view shows no error text. */
export class Refused extends Error {
  /** What might have refused the line before. */
  uncertain: readonly Uncertainty[] = []

  constructor(readonly reason: string | null) {
    super(reason ?? 'refused')
  }
}

type Values = Map<string, string>

interface OptionLine {
  readonly type: ConnectionType
  readonly method: string
  readonly major: number
  readonly values: Values
  /** Set without refusing the line. */
  warning: string | null
  readonly uncertain: Uncertainty[]
}

/** For which methods an option is valid; the text is the server's. */
const ONLY_FOR = new Map<string, { methods: readonly string[]; text: string }>(Object.entries({
  pamservice: { methods: ['pam'], text: 'pam' },
  pam_use_hostname: { methods: ['pam'], text: 'pam' },
  krb_realm: { methods: ['gss', 'sspi'], text: 'gssapi and sspi' },
  include_realm: { methods: ['gss', 'sspi'], text: 'gssapi and sspi' },
  compat_realm: { methods: ['sspi'], text: 'sspi' },
  upn_username: { methods: ['sspi'], text: 'sspi' },
  ...Object.fromEntries(['ldapurl', 'ldaptls', 'ldapscheme', 'ldapserver', 'ldapport', 'ldapbinddn', 'ldapbindpasswd', 'ldapsearchattribute',
    'ldapsearchfilter', 'ldapbasedn', 'ldapprefix', 'ldapsuffix'].map((name) => [name, { methods: ['ldap'], text: 'ldap' }])),
  ...Object.fromEntries(['radiusservers', 'radiusports', 'radiussecrets', 'radiusidentifiers'].map((name) => [name, { methods: ['radius'], text: 'radius' }])),
}))
const OAUTH_ONLY = ['issuer', 'scope', 'validator', 'delegate_ident_mapping']

function requireMethod(line: OptionLine, name: string, methods: readonly string[], text: string): void {
  if (!methods.includes(line.method)) throw new Refused(`authentication option "${name}" is only valid for authentication methods ${text}`)
}

/** C's atoi(). */
function toInteger(text: string): number {
  const found = /^[ \t\n\v\f\r]*([+-]?[0-9]+)/.exec(text)
  return found === null ? 0 : Number(BigInt.asIntN(32, clampToLong(BigInt(found[1]!.replace('+', '')))))
}
const LONG_MAX = (1n << 63n) - 1n
const clampToLong = (value: bigint): bigint => value > LONG_MAX ? LONG_MAX : value < -LONG_MAX - 1n ? -LONG_MAX - 1n : value

/** SplitGUCList(): a comma list whose items may stand in double quotes; null for bad syntax. */
export function splitList(text: string): string[] | null {
  const blank = /[ \t\n\r\f\v]/
  const items: string[] = []
  let at = 0
  const skipBlanks = (): void => {
    while (at < text.length && blank.test(text[at]!)) at++
  }
  skipBlanks()
  if (at >= text.length) return []
  for (;;) {
    if (text[at] === '"') {
      let item = ''
      for (;;) {
        const close = text.indexOf('"', at + 1)
        if (close < 0) return null
        item += text.slice(at + 1, close)
        at = close + 1
        if (text[at] !== '"') break
        item += '"'
      }
      items.push(item)
    } else {
      const from = at
      while (at < text.length && text[at] !== ',' && !blank.test(text[at]!)) at++
      if (at === from) return null
      items.push(text.slice(from, at))
    }
    skipBlanks()
    if (at >= text.length) return items
    if (text[at] !== ',') return null
    at++
    skipBlanks()
  }
}

function setClientcert(line: OptionLine, value: string): void {
  if (line.type !== 'hostssl') throw new Refused('clientcert can only be configured for "hostssl" rows')
  if (line.major < 14) {
    if (value === '1' || value === 'verify-ca') line.values.set('clientcert', 'verify-ca')
    else if (value === 'verify-full') line.values.set('clientcert', 'verify-full')
    else if (value === '0' || value === 'no-verify') {
      if (line.method === 'cert') throw new Refused(`clientcert ${line.major < 13 ? 'can not' : 'cannot'} be set to "no-verify" when using "cert" authentication`)
      line.values.delete('clientcert')
    } else throw new Refused(null)
    return
  }
  if (value === 'verify-full') line.values.set('clientcert', 'verify-full')
  else if (value === 'verify-ca') {
    if (line.method === 'cert') throw new Refused('clientcert can only be set to "verify-full" when using "cert" authentication')
    line.values.set('clientcert', 'verify-ca')
  } else throw new Refused(null)
}

function setLdapUrl(line: OptionLine, value: string): void {
  const url = parseLdapUrl(value)
  if (typeof url === 'string') throw new Refused(`could not parse LDAP URL "${value}": ${url}`)
  if (url.scheme !== 'ldap' && url.scheme !== 'ldaps') throw new Refused(`unsupported LDAP URL scheme: ${url.scheme}`)
  line.values.set('ldapscheme', url.scheme)
  if (url.host !== undefined) line.values.set('ldapserver', url.host)
  line.values.set('ldapport', String(url.port))
  if (url.dn !== undefined) line.values.set('ldapbasedn', url.dn)
  if (url.attribute !== undefined) line.values.set('ldapsearchattribute', url.attribute)
  line.values.set('ldapscope', String(url.scope))
  if (url.filter !== undefined) line.values.set('ldapsearchfilter', url.filter)
}

function setRadius(line: OptionLine, name: string, value: string): void {
  const items = splitList(value)
  if (items === null) throw new Refused(name === 'radiusports' ? `invalid RADIUS port number: "${value}"` : null)
  if (name === 'radiusports' && items.some((item) => toInteger(item) === 0)) throw new Refused(null)
  if (name === 'radiusservers') {
    // The server looks each name up when it reads the file. Only an address is known to work, an empty name to fail.
    if (items.includes('')) throw new Refused(null)
    for (const item of items) if (parseIp(item) === null) line.uncertain.push({ kind: 'radius-server', word: readable(item) })
  }
  line.values.set(name, value)
}

function setOption(line: OptionLine, name: string, value: string): void {
  const { values, method, major } = line
  if (method === 'ldap') values.set('ldapscope', '2')
  const only = ONLY_FOR.get(name)
  if (only !== undefined) requireMethod(line, name, only.methods, only.text)
  else if (major >= 18 && OAUTH_ONLY.includes(name)) requireMethod(line, name, ['oauth'], 'oauth')
  switch (name) {
    case 'map':
      if (major >= 18) requireMethod(line, name, ['ident', 'peer', 'gss', 'sspi', 'cert', 'oauth'], 'ident, peer, gssapi, sspi, cert, and oauth')
      else requireMethod(line, name, ['ident', 'peer', 'gss', 'sspi', 'cert'], 'ident, peer, gssapi, sspi, and cert')
      values.set('map', value)
      return
    case 'clientcert':
      setClientcert(line, value)
      return
    case 'clientname':
      if (major < 14) break
      if (line.type !== 'hostssl') throw new Refused('clientname can only be configured for "hostssl" rows')
      if (value !== 'CN' && value !== 'DN') throw new Refused(null)
      return
    case 'ldapurl':
      setLdapUrl(line, value)
      return
    case 'ldapport': {
      const port = toInteger(value)
      if (port === 0) throw new Refused(`invalid LDAP port number: "${value}"`)
      values.set(name, String(port))
      return
    }
    case 'ldapscheme':
      // Logged, and used all the same.
      if (value !== 'ldap' && value !== 'ldaps' && major < 14) line.warning = `invalid ldapscheme value: "${value}"`
      values.set(name, value)
      return
    case 'radiusservers':
    case 'radiusports':
    case 'radiussecrets':
    case 'radiusidentifiers':
      setRadius(line, name, value)
      return
    default:
      if (only === undefined && !(major >= 18 && OAUTH_ONLY.includes(name))) break
      values.set(name, value)
      return
  }
  throw new Refused(`unrecognized authentication option name: "${name}"`)
}

function needs(line: OptionLine, name: string): void {
  if (!line.values.has(name)) throw new Refused(`authentication method "${line.method}" requires argument "${name}" to be set`)
}

function checkLdap(line: OptionLine): void {
  const { values, major } = line
  if (values.has('ldapprefix') || values.has('ldapsuffix')) {
    if (['ldapbasedn', 'ldapbinddn', 'ldapbindpasswd', 'ldapsearchattribute', 'ldapsearchfilter'].some((name) => values.has(name))) {
      throw new Refused(major >= 16
        ? 'cannot mix options for simple bind and search+bind modes'
        : 'cannot use ldapbasedn, ldapbinddn, ldapbindpasswd, ldapsearchattribute, ldapsearchfilter, or ldapurl together with ldapprefix')
    }
  } else if (!values.has('ldapbasedn')) {
    throw new Refused('authentication method "ldap" requires argument "ldapbasedn", "ldapprefix", or "ldapsuffix" to be set')
  }
  if (values.has('ldapsearchattribute') && values.has('ldapsearchfilter')) throw new Refused('cannot use ldapsearchattribute together with ldapsearchfilter')
}

function checkRadius(line: OptionLine): void {
  const count = (name: string): number => splitList(line.values.get(name) ?? '')?.length ?? 0
  const servers = count('radiusservers')
  // To the server an empty list is one that is not set.
  if (servers === 0) line.values.delete('radiusservers')
  if (count('radiussecrets') === 0) line.values.delete('radiussecrets')
  needs(line, 'radiusservers')
  needs(line, 'radiussecrets')
  for (const [name, words, mayBeEmpty] of [['radiussecrets', 'secrets', false], ['radiusports', 'ports', true], ['radiusidentifiers', 'identifiers', true]] as const) {
    const found = count(name)
    if (found !== 1 && found !== servers && !(mayBeEmpty && found === 0)) {
      throw new Refused(line.major < 14 ? null : `the number of RADIUS ${words} (${found}) must be 1 or the same as the number of RADIUS servers (${servers})`)
    }
  }
}

function checkOauth(line: OptionLine, libraries: readonly string[] | undefined): void {
  needs(line, 'scope')
  needs(line, 'issuer')
  if (libraries !== undefined) {
    const wanted = line.values.get('validator')
    if (libraries.length === 0) throw new Refused('oauth_validator_libraries must be set for authentication method oauth')
    if (wanted === undefined) {
      if (libraries.length > 1) throw new Refused('authentication method "oauth" requires argument "validator" to be set when oauth_validator_libraries contains multiple options')
      line.values.set('validator', libraries[0]!)
    } else if (!libraries.includes(wanted)) throw new Refused(`validator "${wanted}" is not permitted by oauth_validator_libraries`)
  }
  if (line.values.get('delegate_ident_mapping') === '1' && line.values.has('map')) {
    throw new Refused('map cannot be used in combination with delegate_ident_mapping')
  }
}

/** What pg_hba_file_rules lists, in its order. */
function shown(line: OptionLine): string[] {
  const { values, method } = line
  const options: string[] = []
  const show = (...names: string[]): void => {
    for (const name of names) if (values.has(name)) options.push(`${name}=${values.get(name)!}`)
  }
  const showTrue = (name: string, byDefault = false): void => {
    if (values.has(name) ? values.get(name) === '1' : byDefault) options.push(`${name}=true`)
  }
  if (method === 'gss' || method === 'sspi') {
    showTrue('include_realm', true)
    show('krb_realm')
  }
  show('map', 'clientcert', 'pamservice')
  if (method === 'ldap') {
    show('ldapserver')
    if (values.get('ldapport') !== '0') show('ldapport')
    show('ldapscheme')
    showTrue('ldaptls')
    show('ldapprefix', 'ldapsuffix', 'ldapbasedn', 'ldapbinddn', 'ldapbindpasswd', 'ldapsearchattribute', 'ldapsearchfilter')
    if (values.get('ldapscope') !== '0') show('ldapscope')
  }
  if (method === 'radius') show('radiusservers', 'radiussecrets', 'radiusidentifiers', 'radiusports')
  if (method === 'oauth') {
    show('issuer', 'scope', 'validator')
    showTrue('delegate_ident_mapping')
  }
  return options
}

export interface ReadOptions {
  /** As pg_hba_file_rules shows them; byte strings. */
  readonly options: readonly string[]
  /** A complaint that does not refuse the line. */
  readonly warning: string | null
}

/**
 * Reads the options of one line.
 * @param uncertain takes the host names that must resolve when the file is read, else the line is refused
 * @param words the fields behind the method, `name=value`, as byte strings
 * @throws Refused
 */
export function readOptions(words: readonly string[], type: ConnectionType, method: string, major: number, features: HbaFeatures, uncertain: Uncertainty[]): ReadOptions {
  const line: OptionLine = { type, method, major, values: new Map(), warning: null, uncertain }
  for (const word of words) {
    const equals = word.indexOf('=')
    if (equals < 0) throw new Refused(`authentication option not in name=value format: ${word}`)
    setOption(line, word.slice(0, equals), word.slice(equals + 1))
  }
  if (method === 'ldap') checkLdap(line)
  if (method === 'radius') checkRadius(line)
  if (method === 'cert') line.values.set('clientcert', 'verify-full')
  if (method === 'oauth') checkOauth(line, features.oauthValidatorLibraries)
  return { options: shown(line), warning: line.warning }
}
