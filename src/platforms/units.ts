// Units of systemd that start a PostgreSQL server, with what they say about its data directory.
import type { Sighting, Survey } from './survey.ts'
import { parseServerOptions } from './command-line.ts'
import type { Pairs } from './command-line.ts'
import { directoryOf, entriesOf, statOf, textOf } from './reading.ts'
import { parseEnvironment, parseEnvironmentFile, parseExecStart, showUnits, unitOfCgroup } from './systemd.ts'
import type { UnitProperties } from './systemd.ts'

/** Where packages put units. */
const PACKAGED = ['/usr/lib/systemd/system']
/** Where people put them. */
const LOCAL = ['/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/system']
const SERVER = /(?:\/|\b)(?:postgres|postmaster|pg_ctl|postgresql-ctl|postgresql-script)\b/
const PROPERTIES = ['Environment', 'EnvironmentFiles', 'ExecStart', 'FragmentPath', 'ActiveState', 'User']

export interface ServerUnit {
  /** Without `.service`. */
  readonly name: string
  readonly fragment: string
  /** What `-D` or PGDATA says. */
  readonly directory: string
  readonly configFile?: string
  readonly binDir?: string
  readonly commandLine: Pairs
  readonly active: string
}

/** Every unit of the machine that starts a server, except those of Debian's tools, which speak for themselves. None without systemd. */
export async function findServerUnits(survey: Survey): Promise<readonly ServerUnit[]> {
  if (!survey.systemd) return []
  const { host } = survey
  const names = new Set<string>()
  for (const { cgroup } of survey.postmasters) {
    const unit = unitOfCgroup(cgroup)
    if (unit !== undefined && unit.user === undefined) names.add(`${unit.name}.service`)
  }
  for (const directory of [...PACKAGED, ...LOCAL]) {
    for (const { name, kind } of await entriesOf(host, directory)) {
      // Wants of targets and drop-ins show which instances of a template are in use.
      if (kind === 'directory' && /\.(wants|requires)$/.test(name)) {
        for (const wanted of await entriesOf(host, `${directory}/${name}`)) if (/^postgres[^/]*@.+\.service$/.test(wanted.name)) names.add(wanted.name)
      }
      const instance = /^(postgres[^/]*@.+\.service)\.d$/.exec(name)
      if (instance !== null) names.add(instance[1]!)
      if (!name.endsWith('.service') || name.endsWith('@.service') || kind === 'directory') continue
      if (/^postgres/.test(name)) names.add(name)
      else if (LOCAL.includes(directory) && SERVER.test(await textOf(host, `${directory}/${name}`) ?? '')) names.add(name)
    }
  }
  const shown = await showUnits(host, [...names].sort(), PROPERTIES)
  const units = await Promise.all([...shown].map(([name, properties]) => serverUnit(survey, name.slice(0, -'.service'.length), properties)))
  return units.filter((unit) => unit !== undefined)
}

async function serverUnit(survey: Survey, name: string, properties: UnitProperties): Promise<ServerUnit | undefined> {
  const { host } = survey
  const environment = parseEnvironment(properties.get('Environment') ?? '')
  // A file goes before Environment=.
  for (const line of (properties.get('EnvironmentFiles') ?? '').split('\n')) {
    const path = line.replace(/ \(ignore_errors=(yes|no)\)$/, '')
    if (path === '') continue
    for (const [key, value] of parseEnvironmentFile(await textOf(host, path) ?? '')) environment.set(key, value)
  }
  const commands = parseExecStart(properties.get('ExecStart') ?? '').filter(({ path, words }) => SERVER.test(path) || words.some((word) => /\/(postgres|postmaster)$/.test(word)))
  const command = commands.at(-1)
  if (command === undefined || /pg_ctlcluster$/.test(command.path)) return undefined
  const words = await joinBlanks(survey, command.words.slice(1).map((word) => expand(word, environment)))
  const options = serverOptions(command.path, words)
  const suse = command.path.includes('postgresql-script') ? parseEnvironmentFile(await textOf(host, '/etc/sysconfig/postgresql') ?? '').get('POSTGRES_DATADIR') ?? '~postgres/data' : undefined
  const home = suse?.startsWith('~') === true ? (await host.account(/^~(\w*)/.exec(suse)![1] || 'postgres'))?.home ?? '/var/lib/pgsql' : ''
  const directory = options.directory ?? environment.get('PGDATA') ?? suse?.replace(/^~\w*/, home)
  if (directory === undefined || !directory.startsWith('/')) return undefined
  const configFile = options.settings.findLast(([key]) => key === 'config_file')?.[1]
  return {
    name,
    fragment: properties.get('FragmentPath') ?? '',
    directory: directory.length > 1 ? directory.replace(/\/+$/, '') : directory,
    ...(configFile?.startsWith('/') === true ? { configFile } : {}),
    ...(/\/(postgres|postmaster|pg_ctl)$/.test(command.path) ? { binDir: directoryOf(command.path) } : {}),
    commandLine: options.settings,
    active: properties.get('ActiveState') ?? '',
  }
}

/** `$NAME` and `${NAME}` in a word; systemd does no more than that. */
function expand(word: string, environment: ReadonlyMap<string, string>): string {
  return word.replaceAll(/\$\{(\w+)\}|^\$(\w+)$/g, (_all, braces: string | undefined, bare: string | undefined) => environment.get(braces ?? bare ?? '') ?? '')
}

/** Older systemds print words without quotes: a directory with blanks falls apart, and what exists tells how it was. */
async function joinBlanks(survey: Survey, words: readonly string[]): Promise<string[]> {
  const at = words.findIndex((word) => word === '-D' || word === '--pgdata')
  const first = words[at + 1]
  if (at === -1 || first === undefined || await statOf(survey.host, first) !== undefined) return [...words]
  for (let end = at + 3; end <= words.length && !words[end - 1]!.startsWith('-'); end++) {
    const joined = words.slice(at + 1, end).join(' ')
    if (await statOf(survey.host, joined) !== undefined) return [...words.slice(0, at + 1), joined, ...words.slice(end)]
  }
  return [...words]
}

function serverOptions(program: string, words: readonly string[]): { readonly directory?: string; readonly settings: Pairs } {
  if (!/pg_ctl$|postgresql-ctl$/.test(program)) {
    // `daemontool /usr/bin/postgres -D …`: the server's own words begin after it.
    const server = words.findIndex((word) => /\/(postgres|postmaster)$/.test(word))
    return parseServerOptions(words.slice(server + 1))
  }
  const value = (...names: string[]): string | undefined => {
    const at = words.findIndex((word) => names.includes(word))
    return at === -1 ? words.map((word) => /^--pgdata=(.*)$/.exec(word)?.[1]).find((found) => found !== undefined && names.includes('--pgdata')) : words[at + 1]
  }
  const options = value('-o', '--options')
  const settings = options === undefined ? [] : parseServerOptions(options.split(/\s+/).filter((word) => word !== '')).settings
  const directory = value('-D', '--pgdata')
  return { settings, ...(directory === undefined ? {} : { directory }) }
}

/** What a unit tells about its cluster. */
export function sightingOfUnit(unit: ServerUnit): Sighting {
  return {
    evidence: { kind: 'service', detail: unit.name },
    directory: unit.directory,
    ...(unit.configFile === undefined ? {} : { configFile: unit.configFile }),
    ...(unit.binDir === undefined ? {} : { binDir: unit.binDir }),
    commandLine: unit.commandLine,
    service: { kind: 'systemd', name: unit.name },
  }
}
