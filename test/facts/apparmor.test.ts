// Recorded answers of machines with AppArmor.
import { expect, it } from 'vitest'
import { apparmorFact } from '../../src/facts/apparmor.ts'
import type { Gathering } from '../../src/facts/fact.ts'
import { FakeHost, LINUX } from '../support/fake-host.ts'
import { CLUSTER } from '../support/run-check.ts'

const look = (files: Readonly<Record<string, string>>, over = {}) => apparmorFact.gather({ host: new FakeHost({ files: { ...LINUX, '/proc/42/cmdline': 'postgres', ...files } }).host, cluster: { ...CLUSTER, ...over } } as unknown as Gathering)

it.each([
  ['a profile for a program', { '/proc/42/attr/current': '/usr/lib/postgresql/15/bin/postgres (enforce)\n' }, { profile: '/usr/lib/postgresql/15/bin/postgres', mode: 'enforce' }],
  ['a snap', { '/proc/42/attr/apparmor/current': 'snap.postgresql.server (enforce)\n', '/proc/42/attr/current': 'unconfined\n' }, { profile: 'snap.postgresql.server', mode: 'enforce' }],
  ['one that only reports', { '/proc/42/attr/current': 'postgres (complain)\n' }, { profile: 'postgres', mode: 'complain' }],
  ['none', { '/proc/42/attr/current': 'unconfined\n' }, {}],
])('%s', async (_name, files, wanted) => {
  expect(await look(files)).toEqual(wanted)
})

it.each([
  ['SELinux', { '/proc/42/attr/current': 'system_u:system_r:postgresql_t:s0\0' }],
  ['neither', { '/proc/42/attr/prev': '' }],
])('%s', async (_name, files) => {
  await expect(look(files)).rejects.toMatchObject({ why: { code: 'not-applicable' } })
})
