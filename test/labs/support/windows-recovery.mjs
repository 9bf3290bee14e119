// On a Windows machine: a mistake, a recovery to just before it, a start with the very lines that were printed, and going live with them.
import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import pg from 'pg'
import { program } from './main-job.mjs'

/** A blank, and what cmd.exe takes for more than a letter. */
const INTO = 'restored & new'

/** Puts lines into cmd.exe as they are. */
export async function commandPrompt(machine) {
  await fs.writeFile(path.join(machine.root, 'prompt.js'), `
    const fs = require('node:fs')
    const said = fs.openSync('C:\\\\prompt.txt', 'w')
    const { status } = require('node:child_process').spawnSync('cmd.exe', ['/s', '/c', '"' + process.argv[2] + '"'], { cwd: 'C:\\\\', windowsVerbatimArguments: true, stdio: ['ignore', said, said] })
    process.exitCode = status ?? 99`)
  return async (line) => {
    const { code } = await machine.run('C:\\node\\node.exe', ['C:\\prompt.js', line])
    const said = await fs.readFile(path.join(machine.root, 'prompt.txt'), 'utf8')
    assert.equal(code, 0, `${line}\n${said}`)
    return said
  }
}

/**
 * @param cluster its id, of a server that lets everybody in on 127.0.0.1
 * @param data its data directory, as seen from here
 * @param archive the directory that enable chose
 */
