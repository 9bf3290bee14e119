import { expect, it } from 'vitest'
import check from '../../src/checks/server-reachable.ts'
import { codes, run } from '../support/run-check.ts'

it.each([
  [{ kind: 'in' }, []],
  [{ kind: 'down' }, ['warning down']],
  [{ kind: 'no-login', user: 'joe', reason: 'no entry' }, ['info no-login']],
  [{ kind: 'no-answer', target: '/run:5432' }, ['error no-answer']],
  [{ kind: 'other-server', target: '/run:5432', found: '7' }, ['error other-server']],
  [{ kind: 'starting', target: '/run:5432', reason: 'the database system is starting up' }, ['info starting']],
  [{ kind: 'too-many-connections', target: '/run:5432', reason: 'sorry' }, ['warning too-many-connections']],
  [{ kind: 'unknown', file: '/data/postgresql.conf' }, ['skip not-readable']],
  [{ kind: 'failed', target: '/run:5432', reason: 'ECONNREFUSED' }, ['warning failed']],
])('%j', (login, expected) => {
  expect(codes(run(check, { login }))).toEqual(expected)
})
