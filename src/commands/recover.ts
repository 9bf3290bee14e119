import { Flags } from '@oclif/core'
import { BaseCommand, EXIT, clusterFlags, selectionOf } from '../base-command.ts'

export default class Recover extends BaseCommand {
  static override summary = 'restore a base backup to a point in time, into a directory of its own'
  static override description = 'For the day when it is needed: works with the server down, without a login, and never touches a live data directory. The backup and the archive are checked, the plan is shown and confirmed, the backup is restored and compared with its manifest, and what to type is printed: to start it, to look at it, to go live. "To" a time or an LSN means without what was committed then.'
  static override examples = [
    'sudo <%= config.bin %> recover --from-backup /srv/backups --into /srv/restored --to "2026-11-23 10:15"',
    'sudo <%= config.bin %> recover --from-backup /srv/backups --into /srv/restored --to latest --archive /srv/wal',
    'sudo <%= config.bin %> recover --from-backup /srv/backups --into /srv/restored --to before_upgrade --dry-run',
  ]
  static override flags = {
    ...clusterFlags,
    'from-backup': Flags.string({ description: 'a base backup (plain, or tar of pg_basebackup), or a directory with several: the newest that serves is taken', helpValue: 'DIR', required: true }),
    into: Flags.string({ description: 'new or empty directory for the restored server', helpValue: 'DIR', required: true }),
    to: Flags.string({ description: 'latest, a time (in your time zone unless it names one), an LSN, or the name of a restore point', helpValue: 'TIME|LSN|NAME|latest', required: true }),
    archive: Flags.string({ description: 'directory with the archived WAL (default: where the cluster\'s configuration archives to)', helpValue: 'DIR' }),
    timeline: Flags.integer({ description: 'timeline to follow (default: the newest that comes from the backup\'s)', helpValue: 'N', min: 1 }),
    action: Flags.string({ description: 'at the target: promote (it opens), or pause: it can be read, but not what a transaction had locked then', options: ['pause', 'promote'], default: 'promote' }),
    'dry-run': Flags.boolean({ description: 'show the plan and stop' }),
    yes: Flags.boolean({ char: 'y', description: 'restore without asking' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Recover)
    const context = await this.context(flags)
    const { recover } = await import('../app/recover.ts')
    const [{ recoverJson }, { recoverText }] = await Promise.all([import('../report/recover-json.ts'), import('../report/recover-text.ts')])
    const { interruption } = await import('../app/interruption.ts')
    const report = await recover(context, selectionOf(flags), {
      fromBackup: flags['from-backup'], into: flags.into, to: flags.to, action: flags.action === 'promote' ? 'promote' : 'pause', dryRun: flags['dry-run'], yes: flags.yes, signal: interruption(),
      ...(flags.archive === undefined ? {} : { archive: flags.archive }),
      ...(flags.timeline === undefined ? {} : { timeline: flags.timeline }),
    })
    await this.result(context, () => recoverText(report, context.style), () => recoverJson(report))
    process.exitCode = { applied: EXIT.ok, planned: report.needsConfirmation ? EXIT.couldNotRun : EXIT.ok, cancelled: EXIT.cancelled }[report.outcome]
  }
}
