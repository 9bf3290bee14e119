import type { Session } from '../../host/host.ts'

/** The server ends a session that waits: of 14. */
const IDLE = 'idle_session_timeout'

/** Lifts the limits that the server has for others: copying takes hours, and meanwhile the session waits. */
export async function withoutLimits(session: Session): Promise<void> {
  await lift(session, ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout', IDLE])
}

/** For a session that waits while others work. */
export async function withoutIdleLimit(session: Session): Promise<void> {
  await lift(session, [IDLE])
}

/** Those that the server's major does not know are left out. */
async function lift(session: Session, names: readonly string[]): Promise<void> {
  await session.query("SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name = ANY ($1)", [names])
}
