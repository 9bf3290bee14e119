// One run at a time on a cluster. The lock is a file that is created exclusively and says who holds it; one whose holder is
// gone is taken over.
import { codeOf, HostError, UserError } from '../errors.ts'
import type { Acting, Host } from '../host/host.ts'
import type { Cluster } from '../platforms/platform.ts'
import { isAlive, markOf } from './process-mark.ts'
import type { ProcessMark } from './process-mark.ts'
import { actingFor } from '../platforms/reading.ts'
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

/** In the data directory. PostgreSQL has no file of that name. */
const SHARED = 'pgwal.lock'

/**
 * Takes the lock of a cluster: one file in our state directory, and one in the data directory, made as its owner, because root and
 * the owner have different state directories. What lies in the data directory is in the owner's hands, and is worth as much to us;
 * where it cannot be made (a full or read-only disk, from which undo may be the way out), the first one alone serves.
 * @throws UserError `locked` with the holder's process id and the time since when
 */
export async function takeLock(host: Host, cluster: Pick<Cluster, 'dataDir' | 'owner'>): Promise<Lock> {
  const directory = `${await ensureStateDirectory(host)}/locks`
  await ensureDirectory(host, directory)
  const self = await host.self()
  const real = await host.realPath(cluster.dataDir).catch(() => cluster.dataDir)
  const mine: Holder = { process: await markOf(host, host.pid), since: host.now().toISOString(), nonce: host.randomId(8) }
  const ours = await take(host, `${directory}/${host.sha256(new TextEncoder().encode(real)).slice(0, 24)}.lock`, mine, {})
  try {
    const shared = await take(host, `${real}/${SHARED}`, mine, actingFor(self, cluster.owner)).catch((error: unknown) => {
      if (error instanceof HostError) return undefined
      throw error
    })
    return {
      async release() {
        await shared?.release()
        await ours.release()
      },
    }
  } catch (error) {
    await ours.release()
    throw error
  }
}

async function take(host: Host, path: string, mine: Holder, acting: Acting): Promise<Lock> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(mine)}\n`)
  for (let attempt = 0; attempt < 5; attempt++) {
    if (await write(host, path, bytes, null, acting)) return lock(host, path, mine, acting)
    const found = await present(host, path, acting)
    if (found === undefined) continue
    if (found.holder !== undefined && (await isAlive(host, found.holder.process))) throw locked(found.holder)
    // Replaced only if it is still the very lock that was found to be stale.
    if (!(await write(host, path, bytes, host.sha256(found.bytes), acting))) continue
    await host.sleep(CONTEST_MS)
    const now = await present(host, path, acting)
    if (now?.holder?.nonce === mine.nonce) return lock(host, path, mine, acting)
    if (now?.holder !== undefined) throw locked(now.holder)
  }
  throw new UserError('locked', { pid: '?', since: '?' })
}

function locked({ process, since }: Holder): UserError {
  return new UserError('locked', { pid: process.pid, since })
}

function lock(host: Host, path: string, mine: Holder, acting: Acting): Lock {
  return {
    async release() {
      const found = await present(host, path, acting).catch(() => undefined)
      if (found?.holder?.nonce === mine.nonce) await host.removeFile(path, acting).catch(() => undefined)
    },
  }
}

/** False when the file is not what was expected. */
async function write(host: Host, path: string, bytes: Uint8Array, expect: string | null, acting: Acting): Promise<boolean> {
  try {
    await host.replace(path, bytes, { ...acting, expect, mode: 0o600 })
    return true
  } catch (error) {
    if (codeOf(error) === 'changed') return false
    throw error
  }
}

/** The lock as it stands; a torn or foreign one has no holder and counts as stale. */
async function present(host: Host, path: string, acting: Acting): Promise<{ readonly bytes: Uint8Array; readonly holder?: Holder } | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await host.read(path, { ...acting, limit: 65_536 })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Holder
    return Number.isInteger(value.process.pid) && typeof value.since === 'string' ? { bytes, holder: value } : { bytes }
  } catch {
    return { bytes }
  }
}
