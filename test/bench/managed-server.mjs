import { spawnSync } from 'node:child_process'
import fs from 'node:fs/promises'

/** Whether a program can be run here. */
export function installed(program, argument = '--version') {
  return spawnSync(program, [argument], { stdio: 'ignore' }).status === 0
}

/**
 * What runs `command` as the server's account, where the tool refuses root.
 * @param {{ file: string, args: string[] }} command
 */
export function asOwner(server, command) {
  if (process.getuid() !== 0) return command
  return { ...command, file: 'setpriv', args: [`--reuid=${server.account.uid}`, `--regid=${server.account.gid}`, '--clear-groups', '--', command.file, ...command.args] }
}

/** Gives a path to the server's account. */
export async function own(server, path) {
  if (process.getuid() === 0) await fs.chown(path, server.account.uid, server.account.gid)
}

/** pgBackRest's configuration for the server, with a repository of its own; returns how to call it. */
export async function pgbackrestFor(server) {
  const file = `${server.root}/pgbackrest.conf`
  for (const name of ['repo', 'log', 'lock', 'spool']) {
    await fs.mkdir(`${server.root}/${name}`)
    await own(server, `${server.root}/${name}`)
  }
  await fs.writeFile(file, [
    '[global]', `repo1-path=${server.root}/repo`, `log-path=${server.root}/log`, `lock-path=${server.root}/lock`, `spool-path=${server.root}/spool`, 'compress-type=lz4',
    '[main]', `pg1-path=${server.dataDir}`, `pg1-port=${server.port}`, `pg1-socket-path=${server.socketDir}`, `pg1-user=${server.superuser}`, ''].join('\n'))
  const call = (...args) => asOwner(server, { file: 'pgbackrest', args: [`--config=${file}`, '--stanza=main', ...args] })
  return { call, archiveCommand: `pgbackrest --config=${file} --stanza=main archive-push %p` }
}

/** Barman's configuration for the server, with a home of its own; returns how to call it. */
export async function barmanFor(server) {
  const home = `${server.root}/barman`
  await fs.mkdir(home)
  await own(server, home)
  const file = `${server.root}/barman.conf`
  const conninfo = `host=${server.socketDir} port=${server.port} user=${server.superuser} dbname=postgres`
  await fs.writeFile(file, [
    '[barman]', `barman_user = ${server.account.name}`, `barman_home = ${home}`, `configuration_files_directory = ${home}/none`, `barman_lock_directory = ${home}`, `log_file = ${home}/barman.log`,
    '[main]', 'description = main', `conninfo = ${conninfo}`, `streaming_conninfo = ${conninfo}`, 'backup_method = postgres', 'archiver = on', ''].join('\n'))
  return (...args) => asOwner(server, { file: 'barman', args: ['-c', file, ...args] })
}

/** Runs one of these commands, and throws with its output when it fails. */
export function run({ file, args }) {
  const done = spawnSync(file, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${done.stdout}${done.stderr}`)
}

/** Finishes some segments, and waits until all are archived. */
export async function archiveSegments(server, count) {
  const client = server.client()
  await client.connect()
  try {
    for (let segment = 0; segment < count; segment++) {
      await client.query("SELECT pg_create_restore_point('bench')")
      await client.query('SELECT pg_switch_wal()')
    }
  } finally {
    await client.end()
  }
  const status = `${server.dataDir}/pg_wal/archive_status`
  while ((await fs.readdir(status)).some((name) => name.endsWith('.ready'))) await new Promise((resolve) => setTimeout(resolve, 50))
}
