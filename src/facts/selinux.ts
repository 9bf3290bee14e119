/**
 * The SELinux labels that decide whether the server may write into the archive's directory: modes and owners do not show
 * them, and a refusal looks like any other "Permission denied".
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html
 */
import { ran, textOf } from '../platforms/reading.ts'
import { archiveDirectoryFact } from './archive-directory.ts'
import { acting, required, unavailable } from './fact.ts'
import type { Fact } from './fact.ts'

export interface SelinuxFact {
  readonly path: string
  /** The whole label of the directory: `unconfined_u:object_r:var_t:s0`. */
  readonly label: string
  /** The type in it. */
  readonly type: string
  /** The type that the running server has: `postgresql_t`; absent when it is down or out of sight. */
  readonly domain?: string
}

/** What `getenforce` reads: https://man7.org/linux/man-pages/man8/selinux.8.html */
const ENFORCE = '/sys/fs/selinux/enforce'

export const selinuxFact: Fact<SelinuxFact> = {
  name: 'selinux',
  async gather(from) {
    const { host, cluster } = from
    if (host.os !== 'linux') throw unavailable('not-applicable')
    // Permissive refuses nothing.
    if ((await textOf(host, ENFORCE))?.trim() !== '1') throw unavailable('not-applicable')
    const { path, state } = await required(from, archiveDirectoryFact)
    if (state !== 'directory') throw unavailable('not-found', { target: path })
    const label = (await ran(host, 'stat', ['-L', '-c', '%C', '--', path], acting(from)))?.stdout.trim() ?? ''
    const type = typeOf(label)
    if (type === undefined) throw unavailable('not-readable', { target: path })
    const own = cluster.pid === undefined ? undefined : await textOf(host, `/proc/${cluster.pid}/attr/current`)
    const domain = own === undefined ? undefined : typeOf(own.replace(/[\0\n]+$/, ''))
    return { path, label, type, ...(domain === undefined ? {} : { domain }) }
  },
}

/** The third part of `user:role:type:level`. */
function typeOf(label: string): string | undefined {
  return /^[^:\s]+:[^:\s]+:([^:\s]+)(:|$)/.exec(label)?.[1]
}
