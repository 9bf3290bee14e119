import { BaseCommand, clusterFlags, selectionOf } from '../base-command.ts'

export default class Clusters extends BaseCommand {
  static override summary = 'every PostgreSQL cluster on this machine, how it was found, and its state'
  static override examples = ['<%= config.bin %> clusters', 'sudo <%= config.bin %> clusters --json']
  static override flags = clusterFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(Clusters)
    const context = await this.context(flags)
    const { interruptibly, interruption } = await import('../app/interruption.ts')
    const { findClusters } = await import('../app/select.ts')
    const [{ clustersJson }, { clustersText }] = await Promise.all([import('../report/json.ts'), import('../report/clusters-text.ts')])
    const clusters = await interruptibly(context, interruption(), (looking) => findClusters(looking, selectionOf(flags)))
    await this.result(context, () => clustersText(clusters, context.style), () => clustersJson(clusters))
  }
}
