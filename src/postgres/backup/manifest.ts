// backup_manifest, which the server makes for each base backup from 13 on: what files it has, how large, with which checksums.
// https://www.postgresql.org/docs/current/backup-manifest-format.html
// src/common/parse_manifest.c; which differences count: src/bin/pg_verifybackup/pg_verifybackup.c.
import { type Lsn, lsnFromText, lsnToText } from '../wal/lsn.ts'

/** The file's name, in the backup's data directory. */
export const MANIFEST_NAME = 'backup_manifest'

export const CHECKSUM_ALGORITHMS = ['CRC32C', 'SHA224', 'SHA256', 'SHA384', 'SHA512'] as const
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number]

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm
  /** Lower-case hexadecimal digits. */
  readonly hex: string
}

export interface ManifestFile {
  /** Below the data directory. A file of a tablespace begins with `pg_tblspc/OID/`. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** ISO 8601, where it was written so that it can be read. */
  readonly modified?: string
  /** Absent where the backup was made without checksums. */
  readonly checksum?: Checksum
}

/** WAL without which the backup is not consistent. */
export interface ManifestWal {
  readonly timeline: number
  readonly start: Lsn
  readonly end: Lsn
}

export interface BackupManifest {
  readonly version: 1 | 2
  /** Since version 2 (PostgreSQL 17). */
  readonly systemIdentifier?: bigint
  readonly files: readonly ManifestFile[]
  readonly wal: readonly ManifestWal[]
  /** Its own SHA-256, lower-case hexadecimal digits, of its first `signedBytes` bytes: whoever reads it from a disk compares them. */
  readonly sha256: string
  readonly signedBytes: number
}

/**
 * `cut-off`: its last line, the checksum of all before, is not there; `syntax`: it is no JSON of the form that is known;
 * `version`: made by a PostgreSQL that we do not know.
 */
export type ManifestProblem = 'cut-off' | 'syntax' | 'version'

class Malformed extends Error {}

/** Reads a manifest. Whether it is the one that was written is for the caller to see: `sha256` of the first `signedBytes` bytes. */
export function readManifest(bytes: Uint8Array): BackupManifest | { readonly problem: ManifestProblem } {
  const text = new TextDecoder().decode(bytes)
  const signedBytes = lastLineStart(bytes)
  if (signedBytes === undefined || !text.trimEnd().endsWith('}')) return { problem: 'cut-off' }
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return { problem: 'syntax' }
  }
  try {
    const whole = object(parsed)
    const version = whole['PostgreSQL-Backup-Manifest-Version']
    if (version !== 1 && version !== 2) return { problem: typeof version === 'number' ? 'version' : 'syntax' }
    const sha256 = hexText(whole['Manifest-Checksum'], 64)
    // 64 bits do not fit into a number of JavaScript; it stands before the files.
    const identifier = /"System-Identifier":\s*(\d+)/.exec(text.slice(0, text.indexOf('"Files"')))?.[1]
    return {
      version, sha256, signedBytes,
      ...(identifier === undefined ? {} : { systemIdentifier: BigInt(identifier) }),
      files: list(whole['Files']).map(readFile),
      wal: list(whole['WAL-Ranges']).map(readWal),
    }
  } catch (error) {
    if (error instanceof Malformed) return { problem: 'syntax' }
    throw error
  }
}

/** Where the last line begins, which is the checksum of what stands before it. */
function lastLineStart(bytes: Uint8Array): number | undefined {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0x0A) end--
  const start = bytes.lastIndexOf(0x0A, end - 1) + 1
  const line = new TextDecoder('latin1').decode(bytes.subarray(start, Math.min(end, start + 200)))
  return start > 0 && /^"Manifest-Checksum": *"[0-9a-fA-F]*"\}$/.test(line) ? start : undefined
}

function readFile(value: unknown): ManifestFile {
  const entry = object(value)
  const algorithm = CHECKSUM_ALGORITHMS.find((one) => one === entry['Checksum-Algorithm'])
  if (entry['Checksum-Algorithm'] !== undefined && algorithm === undefined) throw new Malformed()
  const modified = typeof entry['Last-Modified'] === 'string' ? Date.parse(entry['Last-Modified'].replace(' GMT', 'Z').replace(' ', 'T')) : Number.NaN
  return {
    path: pathOf(entry),
    size: whole(entry['Size']),
    ...(Number.isNaN(modified) ? {} : { modified: new Date(modified).toISOString() }),
    ...(algorithm === undefined ? {} : { checksum: { algorithm, hex: hexText(entry['Checksum']) } }),
  }
}

