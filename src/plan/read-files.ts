import { hostFileSource } from '../host/file-source.ts'
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { readConfiguration } from '../postgres/conf/index.ts'
import type { Configuration } from '../postgres/conf/index.ts'
import { readHba } from '../postgres/hba/index.ts'
import type { HbaFile } from '../postgres/hba/index.ts'
import { asOwner } from './server-context.ts'
import type { ServerContext } from './server-context.ts'

type Looking = { readonly host: Host; readonly cluster: Cluster; readonly self: ServerContext['self'] }

/** Contents that count in place of what a file holds, by its path. */
type Instead = ReadonlyMap<string, Uint8Array>
const NOTHING: Instead = new Map()

function sourceOf(context: Looking, instead: Instead): ReturnType<typeof hostFileSource> {
  const files = hostFileSource(context.host, asOwner(context).as)
  return { ...files, read: async (path) => instead.get(path) ?? files.read(path) }
}

/** The cluster's configuration as it stands in the files now. */
export async function readClusterConfiguration(context: Looking, instead = NOTHING): Promise<Configuration> {
  const { host, cluster } = context
  return readConfiguration(sourceOf(context, instead), {
    configFile: cluster.configFile, dataDir: cluster.dataDir, major: cluster.major, commandLine: cluster.commandLine, windows: host.os === 'win32',
  })
}

/** The cluster's access rules as they stand in the files now. */
export async function readClusterHba(context: Looking, instead = NOTHING): Promise<HbaFile> {
  const { cluster } = context
  return readHba(sourceOf(context, instead), { hbaFile: cluster.hbaFile, major: cluster.major })
}
