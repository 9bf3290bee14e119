// Somebody else who owns a cluster's configuration or its restarts: pgwal does not edit under their feet.
// https://patroni.readthedocs.io/en/latest/patroni_configuration.html, https://pg-auto-failover.readthedocs.io/en/main/operations.html,
// https://www.repmgr.org/docs/current/, https://cloudnative-pg.io/documentation/current/postgresql_conf/
import type { Acting, Host } from '../host/host.ts'
import type { Configuration } from '../postgres/conf/index.ts'
import type { Manager } from './platform.ts'
import type { Postmaster } from './processes.ts'
import { directoryOf, statOf, textOf } from './reading.ts'
import { containerOfCgroup, unitOfCgroup } from './systemd.ts'
import type { ProcessContainer } from './systemd.ts'

export interface ManagedCluster {
  readonly host: Host
  readonly acting: Acting
  readonly dataDir: string
  readonly configFile: string
  readonly configuration?: Configuration
  readonly postmaster?: Postmaster
  /** `patroni` or `pacemaker`, where Debian's tools say so. */
  readonly supervisor?: string
}

/** The command with which a container is restarted and its settings are changed. */
function ofContainer({ runtime, id }: ProcessContainer): Pick<Manager, 'name' | 'command'> {
  const short = /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id
  switch (runtime) {
    case 'kubernetes': return { name: 'Kubernetes', command: 'kubectl edit' }
    case 'podman': return { name: 'podman', command: `podman exec -it ${short} pgwal enable; podman restart -t 60 ${short}` }
    case 'docker': return { name: 'docker', command: `docker exec -it ${short} pgwal enable; docker restart -t 60 ${short}` }
    case 'lxc': return { name: 'lxc', command: `lxc-attach -n ${short} -- pgwal enable` }
    case 'systemd-nspawn': return { name: 'systemd-nspawn', command: `machinectl shell ${short}` }
    case 'container': return { name: 'container', command: `crictl exec -it ${short} pgwal enable` }
  }
}

/** A snap's configuration is its own program's: of charmed-postgresql, Juju's. https://snapcraft.io/docs/configuration-in-snaps */
function ofSnap(snap: string): Pick<Manager, 'name' | 'command'> {
  return { name: `snap ${snap}`, command: snap === 'charmed-postgresql' ? 'juju config postgresql' : `snap set ${snap}` }
}

/** Who runs a postmaster that lives in a container of its own, or in a snap, which has a root directory of its own as well. */
export function containerManager(postmaster: Postmaster): Manager {
  const snap = /\/snap\.([a-z0-9-]+)\.[^/\n]+\.(?:service|scope)/m.exec(postmaster.cgroup)?.[1]
  if (snap !== undefined) return { ...ofSnap(snap), evidence: `/proc/${postmaster.pid}/cgroup` }
  const container = containerOfCgroup(postmaster.cgroup)
  const evidence = `/proc/${postmaster.pid}/${container === undefined ? 'root' : 'cgroup'}`
  return { ...(container === undefined ? { name: 'container', command: `nsenter -t ${postmaster.pid} -a pgwal enable` } : ofContainer(container)), evidence }
}

/** A container's init (`docker run --init`) ends with the program that it was given; a server that it merely inherited is none. */
async function isForIt(host: Host, { parent }: Postmaster): Promise<boolean> {
  return parent.pid === 1 && /^(tini|tini-static|docker-init|podman-init|catatonit|dumb-init)$/.test(parent.name)
    && /\b(postgres|postmaster|docker-entrypoint\.sh)\b/.test(await textOf(host, '/proc/1/cmdline') ?? '')
}

const PATRONI = 'patronictl edit-config'

