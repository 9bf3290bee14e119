import { expect, it } from 'vitest'
import check from '../../src/checks/data-checksums.ts'
import { CLUSTER, codes, run } from '../support/run-check.ts'

const identity = (checksums?: boolean) => ({ identity: { systemIdentifier: '1', segmentSize: 1 << 20, ...(checksums === undefined ? {} : { checksums }) } })

it('off is told, with the command of this installation', () => {
  expect(run(check, identity(false))).toMatchObject([{ code: 'off', severity: 'info', params: { program: 'pg_checksums', word: '/data' } }])
  expect(run(check, identity(false), {}, { cluster: { ...CLUSTER, binDir: '/usr/lib/postgresql/15/bin' } })).toMatchObject([{ params: { program: '/usr/lib/postgresql/15/bin/pg_checksums' } }])
})

it('on is well, and what cannot be read is not judged', () => {
  expect(run(check, identity(true))).toEqual([])
  expect(codes(run(check, identity()))).toEqual(['skip not-applicable'])
})
