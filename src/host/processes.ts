// Starting programs. node:child_process and not execa: a program is done when it exits, also when a server that it
// started keeps its output open (pg_ctl start), and execa waits for the output; nor does it cost 50 ms to load.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { codeOf, HostError } from '../errors.ts'
import { actingAs, isRoot, needsSwitch } from './acting.ts'
import type { Account, RunOptions, RunResult } from './host.ts'
import { hostError } from './system-error.ts'

const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
const DEFAULT_TIMEOUT_MS = 60_000
/** setTimeout takes no more, and fires at once instead. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
const DEFAULT_MAX_OUTPUT = 4 << 20
/** Between asking a program to end and ending it. */
const KILL_AFTER_MS = 3_000
/** For output that is on its way when the program has exited and somebody else keeps the pipe open. */
const DRAIN_MS = 200

function isProgram(file: string): boolean {
  try {
    if (!fs.statSync(file).isFile()) return false
    fs.accessSync(file, fs.constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The full path of a program in the absolute directories of `searchPath`. */
export function findProgram(program: string, searchPath: string | undefined): string | undefined {
  const names = process.platform === 'win32' && path.extname(program) === '' ? [`${program}.exe`, `${program}.com`] : [program]
  for (const directory of (searchPath ?? '').split(path.delimiter)) {
    if (!path.isAbsolute(directory)) continue
    for (const name of names) if (isProgram(path.join(directory, name))) return path.join(directory, name)
  }
  return undefined
}

function systemProgram(program: string): string | undefined {
  return findProgram(program, SYSTEM_DIRECTORIES.join(':'))
}

/**
 * What root runs in its own name must be in the hands of nobody else: neither the file nor a directory on the way to it.
 *
 * @throws HostError `unsafe-program`
 */
function checkForRoot(file: string): void {
  const real = fs.realpathSync.native(file)
  for (let part = real; ; part = path.dirname(part)) {
    const info = fs.lstatSync(part)
    const sticky = info.isDirectory() && (info.mode & 0o1000) !== 0
    const open = (info.mode & 0o002) !== 0 || ((info.mode & 0o020) !== 0 && info.gid !== 0)
    if (info.uid !== 0 || (open && !sticky)) {
      throw new HostError('run', file, 'unsafe-program', `${part} can be changed by others than root`)
    }
    if (part === path.dirname(part)) return
  }
}

/** The environment of a program: nothing of ours but what the system needs. */
function environment(account: { readonly name: string; readonly home?: string } | undefined, own: Readonly<Record<string, string | undefined>>, extra: Readonly<Record<string, string>> | undefined): Record<string, string> {
  if (process.platform === 'win32') {
    const kept: Record<string, string> = {}
    for (const name of ['SystemRoot', 'SystemDrive', 'windir', 'Path', 'PATH', 'PATHEXT', 'TEMP', 'TMP', 'ProgramData', 'ProgramFiles', 'USERPROFILE', 'APPDATA', 'USERNAME', 'COMPUTERNAME']) {
      const value = own[name]
      if (value !== undefined) kept[name] = value
    }
    return { ...kept, LC_ALL: 'C', LANGUAGE: '', ...extra }
  }
  const who: Record<string, string> = account === undefined ? {} : { USER: account.name, LOGNAME: account.name }
  const home = account?.home ?? (account === undefined ? own['HOME'] : undefined)
  return { PATH: SYSTEM_DIRECTORIES.join(':'), ...who, HOME: home ?? '/', LC_ALL: 'C', LANGUAGE: '', ...extra }
}

interface Launch {
  readonly file: string
  readonly args: readonly string[]
  readonly uid?: number
  readonly gid?: number
}

/** How to start a program with the real identity of another account, groups included. */
function launchAs(account: Account, file: string, args: readonly string[], env: Readonly<Record<string, string>>): Launch {
  const setpriv = systemProgram('setpriv')
  // BusyBox has a setpriv that cannot change the user.
  if (setpriv !== undefined && !fs.realpathSync(setpriv).includes('busybox')) {
    // A uid without an account has its number for a name, and no groups to look up.
    const groups = account.name === String(account.uid) ? '--clear-groups' : '--init-groups'
    return { file: setpriv, args: [`--reuid=${account.uid}`, `--regid=${account.gid}`, groups, '--', file, ...args] }
  }
  const runuser = systemProgram('runuser')
  if (runuser !== undefined) return { file: runuser, args: ['-u', account.name, '--', file, ...args] }
  const sudo = process.platform === 'darwin' ? systemProgram('sudo') : undefined
  if (sudo !== undefined) return { file: sudo, args: ['-n', '-u', account.name, `--preserve-env=${Object.keys(env).join(',')}`, '--', file, ...args] }
  return { file, args, uid: account.uid, gid: account.gid }
}

class Output {
  readonly #chunks: Buffer[] = []
  #length = 0
  constructor(private readonly limit: number) {}
  /** False when that was more than there is room for. */
  add(chunk: Buffer): boolean {
    const room = this.limit - this.#length
    if (room > 0) this.#chunks.push(chunk.subarray(0, room))
    this.#length += Math.min(chunk.length, Math.max(room, 0))
    return chunk.length <= room
  }
  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}

export interface RunSetting {
  /** Our own environment: where a bare program name is looked for, and our home. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Files of ours that the program gets as descriptors 3, 4 … */
  readonly descriptors?: readonly number[]
}

/**
 * Starts a program and waits until it exits. See {@link Host.run}.
 *
 * A bare name is looked for on our PATH, then in the system's directories.
 *
 * @throws HostError when it cannot be started: `ENOENT`, `EACCES`, `unsafe-program` (root, in a place of others), `EPERM` (not ours to act as);
 *   `too-much-output`
 */
export async function runProgram(file: string, args: readonly string[], options: RunOptions, setting: RunSetting): Promise<RunResult> {
  const other = needsSwitch(options.as) ? options.as : undefined
  if (other !== undefined && process.geteuid!() !== 0) throw new HostError('run', file, 'EPERM', `only root can run programs as ${other.name}`)
  const program = path.isAbsolute(file) ? file : findProgram(file, setting.env['PATH'] ?? setting.env['Path']) ?? systemProgram(file)
  if (program === undefined || (!path.isAbsolute(file) && file.includes('/'))) throw new HostError('run', file, 'ENOENT', 'no such program')
  try {
    if (other === undefined) {
      if (isRoot()) checkForRoot(program)
    } else if (!actingAs(other, () => fs.statSync(program).isFile())) {
      throw new HostError('run', file, 'EACCES', 'not a program')
    }
  } catch (error) {
    throw hostError('run', file, error)
  }
  const env = environment(options.as, setting.env, options.env)
  const launch = other === undefined ? { file: program, args } : launchAs(other, program, args, env)
  const result = await start(file, launch, env, options, setting.descriptors ?? [])
  // The helper started, the program behind it did not.
  if ((result.code === 126 || result.code === 127) && launch.file !== program && result.stderr.startsWith(`${path.basename(launch.file)}: `)) {
    throw new HostError('run', file, result.code === 127 ? 'ENOENT' : 'EACCES', 'cannot be started')
  }
  return result
}

function start(asked: string, launch: Launch, env: Readonly<Record<string, string>>, options: RunOptions, descriptors: readonly number[]): Promise<RunResult> {
  const limit = options.maxOutput ?? DEFAULT_MAX_OUTPUT
  const windows = process.platform === 'win32'
  return new Promise((resolve, reject) => {
    const child = spawn(launch.file, launch.args, {
      cwd: options.cwd ?? (windows ? undefined : '/'),
      env,
      // A group of its own, so that a time limit reaches what the program started in it, and nothing else.
      detached: !windows,
      windowsHide: true,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...descriptors],
      ...(launch.uid === undefined ? {} : { uid: launch.uid }),
      ...(launch.gid === undefined ? {} : { gid: launch.gid }),
    })
    const stdout = new Output(limit)
    const stderr = new Output(limit)
    child.stdout!.on('data', (chunk: Buffer) => { hear(stdout, chunk) })
    child.stderr!.on('data', (chunk: Buffer) => {
      hear(stderr, chunk)
      options.onStderr?.(chunk.toString('utf8'))
    })
    // A program that does not read its input is no error.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input)

    let timedOut = false
    let stopped = false
    let flooded = false
    let ended = false
    let killer: NodeJS.Timeout | undefined
    const kill = (signal: NodeJS.Signals): void => {
      try {
        if (windows) child.kill(signal)
        else process.kill(-child.pid!, signal)
      } catch (error) {
        if (codeOf(error) !== 'ESRCH') child.kill(signal)
      }
    }
    // We may be through before it has ended.
    const last = (): void => { kill('SIGKILL') }
    const end = (): void => {
      kill('SIGTERM')
      if (killer !== undefined) return
      killer = setTimeout(last, KILL_AFTER_MS)
      process.once('exit', last)
    }
    const hear = (output: Output, chunk: Buffer): void => {
      if (output.add(chunk) || options.cut === true || flooded) return
      flooded = true
      // Somebody whom it left behind may be the one who writes.
      if (ended) last()
      else end()
      child.stdout!.destroy()
      child.stderr!.destroy()
    }
    const settled = (): void => {
      ended = true
      clearTimeout(limiter)
      clearTimeout(killer)
      process.removeListener('exit', last)
      options.stop?.removeEventListener('abort', stop)
    }
    const limiter = setTimeout(() => {
      timedOut = true
      end()
    }, Math.min(options.timeoutMs ?? DEFAULT_TIMEOUT_MS, LONGEST_TIMER_MS))
    const stop = (): void => {
      stopped = true
      end()
    }
    options.stop?.addEventListener('abort', stop, { once: true })
    if (options.stop?.aborted === true) stop()

    child.once('error', (error) => {
      settled()
      reject(hostError('run', asked, error) as Error)
    })
    child.once('exit', (code, signal) => {
      settled()
      // What else is left in the group of a program that was too slow, or too loud.
      if (timedOut || stopped || flooded) kill('SIGKILL')
      const done = (): void => {
        child.stdout!.destroy()
        child.stderr!.destroy()
        child.stdin?.destroy()
        if (flooded) reject(new HostError('run', asked, 'too-much-output', `more than ${limit} bytes of output`))
        else resolve({ code: code ?? 128, ...(signal === null ? {} : { signal }), timedOut, stdout: stdout.text(), stderr: stderr.text() })
      }
      // Reading comes after timers in a turn of the event loop: setImmediate gives it its turn first.
      const drain = setTimeout(() => setImmediate(done), DRAIN_MS)
      child.once('close', () => {
        clearTimeout(drain)
        done()
      })
    })
  })
}

/** Whether a process exists and is not merely waiting to be collected by its parent. */
export function processExists(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false
  }
  if (process.platform !== 'linux') return true
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3))
  } catch {
    return true
  }
}
