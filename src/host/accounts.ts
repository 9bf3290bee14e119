// Accounts of the operating system: who we are, and who somebody is.
import fs from 'node:fs'
import os from 'node:os'
import type { Account, RunResult } from './host.ts'

export type Run = (file: string, args: readonly string[]) => Promise<RunResult>

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

/** The account in lines of passwd(5), by name or uid; undefined when there is none. */
export function findInPasswd(text: string, nameOrUid: string | number): Account | undefined {
  for (const line of text.split('\n')) {
    const fields = line.split(':')
    const [name, , uidText, gidText, , home] = fields
    const uid = numberOf(uidText)
    const gid = numberOf(gidText)
    if (name === undefined || name === '' || uid === undefined || gid === undefined) continue
    if (typeof nameOrUid === 'number' ? uid === nameOrUid : name === nameOrUid) {
      return { name, uid, gid, ...(home === undefined || home === '' ? {} : { home }) }
    }
  }
  return undefined
}

/**
 * The account with this name or uid, from /etc/passwd, else from whatever else the system asks (LDAP, sssd, Open Directory).
 *
 * @param run for `getent`, or `id -P` on macOS
 */
export async function findAccount(nameOrUid: string | number, run: Run): Promise<Account | undefined> {
  if (process.platform === 'win32') return undefined
  let passwd = ''
  try {
    passwd = fs.readFileSync('/etc/passwd', 'utf8')
  } catch { /* the other source may know */ }
  const local = findInPasswd(passwd, nameOrUid)
  if (local !== undefined) return local
  const asked = String(nameOrUid)
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@\\+$-]*$/.test(asked)) return undefined
  try {
    if (process.platform === 'darwin') {
      const { code, stdout } = await run('/usr/bin/id', ['-P', asked])
      // name:password:uid:gid:class:change:expire:gecos:home:shell
      const [name, password, uid, gid, , , , gecos, home, shell] = stdout.trim().split(':')
      return code === 0 ? findInPasswd([name, password, uid, gid, gecos, home, shell].join(':'), nameOrUid) : undefined
    }
    const { code, stdout } = await run('getent', ['passwd', asked])
    return code === 0 ? findInPasswd(stdout, nameOrUid) : undefined
  } catch {
    return undefined
  }
}

/** Who we are. A uid without an account is its own name. */
export async function ownAccount(run: Run): Promise<Account & { readonly privileged: boolean }> {
  if (process.platform === 'win32') return windowsAccount(run)
  const uid = process.geteuid!()
  const account = await findAccount(uid, run) ?? { name: String(uid), uid, gid: process.getegid!() }
  return { ...account, privileged: uid === 0 }
}

async function windowsAccount(run: Run): Promise<Account & { readonly privileged: boolean }> {
  const { username, homedir } = os.userInfo()
  const user = await run('whoami', ['/user', '/fo', 'csv', '/nh']).catch(() => undefined)
  const groups = await run('whoami', ['/groups', '/fo', 'csv', '/nh']).catch(() => undefined)
  const sid = /S-1-[0-9-]+/.exec(user?.stdout ?? '')?.[0]
  // S-1-16-12288 and S-1-16-16384: high and system integrity, which is what "elevated" means.
  const privileged = /S-1-16-(12288|16384)/.test(groups?.stdout ?? '')
  return { name: username, uid: -1, gid: -1, home: homedir, ...(sid === undefined ? {} : { sid }), privileged }
}
