import { codeOf } from '../errors.ts'
import type { Acting, Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { readArchiveScript } from '../postgres/archive-command/index.ts'
import { parseWalName, readSegmentHeader, SEGMENT_HEADER_BYTES } from '../postgres/wal/index.ts'
import { readClusterConfiguration } from './read-files.ts'
import type { ArchivePlace } from './planner.ts'
import { mountOf } from '../platforms/mounts.ts'
import { actingFor, isWithin, realPathOf, textOf } from '../platforms/reading.ts'
import type { ServerContext } from './server-context.ts'
import { guardedByMacOs } from './macos-privacy.ts'
import { parentOf } from './state-directory.ts'

/** As many segments are asked whose they are; a directory of a million is not read to its end. */
const MOST_SEGMENTS = 32
const MOST_NAMES = 10_000

type Looking = { readonly host: Host; readonly cluster: Cluster; readonly self: ServerContext['self'] }

/** Looks at the directory that shall hold the archive, as the server's account sees it. */
export async function surveyArchivePlace(context: Looking, directory: string, own: { readonly systemIdentifier: string; readonly others: readonly Cluster[] }): Promise<ArchivePlace> {
  const { host, self, cluster } = context
  const acting = actingFor(self, cluster.owner)
  const found = await existing(host, directory, acting)
  const guarded = host.os === 'darwin' && guardedByMacOs(found.realPath, cluster.owner.home)
  const fleeting = await fleetingPlace(context, found.realPath)
  const place = { directory, realPath: found.realPath, missing: found.missing, parentIsRoots: false, ...(guarded ? { guarded } : {}), ...(fleeting === undefined ? {} : { fleeting }) }
  if (found.problem !== undefined) return { ...place, kind: found.problem === 'ENOTDIR' ? 'other' : 'absent', writable: { ok: false, code: found.problem } }
  const writable = await host.canWriteInto(found.path, acting)
  if (found.missing.length > 0) {
    const parentIsRoots = !writable.ok && writable.code === 'EACCES' && (await rootMay(context, found.path))
    return { ...place, kind: 'absent', parentIsRoots, writable: parentIsRoots ? { ok: true } : writable }
  }
  const foreign = await foreignIdentifier(host, directory, own.systemIdentifier, acting)
  const usedBy = await userOf(context, directory, own.others)
  return { ...place, kind: 'directory', writable, ...(foreign === undefined ? {} : { foreign }), ...(usedBy === undefined ? {} : { usedBy }) }
}

/** Cleaned while the machine runs (systemd-tmpfiles), or emptied when it starts. */
const CLEANED = ['/tmp', '/var/tmp', '/private/tmp', '/private/var/tmp', '/run', '/dev/shm']
const IN_MEMORY = ['tmpfs', 'ramfs', 'hugetlbfs']

/** What keeps the files of a directory from lasting, unless the data directory shares that fate: a throw-away server's archive may go with it. */
async function fleetingPlace({ host, self, cluster }: Looking, directory: string): Promise<string | undefined> {
  if (host.os === 'win32') return undefined
  const data = await realPathOf(host, cluster.dataDir, actingFor(self, cluster.owner)) ?? cluster.dataDir
  const cleaned = CLEANED.find((place) => isWithin(host, directory, place))
  if (cleaned !== undefined) return isWithin(host, data, cleaned) ? undefined : cleaned
  const mounts = host.os === 'linux' ? await textOf(host, '/proc/self/mountinfo') ?? '' : ''
  const [type, own] = [mountOf(mounts, directory)?.type ?? '', mountOf(mounts, data)?.type ?? '']
  return IN_MEMORY.includes(type) && !IN_MEMORY.includes(own) ? type : undefined
}

interface Existing {
  /** The innermost directory that exists. */
  readonly path: string
  readonly realPath: string
  readonly missing: readonly string[]
  readonly problem?: string
}

async function existing(host: Host, directory: string, acting: Acting): Promise<Existing> {
  const missing: string[] = []
  for (let path = directory; ; path = parentOf(path)) {
    try {
      const { kind } = await host.stat(path, acting)
      const real = await host.realPath(path, acting)
      const rest = directory.slice(path.length).replace(/^\/+/, '')
      const realPath = rest === '' ? real : `${real.replace(/\/$/, '')}/${rest}`
      return { path, realPath, missing, ...(kind === 'directory' ? {} : { problem: 'ENOTDIR' }) }
    } catch (error) {
      const code = codeOf(error)
      if (code === '') throw error
      if (code !== 'ENOENT' || parentOf(path) === path) return { path, realPath: directory, missing, problem: code }
      missing.unshift(path)
    }
  }
}

/** Whether root can make a directory here that the owner can reach. */
async function rootMay({ host, self }: Looking, directory: string): Promise<boolean> {
  if (!self.privileged) return false
  const { uid, mode } = await host.stat(directory)
  return uid === self.uid && (mode & 0o001) !== 0
}

async function foreignIdentifier(host: Host, directory: string, own: string, acting: Acting): Promise<string | undefined> {
  const segments: string[] = []
  let names = 0
  try {
    for await (const some of host.listBatches(directory, acting)) {
      segments.push(...some.filter((name) => parseWalName(name).kind === 'segment'))
      names += some.length
      if (names >= MOST_NAMES || segments.length >= MOST_SEGMENTS) break
    }
    return (await foreignAmong(host, directory, segments.slice(0, MOST_SEGMENTS), own, acting))?.identifier
  } catch (error) {
    if (codeOf(error) === '') throw error
  }
  return undefined
}

/** The first of some segments, plain ones, that another cluster wrote. */
export async function foreignAmong(host: Host, directory: string, names: readonly string[], own: string, acting: Acting): Promise<{ readonly name: string; readonly identifier: string } | undefined> {
  const heads = await host.readHeads(directory, names, SEGMENT_HEADER_BYTES, acting)
  for (const [at, head] of heads.entries()) {
    const header = 'bytes' in head ? readSegmentHeader(head.bytes) : undefined
    if (header !== undefined && !('error' in header) && String(header.systemIdentifier) !== own) return { name: names[at]!, identifier: String(header.systemIdentifier) }
  }
  return undefined
}

/** Another cluster whose archive command names this directory. */
async function userOf({ host, self, cluster }: Looking, directory: string, others: readonly Cluster[]): Promise<string | undefined> {
  for (const other of others) {
    if (other.dataDir === cluster.dataDir) continue
    const configuration = await readClusterConfiguration({ host, self, cluster: other }).catch(() => undefined)
    const command = configuration?.get('archive_command')?.value ?? ''
    const named = /'([^']*\/pgwal-archive\.sh)'|"([^"]*\\pgwal-archive\.cmd)"/.exec(command)
    const script = named?.[1] ?? named?.[2]?.replaceAll('\\', '/').replace(/^\.(?=\/)/, other.dataDir)
    const text = script === undefined ? '' : await host.read(script, { ...actingFor(self, other.owner), limit: 65_536 }).then((bytes) => new TextDecoder().decode(bytes), () => '')
    if (readArchiveScript(text)?.archiveDir === directory || names(host.os === 'win32' ? command.replaceAll('\\', '/') : command, directory)) return other.id
  }
  return undefined
}

/** Whether a command names a directory, and not only one whose name begins alike. */
function names(command: string, directory: string): boolean {
  for (let at = command.indexOf(directory); at !== -1; at = command.indexOf(directory, at + 1)) {
    const next = command[at + directory.length]
    if (next === undefined || /[\s/'"]/.test(next)) return true
  }
  return false
}
