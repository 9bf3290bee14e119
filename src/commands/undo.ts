import { Args, Flags } from '@oclif/core'
import { BaseCommand, EXIT } from '../base-command.ts'

export default class Undo extends BaseCommand {
  static override summary = 'undo a run of enable, the newest by default'
  static override description = 'Puts every byte back, with owner and mode, and finishes a run that was killed. Files that somebody edited since are left alone, unless --force.'
  static override examples = ['sudo <%= config.bin %> undo', 'sudo <%= config.bin %> undo 20261123-101500-4f2a --dry-run']
  static override args = { run: Args.string({ description: 'the run, as `pgwal history` prints it' }) }
  static override flags = {
    'data-dir': Flags.string({ char: 'D', description: 'the newest run on this cluster', helpValue: 'DIR' }),
    cluster: Flags.string({ description: 'the newest run on this cluster', helpValue: 'ID' }),
    'dry-run': Flags.boolean({ description: 'show what would be done and stop' }),
    yes: Flags.boolean({ char: 'y', description: 'without asking' }),
    force: Flags.boolean({ description: 'put files back that were edited since; the edited content is kept in the run\'s directory' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Undo)
    const context = await this.context(flags)
    const { undoRun, undoText } = await import('../app/undo-run.ts')
    const { interruption } = await import('../app/interruption.ts')
    const { undoJson } = await import('../app/present.ts')
    const result = await undoRun(context, {
      ...(args.run === undefined ? {} : { run: args.run }),
      ...(flags.cluster === undefined ? {} : { cluster: flags.cluster }),
      ...(flags['data-dir'] === undefined ? {} : { dataDir: flags['data-dir'] }),
      dryRun: flags['dry-run'],
      yes: flags.yes,
      force: flags.force,
      signal: interruption(),
    })
    await this.result(context, () => undoText(context, result), () => undoJson(result))
    process.exitCode = {
      applied: EXIT.ok,
      'nothing-to-do': EXIT.ok,
      planned: result.needsConfirmation ? EXIT.couldNotRun : EXIT.ok,
      'rolled-back': EXIT.findings,
      cancelled: EXIT.cancelled,
    }[result.outcome]
  }
}
