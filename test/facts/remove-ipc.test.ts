// What logind answers, and who is not asked about.
import { expect, it } from 'vitest'
import { FactUnavailable } from '../../src/facts/fact.ts'
import type { Gathering } from '../../src/facts/fact.ts'
import { removeIpcFact } from '../../src/facts/remove-ipc.ts'
import { FakeHost, LINUX } from '../support/fake-host.ts'
import { CLUSTER } from '../support/run-check.ts'

const ASKED = 'busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager RemoveIPC'
const BOOTED = { ...LINUX, '/run/systemd/system': { kind: 'directory' as const } }

function gather(stdout: string | undefined, uid = 1000, files: object = BOOTED) {
  const host = new FakeHost({ files: files as typeof BOOTED, commands: { [ASKED]: stdout === undefined ? { code: 1 } : { stdout } } }).host
  return removeIpcFact.gather({ host, cluster: { ...CLUSTER, owner: { name: 'joe', uid, gid: uid } } } as unknown as Gathering)
    .catch((error: unknown) => (error instanceof FactUnavailable ? error.why.code : Promise.reject(error as Error)))
}

it('what logind has in force', async () => {
  expect(await gather('b true\n')).toEqual({ removes: true, lingers: false })
  expect(await gather('b false\n')).toEqual({ removes: false, lingers: false })
  expect(await gather('b true\n', 1000, { ...BOOTED, '/var/lib/systemd/linger/joe': '' })).toEqual({ removes: true, lingers: true })
  expect(await gather(undefined)).toBe('not-readable')
})

it('accounts of the system, wherever they end, and machines without systemd', async () => {
  expect(await gather('b true\n', 105)).toBe('not-applicable')
  expect(await gather('b true\n', 1500, { ...BOOTED, '/etc/login.defs': '# x\nSYS_UID_MAX\t\t1999\n' })).toBe('not-applicable')
  expect(await gather('b true\n', 1500, { ...BOOTED, '/etc/login.defs': 'UID_MIN 1000\nSYS_UID_MAX 999\n' })).toEqual({ removes: true, lingers: false })
  expect(await gather('b true\n', 1000, LINUX)).toBe('not-applicable')
})
