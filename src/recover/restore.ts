/** Puts a base backup back: copies or unpacks it, with its tablespaces elsewhere, and compares it with its manifest. */
import { several } from '../backup/several.ts'
import { codeOf, isFull, UserError } from '../errors.ts'
import { readControlFile, statOf, textOf } from '../platforms/reading.ts'
import { comparedFiles, compareWithManifest, sameChecksum } from '../postgres/backup/manifest.ts'
import type { ControlFile } from '../postgres/control-file.ts'
import { mapOf, TABLESPACE_MAP, tarCompression } from './backup.ts'
import type { Backup } from './backup.ts'
import type { RestorePlace } from './place.ts'
import { copyFiles, sizeBelow, tarProgram } from './windows.ts'
import { checkpoint } from './working.ts'
import type { Restoring } from './working.ts'

/** Of one program that copies or unpacks. */
const LONGEST_MS = 7 * 86_400_000
/** At a time. */
const LOT = { files: 200, bytes: 256 << 20 }
/** GNU tar counts in records of so many bytes. */
const TAR_RECORD = 10_240
const TAR_RECORDS_PER_SAY = 2_000
/** Left out: of the server that was copied, not of the backup. */
const NOT_TAKEN = new Set(['postmaster.pid', 'postmaster.opts', 'pgwal.lock', 'recovery.signal', 'standby.signal', 'backup_manifest'])

export interface Restored {
  readonly bytes: number
  readonly files: number
  readonly control: ControlFile
  /** Whether every file was compared with its checksum in the manifest. */
  readonly compared: boolean
  readonly tablespaces: readonly { readonly oid: string; readonly path: string; readonly location?: string }[]
}

/** Bytes that a backup takes when it is unpacked; `certain` is false where only a compressed size is known. */
export async function sizeOf({ host, as }: Restoring, backup: Backup): Promise<{ readonly bytes: number; readonly certain: boolean }> {
  const packed = backup.format === 'tar'
  const sizes = await treeSizes({ host, as }, packed ? [backup.path] : [backup.path, ...backup.tablespaces.map(({ source }) => source)])
  const manifest = backup.manifest?.files.reduce((sum, { size }) => sum + size, 0)
  return { bytes: Math.max(sizes, manifest ?? 0), certain: manifest !== undefined || !backup.compressed }
}

async function treeSizes({ host, as }: Pick<Restoring, 'host' | 'as'>, paths: readonly string[]): Promise<number> {
  if (host.os === 'win32') return sizeBelow(host, paths)
  const { stdout } = await host.run('du', ['-sk', '--', ...paths], { ...as, timeoutMs: 3_600_000 })
  return stdout.split('\n').reduce((sum, line) => sum + Number(/^(\d+)\t/.exec(line)?.[1] ?? 0) * 1024, 0)
}

/**
 * Unpacks the backup into the place and looks at what came out.
 * @throws UserError `backup-damaged`, `backup-differs` and `backup-wrong-size` with the file, `restore-failed`, `interrupted`
 */
export async function restoreBackup(restoring: Restoring, backup: Backup, place: RestorePlace): Promise<Restored> {
  const found = backup.format === 'plain' ? await copyPlain(restoring, backup, place) : await unpackTars(restoring, backup, place)
  const compared = await compare(restoring, backup, found)
  const control = await readControlFile(restoring.host, place.dataDir, restoring.as).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error
    throw new UserError('backup-damaged', { path: backup.path, file: 'global/pg_control', problem: 'missing' })
  })
  if ('problem' in control) throw new UserError('backup-damaged', { path: backup.path, file: 'global/pg_control', problem: control.problem })
  const bytes = [...found.values()].reduce((sum, { size }) => sum + size, 0)
  return {
    bytes, files: found.size, control, compared,
    tablespaces: backup.tablespaces.map(({ oid, location }) => ({ oid, path: `${place.tablespaces}/${oid}`, ...(location === undefined ? {} : { location }) })),
  }
}

interface Copied {
  readonly path: string
  readonly size: number
}

/** What came out, by its name in the manifest. */
type Content = Map<string, Copied>

interface Lot {
  readonly from: string
  readonly to: string
  readonly names: string[]
  bytes: number
}

