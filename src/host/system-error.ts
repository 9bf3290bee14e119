// Turns what the operating system throws into a HostError that names the caller's own path and nothing else.
import os from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { codeOf, HostError } from '../errors.ts'

/** Of codes that Node does not know. */
const MORE_WORDS: readonly [string, string][] = [['EDQUOT', 'disk quota exceeded'], ['ESTALE', 'stale file handle']]
let words: ReadonlyMap<string, string> | undefined

/** The system's own words for a code such as `ENOENT`, or undefined. (Node makes its map anew for each call.) */
function wordsFor(code: string): string | undefined {
  words ??= new Map([...MORE_WORDS, ...getSystemErrorMap().values()])
  return words.get(code)
}

/** As {@link codeOf}; but what Node calls `UNKNOWN` or `Unknown system error -122` (a quota, among others) has the system's own name. */
export function systemCode(error: unknown): string {
  const code = codeOf(error)
  if (code !== 'UNKNOWN' && !code.startsWith('Unknown system error')) return code
  const { errno } = error as { readonly errno?: unknown }
  return Object.entries(os.constants.errno).find(([, number]) => -number === errno)?.[0] ?? code
}

/** A HostError for a system error; a HostError as it is; anything without a code (a bug) as it is, too. */
export function hostError(operation: string, target: string, error: unknown): unknown {
  if (error instanceof HostError) return error
  const code = systemCode(error)
  return code === '' ? error : new HostError(operation, target, code, wordsFor(code))
}

/** Runs `work`; what the system refuses becomes a HostError. */
export function guarded<T>(operation: string, target: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw hostError(operation, target, error)
  }
}
