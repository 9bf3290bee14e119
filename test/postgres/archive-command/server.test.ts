// The command and its script under a real archiver, from the first segment to a recovery from what it stored.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ARCHIVE_SCRIPT_NAME, archiveCommand, archiveScript, restoreCommand } from '../../../src/postgres/archive-command/writer.ts'
import { quoteValue } from '../../../src/postgres/conf/quote.ts'
import { parseBackupHistory } from '../../../src/postgres/wal/backup-history.ts'
import { findGaps } from '../../../src/postgres/wal/gaps.ts'
import { parseHistory } from '../../../src/postgres/wal/history-file.ts'
import { parseWalName } from '../../../src/postgres/wal/names.ts'
import { checkSegment, readSegmentHeader } from '../../../src/postgres/wal/segment-header.ts'
import { type Major, runAs, TestServer } from '../../support/server.ts'

const SIZE = 1 << 20
const servers: TestServer[] = []
afterAll(async () => {
  for (const server of servers) await server.remove()
})

async function until<T>(server: TestServer, what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`not within 60 s: ${what}\n${await server.log()}`)
}

/** Writes, switches, and returns the segment that was finished. */
async function finishSegment(server: TestServer, text: string): Promise<string> {
  await server.query('INSERT INTO t VALUES ($1)', [text])
  const [row] = await server.query<{ name: string }>('SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS name')
  await server.query('SELECT pg_switch_wal()')
  return row!.name
}

const there = async (file: string): Promise<true | undefined> => fs.stat(file).then(() => true as const, () => undefined)

