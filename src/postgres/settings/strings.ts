// The string settings whose values the server checks when it starts (their check hooks), and the further rules on
// single values of other types. Whatever depends on the machine or on how the server was built comes out as uncertain.
// Source: the check_* functions in PostgreSQL's src/backend/commands/variable.c, access/transam/xlogrecovery.c,
// replication/syncrep_gram.y, utils/error/elog.c, utils/misc/guc.c; SplitIdentifierString in utils/adt/varlena.c.

/** Undefined: fine. `bad`: the server refuses the value. `depends`: on what the files do not show. */
export type Objection = { readonly bad: string } | { readonly depends: string } | undefined

export interface CheckContext { readonly major: number; readonly windows: boolean }

type StringCheck = (value: string, context: CheckContext) => Objection

const SPACE = /[ \t\n\r\f\v]/
const BAD_LIST = { bad: 'list syntax is invalid' }

/**
 * A list as SplitIdentifierString reads it: names in double quotes keep their case, others fold; undefined for a syntax
 * error. With `fold` false it is SplitGUCList.
 */
export function splitIdentifiers(text: string, fold = true): string[] | undefined {
  const names: string[] = []
  let at = 0
  const skip = (): void => {
    while (at < text.length && SPACE.test(text[at]!)) at++
  }
  skip()
  if (at >= text.length) return names
  for (;;) {
    let name = ''
    if (text[at] === '"') {
      for (;;) {
        const close = text.indexOf('"', at + 1)
        if (close === -1) return undefined
        name += text.slice(at + 1, close)
        at = close
        if (text[at + 1] !== '"') break
        name += '"'
        at++
      }
      at++
    } else {
      const start = at
      while (at < text.length && text[at] !== ',' && !SPACE.test(text[at]!)) at++
      if (at === start) return undefined
      name = fold ? text.slice(start, at).toLowerCase() : text.slice(start, at)
    }
    names.push(name)
    skip()
    if (at >= text.length) return names
    if (text[at] !== ',') return undefined
    at++
    skip()
  }
}

/** A list as SplitDirectoriesString reads it (blanks inside names belong to them). Undefined for a syntax error. */
export function splitDirectories(text: string): string[] | undefined {
  const names: string[] = []
  let rest = text.replace(/^[ \t\n\r\f\v]+/, '')
  if (rest === '') return names
  for (;;) {
    let name: string
    const quoted = /^"((?:[^"]|"")*)"/.exec(rest)
    if (quoted !== null) {
      name = quoted[1]!.replaceAll('""', '"')
      rest = rest.slice(quoted[0].length)
    } else {
      if (rest.startsWith('"')) return undefined
      name = /^[^,]*/.exec(rest)![0]
      rest = rest.slice(name.length)
      name = name.replace(/[ \t\n\r\f\v]+$/, '')
      if (name === '') return undefined
    }
    names.push(name)
    rest = rest.replace(/^[ \t\n\r\f\v]+/, '')
    if (rest === '') return names
    if (!rest.startsWith(',')) return undefined
    rest = rest.slice(1).replace(/^[ \t\n\r\f\v]+/, '')
  }
}

const identifierList: StringCheck = (value) => splitIdentifiers(value) === undefined ? BAD_LIST : undefined

/** A list of key words, in any case. */
function keywords(words: readonly string[], fold = true): StringCheck {
  return (value) => {
    const names = splitIdentifiers(value, fold)
    if (names === undefined) return BAD_LIST
    const strange = names.find((name) => !words.includes(name.toLowerCase()))
    return strange === undefined ? undefined : { bad: `unrecognized key word: "${strange}"` }
  }
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length
}

const dateStyle: StringCheck = (value) => {
  const names = splitIdentifiers(value)
  if (names === undefined) return BAD_LIST
  let style: string | undefined
  let order: string | undefined
  let conflict = false
  for (const name of names.map((each) => each.toLowerCase())) {
    const newStyle = ['iso', 'sql', 'german'].includes(name) ? name : name.startsWith('postgres') ? 'postgres' : undefined
    const newOrder = name === 'ymd' ? 'ymd' : name === 'dmy' || name.startsWith('euro') ? 'dmy'
      : name === 'mdy' || name === 'us' || name.startsWith('noneuro') ? 'mdy' : undefined
    if (newStyle !== undefined) {
      conflict ||= style !== undefined && style !== newStyle
      style = newStyle
    } else if (newOrder !== undefined) {
      conflict ||= order !== undefined && order !== newOrder
      order = newOrder
    } else if (name !== 'default') return { bad: `unrecognized key word: "${name}"` }
  }
  return conflict ? { bad: 'conflicting specifications' } : undefined
}

/** The zones belong to the server's time zone database; only this one it knows by itself. */
const logTimeZone: StringCheck = (value) => value.toUpperCase() === 'GMT' ? undefined : { depends: 'the time zone database' }
const timeZone: StringCheck = (value, context) => {
  const hours = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(value) ? Math.abs(Number(value)) : NaN
  return hours <= 24 ? undefined : logTimeZone(value, context)
}

