// What stands at the end of verify: what is proved, how and when, and what is not. It claims nothing that was not seen.
import type { Locale } from '../messages/locale.ts'
import { messages } from '../messages/messages.ts'
import { compose } from './words.ts'

export interface Statement {
  /** Every commit up to here is in the archive: seen there in this run. ISO 8601. */
  readonly archivedUntil?: string
  /** Milliseconds between that and the end of the run. */
  readonly ageMs?: number
  /** The newest restore from the archive: of this run, else the last one on record. */
  readonly drill?: {
    readonly at: string
    readonly outcome: 'proved' | 'failed'
    readonly thisRun: boolean
    readonly bytes?: number
    readonly elapsedMs?: number
    readonly restorePoint?: string
    readonly code?: string
  }
  /** The newest base backup that left its history file in the archive; drills are not counted. */
  readonly backup?: { readonly label: string; readonly startTime: string; readonly segment: string }
  /** The kept base backup that was restored last, in this run or before, and how far: `now` is when that was. */
  readonly provedBackup?: { readonly at: string; readonly thisRun: boolean; readonly path: string; readonly begunAt: string; readonly target: string }
  /** In place of it: the last restore of a kept backup failed. */
  readonly failedBackup?: { readonly at: string; readonly path: string; readonly code: string }
  /** Transactions that were prepared and stayed open in the server that was restored in this run. */
  readonly prepared?: number
  readonly notProved: readonly NotProved[]
}

/** `other-backups`: that a base backup which somebody keeps is complete and fits; `backup-content`: that the files of the restored one are as they were written. */
export type NotProved = 'backup-content' | 'archiving' | 'restore' | 'restore-lately' | 'base-backup' | 'other-backups'

/** One line a fact. */
export function statementLines(statement: Statement, locale: Locale): string[] {
  const words = messages(locale).statement
  const say = (template: string, params: Record<string, string | number>): string => compose(template, params, locale)
  const { archivedUntil, ageMs, drill, backup, provedBackup, failedBackup, prepared, notProved } = statement
  return [
    archivedUntil === undefined ? words.nothingArchived : say(words.archivedUntil, { at: archivedUntil, ageMs: ageMs ?? 0 }),
    ...(drill === undefined ? (provedBackup === undefined && failedBackup === undefined ? [words.noDrill] : [])
      : drill.outcome === 'failed' ? [say(words.drillFailed, { at: drill.at, code: drill.code ?? '' })]
        : [say(drill.thisRun ? words.drillNow : words.drillThen, { at: drill.at, dataBytes: drill.bytes ?? 0, elapsedMs: drill.elapsedMs ?? 0 })]),
    ...(backup === undefined ? (provedBackup === undefined ? [words.noBackup] : []) : [say(words.backup, { ...backup })]),
    ...(provedBackup === undefined ? [] : [say(words[proofOf(provedBackup)], { path: provedBackup.path, begunAt: provedBackup.begunAt, target: provedBackup.target, at: provedBackup.at })]),
    ...(failedBackup === undefined ? [] : [say(words.backupFailed, { ...failedBackup })]),
    ...(prepared === undefined ? [] : [say(words.prepared, { prepared })]),
    ...(notProved.length === 0 ? [] : [say(words.notProved, { list: notProved.map((code) => words.missing[code]).join(messages(locale).listSeparator) })]),
  ]
}

function proofOf({ thisRun, target }: NonNullable<Statement['provedBackup']>): 'backupProvedNow' | 'backupProved' | 'backupProvedThen' | 'backupProvedThenTo' {
  if (thisRun) return target === 'now' ? 'backupProvedNow' : 'backupProved'
  return target === 'now' ? 'backupProvedThen' : 'backupProvedThenTo'
}