/** The manager of a cluster, with what gave it away; undefined when it is its administrator's own. */
export async function managerOf(cluster: ManagedCluster): Promise<Manager | undefined> {
  const { host, acting, dataDir, configFile, configuration, postmaster, supervisor } = cluster
  const there = async (path: string): Promise<boolean> => await statOf(host, path, acting) !== undefined

  if (postmaster?.elsewhere === true) return containerManager(postmaster)
  if (postmaster !== undefined) {
    const unit = unitOfCgroup(postmaster.cgroup)?.name ?? ''
    const parent = `${postmaster.parent.name} ${(postmaster.parent.command ?? await textOf(host, `/proc/${postmaster.parent.pid}/cmdline`) ?? '').replaceAll('\0', ' ')}`
    const seenIn = (word: RegExp): string | undefined => (word.test(unit) ? `${unit}.service` : postmaster.parent.pid > 1 && word.test(parent) ? `process ${postmaster.parent.pid} (${postmaster.parent.name})` : undefined)
    const patroni = seenIn(/\bpatroni\b/)
    if (patroni !== undefined) return { name: 'Patroni', command: PATRONI, evidence: patroni }
    const autoctl = seenIn(/\b(pg_autoctl|pgautofailover)\b/)
    if (autoctl !== undefined) return { name: 'pg_auto_failover', command: `pg_autoctl enable maintenance --pgdata ${dataDir}`, evidence: autoctl }
    const stolon = seenIn(/\bstolon-keeper\b/)
    if (stolon !== undefined) return { name: 'stolon', command: 'stolonctl update --patch', evidence: stolon }
    const pacemaker = seenIn(/\b(pacemaker|pacemaker-execd|pacemaker_remote|lrmd)\b/)
    if (pacemaker !== undefined) return { name: 'Pacemaker', command: 'pcs resource restart', evidence: pacemaker }
  }
  if (supervisor === 'patroni') return { name: 'Patroni', command: PATRONI, evidence: 'pg_lsclusters' }
  if (supervisor === 'pacemaker') return { name: 'Pacemaker', command: 'pcs resource restart', evidence: 'pg_lsclusters' }

  if (dataDir.startsWith('/var/snap/')) {
    return { ...ofSnap(dataDir.split('/')[3]!), evidence: dataDir }
  }
  const [ofAutoctl, ofStolon, ofCloudNative] = await Promise.all([
    there(`${dataDir}/postgresql-auto-failover.conf`), there(`${directoryOf(dataDir)}/dbstate`), there(`${dataDir}/custom.conf`),
  ])
  if (ofAutoctl) {
    return { name: 'pg_auto_failover', command: `pg_autoctl enable maintenance --pgdata ${dataDir}`, evidence: `${dataDir}/postgresql-auto-failover.conf` }
  }
  if (ofStolon && await there(`${directoryOf(dataDir)}/keeperstate`)) {
    return { name: 'stolon', command: 'stolonctl update --patch', evidence: `${directoryOf(dataDir)}/keeperstate` }
  }
  const main = configuration?.files.find(({ path }) => path === configFile)
  const head = main === undefined ? '' : new TextDecoder().decode(main.bytes.subarray(0, 512))
  if (/overwritten by Patroni/i.test(head)) return { name: 'Patroni', command: PATRONI, evidence: configFile }
  if (main !== undefined && ofCloudNative && /cnpg/.test(await textOf(host, `${dataDir}/custom.conf`, acting) ?? '')) {
    return { name: 'CloudNativePG', command: 'kubectl edit clusters.postgresql.cnpg.io', evidence: `${dataDir}/custom.conf` }
  }
  const preloaded = configuration?.get('shared_preload_libraries')?.value ?? ''
  if (/(^|[,\s"'/])repmgr(\.so)?($|[,\s"'])/.test(preloaded)) return { name: 'repmgr', command: 'repmgr service pause', evidence: 'shared_preload_libraries = repmgr' }
  // Our own container: what is edited here stays, but the server is its first process, or all that this one is for, and ends it.
  if (postmaster !== undefined && (postmaster.pid === 1 || await isForIt(host, postmaster))) {
    const container = containerOfCgroup(postmaster.cgroup)
    return { ...(container === undefined ? { name: 'container', command: 'docker restart -t 60 CONTAINER' } : ofContainer(container)), evidence: 'process 1' }
  }
  return undefined
}
