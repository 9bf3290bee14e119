// What to type after a recovery: start it, look at it, go live with it, or throw it away.
import type { Account } from '../host/host.ts'
import type { Cluster, Service } from '../platforms/platform.ts'
import { shellWord } from '../checks/support/shell-word.ts'
import type { RecoverCommands } from '../report/recover-report.ts'
import { KEPT } from './finish.ts'
import { windowsCommandsFor } from './guide-windows.ts'
import { placeAt } from './place.ts'
import type { Restoring } from './working.ts'

export interface Guiding {
  readonly root: string
  readonly port: number
  readonly archive: string
  /** Whether the server stops at the target and waits. */
  readonly paused: boolean
  /** Whether there may be prepared transactions. */
  readonly prepared: boolean
  /** Undefined where PostgreSQL's programs were not found: then they are named without a directory. */
  readonly binDir?: string
  /** Role to log in as. */
  readonly superuser: string
  /** Tells whether psql is among the server's programs. */
  readonly hasClients: boolean
  /** What the copy takes the place of, and how that is stopped and started. */
  readonly cluster?: Cluster
  readonly service?: Service
  /** Whether the old data directory is itself a mount point, which nobody can move. */
  readonly mounted?: boolean
}

/** No server ends them by itself, and each keeps its locks. */
export const PREPARED = 'SELECT gid, prepared, owner, database FROM pg_prepared_xacts'

export function commandsFor({ host, self, owner }: Pick<Restoring, 'host' | 'self' | 'owner'>, options: Guiding): RecoverCommands {
  if (host.os === 'win32') return windowsCommandsFor(options)
  const { root, port, cluster, service } = options
  const place = placeAt(root)
  const word = shellWord
  const inNameOf = (account: Account): string => (!self.privileged || self.uid === account.uid ? '' : host.os === 'darwin' ? `sudo -u ${word(account.name)} ` : `runuser -u ${word(account.name)} -- `)
  const asOwner = inNameOf(owner)
  const server = (name: string): string => word(options.binDir === undefined ? name : `${options.binDir}/${name}`)
  const client = (name: string): string => (options.hasClients ? server(name) : name)
  const login = `-h ${word(place.socketDir)} -p ${port} -U ${word(options.superuser)}`
  const control = `${asOwner}${server('pg_ctl')} -D ${word(root)}`
  const stop = `${control} -m fast stop`
  const typed = (commands: Service['start'] | undefined): string => (commands ?? []).map(({ file, args, as, env }) => {
    // A shell has those of its own.
    const variables = Object.entries(env ?? {}).filter(([name]) => !/^(?:PATH|LANG|LC_\w+)$/.test(name)).map(([name, value]) => `${name}=${value}`)
    return `${as === undefined ? '' : inNameOf(as)}${[...(variables.length === 0 ? [] : ['env', ...variables]), file, ...args].map(word).join(' ')}`
  }).join(' && ')
  const old = cluster?.dataDir.replace(/\/+$/, '')
  const production = old === undefined
    ? [
      { code: 'check-settings' as const, command: `$EDITOR ${word(`${place.dataDir}/postgresql.conf`)}` },
      { code: 'start' as const, command: `${asOwner}${server('pg_ctl')} -D ${word(place.dataDir)} -l ${word(place.logFile)} start` },
    ]
    : options.mounted === true ? [
      { code: 'move-old-content' as const, command: `${asOwner}sh -c ${word(`cd ${word(old)} && mkdir -m 700 before-recovery && find . -mindepth 1 -maxdepth 1 ! -name before-recovery ! -name lost+found -exec mv {} before-recovery/ \\;`)}` },
      { code: 'move-new' as const, command: `test ! -e ${word(`${old}/PG_VERSION`)} && ${asOwner}find ${word(place.dataDir)} -mindepth 1 -maxdepth 1 -exec mv {} ${word(`${old}/`)} \\; && ${asOwner}rmdir ${word(place.dataDir)}` },
      { code: 'start' as const, command: typed(service?.start) },
    ] : [
      { code: 'move-old' as const, command: `${asOwner}mv ${word(old)} ${word(`${old}.before-recovery`)}` },
      // Where the old one could not be moved (a mount point), it would go into it, and the old server start again.
      { code: 'move-new' as const, command: host.os === 'linux' ? `${asOwner}mv -T ${word(place.dataDir)} ${word(old)}` : `test ! -e ${word(old)} && ${asOwner}mv ${word(place.dataDir)} ${word(old)}` },
      { code: 'start' as const, command: typed(service?.start) },
    ]
  const kept = `${root}/${KEPT}/postgresql.auto.conf`
  return {
    start: [`${control} -l ${word(place.logFile)} -w -t 86400 start`],
    watch: [`${asOwner}tail -f ${word(place.logFile)}`],
    look: [`${asOwner}${client('psql')} ${login} -d postgres`],
    takeTable: [`${asOwner}${client('pg_dump')} ${login} -t TABLE DATABASE >table.sql`],
    accept: options.paused ? [`${asOwner}${client('psql')} ${login} -d postgres -c 'SELECT pg_wal_replay_resume()'`] : [],
    prepared: options.prepared ? [`${asOwner}${client('psql')} ${login} -d postgres -c '${PREPARED}'`] : [],
    goLive: [
      ...(service === undefined ? [] : [{ code: 'stop-production' as const, command: typed(service.stop) }]),
      { code: 'stop-restored', command: stop },
      { code: 'settings-back', command: `${asOwner}cp -p ${word(kept)} ${word(`${place.dataDir}/postgresql.auto.conf`)}` },
      // A server that does not archive leaves its history file unarchived, and later recoveries need it.
      { code: 'history', command: `${asOwner}sh -c ${word(`cp -n ${word(place.dataDir)}/pg_wal/*.history ${word(options.archive)}/`)}` },
      ...production,
      { code: 'backup', command: cluster === undefined ? 'pgwal backup' : `pgwal backup --cluster ${word(cluster.id)}` },
    ],
    // Not what went live: its tablespaces stay here.
    discard: [stop, `test -d ${word(place.dataDir)} && ${asOwner}rm -rf ${word(root)}`],
  }
}
