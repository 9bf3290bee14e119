import { codeOf } from '../errors.ts'
import type { DirectoryEntry, FileSource } from '../postgres/file-source.ts'
import type { Account, Host } from './host.ts'

/** What the files of one reading may hold together, in bytes: hundreds of thousands of rules, and no more than a small machine's memory can take. */
const MOST_BYTES = 16 << 20

/** Reads that may give {@link MOST_BYTES} together. `read` throws `too-large` beyond its limit. */
export function withinBudget(read: (path: string, limit: number) => Promise<Uint8Array>): FileSource['read'] {
  let left = MOST_BYTES
  return async (path) => {
    const bytes = await read(path, left)
    left -= bytes.length
    return bytes
  }
}

/**
 * The files of a machine as the cluster's owner sees them, for one reading of postgresql.conf or pg_hba.conf with all that they include.
 * More than 16 MiB in all is refused as `too-large`.
 */
export function hostFileSource(host: Host, as?: Account): FileSource {
  const acting = as === undefined ? {} : { as }
  return {
    read: withinBudget((path, limit) => host.read(path, { ...acting, limit })),
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
