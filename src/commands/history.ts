import { BaseCommand } from '../base-command.ts'

export default class History extends BaseCommand {
  static override summary = 'the runs of enable and undo on this machine'
  static override examples = ['sudo <%= config.bin %> history']

  async run(): Promise<void> {
    const { flags } = await this.parse(History)
    const context = await this.context(flags)
    const { history } = await import('../app/history.ts')
    const [{ historyJson }, { historyText }] = await Promise.all([import('../report/json.ts'), import('../report/history-text.ts')])
    const runs = await history(context.host)
    await this.result(context, () => historyText(runs, context.style), () => historyJson(runs))
  }
}
