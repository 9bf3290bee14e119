// A prefix laid out like Linuxbrew, owned by an ordinary login user. Its `brew` is a stand-in: it prints what brew prints, and it
// really starts, supervises and stops a real server, with the habits of the real one that matter here: it refuses root, returns
// before the server is up, stops with SIGTERM and then with SIGKILL, and starts a server that ends over and over again.
import assert from 'node:assert/strict'
import fs from 'node:fs/promises'
import path from 'node:path'
import { Machine, whyNot } from './support/machine.mjs'
import { about, mainJob, must, program } from './support/main-job.mjs'

const PREFIX = '/home/linuxbrew/.linuxbrew'
const FORMULA = 'postgresql@16'
const DATA = `${PREFIX}/var/${FORMULA}`
const USER = 'alice'

export default {
  title: 'Homebrew: a prefix of Linuxbrew with a real server, held by a stand-in for brew, as its user and as root through sudo',

  async whyNot() {
    return (await whyNot()) ?? (process.arch === 'x64' ? undefined : 'the servers are built for x64')
  },

  async run(test) {
    const machine = await Machine.create('homebrew')
    try {
      // This machine's own servers are not part of it.
      for (const place of ['etc/postgresql', 'var/lib/postgresql']) await fs.rm(path.join(machine.root, place), { recursive: true, force: true })
      await machine.prepare('useradd', ['--create-home', '--shell', '/bin/sh', USER])
      await machine.installServer(16, `${PREFIX}/Cellar/${FORMULA}/16.14`)
      await layOut(machine)
      await machine.startBare()
      await must(machine, 'chown', ['-hR', `${USER}:`, path.dirname(PREFIX)])

      const user = { root: machine.root, run: (file, args = [], options) => machine.run('runuser', ['-u', USER, '--', '/usr/bin/env', `HOME=/home/${USER}`, `PATH=${PREFIX}/bin:/usr/bin:/bin`, file, ...args], options) }
      const sudo = { root: machine.root, run: (file, args = [], options) => machine.run('/usr/bin/env', [`SUDO_USER=${USER}`, file, ...args], options) }
      const brew = (...args) => must(user, `${PREFIX}/bin/brew`, args)

      // As the formula does after it was installed: no account of its own, no role postgres, everybody is trusted.
      await must(user, `${PREFIX}/opt/${FORMULA}/bin/initdb`, ['--locale=C', '-E', 'UTF-8', '--no-sync', DATA])
      await brew('services', 'start', FORMULA)
      await untilReady(machine)

      await test('the stand-in refuses root, as brew does', async () => {
        const refused = await machine.run(`${PREFIX}/bin/brew`, ['services', 'info', '--all', '--json'])
        assert.equal(refused.code, 1)
        assert.match(refused.stderr, /Running Homebrew as root/)
      })

      for (const [name, seen] of [['as the user', user], ['as root with SUDO_USER', sudo]]) {
        const own = about(test, name)
        await own('the cluster is found, held by brew', async () => {
          const { clusters } = (await program(seen)('clusters', '--json')).json
          assert.deepEqual(
            clusters.map((one) => [one.id, one.platform, one.owner, one.running, one.service.kind, one.service.name, one.binDir, one.notes]),
            [[DATA, 'homebrew', USER, true, 'brew', FORMULA, `${PREFIX}/Cellar/${FORMULA}/16.14/bin`, []]])
        })

        const before = await calls(machine)
        await mainJob(own, seen, { cluster: DATA, conf: `${DATA}/postgresql.conf`, hba: `${DATA}/pg_hba.conf`, ...siteThatRefusesArchiving(machine) })

        await own('every restart was brew\'s, in the name of its user, and none was asked of it as root', async () => {
          const made = (await calls(machine)).slice(before.length)
          // enable, undo, enable that fails, and the way back.
          assert.ok(made.filter((line) => line === `${USER} services restart ${FORMULA}`).length >= 3, made.join('\n'))
          assert.ok(made.every((line) => line.startsWith(`${USER} `)), made.join('\n'))
          const [service] = JSON.parse(await brew('services', 'info', '--all', '--json'))
          const [pid] = (await fs.readFile(path.join(machine.root, DATA, 'postmaster.pid'), 'utf8')).split('\n')
          assert.deepEqual([service.status, String(service.pid)], ['started', pid])
        })
      }

      await test('the archive is the user\'s, beside the data', async () => {
        const done = await program(sudo)('enable', '--cluster', DATA, '--yes', '--json')
        assert.equal(done.code, 0, done.stdout + done.stderr)
        assert.equal((await must(machine, 'stat', ['-c', '%U %a', `${DATA}-wal`])).trim(), `${USER} 700`)
        assert.ok((await must(user, 'ls', [`${DATA}-wal`])).length > 0)
        assert.equal((await program(user)('verify', '--cluster', DATA, '--json')).code, 0)
      })

      await test('a server beside its service is named, and the next restart brings it back', async () => {
        await brew('services', 'stop', FORMULA)
        await must(user, `${PREFIX}/opt/${FORMULA}/bin/pg_ctl`, ['start', '-w', '-D', DATA, '-l', '/tmp/by-hand.log'])
        await brew('services', 'start', FORMULA)
        const find = async () => (await program(user)('clusters', '--json')).json.clusters[0]
        assert.deepEqual((await find()).notes.map((note) => note.code), ['outside-unit'])
        const undone = await program(user)('undo', '--cluster', DATA, '--yes', '--json')
        assert.equal(undone.code, 0, undone.stdout + undone.stderr)
        const now = await find()
        assert.deepEqual([now.running, now.service.kind], [true, 'brew'])
      })
    } finally {
      await machine.remove()
    }
  },
}

