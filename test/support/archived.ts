// A server that archives, and drills on it: what they leave behind is looked for in one place.
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import os from 'node:os'
import { expect } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import type { Verdict } from '../../src/checks/check.ts'
import type { ConnectionRequest } from '../../src/host/connection.ts'
import type { Host } from '../../src/host/host.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import type { DrillWanted, Waiting } from '../../src/probes/probe.ts'
import { restoreDrill } from '../../src/probes/restore-drill.ts'
import { clusterOf } from './cluster-of.ts'
import { TestServer } from './server.ts'
import type { Major, ServerOptions } from './server.ts'

export const root = process.getuid?.() === 0

/** The host of a drill, with a state directory that goes with it. */
export async function drillHost(): Promise<{ readonly host: NodeHost; remove(): Promise<void> }> {
  const state = await fsp.mkdtemp(`${os.tmpdir()}/pgwal-state-`)
  return {
    host: new NodeHost({ PATH: process.env['PATH'], PGWAL_STATE_DIR: state }),
    remove: () => fsp.rm(state, { recursive: true, force: true }),
  }
}

/** A host with some of its methods replaced. */
export function hostWith(host: NodeHost, own: Partial<Host>): NodeHost {
  return new Proxy(host, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name as keyof Host]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) as unknown : value
    },
  })
}

/** What a server of `Archived` is made with; the configuration may name its root. */
export interface ArchivedOptions extends Omit<ServerOptions, 'conf'> {
  readonly conf?: (root: string) => string
  /** Before it is started. */
  readonly prepare?: (server: TestServer) => Promise<void>
}

export class Archived {
  private constructor(readonly server: TestServer, readonly archive: string, readonly scratch: string) {}

  /** Archives with the command that the manual has. */
  static async start(major: Major, options: ArchivedOptions = {}): Promise<Archived> {
    const { conf, prepare, ...rest } = options
    const server = await TestServer.create(major, rest)
    const one = new Archived(server, `${server.root}/archive`, `${server.root}/scratch`)
    for (const directory of [one.archive, one.scratch, `${server.root}/space`]) await one.make(directory)
    await fsp.appendFile(`${server.dataDir}/postgresql.conf`, `archive_mode = on\narchive_command = 'test ! -f ${one.archive}/%f && cp %p ${one.archive}/%f'\n${conf?.(server.root) ?? ''}\n`)
    await prepare?.(server)
    await server.start()
    return one
  }

  /** The same for a server that somebody else has made and started. */
  static async around(server: TestServer, archive: string): Promise<Archived> {
    const one = new Archived(server, archive, `${server.root}/scratch`)
    await one.make(one.scratch)
    return one
  }

  async make(directory: string): Promise<void> {
    await fsp.mkdir(directory, { mode: 0o700 })
    await this.own(directory)
  }

  /** Gives a file to the server's account. */
  async own(file: string): Promise<void> {
    if (root) await fsp.chown(file, this.server.account.uid, this.server.account.gid)
  }

  async drill(host: NodeHost, on: (what: Waiting) => void = () => undefined, wanted: DrillWanted = {}, { connection, timeoutMs = 60_000 }: { connection?: ConnectionRequest; timeoutMs?: number } = {}): Promise<Verdict> {
    const { gathering, session, close } = await gatheringFor(host, await clusterOf(this.server), connection === undefined ? {} : { connection })
    try {
      const open = await session()
      if (!open.ok) throw new Error(JSON.stringify(open.why))
      return await restoreDrill.run({ gathering, session: open.value, timeoutMs, waiting: on, drill: { directory: this.scratch, niceness: 0, ...wanted } })
    } finally {
      await close()
    }
  }

  segments(): string[] {
    return fs.readdirSync(this.archive).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort()
  }

  /** Processes that have the scratch directory on their command line. */
  processes(): string[] {
    return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(`${this.scratch}/`)
      } catch {
        return false
      }
    })
  }

  /** What a drill must never leave: files of the copy, or a server on it. */
  expectNothingLeft(): void {
    expect(fs.readdirSync(this.scratch)).toEqual([])
    expect(this.processes()).toEqual([])
  }
}

/** Does something to the newest segment when the copy is about to be started. */
export function atStart(one: Archived, harm: (file: string) => void): (what: Waiting) => void {
  let done = false
  return ({ code }) => {
    if (code !== 'drill-recovering' || done) return
    done = true
    harm(`${one.archive}/${one.segments().at(-1)!}`)
  }
}

export function failure(verdict: Verdict) {
  if (verdict.kind !== 'fail') throw new Error(`not failed: ${JSON.stringify(verdict)}`, { cause: verdict.kind === 'crash' ? verdict.error : undefined })
  return verdict.findings[0]!
}
