// Starts and restarts the server as its platform does it, and believes it only when the server is really there: a new
// postmaster, ready by its own word, answering those who knock, and still there a moment later.
import { HostError } from '../errors.ts'
import { inheriting } from '../platforms/pg-ctl.ts'
import type { Command } from '../platforms/platform.ts'
import { ran, readControlFile, serverProgram } from '../platforms/reading.ts'
import type { ServerWaiting } from './happening.ts'
import { isUp, readPostmaster, samePostmaster } from './postmaster.ts'
import type { Postmaster } from './postmaster.ts'
import { asOwner } from './server-context.ts'
import type { ServerContext } from './server-context.ts'
import { linesOf, markLog, newLogLines } from './server-log.ts'

export interface ServerUp {
  readonly ok: true
  /** Until it accepted connections. */
  readonly elapsedMs: number
  readonly postmaster: Postmaster
}

export interface ServerNotUp {
  readonly ok: false
  /** `command`: the service's command failed and the server is the one that it was; `down`: no server came; `died`: it came and went; `late`: not ready in time; `stopping`: the old one does not end. */
  readonly why: 'command' | 'down' | 'died' | 'late' | 'cancelled' | 'stopping'
  readonly reason: string
  /** What the server's log says since, and what the command said. */
  readonly log: readonly string[]
}

/** Thrown by the steps that need the server. */
export class ServerFailure extends Error {
  override readonly name = 'ServerFailure'
  constructor(readonly failure: ServerNotUp) {
    super(failure.reason)
  }
}

export interface DriveOptions {
  /** A wait that is cancelled counts as a failure. */
  readonly signal?: AbortSignal
}

/** Restarts (or starts) the server and waits until it is up. Never throws for what the machine does. */
export async function driveServer(context: ServerContext, action: 'restart' | 'start', options: DriveOptions = {}): Promise<ServerUp | ServerNotUp> {
  const signal = options.signal ?? context.signal
  const before = await readPostmaster(context)
  const mark = await markLog(context)
  const began = context.host.now().getTime()
  const code = action === 'restart' ? 'restarting' : 'starting'
  const fail = async (why: ServerNotUp['why'], reason: string, said: readonly string[] = []): Promise<ServerNotUp> => {
    // A unit that timed out is known to its supervisor alone: the server's log says only that it was asked to end.
    return { ok: false, why, reason, log: [...await newLogLines(context, mark), ...said] }
  }
  const problem = await runCommands(context, context.service[action], code, before)
  if (problem !== undefined) {
    const untouched = samePostmaster(await readPostmaster(context), before)
    return fail(untouched ? 'command' : 'down', problem.reason, problem.said)
  }
  const up = await waitUntilUp(context, action === 'restart' ? before : undefined, signal)
  if (!up.ok) return fail(up.why, up.why)
  const elapsedMs = context.host.now().getTime() - began
  if (!(await staysUp(context, up.postmaster, signal))) {
    return signal?.aborted === true ? fail('cancelled', 'cancelled') : fail('died', 'died')
  }
  return { ok: true, elapsedMs, postmaster: up.postmaster }
}

/** Has the server read its files again. That it has is seen elsewhere, in what it answers. */
export async function reloadServer(context: ServerContext): Promise<{ readonly ok: true } | ServerNotUp> {
  const mark = await markLog(context)
  const problem = await runCommands(context, context.service.reload, 'reloading')
  if (problem === undefined) return { ok: true }
  const log = await newLogLines(context, mark)
  return { ok: false, why: 'command', reason: problem.reason, log: log.length > 0 ? log : problem.said }
}

/** Has systemd read its units again. */
export async function reloadUnits(context: ServerContext): Promise<{ readonly ok: true } | ServerNotUp> {
  const problem = await runCommands(context, context.service.reloadUnits ?? [], 'reloading')
  return problem === undefined ? { ok: true } : { ok: false, why: 'command', reason: problem.reason, log: problem.said }
}

/** A shutdown `immediate` gives processes five seconds before it kills them. */
const IMMEDIATE_SECONDS = 30

