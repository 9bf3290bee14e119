/**
 * A base backup held against its manifest, file by file.
 * @see https://www.postgresql.org/docs/current/app-pgverifybackup.html
 */
import { codeOf } from '../errors.ts'
import type { Acting, Host } from '../host/host.ts'
import { comparedFiles, compareWithManifest, MANIFEST_NAME, readManifest, sameChecksum, writeManifest } from '../postgres/backup/manifest.ts'
import type { BackupManifest, ManifestFile, ManifestProblem, ManifestWal } from '../postgres/backup/manifest.ts'
import { several } from './several.ts'

const MANIFEST_LIMIT = 1 << 30

export interface Verifying {
  readonly host: Host
  readonly as: Acting
  readonly stop?: AbortSignal
  onProgress(doneBytes: number, totalBytes: number): void
}

export type VerifyProblem =
  | { readonly code: 'manifest'; readonly problem: ManifestProblem | 'missing' | 'checksum' }
  | { readonly code: 'missing' | 'extra' | 'size' | 'checksum'; readonly path: string }
  | { readonly code: 'unreadable'; readonly path: string; readonly reason: string }

export interface Verified {
  readonly problems: readonly VerifyProblem[]
  readonly files: number
  readonly bytes: number
  readonly manifest?: BackupManifest
}

/**
 * Compares the data directory of a plain backup with its manifest: the same files, sizes and checksums. All files are read; all problems are told.
 * @throws HostError `stopped`, and what keeps the directory from being listed
 */
export async function verifyBackup(verifying: Verifying, dataDir: string): Promise<Verified> {
  const { host, as } = verifying
  const manifest = await manifestOf(verifying, dataDir)
  if ('code' in manifest) return { files: 0, bytes: 0, problems: [manifest] }
  const expected = new Map(comparedFiles(manifest).map((file) => [file.path, file]))
  const problems: VerifyProblem[] = []
  const found = new Map<string, number>()
  const totalBytes = [...expected.values()].reduce((sum, { size }) => sum + size, 0)
  let doneBytes = 0
  await eachFile(verifying, dataDir, async (path) => {
    const known = expected.get(path)
    if (known?.checksum === undefined) {
      // Nothing to compare but its being there.
      found.set(path, (await host.stat(`${dataDir}/${path}`, as)).size)
      return
    }
    try {
      const { hex, size } = await host.checksum(`${dataDir}/${path}`, known.checksum.algorithm, { ...as, ...(verifying.stop === undefined ? {} : { stop: verifying.stop }) })
      found.set(path, size)
      if (size === known.size && !sameChecksum(known.checksum, hex)) problems.push({ code: 'checksum', path })
    } catch (error) {
      if (codeOf(error) === '' || codeOf(error) === 'stopped') throw error
      found.set(path, known.size)
      problems.push({ code: 'unreadable', path, reason: codeOf(error) })
    }
    doneBytes += known.size
    verifying.onProgress(doneBytes, totalBytes)
  })
  for (const { code, path } of compareWithManifest(manifest, found)) problems.push({ code, path })
  return { problems, files: expected.size, bytes: totalBytes, manifest }
}

/** @throws HostError for one that cannot be read */
async function manifestOf({ host, as }: Pick<Verifying, 'host' | 'as'>, dataDir: string): Promise<BackupManifest | Extract<VerifyProblem, { code: 'manifest' }>> {
  const bytes = await host.read(`${dataDir}/${MANIFEST_NAME}`, { ...as, limit: MANIFEST_LIMIT }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (bytes === undefined) return { code: 'manifest', problem: 'missing' }
  const manifest = readManifest(bytes)
  if ('problem' in manifest) return { code: 'manifest', problem: manifest.problem }
  return host.sha256(bytes.subarray(0, manifest.signedBytes)) === manifest.sha256 ? manifest : { code: 'manifest', problem: 'checksum' }
}

/**
 * What a plain backup lacks at a look, names and sizes alone: half a copy is no backup.
 * @throws HostError for what cannot be listed
 */
export async function firstDifference(verifying: Pick<Verifying, 'host' | 'as'>, dataDir: string): Promise<VerifyProblem | undefined> {
  const manifest = await manifestOf(verifying, dataDir)
  if ('code' in manifest) return manifest
  const found = new Map<string, number>()
  await eachFile(verifying, dataDir, async (path) => {
    found.set(path, (await verifying.host.stat(`${dataDir}/${path}`, verifying.as)).size)
  })
  return compareWithManifest(manifest, found)[0]
}

/**
 * Writes the manifest of a backup that has none, from what lies there, and makes all of it durable.
 * @throws HostError `stopped`, and what cannot be read
 */
export async function makeManifest(verifying: Verifying, dataDir: string, wal: readonly ManifestWal[], totalBytes: number): Promise<{ readonly files: number; readonly bytes: number }> {
  const { host, as } = verifying
  const files: (ManifestFile & { readonly modified: string; readonly checksum: NonNullable<ManifestFile['checksum']> })[] = []
  let doneBytes = 0
  await eachFile(verifying, dataDir, async (path) => {
    const full = `${dataDir}/${path}`
    const { hex, size, modified } = await host.checksum(full, 'CRC32C', { ...as, sync: true, ...(verifying.stop === undefined ? {} : { stop: verifying.stop }) })
    files.push({ path, size, modified: modified.toISOString(), checksum: { algorithm: 'CRC32C', hex } })
    doneBytes += size
    verifying.onProgress(doneBytes, totalBytes)
  })
  files.sort((a, b) => (a.path < b.path ? -1 : 1))
  await host.replace(`${dataDir}/${MANIFEST_NAME}`, writeManifest(files, wal, (text) => host.sha256(text)), { ...as, expect: null, mode: 0o600 })
  return { files: files.length, bytes: doneBytes }
}

/** The first of what a verification found, as the parameters of a message. */
export function describe(problem: VerifyProblem): { readonly file: string; readonly problem: string } {
  if (problem.code === 'manifest') return { file: 'backup_manifest', problem: problem.problem }
  return { file: problem.path, problem: problem.code === 'unreadable' ? problem.reason : problem.code }
}

/** Works on all regular files below a data directory and in its tablespaces, but for WAL and the manifest. */
async function eachFile({ host, as }: Pick<Verifying, 'host' | 'as'>, dataDir: string, work: (path: string) => Promise<void>): Promise<void> {
  const paths: string[] = []
  const visit = async (below: string): Promise<void> => {
    for (const { name, kind } of await host.list(below === '' ? dataDir : `${dataDir}/${below}`, as)) {
      const path = below === '' ? name : `${below}/${name}`
      if (path === 'pg_wal' || path === MANIFEST_NAME) continue
      if (kind === 'directory' || (kind === 'symlink' && /^pg_tblspc\/\d+$/.test(path))) await visit(path)
      else if (kind === 'file') paths.push(path)
    }
  }
  await visit('')
  await several(paths, work)
}
