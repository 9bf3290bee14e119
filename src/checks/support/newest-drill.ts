import type { BackupDrillRecord, DrillRecord } from '../../plan/drill-record.ts'

/** The newer of the last restore of a copy and the last one of a kept backup: what is known of restoring now. */
export function newestDrill(drill: DrillRecord | null, backupDrill: BackupDrillRecord | null): DrillRecord | BackupDrillRecord | null {
  if (drill === null || backupDrill === null) return drill ?? backupDrill
  return Date.parse(backupDrill.at) >= Date.parse(drill.at) ? backupDrill : drill
}
