// The newest base backup that pgwal made of a cluster: verify and doctor speak of it.
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { keepRecord, keptRecord } from './cluster-record.ts'

export interface MadeBackup {
  /** When it was complete, ISO 8601. */
  readonly at: string
  readonly path: string
  /** Bytes. */
  readonly bytes: number
  /** The first segment that it needs. */
  readonly startSegment: string
  /** Decimal digits. */
  readonly systemIdentifier: string
}

const KIND = { folder: 'backups', key: 'backup' }

/** Keeps it in place of the one before. */
export async function recordBackup(host: Host, cluster: Pick<Cluster, 'dataDir'>, backup: MadeBackup): Promise<void> {
  await keepRecord(host, cluster, KIND, backup)
}

/** The one on record; undefined where there is none that can be read. Whether it is still there is not asked. */
export async function lastBackup(host: Host, cluster: Pick<Cluster, 'dataDir'>): Promise<MadeBackup | undefined> {
  return (await keptRecord(host, cluster, KIND)) as MadeBackup | undefined
}
