import type { Outcome } from '../../facts/fact.ts'
import type { EffectiveSettings } from '../../facts/effective-settings.ts'
import type { ServerProcess } from '../../facts/processes.ts'
import type { ServerFact } from '../../facts/server.ts'
import { cannotJudge } from '../check.ts'
import { inForce } from './settings.ts'

/** Throws CannotJudge unless this server is one that archives: archive_mode is on and it is no standby, or always. */
export function archivesNow(settings: EffectiveSettings, server: Outcome<ServerFact>, processes?: Outcome<readonly ServerProcess[]>): void {
  const mode = inForce(settings, 'archive_mode')
  if (mode === 'off') throw cannotJudge('archive-mode-off')
  const inRecovery = server.ok ? server.value.inRecovery : processes?.ok === true && processes.value.some(({ role }) => role === 'startup' || role === 'walreceiver')
  if (mode === 'on' && inRecovery) throw cannotJudge('in-recovery')
}
