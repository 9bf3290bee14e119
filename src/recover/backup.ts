/**
 * Base backups that are there already: a data directory that pg_basebackup or `pgwal backup` made, or its tar files.
 * @see https://www.postgresql.org/docs/current/app-pgbasebackup.html
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
import { codeOf } from '../errors.ts'
import type { DirectoryEntry, Host } from '../host/host.ts'
import { absolute, entriesOf, readControlFile, realPathOf, statOf, textOf } from '../platforms/reading.ts'
import { parsePgVersion } from '../platforms/data-directory.ts'
import { MANIFEST_NAME, readManifest } from '../postgres/backup/manifest.ts'
import type { BackupManifest } from '../postgres/backup/manifest.ts'
import type { ControlFile } from '../postgres/control-file.ts'
import { localOffset, serverTime } from '../postgres/recovery/target.ts'
import { decompressorOf, DECOMPRESSORS } from '../postgres/archive-command/index.ts'
import { parseBackupHistory, parseWalName } from '../postgres/wal/index.ts'
import type { BackupHistory, Lsn } from '../postgres/wal/index.ts'
import { tarProgram } from './windows.ts'
import { checkpoint } from './working.ts'
import type { Restoring } from './working.ts'

/** Why something is no backup that could be restored. `what` is a file or what was found. */
export interface Unusable {
  readonly path: string
  readonly code:
    | 'no-backup-label' | 'running' | 'label-unreadable' | 'incremental' | 'control-file' | 'manifest' | 'not-readable' | 'needs-program' | 'form-unknown'
    | 'tablespace-missing' | 'tablespace-live' | 'version-unknown'
  readonly what: string
}

export interface BackupTablespace {
  readonly oid: string
  /** Where it was on the server, where that is known. */
  readonly location?: string
  /** A directory (plain), or its tar file. */
  readonly source: string
}

export interface Backup {
  readonly path: string
  readonly format: 'plain' | 'tar'
  /** Whether any of its files is compressed: how large they are then is not known. */
  readonly compressed: boolean
  readonly label: BackupHistory
  readonly timeline: number
  readonly start: Lsn
  /** When it began, milliseconds since 1970: nothing older can be restored from it. */
  readonly begunAt?: number
  /** Where it is consistent: from its manifest. */
  readonly end?: Lsn
  readonly manifest?: BackupManifest
  /** In a tar it is at the very end, and is only seen when it is unpacked. */
  readonly control?: ControlFile
  readonly major?: number
  readonly tablespaces: readonly BackupTablespace[]
  /** Names of the segments that it has itself; of a tar, only whether there are any is known. */
  readonly wal: ReadonlySet<string> | 'packed'
  /** Of a tar: its files beside those of the tablespaces. */
  readonly tars?: { readonly base: string; readonly wal?: string }
}

export interface FoundBackups {
  readonly usable: readonly Backup[]
  readonly unusable: readonly Unusable[]
}

/** How deep below the directory backups are looked for. */
const DEPTH = 2
const MOST_ENTRIES = 2000
const LABEL = 'backup_label'
export const TABLESPACE_MAP = 'tablespace_map'
const TEXT_LIMIT = 64 << 10
const MANIFEST_LIMIT = 1 << 30
/** The files of a tar backup; each may be compressed in its own way. */
const MEMBER = /^(base|pg_wal|\d+)\.tar(\.\w+)?$/

class NotUsable extends Error {
  constructor(readonly code: Unusable['code'], readonly what: string) {
    super(code)
  }
}

/** The backups in a directory: itself, or those below it. The newest first. */
export async function findBackups(restoring: Restoring, directory: string): Promise<FoundBackups> {
  const usable: Backup[] = []
  const unusable: Unusable[] = []
  const look = async (path: string, depth: number): Promise<void> => {
    let entries: DirectoryEntry[]
    try {
      entries = await restoring.host.list(path, restoring.as)
    } catch (error) {
      if (codeOf(error) === '') throw error
      if (depth === 0 || ['EACCES', 'EPERM'].includes(codeOf(error))) unusable.push({ path, code: 'not-readable', what: codeOf(error) })
      return
    }
    const read = reading(entries)
    if (read === undefined) {
      if (depth < DEPTH) for (const { name, kind } of entries.slice(0, MOST_ENTRIES)) if (kind === 'directory' && !name.startsWith('.')) await look(`${path}/${name}`, depth + 1)
      return
    }
    try {
      usable.push(await read(restoring, path, entries))
    } catch (error) {
      if (error instanceof NotUsable) unusable.push({ path, code: error.code, what: error.what })
      else if (codeOf(error) !== '') unusable.push({ path, code: 'not-readable', what: codeOf(error) })
      else throw error
    }
  }
  restoring.doing({ code: 'backup-looking', params: { path: directory } })
  await look(directory, 0)
  return { usable: usable.sort((a, b) => (a.start === b.start ? 0 : a.start > b.start ? -1 : 1)), unusable }
}

