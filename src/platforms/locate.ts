// From a trace to a place: which data directory and which configuration file it means, found as the server finds them.
// Source: SelectConfigFiles in src/backend/utils/misc/guc.c; https://www.postgresql.org/docs/current/runtime-config-file-locations.html
import { codeOf, HostError } from '../errors.ts'
import { hostFileSource } from '../host/file-source.ts'
import type { Account, Acting, Host } from '../host/host.ts'
import { readConfiguration } from '../postgres/conf/index.ts'
import { lastOf, parseServerOptions } from './command-line.ts'
import { parsePgVersion } from './data-directory.ts'
import type { PlatformId } from './platform.ts'
import type { Postmaster } from './processes.ts'
import { absolute, accountOf, actingFor, directoryOf, realPathOf, sameKey, statOf } from './reading.ts'
import type { Sighting, Survey } from './survey.ts'

export interface Located {
  readonly platform: PlatformId
  readonly sighting: Sighting
  /** Without symbolic links, where we may look. */
  readonly dataDir: string
  /** Tells data directories apart whatever their names are. */
  readonly dataKey: string
  /** What `-D` says: the data directory, or another one with the configuration. */
  readonly directory: string
  /** As the server names it. */
  readonly configFile: string
  /** The configuration file without symbolic links; undefined when it is only supposed. */
  readonly configKey?: string
  /** Undefined when the data directory is not there or out of sight. */
  readonly owner?: Account
  readonly major?: number
  /** Whether PG_VERSION was seen; `hidden` when we may not look. */
  readonly content: 'cluster' | 'none' | 'hidden'
}

/** A line with a number. */
const MOST_VERSION_BYTES = 1 << 10

/** For reading the names of settings before the version is known. */
export const ANY_MAJOR = 18

async function ownerOf(host: Host, path: string): Promise<Account | undefined> {
  const info = await statOf(host, path)
  return info === undefined ? undefined : accountOf(host, info.uid, info.gid)
}

/** Looks for PG_VERSION in a directory. */
async function contentOf(host: Host, directory: string, acting: Acting): Promise<{ readonly content: Located['content']; readonly major?: number }> {
  try {
    const major = parsePgVersion(new TextDecoder().decode(await host.read(`${directory}/PG_VERSION`, { ...acting, limit: MOST_VERSION_BYTES })))
    return { content: 'cluster', ...(major === undefined ? {} : { major }) }
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    const code = codeOf(error)
    return { content: code === 'ENOENT' || code === 'ENOTDIR' ? 'none' : code === 'EACCES' || code === 'EPERM' ? 'hidden' : 'cluster' }
  }
}

/** The trace that a postmaster leaves; undefined when its directory cannot be told. */
export async function sightingOfPostmaster(host: Host, postmaster: Postmaster): Promise<Sighting | undefined> {
  const options = parseServerOptions(postmaster.argv.slice(1))
  const started = postmaster.environment.get('PWD')
  const given = options.directory ?? postmaster.environment.get('PGDATA')
  let directory: string | undefined
  if (given?.startsWith('/') === true) directory = absolute('/', given)
  else if (given !== undefined && started?.startsWith('/') === true) {
    // Where it was started from is known from its shell alone, so it has to prove itself.
    const guess = absolute(started, given)
    const info = await statOf(host, guess)
    if (info?.kind === 'directory' && (sameKey(info) === postmaster.cwdKey || await statOf(host, `${guess}/postgresql.conf`) !== undefined)) directory = guess
  }
  directory ??= postmaster.cwd
  if (directory === undefined) return undefined
  const named = lastOf(options.settings, 'config_file')
  const configFile = named === undefined ? `${directory}/postgresql.conf` : absolute(started ?? directory, named)
  const program = postmaster.exe ?? (postmaster.argv[0]!.startsWith('/') ? postmaster.argv[0]! : undefined)
  return {
    evidence: { kind: 'postmaster', detail: String(postmaster.pid) },
    postmaster,
    directory,
    configFile,
    ...(postmaster.cwd === undefined ? {} : { dataDir: postmaster.cwd }),
    ...(program === undefined ? {} : { binDir: directoryOf(program) }),
    commandLine: options.settings,
    notes: [
      ...(postmaster.cwd === undefined ? [{ code: 'process-unreadable', params: { pid: postmaster.pid } } as const] : []),
      ...(postmaster.replaced ? [{ code: 'binary-replaced', params: { pid: postmaster.pid, file: postmaster.exe! } } as const] : []),
    ],
  }
}

/**
 * Which place a trace means. Undefined when there is no cluster there, or nothing says which.
 *
 * @param wanted the key of the only data directory of interest: a trace that certainly leads to another one is not followed further
 */
export async function locate(survey: Survey, platform: PlatformId, sighting: Sighting, wanted?: string): Promise<Located | undefined> {
  const { host, self } = survey
  const directory = sighting.directory ?? sighting.dataDir ?? (sighting.configFile === undefined ? undefined : directoryOf(sighting.configFile))
  if (directory === undefined) return undefined
  const configFile = sighting.configFile ?? `${directory}/postgresql.conf`
  let dataDir = sighting.dataDir
  if (dataDir === undefined) {
    const reader = await ownerOf(host, configFile) ?? await ownerOf(host, directory)
    const acting = reader === undefined || reader.uid === 0 ? actingFor(self, await ownerOf(host, directory)) : actingFor(self, reader)
    const configuration = await readConfiguration(hostFileSource(host, acting.as), {
      configFile, dataDir: directory, major: ANY_MAJOR, commandLine: sighting.commandLine ?? [], windows: host.os === 'win32',
    })
    dataDir = configuration.dataDir
  }
  const seen = await statOf(host, dataDir)
  if (wanted !== undefined && seen !== undefined && sameKey(seen) !== wanted) return undefined
  const owner = seen === undefined ? undefined : await accountOf(host, seen.uid, seen.gid)
  const acting = actingFor(self, owner)
  const [{ content, major }, resolved] = await Promise.all([contentOf(host, dataDir, acting), realPathOf(host, dataDir, acting)])
  // A directory of configuration alone is no cluster, and a unit may be there long before its cluster is made.
  if (content === 'none' && sighting.evidence.kind !== 'pg_lsclusters') return undefined
  if (content === 'hidden' && owner === undefined && !['postmaster', 'pg_lsclusters', 'service'].includes(sighting.evidence.kind)) return undefined
  if (content === 'hidden' && ['PGDATA', 'known-place'].includes(sighting.evidence.kind) && sighting.configFile === undefined && !await looksInitialised(survey, dataDir)) return undefined
  const info = seen ?? await statOf(host, dataDir, acting)
  const real = resolved ?? dataDir
  const explicit = sighting.configFile !== undefined || (directory !== dataDir && directory !== real)
  return {
    platform,
    sighting,
    dataDir: real,
    dataKey: info === undefined ? real : sameKey(info),
    directory,
    // Supposed to be in the data directory: then named as that is.
    configFile: explicit ? configFile : `${real}/postgresql.conf`,
    ...(explicit ? { configKey: await realPathOf(host, configFile, acting) ?? configFile } : {}),
    ...(owner === undefined ? {} : { owner }),
    ...(major === undefined ? {} : { major }),
    content,
  }
}

/** A directory that nobody else may look into, in a place where PostgreSQL keeps its own, is taken for a cluster. */
async function looksInitialised({ host }: Survey, directory: string): Promise<boolean> {
  const info = await statOf(host, directory)
  return info?.kind === 'directory' && (info.mode & 0o007) === 0
}
