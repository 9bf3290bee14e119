import { Flags } from '@oclif/core'
import { BaseCommand, EXIT } from '../base-command.ts'

export default class Demo extends BaseCommand {
  static override summary = 'the whole main job on a throw-away server'
  static override description = 'Starts a PostgreSQL of its own, with nothing but the programs found on this machine, and leaves nothing behind.'
  static override examples = ['<%= config.bin %> demo', '<%= config.bin %> demo --lang zh-TW']
  static override flags = {
    'bin-dir': Flags.string({ description: 'directory with initdb, pg_ctl and postgres (default: the newest on this machine)', helpValue: 'DIR' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Demo)
    const context = await this.context(flags)
    const { demo } = await import('../app/demo.ts')
    const { interruption } = await import('../app/interruption.ts')
    const result = await demo(context, {
      ...(flags['bin-dir'] === undefined ? {} : { binDir: flags['bin-dir'] }),
      programRoot: this.config.root,
      print: (text) => process.stdout.write(text),
      signal: interruption(),
    })
    if (result.interrupted) process.exitCode = EXIT.cancelled
    else if (!result.foundIt || !result.proved || !result.putBack) process.exitCode = EXIT.findings
  }
}
