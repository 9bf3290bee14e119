/** Whether the server lets us in, and why not. Unlike the other facts this one is always there: the refusal is its value. */
import type { Fact } from './fact.ts'

export type LoginFact =
  | { readonly kind: 'in' }
  | { readonly kind: 'down' }
  | { readonly kind: 'no-login'; readonly user: string; readonly reason: string }
  | { readonly kind: 'no-answer'; readonly target: string }
  | { readonly kind: 'starting' | 'too-many-connections'; readonly target: string; readonly reason: string }
  /** Where it listens stands in a file that is closed to us. */
  | { readonly kind: 'unknown'; readonly file: string }
  /** Another cluster's server answers where this one should. */
  | { readonly kind: 'other-server'; readonly target: string; readonly found: string }
  | { readonly kind: 'failed'; readonly target: string; readonly reason: string }

export const loginFact: Fact<LoginFact> = {
  name: 'login',
  async gather({ session, cluster }) {
    const outcome = await session()
    if (outcome.ok) return { kind: 'in' }
    const { code, params } = outcome.why
    const target = String(params['target'] ?? `port ${cluster.port}`)
    switch (code) {
      case 'server-down': return { kind: 'down' }
      case 'no-login': return { kind: 'no-login', user: String(params['user'] ?? ''), reason: String(params['reason'] ?? '') }
      case 'starting': case 'too-many-connections': return { kind: code, target, reason: String(params['reason'] ?? '') }
      case 'not-readable': return { kind: 'unknown', file: target }
      case 'timeout': return { kind: 'no-answer', target }
      case 'other-server': return { kind: 'other-server', target, found: String(params['found'] ?? '') }
      default: return { kind: 'failed', target, reason: String(params['cause'] ?? code) }
    }
  },
}
