// What the last drill of a cluster showed, kept beside the runs of enable: doctor says when it is old, verify when it was.
import { codeOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { ensureDirectory, ensureStateDirectory, stateDirectory } from './state-directory.ts'

export interface DrillRecord {
  /** When it ended, ISO 8601. */
  readonly at: string
  readonly outcome: 'proved' | 'failed'
  /** What a failed one found. */
  readonly code?: string
  /** Of the copy. */
  readonly bytes?: number
  readonly elapsedMs?: number
  readonly restorePoint?: string
}

const VERSION = 1

function fileName(host: Host, { dataDir }: Pick<Cluster, 'dataDir'>): string {
  return `${host.sha256(new TextEncoder().encode(dataDir)).slice(0, 16)}.json`
}

/** Keeps the result in place of the one before. */
export async function recordDrill(host: Host, cluster: Pick<Cluster, 'dataDir'>, drill: DrillRecord): Promise<void> {
  const directory = `${await ensureStateDirectory(host)}/drills`
  await ensureDirectory(host, directory)
  const path = `${directory}/${fileName(host, cluster)}`
  const before = await host.read(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  const text = `${JSON.stringify({ version: VERSION, dataDir: cluster.dataDir, drill })}\n`
  await host.replace(path, new TextEncoder().encode(text), { expect: before === undefined ? null : host.sha256(before), mode: 0o600 })
}

/** The last drill on record; undefined where there is none that can be read. */
export async function lastDrill(host: Host, cluster: Pick<Cluster, 'dataDir'>): Promise<DrillRecord | undefined> {
  const bytes = await host.read(`${await stateDirectory(host)}/drills/${fileName(host, cluster)}`, { limit: 1 << 16 }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (bytes === undefined) return undefined
  try {
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as { version: number; dataDir: string; drill: DrillRecord }
    return stored.version === VERSION && stored.dataDir === cluster.dataDir ? stored.drill : undefined
  } catch {
    // Cut off or of somebody else: as good as none.
    return undefined
  }
}
