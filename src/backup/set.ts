/**
 * The directory of one base backup: `data` is what a server starts on, `tablespaces` what lay elsewhere, and a record tells
 * what it is. A backup is made under a name that begins with a dot, and gets its own name when it is complete.
 */
import { codeOf } from '../errors.ts'
import type { Acting, Host } from '../host/host.ts'
import { isAlive } from '../plan/process-mark.ts'
import type { ProcessMark } from '../plan/process-mark.ts'
import { isSegmentSize, lsnFromText, parseWalName } from '../postgres/wal/index.ts'

export const RECORD = 'pgwal-backup.json'
const PART = /^\.pgwal-backup-[0-9a-f]{12}$/
const VERSION = 1
const RECORD_LIMIT = 1 << 20

/** What is kept of a complete backup; stands in the record as it is here. */
export interface BackupRecord {
  readonly name: string
  readonly label: string
  /** Decimal digits. */
  readonly systemIdentifier: string
  /** Of the server, when it was made. */
  readonly dataDir: string
  readonly serverVersion: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly finishedAt: string
  readonly method: 'pg_basebackup' | 'low-level'
  /** Whether it holds the WAL that makes it consistent, or needs the archive for it. */
  readonly wal: 'included' | 'archive'
  readonly timeline: number
  readonly startLsn: string
  readonly stopLsn: string
  readonly startSegment: string
  readonly stopSegment: string
  /** Bytes. */
  readonly segmentSize: number
  readonly bytes: number
  readonly files: number
  readonly tablespaces: readonly { readonly oid: string; readonly location: string }[]
  /** When all files were read again and compared with the manifest, ISO 8601. */
  readonly verifiedAt: string
  /** Who wrote the manifest: the server while it sent the files, or pgwal from what it had copied. */
  readonly manifestBy: 'server' | 'pgwal'
}

export interface BackupSet {
  readonly path: string
  readonly record: BackupRecord
}

interface Part {
  readonly version: number
  readonly state: 'making' | 'complete'
  /** Who makes it. */
  readonly process?: ProcessMark
  readonly backup?: BackupRecord
}

/** A name that sorts by time: `20261123T091045Z_nightly`. */
export function setName(at: Date, label: string): string {
  const word = label.normalize('NFKC').replace(/[^\p{L}\p{N}.-]+/gu, '-').replace(/^[-.]+|[-.]+$/g, '')
  return `${at.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z${word === '' ? '' : `_${[...word].slice(0, 40).join('')}`}`
}

export function partName(host: Host): string {
  return `.pgwal-backup-${host.randomId(6)}`
}

/** Writes the record of a backup that is being made, or is complete now. */
export async function writeRecord(host: Host, as: Acting, directory: string, part: Omit<Part, 'version'>, before: string | null): Promise<string> {
  const bytes = new TextEncoder().encode(`${JSON.stringify({ version: VERSION, ...part }, null, 1)}\n`)
  await host.replace(`${directory}/${RECORD}`, bytes, { ...as, expect: before, mode: 0o600 })
  return host.sha256(bytes)
}

async function readPart(host: Host, as: Acting, directory: string): Promise<Part | undefined> {
  const text = new TextDecoder().decode(await host.read(`${directory}/${RECORD}`, { ...as, limit: RECORD_LIMIT }))
  try {
    const part = JSON.parse(text) as Part
    return typeof part === 'object' && part !== null && part.version === VERSION ? part : undefined
  } catch {
    return undefined
  }
}

/** What a record must have for decisions to rest on it. */
function isRecord(record: BackupRecord | undefined): record is BackupRecord {
  if (typeof record !== 'object') return false
  const { name, systemIdentifier, finishedAt, startSegment, stopSegment, startLsn, stopLsn, segmentSize, bytes, timeline } = record
  return [name, systemIdentifier, finishedAt].every((text) => typeof text === 'string')
    && [startSegment, stopSegment].every((segment) => typeof segment === 'string' && parseWalName(segment).kind === 'segment')
    && [startLsn, stopLsn].every((lsn) => typeof lsn === 'string' && lsnFromText(lsn) !== undefined)
    && isSegmentSize(segmentSize) && [bytes, timeline].every((number) => Number.isSafeInteger(number)) && !Number.isNaN(Date.parse(finishedAt))
}

/** The complete backups of a cluster that pgwal made in a directory, by name. What else lies there is none of our business. */
export async function listSets(host: Host, as: Acting, directory: string, systemIdentifier: string): Promise<BackupSet[]> {
  const sets: BackupSet[] = []
  for (const { name, kind } of await host.list(directory, as)) {
    if (kind !== 'directory' || name.startsWith('.')) continue
    const path = `${directory}/${name}`
    try {
      const part = await readPart(host, as, path)
      if (part?.state === 'complete' && isRecord(part.backup) && part.backup.systemIdentifier === systemIdentifier && (await host.stat(`${path}/data/backup_label`, as)).kind === 'file') {
        // It may have been given another name since.
        sets.push({ path, record: { ...part.backup, name } })
      }
    } catch (error) {
      // Somebody else's, or being removed.
      if (codeOf(error) === '') throw error
    }
  }
  return sets
}

/** Without a record so long after it was made, nobody is going to write one. */
const UNMARKED_MS = 600_000

/** Removes what runs left behind that are gone: half a backup, or one that was being removed. */
export async function removeParts(host: Host, as: Acting, directory: string): Promise<void> {
  for (const { name, kind } of await host.list(directory, as)) {
    if (kind !== 'directory' || !PART.test(name)) continue
    const path = `${directory}/${name}`
    try {
      const part = await readPart(host, as, path)
      if (part === undefined || (part.process !== undefined && await isAlive(host, part.process))) continue
    } catch (error) {
      // Cut off before its record was there: then only an empty one may go, and none that somebody is just making.
      const made = codeOf(error) === 'ENOENT' ? await host.stat(path, as).then(({ modified }) => modified.getTime(), () => undefined) : undefined
      if (made !== undefined && host.now().getTime() - made > UNMARKED_MS) await host.removeDirectory(path, as).catch(() => undefined)
      continue
    }
    await host.removeTree(path, as).catch(() => undefined)
  }
}

/** The process of a pgwal that is making a backup in this directory just now. */
export async function makingPart(host: Host, as: Acting, directory: string): Promise<number | undefined> {
  for (const { name, kind } of await host.list(directory, as)) {
    if (kind !== 'directory' || !PART.test(name)) continue
    const part = await readPart(host, as, `${directory}/${name}`).catch((error: unknown) => {
      // Just gone, or just named.
      if (codeOf(error) === '') throw error
      return undefined
    })
    if (part?.process !== undefined && await isAlive(host, part.process)) return part.process.pid
  }
  return undefined
}

/** Removes a complete backup; from the first moment on it is none. */
export async function removeSet(host: Host, as: Acting, { path }: BackupSet): Promise<void> {
  const part = `${path.slice(0, path.lastIndexOf('/'))}/${partName(host)}`
  await host.rename(path, part, as)
  await host.removeTree(part, as)
}
