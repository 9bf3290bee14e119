import type { Goal } from '../../plan/goal.ts'
import type { Finding, Params, Place, Severity } from '../check.ts'

/** A finding with one of these codes. */
export type Coded<Code extends string> = Omit<Finding, 'code'> & { readonly code: Code }

/** A finding in one call; what is undefined is left out. */
export function finding<const Code extends string>(
  code: Code, severity: Severity, params: Params = {}, more: { readonly at?: Place | undefined; readonly fix?: Goal | undefined } = {},
): Coded<Code> {
  return {
    code, severity, params,
    ...(more.at === undefined ? {} : { at: more.at }),
    ...(more.fix === undefined ? {} : { fix: more.fix }),
  }
}