/** A name that is no UTF-8 is stored in hexadecimal digits; what cannot be decoded of it shows as U+FFFD. */
function pathOf(entry: Record<string, unknown>): string {
  const { Path: plain, 'Encoded-Path': encoded } = entry
  if (typeof plain === 'string') return plain
  const digits = hexText(encoded)
  return new TextDecoder().decode(Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)))
}

function readWal(value: unknown): ManifestWal {
  const range = object(value)
  const start = typeof range['Start-LSN'] === 'string' ? lsnFromText(range['Start-LSN']) : undefined
  const end = typeof range['End-LSN'] === 'string' ? lsnFromText(range['End-LSN']) : undefined
  if (start === undefined || end === undefined) throw new Malformed()
  return { timeline: whole(range['Timeline']), start, end }
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed()
  return value as Record<string, unknown>
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Malformed()
  return value
}

function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Malformed()
  return value
}

function hexText(value: unknown, length?: number): string {
  if (typeof value !== 'string' || !/^(?:[0-9a-fA-F]{2})*$/.test(value) || (length !== undefined && value.length !== length)) throw new Malformed()
  return value.toLowerCase()
}

/** In the order in which they are worth telling. */
export type BackupDifference =
  | { readonly code: 'missing'; readonly path: string }
  | { readonly code: 'size'; readonly path: string; readonly found: number; readonly expected: number }
  /** On the disk and not in the manifest. */
  | { readonly code: 'extra'; readonly path: string }

/** WAL has checksums of its own, and the others are made or changed after the backup. */
const NOT_COMPARED = /^(?:backup_manifest|pg_wal\/.*|postgresql\.auto\.conf|recovery\.signal|standby\.signal)$/

/** What a manifest says of files that are there: `found` are all regular files below the data directory, by path, with their sizes. */
export function compareWithManifest({ files }: Pick<BackupManifest, 'files'>, found: ReadonlyMap<string, number>): BackupDifference[] {
  const differences: BackupDifference[] = []
  const known = new Set<string>()
  for (const { path, size } of files) {
    known.add(path)
    if (NOT_COMPARED.test(path)) continue
    const there = found.get(path)
    if (there === undefined) differences.push({ code: 'missing', path })
    else if (there !== size) differences.push({ code: 'size', path, found: there, expected: size })
  }
  for (const path of found.keys()) if (!known.has(path) && !NOT_COMPARED.test(path)) differences.push({ code: 'extra', path })
  return differences
}

/** Files whose checksums are compared: what the manifest knows and does not leave to others. */
export function comparedFiles({ files }: Pick<BackupManifest, 'files'>): ManifestFile[] {
  return files.filter(({ path }) => !NOT_COMPARED.test(path))
}

/** Whether a checksum is the one of the manifest. That of a CRC lies in the byte order of the machine that made it. */
export function sameChecksum(expected: Checksum, hex: string): boolean {
  if (expected.hex === hex) return true
  return expected.algorithm === 'CRC32C' && expected.hex === (hex.match(/../g) ?? []).reverse().join('')
}

/**
 * Writes a manifest in the server's own form (version 1), for a backup that got none. `sha256` is asked for the checksum of the
 * text so far.
 */
export function writeManifest(files: readonly (ManifestFile & { readonly modified: string; readonly checksum: Checksum })[], wal: readonly ManifestWal[], sha256: (bytes: Uint8Array) => string): Uint8Array {
  const entry = ({ path, size, modified, checksum }: (typeof files)[number]): string =>
    `{ "Path": ${JSON.stringify(path)}, "Size": ${size}, "Last-Modified": "${modified.slice(0, 19).replace('T', ' ')} GMT", "Checksum-Algorithm": "${checksum.algorithm}", "Checksum": "${checksum.hex}" }`
  const range = ({ timeline, start, end }: ManifestWal): string =>
    `{ "Timeline": ${timeline}, "Start-LSN": "${lsnToText(start)}", "End-LSN": "${lsnToText(end)}" }`
  const text = [
    '{ "PostgreSQL-Backup-Manifest-Version": 1,',
    '"Files": [', files.map(entry).join(',\n'), '],',
    '"WAL-Ranges": [', wal.map(range).join(',\n'), '],',
    '',
  ].join('\n')
  const signed = new TextEncoder().encode(text)
  return new TextEncoder().encode(`${text}"Manifest-Checksum": "${sha256(signed)}"}\n`)
}
