import { Flags } from '@oclif/core'
import { BaseCommand, EXIT, clusterFlags, connectionFlags, selectionOf } from '../base-command.ts'
import type { Severity } from '../checks/check.ts'

const FORMATS = ['text', 'json', 'nagios', 'prometheus'] as const
const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info']

export default class Doctor extends BaseCommand {
  static override summary = 'diagnose WAL archiving; changes nothing'
  static override description = 'Works with the server down, without a login and without root; what it could not see it says. Exit code: 0 nothing at or above --fail-on, 1 findings, 2 could not run.'
  static override examples = ['<%= config.bin %> doctor', 'sudo <%= config.bin %> doctor --cluster 15/main', '<%= config.bin %> doctor --json --fail-on warning', '<%= config.bin %> doctor --format nagios', '<%= config.bin %> doctor --for-version 17', '<%= config.bin %> doctor --save-facts facts.json']
  static override flags = {
    ...clusterFlags,
    ...connectionFlags,
    only: Flags.string({ description: 'only this check (repeatable)', helpValue: 'ID', multiple: true }),
    skip: Flags.string({ description: 'not this check (repeatable)', helpValue: 'ID', multiple: true }),
    'fail-on': Flags.option({ options: SEVERITIES, default: 'error' as const })({ description: 'the least severity that counts for the exit code' }),
    format: Flags.option({ options: FORMATS })({ description: 'json is --json; nagios and prometheus are for monitoring, and have no use for --fail-on', exclusive: ['json'] }),
    'for-version': Flags.string({ description: 'also what a newer major would refuse or read differently: 13 to 18', helpValue: 'N' }),
    deep: Flags.boolean({ description: 'look into every archived segment, not into a few; takes as long as it takes' }),
    'replication-user': Flags.string({ description: 'role that takes base backups (default: postgres, or the owner\'s)', helpValue: 'NAME' }),
    'allow-from': Flags.string({ description: 'network from which base backups are taken (repeatable)', helpValue: 'CIDR', multiple: true }),
    'save-facts': Flags.string({ description: 'also write what was seen, without secrets, as JSON', helpValue: 'FILE' }),
    facts: Flags.string({
      description: 'judge what --save-facts wrote, on this machine or another, and look at nothing here',
      helpValue: 'FILE',
      exclusive: ['save-facts', 'deep', 'data-dir', 'config-file', 'host', 'port', 'username', 'dbname', 'replication-user', 'allow-from'],
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor)
    const { format = 'text' } = flags
    const monitored = format === 'nagios' || format === 'prometheus'
    const context = await this.context({ ...flags, json: flags.json || format === 'json', quiet: flags.quiet || monitored })
    const { diagnoseAll, diagnoseSaved } = await import('../app/doctor.ts')
    const { interruptibly, interruption } = await import('../app/interruption.ts')
    const { clusterReportsFor, clusterReportsJson, clusterReportsText } = await import('../app/present.ts')
    const checks = { only: flags.only ?? [], skip: flags.skip ?? [], measure: monitored, ...(flags['for-version'] === undefined ? {} : { forVersion: flags['for-version'] }) }
    const saved = flags.facts === undefined ? undefined : await diagnoseSaved(context, flags.facts, flags.cluster, checks)
    const reports = saved?.reports ?? await interruptibly(context, interruption(), (looking) => diagnoseAll(looking, selectionOf(flags), {
      ...checks,
      replicationUser: flags['replication-user'],
      allowFrom: flags['allow-from'] ?? [],
      deep: flags.deep,
      ...(flags['save-facts'] === undefined ? {} : { saveFacts: flags['save-facts'] }),
    }))
    if (monitored) {
      const { text, exitCode } = clusterReportsFor(format, reports)
      await this.result(context, () => text, () => ({}))
      process.exitCode = exitCode
      return
    }
    await this.result(context, () => clusterReportsText(context, 'doctor', reports, saved), () => clusterReportsJson('doctor', reports))
    const least = SEVERITIES.indexOf(flags['fail-on'])
    const counts = SEVERITIES.slice(0, least + 1)
    if (reports.some(({ summary }) => counts.some((severity) => summary[severity] > 0))) process.exitCode = EXIT.findings
  }
}
