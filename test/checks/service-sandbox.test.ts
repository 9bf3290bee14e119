import { expect, it } from 'vitest'
import check from '../../src/checks/service-sandbox.ts'
import type { ServiceSandbox } from '../../src/facts/service-sandbox.ts'
import { codes, run } from '../support/run-check.ts'

const found = (over: Partial<ServiceSandbox>) => run(check, { sandbox: { unit: 'postgresql-17', path: '/srv/w al', access: 'read-only', line: 'ProtectSystem=strict', tried: true, ...over } })

it.each<[string, Partial<ServiceSandbox>, string[]]>([
  ['open', { access: 'open' }, []],
  ['read-only', {}, ['error read-only']],
  ['read-only by what the unit says', { tried: false }, ['warning read-only']],
  ['another directory', { access: 'hidden', line: 'PrivateTmp=yes' }, ['error hidden']],
])('%s', (_, over, wanted) => {
  expect(codes(found(over))).toEqual(wanted)
})

it('enable can open it, not bring a hidden one back', () => {
  expect(found({})).toMatchObject([{
    fix: { kind: 'archive', directory: '/srv/w al' }, at: { file: '/srv/w al' },
    params: { because: 'ProtectSystem=strict', dropIn: '/etc/systemd/system/postgresql-17.service.d/pgwal.conf', line: 'ReadWritePaths="-/srv/w al"' },
  }])
  expect(found({ access: 'hidden' })).not.toHaveProperty('[0].fix')
})
