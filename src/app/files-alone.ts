/** Configuration files without a cluster: where they are, and in whose name they are read. */
import { codeOf, UserError } from '../errors.ts'
import type { Account, Acting, Host } from '../host/host.ts'
import { typedPath } from '../platforms/index.ts'
import { accountOf, actingFor } from '../platforms/reading.ts'

export interface FileAlone {
  readonly path: string
  /** The file's owner, where we are root: what it includes is read with that account's rights, as its server would. */
  readonly as?: Account
}

/**
 * A file that the user named.
 * @throws UserError `no-such-file`
 */
export async function fileAlone(host: Host, typed: string): Promise<FileAlone> {
  const path = await typedPath(host, typed)
  try {
    const { uid, gid } = await host.stat(path, { followLinks: false })
    const acting: Acting = actingFor(await host.self(), await accountOf(host, uid, gid))
    return { path, ...acting }
  } catch (error) {
    throw unreadable(path, codeOf(error)) ?? error
  }
}

/** The error for a file that could not be read, by the system's code. */
export function unreadable(path: string, code: string): UserError | undefined {
  if (code === 'ENOENT' || code === 'ENOTDIR') return new UserError('no-such-file', { path })
  if (code === 'EACCES' || code === 'EPERM') return new UserError('not-readable', { path })
  return undefined
}
