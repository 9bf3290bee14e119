// Servers that are only started: `postgres -C` for what the files say, and real starts for what it does not look at.
import { spawn } from 'node:child_process'
import fs from 'node:fs/promises'
import path from 'node:path'
import { TestServer, runAs } from '../../support/server.ts'
import type { Major } from '../../support/server.ts'
import { readConfiguration } from '../../../src/postgres/conf/index.ts'
import type { Configuration } from '../../../src/postgres/conf/index.ts'
import { diskSource } from './oracle.ts'
import type { Files } from './oracle.ts'

export interface Answer { readonly code: number; readonly value: string; readonly stderr: string }

/** A cluster whose files are replaced as a case needs them. */
export class Starter {
  private constructor(readonly major: Major, readonly server: TestServer) {}

  static async create(major: Major): Promise<Starter> {
    return new Starter(major, await TestServer.create(major, { walSegmentMiB: 16 }))
  }

  get configFile(): string {
    return path.join(this.server.dataDir, 'postgresql.conf')
  }

  /** `main.conf` is postgresql.conf, `auto.conf` postgresql.auto.conf; other names as they are, below the data directory. */
  async write(files: Files): Promise<void> {
    const { dataDir } = this.server
    await fs.rm(path.join(dataDir, 'postgresql.auto.conf'), { force: true })
    for (const [name, bytes] of Object.entries(files)) {
      const file = path.join(dataDir, name === 'main.conf' ? 'postgresql.conf' : name === 'auto.conf' ? 'postgresql.auto.conf' : name)
      await fs.mkdir(path.dirname(file), { recursive: true })
      await fs.writeFile(file, bytes)
    }
  }

  async read(commandLine: readonly (readonly [string, string])[] = []): Promise<Configuration> {
    return readConfiguration(diskSource, { configFile: this.configFile, dataDir: this.server.dataDir, major: this.major, commandLine })
  }

  /** What `postgres -C NAME` says about the files; it must be the first argument for root to be let through. */
  async ask(name: string, commandLine: readonly (readonly [string, string])[] = []): Promise<Answer> {
    const options = commandLine.flatMap(([option, value]) => ['-c', `${option}=${value}`])
    const { code, stdout, stderr } = await runAs(this.server.account, path.join(this.server.binDir, 'postgres'), ['-C', name, '-D', this.server.dataDir, ...options])
    return { code, value: stdout.replace(/\n$/, ''), stderr }
  }

  /** Whether a server really comes up with the files. It is killed as soon as that is known. */
  async starts(): Promise<{ readonly up: boolean; readonly log: string }> {
    const { account, dataDir, port, socketDir, binDir } = this.server
    const identity = process.getuid?.() === 0 ? { uid: account.uid, gid: account.gid } : {}
    const child = spawn(path.join(binDir, 'postgres'), ['-D', dataDir, '-c', `port=${port}`, '-c', 'fsync=off', '-c', 'shared_buffers=1MB', '-c', 'logging_collector=off', '-c', 'log_destination=stderr'], {
      cwd: dataDir, stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, LC_ALL: 'C' }, ...identity })
    void socketDir
    let log = ''
    let up = false
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        log += chunk
        if (!up && log.includes('ready to accept')) {
          up = true
          child.kill('SIGQUIT')
        }
      })
      child.once('close', () => resolve({ up, log }))
    })
  }

  async remove(): Promise<void> {
    await this.server.remove()
  }
}