const timeZoneAbbreviations: StringCheck = (value) => {
  if (!/^[A-Za-z]+$/.test(value)) return { bad: 'invalid time zone file name' }
  return ['Default', 'Australia', 'India'].includes(value) ? undefined : { depends: 'the files in timezonesets' }
}

const ENCODINGS = new Set(`abc alt big5 euccn eucjis2004 eucjp euckr euctw gb18030 gbk iso88591 iso885910 iso885913 iso885914 iso885915 iso885916 iso88592 iso88593
iso88594 iso88595 iso88596 iso88597 iso88598 iso88599 johab koi8 koi8r koi8u latin1 latin10 latin2 latin3 latin4 latin5 latin6 latin7 latin8 latin9 mskanji
muleinternal shiftjis shiftjis2004 sjis sqlascii tcvn tcvn5712 uhc unicode utf8 vscii win win1250 win1251 win1252 win1253 win1254 win1255 win1256 win1257 win1258
win866 win874 win932 win936 win949 win950 windows1250 windows1251 windows1252 windows1253 windows1254 windows1255 windows1256 windows1257 windows1258 windows866
windows874 windows932 windows936 windows949 windows950`.split(/\s+/))

const clientEncoding: StringCheck = (value) => {
  const known = bytes(value) < 64 && ENCODINGS.has(value.replace(/[^A-Za-z0-9]/g, '').toLowerCase())
  return known ? undefined : { bad: 'unknown encoding' }
}

/** From 18 on a list of events; the words of the boolean that it was before stand alone. */
const logConnections: StringCheck = (value, context) => {
  const alone = splitIdentifiers(value)
  if (alone?.length === 1 && ['on', 'off', 'true', 'false', 'yes', 'no', '1', '0'].includes(alone[0]!.toLowerCase())) return undefined
  return keywords(['receipt', 'authentication', 'authorization', 'setup_durations', 'all'])(value, context)
}

const locale: StringCheck = (value) => value === 'C' || value === 'POSIX' ? undefined : { depends: 'the locales of the machine' }

const logDestination: StringCheck = (value, { major, windows }) => {
  const names = splitIdentifiers(value)
  if (names === undefined) return BAD_LIST
  const always = ['stderr', 'csvlog', ...major >= 15 ? ['jsonlog'] : []]
  const strange = names.find((name) => ![...always, 'syslog', 'eventlog'].includes(name.toLowerCase()))
  if (strange !== undefined) return { bad: `unrecognized key word: "${strange}"` }
  const foreign = windows ? 'syslog' : 'eventlog'
  return names.some((name) => name.toLowerCase() === foreign) ? { bad: `unrecognized key word: "${foreign}"` } : undefined
}

/** `standby, standby`, `2 (a, b)`, `FIRST 2 (a, b)`, `ANY 2 (a, b)`. */
const standbyNames: StringCheck = (value) => {
  if (value === '') return undefined
  const tokens: string[] = []
  const pattern = /[ \t\n\r\f\v]+|("(?:[^"]|"")*"|[A-Za-z\u0080-\uffff_][A-Za-z\u0080-\uffff_0-9$]*|[0-9]+|[*,()])/y
  while (pattern.lastIndex < value.length) {
    const found = pattern.exec(value)
    if (found === null) return { bad: 'syntax error' }
    if (found[1] === undefined) continue
    const token = found[1]
    tokens.push(/^(any|first)$/i.test(token) ? 'method' : /^[0-9]+$/.test(token) ? token : /^[,()]$/.test(token) ? token : 'name')
  }
  const shape = tokens.map((token) => /^[0-9]+$/.test(token) ? 'number' : token).join(' ')
  if (/^(name|number)( , (name|number))*$/.test(shape)) return undefined
  if (!/^(method )?number \( (name|number)( , (name|number))* \)$/.test(shape)) return { bad: 'syntax error' }
  const count = BigInt(tokens.find((token) => /^[0-9]+$/.test(token))!)
  if (count > 2n ** 31n - 1n) return { depends: 'how the C library reads a number that large' }
  return count === 0n ? { bad: 'the number of synchronous standbys must be greater than zero' } : undefined
}

const SLOT_NAME = /^[a-z0-9_]{1,63}$/

const rmgrs = keywords(['all', 'heap2', 'heap', 'btree', 'hash', 'gin', 'gist', 'sequence', 'spgist', 'brin', 'generic'])

/** strtoul and its like with base 0 take anything that is no number for 0; only a range error is refused. */
function outOf64Bits(value: string): boolean {
  const digits = /^[ \t\n\v\f\r]*[+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(value)?.[1]
  return digits !== undefined && BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits) > 2n ** 64n - 1n
}

