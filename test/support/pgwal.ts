// Runs the built program as a user does.
import { execFile } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'

export const PROGRAM = path.resolve(import.meta.dirname, '../../bin/run.cjs')

export interface ProgramRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** stdout read as JSON; throws with both streams when it is none. */
  json(): any // eslint-disable-line @typescript-eslint/no-explicit-any -- the contract's shapes are asserted field by field
}

/** A state directory of its own, so that no test sees another's runs. */
export async function stateDirectory(): Promise<string> {
  return fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-state-'))
}

/** Runs `pgwal ARGS`. stdin is closed, stdout and stderr are pipes: no terminal. */
export async function pgwal(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ProgramRun> {
  return new Promise((resolve, reject) => {
    const clean = { PATH: process.env['PATH'], HOME: process.env['HOME'], LANG: 'C.UTF-8', ...env }
    const child = execFile(process.execPath, [PROGRAM, ...args], { env: clean, timeout: 180_000, killSignal: 'SIGKILL', maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') {
        reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
        return
      }
      resolve({
        code: typeof error?.code === 'number' ? error.code : 0,
        stdout,
        stderr,
        json() {
          try {
            return JSON.parse(stdout)
          } catch {
            throw new Error(`not JSON:\n${stdout}\n${stderr}`)
          }
        },
      })
    })
    child.stdin?.end()
  })
}