describe.each<Major>([14, 17])('PostgreSQL %i', (major) => {
  it('archives with the script, survives a missing archive, and recovers from it', async () => {
    const server = await TestServer.create(major)
    servers.push(server)
    const own = async (file: string): Promise<void> => {
      if (process.getuid?.() === 0) await fs.chown(file, server.account.uid, server.account.gid)
    }
    const archive = path.join(server.root, `it's 100% "the" archive \\ 歸檔`)
    await fs.mkdir(archive)
    await own(archive)
    const systemIdentifier = (await fs.readFile(path.join(server.dataDir, 'global', 'pg_control'))).readBigUInt64LE(0)
    const script = path.join(server.dataDir, ARCHIVE_SCRIPT_NAME)
    await fs.writeFile(script, archiveScript({ archiveDir: archive, systemIdentifier }))
    const base = path.join(server.root, 'base')
    expect((await runAs(server.account, 'cp', ['-a', server.dataDir, base])).code).toBe(0)
    await fs.appendFile(path.join(server.dataDir, 'postgresql.conf'), `archive_mode = on\narchive_command = ${quoteValue(archiveCommand(script))}\n`)
    await server.start()
    await server.query('CREATE TABLE t (what text)')

    const first = await finishSegment(server, 'first')
    await until(server, first, async () => there(path.join(archive, first)))
    const stored = await fs.readFile(path.join(archive, first))
    expect(stored.equals(await fs.readFile(path.join(server.dataDir, 'pg_wal', first)))).toBe(true)
    expect(checkSegment(first, readSegmentHeader(stored), { systemIdentifier, segmentSize: SIZE, fileSize: stored.length })).toEqual([])

    // A backup leaves a .backup file behind.
    const client = server.client()
    await client.connect()
    await client.query(major >= 15 ? "SELECT pg_backup_start('test', true)" : "SELECT pg_start_backup('test', true, false)")
    await client.query(major >= 15 ? 'SELECT pg_backup_stop(false)' : 'SELECT pg_stop_backup(false, false)')
    await client.end()
    const backup = await until(server, 'a .backup file', async () => (await fs.readdir(archive)).find((name) => parseWalName(name).kind === 'backup'))
    expect(parseBackupHistory(await fs.readFile(path.join(archive, backup), 'utf8'))).toMatchObject({ label: 'test', start: { segment: backup.slice(0, 24) } })

    const status = path.join(server.dataDir, 'pg_wal', 'archive_status')
    // Only when the archiver is done with it is nothing under way that would be the first to fail.
    await until(server, 'the .backup file is done', async () => there(path.join(status, `${backup}.done`)))
    // The archive goes away: failures are counted, the log says why in one line, and nothing is lost once it is back.
    await fs.rename(archive, `${archive} away`)
    const second = await finishSegment(server, 'second')
    await until(server, 'a counted failure', async () => (await server.query("SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0 AND last_failed_wal = $1", [second]))[0])
    expect(await server.log()).toContain(`pgwal-archive: ${second}: the archive directory ${archive} does not exist (or is not mounted)\n`)
    expect(await server.log()).toContain('archive command failed with exit code 1')
    await fs.rename(`${archive} away`, archive)
    await until(server, second, async () => there(path.join(archive, second)))

    // The script itself goes away: an ordinary, counted failure, and the archiver stays alive.
    await fs.rename(script, `${script}.away`)
    const third = await finishSegment(server, 'third')
    await until(server, 'a counted failure', async () => (await server.query('SELECT 1 FROM pg_stat_archiver WHERE last_failed_wal = $1', [third]))[0])
    expect(await server.query("SELECT 1 FROM pg_stat_activity WHERE backend_type = 'archiver'")).toHaveLength(1)
    await fs.rename(`${script}.away`, script)
    await until(server, third, async () => there(path.join(archive, third)))

    // A promotion sends a .history and a .partial file.
    await server.stop()
    await fs.writeFile(path.join(server.dataDir, 'standby.signal'), '')
    await own(path.join(server.dataDir, 'standby.signal'))
    await server.start()
    await server.query('SELECT pg_promote()')
    const last = await finishSegment(server, 'on timeline 2')
    await until(server, last, async () => there(path.join(archive, last)))
    // The name is there a moment before the script has removed its temporary one.
    await until(server, 'an archiver with nothing to do', async () => ((await fs.readdir(status)).some((name) => name.endsWith('.ready')) ? undefined : true))
    const names = await fs.readdir(archive)
    expect(new Set(names.map((name) => parseWalName(name).kind))).toEqual(new Set(['segment', 'backup', 'partial', 'history']))
    const history = parseHistory(await fs.readFile(path.join(archive, '00000002.history'), 'utf8'), 2)
    expect(history).toMatchObject({ parents: [{ timeline: 1 }], problems: [] })
    expect(findGaps(names, new Map([[2, history]]), SIZE)).toMatchObject({ gaps: [], missingHistories: [], impossible: 0 })
    for (const name of names.filter((name) => parseWalName(name).kind === 'segment' || parseWalName(name).kind === 'partial')) {
      const bytes = await fs.readFile(path.join(archive, name))
      expect(checkSegment(name, readSegmentHeader(bytes), { systemIdentifier, segmentSize: SIZE, fileSize: bytes.length, ancestors: new Set([1]) }), name).toEqual([])
    }
    await server.stop()

    // The copy from before the first segment, brought to the end of timeline 2 by restore_command alone.
    await fs.rm(server.dataDir, { recursive: true })
    await fs.rename(base, server.dataDir)
    await fs.rm(path.join(server.dataDir, 'pg_wal', first), { force: true })
    await fs.appendFile(path.join(server.dataDir, 'postgresql.conf'), `restore_command = ${quoteValue(restoreCommand(archive))}\n`)
    await fs.writeFile(path.join(server.dataDir, 'recovery.signal'), '')
    await own(path.join(server.dataDir, 'recovery.signal'))
    await server.start()
    await until(server, 'the end of recovery', async () => (await server.query('SELECT 1 WHERE NOT pg_is_in_recovery()'))[0])
    expect(await server.query('SELECT what FROM t')).toEqual(['first', 'second', 'third', 'on timeline 2'].map((what) => ({ what })))
  })
})
