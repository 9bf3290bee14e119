// ldapurl= is read by OpenLDAP's ldap_url_parse(); this follows it as far as the server uses the result.
// https://www.openldap.org/software/man.cgi?query=ldap_url_parse

export interface LdapUrl {
  readonly scheme: string
  /** Missing where it is empty. */
  readonly host?: string
  readonly port: number
  /** Missing where the URL ends before it. */
  readonly dn?: string
  /** The first attribute. */
  readonly attribute?: string
  /** 0 base, 1 one, 2 sub, 3 children. */
  readonly scope: number
  readonly filter?: string
}

const SCHEMES = { 'ldap://': ['ldap', 389], 'ldaps://': ['ldaps', 636], 'ldapi://': ['ldapi', 0] } as const
const SCOPES: Record<string, number> = { base: 0, one: 1, onelevel: 1, sub: 2, subtree: 2, children: 3, subordinate: 3 }

/** A wrong escape empties the whole part. */
const unescape = (text: string): string => /%(?![0-9a-fA-F]{2})/.test(text) ? '' : text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))

/** Returns the parts, or why the URL is refused. */
export function parseLdapUrl(text: string): LdapUrl | string {
  let rest = text
  const enclosed = rest.startsWith('<')
  if (enclosed) rest = rest.slice(1)
  if (/^url:/i.test(rest)) rest = rest.slice(4)
  const found = Object.entries(SCHEMES).find(([start]) => rest.toLowerCase().startsWith(start))
  if (found === undefined) return 'not an LDAP URL'
  const [start, [scheme, defaultPort]] = found
  rest = rest.slice(start.length)
  if (enclosed) {
    if (!rest.endsWith('>')) return 'missing closing bracket'
    rest = rest.slice(0, -1)
  }
  // Without a slash there is no name behind the host, whatever follows.
  const end = rest.search(/[/?]/)
  const slash = rest[end] === '/' ? end : -1
  const authority = end < 0 ? rest : rest.slice(0, end)
  let host = authority
  let port: number = defaultPort
  if (scheme !== 'ldapi') {
    let portText: string | undefined
    if (authority.startsWith('[')) {
      const close = authority.indexOf(']')
      if (close < 0) return 'missing closing bracket'
      host = authority.slice(1, close)
      if (authority[close + 1] === ':') portText = authority.slice(close + 2)
    } else {
      const colon = authority.indexOf(':')
      if (colon >= 0) {
        host = authority.slice(0, colon)
        portText = authority.slice(colon + 1)
      }
    }
    if (portText !== undefined) {
      if (!/^[ \t\n\v\f\r]*[+-]?[0-9]+$/.test(unescape(portText))) return 'bad port'
      port = Number(unescape(portText)) || defaultPort
    }
  }
  const url = { scheme, port, ...(host === '' ? {} : { host: unescape(host) }) }
  if (slash < 0) return { ...url, scope: 0 }
  const [dn = '', attributes, scope, filter, extensions, ...more] = rest.slice(slash + 1).split('?')
  if (more.length > 0) return 'too many question marks'
  if (extensions === '') return 'empty extensions'
  let attribute: string | undefined
  if (attributes !== undefined && attributes !== '') attribute = unescape(attributes).split(',').find((one) => one !== '')
  let scopeNumber = 0
  if (scope !== undefined && scope !== '') {
    const known = SCOPES[unescape(scope).toLowerCase()]
    if (known === undefined) return 'bad scope'
    scopeNumber = known
  }
  if (filter !== undefined && filter !== '' && unescape(filter) === '') return 'bad filter'
  return {
    ...url,
    dn: unescape(dn),
    scope: scopeNumber,
    ...(attribute === undefined ? {} : { attribute }),
    ...(filter === undefined || filter === '' ? {} : { filter: unescape(filter) }),
  }
}
