import { expect, it } from 'vitest'
import check from '../../src/checks/restore-drill-age.ts'
import type { BackupDrillRecord, DrillRecord } from '../../src/plan/drill-record.ts'
import { codes, run, settings } from '../support/run-check.ts'

const on = settings({ conf: 'archive_mode = on' }, { archive_mode: 'on' })

it('says that no restore was tried, that it is long ago, or that it failed', async () => {
  expect(codes(run(check, { settings: await on, drill: null, backupDrill: null }))).toEqual(['info none'])
  expect(codes(run(check, { settings: await on, drill: { at: '2026-02-20T00:00:00Z', outcome: 'proved' }, backupDrill: null }))).toEqual([])
  expect(run(check, { settings: await on, drill: { at: '2026-01-01T00:00:00Z', outcome: 'proved' }, backupDrill: null })).toMatchObject([{ code: 'old', severity: 'info', params: { days: 59 } }])
  expect(run(check, { settings: await on, drill: { at: '2026-02-28T00:00:00Z', outcome: 'failed', code: 'segment-missing' }, backupDrill: null })).toMatchObject([{ code: 'failed', severity: 'warning', params: { code: 'segment-missing' } }])
})

it('a kept backup that was restored counts; one that was not is told of, whatever the copy showed later', async () => {
  const [earlier, later] = ['2026-02-20T00:00:00Z', '2026-02-28T00:00:00Z']
  const see = async (drill: DrillRecord | null, backupDrill: BackupDrillRecord | null) => codes(run(check, { settings: await on, drill, backupDrill }))
  expect(await see(null, { at: later, outcome: 'proved', path: '/b' })).toEqual([])
  expect(await see({ at: earlier, outcome: 'failed', code: 'segment-missing' }, { at: later, outcome: 'proved', path: '/b' })).toEqual([])
  expect(await see({ at: later, outcome: 'failed', code: 'segment-missing' }, { at: earlier, outcome: 'proved', path: '/b' })).toEqual(['warning failed'])
  expect(await see({ at: '2026-01-01T00:00:00Z', outcome: 'proved' }, { at: later, outcome: 'proved', path: '/b' })).toEqual([])
  expect(await see(null, { at: '2026-01-01T00:00:00Z', outcome: 'proved', path: '/b' })).toEqual(['info old'])
  expect(await see({ at: later, outcome: 'proved' }, { at: earlier, outcome: 'failed', code: 'backup-damaged', path: '/b' })).toEqual(['warning backup-failed'])
})

it('does not apply where nothing is archived', async () => {
  expect(codes(run(check, { settings: await settings({ conf: '' }, { archive_mode: 'off' }), drill: null, backupDrill: null }))).toEqual(['skip not-applicable'])
})
