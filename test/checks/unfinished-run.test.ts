import { expect, it } from 'vitest'
import check from '../../src/checks/unfinished-run.ts'
import { run } from '../support/run-check.ts'

it('names each run that was left half done', () => {
  expect(run(check, { runs: [] })).toEqual([])
  expect(run(check, { runs: [{ run: '20260301-1', at: '2026-03-01T00:00:00Z', command: 'enable', state: 'interrupted' }] })).toMatchObject([
    { code: 'unfinished', severity: 'error', params: { run: '20260301-1' } }])
})
