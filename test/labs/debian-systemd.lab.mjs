import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import { Machine, whyNot } from './support/machine.mjs'
import { archives, mainJob, must, program, unitLines, unitThatRefusesArchiving } from './support/main-job.mjs'

export default {
  title: 'Debian, systemd, postgresql-15 as a real unit, two clusters',

  async whyNot() {
    return (await whyNot()) ?? ((await fs.stat('/usr/lib/postgresql/15/bin/postgres').catch(() => undefined)) === undefined ? 'postgresql-15 is not installed' : undefined)
  },

  async run(test) {
    const machine = await Machine.create('debian-systemd')
    try {
      await machine.boot()
      // As an installation has it that could make a certificate: the key is root's, for the group ssl-cert.
      await must(machine, 'make-ssl-cert', ['generate-default-snakeoil', '--force-overwrite'])
      await must(machine, 'pg_conftool', ['15', 'main', 'set', 'ssl', 'on'])
      await must(machine, 'systemctl', ['restart', 'postgresql@15-main'])
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

      /** Enable with a restart that goes wrong: put back by itself, and what the server or its unit said is shown. */
      const rolledBack = async (name, said) => {
        const files = [`/etc/postgresql/15/${name}/postgresql.conf`, `/etc/postgresql/15/${name}/pg_hba.conf`].map((file) => path.join(machine.root, file))
        const before = await Promise.all(files.map((file) => fs.readFile(file)))
        const done = await pgwal('enable', '--cluster', `15/${name}`, '--archive-dir', `/srv/wal-${name}`, '--yes')
        assert.equal(done.code, 1, done.stdout + done.stderr)
        assert.match(done.stdout + done.stderr, said)
        assert.deepEqual(await Promise.all(files.map((file) => fs.readFile(file))), before)
        const port = (await pgwal('clusters', '--json')).json.clusters.find((one) => one.id === `15/${name}`).port
        assert.equal((await must(machine, 'runuser', ['-u', 'postgres', '--', 'psql', '-p', String(port), '-Atc', 'SHOW archive_mode'])).trim(), 'off')
        assert.equal((await must(machine, 'systemctl', ['is-active', `postgresql@15-${name}`])).trim(), 'active')
        assert.match((await pgwal('undo', '--cluster', `15/${name}`, '--yes')).stdout, /othing to undo/)
      }

      for (const [when, hook] of [['before the server starts', 'ExecStartPre'], ['with the server up', 'ExecStartPost']]) {
        await test(`a unit that times out ${when}: rolled back`, async () => {
          const lines = unitLines(machine, 'postgresql@15-second', 'slow.conf')
          await lines.add('TimeoutStartSec=8', `${hook}=/bin/sh -c 'if ${archives('/etc/postgresql/15/second/postgresql.conf')}; then sleep 600; fi'`)
          await rolledBack('second', /timed out|timeout/i)
          await lines.remove()
        })
      }

      await test('a disk that is full at the restart: rolled back', async () => {
        const data = '/srv/small/data'
        await must(machine, 'install', ['-d', '-o', 'postgres', '-g', 'postgres', path.dirname(data)])
        await must(machine, 'mount', ['-t', 'tmpfs', '-o', 'size=96m,mode=755,uid=postgres,gid=postgres', 'tmpfs', path.dirname(data)])
        await must(machine, 'pg_createcluster', ['15', 'small', '-d', data, '--start', '--', '--wal-segsize=1'])
        const lines = unitLines(machine, 'postgresql@15-small', 'full.conf')
        // Somebody fills it just then, and makes room afterwards.
        await lines.add(`ExecStartPre=/bin/sh -c 'if ${archives('/etc/postgresql/15/small/postgresql.conf')}; then cat /dev/zero >${data}/../filler; true; else rm -f ${data}/../filler; fi'`)
        await rolledBack('small', /No space left on device/)
        await must(machine, 'pg_dropcluster', ['15', 'small', '--stop'])
      })

      await test('the second cluster was not touched, and gets an archive directory of its own', async () => {
        const conf = await fs.readFile(path.join(machine.root, 'etc/postgresql/15/second/postgresql.conf'), 'utf8')
        assert.ok(!/^archive_mode/m.test(conf))
        await pgwal('enable', '--cluster', '15/main', '--yes', '--json')
        const { plan } = (await pgwal('enable', '--cluster', '15/second', '--dry-run', '--json')).json
        const made = plan.steps.filter((step) => step.kind === 'make-directory').map((step) => step.path)
        assert.ok(made.every((directory) => directory !== '/var/lib/postgresql/backups/wal'), made.join())
      })

      await test('a server restarted outside its unit is named, with the way out', async () => {
        // In two steps: systemd runs ExecStop when the server ends, which would end a new one as well.
        const ctl = (...args) => machine.run('runuser', ['-u', 'postgres', '--', '/usr/lib/postgresql/15/bin/pg_ctl', '-D', '/var/lib/postgresql/15/second', '-w', ...args])
        const stopped = await ctl('stop')
        assert.equal(stopped.code, 0, stopped.stdout + stopped.stderr)
        const settled = await machine.run('timeout', ['60', 'sh', '-c', 'while systemctl show -p ActiveState --value postgresql@15-second | grep -Eqx "active|deactivating"; do sleep 0.2; done'])
        assert.equal(settled.code, 0, (await machine.run('systemctl', ['status', 'postgresql@15-second'])).stdout)
        const started = await ctl('-o', '-c config_file=/etc/postgresql/15/second/postgresql.conf', '-l', '/tmp/second.log', 'start')
        assert.equal(started.code, 0, started.stdout + started.stderr + (await machine.run('tail', ['/tmp/second.log'])).stdout)
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
