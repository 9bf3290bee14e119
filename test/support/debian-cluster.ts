// A cluster made by Debian's own tools, beside whatever the machine has: PG_CLUSTER_CONF_ROOT gives it an /etc/postgresql of its own.
import fs from 'node:fs/promises'
import path from 'node:path'
import { freePort, runAs, serverAccount } from './server.ts'
import type { Account, Ran } from './server.ts'

/** Why there can be none here; undefined when there can. */
export async function whyNoDebianCluster(): Promise<string | undefined> {
  for (const needed of ['/usr/bin/pg_createcluster', '/usr/lib/postgresql/15/bin/initdb']) {
    if (!(await fs.stat(needed).then(() => true, () => false))) return `${needed} is missing`
  }
  return undefined
}

export class DebianCluster {
  private constructor(readonly name: string, readonly root: string, readonly account: Account, readonly port: number) {}

  get id(): string { return `15/${this.name}` }
  get dataDir(): string { return path.join(this.root, 'data') }
  get configDir(): string { return path.join(this.root, 'etc', '15', this.name) }
  get configFile(): string { return path.join(this.configDir, 'postgresql.conf') }
  get hbaFile(): string { return path.join(this.configDir, 'pg_hba.conf') }
  get logFile(): string { return path.join(this.root, 'log') }
  /** What makes Debian's tools, and pgwal, look here. */
  get env(): Record<string, string> { return { PG_CLUSTER_CONF_ROOT: path.join(this.root, 'etc') } }

  static async create(name: string): Promise<DebianCluster> {
    const account = await serverAccount()
    const root = await fs.mkdtemp('/tmp/pgwal-debian-')
    const cluster = new DebianCluster(name, root, account, await freePort())
    for (const part of ['etc', 'run']) await fs.mkdir(path.join(root, part))
    if (process.getuid?.() === 0) for (const part of ['', 'etc', 'run']) await fs.chown(path.join(root, part), account.uid, account.gid)
    await fs.chmod(root, 0o755)
    const made = await cluster.run('pg_createcluster', '-d', cluster.dataDir, '-l', cluster.logFile, '-s', path.join(root, 'run'), '-p', String(cluster.port), '15', name, '--', '--no-sync', '--wal-segsize=1')
    if (made.code !== 0) throw new Error(made.stdout + made.stderr)
    return cluster
  }

  /** One of Debian's tools, as the cluster's owner. */
  async run(tool: string, ...args: string[]): Promise<Ran> {
    return runAs(this.account, path.join('/usr/bin', tool), args, { env: this.env })
  }

  async ctl(action: 'start' | 'stop' | 'restart'): Promise<void> {
    const done = await this.run('pg_ctlcluster', '15', this.name, action, ...(action === 'start' ? [] : ['-m', 'fast']))
    if (done.code !== 0 && !(action === 'stop' && done.code === 2)) throw new Error(`pg_ctlcluster ${action}: ${done.stdout}${done.stderr}${await fs.readFile(this.logFile, 'utf8').catch(() => '')}`)
  }

  async remove(): Promise<void> {
    await this.ctl('stop').catch(() => undefined)
    await fs.rm(this.root, { recursive: true, force: true })
  }
}
