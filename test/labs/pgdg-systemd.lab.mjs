import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import { Machine, whyNot } from './support/machine.mjs'
import { about, mainJob, must, program, together, unitThatRefusesArchiving } from './support/main-job.mjs'

const HOME = '/var/lib/pgsql'

/**
 * The unit of PGDG's package, with one difference: npm's servers are built without --with-systemd and do not tell that they
 * are ready, so it is `exec` where the package has `notify`. Up to 15 the package starts the server by the name `postmaster`.
 */
const unitFile = (major) => [
  '[Unit]', `Description=PostgreSQL ${major} database server`, `Documentation=https://www.postgresql.org/docs/${major}/static/`, 'After=syslog.target', 'After=network-online.target', '',
  '[Service]', 'Type=exec', '', 'User=postgres', 'Group=postgres', '',
  `Environment=PGDATA=${HOME}/${major}/data/`, '', 'OOMScoreAdjust=-1000', 'Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj', 'Environment=PG_OOM_ADJUST_VALUE=0', '',
  `ExecStartPre=/usr/bin/test -f \${PGDATA}/PG_VERSION`, `ExecStart=/usr/pgsql-${major}/bin/${major < 16 ? 'postmaster' : 'postgres'} -D \${PGDATA}`, 'ExecReload=/bin/kill -HUP $MAINPID',
  'KillMode=mixed', 'KillSignal=SIGINT', '', 'TimeoutSec=0', 'TimeoutStartSec=0', 'TimeoutStopSec=1h', '', '[Install]', 'WantedBy=multi-user.target', '',
].join('\n')

