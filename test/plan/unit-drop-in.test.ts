// A drop-in of the service's unit: its manager hears of it before the server is restarted, and when it is gone again.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { previewUndo, selectRun, undo } from '../../src/app/undo.ts'
import { execute } from '../../src/plan/executor.ts'
import type { Plan } from '../../src/plan/plan.ts'
import type { Command } from '../../src/platforms/platform.ts'
import { TestServer } from '../support/server.ts'
import { planFor, QUICK, serviceOf, stateHost } from './support.ts'

let server: TestServer
let state: Awaited<ReturnType<typeof stateHost>>
let directory: string
let dropIn: string
let heard: string

beforeAll(async () => {
  server = await TestServer.create(17)
  await server.start()
  state = await stateHost()
  directory = path.join(server.root, 'unit.service.d')
  dropIn = path.join(directory, 'pgwal.conf')
  heard = path.join(server.root, 'heard')
})
afterAll(async () => {
  await server.remove()
  await state.remove()
})
afterEach(async () => {
  await expect(fs.stat(directory)).rejects.toMatchObject({ code: 'ENOENT' })
  await fs.rm(heard, { force: true })
})

const shell = (script: string): Command => ({ file: '/bin/sh', args: ['-c', script], as: server.account, timeoutMs: 20_000 })

/** With a service manager that notes what it finds whenever it is asked to look. */
async function plan(over: { readonly restart?: Command; readonly reloadUnits?: Command } = {}): Promise<Plan> {
  const made = await planFor(state.host, server, [])
  const bytes = new TextEncoder().encode('[Service]\nReadWritePaths=-/srv\n')
  const look = shell(`if [ -f '${dropIn}' ]; then echo there; else echo gone; fi >> '${heard}'`)
  return {
    ...made,
    service: { ...serviceOf(server), ...(over.restart === undefined ? {} : { restart: [over.restart] }), reloadUnits: [over.reloadUnits ?? look] },
    steps: [
      { kind: 'make-directory', path: directory, owner: server.account, mode: 0o755 },
      { kind: 'write-file', role: 'unit-drop-in', path: dropIn, owner: server.account, before: null, after: { bytes, sha256: state.host.sha256(bytes) }, mode: 0o644 },
      { kind: 'daemon-reload' },
      ...(over.restart === undefined ? [] : [{ kind: 'restart' } as const]),
    ],
    effects: { restart: over.restart !== undefined, reload: false, connectionsDropped: 0, restartFor: ['ReadWritePaths'] },
  }
}

const lines = async () => (await fs.readFile(heard, 'utf8')).trim().split('\n')

it('rolled back after a restart that failed', async () => {
  const done = await execute(state.host, await plan({ restart: shell('exit 1') }), { timing: QUICK })
  expect(done).toMatchObject({ outcome: 'rolled-back', failure: { code: 'restart-failed' } })
  expect(await lines()).toEqual(['there', 'gone'])
})

it('undone later, as the preview says', async () => {
  expect(await execute(state.host, await plan(), { timing: QUICK })).toMatchObject({ outcome: 'applied' })
  expect(await lines()).toEqual(['there'])
  const run = (await selectRun(state.host))!
  const preview = await previewUndo(state.host, run)
  expect(preview.steps.map(({ kind }) => kind)).toEqual(['write-file', 'daemon-reload', 'reload'])
  const done = await undo(state.host, run, { timing: QUICK })
  expect(done.happenings.map(({ code }) => code)).toEqual(expect.arrayContaining(['file-removed', 'units-reloaded', 'directory-removed']))
  expect(await lines()).toEqual(['there', 'gone'])
})

it('a manager that does not answer is named', async () => {
  const done = await execute(state.host, await plan({ reloadUnits: shell('echo "Failed to connect to bus" >&2; exit 1') }), { timing: QUICK })
  expect(done).toMatchObject({ outcome: 'failed-rollback', failure: { code: 'step-failed', params: { step: 'daemon-reload', reason: expect.stringContaining('Failed to connect to bus') } } })
})
