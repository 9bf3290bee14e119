import { expect, it } from 'vitest'
import check from '../../src/checks/restore-drill-age.ts'
import { codes, run, settings } from '../support/run-check.ts'

const on = settings({ conf: 'archive_mode = on' }, { archive_mode: 'on' })

it('says that no restore was tried, that it is long ago, or that it failed', async () => {
  expect(codes(run(check, { settings: await on, drill: null }))).toEqual(['info none'])
  expect(codes(run(check, { settings: await on, drill: { at: '2026-02-20T00:00:00Z', outcome: 'proved' } }))).toEqual([])
  expect(run(check, { settings: await on, drill: { at: '2026-01-01T00:00:00Z', outcome: 'proved' } })).toMatchObject([{ code: 'old', severity: 'info', params: { days: 59 } }])
  expect(run(check, { settings: await on, drill: { at: '2026-02-28T00:00:00Z', outcome: 'failed', code: 'segment-missing' } })).toMatchObject([{ code: 'failed', severity: 'warning', params: { code: 'segment-missing' } }])
})

it('does not apply where nothing is archived', async () => {
  expect(codes(run(check, { settings: await settings({ conf: '' }, { archive_mode: 'off' }), drill: null }))).toEqual(['skip not-applicable'])
})
