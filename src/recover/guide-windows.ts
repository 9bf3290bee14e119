// What to type after a recovery on Windows, in its command prompt.
import { privateDirectoryArguments } from '../host/icacls.ts'
import type { Command } from '../platforms/platform.ts'
import type { RecoverCommands } from '../report/recover-report.ts'
import { KEPT } from './finish.ts'
import { PREPARED } from './guide.ts'
import type { Guiding } from './guide.ts'
import { placeAt } from './place.ts'

/** One word for cmd.exe, in which a slash begins an option and only double quotes count. */
function word(text: string): string {
  const own = /^[A-Za-z]:\//.test(text) ? text.replaceAll('/', '\\') : text
  return /^[\w:\\/.@=+-]+$/.test(own) ? own : `"${own}"`
}

function line(...words: readonly string[]): string {
  return words.map(word).join(' ')
}

/** The same as `commandsFor`, for Windows. */
export function windowsCommandsFor(options: Guiding): RecoverCommands {
  const { root, port, cluster, service, binDir } = options
  const place = placeAt(root)
  const server = (name: string): string => (binDir === undefined ? name : `${binDir}/${name}.exe`)
  const client = (name: string): string => (options.hasClients ? server(name) : name)
  const login = ['-h', '127.0.0.1', '-p', String(port), '-U', options.superuser]
  const control = (...words: readonly string[]): string => line(server('pg_ctl'), '-D', root, ...words)
  const stop = control('-m', 'fast', 'stop')
  const psql = line(client('psql'), ...login, '-d', 'postgres')
  const typed = (commands: readonly Command[] | undefined): string => (commands ?? []).map(({ file, args }) => line(file, ...args)).join(' && ')
  const old = cluster?.dataDir.replace(/\/+$/, '')
  const aside = `${old}.before-recovery`
  // `move` leaves no drive with a directory.
  const moved = old?.slice(0, 2).toLowerCase() === root.slice(0, 2).toLowerCase() ? ['move'] : ['robocopy', '/e', '/move', '/sj']
  const production = cluster === undefined || old === undefined
    ? [
      { code: 'check-settings' as const, command: line('notepad', `${place.dataDir}/postgresql.conf`) },
      { code: 'start' as const, command: line(server('pg_ctl'), '-D', place.dataDir, '-l', place.logFile, 'start') },
    ]
    : [
      { code: 'move-old' as const, command: line('move', old, aside) },
      { code: 'move-new' as const, command: line(moved[0]!, place.dataDir, old, ...moved.slice(1)) },
      { code: 'rights' as const, command: line('icacls', ...privateDirectoryArguments(old, cluster.owner)) },
      { code: 'start' as const, command: typed(service?.start) },
    ]
  const archived = `${options.archive.replaceAll('/', '\\')}\\%~nxf`
  return {
    start: [control('-l', place.logFile, '-w', '-t', '86400', 'start')],
    watch: [line('type', place.logFile)],
    look: [psql],
    takeTable: [`${line(client('pg_dump'), ...login, '-t', 'TABLE', 'DATABASE')} >table.sql`],
    accept: options.paused ? [`${psql} -c "SELECT pg_wal_replay_resume()"`] : [],
    prepared: options.prepared ? [`${psql} -c "${PREPARED}"`] : [],
    goLive: [
      ...(service === undefined ? [] : [{ code: 'stop-production' as const, command: typed(service.stop) }]),
      { code: 'stop-restored', command: stop },
      { code: 'settings-back', command: line('copy', '/y', `${root}/${KEPT}/postgresql.auto.conf`, `${place.dataDir}/postgresql.auto.conf`) },
      { code: 'history', command: `for /r ${word(`${place.dataDir}/pg_wal`)} %f in (*.history) do @if not exist "${archived}" copy "%f" "${archived}"` },
      ...production,
      { code: 'backup', command: cluster === undefined ? 'pgwal backup' : line('pgwal', 'backup', '--cluster', cluster.id) },
    ],
    discard: [stop, `if exist ${word(`${place.dataDir}/PG_VERSION`)} ${line('rmdir', '/s', '/q', root)}`],
  }
}
