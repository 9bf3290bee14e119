// Every system call of every change that the Host can make: killed there, the power lost there, each errno there.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NodeHost } from '../../src/host/node-host.ts'
import { codeOf, HostError } from '../../src/errors.ts'
import { serverAccount } from '../support/server.ts'
import { LONG } from '../support/seed.ts'
import { System } from './system.ts'
import type { SystemFault } from './system.ts'

/** What a system call may answer on a machine in trouble. */
const CODES = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EPERM', 'EBUSY', 'EMFILE', 'ENFILE', 'ENOENT', 'ENOTDIR', 'ESTALE', 'ENOMEM', 'ELOOP', 'ENAMETOOLONG', 'EMLINK', 'EXDEV', 'EINTR']

const root = process.geteuid?.() === 0
const linux = process.platform === 'linux'
const host = new NodeHost()
const owner = await serverAccount()
const as = root ? { as: owner } : {}
let top: string
let place: string
let stash: string

beforeAll(() => {
  // In memory an fsync takes no time; what it would have done is known.
  top = fs.mkdtempSync(path.join(['/dev/shm', '/tmp'].find((one) => fs.existsSync(one))!, 'pgwal-calls-'))
  fs.chmodSync(top, 0o755)
  place = path.join(top, 'place')
  stash = path.join(top, 'stash')
  fs.mkdirSync(stash)
  fs.chmodSync(stash, 0o777)
})
afterAll(() => fs.rmSync(top, { recursive: true, force: true }))

const OLD = 'shared_buffers = 128MB\n'.repeat(40)
const NEW = `${OLD}archive_mode = on\n`
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Everything in the place, by name, with content, mode and owner; temporary files apart. */
function look(): { readonly state: string; readonly temporary: number } {
  const found: string[] = []
  let temporary = 0
  const walk = (directory: string): void => {
    for (const name of fs.readdirSync(directory).sort()) {
      const file = path.join(directory, name)
      if (/^\.pgwal-[0-9a-f]{24}\.tmp$/.test(name)) {
        temporary++
        continue
      }
      const info = fs.lstatSync(file)
      const content = info.isDirectory() ? '/' : info.isSymbolicLink() ? `-> ${fs.readlinkSync(file)}` : fs.readFileSync(file, 'utf8')
      found.push(`${path.relative(place, file)} ${(info.mode & 0o7777).toString(8)} ${info.uid}:${info.gid} ${content}`)
      if (info.isDirectory()) walk(file)
    }
  }
  walk(place)
  return { state: found.join('\n'), temporary }
}

/** The place as it is before each change: the owner's file behind a link, and the like. */
function prepare(): void {
  fs.rmSync(place, { recursive: true, force: true })
  fs.mkdirSync(path.join(place, 'empty'), { recursive: true })
  fs.writeFileSync(path.join(place, 'real.conf'), OLD)
  fs.symlinkSync('real.conf', path.join(place, 'postgresql.conf'))
  fs.writeFileSync(path.join(place, 'journal'), 'one\n')
  fs.mkdirSync(path.join(place, 'tree', 'inner'), { recursive: true })
  fs.writeFileSync(path.join(place, 'tree', 'a'), '')
  if (root) execFileSync('chown', ['-Rh', `${owner.uid}:${owner.gid}`, place])
  fs.chmodSync(path.join(place, 'real.conf'), 0o640)
}

interface Change {
  readonly name: string
  readonly run: () => Promise<void>
  /** What may be found besides before and after: an appended line in part, a tree that is partly gone. */
  readonly partly?: (state: string) => boolean
}

