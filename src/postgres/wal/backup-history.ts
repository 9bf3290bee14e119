// <segment>.<offset>.backup, written into pg_wal and archived when a base backup ends; a backup_label is the same text
// without the lines about the end. src/backend/access/transam/xlogbackup.c: build_backup_content.
import { type Lsn, lsnFromText } from './lsn.ts'

export interface WalPlace { readonly lsn: Lsn; readonly segment: string }

export interface BackupHistory {
  /** The first WAL that the backup needs. */
  readonly start: WalPlace
  /** The last WAL without which the backup is not consistent. Missing in a backup_label. */
  readonly stop?: WalPlace
  readonly checkpoint?: Lsn
  readonly method?: string
  /** `primary` (`master` before 14) or `standby`. */
  readonly from?: string
  readonly label?: string
  /** As written: in log_timezone, whose abbreviation may be ambiguous. */
  readonly startTime?: string
  readonly stopTime?: string
  readonly startTimeline?: number
  readonly stopTimeline?: number
  /** 17+: the backup is incremental and useless without its predecessor. */
  readonly incrementalFrom?: Lsn
}

function place(text: string | undefined): WalPlace | undefined {
  const parts = /^(\S+) \(file ([0-9A-F]{24})\)$/.exec(text ?? '')
  const lsn = parts === null ? undefined : lsnFromText(parts[1]!)
  return parts === null || lsn === undefined ? undefined : { lsn, segment: parts[2]! }
}

/** Reads a backup history file or a backup_label; undefined where it does not say where the backup starts, or not readably where it stops. */
export function parseBackupHistory(text: string): BackupHistory | undefined {
  const fields = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(': ')
    if (colon > 0 && !fields.has(line.slice(0, colon))) fields.set(line.slice(0, colon), line.slice(colon + 2))
  }
  const start = place(fields.get('START WAL LOCATION'))
  const stop = place(fields.get('STOP WAL LOCATION'))
  if (start === undefined || (fields.has('STOP WAL LOCATION') && stop === undefined)) return undefined
  const words = (name: string): string | undefined => fields.get(name)
  const number = (name: string): number | undefined => /^\d+$/.test(fields.get(name) ?? '') ? Number(fields.get(name)) : undefined
  const found = {
    start, stop,
    checkpoint: lsnFromText(words('CHECKPOINT LOCATION') ?? ''),
    method: words('BACKUP METHOD'),
    from: words('BACKUP FROM'),
    label: words('LABEL'),
    startTime: words('START TIME'),
    stopTime: words('STOP TIME'),
    startTimeline: number('START TIMELINE'),
    stopTimeline: number('STOP TIMELINE'),
    incrementalFrom: lsnFromText(words('INCREMENTAL FROM LSN') ?? ''),
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as unknown as BackupHistory
}
