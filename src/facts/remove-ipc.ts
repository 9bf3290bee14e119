/**
 * Whether the shared memory of the server goes when its account's owner logs out: logind removes what an ordinary account
 * has left, also what a service of that account still uses.
 * @see https://www.postgresql.org/docs/current/kernel-resources.html#SYSTEMD-REMOVEIPC
 * @see https://www.freedesktop.org/software/systemd/man/latest/logind.conf.html#RemoveIPC=
 */
import { ran, statOf, textOf } from '../platforms/reading.ts'
import { systemdIsBooted } from '../platforms/systemd.ts'
import { unavailable } from './fact.ts'
import type { Fact } from './fact.ts'

export interface RemoveIpcFact {
  /** As logind has it now: what its files say may wait for a restart, and what they leave out differs between systems. */
  readonly removes: boolean
  /** Such an account is never logged out. */
  readonly lingers: boolean
}

/** Accounts up to here are the system's own: https://www.freedesktop.org/software/systemd/man/latest/systemd-logind.service.html */
const LAST_SYSTEM_UID = 999
const PROPERTY = ['get-property', 'org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager', 'RemoveIPC']

export const removeIpcFact: Fact<RemoveIpcFact> = {
  name: 'remove-ipc',
  async gather({ host, cluster: { owner } }) {
    if (host.os !== 'linux' || owner.uid <= LAST_SYSTEM_UID || !(await systemdIsBooted(host))) throw unavailable('not-applicable')
    const last = Number(/^SYS_UID_MAX\s+(\d+)/m.exec(await textOf(host, '/etc/login.defs') ?? '')?.[1] ?? LAST_SYSTEM_UID)
    if (owner.uid <= last) throw unavailable('not-applicable')
    const said = (await ran(host, 'busctl', PROPERTY))?.stdout.trim()
    if (said !== 'b true' && said !== 'b false') throw unavailable('not-readable', { target: 'org.freedesktop.login1.Manager.RemoveIPC' })
    const lingers = (await statOf(host, `/var/lib/systemd/linger/${owner.name}`)) !== undefined
    return { removes: said === 'b true', lingers }
  },
}
