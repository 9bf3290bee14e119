import { SCHEMA } from './json.ts'
import type { RecoverReport } from './recover-report.ts'

/** recover. Times are UTC, apart from those that are called local. */
export function recoverJson(report: RecoverReport): object {
  const { outcome, done, commands, cluster, backup, passedOver, archive, target, into, tablespaces, makes, binDir, port, shell } = report
  const plan = { backup, passedOver, archive, target, into, tablespaces, makes, binDir, port, shell }
  return { schema: SCHEMA, command: 'recover', outcome, ...(cluster === undefined ? {} : { cluster }), plan, ...(done === undefined ? {} : { done }), commands }
}
