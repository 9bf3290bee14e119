// The system below the Host, for tests: counts its calls that concern some directories, stops as if killed at one, lets one fail,
// and knows what would be left after a power failure: unsynced data, modes and owners are lost, unsynced names may be.
import childProcess from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'

const CHANGING = ['openSync', 'writeSync', 'ftruncateSync', 'fsyncSync', 'fchmodSync', 'fchownSync', 'renameSync', 'linkSync', 'unlinkSync', 'mkdirSync', 'rmdirSync'] as const
const LOOKING = ['readSync', 'fstatSync', 'statSync', 'lstatSync', 'readdirSync', 'opendirSync', 'statfsSync'] as const
type Call = (typeof CHANGING)[number] | (typeof LOOKING)[number]
const { O_CREAT } = fs.constants

// Taken before anything is replaced.
const real = { ...fs }
const realSpawn = childProcess.spawn

export interface SystemFault {
  /** The call, counted from 0, that is not made. */
  readonly at: number
  /** `kill`: neither is any after it. Else only this one fails, with this code; `short`: a write takes half, and the next one is the kill. */
  readonly how: 'kill' | 'short' | { readonly code: string }
}

interface Durable {
  readonly bytes: Buffer
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

interface Pending {
  readonly directory: string
  readonly undo: () => void
}

/**
 * What a power failure takes of what was not synced. `names`: of each directory in turn, how many of its changes are there, the oldest
 * first; all of them, or none. `zeros`: what a file grew by is there as zero bytes, as some file systems leave it.
 */
export interface Loss {
  readonly names: 'kept' | 'lost' | readonly number[]
  readonly data: 'lost' | 'zeros'
}

/** What is not on disk at a boundary: of each directory, how many changes of its names; and whether there is content. */
export interface Unsynced {
  readonly names: readonly number[]
  readonly data: boolean
}

export interface SystemRun<T> {
  readonly calls: readonly string[]
  /** Before each of the calls, and at the end. */
  readonly unsynced: readonly Unsynced[]
  readonly result: T | Error
}

/** Where a path of the Host, which goes through our own descriptors, really is. */
function named(file: string): string {
  const [, fd, rest] = /^\/proc\/self\/fd\/(\d+)(\/.*)?$/.exec(file) ?? []
  return fd === undefined ? file : path.join(real.readlinkSync(`/proc/self/fd/${fd}`), rest ?? '')
}

function keyOf({ dev, ino }: fs.Stats): string {
  return `${dev}:${ino}`
}

/** Runs `work` on top of a system that counts, fails, and may lose its power. */
export class System {
  readonly #durable = new Map<string, Durable>()
  /** Changes of names that are not on disk yet, in their order, and how to take each back. */
  #names: Pending[] = []
  #stashed = 0
  #boundary: ((label: string) => boolean) | undefined
  #dead = false

  /**
   * @param roots only what lies below them is counted
   * @param stash a directory on the same file system, where old files wait in case their names come back
   * @param looks whether reads count as well
   */
  constructor(private readonly roots: readonly string[], private readonly stash: string, private readonly looks = false) {}

