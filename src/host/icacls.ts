// Who may enter a new directory on Windows, where permission bits mean nothing.
// https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/icacls
import type { Account } from './host.ts'

/** SYSTEM and the Administrators, by number because their names are translated. */
const ALWAYS = ['*S-1-5-18', '*S-1-5-32-544']

/** How icacls names an account: by number where it is known, because names are translated. */
export function principalOf({ name, sid }: Account): string {
  return sid === undefined ? name : `*${sid}`
}

/**
 * The arguments that leave a directory, and what will be made in it, to some accounts, the system and the administrators.
 *
 * An account needs an entry of its own even when it is an administrator: pg_ctl takes that group away from the server
 * (CreateRestrictedProcess in src/bin/pg_ctl/pg_ctl.c).
 */
export function privateDirectoryArguments(directory: string, ...accounts: readonly Account[]): string[] {
  const grants = [...new Set([...accounts.map(principalOf), ...ALWAYS])].map((who) => `${who}:(OI)(CI)F`)
  return [directory.replaceAll('/', '\\'), '/inheritance:r', '/grant:r', ...grants]
}
