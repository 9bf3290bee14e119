import { expect, it } from 'vitest'
import check from '../../src/checks/replication-slots.ts'
import { codes, run, settings } from '../support/run-check.ts'

const MIB = 2 ** 20
const open = await settings({}, { max_replication_slots: '10', max_slot_wal_keep_size: '-1', max_wal_size: '1GB' })
const capped = await settings({}, { max_replication_slots: '2', max_slot_wal_keep_size: '4GB', max_wal_size: '1GB' })
const before13 = await settings({}, { max_replication_slots: '10', max_wal_size: '1GB' }, 12)
const slot = (over: object = {}) => ({ name: 's', kind: 'physical', active: true, retainedBytes: 0, walStatus: 'reserved', safeBytes: null, invalidation: null, synced: false, application: null, ...over })
const judge = (of: object, ...slots: object[]) => codes(run(check, { settings: of, replication: { slots, senders: 0, withoutSlot: 0 } }))

it.each([
  ['none', open, [], []],
  ['in use', open, [slot()], ['info no-cap']],
  ['away for a moment', open, [slot({ active: false, retainedBytes: 500 * MIB })], ['info no-cap']],
  ['away for long', open, [slot({ active: false, retainedBytes: 5000 * MIB })], ['warning abandoned', 'info no-cap']],
  ['never used, holds nothing', open, [slot({ active: false, retainedBytes: null })], ['info no-cap']],
  ['does not keep up', open, [slot({ retainedBytes: 5000 * MIB })], ['info behind', 'info no-cap']],
  ['away, with a limit', capped, [slot({ active: false, retainedBytes: 2000 * MIB, safeBytes: 1 })], ['warning abandoned-bounded']],
  ['beyond the limit', capped, [slot({ active: false, retainedBytes: 5000 * MIB, walStatus: 'unreserved', safeBytes: -1 })], ['warning nearly-lost']],
  ['lost', capped, [slot({ active: false, retainedBytes: null, walStatus: 'lost' })], ['error lost']],
  ['a standby\'s copies of its primary\'s slots', capped, [slot({ active: false, synced: true, retainedBytes: 5000 * MIB })], []],
  ['all taken', capped, [slot(), slot({ name: 't' })], ['warning all-used']],
  ['before 13 there is no limit to set', before13, [slot({ active: false, retainedBytes: 5000 * MIB, walStatus: null })], ['warning abandoned']],
])('%s', (_what, of, slots, expected) => {
  expect(judge(of, ...slots)).toEqual(expected)
})

it('says why a slot was given up, and how to drop it', () => {
  expect(run(check, { settings: capped, replication: { slots: [slot({ name: "o'clock", active: false, walStatus: 'lost', invalidation: 'idle_timeout' })], senders: 0, withoutSlot: 0 } }))
    .toMatchObject([{ params: { reason: 'idle_timeout', literal: "'o''clock'" } }])
})
