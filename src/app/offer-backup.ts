/** The last question of enable: an archive without a base backup restores nothing, so one is offered where none is known. */
import type { Context, Selection } from '../base-command.ts'
import type { BackupResult } from '../backup/result.ts'
import { isAbsolute } from '../platforms/reading.ts'
import { Cancelled } from '../terminal/prompts.ts'
import type { EnableResult } from './enable.ts'

/**
 * Asks, and takes the backup. Nobody is asked without a terminal, with `--json` or `--yes`, when a backup is known, or
 * when the archive has not just been proved.
 *
 * @param timeoutMs how long a segment may take to arrive in the archive
 * @throws what {@link backupOf} throws; the archiving that was set up stays
 */
export async function offerBackup(context: Context, selection: Selection, enabled: EnableResult, options: { readonly yes: boolean; readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<BackupResult | undefined> {
  const { ui } = context
  const statement = enabled.verify?.statement
  if (enabled.outcome !== 'applied' || !ui.interactive || context.json || options.yes) return undefined
  if (statement?.archivedUntil === undefined || !statement.notProved.includes('base-backup')) return undefined
  const { prompts } = ui.words
  let directory: string
  try {
    if (!(await ui.confirm({ message: prompts.baseBackup }))) return undefined
    directory = await ui.ask({
      message: prompts.backupDirectory,
      default: `${enabled.archiveDirectory}-backups`,
      validate: (answer) => (isAbsolute(answer) ? true : prompts.absolutePath),
    })
  } catch (error) {
    // Ctrl-C here says no to this question alone: what was set up stays, and was said.
    if (error instanceof Cancelled) return undefined
    throw error
  }
  const { backupOf } = await import('./backup.ts')
  return backupOf(context, { ...enabled.cluster, running: true }, selection, { directory, timeoutMs: options.timeoutMs, signal: options.signal })
}