async function layOut(machine) {
  const inside = (file) => path.join(machine.root, file)
  for (const directory of ['bin', 'opt', 'var/log']) await fs.mkdir(inside(`${PREFIX}/${directory}`), { recursive: true })
  await fs.symlink(`../Cellar/${FORMULA}/16.14`, inside(`${PREFIX}/opt/${FORMULA}`))
  await fs.mkdir(inside(`${PREFIX}/Homebrew/bin`), { recursive: true })
  await fs.writeFile(inside(`${PREFIX}/Homebrew/bin/brew`), BREW, { mode: 0o755 })
  await fs.symlink('../Homebrew/bin/brew', inside(`${PREFIX}/bin/brew`))
}

async function calls(machine) {
  return (await fs.readFile(path.join(machine.root, PREFIX, 'var/calls'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
}

async function untilReady(machine) {
  for (let tries = 0; tries < 300; tries++) {
    const text = await fs.readFile(path.join(machine.root, DATA, 'postmaster.pid'), 'utf8').catch(() => '')
    if (/^ready/m.test(text)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail('the server did not start')
}

/** What a policy or a full machine does to a good configuration: the program ends, and the service starts it again and again. */
function siteThatRefusesArchiving(machine) {
  const file = path.join(machine.root, PREFIX, 'var/refuse')
  return {
    refuseArchiving: () => fs.writeFile(file, ''),
    allowArchiving: () => fs.rm(file),
  }
}

/** `keep_alive true` of the formula is the loop: systemd's Restart=always, launchd's KeepAlive. */
const BREW = `#!/bin/sh
prefix=${PREFIX}
if [ "$(id -u)" = 0 ]; then
  echo 'Error: Running Homebrew as root is extremely dangerous and no longer supported.' >&2
  exit 1
fi
[ "$1" = --prefix ] && { echo "$prefix"; exit 0; }
echo "$(id -un) $*" >>"$prefix/var/calls"
[ "$1" = services ] || { echo "Error: Unknown command: brew $1" >&2; exit 1; }
name=${FORMULA}
data="$prefix/var/$name"
log="$prefix/var/log/$name.log"
# Our supervisor, and the server that it started.
job="$prefix/var/job"
server="$prefix/var/server"
alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
stop() {
  alive "$job" && kill -KILL "$(cat "$job")"
  rm -f "$job"
  alive "$server" || return 0
  kill -TERM "$(cat "$server")"
  left=50
  while alive "$server"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { kill -KILL "$(cat "$server")"; break; }
    sleep 0.1
  done
  rm -f "$server"
}
start() {
  alive "$job" && { echo "Service \\\`$name\\\` already started, use \\\`brew services restart $name\\\` to restart."; return 0; }
  setsid sh -c '
    echo $$ >"$4"
    while :; do
      if [ -e "$1/var/refuse" ] && grep -q "^archive_mode *= *on" "$2/postgresql.conf"; then
        echo "FATAL:  no archiving here"
      else
        cd "$1"
        LC_ALL=C "$1/opt/$3/bin/postgres" -D "$2" &
        echo $! >"$5"
        wait $!
      fi
      sleep 0.5
    done' supervisor "$prefix" "$data" "$name" "$job" "$server" >>"$log" 2>&1 </dev/null &
  while ! alive "$job"; do sleep 0.05; done
  echo "==> Successfully started \\\`$name\\\` (label: homebrew.$name)"
}
state() {
  if ! alive "$job"; then status=none running=false loaded=false pid=null
  elif alive "$server"; then status=started running=true loaded=true pid=$(cat "$server")
  else status=error running=false loaded=true pid=null
  fi
}
case "$2" in
  start) start ;;
  stop) stop; echo "==> Successfully stopped \\\`$name\\\` (label: homebrew.$name)" ;;
  restart) stop; start ;;
  info)
    state
    cat <<END
[
  {
    "name": "$name",
    "service_name": "homebrew.$name",
    "running": $running,
    "loaded": $loaded,
    "schedulable": false,
    "pid": $pid,
    "exit_code": 0,
    "user": "$(id -un)",
    "status": "$status",
    "file": "$HOME/.config/systemd/user/homebrew.$name.service",
    "registered": $loaded,
    "loaded_file": null,
    "command": "LC_ALL=\\"C\\" $prefix/opt/$name/bin/postgres -D $data",
    "working_dir": "$prefix",
    "root_dir": null,
    "log_path": "$log",
    "error_log_path": "$log",
    "interval": null,
    "cron": null
  }
]
END
    ;;
  *) echo "Error: invalid subcommand" >&2; exit 1 ;;
esac
`
