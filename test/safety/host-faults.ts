// A Host whose calls fail as told: each can, with each code that the system below it can answer there.
import { HostError } from '../../src/errors.ts'
import type { Host, RunResult, Session } from '../../src/host/host.ts'

const FULL = ['ENOSPC', 'EDQUOT']
const BROKEN = ['EIO', 'ESTALE']
const POOR = ['ENOMEM', 'EMFILE', 'ENFILE']
const NOT_OURS = ['EACCES', 'EPERM', 'EROFS']
/** Of what is there, no system says that it is not; that is no trouble but an answer. */
const ASTRAY = ['ENOTDIR', 'ELOOP']
const GONE = ['ENOENT', ...ASTRAY]
const LOST = ['connection-lost', 'ECONNRESET', 'EPIPE', 'timeout', '57P01', '53200']

/**
 * What a call of the Host may answer on a machine in trouble, by the manual pages of the system calls under it. A code that begins with
 * `=` is no refusal but what a program that was started came to.
 */
export const CODES: Readonly<Record<string, readonly string[]>> = {
  self: [...POOR, 'EIO'],
  account: [...POOR, 'EIO'],
  read: [...BROKEN, ...POOR, ...ASTRAY, 'EACCES', 'EINTR', 'not-a-file', 'too-large', 'unsafe-link'],
  readPart: [...BROKEN, ...POOR, ...ASTRAY, 'EACCES', 'EINTR', 'not-a-file'],
  stat: [...BROKEN, 'ENOMEM', ...ASTRAY, 'EACCES'],
  list: [...BROKEN, ...POOR, ...ASTRAY, 'EACCES', 'EINTR'],
  readLink: [...BROKEN, 'ENOMEM', ...ASTRAY, 'EACCES', 'EINVAL'],
  realPath: [...BROKEN, 'ENOMEM', ...ASTRAY, 'EACCES'],
  fileSystem: [...BROKEN, 'ENOMEM', ...ASTRAY, 'EACCES', 'ENOSYS'],
  canWriteInto: [...POOR, 'EIO'],
  replace: [...FULL, ...BROKEN, ...POOR, ...NOT_OURS, ...GONE, 'EBUSY', 'EINTR', 'ENAMETOOLONG', 'changed', 'attributes', 'not-a-file', 'unsafe-link'],
  makeDirectory: [...FULL, ...BROKEN, ...POOR, ...NOT_OURS, ...GONE, 'EEXIST', 'EMLINK', 'ENAMETOOLONG', 'changed'],
  append: [...FULL, ...BROKEN, ...POOR, ...NOT_OURS, ...GONE, 'EINTR', 'EFBIG', 'not-a-file'],
  removeFile: [...BROKEN, 'ENOMEM', ...NOT_OURS, ...GONE, 'EBUSY'],
  removeDirectory: [...BROKEN, 'ENOMEM', ...NOT_OURS, ...ASTRAY, 'EBUSY'],
  removeTree: [...BROKEN, ...POOR, ...NOT_OURS, 'EBUSY'],
  run: [...POOR, 'EAGAIN', 'ENOENT', 'EACCES', 'EPERM', 'ETXTBSY', 'EIO', 'unsafe-program', 'too-much-output', '=exit', '=killed', '=slow'],
  connect: [...LOST, 'ECONNREFUSED', 'ENOENT', 'ENOMEM', 'EMFILE', '53300', '57P03', '28P01', '28000', 'password-needed'],
  query: [...LOST, '53100', '57014', '42501', '25006'],
  probeAuthentication: [...LOST, 'ECONNREFUSED', 'ENOENT', 'EMFILE', 'not-postgresql'],
  signal: ['ESRCH', 'EPERM'],
}

