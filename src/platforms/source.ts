// Any server that no package's adapter knows: built from source, unpacked, started by hand or by a hand-written unit.
// https://www.postgresql.org/docs/current/server-start.html
import type { Host } from '../host/host.ts'
import { parsePostmasterPid } from './data-directory.ts'
import { sightingOfPostmaster } from './locate.ts'
import { pgCtlService } from './pg-ctl.ts'
import type { Cluster, Platform, Service } from './platform.ts'
import { absolute, directoryOf, entriesOf, textOf } from './reading.ts'
import type { Sighting, Survey } from './survey.ts'
import { systemdService } from './systemd-service.ts'
import { isRpmUnit } from './linux-rpm.ts'
import { unitOfCgroup } from './systemd.ts'
import { sightingOfUnit } from './units.ts'

/** Data directories by convention: the manual's, and those of systems without an adapter of their own (Arch, Alpine, Docker images, FreeBSD). */
const PLACES = ['/usr/local/pgsql/data', '/usr/local/var/postgres', '/var/lib/postgres/data', '/var/lib/postgresql/data', '/opt/postgresql/data', '/srv/postgresql/data']

async function sightings(survey: Survey): Promise<Sighting[]> {
  const { host, postmasters } = survey
  const found: Sighting[] = []
  const units = await survey.units()
  for (const postmaster of postmasters) {
    if (postmaster.elsewhere) continue
    // Where a process does not say what it works on, the unit that it belongs to may.
    const unit = units.find(({ name }) => name === unitOfCgroup(postmaster.cgroup)?.name)
    const seen = await sightingOfPostmaster(host, postmaster)
      ?? (unit === undefined ? undefined : { ...sightingOfUnit(unit), evidence: { kind: 'postmaster', detail: String(postmaster.pid) } as const, postmaster })
    if (seen !== undefined) found.push(seen)
  }
  for (const unit of units) if (!isRpmUnit(unit)) found.push(sightingOfUnit(unit))
  if (!survey.complete) found.push(...await fromSocketLocks(host))
  const pgdata = host.env['PGDATA']
  if (pgdata?.startsWith('/') === true) found.push({ evidence: { kind: 'PGDATA', detail: pgdata }, directory: absolute('/', pgdata) })
  for (const directory of await knownPlaces(host)) found.push({ evidence: { kind: 'known-place', detail: directory }, directory })
  return found
}

async function knownPlaces(host: Host): Promise<string[]> {
  const home = host.env['HOME']
  const places = [...PLACES, ...(home?.startsWith('/') === true ? [`${home}/pgdata`] : [])]
  const versions = async (parent: string, pattern: RegExp): Promise<string[]> => (await entriesOf(host, parent)).map(({ name }) => name).filter((name) => pattern.test(name)).map((name) => `${parent}/${name}`)
  for (const parent of await versions('/var/lib/postgresql', /^\d+$/)) for (const { name } of await entriesOf(host, parent)) places.push(`${parent}/${name}`)
  places.push(...await versions('/var/db/postgres', /^data\d+$/))
  return places
}

/** Where processes are hidden from us: the lock files beside the sockets name the data directories, to whom may read them. */
async function fromSocketLocks(host: Host): Promise<Sighting[]> {
  const found: Sighting[] = []
  for (const directory of ['/run/postgresql', '/tmp']) {
    for (const { name, kind } of await entriesOf(host, directory)) {
      if (kind !== 'file' || !/^\.s\.PGSQL\.\d+\.lock$/.test(name)) continue
      const lock = parsePostmasterPid(await textOf(host, `${directory}/${name}`) ?? '')
      if (lock?.dataDir?.startsWith('/') === true) found.push({ evidence: { kind: 'postmaster.pid', detail: `${directory}/${name}` }, directory: lock.dataDir })
    }
  }
  return found
}

async function service(cluster: Cluster, host: Host): Promise<Service> {
  return cluster.service.kind === 'systemd' ? systemdService(cluster, host) : pgCtlService(cluster, host)
}

function archiveDirectory(cluster: Cluster): string {
  return absolute(directoryOf(cluster.dataDir), 'backups/wal')
}

export const source: Platform = { id: 'source', sightings, service, archiveDirectory }
