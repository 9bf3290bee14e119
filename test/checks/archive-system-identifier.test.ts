import { expect, it } from 'vitest'
import check from '../../src/checks/archive-system-identifier.ts'
import { run } from '../support/run-check.ts'

const found = (...segments: { name: string; systemIdentifier?: string }[]) =>
  run(check, { sample: { path: '/a', names: 2, truncated: false, segments }, identity: { systemIdentifier: '7', segmentSize: 1 << 20 } })

it('one foreign segment is enough', () => {
  expect(found({ name: 'A', systemIdentifier: '7' }, { name: 'B', systemIdentifier: '8' })).toMatchObject([
    { code: 'foreign-segments', severity: 'error', params: { segment: 'B', found: '8', own: '7' }, at: { file: '/a/B' } }])
})

it('its own segments, none at all, and files that are no WAL', () => {
  expect(found({ name: 'A', systemIdentifier: '7' }, { name: 'B' })).toEqual([])
  expect(found()).toEqual([])
})
