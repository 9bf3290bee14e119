// Turns what the operating system throws into a HostError that names the caller's own path and nothing else.
import { getSystemErrorMap } from 'node:util'
import { codeOf, HostError } from '../errors.ts'

let words: ReadonlyMap<string, string> | undefined

/** The system's own words for a code such as `ENOENT`, or undefined. (Node makes its map anew for each call.) */
function wordsFor(code: string): string | undefined {
  words ??= new Map(getSystemErrorMap().values())
  return words.get(code)
}

/** A HostError for a system error; a HostError as it is; anything without a code (a bug) as it is, too. */
export function hostError(operation: string, target: string, error: unknown): unknown {
  if (error instanceof HostError) return error
  const code = codeOf(error)
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