export async function recoveryJob(test, machine, { cluster, data, archive }) {
  const pgwal = program(machine)
  const prompt = await commandPrompt(machine)
  const choose = ['--cluster', cluster]
  const enabled = await pgwal('enable', ...choose, '--yes', '--json')
  assert.equal(enabled.code, 0, enabled.stdout)
  const conf = await fs.readFile(path.join(data, 'postgresql.conf'), 'utf8')
  const port = Number(/^port = (\d+)/m.exec(conf)[1])
  let first
  await test('backup: through the low-level interface, verified, for the service\'s account and ours alone', async () => {
    const inside = await pgwal('backup', `${(await pgwal('clusters', '--json')).json.clusters[0].dataDir.toUpperCase()}/x`, ...choose, '--json')
    assert.deepEqual([inside.code, inside.json.error.code], [2, 'backup-inside'], inside.stdout)
    const done = await pgwal('backup', 'C:\\backups', ...choose, '--json')
    assert.equal(done.code, 0, done.stdout)
    first = path.basename(done.json.backup.path)
    assert.deepEqual([done.json.backup.method, done.json.backup.manifestBy], ['low-level', 'pgwal'], done.stdout)
    assert.deepEqual(await fs.readdir(path.join(machine.root, 'backups')), [first])
    assert.ok((await machine.calls()).some((line) => /\.pgwal-backup-[0-9a-f]{12}"? \/inheritance:r \/grant:r "?\*S-1-5-20:/.test(line)))
  })
  const wanted = await mistake(port)
  const names = (await fs.readdir(archive)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort()
  const recover = (...args) => pgwal('recover', '--from-backup', 'C:\\backups', ...(args.includes('--into') ? [] : ['--into', `C:\\${INTO}\\`]), ...choose, '--yes', '--json', ...args)
  const root = path.join(machine.root, INTO)
  const isThere = (file) => fs.access(file).then(() => true, () => false)

  await test('recover: never into the data directory, however it is written', async () => {
    const { dataDir } = (await pgwal('clusters', '--json')).json.clusters[0]
    for (const into of [`${dataDir.replaceAll('/', '\\').toUpperCase()}\\NEW`, `${dataDir.toLowerCase()}/base/../new`, `\\\\?\\${dataDir.replaceAll('/', '\\')}\\new`, 'C:\\PG_BACKUPS/WAL\\new', 'c:/BACKUPS/new']) {
      const done = await recover('--into', into, '--to', 'latest')
      assert.equal(done.code, 2, done.stdout)
      assert.equal(done.json.error.code, into.startsWith('\\\\') ? 'into-unusable' : 'into-inside', `${into}: ${done.stdout}`)
    }
    assert.deepEqual((await fs.readdir(data)).filter((name) => /^new/i.test(name)), [])
  })

  await test('recover: what is damaged is not restored, and nothing of it stays', async () => {
    const file = path.join(machine.root, 'backups', first, 'data/global/pg_filenode.map')
    const whole = await fs.readFile(file)
    await fs.writeFile(file, Buffer.from(whole).fill(1, 100, 101))
    const done = await recover('--to', wanted.time)
    await fs.writeFile(file, whole)
    assert.deepEqual([done.code, done.json.error.code], [2, 'backup-damaged'], done.stdout)
    assert.match(done.json.error.message, /pg_filenode\.map/)
    assert.equal(await isThere(root), false)
  })

  await test('recover: a missing segment is named', async () => {
    await fs.rename(path.join(archive, names.at(-2)), path.join(machine.root, 'hidden'))
    const done = await recover('--to', 'latest')
    await fs.rename(path.join(machine.root, 'hidden'), path.join(archive, names.at(-2)))
    assert.deepEqual([done.code, done.json.error.code], [2, 'target-gap'], done.stdout)
    assert.ok(done.json.error.message.includes(names.at(-2)), done.stdout)
  })

  const drill = async (...args) => (await pgwal('verify', ...choose, '--drill', '--from-backup', 'C:\\backups', '--json', ...args)).json.clusters[0].checks.find(({ id }) => id === 'backup-drill')
  const left = async () => (await fs.readdir(path.join(machine.root, 'ProgramData'))).filter((name) => name.startsWith('pgwal-drill-'))
  await test('verify --drill --from-backup: the backup restores to now and to a target, and nothing of it is left', async () => {
    for (const [args, code] of [[[], 'restored'], [['--to', wanted.time], 'restored-to-target']]) {
      const done = await drill(...args)
      assert.deepEqual([done.verdict, done.detail?.code], ['pass', code], JSON.stringify(done))
      assert.deepEqual(await left(), [])
    }
  })

  await test('verify --drill --from-backup: a missing segment is named, and a damaged one', async () => {
    const [segment, hidden] = [path.join(archive, names.at(-2)), path.join(machine.root, 'hidden')]
    await fs.rename(segment, hidden)
    const missing = await drill()
    await fs.copyFile(hidden, segment)
    await fs.truncate(segment, 1 << 20)
    const damaged = await drill()
    await fs.rename(hidden, segment)
    assert.deepEqual([missing.verdict, missing.findings[0].code, damaged.verdict, damaged.findings[0].code], ['fail', 'target-gap', 'fail', 'target-damaged'], JSON.stringify([missing, damaged]))
    for (const { findings } of [missing, damaged]) assert.ok(findings[0].message.includes(names.at(-2)), findings[0].message)
    assert.deepEqual(await left(), [])
  })

  let applied
  await test('recover: the backup is restored and compared, for the service\'s account and ours alone', async () => {
    const planned = await recover('--to', wanted.time, '--dry-run')
    assert.deepEqual([planned.code, planned.json.outcome, await isThere(root)], [0, 'planned', false], planned.stdout)
    applied = await recover('--to', wanted.time)
    assert.deepEqual([applied.code, applied.json.outcome, applied.json.done.compared], [0, 'applied', true], applied.stdout)
    assert.equal(applied.json.plan.target.seen, true)
    assert.equal(applied.json.plan.into.owner, 'NT AUTHORITY\\NetworkService')
    const call = (await machine.calls()).findLast((line) => line.includes(INTO))
    assert.match(call, /\/inheritance:r \/grant:r "?\*S-1-5-20:\(OI\)\(CI\)F"? "?\*S-1-5-21-[\d-]+-1001:\(OI\)\(CI\)F"?/)
    assert.deepEqual((await fs.readdir(root)).sort(), ['GUIDE.txt', 'data', 'kept', 'pg_hba.conf', 'pg_ident.conf', 'postgresql.conf', 'tablespaces', 'wal'])
    assert.match(await fs.readFile(path.join(root, 'postgresql.conf'), 'utf8'), /^restore_command = '\(if not exist "C:\\\\restored & new\\\\wal" exit 255\) .*^archive_mode = 'off'/ms)
    const again = await recover('--to', wanted.time)
    assert.deepEqual([again.code, again.json.error.code], [2, 'into-not-empty'], again.stdout)
  })

  const restored = async (sql) => query(applied.json.plan.port, sql)
  await test('recover: started with the line that was printed, it has the row that was lost, and not what came later', async () => {
    for (const line of applied.json.commands.start) await prompt(line)
    await eventually(async () => (await restored('SELECT pg_is_in_recovery() AS recovery'))[0].recovery === false)
    // Wine's `type` opens nothing that another program writes to.
    assert.match(await fs.readFile(path.join(root, 'server.log'), 'utf8'), /recovery stopping before commit/)
    assert.deepEqual(await restored('SELECT what FROM precious'), [{ what: 'kept' }])
    assert.deepEqual(await restored("SELECT to_regclass('later') AS later, pg_is_in_recovery() AS recovery, current_setting('archive_mode') AS archives"), [{ later: null, recovery: false, archives: 'off' }])
  })

  await test('recover: it goes live with the lines that were printed', async () => {
    for (const { code, command } of applied.json.commands.goLive) if (code !== 'backup') await prompt(command)
    await eventually(async () => (await query(port, 'SELECT 1')).length === 1)
    assert.deepEqual(await query(port, "SELECT what, current_setting('archive_mode') AS archives FROM precious"), [{ what: 'kept', archives: 'on' }])
    assert.ok(await isThere(path.join(archive, '00000002.history')))
    assert.ok(await isThere(`${data}.before-recovery`))
    assert.match((await machine.calls()).findLast((line) => line.startsWith('icacls')), /\\data & 15" \/inheritance:r \/grant:r/)
  })

  await test('where the cluster asks for a password, so do a drill\'s copy and a restored server; what a newer backup replaces goes', async () => {
    const secret = 'Geheim & "mehr"'
    await query(port, `ALTER USER postgres PASSWORD '${secret}'`)
    await fs.writeFile(path.join(data, 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n')
    // On Windows each new session reads the file itself.
    await query(port, 'SELECT pg_reload_conf()', secret)
    const asked = async (...args) => machine.run(process.execPath, ['pgwal', ...args, ...choose, '--json'], { env: { PGPASSWORD: secret } })
    const made = await asked('backup', 'C:\\backups', '--keep', '1', '--yes')
    assert.equal(made.code, 0, made.stdout)
    const second = path.basename(JSON.parse(made.stdout).backup.path)
    assert.deepEqual(await fs.readdir(path.join(machine.root, 'backups')), [second])
    assert.equal(await isThere(path.join(archive, names[0])), false)
    const drilled = await asked('verify', '--drill', '--from-backup', 'C:\\backups')
    const proved = JSON.parse(drilled.stdout).clusters[0].checks.find(({ id }) => id === 'backup-drill')
    assert.equal(proved.verdict, 'pass', JSON.stringify(proved))
    assert.ok(proved.detail.params.backup.includes(second))
    const done = await recover('--to', 'latest', '--into', 'C:\\closed')
    assert.equal(done.code, 0, done.stdout)
    for (const line of done.json.commands.start) await prompt(line)
    await assert.rejects(query(done.json.plan.port, 'SELECT'), /password/)
    await eventually(async () => (await query(done.json.plan.port, 'SELECT pg_is_in_recovery() AS recovery', secret))[0].recovery === false)
    for (const line of done.json.commands.discard) await prompt(line)
    assert.equal(await isThere(path.join(machine.root, 'closed')), false)
    assert.ok(!`${made.stdout}${drilled.stdout}${drilled.stderr}${done.stdout}`.includes('Geheim'))
  })
}

async function query(port, sql, password) {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', password })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function eventually(look) {
  for (let attempt = 0; ; attempt++) {
    const found = await look().catch((error) => error)
    if (found === true) return
    if (attempt === 240) throw found instanceof Error ? found : new Error('it did not come about')
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

/** A table that is dropped by mistake, some segments before the end of the archive; gives the moment before. */
async function mistake(port) {
  await query(port, 'CREATE TABLE precious (what text)')
  await query(port, "INSERT INTO precious VALUES ('kept')")
  await query(port, 'SELECT pg_switch_wal()')
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const [{ time }] = await query(port, "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')||'+00' AS time")
  await query(port, 'DROP TABLE precious')
  for (let segment = 0; segment < 3; segment++) {
    await query(port, `CREATE TABLE ${segment === 0 ? 'later' : `later${segment}`} ()`)
    const [{ name }] = await query(port, 'SELECT pg_walfile_name(pg_switch_wal()) AS name')
    await eventually(async () => (await query(port, `SELECT FROM pg_stat_archiver WHERE last_archived_wal >= '${name}'`)).length === 1)
  }
  return { time }
}
