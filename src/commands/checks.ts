import { Args } from '@oclif/core'
import { BaseCommand } from '../base-command.ts'

export default class Checks extends BaseCommand {
  static override summary = 'list the checks of doctor and verify, or explain one'
  static override examples = ['<%= config.bin %> checks', '<%= config.bin %> checks archive-command']
  static override args = { id: Args.string({ description: 'the check to explain' }) }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Checks)
    const context = await this.context(flags)
    const { checksJson, checksText } = await import('../app/present.ts')
    await this.result(context, () => checksText(context, args.id), () => checksJson(args.id))
  }
}