const CHANGES: readonly Change[] = [
  { name: 'replace', run: () => host.replace(path.join(place, 'postgresql.conf'), bytes(NEW), { ...as, expect: host.sha256(bytes(OLD)) }) },
  { name: 'replace (new file)', run: () => host.replace(path.join(place, 'pgwal-archive.sh'), bytes('#!/bin/sh\n'), { ...as, expect: null, mode: 0o755 }) },
  { name: 'makeDirectory', run: () => host.makeDirectory(path.join(place, 'wal'), { ...as, mode: 0o700 }), partly: (state) => /^wal [0-7]+ \d+:\d+ \/$/m.test(state) },
  { name: 'append', run: () => host.append(path.join(place, 'journal'), bytes('two, and more of it\n'), as), partly: (state) => /^journal 644 \d+:\d+ one\n(two[^\n]*)?$/m.test(state) },
  { name: 'append (new file)', run: () => host.append(path.join(place, 'new'), bytes('one\n'), { ...as, mode: 0o600 }), partly: (state) => /^new 600 \d+:\d+ (o(ne?)?)?$/m.test(state) },
  { name: 'removeFile', run: () => host.removeFile(path.join(place, 'real.conf'), as) },
  { name: 'removeDirectory', run: () => host.removeDirectory(path.join(place, 'empty'), as) },
  { name: 'removeTree', run: () => host.removeTree(path.join(place, 'tree'), as), partly: (state) => state.includes('tree ') },
]

interface Known {
  readonly system: System
  readonly before: string
  readonly after: string
  readonly calls: readonly string[]
}

async function learn(change: Change, looks: boolean): Promise<Known> {
  prepare()
  const before = look().state
  const system = new System([place], stash, looks)
  const { calls, result } = await system.run(undefined, change.run)
  expect(result, change.name).not.toBeInstanceOf(Error)
  const after = look().state
  expect(after).not.toBe(before)
  system.clear()
  return { system, before, after, calls }
}

describe.skipIf(!linux)('each change that the Host makes', () => {
  it.each(CHANGES)('$name: killed at each system call, and the power lost there, leaves the old or the new', async (change) => {
    const { system, before, after, calls } = await learn(change, false)
    expect(calls.length).toBeGreaterThan(0)
    const faults: SystemFault[] = calls.flatMap((call, at) => [{ at, how: 'kill' as const }, ...(call.startsWith('writeSync ') ? [{ at, how: 'short' as const }] : [])])
    for (const fault of [...faults, undefined]) {
      for (const power of ['on', 'kept', 'lost'] as const) {
        prepare()
        const { result } = await system.run(fault, change.run)
        if (power === 'on') system.clear()
        else system.losePower({ names: power, data: 'lost' })
        const label = `${fault === undefined ? 'through' : `${String(fault.how)} at ${calls[fault.at]}`}, power ${power}`
        const { state } = look()
        if (fault === undefined) {
          // What has returned is on disk.
          expect(state, label).toBe(after)
          continue
        }
        expect(result, label).toBeInstanceOf(Error)
        if (state === before || state === after || change.partly?.(state) === true) continue
        expect.fail(`${label}: neither old nor new:\n${state}`)
      }
    }
  })

  it.each(CHANGES)('$name: each errno at each system call leaves the old, or says so', async (change) => {
    const { system, before, after, calls } = await learn(change, true)
    let refused = 0
    for (const [at, call] of calls.entries()) {
      // All at once only in the long run: each in turn otherwise, so that each call and each code has its share.
      for (const code of LONG ? CODES : CODES.filter((_one, index) => (index + at) % 3 === 0)) {
        prepare()
        const { result } = await system.run({ at, how: { code } }, change.run)
        system.clear()
        const label = `${code} at ${at} ${call}`
        const { state, temporary } = look()
        if (!(result instanceof Error)) {
          // A tree that is missing is no error.
          if (change.name === 'removeTree' && code === 'ENOENT') continue
          expect(state, label).toBe(after)
          continue
        }
        refused++
        expect(result, label).toBeInstanceOf(HostError)
        expect(codeOf(result), label).not.toBe('')
        // Its removal may be the very call that failed.
        if (!call.startsWith('unlinkSync ')) expect(temporary, label).toBe(0)
        if (state === before) continue
        // The last fsync of a directory: the new is there already, and a caller goes by what it finds.
        const late = /^(fsyncSync|openSync|readSync|fstatSync|unlinkSync|rmdirSync) /.test(call) && state === after
        const partly = (change.name === 'removeTree' && state.includes('tree ')) || (change.name === 'append (new file)' && /^new 600 \d+:\d+ $/m.test(state))
        if (!late && !partly) expect.fail(`${label}: ${result.message}\n${state}`)
      }
    }
    expect(refused).toBeGreaterThan(calls.length)
  })
})
