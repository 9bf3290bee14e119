import type { ErrorCode } from './messages/errors.ts'

/**
 * Expected: what happened and what to do next. Printed without a stack. `code` is stable and language-free; the words for it,
 * in each language, are in `messages/errors.ts`.
 */
export class UserError extends Error {
  override readonly name = 'UserError'
  constructor(readonly code: ErrorCode, readonly params: Readonly<Record<string, string | number>> = {}, options?: ErrorOptions) {
    super(`${code} ${JSON.stringify(params)}`, options)
  }
}

/** Something the machine refused: which operation, on what, and the system's own code (`ENOENT`, an SQLSTATE, `timeout`, `changed` …). */
export class HostError extends Error {
  override readonly name = 'HostError'
  constructor(readonly operation: string, readonly target: string, readonly code: string, reason?: string, options?: ErrorOptions) {
    super(`${operation} ${target}: ${reason ?? code}`, options)
  }
}

/** SQLSTATE insufficient_privilege. */
export const NO_PRIVILEGE = '42501'

/** The code of anything thrown, or '' when it has none. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** Whether it came of a full disk or a used-up quota, by its code or by what a program complained of. */
export function isFull(error: unknown): boolean {
  if (['ENOSPC', 'EDQUOT'].includes(codeOf(error))) return true
  return error instanceof UserError && /No space left on device|Disk quota exceeded/.test(String(error.params['reason'] ?? error.params['problem']))
}