  async run<T>(fault: SystemFault | undefined, work: () => Promise<T>): Promise<SystemRun<T>> {
    const calls: string[] = []
    const unsynced: Unsynced[] = []
    this.#dead = false
    const before = (label: string): boolean => {
      if (this.#dead) throw new Error('killed')
      const at = calls.length
      calls.push(label)
      unsynced.push(this.#unsynced())
      if (fault === undefined) return false
      if (fault.how === 'short' && at === fault.at) return true
      if (fault.how === 'kill' ? at === fault.at : fault.how === 'short' && at > fault.at) {
        this.#dead = true
        throw new Error('killed')
      }
      if (at === fault.at && typeof fault.how === 'object') throw Object.assign(new Error(`${fault.how.code}: as told`), { code: fault.how.code })
      return false
    }
    this.#boundary = before
    const patched = fs as unknown as Record<string, (...args: any[]) => unknown> // eslint-disable-line @typescript-eslint/no-explicit-any -- as many signatures as calls
    const counted = this.looks ? [...CHANGING, ...LOOKING] : CHANGING
    for (const call of counted) {
      patched[call] = (...args: unknown[]) => {
        const where = this.#where(args[0])
        if (where === undefined || (call === 'openSync' && !this.looks && (Number(args[1] ?? 0) & O_CREAT) === 0)) return (real[call] as (...rest: unknown[]) => unknown)(...args)
        const label = `${call} ${where.replace(/\.pgwal-[0-9a-f]{24}/, '.pgwal-N').replace(/\d{8}-\d{6}-[0-9a-f]{4}/, 'RUN')}`
        const short = before(label)
        if (short && call === 'writeSync') args[3] = Math.ceil(Number(args[3] ?? (args[1] as Uint8Array).length) / 2)
        if (short && args[2] === undefined) args[2] = 0
        return this.#noted(call, where, args)
      }
    }
    childProcess.spawn = ((file: string, ...rest: unknown[]) => {
      before(`spawn ${file}`)
      return (realSpawn as unknown as (...all: unknown[]) => unknown)(file, ...rest)
    }) as typeof realSpawn
    syncBuiltinESMExports()
    try {
      const result = await work().catch((error: Error) => error)
      return { calls, unsynced: [...unsynced, this.#unsynced()], result }
    } finally {
      this.#boundary = undefined
      for (const call of counted) patched[call] = real[call] as (typeof patched)[string]
      childProcess.spawn = realSpawn
      syncBuiltinESMExports()
    }
  }

  /** Whether what runs was killed: from then on nothing of it may do anything. */
  get dead(): boolean {
    return this.#dead
  }

  /** One more boundary, for what goes round the calls that are counted here. */
  boundary(label: string): void {
    this.#boundary?.(label)
  }

  #unsynced(): Unsynced {
    const counts = new Map<string, number>()
    for (const { directory } of this.#names) counts.set(directory, (counts.get(directory) ?? 0) + 1)
    return { names: [...counts.values()], data: this.#durable.size > 0 }
  }

  /** What the power failure leaves. */
  losePower({ names, data }: Loss): void {
    const directories = [...new Set(this.#names.map(({ directory }) => directory))]
    const room = directories.map((_directory, at) => (names === 'kept' ? Infinity : names === 'lost' ? 0 : names[at]!))
    const lost = this.#names.filter(({ directory }) => room[directories.indexOf(directory)]!-- <= 0)
    for (const { undo } of lost.reverse()) undo()
    for (const root of [...this.roots, this.stash]) this.#forget(root, data)
    this.clear()
  }

  /** Forgets what was and was not on disk. */
  clear(): void {
    this.#names = []
    this.#durable.clear()
    for (const name of real.readdirSync(this.stash)) real.unlinkSync(path.join(this.stash, name))
  }

  #where(target: unknown): string | undefined {
    let file: string
    try {
      file = typeof target === 'number' ? real.readlinkSync(`/proc/self/fd/${target}`) : named(String(target))
    } catch {
      return undefined
    }
    return this.roots.some((root) => file === root || file.startsWith(`${root}/`)) ? file : undefined
  }

  #noted(call: Call, where: string, args: unknown[]): unknown {
    const proceed = () => (real[call] as (...rest: unknown[]) => unknown)(...args)
    switch (call) {
      case 'writeSync': case 'ftruncateSync': case 'fchmodSync': case 'fchownSync':
        this.#dirty(args[0] as number)
        return proceed()
      case 'fsyncSync': {
        const done = proceed()
        const info = real.fstatSync(args[0] as number)
        if (info.isDirectory()) {
          // With the name of a directory goes what was in it.
          this.#names = this.#names.filter(({ directory }) => directory !== where && real.existsSync(directory))
        } else this.#durable.delete(keyOf(info))
        return done
      }
      case 'openSync': {
        const made = proceed()
        if ((Number(args[1] ?? 0) & O_CREAT) !== 0) this.#pending(where, () => real.rmSync(where, { force: true }))
        return made
      }
      case 'mkdirSync': {
        const done = proceed()
        this.#pending(where, () => real.rmSync(where, { recursive: true, force: true }))
        return done
      }
      case 'linkSync': {
        const target = named(String(args[1]))
        const done = proceed()
        this.#pending(target, () => real.rmSync(target, { force: true }))
        return done
      }
      case 'unlinkSync': {
        const kept = this.#keep(where)
        const done = proceed()
        this.#pending(where, () => real.renameSync(kept!, where))
        return done
      }
      case 'renameSync': {
        const target = named(String(args[1]))
        const kept = this.#keep(target)
        const done = proceed()
        this.#pending(target, () => {
          real.renameSync(target, where)
          if (kept !== undefined) real.renameSync(kept, target)
        })
        return done
      }
      case 'rmdirSync': {
        const info = real.statSync(where)
        const done = proceed()
        this.#pending(where, () => {
          real.mkdirSync(where)
          real.chownSync(where, info.uid, info.gid)
          real.chmodSync(where, info.mode)
        })
        return done
      }
      default: return proceed()
    }
  }

  #pending(file: string, undo: () => void): void {
    this.#names.push({ directory: path.dirname(file), undo })
  }

  #keep(file: string): string | undefined {
    const kept = path.join(this.stash, String(this.#stashed++))
    try {
      real.linkSync(file, kept)
      return kept
    } catch {
      return undefined
    }
  }

  /** About to be changed: what is on disk stays so until the next fsync. */
  #dirty(fd: number): void {
    const info = real.fstatSync(fd)
    if (!info.isFile() || this.#durable.has(keyOf(info))) return
    // A descriptor that only writes cannot be read from; the name of the open file can be opened again.
    let bytes: Buffer = Buffer.alloc(0)
    if (info.size > 0) bytes = real.readFileSync(real.readlinkSync(`/proc/self/fd/${fd}`))
    this.#durable.set(keyOf(info), { bytes, mode: info.mode & 0o7777, uid: info.uid, gid: info.gid })
  }

  #forget(directory: string, data: Loss['data']): void {
    if (this.#durable.size === 0) return
    for (const entry of real.readdirSync(directory, { withFileTypes: true })) {
      const file = path.join(directory, entry.name)
      if (entry.isDirectory()) this.#forget(file, data)
      if (!entry.isFile()) continue
      const info = real.statSync(file)
      const durable = this.#durable.get(keyOf(info))
      if (durable === undefined) continue
      this.#durable.delete(keyOf(info))
      const grown = data === 'zeros' ? Math.max(0, info.size - durable.bytes.length) : 0
      real.writeFileSync(file, Buffer.concat([durable.bytes, Buffer.alloc(grown)]))
      real.chownSync(file, durable.uid, durable.gid)
      real.chmodSync(file, durable.mode)
    }
  }
}
