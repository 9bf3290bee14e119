import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import { Machine, whyNot } from './support/machine.mjs'
import { mainJob, program, unitThatRefusesArchiving } from './support/main-job.mjs'

export default {
  title: 'Debian, systemd, postgresql-15 as a real unit, two clusters',

  async whyNot() {
    return (await whyNot()) ?? ((await fs.stat('/usr/lib/postgresql/15/bin/postgres').catch(() => undefined)) === undefined ? 'postgresql-15 is not installed' : undefined)
  },

  async run(test) {
    const machine = await Machine.create('debian-systemd')
    try {
      await machine.boot()
      await machine.run('pg_createcluster', ['15', 'second', '--start'])
      const pgwal = program(machine)
      const conf = '/etc/postgresql/15/main/postgresql.conf'
      const main = { cluster: '15/main', conf, hba: '/etc/postgresql/15/main/pg_hba.conf', ...unitThatRefusesArchiving(machine, 'postgresql@15-main', conf) }

      await test('both clusters are found, each with its unit', async () => {
        const { clusters } = (await pgwal('clusters', '--json')).json
        assert.deepEqual(clusters.map((one) => [one.id, one.platform, one.service.kind, one.service.name]).sort(), [
          ['15/main', 'linux-apt', 'systemd', 'postgresql@15-main'],
          ['15/second', 'linux-apt', 'systemd', 'postgresql@15-second'],
        ])
      })

      await mainJob(test, machine, main)

      await test('the second cluster was not touched, and gets an archive directory of its own', async () => {
        const conf = await fs.readFile(path.join(machine.root, 'etc/postgresql/15/second/postgresql.conf'), 'utf8')
        assert.ok(!/^archive_mode/m.test(conf))
        await pgwal('enable', '--cluster', '15/main', '--yes', '--json')
        const { plan } = (await pgwal('enable', '--cluster', '15/second', '--dry-run', '--json')).json
        const made = plan.steps.filter((step) => step.kind === 'make-directory').map((step) => step.path)
        assert.ok(made.every((directory) => directory !== '/var/lib/postgresql/backups/wal'), made.join())
      })

      await test('a server restarted outside its unit is named, with the way out', async () => {
        const ctl = ['-u', 'postgres', '--', '/usr/lib/postgresql/15/bin/pg_ctl', '-D', '/var/lib/postgresql/15/second', '-w', '-o', '-c config_file=/etc/postgresql/15/second/postgresql.conf', '-l', '/tmp/second.log', 'restart']
        const restarted = await machine.run('runuser', ctl)
        assert.equal(restarted.code, 0, restarted.stdout + restarted.stderr + (await machine.run('tail', ['/tmp/second.log'])).stdout)
        const { clusters } = (await pgwal('clusters', '--json')).json
        const second = clusters.find((one) => one.id === '15/second')
        assert.equal(second.running, true)
        assert.ok(second.notes.some((note) => note.code === 'outside-unit'), JSON.stringify(second.notes))
      })
    } finally {
      await machine.remove()
    }
  },
}