type Read = (restoring: Restoring, path: string, entries: readonly DirectoryEntry[]) => Promise<Backup>

/** How to read a directory with these entries; undefined where it is neither a backup nor anything like it. */
function reading(entries: readonly DirectoryEntry[]): Read | undefined {
  const names = new Set(entries.map(({ name }) => name))
  if (entries.some(({ name }) => MEMBER.exec(name)?.[1] === 'base')) return readTar
  return names.has(LABEL) || (names.has('PG_VERSION') && names.has('global')) ? readPlain : undefined
}

async function readPlain(restoring: Restoring, path: string, entries: readonly DirectoryEntry[]): Promise<Backup> {
  const { host, as } = restoring
  const names = new Set(entries.map(({ name }) => name))
  if (names.has('postmaster.pid')) throw new NotUsable('running', `${path}/postmaster.pid`)
  if (!names.has(LABEL)) throw new NotUsable('no-backup-label', `${path}/${LABEL}`)
  const label = labelOf(new TextDecoder().decode(await host.read(`${path}/${LABEL}`, { ...as, limit: TEXT_LIMIT })), `${path}/${LABEL}`)
  const control = await readControlFile(host, path, as).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') throw new NotUsable('control-file', 'missing')
    throw error
  })
  if ('problem' in control) throw new NotUsable('control-file', control.problem)
  const version = parsePgVersion(await textOf(host, `${path}/PG_VERSION`, as) ?? '')
  const major = version ?? control.major
  if (major === undefined) throw new NotUsable('version-unknown', `${path}/PG_VERSION`)
  if (control.major !== undefined && control.major !== major) throw new NotUsable('control-file', 'other-version')
  const manifest = await manifestIn(restoring, path, names)
  const tablespaces = await plainTablespaces(restoring, path)
  const wal = new Set((await entriesOf(host, `${path}/pg_wal`, as)).map(({ name }) => name).filter((name) => parseWalName(name).kind === 'segment'))
  return { path, format: 'plain', compressed: false, control, major, tablespaces, wal, ...common(label, manifest, control.timeline) }
}

async function plainTablespaces({ host, as }: Restoring, path: string): Promise<BackupTablespace[]> {
  const found: BackupTablespace[] = []
  for (const { name, kind } of await entriesOf(host, `${path}/pg_tblspc`, as)) {
    if (!/^\d+$/.test(name) || kind !== 'symlink') continue
    // Its content was written to where the link leads: --tablespace-mapping, or the very place of the server.
    const location = absolute(`${path}/pg_tblspc`, await host.readLink(`${path}/pg_tblspc/${name}`, as))
    if (await host.stat(location, as).then(({ kind: there }) => there !== 'directory', () => true)) throw new NotUsable('tablespace-missing', location)
    found.push({ oid: name, location, source: location })
  }
  return found
}

async function readTar(restoring: Restoring, path: string, entries: readonly DirectoryEntry[]): Promise<Backup> {
  const { host } = restoring
  const names = new Set(entries.map(({ name }) => name))
  if (host.os === 'win32' && await statOf(host, tarProgram(host)) === undefined) throw new NotUsable('needs-program', tarProgram(host))
  const members = new Map<string, string>()
  let compressed = false
  for (const { name } of entries) {
    const [, member, ending] = MEMBER.exec(name) ?? []
    if (member === undefined) continue
    const program = ending === undefined ? undefined : decompressorOf(name)
    if (ending !== undefined && program === undefined) throw new NotUsable('form-unknown', name)
    // What is there twice was packed again by hand; which of them is whole, nobody knows.
    if (members.has(member)) throw new NotUsable('form-unknown', `${members.get(member)!}, ${name}`)
    if (program !== undefined && tarCompression(host, name).length > 0 && await host.which(program) === undefined) throw new NotUsable('needs-program', program)
    members.set(member, name)
    compressed ||= program !== undefined
  }
  const base = members.get('base')!
  const text = await memberText(restoring, `${path}/${base}`, LABEL)
  if (text === '') throw new NotUsable('no-backup-label', `${path}/${base}`)
  const label = labelOf(text, `${path}/${base}`)
  const manifest = await manifestIn(restoring, path, names)
  const oids = [...members.keys()].filter((member) => /^\d/.test(member))
  // Not looked for without need: where there is none, all of the tar is read.
  const locations = mapOf(oids.length === 0 ? '' : await memberText(restoring, `${path}/${base}`, TABLESPACE_MAP))
  const tablespaces = oids.map((oid): BackupTablespace => {
    const location = locations.get(oid)
    return { oid, source: `${path}/${members.get(oid)!}`, ...(location === undefined ? {} : { location }) }
  })
  for (const oid of locations.keys()) if (!members.has(oid)) throw new NotUsable('tablespace-missing', `${path}/${oid}.tar`)
  const wal = members.get('pg_wal')
  const tars = { base: `${path}/${base}`, ...(wal === undefined ? {} : { wal: `${path}/${wal}` }) }
  return { path, format: 'tar', compressed, tars, tablespaces, wal: wal === undefined ? new Set() : 'packed', ...common(label, manifest, undefined) }
}

