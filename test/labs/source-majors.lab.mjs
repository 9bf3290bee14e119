import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import { Machine, whyNot } from './support/machine.mjs'
import { about, mainJob, must, program, together, unitThatRefusesArchiving } from './support/main-job.mjs'

const MAJORS = [12, 13, 14, 15, 16, 17, 18]
const OWNER = 'dba'
/** How the server is started, with options that stand in no file. */
const port = (major) => 5400 + major
const UNIT = 'company-database'

export default {
  title: 'source builds of every major under /usr/local, another owner than postgres, by hand and under a hand-written unit',

  async whyNot() {
    return (await whyNot()) ?? (process.arch === 'x64' ? undefined : 'the servers are built for x64')
  },

  async run(test) {
    const machine = await Machine.create('source-majors')
    try {
      // This machine's own servers are not part of it.
      await fs.rm(path.join(machine.root, 'etc/postgresql'), { recursive: true, force: true })
      await machine.prepare('useradd', ['--create-home', '--shell', '/bin/sh', OWNER])
      await machine.boot()
      const pgwal = program(machine)
      const dba = (file, args) => must(machine, 'runuser', ['-u', OWNER, '--', file, ...args])
      const create = async (major, prefix, dataDir) => {
        await machine.installServer(major, prefix)
        await must(machine, 'install', ['-d', '-o', OWNER, path.dirname(dataDir)])
        await dba(`${prefix}/bin/initdb`, ['-D', dataDir, '--no-sync', '-A', 'scram-sha-256', '--auth-local=peer'])
      }
      const clusterOf = async (id) => (await pgwal('clusters', '--json')).json.clusters.find((one) => one.id === id)

      await together([...MAJORS.map((major) => async () => {
        const prefix = `/usr/local/pgsql-${major}`
        const dataDir = `/srv/databases/${major}/data`
        const own = about(test, major)
        await create(major, prefix, dataDir)
        await dba(`${prefix}/bin/pg_ctl`, ['-D', dataDir, '-w', '-l', `/srv/databases/${major}/log`, '-o', `-c work_mem=8MB -p ${port(major)}`, 'start'])

        await own('the cluster is found, with its programs and its owner', async () => {
          const cluster = await clusterOf(dataDir)
          assert.deepEqual(
            [cluster.platform, cluster.version.split('.')[0], cluster.binDir, cluster.owner, cluster.port, cluster.service.kind, cluster.running],
            ['source', String(major), `${prefix}/bin`, OWNER, port(major), 'pg_ctl', true])
        })

        await mainJob(own, machine, { cluster: dataDir, conf: `${dataDir}/postgresql.conf`, hba: `${dataDir}/pg_hba.conf`, ...programThatRefusesArchiving(machine, prefix, `${dataDir}/postgresql.conf`) })

        await own('three restarts and a rollback later, it still runs with the options of its first start', async () => {
          const options = await fs.readFile(path.join(machine.root, dataDir, 'postmaster.opts'), 'utf8')
          assert.match(options, /"-c" "work_mem=8MB" "-p" "\d+"/)
          assert.equal((await clusterOf(dataDir)).port, port(major))
          assert.ok((await fs.readFile(path.join(machine.root, `srv/databases/${major}/log`), 'utf8')).length > 0)
        })
      }), async () => {
        const prefix = '/usr/local/pgsql'
        const dataDir = '/usr/local/pgsql-data/main'
        const own = about(test, UNIT)
        await create(17, prefix, dataDir)
        // As the manual has it, for a server without --with-systemd.
        await fs.writeFile(path.join(machine.root, `etc/systemd/system/${UNIT}.service`), [
          '[Unit]', 'Description=The company\'s database', '', '[Service]', 'Type=exec', `User=${OWNER}`, 'RuntimeDirectory=company', `ExecStart=${prefix}/bin/postgres -D ${dataDir} -c work_mem=8MB`,
          'ExecReload=/bin/kill -HUP $MAINPID', 'KillMode=mixed', 'KillSignal=SIGINT', 'TimeoutSec=infinity', '', '[Install]', 'WantedBy=multi-user.target', '',
        ].join('\n'))
        await must(machine, 'systemctl', ['daemon-reload'])
        await must(machine, 'systemctl', ['start', UNIT])

        await own('the cluster is found under its unit', async () => {
          const cluster = await clusterOf(dataDir)
          assert.deepEqual([cluster.platform, cluster.owner, cluster.binDir, cluster.service.kind, cluster.service.name, cluster.running], ['source', OWNER, `${prefix}/bin`, 'systemd', UNIT, true])
        })

        await mainJob(own, machine, { cluster: dataDir, conf: `${dataDir}/postgresql.conf`, hba: `${dataDir}/pg_hba.conf`, ...unitThatRefusesArchiving(machine, UNIT, `${dataDir}/postgresql.conf`) })

        await own('every restart went through the unit', async () => {
          assert.equal((await must(machine, 'systemctl', ['is-active', UNIT])).trim(), 'active')
          const mainPid = (await must(machine, 'systemctl', ['show', '-p', 'MainPID', '--value', UNIT])).trim()
          const [pid] = (await fs.readFile(path.join(machine.root, dataDir, 'postmaster.pid'), 'utf8')).split('\n')
          assert.equal(pid, mainPid)
          assert.deepEqual((await clusterOf(dataDir)).notes, [])
        })
      }])
    } finally {
      await machine.remove()
    }
  },
}

/** A wrapper in the program's place that will not start it for an archiving server: what a site's own policy does to a good configuration. */
function programThatRefusesArchiving(machine, prefix, conf) {
  const program = path.join(machine.root, prefix, 'bin/postgres')
  return {
    async refuseArchiving() {
      await fs.rename(program, `${program}.real`)
      await fs.writeFile(program, [
        '#!/bin/sh', 'case " $* " in', '  *" -C "* | *" -V "* | *" --version "*) ;;', `  *) if grep -q '^archive_mode *= *on' '${conf}'; then echo 'FATAL:  no archiving here' >&2; exit 1; fi ;;`, 'esac', 'exec "$0.real" "$@"', '',
      ].join('\n'), { mode: 0o755 })
    },
    async allowArchiving() {
      await fs.rename(`${program}.real`, program)
    },
  }
}
