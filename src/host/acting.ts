// Acting as another account inside our own process: effective user, group and groups, around synchronous calls only.
// They belong to the whole process (https://man7.org/linux/man-pages/man7/nptl.7.html), so nothing may await in between.
import { HostError } from '../errors.ts'
import type { Account } from './host.ts'

/** https://nodejs.org/api/process.html#processinitgroupsuser-extragroup; its types leave it out. */
const identity = process as typeof process & { initgroups(user: string, extraGroup: number): void }

let switched = false
/** Supplementary groups by account, because asking for them may ask a directory server each time. */
const knownGroups = new Map<string, readonly number[]>()

/** Whether a call in the name of `as` needs a change of identity. */
export function needsSwitch(as: Account | undefined): as is Account {
  if (as === undefined) return false
  if (process.geteuid === undefined) return false
  return as.uid !== process.geteuid()
}

/** Whether we are root, not acting as anybody else. */
export function isRoot(): boolean {
  return !switched && process.geteuid?.() === 0
}

/** Whether we act as somebody else right now. */
export function isSwitched(): boolean {
  return switched
}

function groupsOf(account: Account): readonly number[] {
  const key = `${account.uid}:${account.gid}:${account.name}`
  let groups = knownGroups.get(key)
  if (groups === undefined) {
    // With the account's group already effective: getgroups() adds the effective one, which must not be root's.
    identity.initgroups(account.name, account.gid)
    groups = process.getgroups!()
    knownGroups.set(key, groups)
  }
  return groups
}

/**
 * Runs `work`, which must be synchronous, with the effective identity of `as`.
 *
 * access(2) and kill(2) look at the real identity, which stays ours: use neither in `work`.
 *
 * @throws HostError `EPERM` when we may not act as that account, `not-supported` where the system has no such thing
 */
export function actingAs<T>(as: Account | undefined, work: () => T): T {
  if (as !== undefined && process.platform === 'win32') {
    if (as.uid === -1) return work()
    throw new HostError('act as', as.name, 'not-supported')
  }
  if (!needsSwitch(as)) return work()
  if (switched) throw new Error('actingAs does not nest')
  if (typeof process.seteuid !== 'function') throw new HostError('act as', as.name, 'not-supported')
  if (process.geteuid!() !== 0) throw new HostError('act as', as.name, 'EPERM', 'only root can act as another account')
  const own = { uid: process.geteuid!(), gid: process.getegid!(), groups: process.getgroups!() }
  switched = true
  try {
    try {
      process.setegid!(as.gid)
      process.setgroups!([...groupsOf(as)])
      process.seteuid(as.uid)
    } catch {
      throw new HostError('act as', as.name, 'EPERM', 'the system refuses to change the identity')
    }
    const result = work()
    if (result instanceof Promise) throw new Error('work of actingAs must be synchronous')
    return result
  } finally {
    try {
      process.seteuid(own.uid)
      process.setegid!(own.gid)
      process.setgroups!(own.groups)
    } catch {
      // Half of one identity and half of another: nothing that we do from here could be trusted.
      process.abort()
    }
    switched = false
  }
}
