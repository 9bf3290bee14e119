// One small record a cluster in the state directory, beside the runs of enable: what the last drill showed, where the last backup is.
import { codeOf } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { ensureDirectory, ensureStateDirectory, stateDirectory } from './state-directory.ts'

const VERSION = 1

/** What is kept: its folder in the state directory, and the name it has in the file. */
export interface RecordKind {
  readonly folder: string
  readonly key: string
}

function fileName(host: Host, { dataDir }: Pick<Cluster, 'dataDir'>): string {
  return `${host.sha256(new TextEncoder().encode(dataDir)).slice(0, 16)}.json`
}

/** Keeps it in place of the one before. */
export async function keepRecord(host: Host, cluster: Pick<Cluster, 'dataDir'>, { folder, key }: RecordKind, value: object): Promise<void> {
  const directory = `${await ensureStateDirectory(host)}/${folder}`
  await ensureDirectory(host, directory)
  const path = `${directory}/${fileName(host, cluster)}`
  const before = await host.read(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  const text = `${JSON.stringify({ version: VERSION, dataDir: cluster.dataDir, [key]: value })}\n`
  await host.replace(path, new TextEncoder().encode(text), { expect: before === undefined ? null : host.sha256(before), mode: 0o600 })
}

/** The one on record; undefined where there is none that can be read. */
export async function keptRecord(host: Host, cluster: Pick<Cluster, 'dataDir'>, { folder, key }: RecordKind): Promise<object | undefined> {
  const bytes = await host.read(`${await stateDirectory(host)}/${folder}/${fileName(host, cluster)}`, { limit: 1 << 16 }).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (bytes === undefined) return undefined
  try {
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
    const value = stored[key]
    return stored['version'] === VERSION && stored['dataDir'] === cluster.dataDir && typeof value === 'object' && value !== null ? value : undefined
  } catch {
    // Cut off or of somebody else: as good as none.
    return undefined
  }
}
