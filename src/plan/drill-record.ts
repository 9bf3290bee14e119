// What the last drill of a cluster showed, kept beside the runs of enable: doctor says when it is old, verify when it was.
import { codeOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { keepRecord, keptRecord } from './cluster-record.ts'
import { ensureDirectory, ensureStateDirectory, stateDirectory } from './state-directory.ts'

interface RestoreRecord {
  /** When it ended, ISO 8601. */
  readonly at: string
  readonly outcome: 'proved' | 'failed'
  /** What a failed one found. */
  readonly code?: string
  /** Of the copy. */
  readonly bytes?: number
  readonly elapsedMs?: number
}

export interface DrillRecord extends RestoreRecord {
  readonly restorePoint?: string
}

/** What the last restore of a kept base backup showed. */
export interface BackupDrillRecord extends RestoreRecord {
  /** Which backup was restored (of a failed one, what was asked for), and when that was begun, ISO 8601. */
  readonly path?: string
  readonly begunAt?: string
  /** How far: `now`, or the target as it was typed. */
  readonly target?: string
}

const KIND = { folder: 'drills', key: 'drill' }
/** Apart from the other: each proves something that the other does not. */
const BACKUP_KIND = { folder: 'backup-drills', key: 'drill' }

/** Keeps the result in place of the one before. */
export async function recordDrill(host: Host, cluster: Pick<Cluster, 'dataDir'>, drill: DrillRecord): Promise<void> {
  await keepRecord(host, cluster, KIND, drill)
}

/** The last drill on record; undefined where there is none that can be read. */
export async function lastDrill(host: Host, cluster: Pick<Cluster, 'dataDir'>): Promise<DrillRecord | undefined> {
  return (await keptRecord(host, cluster, KIND)) as DrillRecord | undefined
}

/** The same for a kept backup. */
export async function recordBackupDrill(host: Host, cluster: Pick<Cluster, 'dataDir'>, drill: BackupDrillRecord): Promise<void> {
  await keepRecord(host, cluster, BACKUP_KIND, drill)
}

export async function lastBackupDrill(host: Host, cluster: Pick<Cluster, 'dataDir'>): Promise<BackupDrillRecord | undefined> {
  return (await keptRecord(host, cluster, BACKUP_KIND)) as BackupDrillRecord | undefined
}

const PLACES = 'places.json'
/** The newest ones; a directory that nobody used for so many others is not looked at any more. */
const MOST_PLACES = 16

/** The directories below which drills of this account had their copies, for what a killed one left there. */
export async function drillPlaces(host: Host): Promise<readonly string[]> {
  return (await readPlaces(host)).places
}

/** Keeps a directory in mind before anything is made in it. */
export async function rememberDrillPlace(host: Host, directory: string): Promise<void> {
  const { places, bytes } = await readPlaces(host)
  if (places.includes(directory)) return
  const drills = `${await ensureStateDirectory(host)}/drills`
  await ensureDirectory(host, drills)
  const text = `${JSON.stringify([directory, ...places].slice(0, MOST_PLACES))}\n`
  await host.replace(`${drills}/${PLACES}`, new TextEncoder().encode(text), { expect: bytes === undefined ? null : host.sha256(bytes), mode: 0o600 })
}

async function readPlaces(host: Host): Promise<{ readonly places: readonly string[]; readonly bytes?: Uint8Array }> {
  const bytes = await host.read(`${await stateDirectory(host)}/drills/${PLACES}`, { limit: 1 << 16 }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (bytes === undefined) return { places: [] }
  try {
    const stored: unknown = JSON.parse(new TextDecoder().decode(bytes))
    return { places: Array.isArray(stored) ? stored.filter((one) => typeof one === 'string') : [], bytes }
  } catch {
    return { places: [], bytes }
  }
}
