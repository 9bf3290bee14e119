/** The archive that a recovery reads from: which segments, in which form, along which timelines. */
import zlib from 'node:zlib'
import { codeOf, UserError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import { decompressorOf, DECOMPRESSORS, walSuffixOf } from '../postgres/archive-command/index.ts'
import type { WalSuffix } from '../postgres/archive-command/index.ts'
import { checkSegment, numberedSegment, parseBackupHistory, parseHistory, parseWalName, readSegmentHeader, SEGMENT_HEADER_BYTES, segmentNumber, SegmentSet } from '../postgres/wal/index.ts'
import type { BackupHistory, History, SegmentHeader, SegmentProblem } from '../postgres/wal/index.ts'
import { checkpoint } from './working.ts'
import type { Restoring } from './working.ts'

export interface Archive {
  readonly path: string
  /** In the order in which restore_command looks for them. */
  readonly suffixes: readonly WalSuffix[]
  readonly segmentSize: number
  readonly systemIdentifier: bigint
  /** Of its segments, where their header tells it. */
  readonly major: number | undefined
  readonly has: (timeline: number, number: number) => boolean
  /** The file that restore_command takes for a segment; undefined where there is none. */
  readonly fileOf: (timeline: number, number: number) => string | undefined
  /** The program that makes a segment whole again and is not on this machine; undefined where the segment can be had. */
  readonly lacking: (timeline: number, number: number) => string | undefined
  /** The file of a segment that was not complete when its server, or pg_receivewal, stopped writing it (`.partial`). */
  readonly partialOf: (timeline: number, number: number) => string | undefined
  /** Timelines with segments, and the number of the newest one of each. */
  readonly newest: ReadonlyMap<number, number>
  readonly histories: ReadonlyMap<number, History>
  /** `.backup` files that say where a base backup ended. */
  readonly backups: readonly BackupHistory[]
}

const TEXT_LIMIT = 64 << 10
const MOST_TEXTS = 5000
/** Looked at for a readable header, the newest first. */
const MOST_HEADERS = 20
/** A larger segment does not come through a program whole: what it writes is held as one text. */
const LARGEST_THROUGH_PROGRAM = 64 << 20

/**
 * Looks through the archive.
 * @throws UserError `archive-unusable` where it cannot be read, `archive-empty`, `archive-needs-program`, `archive-form-not-here`, `archive-no-header`
 */
export async function surveyArchive(restoring: Restoring, path: string): Promise<Archive> {
  const { host, as } = restoring
  restoring.doing({ code: 'archive-looking', params: { path } })
  const suffixes = new Set<WalSuffix>()
  const texts: string[] = []
  const segments: { name: string; suffix: WalSuffix }[] = []
  const partials = new Map<string, string>()
  try {
    for await (const files of host.listBatches(path, as)) {
      for (const file of files) {
        const suffix = walSuffixOf(file)
        const name = suffix === '' ? file : file.slice(0, -suffix.length)
        const { kind } = parseWalName(name)
        if (kind === 'other') continue
        suffixes.add(suffix)
        if (kind === 'segment') segments.push({ name, suffix })
        else if (kind === 'partial') partials.set(name, file)
        else if (texts.length < MOST_TEXTS) texts.push(file)
      }
    }
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw new UserError('archive-unusable', { path, reason: codeOf(error) }, { cause: error })
  }
  checkpoint(restoring)
  segments.sort((a, b) => (a.name < b.name ? 1 : -1))
  const missing = new Map<WalSuffix, string>()
  for (const suffix of suffixes) if (suffix !== '' && !await canDecompress(host, suffix)) missing.set(suffix, DECOMPRESSORS[suffix])
  const needed = (suffix: WalSuffix): void => {
    const program = missing.get(suffix)
    if (program !== undefined) throw needsProgram(host, path, program)
  }
  const header = await firstHeader(restoring, path, segments.filter(({ suffix }) => !missing.has(suffix)))
  if (header === undefined) {
    for (const { suffix } of segments) needed(suffix)
    throw new UserError(segments.length === 0 ? 'archive-empty' : 'archive-no-header', { path })
  }
  const ordered = (['', '.gz', '.lz4', '.zst'] as const).filter((suffix) => suffixes.has(suffix))
  const sets = ordered.map((suffix) => [suffix, new SegmentSet(header.segmentSize)] as const)
  const setOf = new Map<WalSuffix, SegmentSet>(sets)
  const newest = new Map<number, number>()
  for (const { name, suffix } of segments) {
    setOf.get(suffix)!.add(name)
    const parsed = parseWalName(name)
    const number = parsed.kind === 'segment' ? segmentNumber(parsed, header.segmentSize) : undefined
    if (parsed.kind === 'segment' && number !== undefined && number > (newest.get(parsed.timeline) ?? -1)) newest.set(parsed.timeline, number)
  }
  const histories = new Map<number, History>()
  const backups: BackupHistory[] = []
  for (const file of texts) {
    // Without it nobody knows the way; a `.backup` file only tells more of what is known.
    if (/\.history\.\w+$/.test(file)) needed(walSuffixOf(file))
    const bytes = await readWhole(restoring, `${path}/${file}`, TEXT_LIMIT).catch((error: unknown) => {
      if (codeOf(error) === '') throw error
      return undefined
    })
    const parsed = parseWalName(file.slice(0, file.length - walSuffixOf(file).length))
    if (bytes === undefined) continue
    const text = new TextDecoder().decode(bytes)
    if (parsed.kind === 'history') histories.set(parsed.timeline, parseHistory(text, parsed.timeline))
    const backup = parsed.kind === 'backup' ? parseBackupHistory(text) : undefined
    if (backup?.stop !== undefined) backups.push(backup)
  }
  // The first is the one that restore_command takes.
  const suffixOf = (timeline: number, number: number): WalSuffix | undefined => sets.find(([, set]) => set.has(timeline, number))?.[0]
  return {
    path, segmentSize: header.segmentSize, systemIdentifier: header.systemIdentifier, major: header.major, suffixes: ordered,
    has: (timeline, number) => sets.some(([, set]) => set.has(timeline, number)),
    fileOf: (timeline, number) => {
      const suffix = suffixOf(timeline, number)
      return suffix === undefined ? undefined : `${path}/${numberedSegment(timeline, number, header.segmentSize)}${suffix}`
    },
    partialOf: (timeline, number) => {
      const file = partials.get(`${numberedSegment(timeline, number, header.segmentSize)}.partial`)
      return file === undefined ? undefined : `${path}/${file}`
    },
    lacking: (timeline, number) => {
      const suffix = suffixOf(timeline, number)
      return suffix === undefined ? undefined : missing.get(suffix)
    },
    newest, histories, backups,
  }
}

/** Whether what has this ending can be made whole again: by a program, through a shell; on Windows, which has none, by Node itself. */
async function canDecompress(host: Host, suffix: Exclude<WalSuffix, ''>): Promise<boolean> {
  return host.os === 'win32' ? suffix === '.gz' : await host.which(DECOMPRESSORS[suffix]) !== undefined
}

/** The error where a needed file of an archive cannot be made whole again. */
export function needsProgram({ os }: Pick<Host, 'os'>, path: string, program: string): UserError {
  return new UserError(os === 'win32' ? 'archive-form-not-here' : 'archive-needs-program', { path, program })
}

async function firstHeader(restoring: Restoring, path: string, segments: readonly { name: string; suffix: WalSuffix }[]): Promise<SegmentHeader | undefined> {
  for (const { name, suffix } of segments.slice(0, MOST_HEADERS)) {
    const header = await headerOf(restoring, `${path}/${name}${suffix}`).catch((error: unknown) => {
      if (codeOf(error) === '') throw error
      return undefined
    })
    if (header !== undefined && !('error' in header)) return header
  }
  return undefined
}

const GZIP_PART = 4096

async function headerOf(restoring: Restoring, file: string): Promise<ReturnType<typeof readSegmentHeader>> {
  const { host, as } = restoring
  if (walSuffixOf(file) === '') return readSegmentHeader(await host.readPart(file, 0, SEGMENT_HEADER_BYTES, as))
  if (!file.endsWith('.gz')) return headerThroughProgram(restoring, file)
  const part = await host.readPart(file, 0, GZIP_PART, as)
  try {
    return readSegmentHeader(zlib.gunzipSync(part, { finishFlush: zlib.constants.Z_SYNC_FLUSH }))
  } catch {
    return { error: 'not-wal' }
  }
}

function throughShell({ host, as, signal }: Pick<Restoring, 'host' | 'as' | 'signal'>, file: string, then: string, maxOutput: number): ReturnType<Restoring['host']['run']> {
  return host.run('/bin/sh', ['-c', `"$1" -dc <"$2"${then}`, 'sh', decompressorOf(file)!, file], { ...as, maxOutput, ...(signal === undefined ? {} : { stop: signal }) })
}

/** The header through lz4 or zstd, which Node does not have: as octal bytes, because a program's output comes as text. */
async function headerThroughProgram(restoring: Restoring, file: string): Promise<ReturnType<typeof readSegmentHeader>> {
  const { stdout } = await throughShell(restoring, file, ` | od -An -v -tx1 -N ${SEGMENT_HEADER_BYTES}`, 4096)
  return readSegmentHeader(Uint8Array.from(stdout.trim().split(/\s+/).filter((byte) => byte !== ''), (byte) => Number.parseInt(byte, 16)))
}

/** A file of the archive as it was before it was compressed; nothing where that does not succeed. @throws HostError where it cannot be read */
export async function readWhole(restoring: Pick<Restoring, 'host' | 'as' | 'signal'>, file: string, limit: number): Promise<Uint8Array> {
  const { host, as } = restoring
  if (/\.(?:lz4|zst)$/.test(file)) {
    // It throws where there is no such file, which a shell would only say in words.
    await host.stat(file, as)
    if (limit > LARGEST_THROUGH_PROGRAM) return new Uint8Array()
    return Buffer.from((await throughShell(restoring, file, ' | base64', limit * 2)).stdout, 'base64')
  }
  const bytes = await host.read(file, { ...as, limit })
  if (!file.endsWith('.gz')) return bytes
  try {
    return zlib.gunzipSync(bytes, { maxOutputLength: limit })
  } catch {
    return new Uint8Array()
  }
}

/** One segment's content, or undefined where it is in no form that can be read here. */
export async function readSegment(restoring: Restoring, archive: Archive, timeline: number, number: number, elsewhere: readonly string[] = []): Promise<Uint8Array | undefined> {
  const name = numberedSegment(timeline, number, archive.segmentSize)
  const places = [...archive.suffixes.map((suffix) => `${archive.path}/${name}${suffix}`), ...elsewhere.map((directory) => `${directory}/${name}`)]
  for (const place of places) {
    try {
      const bytes = await readWhole(restoring, place, archive.segmentSize)
      if (bytes.length > 0) return bytes
    } catch (error) {
      if (codeOf(error) === '') throw error
    }
  }
  return undefined
}

export interface Damage {
  readonly file: string
  readonly code: SegmentProblem['code'] | 'unreadable' | 'missing-history'
}

/**
 * The first of some segments that cannot be what its name says: cut off, zeroed, of another cluster, at another place. By size
 * and header alone; of compressed ones only those of gzip are looked into.
 */
export async function findDamage(restoring: Restoring, archive: Archive, segments: Iterable<readonly [timeline: number, number: number]>): Promise<Damage | undefined> {
  const { host, as } = restoring
  for (const [timeline, number] of segments) {
    checkpoint(restoring)
    if (!archive.has(timeline, number)) continue
    const name = numberedSegment(timeline, number, archive.segmentSize)
    for (const suffix of archive.suffixes) {
      const file = `${archive.path}/${name}${suffix}`
      if (suffix === '.lz4' || suffix === '.zst') continue
      try {
        const { size } = await host.stat(file, as)
        const problems = checkSegment(name, await headerOf(restoring, file), {
          systemIdentifier: archive.systemIdentifier, segmentSize: archive.segmentSize, ...(suffix === '' ? { fileSize: size } : {}),
        })
        if (problems[0] !== undefined) return { file, code: problems[0].code }
        break
      } catch (error) {
        if (codeOf(error) === 'ENOENT') continue
        if (codeOf(error) === '') throw error
        return { file, code: 'unreadable' }
      }
    }
  }
  return undefined
}

/**
 * The timeline that a recovery follows by default: the newest one that comes from the backup's. Where there are segments of a newer
 * one, and nothing tells where that comes from, it is that one: nobody may end before it without being told.
 */
export function newestTimeline(archive: Archive, from: number): number {
  let newest = from
  for (const [timeline, { parents }] of archive.histories) {
    if (timeline > newest && parents.some((parent) => parent.timeline === from)) newest = timeline
  }
  return Math.max(newest, ...[...archive.newest.keys()].filter((timeline) => !archive.histories.has(timeline)))
}

