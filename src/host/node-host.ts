import { randomBytes } from 'node:crypto'
import os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { HostError } from '../errors.ts'
import { findAccount, ownAccount, type Run } from './accounts.ts'
import { needsSwitch } from './acting.ts'
import { probeAuthentication } from './authentication-probe.ts'
import { appendToFile, makeDirectory, removeDirectory, removeFile, removeTree, renameEntry, syncEntry } from './changes.ts'
import { checksumOfFile } from './checksum.ts'
import { copyFile } from './copy.ts'
import type { ChecksumAlgorithm } from '../postgres/backup/manifest.ts'
import { openSession } from './connect.ts'
import { canWriteInto, fileSystem, isOpen, listDirectory, readFile, readHeads, readLink, readPart, realPath, statFile, streamBatches } from './files.ts'
import type { Account, Acting, AuthenticationRequest, ChecksumOptions, Connection, DirectoryEntry, FileChecksum, FileHead, FileInfo, FileSystemInfo, Host, ReplaceOptions, Row, RunOptions, RunResult, Session } from './host.ts'
import { privateDirectoryArguments } from './icacls.ts'
import { findProgram, processExists, runProgram } from './processes.ts'
import { replaceFile, sha256 } from './replace.ts'
import { hostError } from './system-error.ts'
import { togetherAs } from './together.ts'

/**
 * The machine that we run on.
 *
 * Calls in the name of another account change the identity of the whole process for the time of a system call. What
 * Node does in its threads meanwhile would happen in that name too, so such calls wait for our own lazy imports.
 */
export class NodeHost implements Host {
  readonly os = process.platform
  readonly pid = process.pid
  readonly env: Readonly<Record<string, string | undefined>>
  #self: Promise<Account & { readonly privileged: boolean }> | undefined
  #loading: Promise<typeof import('pg')> | undefined

  /** @param env the environment to go by, instead of the process's own */
  constructor(env: Readonly<Record<string, string | undefined>> = process.env) {
    this.env = env
  }

  now(): Date {
    return new Date()
  }

  async sleep(ms: number): Promise<void> {
    await sleep(ms)
  }

  hostName(): string {
    return os.hostname()
  }

