import { BaseCommand } from '../base-command.ts'

export default class History extends BaseCommand {
  static override summary = 'the runs of enable and undo on this machine'
  static override examples = ['sudo <%= config.bin %> history']

  async run(): Promise<void> {
    const { flags } = await this.parse(History)
    const context = await this.context(flags)
    const { history } = await import('../app/history.ts')
    const { historyJson, historyText } = await import('../app/present.ts')
    const runs = await history(context.host)
    await this.result(context, () => historyText(context, runs), () => historyJson(runs))
  }
}