async function copyPlain(restoring: Restoring, backup: Backup, place: RestorePlace): Promise<Content> {
  const { host, as } = restoring
  const found: Content = new Map()
  const lots: Lot[] = []
  const tablespace = new Map(backup.tablespaces.map((one) => [one.oid, one.source]))
  const visit = async (from: string, to: string, prefix: string): Promise<void> => {
    checkpoint(restoring)
    let lot: Lot | undefined
    const entries = await host.list(from, as)
    const sizes = new Map<string, number>()
    await several(entries.filter(({ kind }) => kind === 'file'), async ({ name }) => {
      sizes.set(name, (await host.stat(`${from}/${name}`, as)).size)
    })
    for (const { name, kind } of entries) {
      const path = `${prefix}${name}`
      const target = kind === 'symlink' && prefix === 'pg_tblspc/' ? tablespace.get(name) : undefined
      // pg_wal may lie elsewhere; nothing else of a backup is a link, but for configuration that nobody reads here.
      const linked = target ?? (kind === 'symlink' && path === 'pg_wal' ? await host.realPath(`${from}/${name}`, as) : undefined)
      if (kind === 'directory' || linked !== undefined) {
        const inside = target === undefined ? `${to}/${name}` : `${place.tablespaces}/${name}`
        await host.makeDirectory(inside, { ...as, mode: 0o700 })
        await visit(linked ?? `${from}/${name}`, inside, `${path}/`)
      } else if (kind === 'symlink' && prefix !== '') {
        throw new UserError('backup-damaged', { path: backup.path, file: path, problem: 'link' })
      } else if (kind === 'file' && !NOT_TAKEN.has(path)) {
        const size = sizes.get(name)!
        found.set(path, { path: `${to}/${name}`, size })
        if (lot === undefined || lot.names.length >= LOT.files || lot.bytes + size > LOT.bytes) lots.push(lot = { from, to, names: [], bytes: 0 })
        lot.names.push(name)
        lot.bytes += size
      }
    }
  }
  await visit(backup.path, place.dataDir, '')
  // Names and sizes first: to copy takes long.
  differences(backup, found)
  const total = lots.reduce((sum, { bytes }) => sum + bytes, 0)
  let copied = 0
  for (const { from, to, names, bytes } of lots) {
    checkpoint(restoring)
    restoring.doing({ code: 'backup-copying', params: { copiedBytes: copied, totalBytes: total } })
    await copyLot(restoring, from, to, names, backup.path)
    copied += bytes
  }
  return found
}

/** Copies files from one directory into another, as the owner of the restored server. @throws UserError `restore-failed`, `interrupted` */
export async function copyLot(restoring: Restoring, from: string, to: string, names: readonly string[], what: string): Promise<void> {
  const { host, as, signal } = restoring
  if (host.os !== 'win32') return program(restoring, 'cp', ['--', ...names.map((name) => `${from}/${name}`), `${to}/`], what)
  await copyFiles(host, from, to, names, { ...as, ...(signal === undefined ? {} : { stop: signal }) }).catch((error: unknown) => {
    checkpoint(restoring)
    if (codeOf(error) === '' || isFull(error)) throw error
    throw new UserError('restore-failed', { path: what, reason: codeOf(error) })
  })
}

/** @throws UserError `restore-failed`, `interrupted` */
async function program(restoring: Restoring, file: string, args: readonly string[], what: string, onStderr?: (text: string) => void): Promise<void> {
  const { host, as, signal } = restoring
  const [first, ...rest] = [...restoring.prefix, file, ...args]
  const done = await host.run(first!, rest, {
    ...as, timeoutMs: LONGEST_MS, maxOutput: 1 << 16, cut: true, ...(signal === undefined ? {} : { stop: signal }), ...(onStderr === undefined ? {} : { onStderr }),
  })
  checkpoint(restoring)
  if (done.code === 0) return
  const name = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1)
  const lines = done.stderr.trim().split('\n').filter((line) => !PROGRESS.test(line))
  const [line = `exit ${done.code}`] = lines
  // It begins with its own name, as the system called it.
  const own = line.indexOf(`${name}: `)
  const said = own >= 0 && /^\S*$/.test(line.slice(0, own)) ? line.slice(own + name.length + 2) : line
  throw new UserError('restore-failed', { path: what, reason: `${name}: ${said}` })
}

/** tar's own words for how far it is. */
const PROGRESS = /^tar: pgwal (\d+)$/m