  interfaces(): readonly string[] {
    return Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []).flatMap(({ cidr }) => cidr ?? [])
  }

  self(): Promise<Account & { readonly privileged: boolean }> {
    return this.#self ??= ownAccount(this.#run)
  }

  account(nameOrUid: string | number): Promise<Account | undefined> {
    return findAccount(nameOrUid, this.#run)
  }

  async read(path: string, options?: Acting & { readonly limit?: number }): Promise<Uint8Array> {
    return this.#look(options, () => readFile(path, options))
  }

  async readPart(path: string, offset: number, length: number, options?: Acting): Promise<Uint8Array> {
    return this.#look(options, () => readPart(path, offset, length, options))
  }

  async stat(path: string, options?: Acting & { readonly followLinks?: boolean }): Promise<FileInfo> {
    return this.#look(options, () => statFile(path, options))
  }

  async list(path: string, options?: Acting): Promise<DirectoryEntry[]> {
    return this.#look(options, () => listDirectory(path, options))
  }

  async *listBatches(path: string, options?: Acting): AsyncIterable<readonly string[]> {
    await this.#settled(options)
    yield* streamBatches(path, options)
  }

  async readHeads(directory: string, names: readonly string[], length: number, options?: Acting): Promise<readonly FileHead[]> {
    await this.#settled(options)
    return readHeads(directory, names, length, options)
  }

  async readLink(path: string, options?: Acting): Promise<string> {
    return this.#look(options, () => readLink(path, options))
  }

  async realPath(path: string, options?: Acting): Promise<string> {
    const real = await this.#look(options, () => realPath(path, options))
    // As PostgreSQL itself has paths; every call of the system takes them so.
    return this.os === 'win32' ? real.replaceAll('\\', '/') : real
  }

  async fileSystem(path: string, options?: Acting): Promise<FileSystemInfo> {
    return this.#look(options, () => fileSystem(path, options))
  }

  async canWriteInto(directory: string, options: Acting = {}): Promise<{ readonly ok: true } | { readonly ok: false; readonly code: string }> {
    await this.#settled(options)
    return canWriteInto(directory, options, async (condition) => (await this.run('/usr/bin/test', [condition, directory], options)).code === 0)
  }

  async replace(path: string, bytes: Uint8Array, options: ReplaceOptions): Promise<void> {
    await this.#settled(options)
    await replaceFile(path, bytes, options, (file, args, as, descriptors) => runProgram(file, args, as === undefined ? {} : { as }, { env: this.env, descriptors }))
  }

  async makeDirectory(path: string, options: Acting & { readonly mode: number; readonly owner?: Account; readonly also?: Account }): Promise<void> {
    await this.#settled(options)
    makeDirectory(path, options)
    if (this.os !== 'win32' || options.owner === undefined || (options.mode & 0o077) !== 0) return
    const { code, stderr, stdout } = await this.run('icacls', privateDirectoryArguments(path, options.owner, ...(options.also === undefined ? [] : [options.also]))).catch((error: unknown) => {
      removeDirectory(path, options)
      throw error
    })
    if (code === 0) return
    removeDirectory(path, options)
    throw new HostError('make directory', path, 'EACCES', `icacls: ${(stderr || stdout).trim().split(/\r?\n/, 1)[0] ?? ''}`)
  }

  async append(path: string, bytes: Uint8Array, options?: Acting & { readonly mode?: number }): Promise<void> {
    await this.#settled(options)
    appendToFile(path, bytes, options)
  }

  async copyFile(from: string, to: string, options: Acting & { readonly stop?: AbortSignal } = {}): Promise<number> {
    await this.#settled(options)
    return copyFile(from, to, options)
  }

  async removeFile(path: string, options?: Acting): Promise<void> {
    await this.#settled(options)
    removeFile(path, options)
  }

  async removeTree(path: string, options?: Acting): Promise<void> {
    await this.#settled(options)
    removeTree(path, options)
  }

  async removeDirectory(path: string, options?: Acting): Promise<void> {
    await this.#settled(options)
    removeDirectory(path, options)
  }

  async rename(from: string, to: string, options?: Acting): Promise<void> {
    await this.#settled(options)
    renameEntry(from, to, options)
  }

  async sync(path: string, options?: Acting): Promise<void> {
    return this.#look(options, () => { syncEntry(path, options) })
  }

  async checksum(path: string, algorithm: ChecksumAlgorithm, options: Acting & ChecksumOptions = {}): Promise<FileChecksum> {
    await this.#settled(options)
    return checksumOfFile(path, algorithm, options, (look) => togetherAs(options.as, look))
  }

  async run(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    await this.#settled(options)
    return runProgram(file, args, options, { env: this.env })
  }

  async which(program: string): Promise<string | undefined> {
    return findProgram(program, this.env['PATH'] ?? this.env['Path'])
  }

  async isOpen(path: string): Promise<boolean> {
    await this.#settled({})
    return isOpen(path)
  }

  async processExists(pid: number): Promise<boolean> {
    return processExists(pid)
  }

  async signal(pid: number, signal: 'SIGHUP' | 'SIGINT' | 'SIGTERM' | 'SIGQUIT' | 'SIGKILL', options: Acting = {}): Promise<void> {
    if (!Number.isInteger(pid) || pid <= 1) throw new HostError('signal', String(pid), 'ESRCH')
    if (!needsSwitch(options.as)) {
      try {
        process.kill(pid, signal)
      } catch (error) {
        throw hostError('signal', String(pid), error)
      }
      return
    }
    // kill(2) asks for the real identity, which only a child can change. `kill` is in every shell, but no file in a bare container.
    const { code } = await this.run('/bin/sh', ['-c', 'kill -s "$1" "$2"', 'sh', signal.slice(3), String(pid)], options)
    if (code !== 0) throw new HostError('signal', String(pid), processExists(pid) ? 'EPERM' : 'ESRCH')
  }

  connect(connection: Connection): Promise<Session> {
    return openSession(connection, { loadPg: () => this.#loading ??= import('pg'), readCertificate: (file) => readFile(file) })
  }

  async query(connection: Connection, sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
    const session = await this.connect(connection)
    try {
      return await session.query(sql, parameters)
    } finally {
      await session.close()
    }
  }

  async probeAuthentication(connection: Connection, tls: boolean): Promise<AuthenticationRequest> {
    await this.#settled(connection)
    return probeAuthentication(connection, tls)
  }

  sha256(bytes: Uint8Array): string {
    return sha256(bytes)
  }

  randomId(bytes: number): string {
    return randomBytes(bytes).toString('hex')
  }

  readonly #run: Run = (file, args) => this.run(file, args)

  async #look<T>(options: Acting | undefined, look: () => T): Promise<T> {
    if (!needsSwitch(options?.as)) return look()
    await this.#loading
    return togetherAs(options.as, look)
  }

  async #settled(options: Acting | undefined): Promise<void> {
    if (needsSwitch(options?.as)) await this.#loading
  }
}
