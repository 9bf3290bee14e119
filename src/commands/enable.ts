import { Flags } from '@oclif/core'
import { BaseCommand, EXIT, clusterFlags, connectionFlags, selectionOf } from '../base-command.ts'

export default class Enable extends BaseCommand {
  static override summary = 'set up WAL archiving: plan, diff, confirm, apply, restart, verify'
  static override description = 'Asks only what it must; every answer is a flag as well. Nothing is changed before the plan is confirmed. If the server does not come back, everything is put back. A better value (wal_level logical, more senders) is never lowered.'
  static override examples = ['sudo <%= config.bin %> enable', 'sudo <%= config.bin %> enable --dry-run', 'sudo <%= config.bin %> enable --cluster 15/main --archive-dir /mnt/wal --allow-from 192.0.2.7/32 --yes']
  static override flags = {
    ...clusterFlags,
    ...connectionFlags,
    'archive-dir': Flags.string({ description: 'where archived WAL goes', helpValue: 'DIR' }),
    'archive-timeout': Flags.string({ description: 'archive_timeout: the longest time that a commit may stay out of the archive, e.g. 5min', helpValue: 'T' }),
    'max-wal-senders': Flags.integer({ description: 'at least this many (default 3; a higher value stays)', helpValue: 'N', min: 1 }),
    'wal-keep-size': Flags.string({ description: 'at least this much WAL is kept in pg_wal (default 1GB, less on a small disk)', helpValue: 'SIZE' }),
    'replication-user': Flags.string({ description: 'role that takes base backups (default: postgres, or the owner\'s)', helpValue: 'NAME' }),
    'allow-from': Flags.string({ description: 'network from which it may, besides this machine (repeatable)', helpValue: 'CIDR', multiple: true }),
    'dry-run': Flags.boolean({ description: 'show the plan and stop' }),
    yes: Flags.boolean({ char: 'y', description: 'apply without asking' }),
    'replace-command': Flags.boolean({ description: 'with --yes: also in place of another archive_command that stores WAL now, whose archive then ends' }),
    restart: Flags.boolean({ description: 'restart the server if a setting needs it', allowNo: true, default: true }),
    timeout: Flags.integer({ description: 'how long a segment may take to arrive afterwards, in seconds', helpValue: 'S', default: 90, min: 1, max: 3600 }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Enable)
    const context = await this.context(flags)
    const { enable, enableText } = await import('../app/enable.ts')
    const { enableJson } = await import('../app/present.ts')
    const { interruption } = await import('../app/interruption.ts')
    const signal = interruption()
    const result = await enable(context, selectionOf(flags), {
      ...(flags['archive-dir'] === undefined ? {} : { archiveDirectory: flags['archive-dir'] }),
      ...(flags['archive-timeout'] === undefined ? {} : { archiveTimeout: flags['archive-timeout'] }),
      ...(flags['max-wal-senders'] === undefined ? {} : { maxWalSenders: flags['max-wal-senders'] }),
      ...(flags['wal-keep-size'] === undefined ? {} : { walKeepSize: flags['wal-keep-size'] }),
      ...(flags['replication-user'] === undefined ? {} : { replicationUser: flags['replication-user'] }),
      ...(flags['allow-from'] === undefined ? {} : { allowFrom: flags['allow-from'] }),
      dryRun: flags['dry-run'],
      yes: flags.yes,
      replaceCommand: flags['replace-command'],
      restart: flags.restart,
      verifyTimeoutMs: flags.timeout * 1000,
      signal,
    })
    await this.result(context, () => enableText(context, result), () => enableJson(result))
    const { offerBackup } = await import('../app/offer-backup.ts')
    const backup = await offerBackup(context, selectionOf(flags), result, { yes: flags.yes, timeoutMs: flags.timeout * 1000, signal })
    if (backup !== undefined) {
      const { backupText } = await import('../report/backup-text.ts')
      this.log(`\n${backupText(backup, false, context.style)}`)
    }
    process.exitCode = {
      applied: result.unproved ? EXIT.cancelled : result.verify !== undefined && result.verify.summary.error > 0 ? EXIT.findings : EXIT.ok,
      'nothing-to-do': EXIT.ok,
      planned: result.needsConfirmation ? EXIT.couldNotRun : EXIT.ok,
      'rolled-back': EXIT.findings,
      cancelled: EXIT.cancelled,
    }[result.outcome]
  }
}
