import { BaseCommand, clusterFlags } from '../base-command.ts'

export default class History extends BaseCommand {
  static override summary = 'the runs of enable and undo on this machine'
  static override examples = ['sudo <%= config.bin %> history']

  static override flags = clusterFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(History)
    const context = await this.context(flags)
    const { history } = await import('../app/history.ts')
    const [{ historyJson }, { historyText }] = await Promise.all([import('../report/json.ts'), import('../report/history-text.ts')])
    const runs = (await history(context.host)).filter(({ cluster }) =>
      (flags.cluster === undefined || cluster?.id === flags.cluster)
      && (flags['data-dir'] === undefined || cluster?.dataDir === flags['data-dir'].replace(/(.)\/+$/, '$1'))
      && (flags['config-file'] === undefined || cluster?.configFile === flags['config-file']))
    await this.result(context, () => historyText(runs, context.style), () => historyJson(runs))
  }
}
