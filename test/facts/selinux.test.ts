// Recorded answers of a machine on which SELinux enforces its policy.
import { expect, it } from 'vitest'
import type { Gathering } from '../../src/facts/fact.ts'
import { FactUnavailable } from '../../src/facts/fact.ts'
import { selinuxFact } from '../../src/facts/selinux.ts'
import { FakeHost, LINUX, postgres } from '../support/fake-host.ts'
import type { FakeMachine } from '../support/fake-host.ts'
import { CLUSTER } from '../support/run-check.ts'

function from(enforce: string | undefined, commands?: FakeMachine['commands'], own?: string, state = 'directory'): Gathering {
  const files = { ...LINUX, ...(enforce === undefined ? {} : { '/sys/fs/selinux/enforce': enforce }), ...(own === undefined ? {} : { '/proc/42/attr/current': own }) }
  return {
    host: new FakeHost({ files, ...(commands === undefined ? {} : { commands }) }).host, cluster: CLUSTER, as: postgres,
    fact: () => Promise.resolve({ ok: true, value: { path: '/srv/wal', state, insideDataDirectory: false } }),
  } as unknown as Gathering
}

const LABEL = 'stat -L -c %C -- /srv/wal'

it('the directory\'s type and the server\'s', async () => {
  expect(await selinuxFact.gather(from('1', { [LABEL]: { stdout: 'unconfined_u:object_r:var_t:s0\n', as: 'postgres' } }, 'system_u:system_r:postgresql_t:s0\0')))
    .toEqual({ path: '/srv/wal', label: 'unconfined_u:object_r:var_t:s0', type: 'var_t', domain: 'postgresql_t' })
  expect(await selinuxFact.gather(from('1', { [LABEL]: { stdout: 'system_u:object_r:postgresql_db_t:s0:c0.c1023\n', as: 'postgres' } })))
    .toEqual({ path: '/srv/wal', label: 'system_u:object_r:postgresql_db_t:s0:c0.c1023', type: 'postgresql_db_t' })
})

it.each<[string, Gathering, string]>([
  ['not in the kernel, or off', from(undefined), 'not-applicable'],
  ['permissive', from('0'), 'not-applicable'],
  ['a directory that is not there', from('1', {}, undefined, 'missing'), 'not-found'],
  ['a file system without labels', from('1', { [LABEL]: { stdout: '?\n', as: 'postgres' } }), 'not-readable'],
])('%s', async (_, gathering, code) => {
  const error = await selinuxFact.gather(gathering).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(FactUnavailable)
  expect((error as FactUnavailable).why.code).toBe(code)
})
