/** Where the files of a cluster's configuration are read: on this machine in its owner's name, elsewhere through the server. */
import { HostError } from '../errors.ts'
import { hostFileSource } from '../host/file-source.ts'
import type { ServerFiles } from '../host/server-files.ts'
import { serverFiles } from '../host/server-files.ts'
import { acting, sessionOf } from './fact.ts'
import type { Gathering } from './fact.ts'

/** @throws HostError `remote` when the server is on another machine and shows its files to superusers alone */
export async function configurationFiles(from: Gathering): Promise<ServerFiles> {
  const { host, cluster, as } = from
  if (host.remote !== true) {
    return { ...hostFileSource(host, as), modified: async (path) => (await host.stat(path, acting(from))).modified }
  }
  const files = await serverFiles(await sessionOf(from))
  if (files === undefined) throw new HostError('read', cluster.configFile, 'remote', 'only a superuser can read it from another machine')
  return files
}

/** Whether paths of the cluster are those of Windows. */
export function hasWindowsPaths({ host, cluster }: Gathering): boolean {
  return host.remote === true ? /^[A-Za-z]:/.test(cluster.configFile) : host.os === 'win32'
}
