import { expect, it } from 'vitest'
import check from '../../src/checks/archive-selinux.ts'
import type { SelinuxFact } from '../../src/facts/selinux.ts'
import { codes, run } from '../support/run-check.ts'

const found = (over: Partial<SelinuxFact>) => run(check, { selinux: { path: '/srv/wal', label: 'system_u:object_r:var_t:s0', type: 'var_t', domain: 'postgresql_t', ...over } })

it.each<[string, Partial<SelinuxFact>, string[]]>([
  ['a directory like any other', {}, ['warning wrong-type']],
  ['the server is down, and will be confined', { domain: undefined as never }, ['warning wrong-type']],
  ['a directory for databases', { type: 'postgresql_db_t' }, []],
  ['a server that is not confined', { domain: 'unconfined_service_t' }, []],
])('%s', (_, over, wanted) => {
  expect(codes(found(over))).toEqual(wanted)
})

it('the pattern for semanage is a regular expression, and one word for the shell', () => {
  expect(found({})).toMatchObject([{ params: { pattern: "'/srv/wal(/.*)?'", word: '/srv/wal' } }])
  expect(found({ path: "/srv/w.a+l's" })).toMatchObject([{ params: { pattern: "'/srv/w\\.a\\+l'\\''s(/.*)?'" } }])
})
