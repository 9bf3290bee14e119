// A live server that is made ill and well again: what doctor says of it, with everything that its own account can see.
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { diagnose } from '../../src/app/diagnose.ts'
import type { DiagnoseOptions } from '../../src/app/diagnose.ts'
import type { Finding } from '../../src/checks/check.ts'
import { checks } from '../../src/checks/index.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import type { Host } from '../../src/host/host.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import { archiveCommand, archiveScript } from '../../src/postgres/archive-command/index.ts'
import { quoteValue } from '../../src/postgres/conf/index.ts'
import { fill } from '../../src/messages/locale.ts'
import type { ClusterReport } from '../../src/report/report.ts'
import { clusterOf } from './cluster-of.ts'
import { eventually } from './eventually.ts'
import { TestServer } from './server.ts'
import type { Major, ServerOptions } from './server.ts'

export interface NamedFinding extends Finding {
  /** `check/code`. */
  readonly name: string
}

/** True on every cluster of these tests: one disk, and some majors are old. */
const EXPECTED = ['archive-directory/same-file-system', 'postgresql-end-of-life/ended']
const HBA = 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\nhost replication all 127.0.0.1/32 trust\nhost replication all ::1/128 trust\n'

export class Patient {
  readonly host: Host = new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: `${os.tmpdir()}/pgwal-no-such-state` })
  readonly archive: string
  readonly conf: string
  #configured = ''

  private constructor(readonly server: TestServer, readonly more: string, readonly restOfConf: string) {
    this.archive = path.join(server.root, 'archive')
    this.conf = path.join(server.dataDir, 'postgresql.conf')
  }

  /** A healthy server that archives with pgwal's own script. `more`: lines of postgresql.conf that stay. */
  static async create(major: Major, more = '', options: ServerOptions = {}): Promise<Patient> {
    const server = await TestServer.create(major, { hba: HBA, ...options })
    const patient = new Patient(server, more, await fs.readFile(path.join(server.dataDir, 'postgresql.conf'), 'utf8'))
    await patient.makeDirectory(patient.archive)
    await patient.set()
    await server.start()
    const [{ id }] = await server.query<{ id: string }>('SELECT system_identifier AS id FROM pg_control_system()') as [{ id: string }]
    await patient.write(patient.script, archiveScript({ archiveDir: patient.archive, systemIdentifier: BigInt(id) }))
    return patient
  }

  get script(): string {
    return path.join(this.server.root, 'pgwal-archive.sh')
  }

  async remove(): Promise<void> {
    await this.server.remove()
  }

  // --- the machine -----------------------------------------------------------------------------------------------------

  /** A file that belongs to the server's account. */
  async write(file: string, text: string | Uint8Array, mode = 0o644): Promise<string> {
    await fs.writeFile(file, text)
    await fs.chmod(file, mode)
    return this.own(file)
  }

  async makeDirectory(directory: string, mode = 0o700): Promise<string> {
    await fs.mkdir(directory, { mode })
    return this.own(directory)
  }

  async own(file: string): Promise<string> {
    if (process.getuid?.() === 0) await fs.chown(file, this.server.account.uid, this.server.account.gid)
    return file
  }

  // --- the configuration -----------------------------------------------------------------------------------------------

  /** What `pgwal enable` would set. */
  healthy(): string {
    return `archive_command = ${quoteValue(archiveCommand(this.script))}`
  }

  /** New lines at the end of postgresql.conf; none: the healthy ones. Not loaded yet. */
  async set(lines?: string): Promise<void> {
    this.#configured = lines ?? this.healthy()
    await fs.writeFile(this.conf, `${this.restOfConf}archive_mode = on\nwal_keep_size = 16MB\n${this.more}\n${this.#configured}\n`)
  }

  async setCommand(command: string): Promise<void> {
    await this.set(`archive_command = ${quoteValue(command)}`)
  }

  /** Waits until new sessions have it; the archiver reads it before it runs its next command. */
  async reload(): Promise<void> {
    const loaded = async () => (await this.server.query<{ at: string }>('SELECT pg_conf_load_time()::text AS at'))[0]!.at
    const before = await loaded()
    await this.server.query('SELECT pg_reload_conf()')
    await eventually(async () => (await loaded()) !== before, 'a reload')
  }

  // --- the archiver ----------------------------------------------------------------------------------------------------

  /** Ends a segment; wakes an archiver that pauses. Returns the name of the segment. */
  async switchWal(): Promise<string> {
    await this.server.query('SELECT pg_create_restore_point($1)', ['x'])
    const [{ name }] = await this.server.query<{ name: string }>('SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS name') as [{ name: string }]
    await this.server.query('SELECT pg_switch_wal()')
    return name
  }

  async waiting(): Promise<string[]> {
    return (await fs.readdir(path.join(this.server.dataDir, 'pg_wal/archive_status'))).filter((name) => name.endsWith('.ready')).map((name) => name.slice(0, -6)).sort()
  }

  async drain(): Promise<void> {
    await this.switchWal()
    // A queue of a hundred takes a minute where each file is flushed to a slow disk.
    await eventually(async () => (await this.waiting()).length === 0, 'an empty queue', 240_000)
  }

  /** Ends a segment and waits until the statistics count a failure after that. */
  async failOnce(): Promise<void> {
    const [{ since }] = await this.server.query<{ since: string }>('SELECT clock_timestamp()::text AS since') as [{ since: string }]
    await this.switchWal()
    await eventually(async () => (await this.server.query('SELECT 1 FROM pg_stat_archiver WHERE last_failed_time > $1::timestamptz', [since])).length === 1, 'a failure')
  }

  /** Ends a segment and waits until the log has something new like this. */
  async logs(pattern: RegExp): Promise<void> {
    const before = (await this.server.log()).length
    await this.switchWal()
    await eventually(async () => pattern.test((await this.server.log()).slice(before)), String(pattern))
  }

  // --- doctor ----------------------------------------------------------------------------------------------------------

  async report(options: DiagnoseOptions = {}, over: Partial<Cluster> = {}, host: Host = this.host): Promise<ClusterReport> {
    const report = await diagnose(host, { ...(await clusterOf(this.server)), ...over }, options)
    for (const { id, verdict } of report.checks) if (verdict.kind === 'crash') throw new Error(`${id} crashed`, { cause: verdict.error })
    return report
  }

  /** Errors and warnings, but for those that every cluster of these tests has; also the words can be made of them. */
  async alarms(options: DiagnoseOptions = {}, over: Partial<Cluster> = {}, host: Host = this.host): Promise<NamedFinding[]> {
    return alarmsOf(await this.report(options, over, host))
  }
}

export function findingsOf(report: ClusterReport): NamedFinding[] {
  return report.checks.flatMap(({ id, verdict }) => (verdict.kind === 'fail' ? verdict.findings.map((finding) => ({ name: `${id}/${finding.code}`, ...finding })) : []))
}

export function alarmsOf(report: ClusterReport): NamedFinding[] {
  return findingsOf(report).filter(({ name, severity }) => severity !== 'info' && !EXPECTED.includes(name))
}

export function names(findings: readonly NamedFinding[]): string[] {
  return findings.map(({ name }) => name)
}

/** The remedy as it is printed in English. */
export function remedy(finding: NamedFinding | undefined): string {
  const check = checks.find(({ id }) => id === finding?.name.split('/')[0])
  return finding === undefined ? '' : fill(check!.text.en.findings[finding.code]!.remedy, finding.params)
}
