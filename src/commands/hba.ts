import { Flags } from '@oclif/core'
import { BaseCommand, EXIT, clusterFlags, connectionFlags, selectionOf, serverVersionFlag } from '../base-command.ts'

const QUESTION = { helpGroup: 'QUESTION' } as const

export default class Hba extends BaseCommand {
  static override summary = 'which rule of pg_hba.conf decides for a connection, which never do, and which mean something else than they seem'
  static override description = 'Ask with --user, --database and --address; without a question, the overview. Exit code: 0 the server would load the file, 1 it would not, 2 could not run.'
  static override examples = [
    '<%= config.bin %> hba',
    '<%= config.bin %> hba --user backup --database replication --address 192.0.2.7 --ssl',
    '<%= config.bin %> hba --hba-file pg_hba.conf --server-version 17 --user joe --database shop --address local',
  ]
  static override flags = {
    ...clusterFlags,
    ...connectionFlags,
    'hba-file': Flags.string({ description: 'pg_hba.conf; with --server-version no cluster is needed', helpValue: 'FILE', helpGroup: 'CLUSTER' }),
    'server-version': serverVersionFlag(),
    user: Flags.string({ description: 'the role that logs in', helpValue: 'NAME', ...QUESTION }),
    database: Flags.string({ description: 'the database; replication for a base backup, \'"replication"\' for a database of that name', helpValue: 'NAME', ...QUESTION }),
    address: Flags.string({ description: 'the client\'s address, or local for the socket', helpValue: 'A', ...QUESTION }),
    ssl: Flags.boolean({ description: 'the connection is encrypted with TLS', ...QUESTION }),
    gss: Flags.boolean({ description: 'the connection is encrypted by GSSAPI', ...QUESTION }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Hba)
    const context = await this.context(flags)
    const { hbaReport, questionOf } = await import('../app/hba.ts')
    const { interruptibly, interruption } = await import('../app/interruption.ts')
    const { hbaReportJson, hbaReportText } = await import('../app/present.ts')
    const question = questionOf(flags)
    const [file, version] = [flags['hba-file'], flags['server-version']]
    const report = await interruptibly(context, interruption(), (looking) => hbaReport(looking, selectionOf(flags), {
      ...(file === undefined ? {} : { hbaFile: file }),
      ...(version === undefined ? {} : { serverVersion: version }),
      ...(question === undefined ? {} : { question }),
    }))
    await this.result(context, () => hbaReportText(context, report), () => hbaReportJson(report))
    if (report.complete && !report.hba.loads) process.exitCode = EXIT.findings
  }
}
