/** The last drill that was run on this cluster by this account, as its record in the state directory tells. */
import { lastDrill } from '../plan/drill-record.ts'
import type { DrillRecord } from '../plan/drill-record.ts'
import type { Fact } from './fact.ts'

export const lastDrillFact: Fact<DrillRecord | null> = {
  name: 'last-drill',
  async gather({ host, cluster }) {
    return (await lastDrill(host, cluster)) ?? null
  },
}
