import { expect, it } from 'vitest'
import check from '../../src/checks/archive-apparmor.ts'
import { codes, known, run } from '../support/run-check.ts'

const CONFINED = { profile: '/usr/lib/postgresql/15/bin/postgres', mode: 'enforce' }
const directory = (ok: boolean) => known({ path: '/srv/wal', state: 'directory', insideDataDirectory: false, writable: ok ? { ok } : { ok, code: 'EACCES' } })
const log = (text: string) => known({ source: '/log', archiverLines: [{ text, message: 'archive command failed with exit code 1', cause: text, exitCode: 1 }] })
const queue = (ready: number) => known({ ready, done: 0 })
const DENIED = log("cp: cannot create regular file '/srv/wal/x': Permission denied")

it.each<[string, object, object, string[]]>([
  ['not confined', {}, {}, []],
  ['only reported', { ...CONFINED, mode: 'complain' }, {}, []],
  ['confined, and archiving works', CONFINED, { directory: directory(true), log: DENIED, status: queue(0) }, ['info confined']],
  ['refused, although the account could', CONFINED, { directory: directory(true), log: DENIED, status: queue(3) }, ['error denied']],
  ['refused, because the account cannot', CONFINED, { directory: directory(false), log: DENIED, status: queue(3) }, ['info confined']],
  ['another failure', CONFINED, { directory: directory(true), log: log('No space left on device'), status: queue(3) }, ['info confined']],
])('%s', (_, apparmor, uses, wanted) => {
  expect(codes(run(check, { apparmor }, uses))).toEqual(wanted)
})

it('names the file of the profile', () => {
  expect(run(check, { apparmor: CONFINED }, { directory: directory(true) })).toMatchObject([{ params: { file: 'usr.lib.postgresql.15.bin.postgres', path: '/srv/wal' } }])
})
