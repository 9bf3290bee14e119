import { expect, it } from 'vitest'
import { createGathering } from '../../src/facts/fact.ts'
import type { Gathering } from '../../src/facts/fact.ts'
import { recoveryConfFact } from '../../src/facts/recovery-conf.ts'
import { FakeHost } from '../support/fake-host.ts'
import type { FakeMachine } from '../support/fake-host.ts'
import { CLUSTER } from '../support/run-check.ts'

const ask = (machine: FakeMachine) => createGathering({ host: new FakeHost(machine).host, cluster: CLUSTER } as unknown as Gathering).fact(recoveryConfFact)

it('is there, is not, and is not seen in a closed directory', async () => {
  expect(await ask({ files: { '/data/recovery.conf': '' } })).toEqual({ ok: true, value: { file: '/data/recovery.conf' } })
  expect(await ask({ files: { '/data': {} } })).toEqual({ ok: true, value: {} })
  const self = { name: 'joe', uid: 1000, gid: 1000, privileged: false }
  expect(await ask({ self, files: { '/data': { only: [105] } } })).toMatchObject({ ok: false, why: { code: 'not-readable' } })
})
