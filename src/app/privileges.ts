import { UserError } from '../errors.ts'
import type { Account, Host } from '../host/host.ts'

/** Says who has to do this, and how that is done on this system. `command`: what to type then, `pgwal undo …`. */
export function needPrivileges(host: Host, self: Account, owner: string, command: string): UserError {
  if (host.os === 'win32') return new UserError('need-elevation', { user: self.name, command })
  return new UserError('need-privileges', { user: self.name, owner, command: `sudo ${command}` })
}
