// One run at a time on a cluster. The lock is a file that is created exclusively and says who holds it; one whose holder is
// gone is taken over.
import { codeOf, UserError } from '../errors.ts'
import type { Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { isAlive, markOf } from './process-mark.ts'
import type { ProcessMark } from './process-mark.ts'
import { ensureDirectory, ensureStateDirectory } from './state-directory.ts'

export interface Lock {
  release(): Promise<void>
}

interface Holder {
  readonly process: ProcessMark
  /** ISO 8601. */
  readonly since: string
  readonly nonce: string
}

/** After taking over, how long another one that did the same at the same moment may take to show itself. */
const CONTEST_MS = 100

/**
 * Takes the lock of a cluster.
 * @throws UserError `locked` with the holder's process id and the time since when
 */
export async function takeLock(host: Host, cluster: Pick<Cluster, 'dataDir'>): Promise<Lock> {
  const directory = `${await ensureStateDirectory(host)}/locks`
  await ensureDirectory(host, directory)
  const real = await host.realPath(cluster.dataDir).catch(() => cluster.dataDir)
  const path = `${directory}/${host.sha256(new TextEncoder().encode(real)).slice(0, 24)}.lock`
  const mine: Holder = { process: await markOf(host, host.pid), since: host.now().toISOString(), nonce: host.randomId(8) }
  const bytes = new TextEncoder().encode(`${JSON.stringify(mine)}\n`)
  for (let attempt = 0; attempt < 5; attempt++) {
    if (await write(host, path, bytes, null)) return lock(host, path, mine)
    const found = await present(host, path)
    if (found === undefined) continue
    if (found.holder !== undefined && (await isAlive(host, found.holder.process))) throw locked(found.holder)
    // Replaced only if it is still the very lock that was found to be stale.
    if (!(await write(host, path, bytes, host.sha256(found.bytes)))) continue
    await host.sleep(CONTEST_MS)
    const now = await present(host, path)
    if (now?.holder?.nonce === mine.nonce) return lock(host, path, mine)
    if (now?.holder !== undefined) throw locked(now.holder)
  }
  throw new UserError('locked', { pid: '?', since: '?' })
}

function locked({ process, since }: Holder): UserError {
  return new UserError('locked', { pid: process.pid, since })
}

function lock(host: Host, path: string, mine: Holder): Lock {
  return {
    async release() {
      const found = await present(host, path).catch(() => undefined)
      if (found?.holder?.nonce === mine.nonce) await host.removeFile(path).catch(() => undefined)
    },
  }
}

/** False when the file is not what was expected. */
async function write(host: Host, path: string, bytes: Uint8Array, expect: string | null): Promise<boolean> {
  try {
    await host.replace(path, bytes, { expect, mode: 0o600 })
    return true
  } catch (error) {
    if (codeOf(error) === 'changed') return false
    throw error
  }
}

/** The lock as it stands; a torn or foreign one has no holder and counts as stale. */
async function present(host: Host, path: string): Promise<{ readonly bytes: Uint8Array; readonly holder?: Holder } | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await host.read(path, { limit: 65_536 })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Holder
    return typeof value.process.pid === 'number' && typeof value.since === 'string' ? { bytes, holder: value } : { bytes }
  } catch {
    return { bytes }
  }
}
