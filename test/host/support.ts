import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach } from 'vitest'
import { codeOf } from '../../src/errors.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { type Account, serverAccount } from '../support/server.ts'

export const host = new NodeHost()
export const root = process.geteuid?.() === 0
/** For `test.skipIf`: what only root can set up is not tried by others. */
export const notRoot = !root
/** As root another account, which owns what a cluster's owner would own; else ourselves. */
export const owner: Account = await serverAccount()

const made: string[] = []

/** A new directory in a place that every account can reach, removed after the test. */
export function directory(belongsTo?: Account): string {
  const made_ = fs.mkdtempSync(path.join(os.tmpdir(), 'pgwal-host-'))
  fs.chmodSync(made_, 0o755)
  if (belongsTo !== undefined && root) fs.chownSync(made_, belongsTo.uid, belongsTo.gid)
  made.push(made_)
  return made_
}

afterEach(() => {
  for (const one of made.splice(0)) fs.rmSync(one, { recursive: true, force: true })
})

export function put(file: string, content: string, options: { mode?: number; belongsTo?: Account } = {}): string {
  fs.writeFileSync(file, content)
  fs.chmodSync(file, options.mode ?? 0o644)
  if (options.belongsTo !== undefined && root) fs.chownSync(file, options.belongsTo.uid, options.belongsTo.gid)
  return file
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(content: Uint8Array): string {
  return new TextDecoder().decode(content)
}

export function hash(content: string): string {
  return host.sha256(bytes(content))
}

/** The code with which the promise rejects; 'resolved' when it does not. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return codeOf(error)
  }
  return 'resolved'
}

/** Names of temporary files left in a directory. */
export function leftovers(where: string): string[] {
  return fs.readdirSync(where).filter((name) => name.startsWith('.pgwal-'))
}
