import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { fromSource } from './support/from-source.mjs'
import { mainJob, program } from './support/main-job.mjs'
import { recoveryJob } from './support/windows-recovery.mjs'
import { whyNoWine, WineMachine } from './support/wine.mjs'

const SERVICE = 'postgresql-x64-15'
const BASE = 'C:\\Program Files\\PostgreSQL\\15'
const HERE = 'Program Files/PostgreSQL/15'
/** A blank, and what cmd.exe takes for more than a letter. */
const DATA = 'data & 15'

export default {
  title: 'Windows under Wine: EDB\'s layout, PostgreSQL 15 as a real service',

  whyNot: whyNoWine,

  async run(test) {
    const machine = await WineMachine.create()
    try {
      const data = path.join(machine.root, HERE, DATA)
      const conf = `${HERE}/${DATA}/postgresql.conf`
      await install(machine, data)
      const pgwal = program(machine)

      await test('the cluster is found by its service, not by what the installer once wrote down', async () => {
        const { clusters } = (await pgwal('clusters', '--json')).json
        assert.deepEqual(clusters.map((one) => [one.id, one.platform, one.service.kind, one.service.name, one.version, one.running]), [[SERVICE, 'windows', 'windows', SERVICE, '15.18', true]])
        assert.equal(clusters[0].dataDir, `C:/Program Files/PostgreSQL/15/${DATA}`)
      })

      await test('without elevated rights nothing is changed, and it is said how', async () => {
        const groups = path.join(machine.root, 'stand-ins/whoami-groups.out')
        const elevated = await fs.readFile(groups, 'utf8')
        await fs.writeFile(groups, elevated.replace('S-1-16-12288', 'S-1-16-8192'))
        const done = await pgwal('enable', '--cluster', SERVICE, '--yes', '--json')
        await fs.writeFile(groups, elevated)
        assert.equal(done.code, 2, done.stdout)
        assert.equal(done.json.error.code, 'need-elevation')
        assert.deepEqual(await fs.readdir(machine.root).then((names) => names.includes('pg_backups')), false)
      })

      const refuse = path.join(machine.root, 'stand-ins/refuse.txt')
      const target = {
        cluster: SERVICE,
        conf,
        hba: `${HERE}/${DATA}/pg_hba.conf`,
        // The service manager, a policy or an antivirus that does not let it start.
        refuseArchiving: () => fs.writeFile(refuse, 'C:\\conf-of-the-lab.txt\r\n'),
        allowArchiving: () => fs.rm(refuse),
        drills: 'ProgramData',
      }
      // The stand-in opens it by a name that the machine's code page has.
      await fs.symlink(path.join(machine.root, conf), path.join(machine.root, 'conf-of-the-lab.txt'))

      const archive = path.join(machine.root, 'pg_backups/wal')
      let compared = 0
      const jobTest = async (title, body) => {
        await test(title, body)
        if (!title.startsWith('verify')) return
        await test('the Windows server archived whole segments, byte for byte, under their names', async () => {
          const names = (await fs.readdir(archive)).filter((name) => /^[0-9A-F]{24}$/.test(name))
          assert.ok(names.length > 0, 'nothing was archived')
          assert.deepEqual((await fs.readdir(archive)).filter((name) => name.startsWith('.pgwal')), [])
          for (const name of names) {
            const stored = await fs.readFile(path.join(archive, name))
            assert.equal(stored.length, 16 << 20)
            const original = await fs.readFile(path.join(data, 'pg_wal', name)).catch(() => undefined)
            if (original === undefined) continue
            compared++
            assert.ok(stored.equals(original), name)
          }
          assert.ok(compared > 0, 'no segment was left to compare with')
        })
        await test('postgresql.conf kept its CRLF, and the command names nothing outside ASCII', async () => {
          const text = await fs.readFile(path.join(machine.root, conf), 'utf8')
          assert.ok(!/[^\r]\n/.test(text))
          assert.match(text, /^archive_command = '"\.\\\\pgwal-archive\.cmd" "%p" "%f" \|\| exit 1'/m)
        })
        await test('the directory was left to the service\'s account by its number', async () => {
          const [call] = (await machine.calls()).filter((line) => line.startsWith('icacls') || /icacls(\.exe)?"? /.test(line))
          assert.match(call ?? '', /C:\\pg_backups\\wal" ?\/inheritance:r|C:\\pg_backups\\wal \/inheritance:r/)
          assert.match(call, /\*S-1-5-20:\(OI\)\(CI\)F/)
        })
      }
      await mainJob(jobTest, machine, target)
      await truthTable(test, machine)
      await recoveryJob(test, machine, { cluster: SERVICE, data, archive })
    } finally {
      await machine.remove()
    }
  },
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** As EDB's installer leaves it, with its registry entries gone stale since. */
async function install(machine, data) {
  const must = async (file, ...args) => {
    const done = await machine.run(file, args)
    assert.equal(done.code, 0, `${file} ${args.join(' ')}: ${done.stdout}${done.stderr}`)
  }
  const directory = `${BASE}\\${DATA}`
  await must(`${BASE}\\bin\\initdb.exe`, '-D', directory, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale')
  await must(`${BASE}\\bin\\pg_ctl.exe`, 'register', '-N', SERVICE, '-D', directory, '-w')
  // Wine runs every service as the one user that it has; what is registered is what counts here.
  await must('reg', 'add', `HKLM\\SYSTEM\\CurrentControlSet\\Services\\${SERVICE}`, '/v', 'ObjectName', '/d', 'NT AUTHORITY\\NetworkService', '/f')
  const installed = `HKLM\\SOFTWARE\\PostgreSQL\\Installations\\${SERVICE}`
  await must('reg', 'add', installed, '/v', 'Base Directory', '/d', 'C:/Program Files\\PostgreSQL\\15', '/f')
  await must('reg', 'add', installed, '/v', 'Data Directory', '/d', 'C:\\Program Files\\PostgreSQL\\15\\data', '/f')
  const conf = path.join(data, 'postgresql.conf')
  const text = await fs.readFile(conf, 'utf8')
  assert.ok(text.includes('\r\n'), 'initdb on Windows writes CRLF')
  await fs.writeFile(conf, `${text.replace(/^#port = 5432/m, `port = ${await freePort()}`).replace(/^#logging_collector = off/m, 'logging_collector = on')}`)
  for (let attempt = 0; ; attempt++) {
    if (/ready/.test(await fs.readFile(path.join(data, 'postmaster.pid'), 'utf8').catch(() => ''))) return
    assert.ok(attempt < 60, 'the service does not come up')
    // Right after the start of the machine its service manager is still busy.
    await machine.run('net', ['start', SERVICE])
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}

/** The batch file by itself, under Wine's cmd.exe: what is in the archive and what comes, against what must be there afterwards. */
async function truthTable(test, machine) {
  // Written as enable writes it, for a directory that has all that cmd.exe could stumble over.
  const { cmdArchiveScript, cmdRestoreCommand } = await fromSource('postgres/archive-command/writer-cmd.ts')
  const inside = 'truth/WAL (of & more) ^too'
  const archive = path.join(machine.root, inside)
  const name = '000000010000000000000001'
  await fs.mkdir(archive, { recursive: true })
  await fs.mkdir(path.join(machine.root, 'truth/pg wal'))
  const source = path.join(machine.root, 'truth/pg wal', name)
  const content = Buffer.alloc(1 << 20, 'WAL')
  await fs.writeFile(source, content)
  await fs.writeFile(path.join(machine.root, 'truth/pgwal-archive.cmd'), cmdArchiveScript({ archiveDir: `C:/${inside}` }))
  await fs.writeFile(path.join(machine.root, 'truth/run.js'), `
    const { status, stderr } = require('node:child_process').spawnSync('cmd.exe', ['/c', process.argv[2]], { cwd: 'C:\\\\truth', windowsVerbatimArguments: true })
    process.stdout.write(JSON.stringify({ status, stderr: String(stderr) }))`)
  // As the server's own system() does it: all in one more pair of quotes.
  const system = async (command) => JSON.parse((await machine.run('C:\\node\\node.exe', ['C:\\truth\\run.js', `"${command}"`])).stdout)
  const store = (file, wal = name) => system(`".\\pgwal-archive.cmd" "${file}" "${wal}" || exit 1`)
  const WAL = `pg wal\\${name}`
  const stored = path.join(archive, name)
  const empty = async () => {
    await fs.rm(archive, { recursive: true })
    await fs.mkdir(archive)
  }
  const cases = [
    ['a new file is stored', {}, 0, content],
    ['the same again is a success', { before: content }, 0, content],
    ['another content is refused and stays', { before: Buffer.from('other'), why: /with different content/ }, 1, Buffer.from('other')],
    ['half a copy under the name is refused and stays', { before: content.subarray(0, 1000), why: /with different content/ }, 1, content.subarray(0, 1000)],
    ['one byte makes a difference', { before: Buffer.concat([content.subarray(1), Buffer.from('x')]), why: /with different content/ }, 1, Buffer.concat([content.subarray(1), Buffer.from('x')])],
    ['what a broken copy left is cleared away', { leftover: true }, 0, content],
    ['a directory of that name is refused', { directory: true, why: /is a directory/ }, 1, undefined],
    ['a source that is not there is refused', { source: 'pg wal\\nothing', why: /there is no file/ }, 1, undefined],
    ['a name that is none is refused', { wal: '..\\x', why: /not the name of a WAL file/ }, 1, undefined],
    ['an archive that is not there is refused', { gone: true, why: /does not exist/ }, 1, undefined],
  ]
  for (const [title, { before, leftover, directory, source: from = WAL, wal, gone, why }, status, after] of cases) {
    await test(`cmd.exe: ${title}`, async () => {
      await empty()
      if (before !== undefined) await fs.writeFile(stored, before)
      if (leftover === true) await fs.writeFile(path.join(archive, `.pgwal.${name}~1234`), 'half')
      if (directory === true) await fs.mkdir(stored)
      if (gone === true) await fs.rm(archive, { recursive: true })
      const done = await store(from, wal)
      assert.equal(done.status, status, done.stderr)
      if (why !== undefined) assert.match(done.stderr, why)
      if (gone === true) {
        await fs.mkdir(archive)
        return
      }
      if (after !== undefined) assert.ok((await fs.readFile(stored)).equals(after))
      const names = await fs.readdir(archive)
      assert.deepEqual(names.filter((one) => one !== name), [])
      if (after === undefined && directory !== true) assert.deepEqual(names, [])
    })
  }

  await test('cmd.exe: restore_command brings the file, says 1 for one that is not there, and more for a directory that is gone', async () => {
    await empty()
    await fs.writeFile(stored, content)
    const fetch = (wal) => system(cmdRestoreCommand(`C:/${inside}`).replaceAll('%f', wal).replaceAll('%p', 'pg wal\\RECOVERYXLOG'))
    const given = path.join(machine.root, 'truth/pg wal/RECOVERYXLOG')
    assert.equal((await fetch('000000010000000000000002')).status, 1)
    assert.equal(await fs.stat(given).then(() => true, () => false), false)
    const done = await fetch(name)
    assert.equal(done.status, 0, done.stderr)
    assert.ok((await fs.readFile(given)).equals(content))
    await fs.rm(archive, { recursive: true })
    assert.ok((await fetch(name)).status > 125)
    await fs.mkdir(archive)
  })
}
