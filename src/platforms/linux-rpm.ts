// PGDG's packages for RHEL, Fedora and SUSE, and the distributions' own.
// https://www.postgresql.org/download/linux/redhat/; postgresql-NN.service of pgdg-rpms, postgresql.service of Fedora and openSUSE
import type { Host } from '../host/host.ts'
import { pgCtlService } from './pg-ctl.ts'
import type { Cluster, Platform, Service } from './platform.ts'
import { entriesOf, statOf } from './reading.ts'
import type { Sighting, Survey } from './survey.ts'
import { systemdService } from './systemd-service.ts'
import { sightingOfUnit } from './units.ts'
import type { ServerUnit } from './units.ts'

const HOME = '/var/lib/pgsql'
/** PGDG puts each version below /usr, SUSE below /usr/lib. */
const PROGRAMS = /^\/usr\/(pgsql-\d+|lib\/postgresql\d+)\/bin$/

/** Whether a unit is one of these packages', not a hand-made one. */
export function isRpmUnit(unit: Pick<ServerUnit, 'name' | 'directory' | 'binDir'>): boolean {
  return PROGRAMS.test(unit.binDir ?? '') || (/^postgresql(-\d+)?(@.+)?$/.test(unit.name) && (unit.directory === HOME || unit.directory.startsWith(`${HOME}/`)))
}

async function sightings(survey: Survey): Promise<Sighting[]> {
  const { host } = survey
  const found: Sighting[] = (await survey.units()).filter(isRpmUnit).map((unit) => ({ ...sightingOfUnit(unit), socketDirs: SOCKETS }))
  for (const directory of await knownPlaces(host)) found.push({ evidence: { kind: 'known-place', detail: directory }, directory, socketDirs: SOCKETS })
  return found
}

/** Compiled into these packages' servers. */
const SOCKETS = ['/run/postgresql', '/tmp']

async function knownPlaces(host: Host): Promise<string[]> {
  if (await statOf(host, HOME) === undefined) return []
  // The home may be closed to us; where its clusters are is known all the same.
  const entries = await entriesOf(host, HOME)
  const places = entries.length === 0 ? ['data'] : entries.map(({ name }) => name).filter((name) => /^data(-.+)?$/.test(name))
  const versions = entries.length === 0 ? ['12', '13', '14', '15', '16', '17', '18'] : entries.map(({ name }) => name).filter((name) => /^\d+$/.test(name))
  return [...places.map((name) => `${HOME}/${name}`), ...versions.map((version) => `${HOME}/${version}/data`)]
}

async function service(cluster: Cluster, host: Host): Promise<Service> {
  return cluster.service.kind === 'systemd' ? systemdService(cluster, host) : pgCtlService(cluster, host)
}

function archiveDirectory(): string {
  return `${HOME}/backups/wal`
}

export const linuxRpm: Platform = { id: 'linux-rpm', sightings, service, archiveDirectory }
