// How many 16 MiB segments a second a real archiver stores: with plain cp, with pgwal's script, and, where the module is
// installed, with basic_archive (15 and newer). One run, one server, the same work in turns: the ratios mean something,
// the numbers only on this machine.
import fs from 'node:fs/promises'
import path from 'node:path'
import { load } from './load.mjs'

const MAJOR = 15
const BASIC_ARCHIVE = ['/usr/lib/postgresql/15/lib/basic_archive.so', '/usr/pgsql-15/lib/basic_archive.so']

export const title = `16 MiB segments a second through the archiver of PostgreSQL ${MAJOR}, the fastest of several rounds`

/** Segments a second (other work on the machine only ever slows a round down), and the ratio to plain cp. */
export async function bench({ segments = 20, rounds = 5 } = {}) {
  const { TestServer, archiveCommand, archiveScript } = await load(`
    export { TestServer } from './test/support/server.ts'
    export { archiveCommand, archiveScript } from './src/postgres/archive-command/writer.ts'`)
  const { installServers } = await import('../support/install-servers.mjs')
  if (!await installServers([MAJOR])) throw new Error('no server for this platform')
  let module
  for (const candidate of BASIC_ARCHIVE) if (await fs.stat(candidate).then(() => true, () => false)) module ??= candidate.replace(/\.so$/, '')

  // fsync decides whether basic_archive syncs: without it the comparison would be unfair.
  const conf = `fsync = on\narchive_mode = on\ninclude_if_exists = 'archive.conf'\nmax_wal_size = 8GB\nautovacuum = off\ncheckpoint_timeout = 1h\nlog_min_messages = error`
  const measure = async (server, what, archiveDir, setting) => {
    for (let index = 0; index < segments; index++) {
      await server.query('SELECT txid_current()')
      await server.query('SELECT pg_switch_wal()')
    }
    const status = path.join(server.dataDir, 'pg_wal', 'archive_status')
    const waiting = async () => (await fs.readdir(status)).filter((name) => name.endsWith('.ready')).length
    const before = await waiting()
    const file = path.join(server.dataDir, 'archive.conf')
    await fs.writeFile(file, setting)
    const begun = process.hrtime.bigint()
    await server.query('SELECT pg_reload_conf()')
    while (await waiting() > 0) {
      if (process.hrtime.bigint() - begun > 120_000_000_000n) throw new Error(`${what}: not archived within 120 s\n${await server.log()}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const seconds = Number(process.hrtime.bigint() - begun) / 1e9
    await fs.rm(file)
    await server.query('SELECT pg_reload_conf()')
    const stored = (await fs.readdir(archiveDir)).filter((name) => name.length === 24).length
    if (stored < before) throw new Error(`${what}: ${stored} files in the archive, ${before} were waiting`)
    for (const name of await fs.readdir(archiveDir)) await fs.rm(path.join(archiveDir, name))
    await server.query('CHECKPOINT')
    return before / seconds
  }
  const prepare = async (extra) => {
    const server = await TestServer.create(MAJOR, { walSegmentMiB: 16, conf: `${conf}\n${extra}` })
    try {
      const archiveDir = path.join(server.root, 'archive')
      await fs.mkdir(archiveDir)
      if (process.getuid?.() === 0) await fs.chown(archiveDir, server.account.uid, server.account.gid)
      await server.start()
      return { server, archiveDir }
    } catch (error) {
      await server.remove()
      throw error
    }
  }

  const results = new Map()
  const note = (what, value) => results.set(what, [...(results.get(what) ?? []), value])
  const shell = await prepare('')
  const library = module === undefined ? undefined : await prepare(`archive_library = '${module}'`).catch(async (error) => {
    await shell.server.remove()
    throw error
  })
  try {
    const [{ id }] = await shell.server.query('SELECT system_identifier::text AS id FROM pg_control_system()')
    const script = path.join(shell.server.root, 'pgwal-archive.sh')
    await fs.writeFile(script, archiveScript({ archiveDir: shell.archiveDir, systemIdentifier: BigInt(id) }))
    const set = (command) => `archive_command = '${command.replaceAll("'", "''")}'\n`
    for (let round = -1; round < rounds; round++) {
      // The round before the first warms caches and recycled segments, and is not counted.
      const counted = round >= 0 ? note : () => undefined
      counted('cp', await measure(shell.server, 'cp', shell.archiveDir, set(`cp "%p" '${shell.archiveDir}/%f'`)))
      counted('pgwal-archive.sh', await measure(shell.server, 'pgwal-archive.sh', shell.archiveDir, set(archiveCommand(script))))
      if (library !== undefined) {
        counted('basic_archive', await measure(library.server, 'basic_archive', library.archiveDir,
          `basic_archive.archive_directory = '${library.archiveDir}'\n`))
      }
    }
  } finally {
    await shell.server.remove()
    await library?.server.remove()
  }
  const base = Math.max(...results.get('cp'))
  return [...results].map(([what, values]) => ({ what, value: Math.max(...values), unit: 'seg/s', ratio: Math.max(...values) / base, reference: 'cp' }))
}
