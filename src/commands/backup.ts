import { Args, Flags } from '@oclif/core'
import { BaseCommand, EXIT, clusterFlags, connectionFlags, selectionOf } from '../base-command.ts'
import { UserError } from '../errors.ts'
import { absolute } from '../platforms/reading.ts'

export default class Backup extends BaseCommand {
  static override summary = 'take a base backup, and remove what no longer has to be kept'
  static override description = 'Takes a base backup of the running cluster through pg_basebackup, or the low-level backup API where there is none, into a directory of its own below DIR, compares it with its manifest, and only then gives it its name. With --keep, the newest N backups stay that pgwal made of this cluster in DIR, and WAL that none of them needs is removed from the archive; backups that others made keep their WAL.'
  static override examples = ['sudo <%= config.bin %> backup /mnt/backups', 'sudo <%= config.bin %> backup /mnt/backups --label nightly --keep 7 --yes']
  static override args = { directory: Args.string({ name: 'DIR', description: 'directory that holds the backups', required: true }) }
  static override flags = {
    ...clusterFlags,
    ...connectionFlags,
    label: Flags.string({ description: 'a word for the backup\'s name', helpValue: 'WORD', default: '' }),
    keep: Flags.integer({ description: 'keep the newest N, remove the others and the WAL that none needs', helpValue: 'N', min: 1 }),
    'give-up-others': Flags.boolean({ description: 'remove also WAL that only backups of other tools need', dependsOn: ['keep'] }),
    yes: Flags.boolean({ char: 'y', description: 'remove without asking' }),
    timeout: Flags.integer({ description: 'how long a segment may take to arrive in the archive, in seconds', helpValue: 'S', default: 90, min: 1, max: 3600 }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Backup)
    const context = await this.context(flags)
    const { backup } = await import('../app/backup.ts')
    const { backupJson, backupText } = await import('../report/backup-text.ts')
    const { interruption } = await import('../app/interruption.ts')
    const result = await backup(context, selectionOf(flags), {
      directory: absolute(process.cwd(), args.directory),
      label: flags.label,
      ...(flags.keep === undefined ? {} : { keep: flags.keep }),
      yes: flags.yes,
      giveUpOthers: flags['give-up-others'],
      timeoutMs: flags.timeout * 1000,
      signal: interruption(),
    }).catch((error: unknown) => {
      // Everything is cleaned up; people know what they did.
      if (error instanceof UserError && error.code === 'interrupted') return undefined
      throw error
    })
    if (result === undefined) {
      context.ui.note(context.ui.words.backup.cancelled)
      process.exitCode = EXIT.cancelled
      return
    }
    await this.result(context, () => backupText(result, flags['give-up-others'], context.style), () => backupJson(result))
    const { retention } = result
    if (retention?.outcome === 'interrupted') process.exitCode = EXIT.cancelled
    else if (retention?.outcome === 'planned') process.exitCode = EXIT.couldNotRun
    else if (retention?.outcome === 'refused' || (retention?.outcome === 'applied' && retention.removed.failed.length > 0)) process.exitCode = EXIT.findings
  }
}
