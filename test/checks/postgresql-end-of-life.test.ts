import { expect, it } from 'vitest'
import check from '../../src/checks/postgresql-end-of-life.ts'
import { CLUSTER, codes, run } from '../support/run-check.ts'

const at = (major: number, now: string) => codes(run(check, {}, {}, { cluster: { ...CLUSTER, major }, now: new Date(now) }))

it('the last release is on the second Thursday of November', () => {
  const found = run(check, {}, {}, { cluster: { ...CLUSTER, major: 13 }, now: new Date('2025-11-14T00:00:00Z') })
  expect(found).toMatchObject([{ code: 'ended', severity: 'warning', params: { major: 13, date: '2025-11-13' } }])
})

it('on that day, half a year before, and long before', () => {
  expect(at(13, '2025-11-13T23:00:00Z')).toEqual(['info ending'])
  expect(at(13, '2025-06-01T00:00:00Z')).toEqual(['info ending'])
  expect(at(13, '2025-04-01T00:00:00Z')).toEqual([])
  expect(at(18, '2026-03-01T00:00:00Z')).toEqual([])
})

it('a major that is not known is not judged', () => {
  expect(at(25, '2026-03-01T00:00:00Z')).toEqual(['skip not-applicable'])
})
