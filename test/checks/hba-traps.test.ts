import { expect, it } from 'vitest'
import check from '../../src/checks/hba-traps.ts'
import { HBA_TRAPS } from '../../src/postgres/hba/index.ts'
import { hbaOf } from '../support/hba-of.ts'
import { codes, run } from '../support/run-check.ts'

const DEBIAN = 'local all postgres peer\nlocal all all peer\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 scram-sha-256\nlocal replication all peer\nhost replication all 127.0.0.1/32 scram-sha-256\nhost replication all ::1/128 scram-sha-256\n'

it('Debian\'s file has none', () => {
  expect(run(check, { hba: hbaOf(DEBIAN) })).toEqual([])
})

it.each([
  ['host all all 10/8 md5', 'warning short-address'],
  ['host all all * md5', 'warning star-address'],
  ['host all "all" 10.0.0.0/8 md5', 'info quoted-keyword'],
  ['host ALL all 10.0.0.0/8 md5', 'warning wrong-case'],
  ['host /^a all 10.0.0.0/8 md5', 'warning regex-before-16'],
  ['hostssl all all 10.0.0.0/8 md5', 'warning hostssl-ssl-off'],
  ['# note \\\nhost all all 10.0.0.0/8 md5', 'warning comment-continuation'],
  ['host all all 10.0.0.1/8 md5', 'info host-bits'],
  ['local all all peer', 'info unreachable'],
])('%s', (line, code) => {
  expect(codes(run(check, { hba: hbaOf(`${DEBIAN}${line}\n`) }))).toContain(code)
})

it('a cause for a file that does not load is told as information beside the error of hba-loads', () => {
  expect(codes(run(check, { hba: hbaOf('host all all 127.0.0.1 trust\n') }))).toEqual(['info method-as-mask'])
})

it('has words for every trap', () => {
  for (const code of Object.keys(HBA_TRAPS)) for (const locale of ['en', 'zh-TW'] as const) expect(check.text[locale].findings[code]?.message, code).toBeTruthy()
})
