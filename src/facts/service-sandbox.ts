/**
 * Whether the service can write into the archive's directory, which its owner outside of it may well do: a unit of systemd
 * can have a file system of its own (ProtectSystem, ProtectHome, PrivateTmp …). As root this is tried inside the mount
 * namespace of the running server; else the unit's settings tell.
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Sandboxing
 */
import { sandboxAccess, SANDBOX_PROPERTIES } from '../platforms/sandbox.ts'
import type { SandboxAccess } from '../platforms/sandbox.ts'
import { directoryOf, linkOf, ran, sameKey, statOf } from '../platforms/reading.ts'
import { showUnits } from '../platforms/systemd.ts'
import { archiveDirectoryFact } from './archive-directory.ts'
import { actsAsOwner, acting, required, unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'

export interface ServiceSandbox {
  /** Without `.service`. */
  readonly unit: string
  /** The archive's directory. */
  readonly path: string
  readonly access: SandboxAccess
  /** The unit's line that decides, `ProtectSystem=strict`; absent where none is known to. */
  readonly line?: string
  /** Tried inside of the running service; else told by the unit's settings. */
  readonly tried: boolean
}

export const serviceSandboxFact: Fact<ServiceSandbox> = {
  name: 'service-sandbox',
  async gather(from) {
    const sandbox = await examineSandbox(from, (await required(from, archiveDirectoryFact)).path)
    if (sandbox === undefined) throw unavailable('not-applicable')
    return sandbox
  },
}

/** Looks at a directory from inside of a cluster's service, also at one that does not exist yet. Undefined where no unit of the system runs the server. */
export async function examineSandbox(from: Gathering, path: string): Promise<ServiceSandbox | undefined> {
  const { host, cluster } = from
  const { kind, name: unit, userManager } = cluster.service
  if (kind !== 'systemd' || userManager !== undefined) return undefined
  const properties = (await showUnits(host, [`${unit}.service`], SANDBOX_PROPERTIES)).get(`${unit}.service`) ?? new Map<string, string>()
  const told = sandboxAccess(properties, path)
  const tried = await tryInside(from, path)
  if (tried === undefined) return { unit, path, ...told, tried: false }
  return { unit, path, access: tried, ...(tried === 'open' || told.line === undefined || told.access === 'open' ? {} : { line: told.line }), tried: true }
}

/** Undefined where it cannot be tried: the server is down or runs outside of its unit, we are not root, a program is missing. */
async function tryInside(from: Gathering, path: string): Promise<SandboxAccess | undefined> {
  const { host, cluster } = from
  const { pid, owner } = cluster
  if (pid === undefined || cluster.notes.some(({ code }) => code === 'outside-unit') || !(await host.self()).privileged) return undefined
  const [theirs, ours] = [await linkOf(host, `/proc/${pid}/ns/mnt`), await linkOf(host, '/proc/self/ns/mnt')]
  if (theirs === undefined || ours === undefined) return undefined
  if (theirs === ours) return 'open'

  let place = path
  let info = await statOf(host, place)
  for (; info === undefined && place !== '/'; info = await statOf(host, place)) place = directoryOf(place)
  if (info === undefined) return undefined
  // What is not there yet root may have to make: then what counts is whether the place can be written at all.
  const asOwner = place === path && await actsAsOwner(from)
  const outside = await ran(host, '/usr/bin/test', ['-w', place], asOwner ? acting(from) : {})
  if (outside?.code !== 0) return outside === undefined ? undefined : 'open'

  const inside = async (...command: readonly string[]) => {
    const done = await ran(host, 'nsenter', ['-t', String(pid), '-m', '--', ...command])
    return done === undefined || done.code > 1 || done.stderr.startsWith('nsenter:') ? undefined : done
  }
  const seen = await inside('/usr/bin/stat', '-L', '-c', '%d:%i', place)
  if (seen === undefined) return undefined
  if (seen.stdout.trim() !== sameKey(info)) return 'hidden'
  const who = asOwner ? ['/usr/bin/setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--init-groups', '--'] : []
  const written = await inside(...who, '/usr/bin/test', '-w', place)
  return written === undefined ? undefined : written.code === 0 ? 'open' : 'read-only'
}
