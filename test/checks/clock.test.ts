import { expect, it } from 'vitest'
import check from '../../src/checks/clock.ts'
import { codes, NOW, run } from '../support/run-check.ts'

const found = (...minutes: number[]) => run(check, { clock: { marks: minutes.map((ahead) => ({ what: `mark ${ahead}`, at: new Date(NOW.getTime() + ahead * 60_000) })) } })

it('what lies in the past, or a moment ahead', () => {
  expect(codes(found(-60, -1, 4))).toEqual([])
})

it('the farthest in the future is told', () => {
  expect(found(-60, 90, 30)).toMatchObject([{ code: 'future', severity: 'warning', params: { what: 'mark 90', aheadMs: 90 * 60_000, when: '2026-03-01T13:30:00.000Z' } }])
})
