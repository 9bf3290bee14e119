/** The last restore of a kept base backup of this cluster by this account, as its record in the state directory tells. */
import { lastBackupDrill } from '../plan/drill-record.ts'
import type { BackupDrillRecord } from '../plan/drill-record.ts'
import type { Fact } from './fact.ts'

export const lastBackupDrillFact: Fact<BackupDrillRecord | null> = {
  name: 'last-backup-drill',
  async gather({ host, cluster }) {
    return (await lastBackupDrill(host, cluster)) ?? null
  },
}
