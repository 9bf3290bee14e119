/**
 * One base backup of a running cluster: through pg_basebackup where the installation has it and the server lets us in for
 * replication, else through the low-level backup API.
 * @see https://www.postgresql.org/docs/current/app-pgbasebackup.html
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
import { codeOf, HostError, UserError } from '../errors.ts'
import type { Step } from '../app/waiting.ts'
import type { Connection, Session } from '../host/host.ts'
import { markOf } from '../plan/process-mark.ts'
import { checkSegment, lsnFromText, lsnToText, numberedSegment, parseBackupHistory, readSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from '../postgres/wal/index.ts'
import type { Lsn } from '../postgres/wal/index.ts'
import { copyTree, surveyTree } from '../probes/drill/copy.ts'
import { DrillFailure } from '../probes/drill/failure.ts'
import { withoutLimits } from '../probes/drill/limits.ts'
import type { Working } from '../probes/drill/place.ts'
import { needSpace, ranOut, watchingSpace } from './place.ts'
import { partName, setName, writeRecord } from './set.ts'
import { askTablespaces } from './tablespaces.ts'
import type { Tablespace } from './tablespaces.ts'
import type { BackupRecord, BackupSet } from './set.ts'
import { describe, makeManifest, verifyBackup } from './verify.ts'
import type { Verifying } from './verify.ts'

/** A day and a half: a large cluster on a slow disk is no error. */
const COPY_TIMEOUT_MS = 36 * 3_600_000
const POLL_MS = 200
/** What pg_basebackup -X stream takes: one sender for the files, one for the WAL. */
const SENDERS = 2

export interface Making {
  readonly working: Working
  /** Open as a role that may take backups; statements of a backup take longer than those of a look. */
  readonly session: Session
  readonly connection: Connection
  /** Exists, and is writable. */
  readonly directory: string
  readonly label: string
  /** Where segments arrive as they are, where that can be told. */
  readonly archive: string | undefined
  /** How long a segment may take to arrive there, in milliseconds. */
  readonly timeoutMs: number
  /** What copying programs are started with: `nice` and the like. */
  readonly prefix: readonly string[]
  readonly signal?: AbortSignal
  doing(step: Step): void
}

interface Copied {
  readonly method: BackupRecord['method']
  readonly wal: BackupRecord['wal']
  readonly timeline: number
  readonly start: Lsn
  readonly stop: Lsn
}

interface Server {
  readonly systemIdentifier: string
  readonly segmentSize: number
  /** Of all tablespaces. */
  readonly dataBytes: number
  readonly senders: number
  readonly slots: number
  readonly archiving: boolean
  readonly tablespaces: readonly Tablespace[]
}

/**
 * Makes a backup and gives it its name when it is complete, verified and durable. What is left of one that is not is removed.
 * @throws UserError `backup-space`, `backup-space-ran-out`, `backup-failed`, `backup-unverified`, `backup-archive`, `backup-archive-windows`, `interrupted`
 */
export async function makeBackup(making: Making): Promise<BackupSet> {
  const { working, directory } = making
  const { host, as } = working
  const startedAt = host.now()
  await withoutLimits(making.session)
  const server = await askServer(making.session)
  await needSpace(working, directory, server.dataBytes + 8 * server.segmentSize)
  const part = `${directory}/${partName(host)}`
  // In a directory of others it is closed to them all the same.
  await host.makeDirectory(part, host.os === 'win32' ? { mode: 0o700, owner: working.cluster.owner, also: working.self } : { ...as, mode: 0o700 })
  try {
    const begun = await writeRecord(host, as, part, { state: 'making', process: await markOf(host, host.pid) }, null)
    await host.makeDirectory(`${part}/tablespaces`, { ...as, mode: 0o700 })
    return await watchingSpace(working, directory, making.signal, async (stop) => {
      const program = await basebackup(making, server)
      const copied = program === undefined ? await lowLevel(making, server, part, stop) : await throughProgram(making, server, part, program, stop)
      await linkTablespaces(making, part)
      const checked = await check(making, part, copied, stop)
      if (copied.wal === 'archive') await needArchived(making, server, copied, stop)
      const name = await freeName(making, startedAt)
      const record: BackupRecord = {
        name, label: making.label, systemIdentifier: server.systemIdentifier, dataDir: working.cluster.dataDir, serverVersion: working.cluster.version,
        startedAt: startedAt.toISOString(), finishedAt: host.now().toISOString(), method: copied.method, wal: copied.wal, timeline: copied.timeline,
        startLsn: lsnToText(copied.start), stopLsn: lsnToText(copied.stop),
        startSegment: segmentName(copied.timeline, copied.start, server.segmentSize), stopSegment: segmentName(copied.timeline, copied.stop - 1n, server.segmentSize),
        segmentSize: server.segmentSize, ...checked, tablespaces: await tablespacesOf(making, part), verifiedAt: host.now().toISOString(),
      }
      if (stop.aborted) throw new UserError('interrupted')
      await writeRecord(host, as, part, { state: 'complete', backup: record }, begun)
      const path = `${directory}/${name}`
      await host.rename(part, path, as)
      return { path, record }
    })
  } catch (error) {
    making.doing({ code: 'backup-removing', params: {} })
    await host.removeTree(part, as).catch(() => undefined)
    throw error
  }
}

