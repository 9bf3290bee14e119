import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import { Machine, whyNot } from './support/machine.mjs'
import { mainJob, must, program } from './support/main-job.mjs'

const CONF = '/etc/postgresql/15/main'

export default {
  title: 'Debian without systemd: pg_ctlcluster',

  async whyNot() {
    return (await whyNot()) ?? ((await fs.stat('/usr/lib/postgresql/15/bin/postgres').catch(() => undefined)) === undefined ? 'postgresql-15 is not installed' : undefined)
  },

  async run(test) {
    const machine = await Machine.create('debian-no-systemd')
    try {
      await machine.startBare()
      await machine.run('pg_dropcluster', ['--stop', '15', 'main'])
      await must(machine, 'pg_createcluster', ['15', 'main', '--start'])
      const pgwal = program(machine)

      await test('the cluster is found, with pg_ctlcluster as its service', async () => {
        const { clusters } = (await pgwal('clusters', '--json')).json
        assert.deepEqual(clusters.map((one) => [one.id, one.platform, one.running, one.service.kind, one.service.name]), [['15/main', 'linux-apt', true, 'pg_ctlcluster', '15 main']])
      })

      await mainJob(test, machine, {
        cluster: '15/main', conf: `${CONF}/postgresql.conf`, hba: `${CONF}/pg_hba.conf`,
        // Options for the next start, in a file that is none of PostgreSQL's: with archiving on, the server refuses them.
        async refuseArchiving() {
          await fs.writeFile(path.join(machine.root, CONF, 'pg_ctl.conf'), "pg_ctl_options = '-o \"-c wal_level=minimal -c max_wal_senders=0\"'\n")
        },
        async allowArchiving() {
          await fs.writeFile(path.join(machine.root, CONF, 'pg_ctl.conf'), "pg_ctl_options = ''\n")
        },
      })

      await test('a server that is down: the files are set, and it is left down', async () => {
        await must(machine, 'pg_ctlcluster', ['15', 'main', 'stop'])
        const done = await pgwal('enable', '--cluster', '15/main', '--yes', '--json')
        assert.equal(done.code, 0, done.stdout + done.stderr)
        assert.equal((await pgwal('clusters', '--json')).json.clusters[0].running, false)
        await must(machine, 'pg_ctlcluster', ['15', 'main', 'start'])
        const verified = await pgwal('verify', '--cluster', '15/main', '--json')
        assert.equal(verified.code, 0, verified.stdout + verified.stderr)
      })
    } finally {
      await machine.remove()
    }
  },
}
