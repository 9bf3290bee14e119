// Real servers as clusters that can be planned for, and hosts that stop or fail on the way.
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { gatheringFor } from '../../src/app/gathering.ts'
import type { Connection, Host } from '../../src/host/host.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { gatherPlanInput } from '../../src/plan/gather.ts'
import type { PlanWish } from '../../src/plan/gather.ts'
import type { Goal } from '../../src/plan/goal.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { makePlan } from '../../src/plan/planner.ts'
import type { Timing } from '../../src/plan/server-context.ts'
import type { Cluster, Command, Service } from '../../src/platforms/platform.ts'
import type { TestServer } from '../support/server.ts'

/** Short enough for a test, long enough for a busy machine. */
export const QUICK: Partial<Timing> = { settleMs: 150, pollMs: 20, startMs: 15_000, recoveryMs: 30_000 }

export async function clusterOf(server: TestServer): Promise<Cluster> {
  const pid = await server.pid()
  return {
    platform: 'source', id: server.dataDir, version: `${server.major}`, major: server.major, binDir: server.binDir, dataDir: server.dataDir,
    configFile: `${server.dataDir}/postgresql.conf`, hbaFile: `${server.dataDir}/pg_hba.conf`,
    owner: server.account, port: server.port, socketDirs: [server.socketDir], commandLine: [], running: pid !== undefined,
    ...(pid === undefined ? {} : { pid }), service: { kind: 'pg_ctl', name: server.dataDir }, logFile: server.logFile, evidence: [], notes: [],
  }
}

export function serviceOf(server: TestServer): Service {
  const command = (...args: string[]): Command => ({
    file: path.join(server.binDir, 'pg_ctl'), args: ['-D', server.dataDir, '-w', '-t', '20', '-m', 'fast', '-l', server.logFile, ...args], as: server.account, timeoutMs: 40_000,
  })
  const short = (word: string): Command => ({ ...command(), args: ['-D', server.dataDir, word] })
  return { describe: 'pg_ctl restart', restart: [command('restart')], start: [command('start')], stop: [{ ...command(), args: ['-D', server.dataDir, '-w', '-m', 'fast', 'stop'] }], reload: [short('reload')], needsRoot: false }
}

export function connectionOf(server: TestServer): Connection {
  return { host: server.socketDir, port: server.port, user: server.superuser, database: 'postgres', timeoutMs: 10_000 }
}

export const goalsFor = (directory: string): Goal[] => [
  { kind: 'archive', directory },
  { kind: 'setting', name: 'wal_level', value: 'replica', atLeast: true },
  { kind: 'setting', name: 'max_wal_senders', value: '3', atLeast: true },
  { kind: 'setting', name: 'wal_keep_size', value: '1GB', atLeast: true },
  { kind: 'replication-role', user: 'postgres' },
  { kind: 'replication-rule', user: 'postgres', addresses: ['127.0.0.1/32', '::1/128'] },
]

export async function planFor(host: Host, server: TestServer, goals: readonly Goal[], wish: Partial<PlanWish> = {}): Promise<Plan> {
  const { gathering, close } = await gatheringFor(host, await clusterOf(server), { wanted: { replicationUser: goals.flatMap((goal) => ('user' in goal ? [goal.user] : []))[0] ?? 'postgres' } })
  try {
    const planned = makePlan(await gatherPlanInput(gathering, { service: serviceOf(server), goals, clusters: [], restart: true, ...wish }))
    if (planned.kind === 'refusal') throw new Error(`${planned.code} ${JSON.stringify(planned.params)}`)
    return planned.plan
  } finally {
    await close()
  }
}

/** A state directory of its own for a test. */
export async function stateHost(): Promise<{ readonly host: NodeHost; readonly state: string; remove(): Promise<void> }> {
  const state = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-state-'))
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], PGWAL_STATE_DIR: state }
  return { host: new NodeHost(env), state, remove: () => fs.rm(state, { recursive: true, force: true }) }
}

export interface FileFacts {
  readonly bytes: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** What must be the same again after an undo, by path; what is missing is not there. */
export async function snapshot(server: TestServer): Promise<Record<string, FileFacts>> {
  const found: Record<string, FileFacts> = {}
  for (const name of ['postgresql.conf', 'pg_hba.conf', 'postgresql.auto.conf', 'pgwal-archive.sh']) {
    const file = path.join(server.dataDir, name)
    const info = await fs.stat(file).catch(() => undefined)
    if (info === undefined) continue
    found[name] = { bytes: (await fs.readFile(file)).toString('latin1'), mode: info.mode & 0o7777, uid: info.uid, gid: info.gid }
  }
  return found
}

/** The calls that change something, on the machine or in the server. */
const MUTATING = ['replace', 'makeDirectory', 'append', 'removeFile', 'removeTree', 'removeDirectory', 'run', 'signal', 'connect', 'query'] as const

export interface Fault {
  /** Counted from 0, before the call is made. */
  readonly at: number
  /** `stop`: as if killed there: no call does anything from then on. `fail`: only that one fails. */
  readonly how: 'stop' | 'fail'
}

export class Killed extends Error {}

/** A host that stops or fails at its Nth mutating call. `calls` counts them. */
export function faultyHost(host: Host, fault: Fault | undefined, pid: number): { readonly host: Host; calls(): readonly string[] } {
  const calls: string[] = []
  let dead = false
  const proxy = new Proxy(host, {
    get(target, name, receiver) {
      if (name === 'pid') return pid
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (dead && name !== 'now' && name !== 'sleep' && name !== 'sha256' && name !== 'randomId') return Promise.reject(new Killed('dead'))
        if ((MUTATING as readonly string[]).includes(String(name))) {
          const at = calls.length
          calls.push(`${String(name)} ${String(args[0])}`)
          if (fault?.at === at) {
            if (fault.how === 'stop') dead = true
            return Promise.reject(fault.how === 'stop' ? new Killed('killed') : Object.assign(new Error('EIO'), { code: 'EIO' }))
          }
        }
        return (value as (...rest: unknown[]) => unknown).apply(target, args)
      }
      void receiver
    },
  })
  return { host: proxy, calls: () => calls }
}

/** The number of a process that is surely gone. */
export function deadPid(): number {
  return 2 ** 22 + 17
}
