/**
 * A recovery.conf in the data directory, with which no server from 12 on starts.
 * @see https://www.postgresql.org/docs/current/recovery-config.html
 */
import { codeOf } from '../errors.ts'
import { acting } from './fact.ts'
import type { Fact } from './fact.ts'

interface RecoveryConfFact {
  /** Its path; absent where there is none. */
  readonly file?: string
}

export const recoveryConfFact: Fact<RecoveryConfFact> = {
  name: 'recovery-conf',
  async gather(from) {
    const file = `${from.cluster.dataDir}/recovery.conf`
    try {
      await from.host.stat(file, acting(from))
      return { file }
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return {}
      throw error
    }
  },
}