async function askServer(session: Session): Promise<Server> {
  const [row] = await session.query(
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS id,
            (SELECT setting::bigint * CASE unit WHEN '8kB' THEN 8192 ELSE 1 END FROM pg_settings WHERE name = 'wal_segment_size')::float8 AS segment,
            (SELECT sum(pg_tablespace_size(oid)) FROM pg_tablespace)::float8 AS bytes,
            current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication)::int AS senders,
            current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots)::int AS slots,
            current_setting('archive_mode') <> 'off' AS archiving`)
  return {
    systemIdentifier: String(row?.['id']), segmentSize: Number(row?.['segment']), dataBytes: Number(row?.['bytes']), senders: Number(row?.['senders']), slots: Number(row?.['slots']),
    archiving: row?.['archiving'] === true, tablespaces: await askTablespaces(session),
  }
}

/** pg_basebackup, where the installation has it and the server has room for it and lets us in; else undefined. */
async function basebackup({ working, connection }: Making, { senders }: Server): Promise<string | undefined> {
  const { host, cluster, as } = working
  // Of which no test has one.
  if (host.os === 'win32') return undefined
  const program = `${cluster.binDir ?? ''}/pg_basebackup`
  if (senders < SENDERS || !(await host.stat(program, as).then(({ kind }) => kind === 'file', () => false))) return undefined
  try {
    await (await host.connect({ ...connection, replication: 'physical', timeoutMs: 30_000 })).close()
    return program
  } catch (error) {
    if (error instanceof HostError) return undefined
    throw error
  }
}

async function throughProgram(making: Making, server: Server, part: string, program: string, stop: AbortSignal): Promise<Copied> {
  const { working, connection, prefix } = making
  const { host, as, cluster } = working
  const mapping = server.tablespaces.map(({ oid, location }) => `--tablespace-mapping=${escaped(location)}=${escaped(`${part}/tablespaces/${oid}`)}`)
  const [file, ...args] = [
    ...prefix, program, '-D', `${part}/data`, '-F', 'plain', '-X', 'stream', ...(server.slots < 1 ? ['--no-slot'] : []), '-c', 'fast', '-l', labelOf(making), '--progress', '--verbose', '--no-password',
    '-h', connection.host, '-p', String(connection.port), '-U', connection.user, ...mapping,
  ]
  making.doing({ code: 'backup-checkpoint', params: {} })
  let said = ''
  let last = ''
  const done = await host.run(file!, args, {
    ...as, timeoutMs: COPY_TIMEOUT_MS, cut: true, stop, env: {
      ...(connection.password === undefined ? {} : { PGPASSWORD: connection.password }),
      ...(connection.sslmode === undefined ? {} : { PGSSLMODE: connection.sslmode }),
      ...(connection.sslRootCert === undefined ? {} : { PGSSLROOTCERT: connection.sslRootCert }),
    },
    onStderr: (text) => {
      const lines = (last + text).split(/[\r\n]/)
      last = lines.pop() ?? ''
      for (const line of lines) {
        const amount = /^\s*(\d+)\/(\d+) kB /.exec(line)
        if (amount === null) said += `${line}\n`
        else making.doing({ code: 'base-copying', params: { doneBytes: Number(amount[1]) * 1024, totalBytes: Number(amount[2]) * 1024 } })
      }
    },
  })
  if (stop.aborted) throw new UserError('interrupted')
  if (done.code !== 0) throw new UserError('backup-failed', { program: 'pg_basebackup', reason: complaint(`${said}${last}`) ?? (done.timedOut ? 'timeout' : `exit ${done.code}`) })
  const label = parseBackupHistory(new TextDecoder().decode(await host.read(`${part}/data/backup_label`, as)))
  const end = /end point: ([0-9A-F]+\/[0-9A-F]+)/.exec(said)?.[1]
  const timeline = /start point: [0-9A-F]+\/[0-9A-F]+ on timeline (\d+)/.exec(said)?.[1]
  if (label === undefined || end === undefined || timeline === undefined) throw new UserError('backup-failed', { program: 'pg_basebackup', reason: complaint(said) ?? 'backup_label' })
  if (cluster.major < 13) await writeOwnManifest(making, server, part, { timeline: Number(timeline), start: label.start.lsn, stop: lsnFromText(end)! }, stop)
  return { method: 'pg_basebackup', wal: 'included', timeline: Number(timeline), start: label.start.lsn, stop: lsnFromText(end)! }
}

/** `=` parts the two directories of a mapping. */
function escaped(path: string): string {
  return path.replaceAll('=', '\\=')
}

/** What went wrong, of all that it said. */
function complaint(said: string): string | undefined {
  const lines = said.split('\n').map((line) => line.replace(/^pg_basebackup: /, '').trim()).filter((line) => line !== '')
  return lines.find((line) => /^(?:error|fatal|could not)/i.test(line)) ?? lines.findLast((line) => !/^(?:initiating|checkpoint|write-ahead|starting|created|waiting|base backup|NOTICE|removing)/.test(line))
}

/** As the archive's `.backup` file will have it. */
function labelOf({ label }: Making): string {
  return `pgwal backup ${label}`.trimEnd()
}

async function lowLevel(making: Making, server: Server, part: string, stop: AbortSignal): Promise<Copied> {
  const { working, session } = making
  const { host, as, cluster } = working
  // Without an archive nobody keeps the WAL that this backup needs.
  if (!server.archiving || making.archive === undefined) throw new UserError(host.os === 'win32' ? 'backup-archive-windows' : 'backup-archive', { cluster: cluster.id })
  const place = { root: part, dataDir: `${part}/data`, tablespaces: `${part}/tablespaces` }
  await host.makeDirectory(place.dataDir, { ...as, mode: 0o700 })
  making.doing({ code: 'backup-checkpoint', params: {} })
  const modern = cluster.major >= 15
  const [begun] = await session.query(
    `SELECT ${modern ? 'pg_backup_start($1, true)' : 'pg_start_backup($1, true, false)'}::text AS lsn, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline`, [labelOf(making)])
  try {
    const tree = await surveyTree(working, place, { everything: { except: [making.archive] } })
    const step = (doneBytes: number): void => { making.doing({ code: 'base-copying', params: { doneBytes, totalBytes: tree.bytes } }) }
    step(0)
    await copyTree(working, tree, place, { prefix: making.prefix, onProgress: step, checkpoint: () => { if (stop.aborted) throw new UserError('interrupted') } })
  } catch (error) {
    if (!(error instanceof DrillFailure)) throw error
    if (error.code === 'space-ran-out') throw ranOut(making.directory, { freeBytes: Number(error.params['freeBytes']), reserveBytes: Number(error.params['reserveBytes']) }, error)
    throw new UserError('backup-failed', { program: host.os === 'win32' ? 'copy' : 'cp', reason: String(error.params['cause'] ?? error.code) }, { cause: error })
  }
  // It would wait for the archive for ever; we do that ourselves, and say so.
  const [ended] = await session.query(
    modern ? 'SELECT lsn::text AS lsn, labelfile AS label FROM pg_backup_stop(false)' : 'SELECT lsn::text AS lsn, labelfile AS label FROM pg_stop_backup(false, false)')
  await host.replace(`${place.dataDir}/backup_label`, new TextEncoder().encode(String(ended?.['label'])), { ...as, expect: null, mode: 0o600 })
  const copied = {
    method: 'low-level', wal: 'archive', timeline: Number.parseInt(String(begun?.['timeline']), 16),
    start: lsnFromText(String(begun?.['lsn']))!, stop: lsnFromText(String(ended?.['lsn']))!,
  } as const
  await linkTablespaces(making, part)
  await writeOwnManifest(making, server, part, copied, stop)
  return copied
}

async function writeOwnManifest(making: Making, server: Server, part: string, { timeline, start, stop: end }: Pick<Copied, 'timeline' | 'start' | 'stop'>, stop: AbortSignal): Promise<void> {
  await makeManifest(verifying(making, stop, 'backup-checksums'), `${part}/data`, [{ timeline, start, end }], server.dataBytes)
}

function verifying({ working, doing }: Making, stop: AbortSignal, code: 'backup-checksums' | 'backup-verifying'): Verifying {
  return { host: working.host, as: working.as, stop, onProgress: (doneBytes, totalBytes) => { doing({ code, params: { doneBytes, totalBytes } }) } }
}

/** The links in pg_tblspc lead to the set's own directory, and go on doing so when it is moved. */
async function linkTablespaces({ working }: Making, part: string): Promise<void> {
  const { host, as } = working
  for (const { name } of await host.list(`${part}/tablespaces`, as)) {
    const made = await host.run('ln', ['-s', '-f', '-n', '--', `../../tablespaces/${name}`, `${part}/data/pg_tblspc/${name}`], as)
    if (made.code !== 0) throw new UserError('backup-failed', { program: 'ln', reason: made.stderr.trim().split('\n', 1)[0] ?? '' })
  }
}

/** The tablespaces that the set has, and where they are on the server: some may have come or gone while it was made. */
async function tablespacesOf({ working, session }: Making, part: string): Promise<BackupRecord['tablespaces']> {
  const known = new Map((await askTablespaces(session)).map(({ oid, location }) => [oid, location]))
  return (await working.host.list(`${part}/tablespaces`, working.as)).map(({ name }) => ({ oid: name, location: known.get(name) ?? '' }))
}

/** Reads all of it again. */
async function check(making: Making, part: string, copied: Copied, stop: AbortSignal): Promise<Pick<BackupRecord, 'files' | 'bytes' | 'manifestBy'>> {
  const { working } = making
  const { host, as, cluster } = working
  const dataDir = `${part}/data`
  const { problems, files, bytes } = await verifyBackup(verifying(making, stop, 'backup-verifying'), dataDir).catch((error: unknown) => {
    if (codeOf(error) === 'stopped') throw new UserError('interrupted', {}, { cause: error })
    throw error
  })
  if (problems[0] !== undefined) throw new UserError('backup-unverified', { ...describe(problems[0]), count: problems.length })
  const own = cluster.major < 13 || copied.method === 'low-level'
  const verifier = `${cluster.binDir ?? ''}/pg_verifybackup`
  if (!own && await host.stat(verifier, as).then(({ kind }) => kind === 'file', () => false)) {
    // The checksums were compared; it reads the WAL as well, which only pg_waldump can.
    const [file, ...args] = [...making.prefix, verifier, '--skip-checksums', '--quiet', dataDir]
    const done = await host.run(file!, args, { ...as, timeoutMs: COPY_TIMEOUT_MS, cut: true, stop })
    if (stop.aborted) throw new UserError('interrupted')
    if (done.code !== 0) throw new UserError('backup-unverified', { file: 'pg_verifybackup', problem: done.stderr.trim().split('\n', 1)[0] ?? '', count: 1 })
  }
  for (const directory of await directoriesOf(making, part)) await host.sync(directory, as)
  return { files, bytes, manifestBy: own ? 'pgwal' : 'server' }
}

/** All directories of the set: files are durable already, their names need it too. */
async function directoriesOf({ working }: Making, part: string): Promise<string[]> {
  const { host, as } = working
  const found: string[] = []
  const visit = async (path: string): Promise<void> => {
    found.push(path)
    for (const { name, kind } of await host.list(path, as)) if (kind === 'directory') await visit(`${path}/${name}`)
  }
  await visit(part)
  return found
}

/** Without its own WAL, the backup is one only when the archive has that. */
async function needArchived(making: Making, server: Server, copied: Copied, stop: AbortSignal): Promise<void> {
  const first = Number(copied.start / BigInt(server.segmentSize))
  const last = Number((copied.stop - 1n) / BigInt(server.segmentSize))
  for (let number = first; number <= last; number++) {
    const segment = numberedSegment(copied.timeline, number, server.segmentSize)
    if (!(await awaitArchived(making, segment, server, stop))) throw new UserError('backup-not-archived', { segment, seconds: Math.round(making.timeoutMs / 1000) })
  }
}

/** Waits until a whole segment of this cluster is in the archive; false when it did not come in time. */
async function awaitArchived({ working, archive, timeoutMs, doing }: Making, segment: string, server: Server, stop: AbortSignal): Promise<boolean> {
  const { host, as } = working
  const file = `${archive!}/${segment}`
  const started = host.now().getTime()
  for (;;) {
    if (stop.aborted) throw new UserError('interrupted')
    try {
      const { size } = await host.stat(file, as)
      const header = readSegmentHeader(await host.readPart(file, 0, SEGMENT_HEADER_BYTES, as))
      if (size >= server.segmentSize && checkSegment(segment, header, { systemIdentifier: BigInt(server.systemIdentifier), segmentSize: server.segmentSize, fileSize: size }).length === 0) return true
    } catch (error) {
      if (codeOf(error) === '') throw error
    }
    const waited = host.now().getTime() - started
    if (waited >= timeoutMs) return false
    doing({ code: 'segment', params: { segment, limit: Math.round(timeoutMs / 1000) } })
    await host.sleep(POLL_MS)
  }
}

async function freeName({ working, directory, label }: Making, at: Date): Promise<string> {
  const name = setName(at, label)
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${name}_${number}`
    const taken = await working.host.stat(`${directory}/${candidate}`, { ...working.as, followLinks: false }).then(() => true, (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return false
      throw error
    })
    if (!taken) return candidate
  }
}
