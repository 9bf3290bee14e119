// The registry of steps, and how they are shown.
import fs from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { Step } from '../../src/plan/plan.ts'
import { kindOf, stepKinds } from '../../src/plan/steps/index.ts'

const file = (text: string) => ({ bytes: new TextEncoder().encode(text), sha256: text })
const owner = { name: 'postgres', uid: 101, gid: 104 }

it('every file of a kind is in the registry, sorted', async () => {
  const files = (await fs.readdir(new URL('../../src/plan/steps/', import.meta.url))).filter((name) => !['index.ts', 'step-kind.ts'].includes(name))
  expect(stepKinds.map(({ kind }) => `${kind}.ts`)).toEqual(files.sort())
})

describe('shown', () => {
  it.each<[Step, object]>([
    [{ kind: 'make-directory', path: '/a', owner, mode: 0o700 }, { kind: 'make-directory', path: '/a', owner: 'postgres', mode: '0700', creates: true }],
    [{ kind: 'write-file', role: 'archive-script', path: '/s', owner, before: null, after: file('x\n'), mode: 0o644 }, { creates: true, mode: '0644', diff: '--- /dev/null\n+++ /s\n@@ -0,0 +1,1 @@\n+x\n' }],
    [{ kind: 'write-file', role: 'pg_hba.conf', path: '/h', owner, before: file('a\nb\nc\nd'), after: file('a\nb\nB\nc\nd') }, { kind: 'write-file', path: '/h', diff: '--- /h\n+++ /h\n@@ -2,2 +2,3 @@\n b\n+B\n c\n' }],
    [{ kind: 'sql', about: 'CREATE ROLE "b"', apply: ['CREATE ROLE "b"'], undo: ['DROP ROLE "b"'] }, { about: 'CREATE ROLE "b"', statements: ['CREATE ROLE "b"'] }],
    [{ kind: 'daemon-reload' }, { kind: 'daemon-reload', about: 'systemctl daemon-reload' }],
    [{ kind: 'restart' }, { kind: 'restart' }],
    [{ kind: 'reload' }, { kind: 'reload' }],
  ])('%j', (step, view) => {
    expect(kindOf(step).describe(step)).toMatchObject(view)
  })

  it('the other way round for undo', () => {
    const step: Step = { kind: 'write-file', role: 'pg_hba.conf', path: '/h', owner, before: file('a\n'), after: file('a\nB\n') }
    expect(kindOf(step).describeUndo(step)).toMatchObject({ diff: '--- /h\n+++ /h\n@@ -1,2 +1,1 @@\n a\n-B\n' })
  })

  it('bytes that are no UTF-8, and CRLF, as they are', () => {
    const step: Step = { kind: 'write-file', role: 'postgresql.conf', path: '/c', owner, before: { bytes: new Uint8Array([0xe9, 13, 10]), sha256: '1' }, after: { bytes: new Uint8Array([0xe9, 13, 10, 120, 13, 10]), sha256: '2' } }
    expect(kindOf(step).describe(step).diff).toContain(' é\r\n+x\r\n')
  })
})