/** Calls that may be done and fail afterwards: at the last fsync, or because the answer is lost. */
const LATE: Readonly<Record<string, readonly string[]>> = {
  replace: ['EIO', 'ENOSPC', 'EDQUOT'], makeDirectory: ['EIO', 'ENOSPC'], append: ['EIO', 'ENOSPC', 'EDQUOT'], removeFile: ['EIO'], removeDirectory: ['EIO'], removeTree: ['EIO'],
  run: ['=exit', '=slow'], query: ['connection-lost', 'timeout'],
}

/** What stays so until somebody comes: from one call on, each change to a file is refused. */
const LASTING = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']
const CHANGES = ['replace', 'makeDirectory', 'append']
const ALSO_ON_READ_ONLY = ['removeFile', 'removeDirectory', 'removeTree']

export interface HostFault {
  /** The call, counted from 0. */
  readonly at: number
  readonly code: string
  /** `instead` of the call; `after` it was done; `lasting`: instead of it and of all changes from then on. */
  readonly when: 'instead' | 'after' | 'lasting'
}

/** Every fault that there is for a call with this label. */
export function faultsAt(at: number, label: string): HostFault[] {
  const name = label.split(' ', 1)[0]!
  return [
    ...(CODES[name] ?? []).map((code) => ({ at, code, when: 'instead' as const })),
    ...(LATE[name] ?? []).map((code) => ({ at, code, when: 'after' as const })),
    ...(CHANGES.includes(name) ? LASTING.map((code) => ({ at, code, when: 'lasting' as const })) : []),
  ]
}

function outcome(name: string, target: string, code: string): Promise<RunResult> {
  if (!code.startsWith('=')) return Promise.reject(new HostError(name, target, code))
  const said = { stdout: '', stderr: 'as told' }
  return Promise.resolve(code === '=exit' ? { ...said, code: 1, timedOut: false } : { ...said, code: 128, signal: code === '=killed' ? 'SIGKILL' : 'SIGTERM', timedOut: code === '=slow' })
}

export interface FaultyHost {
  readonly host: Host
  /** Each call that was made and can fail: its name and what it was about. */
  calls(): readonly string[]
  /** Sessions that are open now. */
  sessions(): number
}

/** `pid`: what the run says that its process is. */
export function faultyHost(host: Host, fault: HostFault | undefined, pid?: number): FaultyHost {
  const calls: string[] = []
  let sessions = 0
  let lasting = false
  const guard = async (name: string, target: string, work: () => Promise<unknown>): Promise<unknown> => {
    const at = calls.length
    calls.push(`${name} ${target}`)
    if (fault === undefined) return work()
    if (at === fault.at && fault.when === 'lasting') lasting = true
    if (lasting && (CHANGES.includes(name) || ((fault.code === 'EROFS' || fault.code === 'EIO') && ALSO_ON_READ_ONLY.includes(name)))) return outcome(name, target, fault.code)
    if (at !== fault.at) return work()
    if (fault.when === 'after') await work()
    return outcome(name, target, fault.code)
  }
  const session = (connection: string, real: Session): Session => {
    let open = true
    sessions++
    return {
      query: (sql, parameters) => guard('query', connection, () => real.query(sql, parameters)) as ReturnType<Session['query']>,
      close: async () => {
        if (open) sessions--
        open = false
        await real.close()
      },
    }
  }
  const proxy = new Proxy(host, {
    get(target, name) {
      if (name === 'pid' && pid !== undefined) return pid
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      const call = (...args: unknown[]): unknown => (value as (...rest: unknown[]) => unknown).apply(target, args)
      if (CODES[String(name)] === undefined) return call
      return (...args: unknown[]) => {
        const about = args[0]
        const what = typeof about === 'object' && about !== null && 'host' in about ? String(about.host) : String(about ?? name)
        return guard(String(name), what, async () => {
          const done = await (call(...args) as Promise<unknown>)
          return name === 'connect' ? session(what, done as Session) : done
        })
      }
    },
  })
  return { host: proxy, calls: () => calls, sessions: () => sessions }
}
