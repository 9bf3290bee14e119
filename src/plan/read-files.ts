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

/** The cluster's configuration as it stands in the files now. */
export async function readClusterConfiguration(context: Looking): Promise<Configuration> {
  const { host, cluster } = context
  return readConfiguration(hostFileSource(host, asOwner(context).as), {
    configFile: cluster.configFile, dataDir: cluster.dataDir, major: cluster.major, commandLine: cluster.commandLine, windows: host.os === 'win32',
  })
}

/** The cluster's access rules as they stand in the files now. */
export async function readClusterHba(context: Looking): Promise<HbaFile> {
  const { host, cluster } = context
  return readHba(hostFileSource(host, asOwner(context).as), { hbaFile: cluster.hbaFile, major: cluster.major })
}