const CHECKS: Readonly<Record<string, StringCheck>> = {
  search_path: identifierList,
  temp_tablespaces: identifierList,
  synchronized_standby_slots: identifierList,
  datestyle: dateStyle,
  timezone: timeZone,
  log_timezone: logTimeZone,
  timezone_abbreviations: timeZoneAbbreviations,
  client_encoding: clientEncoding,
  lc_messages: (value, context) => value === '' ? { bad: 'a locale name is needed' } : locale(value, context),
  lc_monetary: locale,
  lc_numeric: locale,
  lc_time: locale,
  log_connections: logConnections,
  log_destination: logDestination,
  default_table_access_method: (value) => value === '' ? { bad: 'cannot be empty' } : bytes(value) > 63 ? { bad: 'too long (maximum 63 bytes)' } : undefined,
  // Both need the catalogs, which nobody can read before the server runs.
  role: (value) => value === 'none' ? undefined : { bad: 'cannot be set in a configuration file' },
  session_authorization: () => ({ bad: 'cannot be set in a configuration file' }),
  recovery_target: (value) => value === '' || value === 'immediate' ? undefined : { bad: 'the only allowed value is "immediate"' },
  recovery_target_lsn: (value) => value === '' || /^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/.test(value) ? undefined : { bad: 'not a log sequence number' },
  recovery_target_name: (value) => bytes(value) > 63 ? { bad: 'too long (maximum 63 bytes)' } : undefined,
  recovery_target_time: (value) => value === '' ? undefined
    : ['now', 'today', 'tomorrow', 'yesterday'].includes(value) ? { bad: 'not a point in time' }
      : /^\d{4}-(0[1-9]|1[0-2])-([01]\d|2[0-8])( ([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?([+-](0\d|1[0-3])(:?[0-5]\d)?| ?(UTC|Z))?)?$/.test(value) ? undefined : { depends: 'how the server reads this time' },
  recovery_target_timeline: (value) => value !== 'current' && value !== 'latest' && outOf64Bits(value) ? { bad: 'not a valid number' } : undefined,
  recovery_target_xid: (value) => outOf64Bits(value) ? { bad: 'not a valid number' } : undefined,
  primary_slot_name: (value) => value === '' || SLOT_NAME.test(value) ? undefined : { bad: 'not the name of a replication slot' },
  synchronous_standby_names: standbyNames,
  wal_consistency_checking: rmgrs,
  backtrace_functions: (value) => /^[0-9A-Za-z_, \n\t]*$/.test(value) ? undefined : { bad: 'invalid character' },
  debug_io_direct: (value, context) => {
    const objection = keywords(['data', 'wal', 'wal_init'], false)(value, context)
    return objection ?? (value === '' ? undefined : { depends: 'whether the platform has direct I/O' })
  },
  createrole_self_grant: keywords(['set', 'inherit']),
  restrict_nonsystem_relation_kind: keywords(['view', 'foreign-table']),
}

/** Settings that name something of the machine: what is written there exists or it does not. */
const MACHINE: Readonly<Record<string, string>> = {
  hba_file: 'the file',
  shared_preload_libraries: 'the libraries',
  unix_socket_group: 'the groups of the machine',
}

/** What the server has against a text for a string setting; `name` in lower case, as its table has it. */
export function checkString(name: string, value: string, context: CheckContext): Objection {
  const machine = MACHINE[name]
  if (machine !== undefined && (value !== '' || name === 'hba_file')) return { depends: machine }
  return CHECKS[name]?.(value, context)
}

const SLRU_BUFFERS = new Set(['commit_timestamp_buffers', 'multixact_member_buffers', 'multixact_offset_buffers', 'notify_buffers', 'serializable_buffers', 'subtransaction_buffers', 'transaction_buffers'])

/** Rules on a single number beyond the limits in the table. */
export function checkNumber(name: string, value: number, { windows }: CheckContext): Objection {
  if (SLRU_BUFFERS.has(name)) return value % 16 === 0 ? undefined : { bad: 'must be a multiple of 16' }
  switch (name) {
    case 'vacuum_buffer_usage_limit': return value === 0 || value >= 128 ? undefined : { bad: 'must be 0 or at least 128 kB' }
    case 'io_max_concurrency': return value === 0 ? { bad: 'only -1 or values greater than 0 are valid' } : undefined
    case 'max_stack_depth': return value > 2048 ? { depends: 'the stack limit of the server process' } : undefined
    case 'max_files_per_process': return value < 64 ? { depends: 'the files that are open already' } : undefined
    case 'max_connections': return value > 10_000 ? { depends: 'the memory and the semaphores of the machine' } : undefined
    case 'huge_page_size': return value === 0 ? undefined : { depends: 'the page sizes of the platform' }
    case 'effective_io_concurrency':
    case 'maintenance_io_concurrency':
    case 'client_connection_check_interval': return value === 0 || !windows ? undefined : { depends: 'what the platform supports' }
    default: return undefined
  }
}

/** Rules on a single boolean. */
export function checkBool(name: string, value: boolean): Objection {
  if (!value) return undefined
  switch (name) {
    case 'default_with_oids': return { bad: 'tables with OIDs are not supported' }
    case 'ssl':
    case 'bonjour': return { depends: 'how the server was built' }
    default: return undefined
  }
}
