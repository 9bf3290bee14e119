import { codeOf } from '../errors.ts'
import type { DirectoryEntry, FileSource } from '../postgres/file-source.ts'
import type { Account, Host } from './host.ts'

/** The files of a machine as the cluster's owner sees them, for the readers of postgresql.conf and pg_hba.conf. */
export function hostFileSource(host: Host, as?: Account): FileSource {
  const acting = as === undefined ? {} : { as }
  return {
    read: (path) => host.read(path, acting),
    async list(directory) {
      const entries: DirectoryEntry[] = []
      for (const { name, kind } of await host.list(directory, acting)) {
        entries.push({ name, directory: kind === 'directory' || (kind === 'symlink' && await leadsToDirectory(host, `${directory}/${name}`, acting)) })
      }
      return entries
    },
  }
}

/** A link that leads nowhere is left for the reader to stumble over, as the server does. */
async function leadsToDirectory(host: Host, path: string, acting: { readonly as?: Account }): Promise<boolean> {
  try {
    return (await host.stat(path, acting)).kind === 'directory'
  } catch (error) {
    if (codeOf(error) === '') throw error
    return false
  }
}
