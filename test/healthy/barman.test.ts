// Servers whose WAL Barman takes: pushed by barman-wal-archive, pushed by rsync into its spool, and streamed through a slot.
// Where Barman's documentation has ssh to the backup host, a stand-in runs the remote command here.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import fs from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { runAs, TestServer } from '../support/server.ts'
import { configure, directoryOf, drained, expectNoAlarm, isRoot, load, own, switchWal, whyNotInstalled } from './support.ts'

const reason = await whyNotInstalled('barman', 'barman-wal-archive', 'rsync', '/usr/lib/postgresql/15/bin/pg_receivewal')

describe.skipIf(reason !== undefined)(`Barman${reason === undefined ? '' : ` (skipped: ${reason})`}`, () => {
  let server: TestServer
  let file: string
  let receiving: ChildProcess | undefined
  const home = () => `${server.root}/barman`
  const barman = async (...args: string[]) => {
    const ran = await runAs(server.account, 'barman', ['-c', file, ...args])
    expect(ran.code, `${args.join(' ')}: ${ran.stdout}${ran.stderr}`).toBe(0)
    return ran.stdout
  }
  const set = async (...lines: string[]) => {
    const conninfo = `host=${server.socketDir} port=${server.port} user=postgres`
    await fs.writeFile(file, [
      '[barman]', `barman_user = ${server.account.name}`, `barman_home = ${home()}`, `configuration_files_directory = ${home()}/none`, `barman_lock_directory = ${home()}`, `log_file = ${home()}/barman.log`, 'path_prefix = /usr/lib/postgresql/15/bin',
      '[main]', 'description = main', `conninfo = ${conninfo} dbname=postgres`, `streaming_conninfo = ${conninfo}`, 'backup_method = postgres', ...lines, ''].join('\n'))
    await own(server, file)
  }
  /** Starts `barman receive-wal`, which ends with the server or the test. */
  const receive = async () => {
    const account = isRoot ? { uid: server.account.uid, gid: server.account.gid } : {}
    receiving = spawn('barman', ['-c', file, 'receive-wal', 'main'], { stdio: 'ignore', detached: true, ...account })
    await eventually(async () => (await server.query("SELECT 1 FROM pg_stat_replication WHERE application_name = 'barman_receive_wal' AND state = 'streaming'")).length === 1, 'barman receive-wal')
  }
  const ended = async () => {
    const child = receiving
    receiving = undefined
    if (child?.pid === undefined || child.exitCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    // Barman runs pg_receivewal as a child of its own.
    process.kill(-child.pid, 'SIGTERM')
    await gone
  }

  beforeAll(async () => {
    // Barman of Debian 12 knows PostgreSQL up to 15.
    server = await TestServer.create(15)
    await directoryOf(server, 'barman')
    await directoryOf(server, 'bin')
    await fs.writeFile(`${server.root}/bin/ssh`, '#!/bin/sh\nwhile [ $# -gt 0 ]; do case $1 in -l|-p|-o|-i) shift 2 ;; -*) shift ;; *) break ;; esac; done\nshift\nexec sh -c "$*"\n', { mode: 0o755 })
    // The server's archiver finds the stand-in through the PATH that it is started with.
    process.env['PATH'] = `${server.root}/bin:${process.env['PATH']}`
    file = `${server.root}/barman.conf`
    await set('archiver = on')
    await configure(server, 'archive_mode = on', `archive_command = 'barman-wal-archive -c ${file} -U ${server.account.name} localhost main %p'`)
    await server.start()
  })
  afterEach(ended)
  afterAll(() => server?.remove())

  it('barman-wal-archive', async () => {
    await switchWal(server)
    await drained(server)
    await barman('archive-wal', 'main')
    await barman('check', 'main')
    const busy = await load(server, 2)
    try {
      await expectNoAlarm(server, 'barman-wal-archive, under load')
    } finally {
      await busy.stop()
    }
    await expectNoAlarm(server, 'barman-wal-archive, at rest')
  })

  it.each(['localhost:', ''])('rsync to %s/…/incoming', async (host) => {
    await configure(server, `archive_command = 'rsync -a %p ${host}${home()}/main/incoming/%f'`)
    await server.pgCtl('reload')
    await eventually(async () => (await server.query<{ value: string }>("SELECT current_setting('archive_command') AS value"))[0]!.value.includes(`rsync -a %p ${host}${home()}`))
    for (let segment = 0; segment < 4; segment++) await switchWal(server)
    await drained(server)
    await expectNoAlarm(server, 'before Barman has taken what came in')
    await barman('archive-wal', 'main')
    await barman('check', 'main')
    await switchWal(server)
    await drained(server)
    await expectNoAlarm(server, 'with the older segments taken')
    await barman('backup', '--immediate-checkpoint', '--wait', 'main')
    await barman('archive-wal', 'main')
    await expectNoAlarm(server, 'after barman backup')
  })

  it('streaming beside the archiver, with a slot', async () => {
    await set('archiver = on', 'streaming_archiver = on', 'slot_name = barman')
    await barman('receive-wal', '--create-slot', 'main')
    await receive()
    await switchWal(server)
    await drained(server)
    await expectNoAlarm(server, 'both')
  })

  it('streaming alone, archive_mode off', async () => {
    await set('streaming_archiver = on', 'slot_name = barman')
    await configure(server, 'archive_mode = off', "archive_command = ''")
    await server.restart()
    await receive()
    await switchWal(server)
    const busy = await load(server, 2)
    try {
      await expectNoAlarm(server, 'streaming alone')
    } finally {
      await busy.stop()
    }
  })
})
