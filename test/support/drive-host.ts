// The Host interface of a Windows machine over a directory of this one: its drive C:, whose names do not differ by case. Programs are what a
// test says; accounts and rights are only noted.
import fs from 'node:fs'
import path from 'node:path'
import { HostError } from '../../src/errors.ts'
import type { Account, Host, RunResult } from '../../src/host/host.ts'
import { NodeHost } from '../../src/host/node-host.ts'

export const alice: Account & { privileged: boolean } = { name: 'alice', uid: -1, gid: -1, sid: 'S-1-5-21-1-2-3-1001', privileged: true }

type Program = (args: readonly string[]) => Promise<Partial<RunResult>>

/** Calls whose first arguments are paths, and how many of them. */
const PATHS: Readonly<Record<string, number>> = {
  read: 1, readPart: 1, stat: 1, list: 1, listBatches: 1, readHeads: 1, readLink: 1, realPath: 1, fileSystem: 1, canWriteInto: 1, replace: 1, makeDirectory: 1, append: 1,
  copyFile: 2, removeFile: 1, removeTree: 1, removeDirectory: 1, rename: 2, sync: 1, checksum: 1,
}

/** Windows knows no other way to act. */
function ourselves(options: unknown): unknown {
  return typeof options === 'object' && options !== null && 'as' in options ? { ...options, as: undefined } : options
}

export class DriveHost {
  /** Directories that were made for somebody, and for whom. */
  readonly given: { path: string; accounts: (string | undefined)[] }[] = []
  /** Called with the name of each call and its first path, before it. */
  onCall: (name: string, file: string) => void = () => undefined
  readonly #inner = new NodeHost({})

  constructor(private readonly root: string, private readonly programs: Readonly<Record<string, Program>> = {}) {}

  /** Where a path of the drive is here. */
  here(file: string): string {
    const rest = /^(?:[A-Za-z]:[\\/]|[\\/](?![\\/]))(.*)$/s.exec(file)?.[1]
    if (rest === undefined) throw new HostError('resolve', file, 'ENOENT')
    let found = this.root
    for (const part of rest.split(/[\\/]+/).filter((one) => one !== '')) {
      const names = fs.existsSync(found) && fs.statSync(found).isDirectory() ? fs.readdirSync(found) : []
      found = path.join(found, names.find((name) => name === part) ?? names.find((name) => name.toLowerCase() === part.toLowerCase()) ?? part)
    }
    return found
  }

  /** What a path here is called on the drive. */
  there(file: string): string {
    return file.startsWith(this.root) ? `C:${file.slice(this.root.length).replaceAll('/', '\\') || '\\'}` : file
  }

  get host(): Host {
    const inner: Host = this.#inner
    const own: Partial<Host> = {
      os: 'win32',
      env: { SystemRoot: 'C:\\Windows', ProgramFiles: 'C:\\Program Files', ProgramData: 'C:\\ProgramData', COMPUTERNAME: 'WIN11' },
      self: async () => alice,
      account: async () => undefined,
      which: async () => undefined,
      run: async (file, args) => {
        const program = this.programs[file]
        if (program === undefined) throw new HostError('run', file, 'ENOENT')
        return { code: 0, timedOut: false, stdout: '', stderr: '', ...await program(args) }
      },
      realPath: async (file) => this.there(await inner.realPath(file === '.' ? this.root : this.here(file))).replaceAll('\\', '/'),
      readLink: async (file) => this.there(await inner.readLink(this.here(file))),
      makeDirectory: async (file, { owner, also }) => {
        this.onCall('makeDirectory', file)
        await inner.makeDirectory(this.here(file), { mode: 0o700 })
        if (owner !== undefined) this.given.push({ path: file, accounts: [owner.name, also?.name] })
      },
    }
    return new Proxy(inner, {
      get: (_target, name: keyof Host) => {
        if (name in own) return own[name]
        const value = inner[name]
        if (typeof value !== 'function') return value
        const paths = PATHS[name] ?? 0
        return (...args: unknown[]) => {
          if (paths > 0) this.onCall(name, String(args[0]))
          return (value as (...all: unknown[]) => unknown).apply(inner, args.map((arg, at) => (at < paths ? this.here(String(arg)) : ourselves(arg))))
        }
      },
    })
  }
}
