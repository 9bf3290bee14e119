/**
 * Hides secrets in text that somebody will read. It would rather hide too much than too little: a value in nested quotes takes
 * the rest of the text with it.
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
 * @see https://www.postgresql.org/docs/current/catalog-pg-authid.html for the stored forms
 */
export const MASK = '••••'

/** Only what libpq takes as white space: a no-break space belongs to the value. */
const GAP = String.raw`[ \t\n\r\f\v]`
const SOLID = String.raw`[^ \t\n\r\f\v]`

/**
 * What is in the name of a value that is a secret: PGPASSWORD, sslpassword, ldapbindpasswd, radiussecrets, repo1-cipher-pass,
 * AWS_SECRET_ACCESS_KEY … but not in names like password_encryption. Lengths are bounded, so that no text takes long.
 */
const KEY = String.raw`(?<!no-)(?:password(?!_encryption\b|-file\b)|passwd|passphrase(?!_command_supports_reload\b)|secret|token|cipher[_-]?pass|(?:access|storage|account|api)[_-]key)[\w.-]{0,64}`

/** `'…'` and `"…"` with doubled quotes or backslashes inside, also when the end is missing; `''…`, `\'…` and `\"…` are quotes within quotes, of which nobody can say where they end. */
const QUOTED = String.raw`''(?=[^' \t\n\r\f\v])[^]*|\\['"][^]*|'(?:[^'\\]|\\[^]|'')*(?:'|\\?$)|"(?:[^"\\]|\\[^]|"")*(?:"|\\?$)`
/** Up to the next white space that no backslash precedes; closing quotes and brackets around the whole are left. */
const BARE = String.raw`(?:\\(?:[^]|$)|[^\\ \t\n\r\f\v])+?(?=['")\]},;]*(?:${GAP}|$))`
/** The same inside a URI, where the next parameter ends it too. */
const IN_QUERY = String.raw`[^'"\\&# \t\n\r\f\v][^&# \t\n\r\f\v]*?(?=['")\]},;]*(?:[&# \t\n\r\f\v]|$))`

const RULES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // postgresql://user:secret@host: up to the last @, because a raw one in the password is a common slip.
  [new RegExp(String.raw`(://[^ \t\n\r\f\v/:@?#]{0,256}:)${SOLID}{0,4096}@`, 'g'), `$1${MASK}@`],
  // …?password=secret&… in a URI
  [new RegExp(String.raw`([?&][\w.-]{0,64}${KEY}=)(?!${MASK})${IN_QUERY}`, 'gi'), `$1${MASK}`],
  // name=value, name = 'value', also "name": "value"
  [new RegExp(String.raw`(${KEY}(?:${GAP}*=${GAP}*|["']${GAP}*:${GAP}*(?=["'])))(?!${MASK})(?:${QUOTED}|${BARE})`, 'gi'), `$1${MASK}`],
  // CREATE ROLE … PASSWORD 'value', also E'…', U&'…' and $tag$…$tag$
  [new RegExp(String.raw`\b(password${GAP}+)(?:(?:e|u&)?(?:${QUOTED})|\$(\w*)\$[^]*?(?:\$\2\$|$))`, 'gi'), `$1${MASK}`],
  // --password value, --repo1-cipher-pass value; sshpass -p value; curl -u user:value
  [new RegExp(String.raw`(--[\w.-]{0,64}${KEY}${GAP}+)(?![-=])(?:${QUOTED}|${BARE})`, 'gi'), `$1${MASK}`],
  [new RegExp(String.raw`(\bsshpass${GAP}+-p${GAP}*)(?:${QUOTED}|${BARE})`, 'g'), `$1${MASK}`],
  [new RegExp(String.raw`(${GAP}(?:-u${GAP}*|--user[ =])['"]?[^ \t\n\r\f\v:'"]+:)${BARE}`, 'g'), `$1${MASK}`],
  [new RegExp(String.raw`(\bauthorization${GAP}*:${GAP}*(?:\w+${GAP}+)?)${BARE}`, 'gi'), `$1${MASK}`],
  // Stored verifiers
  [/SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+(?:\$[A-Za-z0-9+/=]+(?::[A-Za-z0-9+/=]+)?)?/g, `SCRAM-SHA-256$$${MASK}`],
  [/\bmd5[0-9a-f]{32}\b/gi, `md5${MASK}`],
]

/** The text with `••••` in place of every password, key and verifier that can be told. */
export function redact(text: string): string {
  return RULES.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text)
}

/** The value of something with a name, hidden as a whole where the name says that it is a secret. */
export function redactValue(name: string, value: string): string {
  const probe = `${name}=x`
  return value === '' || redact(probe) === probe ? redact(value) : MASK
}

/**
 * A line of postgresql.conf or pg_hba.conf. A setting needs no equals sign there, and quotes may stand anywhere in a word,
 * so that nobody but the server can say where a secret ends: everything behind its name is hidden.
 */
export function redactLine(line: string): string {
  const [, start = '', name = ''] = /^([ \t]*)([\w.-]+)/.exec(line) ?? []
  if (name !== '' && line.length > start.length + name.length && redactValue(name, 'x') === MASK) return `${start}${name} ${MASK}`
  return redact(line.replace(/((?:ldapbindpasswd|radiussecrets)"?=)[^]+$/i, `$1${MASK}`))
}

/** Words about a line that may quote a piece of it: without what {@link redactLine} hides. */
export function redactAbout(message: string, line: string): string {
  const shown = redactLine(line)
  let same = 0
  while (same < line.length && line[same] === shown[same]) same++
  const hidden = line.slice(same)
  const quotes = (text: string | undefined) => text !== undefined && text.trim() !== '' && hidden.includes(text.trim())
  return redact(message.replace(/"([^"]*)"|: ([^:]*)$/g, (whole, quoted?: string, last?: string) => (quotes(quoted) ? `"${MASK}"` : quotes(last) ? `: ${MASK}` : whole)))
}

/** A value for JSON with every string in it redacted; what is not plain data is left out as JSON.stringify would. */
export function redactDeep(value: unknown): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map(redactDeep)
  if (typeof value === 'object' && value !== null) {
    if ('toJSON' in value && typeof value.toJSON === 'function') return redactDeep((value as { toJSON(): unknown }).toJSON())
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, redactDeep(inner)]))
  }
  return value
}