/** `pg_ctl stop -m immediate`, whatever has started the server. */
export function immediateStop({ host, cluster }: Pick<ServerContext, 'host' | 'cluster'>): Command {
  const file = cluster.binDir === undefined ? 'pg_ctl' : serverProgram(host, cluster.binDir, 'pg_ctl')
  return { file, args: ['stop', '-D', cluster.dataDir, '-m', 'immediate', '-w', '-t', String(IMMEDIATE_SECONDS)], as: cluster.owner, timeoutMs: (IMMEDIATE_SECONDS + 10) * 1000 }
}

/**
 * The server that was told to end and is still at it, if there is one: it waits for its backends, for receivers of WAL or for
 * archive_command. Once its last checkpoint is on disk nothing can be lost any more, and it is ended at once; else that is for people.
 */
export async function stillStopping(context: ServerContext): Promise<Postmaster | undefined> {
  const { host, cluster, timing } = context
  const postmaster = await readPostmaster(context)
  if (postmaster?.status !== 'stopping') return undefined
  if (await hasEnded(context, postmaster, timing.startMs, 'restarting')) return undefined
  const control = await readControlFile(host, cluster.dataDir, asOwner(context))
  if ('problem' in control || !control.state.startsWith('shut-down')) return postmaster
  await runCommand(context, immediateStop(context), 'restarting')
  return (await hasEnded(context, postmaster, timing.settleMs, 'restarting')) ? undefined : postmaster
}

/** The processes that a postmaster still has, a line each as ps prints them. */
export async function processesOf({ host }: Pick<ServerContext, 'host'>, pid: number): Promise<readonly string[]> {
  if (host.os === 'win32') return []
  const said = await ran(host, 'ps', ['-A', '-o', 'ppid=,pid=,stat=,args='])
  return linesOf(said?.stdout ?? '').flatMap((line) => {
    const [, parent, rest] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
    return Number(parent) === pid ? [rest!] : []
  })
}

interface Problem {
  readonly reason: string
  readonly said: readonly string[]
}

/** @param before the server that is to end, if one runs */
async function runCommands(context: ServerContext, commands: readonly Command[], code: ServerWaiting['code'], before?: Postmaster): Promise<Problem | undefined> {
  for (const command of commands) {
    if (command.afterServerEnd === true && !(await hasEnded(context, before, command.timeoutMs, code))) return { reason: `${shown(command)}: the old server is still there`, said: [] }
    if (command.unlessBackMs !== undefined && (await isBack(context, before, command.unlessBackMs, code))) continue
    const problem = await runUntilHeard(context, command, code)
    // Its watcher was faster after all.
    if (problem !== undefined && !(command.unlessBackMs !== undefined && (await isBack(context, before, 0, code)))) return problem
  }
  return undefined
}

function shown({ file, args }: Command): string {
  return [file, ...args].join(' ')
}

/** Waits for the old postmaster to be gone, whatever its supervisor says. */
function hasEnded(context: ServerContext, before: Postmaster | undefined, timeoutMs: number, code: ServerWaiting['code']): Promise<boolean> {
  return waitFor(context, async () => before === undefined || !samePostmaster(await readPostmaster(context), before), timeoutMs, code)
}

/** Waits for a new postmaster that somebody else starts. */
function isBack(context: ServerContext, before: Postmaster | undefined, timeoutMs: number, code: ServerWaiting['code']): Promise<boolean> {
  return waitFor(context, async () => {
    const now = await readPostmaster(context)
    return now !== undefined && !samePostmaster(now, before)
  }, timeoutMs, code)
}

async function waitFor(context: ServerContext, seen: () => Promise<boolean>, timeoutMs: number, code: ServerWaiting['code']): Promise<boolean> {
  const began = context.host.now().getTime()
  while (!(await seen())) {
    if (context.host.now().getTime() - began >= timeoutMs) return false
    tell(context, code, began)
    await context.host.sleep(context.timing.pollMs)
  }
  return true
}

