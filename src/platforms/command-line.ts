// The options of a running or a former server.
// Source: PostmasterMain in src/backend/postmaster/postmaster.c, and get_stats_option_name, set_plan_disabling_options
// and set_debug_options in src/backend/tcop/postgres.c; https://www.postgresql.org/docs/current/app-postgres.html

export type Pairs = readonly (readonly [name: string, value: string])[]

export interface ServerOptions {
  /** `-c name=value` and every short option that sets a parameter, in order, under the parameter's name. */
  readonly settings: Pairs
  /** `-D`, as given. */
  readonly directory?: string
  /** Every argument but `-D` and its value: what a new start needs to be like this one. */
  readonly rest: readonly string[]
}

/** Short options that take a value, as postmaster's getopt string has them. */
const WITH_VALUE = 'BCcDdfhkNprStW-'
/** Short options of a parameter: its name, and the value where the option itself has none. */
const SHORT: Readonly<Record<string, readonly [name: string, value?: string]>> = {
  B: ['shared_buffers'],
  e: ['datestyle', 'euro'],
  F: ['fsync', 'false'],
  h: ['listen_addresses'],
  i: ['listen_addresses', '*'],
  k: ['unix_socket_directories'],
  l: ['ssl', 'true'],
  N: ['max_connections'],
  O: ['allow_system_table_mods', 'true'],
  P: ['ignore_system_indexes', 'true'],
  p: ['port'],
  S: ['work_mem'],
  s: ['log_statement_stats', 'true'],
  W: ['post_auth_delay'],
}
const DISABLED: Readonly<Record<string, string>> = {
  s: 'enable_seqscan', i: 'enable_indexscan', o: 'enable_indexonlyscan', b: 'enable_bitmapscan',
  t: 'enable_tidscan', n: 'enable_nestloop', m: 'enable_mergejoin', h: 'enable_hashjoin',
}

function pair(text: string): readonly [string, string] | undefined {
  const cut = text.indexOf('=')
  return cut <= 0 ? undefined : [text.slice(0, cut).replaceAll('-', '_'), text.slice(cut + 1)]
}

function settingsOf(option: string, value: string): (readonly [string, string])[] {
  switch (option) {
    case 'c': case '-': {
      const setting = pair(value)
      return setting === undefined ? [] : [setting]
    }
    case 'd': return [['log_min_messages', value === '0' ? 'notice' : `debug${value}`]]
    case 'f': return DISABLED[value] === undefined ? [] : [[DISABLED[value], 'false']]
    case 't': {
      const name = value.startsWith('pa') ? 'log_parser_stats' : value.startsWith('pl') ? 'log_planner_stats' : value.startsWith('e') ? 'log_executor_stats' : undefined
      return name === undefined ? [] : [[name, 'true']]
    }
    default: {
      const known = SHORT[option]
      return known === undefined ? [] : [[known[0], known[1] ?? value]]
    }
  }
}

/** Reads a server's arguments (without the program) as its getopt does. What it does not know it passes over. */
export function parseServerOptions(args: readonly string[]): ServerOptions {
  const settings: (readonly [string, string])[] = []
  const rest: string[] = []
  let directory: string | undefined
  for (let at = 0; at < args.length; at++) {
    const first = at
    const argument = args[at]!
    let keep = true
    if (argument.startsWith('--')) {
      settings.push(...settingsOf('-', argument.slice(2)))
    } else if (argument.startsWith('-')) {
      for (let letter = 1; letter < argument.length; letter++) {
        const option = argument[letter]!
        if (!WITH_VALUE.includes(option)) {
          settings.push(...settingsOf(option, ''))
          continue
        }
        const attached = argument.slice(letter + 1)
        const value = attached !== '' ? attached : args[++at] ?? ''
        if (option === 'D') {
          directory = value
          keep = false
          if (letter > 1) rest.push(argument.slice(0, letter))
        } else {
          settings.push(...settingsOf(option, value))
        }
        break
      }
    }
    if (keep) rest.push(...args.slice(first, at + 1))
  }
  return { settings, rest, ...(directory === undefined || directory === '' ? {} : { directory }) }
}

/** Whether these arguments (without the program) are those of a server, not of `--version`, `-C`, `--single` and the like. */
export function startsServer(args: readonly string[]): boolean {
  const first = args[0] ?? ''
  if (['--single', '--boot', '--check', '--describe-config', '--help', '--version', '-?', '-V'].includes(first) || first.startsWith('--fork')) return false
  return !args.some((argument, at) => argument.startsWith('-C') && !/^-[-cD]$/.test(args[at - 1] ?? ''))
}

/** The last value of a setting among pairs, as the server takes it. */
export function lastOf(pairs: Pairs, name: string): string | undefined {
  return pairs.findLast(([key]) => key.toLowerCase() === name)?.[1]
}
