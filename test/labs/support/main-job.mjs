// What every lab does on its machine: clusters, doctor, enable, verify, undo, and a restart that fails and is rolled back.
import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import { PROGRAM_DIRECTORY } from './machine.mjs'

const PROGRAM = path.join(PROGRAM_DIRECTORY, 'bin/run.cjs')

/** Runs the built program inside a machine; `json` is its output where that is JSON. */
export function program(machine) {
  return async (...args) => {
    const done = await machine.run(process.execPath, [PROGRAM, ...args])
    let json
    if (args.includes('--json')) {
      try {
        json = JSON.parse(done.stdout)
      } catch {
        assert.fail(`pgwal ${args.join(' ')} printed no JSON (exit ${done.code}):\n${done.stdout}\n${done.stderr}`)
      }
    }
    return { ...done, json }
  }
}

/**
 * @param target the cluster as seen inside the machine: its id, conf and hba, and `refuseArchiving`/`allowArchiving`, which make
 *   the service refuse to start with archive_mode on, although every file is right; `flags` are enable's; `drills` is
 *   where drills have their copies
 */
export async function mainJob(test, machine, target) {
  const pgwal = program(machine)
  const inside = (file) => path.join(machine.root, file)
  const verdictOf = (report, id) => report.checks.find((check) => check.id === id)?.verdict
  const before = { conf: await fs.readFile(inside(target.conf)), hba: await fs.readFile(inside(target.hba)), conf_: await fs.stat(inside(target.conf)), hba_: await fs.stat(inside(target.hba)) }
  const choose = ['--cluster', target.cluster]
  const { flags = [] } = target

  await test('doctor: WAL is not archived', async () => {
    const done = await pgwal('doctor', ...choose, '--json')
    assert.equal(done.code, 1)
    assert.equal(verdictOf(done.json.clusters[0], 'archive-mode'), 'fail')
    assert.equal(done.json.clusters[0].summary.crash, 0)
  })

  await test('enable: applied, restarted, proved', async () => {
    const done = await pgwal('enable', ...choose, ...flags, '--yes', '--json')
    assert.equal(done.code, 0, done.stdout + done.stderr)
    assert.equal(done.json.outcome, 'applied')
    assert.equal(verdictOf(done.json.verify, 'archive-round-trip'), 'pass')
  })

  await test('verify: a new segment arrives, identical', async () => {
    const done = await pgwal('verify', ...choose, '--json')
    assert.equal(done.code, 0, done.stdout + done.stderr)
    assert.equal(verdictOf(done.json.clusters[0], 'archive-round-trip'), 'pass')
  })

  await test('verify --drill: a copy is restored from the archive alone, and nothing of it is left', async () => {
    const done = await pgwal('verify', '--drill', ...choose, '--json')
    const drill = done.json.clusters[0].checks.find((check) => check.id === 'restore-drill')
    assert.equal(drill.verdict, 'pass', done.stdout + done.stderr)
    // Drills of other clusters may be under way.
    const { drills = '/var/tmp' } = target
    const left = (await fs.readdir(inside(drills))).filter((name) => name.startsWith('pgwal-drill-'))
    for (const name of left) {
      const marker = await fs.readFile(inside(`${drills}/${name}/pgwal-drill.json`), 'utf8').catch(() => '{}')
      assert.notEqual(JSON.parse(marker).cluster, done.json.clusters[0].cluster.dataDir)
    }
  })

  await test('doctor: no error left', async () => {
    const done = await pgwal('doctor', ...choose, '--json')
    assert.equal(done.json.clusters[0].summary.error, 0, done.stdout)
    assert.equal(done.json.clusters[0].summary.crash, 0)
  })

  await test('undo: every byte, owner and mode as before', async () => {
    const done = await pgwal('undo', ...choose, '--yes', '--json')
    assert.equal(done.code, 0, done.stdout + done.stderr)
    for (const name of ['conf', 'hba']) {
      assert.deepEqual(await fs.readFile(inside(target[name])), before[name])
      const now = await fs.stat(inside(target[name]))
      assert.deepEqual([now.mode, now.uid, now.gid], [before[`${name}_`].mode, before[`${name}_`].uid, before[`${name}_`].gid])
    }
    assert.equal(verdictOf((await pgwal('doctor', ...choose, '--json')).json.clusters[0], 'archive-mode'), 'fail')
  })

  await test('a restart that fails is rolled back, and the old server runs', async () => {
    await target.refuseArchiving()
    const done = await pgwal('enable', ...choose, ...flags, '--yes', '--json')
    assert.equal(done.code, 1, done.stdout + done.stderr)
    assert.equal(done.json.outcome, 'rolled-back')
    assert.deepEqual(await fs.readFile(inside(target.conf)), before.conf)
    assert.deepEqual(await fs.readFile(inside(target.hba)), before.hba)
    const { clusters } = (await pgwal('clusters', '--json')).json
    assert.equal(clusters.find((one) => one.id === target.cluster).running, true)
    await target.allowArchiving()
  })
}

/** Runs bodies at the same time and waits for all of them, also when one fails: nothing may be under way when a machine goes. */
export async function together(bodies) {
  const failed = (await Promise.allSettled(bodies.map((body) => body()))).find(({ status }) => status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** The same tests under a name of their own, for several clusters on one machine. */
export function about(test, name) {
  return (title, body) => test(`${name}: ${title}`, body)
}

/** Runs a program inside that must succeed. */
export async function must(machine, file, args, options) {
  const done = await machine.run(file, args, options)
  assert.equal(done.code, 0, `${file} ${args.join(' ')}\n${done.stdout}${done.stderr}`)
  return done.stdout
}

/** A start condition of the unit: what a policy, a wrapper or a full machine does to a good configuration. */
export function unitThatRefusesArchiving(machine, unit, conf) {
  const lines = unitLines(machine, unit, 'refuse.conf')
  return { refuseArchiving: () => lines.add(`ExecStartPre=/bin/sh -c '! ${archives(conf)}'`), allowArchiving: lines.remove }
}

/** For a shell: whether the file turns archiving on. */
export function archives(conf) {
  return `grep -q "^archive_mode *= *on" ${conf}`
}

/** Lines of a service that can be added to a unit, and taken away again. */
export function unitLines(machine, unit, name) {
  const dropIn = path.join(machine.root, `etc/systemd/system/${unit}.service.d`, name)
  return {
    async add(...lines) {
      await fs.mkdir(path.dirname(dropIn), { recursive: true })
      await fs.writeFile(dropIn, ['[Service]', ...lines, ''].join('\n'))
      await machine.run('systemctl', ['daemon-reload'])
    },
    async remove() {
      await fs.rm(dropIn)
      await machine.run('systemctl', ['daemon-reload'])
    },
  }
}
