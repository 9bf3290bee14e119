/**
 * The AppArmor profile that the running server is confined by, and with it the archive command: owners and modes do not show
 * it, and a refusal looks like any other "Permission denied".
 * @see https://gitlab.com/apparmor/apparmor/-/wikis/Documentation
 */
import { textOf } from '../platforms/reading.ts'
import { unavailable } from './fact.ts'
import type { Fact } from './fact.ts'

export interface ApparmorFact {
  /** A name, a snap's among them, or the path of a program; absent where the server is not confined. */
  readonly profile?: string
  /** `complain` only reports. */
  readonly mode?: string
}

export const apparmorFact: Fact<ApparmorFact> = {
  name: 'apparmor',
  async gather({ host, cluster: { pid } }) {
    if (host.os !== 'linux') throw unavailable('not-applicable')
    if (pid === undefined) throw unavailable('server-down')
    // Kernels from 5.1 on keep it apart from SELinux, which answers in the other place too.
    const text = await textOf(host, `/proc/${pid}/attr/apparmor/current`) ?? await textOf(host, `/proc/${pid}/attr/current`)
    const label = text?.replace(/[\0\n]+$/, '') ?? ''
    if (label === 'unconfined') return {}
    const [, profile, mode] = /^(.+) \((enforce|complain|kill|prompt|unconfined|mixed)\)$/.exec(label) ?? []
    if (profile === undefined || mode === undefined) throw unavailable('not-applicable')
    return { profile, mode }
  },
}
