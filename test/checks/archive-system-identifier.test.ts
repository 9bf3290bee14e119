import { expect, it } from 'vitest'
import check from '../../src/checks/archive-system-identifier.ts'
import { codes, run } from '../support/run-check.ts'

const found = (faults: readonly object[], over: object = {}) =>
  run(check, { segments: { path: '/a', looked: 2, unread: 0, faults, counts: { 'system-identifier': faults.length }, ...over }, identity: { systemIdentifier: '7', segmentSize: 1 << 20 } })

it('one foreign segment is enough', () => {
  expect(found([{ name: 'B', code: 'system-identifier', found: '8', expected: '7' }])).toMatchObject([
    { code: 'foreign-segments', severity: 'error', params: { segment: 'B', count: 1, found: '8', own: '7' }, at: { file: '/a/B' } }])
})

it('its own segments, none at all, files that are no WAL, and those in a form that is not read', () => {
  expect(found([])).toEqual([])
  expect(found([{ name: 'A', code: 'not-wal', found: '', expected: '' }])).toEqual([])
  expect(found([], { looked: 0 })).toEqual([])
  expect(codes(found([], { looked: 0, unread: 3 }))).toEqual(['skip unknown-form'])
})
