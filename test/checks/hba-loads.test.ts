import { expect, it } from 'vitest'
import check from '../../src/checks/hba-loads.ts'
import { hbaOf } from '../support/hba-of.ts'
import { codes, known, run } from '../support/run-check.ts'

const GOOD = 'local all all peer\n'
const loaded = (at: string) => ({ server: known({ configurationLoadedAt: new Date(at) }) })

it('a bad line is an error at its place', () => {
  expect(run(check, { hba: hbaOf(`${GOOD}host all all 127.0.0.1 trust\n`) })).toMatchObject([{ code: 'broken', severity: 'error', at: { file: '/etc/pg_hba.conf', line: 2 } }])
})

it('a file without rules does not load', () => {
  expect(codes(run(check, { hba: hbaOf('# nothing\n') }))).toEqual(['error broken'])
})

it('a complaint that does not keep it from loading is none', () => {
  expect(run(check, { hba: hbaOf(`${GOOD}hostssl all all 127.0.0.1/32 md5\n`) })).toEqual([])
})

it('changed after the server read it', () => {
  const modified = new Date('2026-02-01T00:00:01Z')
  expect(codes(run(check, { hba: hbaOf(GOOD, { modified }) }, loaded('2026-02-01T00:00:00Z')))).toEqual(['warning not-reloaded'])
  expect(codes(run(check, { hba: hbaOf(GOOD, { modified }) }, loaded('2026-02-01T00:00:02Z')))).toEqual([])
})

it('is not judged when an included file is closed', () => {
  expect(codes(run(check, { hba: hbaOf(GOOD, { complete: false }) }))).toEqual(['skip not-readable'])
})

it('another pg_hba.conf in the data directory, edited after the one that counts', () => {
  const found = (edited: boolean, at: string) => run(check, { hba: hbaOf(GOOD, { modified: new Date('2026-02-01T00:00:00Z') }) }, { strays: known({ hba: { path: '/data/pg_hba.conf', modified: new Date(at), edited } }) })
  expect(found(true, '2026-02-02T00:00:00Z')).toMatchObject([{ code: 'other-file', severity: 'info', params: { path: '/data/pg_hba.conf', hbaFile: '/etc/pg_hba.conf' }, at: { file: '/data/pg_hba.conf' } }])
  expect(found(true, '2026-01-31T00:00:00Z')).toEqual([])
  expect(found(false, '2026-02-02T00:00:00Z')).toEqual([])
})
