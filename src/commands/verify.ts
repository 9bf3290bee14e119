import { Flags } from '@oclif/core'
import { UserError } from '../errors.ts'
import { BaseCommand, EXIT, clusterFlags, connectionFlags, selectionOf } from '../base-command.ts'

export default class Verify extends BaseCommand {
  static override summary = 'the checklist after a restart, on the live server'
  static override description = 'Compares the settings that the server really runs with, writes and switches a WAL segment, waits for it in the archive and compares it byte for byte, and tries a physical replication login. With --drill it also restores a copy of the cluster from the archive, up to a restore point written for it, and removes it again.'
  static override examples = ['sudo <%= config.bin %> verify', '<%= config.bin %> verify -D /srv/pg/data --timeout 180', 'sudo <%= config.bin %> verify --drill --drill-dir /srv/scratch']
  static override flags = {
    ...clusterFlags,
    ...connectionFlags,
    timeout: Flags.integer({ description: 'how long a segment may take to arrive, in seconds', helpValue: 'S', default: 90, min: 1, max: 3600 }),
    drill: Flags.boolean({ description: 'restore a copy of the cluster from the archive as well (takes space for the cluster)' }),
    'drill-dir': Flags.string({ description: 'directory below which the copy is made (default: /var/tmp, on Windows C:\\ProgramData)', helpValue: 'DIR', dependsOn: ['drill'] }),
    'from-backup': Flags.string({ description: 'restore this base backup, or the newest of a directory, instead of a copy of the cluster', helpValue: 'DIR', dependsOn: ['drill'] }),
    to: Flags.string({ description: 'with --from-backup: how far, instead of to now', helpValue: 'TIME|LSN|NAME', dependsOn: ['from-backup'] }),
    'restore-command': Flags.string({ description: 'restore_command that the copy gets its WAL with (default: one that copies from the archive)', helpValue: 'CMD', dependsOn: ['drill'], exclusive: ['from-backup'] }),
    'replication-user': Flags.string({ description: 'role that takes base backups (default: postgres, or the owner\'s)', helpValue: 'NAME' }),
    'allow-from': Flags.string({ description: 'network from which base backups are taken (repeatable)', helpValue: 'CIDR', multiple: true }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Verify)
    const context = await this.context(flags)
    const { archivingWasTried, drillWasTried, verifyAll } = await import('../app/verify.ts')
    const { interruptibly, interruption } = await import('../app/interruption.ts')
    const { typedPath } = await import('../platforms/index.ts')
    const { readTarget } = await import('../recover/choose.ts')
    const { clusterReportsJson, clusterReportsText } = await import('../app/present.ts')
    if (flags.to !== undefined) readTarget(flags.to)
    const signal = interruption()
    const fromBackup = flags['from-backup'] === undefined ? {} : { fromBackup: { directory: await typedPath(context.host, flags['from-backup']), ...(flags.to === undefined ? {} : { to: flags.to }) } }
    const look = (looking: typeof context) => verifyAll(looking, selectionOf(flags), {
      timeoutMs: flags.timeout * 1000,
      replicationUser: flags['replication-user'],
      allowFrom: flags['allow-from'] ?? [],
      ...fromBackup,
      ...(flags.drill ? { drill: { signal, ...(flags['drill-dir'] === undefined ? {} : { directory: flags['drill-dir'] }), ...(flags['restore-command'] === undefined ? {} : { restoreCommand: flags['restore-command'] }) } } : {}),
    })
    // A drill takes its copy away by itself.
    const reports = await (flags.drill ? look(context) : interruptibly(context, signal, look)).catch((error: unknown) => {
      // Everything is cleaned up; people know what they did.
      if (error instanceof UserError && error.code === 'interrupted') return undefined
      throw error
    })
    if (reports === undefined) {
      if (flags.drill) context.ui.note(context.ui.words.drill.cancelled)
      process.exitCode = EXIT.cancelled
      return
    }
    await this.result(context, () => clusterReportsText(context, 'verify', reports), () => clusterReportsJson('verify', reports))
    if (reports.some(({ summary }) => summary.error > 0 || summary.crash > 0)) process.exitCode = EXIT.findings
    // Whoever runs it by a timer must not take for proved what could not be tried.
    else if (!archivingWasTried(reports) || (flags.drill && !drillWasTried(reports))) process.exitCode = EXIT.couldNotRun
  }
}
