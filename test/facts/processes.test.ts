import { expect, it } from 'vitest'
import { roleOf } from '../../src/facts/processes.ts'

it.each([
  ['postgres: archiver ', 'archiver'],
  ['postgres: archiver archiving 000000010000000000000007', 'archiver'],
  ['postgres: 13/main: archiver   last was 000000010000000000000007', 'archiver'],
  ['postgres: startup recovering 000000010000000000000007', 'startup'],
  ['postgres: standby one: walreceiver streaming 0/3000000', 'walreceiver'],
  ['postgres: walsender postgres [local] streaming 0/3000000', 'walsender'],
  ['postgres: checkpointer ', 'other'],
  ['postgres: joe archiver [local] idle', 'other'],
])('%s', (title, role) => {
  expect(roleOf(title)).toBe(role)
})
