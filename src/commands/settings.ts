import { Args } from '@oclif/core'
import { BaseCommand, EXIT, clusterFlags, connectionFlags, selectionOf, serverVersionFlag } from '../base-command.ts'

export default class Settings extends BaseCommand {
  static override summary = 'the value of each setting, the line that decides it, every line that lost, and what the server runs with'
  static override description = 'Without a name everything that a file or the command line sets. Reads the files as the server does: includes, postgresql.auto.conf, the command line. Exit code: 0 the server would start with these files, 1 it would not, 2 could not run.'
  static override examples = [
    '<%= config.bin %> settings',
    '<%= config.bin %> settings archive_mode archive_command --cluster 15/main',
    '<%= config.bin %> settings --config-file postgresql.conf --server-version 17',
  ]
  static override strict = false
  static override args = { name: Args.string({ description: 'a setting (several may be given)' }) }
  static override flags = {
    ...clusterFlags,
    ...connectionFlags,
    'server-version': serverVersionFlag(),
  }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(Settings)
    const context = await this.context(flags)
    const { interruptibly, interruption } = await import('../app/interruption.ts')
    const { settingsReports } = await import('../app/settings.ts')
    const [{ settingsJson }, { settingsText }] = await Promise.all([import('../report/settings-json.ts'), import('../report/settings-text.ts')])
    const version = flags['server-version']
    const reports = await interruptibly(context, interruption(), (looking) => settingsReports(looking, selectionOf(flags), { names: argv.map(String), ...(version === undefined ? {} : { serverVersion: version }) }))
    await this.result(context, () => settingsText(reports, context.style), () => settingsJson(reports))
    if (reports.some(({ loads }) => loads === false)) process.exitCode = EXIT.findings
  }
}