/** One command, again where its supervisor was not ready to listen. */
async function runUntilHeard(context: ServerContext, command: Command, code: ServerWaiting['code']): Promise<Problem | undefined> {
  const { tryAgain } = command
  const began = context.host.now().getTime()
  for (;;) {
    const problem = await runCommand(context, command, code)
    if (problem === undefined || tryAgain === undefined || !fits(problem, tryAgain.when)) return problem
    if ((await readPostmaster(context)) !== undefined) return undefined
    if (context.host.now().getTime() - began > tryAgain.forMs) return problem
    await context.host.sleep(Math.max(context.timing.pollMs, 250))
  }
}

function fits({ said }: Problem, pattern: string): boolean {
  return new RegExp(pattern, 'i').test(said.join('\n'))
}

async function runCommand(context: ServerContext, command: Command, code: ServerWaiting['code']): Promise<Problem | undefined> {
  const { as, timeoutMs, env } = command
  const { file, args, input } = inheriting(command)
  try {
    const running = context.host.run(file, args, { timeoutMs, cut: true, ...(input === undefined ? {} : { input }), ...(as === undefined || !context.self.privileged ? {} : { as }), ...(env === undefined ? {} : { env }) })
    const done = await telling(context, code, running)
    const said = linesOf(`${done.stderr}\n${done.stdout}`)
    if (done.timedOut) return { reason: `${shown(command)}: no end after ${timeoutMs / 1000} s`, said }
    if (done.code === 0) return undefined
    const problem = { reason: `${shown(command)}: ${said[0] ?? `exit status ${done.code}`}`, said }
    return command.tolerate !== undefined && fits(problem, command.tolerate) ? undefined : problem
  } catch (error) {
    if (error instanceof HostError) return { reason: error.message, said: [] }
    throw error
  }
}

/** Says every now and then that something is being waited for. */
async function telling<T>(context: ServerContext, code: ServerWaiting['code'], running: Promise<T>): Promise<T> {
  const began = context.host.now().getTime()
  let done = false
  const finished = running.finally(() => {
    done = true
  })
  finished.catch(() => undefined)
  while (!done) {
    tell(context, code, began)
    await Promise.race([finished.then(() => undefined, () => undefined), context.host.sleep(context.timing.pollMs)])
  }
  return finished
}

function tell(context: ServerContext, code: ServerWaiting['code'], began: number): void {
  context.waiting({ code, params: { cluster: context.cluster.id }, elapsedMs: context.host.now().getTime() - began })
}

type Up = { readonly ok: true; readonly postmaster: Postmaster } | { readonly ok: false; readonly why: 'down' | 'late' | 'died' | 'cancelled' }

async function waitUntilUp(context: ServerContext, before: Postmaster | undefined, signal: AbortSignal | undefined): Promise<Up> {
  const { host, timing } = context
  const began = host.now().getTime()
  let seen = false
  for (;;) {
    if (signal?.aborted === true) return { ok: false, why: 'cancelled' }
    const postmaster = await readPostmaster(context)
    const fresh = postmaster !== undefined && !samePostmaster(postmaster, before)
    if (fresh && (await isUp(context, postmaster))) return { ok: true, postmaster }
    const elapsed = host.now().getTime() - began
    // One that was there and is gone will not come by waiting, unless its supervisor tries again.
    if (seen && postmaster === undefined && elapsed > timing.settleMs * 2) return { ok: false, why: 'died' }
    seen ||= fresh
    if (elapsed > (fresh ? timing.recoveryMs : timing.startMs)) return { ok: false, why: fresh ? 'late' : 'down' }
    tell(context, 'accepting', began)
    await host.sleep(timing.pollMs)
  }
}

/** A server that cannot run may come up and die seconds later (a library, a full disk): watched for a while before it is believed. */
async function staysUp(context: ServerContext, postmaster: Postmaster, signal: AbortSignal | undefined): Promise<boolean> {
  const { host, timing } = context
  const began = host.now().getTime()
  for (;;) {
    const now = await readPostmaster(context)
    if (!samePostmaster(now, postmaster)) return false
    if (signal?.aborted === true) return false
    const elapsed = host.now().getTime() - began
    if (elapsed >= timing.settleMs && now !== undefined && (await isUp(context, now))) return true
    // With a thousand clients at the door, one knock may go unheard.
    if (elapsed >= timing.settleMs * 2) return false
    await host.sleep(Math.min(timing.pollMs, timing.settleMs))
  }
}