/** The places in a tablespace_map, by their numbers. */
export function mapOf(text: string): Map<string, string> {
  return new Map(text.split('\n').flatMap((line) => {
    const parts = /^(\d+) (.+)$/.exec(line)
    return parts === null ? [] : [[parts[1]!, parts[2]!.replaceAll('\\\\', '\\')] as const]
  }))
}

function labelOf(text: string, what: string): BackupHistory {
  const label = parseBackupHistory(text)
  if (label === undefined) throw new NotUsable('label-unreadable', what)
  if (label.incrementalFrom !== undefined) throw new NotUsable('incremental', what)
  return label
}

function common(label: BackupHistory, manifest: BackupManifest | undefined, fallback: number | undefined) {
  const timeline = label.startTimeline ?? fallback ?? Number.parseInt(label.start.segment.slice(0, 8), 16)
  const end = manifest?.wal.reduce<Lsn | undefined>((most, range) => (most === undefined || range.end > most ? range.end : most), undefined)
  const said = serverTime(label.startTime ?? '', localOffset)
  const modified = Date.parse(manifest?.files.find(({ path }) => path === LABEL)?.modified ?? '')
  const begunAt = said?.certain === true || Number.isNaN(modified) ? said?.at : modified
  return { label, timeline, start: label.start.lsn, ...(begunAt === undefined ? {} : { begunAt }), ...(manifest === undefined ? {} : { manifest }), ...(end === undefined ? {} : { end }) }
}

async function manifestIn({ host, as }: Restoring, path: string, names: ReadonlySet<string>): Promise<BackupManifest | undefined> {
  if (!names.has(MANIFEST_NAME)) return undefined
  const bytes = await host.read(`${path}/${MANIFEST_NAME}`, { ...as, limit: MANIFEST_LIMIT })
  const manifest = readManifest(bytes)
  if ('problem' in manifest) throw new NotUsable('manifest', manifest.problem)
  if (host.sha256(bytes.subarray(0, manifest.signedBytes)) !== manifest.sha256) throw new NotUsable('manifest', 'checksum')
  return manifest
}

/** What tar is told about how a file is compressed: not every tar looks. That of Windows has gzip within. */
export function tarCompression({ os }: Pick<Host, 'os'>, file: string): string[] {
  const program = decompressorOf(file)
  return program === undefined || (os === 'win32' && program === DECOMPRESSORS['.gz']) ? [] : [`--use-compress-program=${program}`]
}

/** The text of one of the first files in a tar; empty where it is not there. */
async function memberText({ host, as, signal }: Restoring, tar: string, member: string): Promise<string> {
  // Both stand at its beginning; only GNU tar knows how to stop there.
  const program = tarProgram(host)
  const { stdout: version } = await host.run(program, ['--version'])
  const once = version.includes('GNU tar') ? ['--occurrence=1'] : []
  const done = await host.run(program, [...tarCompression(host, tar), ...once, '-xOf', tar, '--', member], { ...as, timeoutMs: 3_600_000, maxOutput: TEXT_LIMIT, ...(signal === undefined ? {} : { stop: signal }) })
  return done.stdout
}

/** Whether base.tar itself has a segment, as -X fetch puts it there, at its very end: all of the tar is read for that. */
export async function hasFetched(restoring: Restoring, { tars }: Backup, segment: string): Promise<boolean> {
  if (tars === undefined || tars.wal !== undefined) return false
  const { host, as, signal } = restoring
  const { stdout } = await host.run(tarProgram(host), [...tarCompression(host, tars.base), '-tf', tars.base, '--', `pg_wal/${segment}`], { ...as, timeoutMs: 3_600_000, maxOutput: TEXT_LIMIT, ...(signal === undefined ? {} : { stop: signal }) })
  checkpoint(restoring)
  return stdout.includes(segment)
}

/** Backups whose tablespaces are the very directories that a running cluster has are none: what was copied are the links. */
export async function withoutLive({ host, as }: Restoring, { usable, unusable }: FoundBackups, taken: readonly string[]): Promise<FoundBackups> {
  const real = async (path: string): Promise<string> => await realPathOf(host, path, as) ?? path
  const places = new Set(await Promise.all(taken.map(real)))
  const kept: Backup[] = []
  const others: Unusable[] = []
  for (const backup of usable) {
    const sources = backup.format === 'plain' ? await Promise.all(backup.tablespaces.map(({ source }) => real(source))) : []
    const live = sources.find((source) => places.has(source))
    if (live === undefined) kept.push(backup)
    else others.push({ path: backup.path, code: 'tablespace-live', what: live })
  }
  return { usable: kept, unusable: [...others, ...unusable] }
}