export default {
  title: 'PGDG\'s layout for Red Hat: 13 with its PGDATA moved by a drop-in, 17 with ProtectSystem=strict',

  async whyNot() {
    return (await whyNot()) ?? (process.arch === 'x64' ? undefined : 'the servers are built for x64')
  },

  async run(test) {
    const machine = await Machine.create('pgdg-systemd')
    const inside = (file) => path.join(machine.root, file)
    const units = inside('etc/systemd/system')
    const dropIn = async (unit, name, ...lines) => {
      await fs.mkdir(path.join(units, `${unit}.service.d`), { recursive: true })
      await fs.writeFile(path.join(units, `${unit}.service.d`, name), ['[Service]', ...lines, ''].join('\n'))
    }
    try {
      // The account as the package makes it; Debian's own servers are not part of this machine.
      for (const place of ['etc/postgresql', 'etc/postgresql-common', 'usr/lib/postgresql', 'var/lib/postgresql']) await fs.rm(inside(place), { recursive: true, force: true })
      for (const name of ['pg_lsclusters', 'pg_ctlcluster']) await fs.rm(inside(`usr/bin/${name}`), { force: true })
      await fs.mkdir(inside(HOME), { recursive: true })
      await machine.prepare('userdel', ['postgres']).catch(() => undefined)
      await machine.prepare('groupdel', ['postgres']).catch(() => undefined)
      await machine.prepare('groupadd', ['--system', 'postgres'])
      await machine.prepare('useradd', ['--uid', '26', '--gid', 'postgres', '--no-create-home', '--home-dir', HOME, '--shell', '/bin/bash', '--comment', 'PostgreSQL Server', 'postgres'])
      await machine.prepare('chown', ['-R', 'postgres:postgres', HOME])
      await fs.chmod(inside(HOME), 0o700)
      await fs.writeFile(inside('etc/tmpfiles.d/postgresql.conf'), 'd /run/postgresql 0755 postgres postgres -\n')
      await together([13, 17].map((major) => async () => {
        await machine.installServer(major, `/usr/pgsql-${major}`)
        if (major < 16) await fs.symlink('postgres', inside(`usr/pgsql-${major}/bin/postmaster`))
        await fs.writeFile(inside(`usr/lib/systemd/system/postgresql-${major}.service`), unitFile(major))
      }))
      await dropIn('postgresql-13', 'override.conf', 'Environment=PGDATA=/srv/pg13')
      await dropIn('postgresql-17', 'hardening.conf', 'ProtectSystem=strict', `ReadWritePaths=${HOME}/17/data /run/postgresql`, 'PrivateTmp=yes', 'ProtectHome=yes')
      await machine.boot()
      const pgwal = program(machine)

      const places = { 13: '/srv/pg13', 17: `${HOME}/17/data` }
      await together(Object.entries(places).map(([major, data]) => async () => {
        await must(machine, 'install', ['-d', '-o', 'postgres', '-g', 'postgres', '-m', '0700', ...(data.startsWith(HOME) ? [path.dirname(data)] : []), data])
        await must(machine, 'runuser', ['-u', 'postgres', '--', `/usr/pgsql-${major}/bin/initdb`, '-D', data, '--no-sync', '-A', 'scram-sha-256', '--auth-local=peer'])
        // As the package builds and patches them.
        await fs.appendFile(inside(`${data}/postgresql.conf`), [`port = ${5400 + Number(major)}`, "unix_socket_directories = '/run/postgresql, /tmp'", 'logging_collector = on', "log_filename = 'postgresql-%a.log'", ''].join('\n'))
        await must(machine, 'systemctl', ['start', `postgresql-${major}`])
      }))

      await test('both are found, where their units say', async () => {
        const { clusters } = (await pgwal('clusters', '--json')).json
        assert.deepEqual(clusters.map((one) => [one.id, one.platform, one.binDir, one.service.kind, one.service.name, one.running, one.owner]).sort(), [
          ['/srv/pg13', 'linux-rpm', '/usr/pgsql-13/bin', 'systemd', 'postgresql-13', true, 'postgres'],
          [`${HOME}/17/data`, 'linux-rpm', '/usr/pgsql-17/bin', 'systemd', 'postgresql-17', true, 'postgres'],
        ])
      })

      const target = (major) => {
        const conf = `${places[major]}/postgresql.conf`
        return { cluster: places[major], flags: major === 13 ? ['--archive-dir', '/srv/archive'] : [], conf, hba: `${places[major]}/pg_hba.conf`, ...unitThatRefusesArchiving(machine, `postgresql-${major}`, conf) }
      }
      const archive = { 13: '/srv/archive 13', 17: `${HOME}/backups/wal` }
      const ours = 'etc/systemd/system/postgresql-17.service.d/pgwal.conf'
      const property = async (name) => (await must(machine, 'systemctl', ['show', '-p', name, '--value', 'postgresql-17'])).trim()
      const findings = async (major, id) => {
        const { checks } = (await pgwal('doctor', '--cluster', places[major], '--json')).json.clusters[0]
        return checks.find((check) => check.id === id)?.findings ?? []
      }

      await test('17: the plan opens the sandbox, and shows how', async () => {
        const { plan } = (await pgwal('enable', '--cluster', places[17], '--dry-run', '--json')).json
        const step = plan.steps.find((one) => one.path === `/${ours}`)
        assert.match(step.diff, new RegExp(`^\\+ReadWritePaths=-${archive[17]}$`, 'm'))
        assert.deepEqual(plan.steps.slice(-2).map(({ kind }) => kind), ['daemon-reload', 'restart'])
        const text = await pgwal('enable', '--cluster', places[17], '--dry-run')
        assert.match(text.stdout, /systemctl daemon-reload/)
      })

      await together([13, 17].map((major) => async () => mainJob(about(test, major), machine, target(major))))

      await test('17: undo and the rollback took the drop-in back, and systemd knows', async () => {
        await assert.rejects(fs.stat(inside(ours)), { code: 'ENOENT' })
        assert.equal(await property('NeedDaemonReload'), 'no')
        assert.ok(!(await property('ReadWritePaths')).includes('backups'))
        await fs.stat(inside('etc/systemd/system/postgresql-17.service.d/hardening.conf'))
      })

      await test('13: the usual place holds the WAL of 17 now, so another one is proposed', async () => {
        const { plan } = (await pgwal('enable', '--cluster', places[13], '--dry-run', '--json')).json
        assert.ok(plan.steps.some((step) => step.kind === 'make-directory' && step.path === `${HOME}/backups/pg13-wal`), JSON.stringify(plan.steps.map(({ path }) => path)))
      })

      await test('17: places that the service does not share are refused, with the line that hides them', async () => {
        await must(machine, 'install', ['-d', '-o', 'postgres', '/tmp/wal', '/home/archive'])
        for (const [directory, because] of [['/tmp/wal', 'PrivateTmp=yes'], ['/home/archive', 'ProtectHome=yes'], ['/var/tmp/wal', 'PrivateTmp=yes']]) {
          const done = await pgwal('enable', '--cluster', places[17], '--archive-dir', directory, '--dry-run', '--json')
          assert.equal(done.code, 2, done.stdout)
          assert.equal(done.json.error.code, 'archive-directory-hidden')
          assert.ok(done.json.error.message.includes(directory) && done.json.error.message.includes(because), done.json.error.message)
        }
      })

      await test('17: a sandbox that was tightened afterwards is named by doctor, and opened again by enable alone', async () => {
        const enabled = await pgwal('enable', '--cluster', places[17], '--yes', '--json')
        assert.equal(enabled.code, 0, enabled.stdout + enabled.stderr)
        assert.deepEqual(await findings(17, 'service-sandbox'), [])
        await fs.rm(inside(ours))
        await must(machine, 'systemctl', ['daemon-reload'])
        await must(machine, 'systemctl', ['restart', 'postgresql-17'])
        const [found] = await findings(17, 'service-sandbox')
        assert.deepEqual([found.code, found.severity, found.params.because], ['read-only', 'error', 'ProtectSystem=strict'])
        const again = await pgwal('enable', '--cluster', places[17], '--yes', '--json')
        assert.equal(again.code, 0, again.stdout + again.stderr)
        assert.deepEqual(again.json.plan.steps.map(({ kind }) => kind), ['write-file', 'daemon-reload', 'restart'])
        assert.deepEqual(await findings(17, 'service-sandbox'), [])
      })

      await test('17: both runs are undone', async () => {
        for (let run = 0; run < 2; run++) {
          const done = await pgwal('undo', '--cluster', places[17], '--yes', '--json')
          // Our drop-in of the first run was removed by hand: what is gone counts as put back.
          assert.equal(done.code, 0, done.stdout + done.stderr)
        }
        await assert.rejects(fs.stat(inside(ours)), { code: 'ENOENT' })
        assert.equal(await property('NeedDaemonReload'), 'no')
        assert.equal(await property('ActiveState'), 'active')
      })

      await test('13: ReadOnlyPaths on an archive with a blank in its name is opened, too', async () => {
        await dropIn('postgresql-13', 'read-only.conf', 'ReadOnlyPaths=/srv', 'ReadWritePaths=/srv/pg13')
        await must(machine, 'install', ['-d', '-o', 'postgres', '-m', '0700', archive[13]])
        await must(machine, 'systemctl', ['daemon-reload'])
        await must(machine, 'systemctl', ['restart', 'postgresql-13'])
        const done = await pgwal('enable', '--cluster', places[13], '--archive-dir', archive[13], '--yes', '--json')
        assert.equal(done.code, 0, done.stdout + done.stderr)
        assert.deepEqual(await findings(13, 'service-sandbox'), [])
        const undone = await pgwal('undo', '--cluster', places[13], '--yes', '--json')
        assert.equal(undone.code, 0, undone.stdout + undone.stderr)
      })
    } finally {
      await machine.remove()
    }
  },
}
