import type { Net } from './address.ts'
import type { Pattern } from './regex.ts'

export type ConnectionType = 'local' | 'host' | 'hostssl' | 'hostnossl' | 'hostgssenc' | 'hostnogssenc'

/** What the reading depends on besides the files. What is undefined is unknown and taken so that nothing is refused. */
export interface HbaFeatures {
  /** The server's `ssl` setting. */
  readonly ssl?: boolean
  /** What the server was built with. Unknown: all, but for sspi (Windows) and bsd (OpenBSD). */
  readonly builtWith?: { readonly ssl?: boolean; readonly gss?: boolean; readonly sspi?: boolean; readonly pam?: boolean; readonly bsd?: boolean; readonly ldap?: boolean }
  /** Entries of `oauth_validator_libraries` (18). */
  readonly oauthValidatorLibraries?: readonly string[]
  /** Names of the machine's network interfaces, for zones of IPv6 addresses. */
  readonly interfaceNames?: readonly string[]
}

/** One name of a list: database or user. */
export interface HbaName {
  /** For people. */
  readonly text: string
  /** The bytes that the server compares, as a byte string; without the quotes. */
  readonly raw: string
  readonly quoted: boolean
  readonly kind: 'name' | 'all' | 'sameuser' | 'samerole' | 'replication' | 'group' | 'regex'
  /** Only for `regex`. */
  readonly pattern?: Pattern
}

export type HbaPeer =
  | { readonly kind: 'all' | 'samehost' | 'samenet' }
  /** A host name, or with a leading dot a suffix of host names. */
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'net'; readonly net: Net }

/** One line that decides. */
export interface HbaRule {
  /** Place in the effective order, from 0. */
  readonly index: number
  readonly file: string
  /** The server's number of the first physical line. */
  readonly line: number
  /** The line (continuations joined) as it stands. */
  readonly text: string
  readonly type: ConnectionType
  readonly databases: readonly HbaName[]
  readonly users: readonly HbaName[]
  /** Null for `local`. */
  readonly peer: HbaPeer | null
  /** As pg_hba_file_rules shows them. */
  readonly address: string | null
  readonly mask: string | null
  readonly method: string
  readonly options: readonly string[]
  /** The rule is loaded but the server complains, for example of `hostssl` while `ssl` is off. */
  readonly warning: string | null
}

export interface HbaError {
  readonly file: string
  /** 0: the file as a whole. */
  readonly line: number
  readonly message: string
  /** Fatal: at start the server does not come up, at reload it keeps all the old rules. */
  readonly fatal: boolean
  /** The server's own view pg_hba_file_rules shows this line without any error text, though it refuses the file. */
  readonly silent?: boolean
}
