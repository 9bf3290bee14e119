import { expect, it } from 'vitest'
import check from '../../src/checks/pgbackrest.ts'
import type { PgbackrestFact } from '../../src/facts/pgbackrest.ts'
import { codes, known, run, unknown } from '../support/run-check.ts'

const command = { via: 'command', text: 'pgbackrest --stanza=main archive-push %p', both: false }
const tool = (over: Partial<PgbackrestFact> = {}) => known({ file: '/etc/pgbackrest.conf', stanza: 'main', asynchronous: true, refused: [], ...over })
const log = (...dropped: string[]) => known({ source: '/log', archiverLines: [], dropped })
const segment = (number: number) => `0000000100000000000000${number.toString(16).toUpperCase().padStart(2, '0')}`
const backup = (number: number) => known({ ready: 0, done: 1, newestBackup: segment(number) })

it.each<[string, object, string[]]>([
  ['nothing is wrong', { tool: tool(), log: log() }, []],
  ['a limit', { tool: tool({ queueMax: '4GiB' }) }, ['info queue-limit']],
  ['WAL was dropped', { tool: tool(), log: log(segment(5), segment(6)) }, ['error dropped']],
  ['and its file is closed to us', { tool: unknown('not-readable'), log: log(segment(5)) }, ['error dropped']],
  ['a backup that began before', { tool: tool(), log: log(segment(5)), status: backup(4) }, ['error dropped']],
  ['a backup that needs it', { tool: tool(), log: log(segment(5)), status: backup(5) }, ['error dropped']],
  ['a backup that began after it', { tool: tool(), log: log(segment(5)), status: backup(6) }, []],
  ['what it cannot write', { tool: tool({ refused: [{ what: 'spool', path: '/s', place: '/s', code: 'EACCES' }, { what: 'log', path: '/l', place: '/', code: 'EROFS' }] }) }, ['error spool', 'warning log']],
  ['nothing can be read', { tool: unknown('not-readable') }, ['skip not-readable']],
])('%s', (_, uses, wanted) => {
  expect(codes(run(check, { command }, uses))).toEqual(wanted)
})

it('is not asked where something else archives', () => {
  expect(codes(run(check, { command: { ...command, text: 'cp %p /a/%f' } }))).toEqual(['skip not-applicable'])
})
