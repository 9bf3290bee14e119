// Copies the files of a running cluster between pg_backup_start() and pg_backup_stop(), as its owner.
// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP-DATA
// What stays out: src/backend/backup/basebackup.c, excludeDirContents and excludeFiles.
import { codeOf } from '../../errors.ts'
import { copyFiles } from '../../recover/windows.ts'
import { DrillFailure } from './failure.ts'
import { watchSpace } from './place.ts'
import type { DrillPlace, Working } from './place.ts'

/** PostgreSQL's own directories that hold data. What else lies in a data directory (logs, an archive) is no part of a restore. */
const WITH_CONTENT = ['base', 'global', 'pg_commit_ts', 'pg_logical', 'pg_multixact', 'pg_stat', 'pg_tblspc', 'pg_twophase', 'pg_xact']
const EMPTY = ['pg_dynshmem', 'pg_notify', 'pg_replslot', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans', 'pg_wal', 'pg_wal/archive_status']

/** Temporary files and relations, and caches that the server makes again. */
const LEFT_OUT = /^(?:pgsql_tmp.*|pg_internal\.init.*|t\d+_\d+(?:_[a-z]+)?(?:\.\d+)?)$/

/** The empty part of an unlogged relation, from which recovery makes the relation again: the rest of it is not needed. */
const INIT_FORK = /^(\d+)_init$/
const RELATION_FILE = /^(\d+)(?:_(?:fsm|vm))?(?:\.\d+)?$/

/** At a time; between two lots the free space is looked at, and a wish to stop. */
const LOT = { files: 200, bytes: 256 << 20 }
const LOT_TIMEOUT_MS = 1_800_000

interface Directory {
  readonly from: string
  readonly to: string
  readonly files: readonly { readonly name: string; readonly size: number }[]
}

export interface Tree {
  readonly directories: readonly Directory[]
  /** Links in pg_tblspc, and where their content goes. */
  readonly tablespaces: readonly { readonly oid: string; readonly path: string }[]
  readonly bytes: number
}

/** Files in the data directory itself that no base backup has: src/backend/backup/basebackup.c, excludeFiles. */
const NEVER_COPIED = ['postmaster.pid', 'postmaster.opts', 'backup_label', 'backup_label.old', 'tablespace_map', 'tablespace_map.old', 'backup_manifest', 'postgresql.auto.conf.tmp', 'current_logfiles.tmp']

/**
 * What there is to copy, and where it goes below `place`: what PostgreSQL itself keeps in its data directory, or, with
 * `everything`, whatever lies there, as in a base backup (but for the paths in `except`).
 */
export async function surveyTree({ host, cluster, as }: Working, place: Pick<DrillPlace, 'dataDir' | 'tablespaces'>, wanted: { readonly everything?: { readonly except: readonly string[] } } = {}): Promise<Tree> {
  const except = wanted.everything?.except ?? []
  const directories: Directory[] = []
  const tablespaces: { oid: string; path: string }[] = []
  const sizes = new Map<string, number>()
  // One program for all of them: as another account, each look of our own takes most of a millisecond.
  const measure = async (paths: readonly string[]): Promise<void> => {
    if (host.os === 'win32') return
    const { stdout } = await host.run('du', ['-ak', '--', ...paths], { ...as, timeoutMs: LOT_TIMEOUT_MS, maxOutput: 64 << 20 })
    for (const line of stdout.split('\n')) {
      const parts = /^(\d+)\t(.+)$/.exec(line)
      if (parts !== null) sizes.set(parts[2]!, Number(parts[1]) * 1024)
    }
  }
  const visit = async (from: string, to: string, only?: RegExp): Promise<void> => {
    const files: { name: string; size: number }[] = []
    const here = { from, to, files }
    const index = directories.push(here) - 1
    const entries = await host.list(from, as).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (entries === undefined) {
      directories.splice(index, 1)
      return
    }
    const unlogged = new Set(entries.flatMap(({ name }) => INIT_FORK.exec(name)?.[1] ?? []))
    for (const { name, kind } of entries) {
      if (LEFT_OUT.test(name) || only?.test(name) === false || except.includes(`${from}/${name}`) || unlogged.has(RELATION_FILE.exec(name)?.[1] ?? '')) continue
      if (kind === 'directory') {
        await visit(`${from}/${name}`, `${to}/${name}`)
      } else if (kind === 'symlink' && from === `${cluster.dataDir}/pg_tblspc` && /^\d+$/.test(name)) {
        const path = `${place.tablespaces}/${name}`
        tablespaces.push({ oid: name, path })
        // Servers of other majors may keep theirs beside it.
        const location = await host.readLink(`${from}/${name}`, as)
        await measure([location])
        await visit(location, path, new RegExp(`^PG_${cluster.major}_\\d+$`))
      } else if (kind === 'file') {
        const size = sizes.get(`${from}/${name}`) ?? await host.stat(`${from}/${name}`, as).then((info) => info.size, (error: unknown) => {
          if (codeOf(error) === 'ENOENT') return undefined
          throw error
        })
        if (size !== undefined) files.push({ name, size })
      }
    }
  }
  const top = wanted.everything === undefined ? undefined : await host.list(cluster.dataDir, as)
  const withContent = top?.flatMap(({ name, kind }) => (kind === 'directory' && !EMPTY.includes(name) && !LEFT_OUT.test(name) && !except.includes(`${cluster.dataDir}/${name}`) ? [name] : [])) ?? WITH_CONTENT
  const files: { name: string; size: number }[] = top === undefined ? [{ name: 'PG_VERSION', size: 3 }] : []
  for (const { name, kind } of top ?? []) {
    if (kind === 'file' && !NEVER_COPIED.includes(name) && !LEFT_OUT.test(name)) files.push({ name, size: (await host.stat(`${cluster.dataDir}/${name}`, as)).size })
  }
  directories.push({ from: cluster.dataDir, to: place.dataDir, files })
  await measure(withContent.map((name) => `${cluster.dataDir}/${name}`))
  for (const name of withContent) await visit(`${cluster.dataDir}/${name}`, `${place.dataDir}/${name}`)
  const bytes = directories.reduce((sum, { files }) => sum + files.reduce((part, { size }) => part + size, 0), 0)
  return { directories, tablespaces, bytes }
}

export interface Copying {
  /** What the copying programs are started with: `nice` and the like. */
  readonly prefix: readonly string[]
  onProgress(bytes: number): void
  /** Throws when the drill is to end. */
  checkpoint(): void
  /** Ends what is copying when the drill is to end. */
  readonly stop?: AbortSignal
}

/**
 * Copies a tree. Files that went away meanwhile are no failure: WAL tells what became of them. pg_control comes last, as in
 * every base backup.
 * @throws DrillFailure `copy-failed`, `space-ran-out`
 */
export async function copyTree(working: Working, tree: Tree, place: Pick<DrillPlace, 'root' | 'dataDir'>, copying: Copying): Promise<number> {
  const { host, as, cluster } = working
  let copied = 0
  for (const { to } of tree.directories) if (to !== place.dataDir) await host.makeDirectory(to, { ...as, mode: 0o700 })
  for (const name of [...EMPTY, ...(cluster.major >= 17 ? ['pg_wal/summaries'] : [])]) await host.makeDirectory(`${place.dataDir}/${name}`, { ...as, mode: 0o700 })
  const control = `${cluster.dataDir}/global`
  const lots = tree.directories.flatMap(({ from, to, files }) => lotsOf(files.filter(({ name }) => from !== control || name !== 'pg_control')).map((lot) => ({ from, to, lot })))
  for (const { from, to, lot } of [...lots, { from: control, to: `${place.dataDir}/global`, lot: [{ name: 'pg_control', size: 8192 }] }]) {
    copying.checkpoint()
    const bytes = lot.reduce((sum, { size }) => sum + size, 0)
    await watchSpace(working, place.root, bytes)
    await copyLot(working, place.root, from, to, lot.map(({ name }) => name), copying)
    copied += bytes
    copying.onProgress(copied)
  }
  return copied
}

function lotsOf(files: Directory['files']): Directory['files'][] {
  const lots: { name: string; size: number }[][] = []
  let bytes = 0
  for (const file of files) {
    const last = lots.at(-1)
    if (last === undefined || last.length >= LOT.files || bytes + file.size > LOT.bytes) {
      lots.push([file])
      bytes = file.size
    } else {
      last.push(file)
      bytes += file.size
    }
  }
  return lots
}

async function copyLot(working: Working, root: string, from: string, to: string, names: readonly string[], copying: Copying): Promise<void> {
  const failure = await runCopy(working, from, to, names, copying)
  if (failure === undefined) return
  const { host, as } = working
  for (const name of names) {
    copying.checkpoint()
    // Somebody else's file may have taken the room that there was a moment ago.
    await watchSpace(working, root)
    const there = await host.stat(`${from}/${name}`, as).then(() => true, (error: unknown) => codeOf(error) !== 'ENOENT')
    // What went away half copied must not be taken for a relation.
    if (!there) await host.removeFile(`${to}/${name}`, as).catch(() => undefined)
    const again = there ? await runCopy(working, from, to, [name], copying) : undefined
    if (again === undefined) continue
    copying.checkpoint()
    await watchSpace(working, root)
    const gone = await host.stat(`${from}/${name}`, as).then(() => false, (error: unknown) => codeOf(error) === 'ENOENT')
    if (!gone) throw new DrillFailure('copy-failed', { cause: again }, `${from}/${name}`)
    await host.removeFile(`${to}/${name}`, as).catch(() => undefined)
  }
}

/** The first complaint, or undefined. */
async function runCopy(working: Working, from: string, to: string, names: readonly string[], { prefix, stop }: Copying): Promise<string | undefined> {
  const { host, as } = working
  if (host.os === 'win32') return copyInProcess(working, from, to, names, stop)
  const [file, ...args] = [...prefix, 'cp', '--', ...names.map((name) => `${from}/${name}`), `${to}/`]
  const { code, stderr, timedOut } = await host.run(file!, args, { ...as, timeoutMs: LOT_TIMEOUT_MS, maxOutput: 1 << 16, cut: true, ...(stop === undefined ? {} : { stop }) })
  return code === 0 ? undefined : timedOut ? 'timeout' : (stderr.trim().split('\n', 1)[0] ?? '')
}

/** Windows has no program for it that opens a file as the server's own do, for sharing. */
async function copyInProcess({ host, as }: Working, from: string, to: string, names: readonly string[], stop: AbortSignal | undefined): Promise<string | undefined> {
  try {
    await copyFiles(host, from, to, names, { ...as, ...(stop === undefined ? {} : { stop }) })
  } catch (error) {
    if (codeOf(error) === '') throw error
    return codeOf(error)
  }
  return undefined
}

/** The programs of this machine that give others the right of way, as far as they work here. */
export async function lowPriority({ host, as }: Working, niceness: number): Promise<string[]> {
  if (niceness === 0 || host.os === 'win32') return []
  const nice = ['nice', '-n', String(niceness)]
  for (const prefix of [[...nice, 'ionice', '-c', '3'], nice]) {
    const done = await host.run(prefix[0]!, [...prefix.slice(1), 'true'], { ...as, timeoutMs: 10_000 }).catch(() => undefined)
    if (done?.code === 0) return prefix
  }
  return []
}