async function unpackTars(restoring: Restoring, backup: Backup, place: RestorePlace): Promise<Content> {
  const { host, as } = restoring
  const total = (await sizeOf(restoring, backup)).bytes
  const tar = tarProgram(host)
  const gnu = (await host.run(tar, ['--version'])).stdout.includes('GNU tar')
  let before = 0
  const unpack = async (file: string, into: string): Promise<void> => {
    let bytes = 0
    const options = gnu ? [`--checkpoint=${TAR_RECORDS_PER_SAY}`, '--checkpoint-action=echo=pgwal %u'] : []
    restoring.doing({ code: 'backup-unpacking', params: { file: file.slice(file.lastIndexOf('/') + 1), copiedBytes: before, totalBytes: total } })
    await program(restoring, tar, [...tarCompression(host, file), ...options, '--no-same-owner', '-xpf', file, '-C', into], file, (text) => {
      const said = PROGRESS.exec(text)
      if (said === null) return
      bytes = Number(said[1]) * TAR_RECORD
      restoring.doing({ code: 'backup-unpacking', params: { file: file.slice(file.lastIndexOf('/') + 1), copiedBytes: before + bytes, totalBytes: total } })
    })
    before += bytes
  }
  await unpack(backup.tars!.base, place.dataDir)
  await withoutLinks(restoring, backup, place.dataDir)
  const lost = [...mapOf(await textOf(host, `${place.dataDir}/${TABLESPACE_MAP}`, as) ?? '').keys()].find((oid) => !backup.tablespaces.some((one) => one.oid === oid))
  if (lost !== undefined) throw new UserError('backup-tablespace-missing', { path: backup.path, what: `${backup.path}/${lost}.tar` })
  for (const { oid, source } of backup.tablespaces) {
    await host.makeDirectory(`${place.tablespaces}/${oid}`, { ...as, mode: 0o700 })
    await unpack(source, `${place.tablespaces}/${oid}`)
  }
  if (await statOf(host, `${place.dataDir}/pg_wal`, as) === undefined) await host.makeDirectory(`${place.dataDir}/pg_wal`, { ...as, mode: 0o700 })
  if (backup.tars?.wal !== undefined) await unpack(backup.tars.wal, `${place.dataDir}/pg_wal`)
  const found: Content = new Map()
  const visit = async (directory: string, prefix: string): Promise<void> => {
    checkpoint(restoring)
    const entries = await host.list(directory, as)
    await several(entries.filter(({ kind }) => kind === 'file'), async ({ name }) => {
      found.set(`${prefix}${name}`, { path: `${directory}/${name}`, size: (await host.stat(`${directory}/${name}`, as)).size })
    })
    for (const { name, kind } of entries) if (kind === 'directory') await visit(`${directory}/${name}`, `${prefix}${name}/`)
  }
  await visit(place.dataDir, '')
  for (const { oid } of backup.tablespaces) await visit(`${place.tablespaces}/${oid}`, `pg_tblspc/${oid}/`)
  for (const name of NOT_TAKEN) {
    if (!found.has(name)) continue
    await host.removeFile(`${place.dataDir}/${name}`, as)
    found.delete(name)
  }
  differences(backup, found)
  return found
}

/**
 * Links in a tar that was made by hand lead into the server that was copied: a recovery would write through them. Those of tablespaces are made anew, and
 * what lies at the top is WAL or configuration.
 * @throws UserError `backup-tablespace-missing`, `backup-damaged`
 */
async function withoutLinks(restoring: Restoring, backup: Backup, dataDir: string, prefix = ''): Promise<void> {
  const { host, as } = restoring
  checkpoint(restoring)
  for (const { name, kind } of await host.list(`${dataDir}/${prefix}`.replace(/\/$/, ''), as)) {
    if (kind === 'directory') await withoutLinks(restoring, backup, dataDir, `${prefix}${name}/`)
    if (kind !== 'symlink') continue
    const ofTablespace = prefix === 'pg_tblspc/'
    if (ofTablespace && !backup.tablespaces.some(({ oid }) => oid === name)) throw new UserError('backup-tablespace-missing', { path: backup.path, what: `${backup.path}/${name}.tar` })
    if (!ofTablespace && prefix !== '') throw new UserError('backup-damaged', { path: backup.path, file: `${prefix}${name}`, problem: 'link' })
    await host.removeFile(`${dataDir}/${prefix}${name}`, as)
  }
}

/** @throws UserError `backup-differs`, `backup-wrong-size` for the first file that is missing, not in the manifest, or of another size */
function differences({ manifest, path }: Backup, found: Content): void {
  if (manifest === undefined) return
  const [first, ...others] = compareWithManifest(manifest, new Map([...found].map(([name, { size }]) => [name, size])))
  if (first === undefined) return
  const params = { path, file: first.path, count: 1 + others.length }
  throw first.code === 'size' ? new UserError('backup-wrong-size', { ...params, found: first.found, expected: first.expected }) : new UserError('backup-differs', { ...params, problem: first.code })
}

async function compare(restoring: Restoring, backup: Backup, found: Content): Promise<boolean> {
  const { host, as, signal } = restoring
  const { manifest } = backup
  if (manifest === undefined) return false
  const files = comparedFiles(manifest)
  const total = files.reduce((sum, { size }) => sum + size, 0)
  if (files.some(({ checksum }) => checksum === undefined)) return false
  let done = 0
  await several(files, async ({ path, size, checksum }) => {
    checkpoint(restoring)
    restoring.doing({ code: 'backup-comparing', params: { copiedBytes: done, totalBytes: total } })
    const there = found.get(path)
    if (there === undefined) throw new UserError('backup-damaged', { path: backup.path, file: path, problem: 'missing' })
    // On Windows nothing flushes a whole directory afterwards.
    const { hex } = await host.checksum(there.path, checksum!.algorithm, { ...as, sync: host.os === 'win32', ...(signal === undefined ? {} : { stop: signal }) }).catch((error: unknown) => {
      checkpoint(restoring)
      throw error
    })
    if (!sameChecksum(checksum!, hex)) throw new UserError('backup-damaged', { path: backup.path, file: path, problem: 'checksum' })
    done += size
  })
  return true
}
