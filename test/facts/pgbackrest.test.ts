// pgBackRest's configuration where it usually is; its directories are tried on a real machine in test/failures.
import { expect, it } from 'vitest'
import type { Gathering } from '../../src/facts/fact.ts'
import { pgbackrestFact } from '../../src/facts/pgbackrest.ts'
import { FakeHost, LINUX, postgres } from '../support/fake-host.ts'
import type { FakeMachine } from '../support/fake-host.ts'
import { CLUSTER } from '../support/run-check.ts'

function look(text: string, files: FakeMachine['files'], writable: boolean | string = true) {
  const host = new FakeHost({ files: { ...LINUX, ...files } }).host
  const tried = new Proxy(host, {
    get: (target, name) => name === 'canWriteInto'
      ? (path: string) => Promise.resolve(writable === true || path === writable ? { ok: true } : { ok: false, code: 'EACCES' })
      : Reflect.get(target, name) as unknown,
  })
  return pgbackrestFact.gather({ host: tried, cluster: CLUSTER, as: postgres, fact: () => Promise.resolve({ ok: true, value: { via: 'command', text } }) } as unknown as Gathering)
}

const COMMAND = 'pgbackrest --stanza=main archive-push %p'

it('the usual file, with what lies in conf.d; nothing where there is none', async () => {
  expect(await look(COMMAND, { '/etc/pgbackrest/pgbackrest.conf': '[global]\narchive-push-queue-max=4GiB\n', '/etc/pgbackrest/conf.d/a.conf': '[global]\narchive-push-queue-max=5GiB\n', '/etc/pgbackrest/conf.d/b.txt': '' }))
    .toEqual({ file: '/etc/pgbackrest/pgbackrest.conf', stanza: 'main', asynchronous: false, queueMax: '5GiB', refused: [] })
  expect(await look(COMMAND, { '/etc/pgbackrest.conf': '[main]\narchive-push-queue-max=1GiB\n' })).toMatchObject({ file: '/etc/pgbackrest.conf', queueMax: '1GiB' })
  expect(await look(COMMAND, { '/etc/hosts': '' })).toEqual({ stanza: 'main', asynchronous: false, refused: [] })
})

it('a file that the command names must be there', async () => {
  await expect(look(`${COMMAND} --config=/etc/mine.conf`, { '/etc/hosts': '' })).rejects.toMatchObject({ code: 'ENOENT' })
})

it('what the server has in its environment', async () => {
  expect(await look('pgbackrest archive-push %p', { '/etc/hosts': '', '/proc/42/environ': 'PATH=/bin\0PGBACKREST_STANZA=main\0PGBACKREST_ARCHIVE_PUSH_QUEUE_MAX=1GB\0' })).toMatchObject({ stanza: 'main', queueMax: '1GB' })
})

const ASYNC = { '/etc/pgbackrest/pgbackrest.conf': '[global]\narchive-async=y\nlog-level-file=off\nspool-path=/spool\nlock-path=/lock\n' }
it('directories count where it works asynchronously; what is missing is made below what is there', async () => {
  expect(await look(COMMAND, { ...ASYNC, '/spool/archive': {}, '/lock': {} }, false)).toMatchObject({ asynchronous: true, refused: [
    { what: 'spool', path: '/spool/archive/main/out', place: '/spool/archive', code: 'EACCES' }, { what: 'lock', path: '/lock', place: '/lock', code: 'EACCES' }] })
  expect(await look(COMMAND, { ...ASYNC, '/spool/archive': {}, '/lock/main-archive.lock': { text: '', uid: 0, mode: 0o640 } })).toMatchObject({ refused: [{ what: 'lock', place: '/lock/main-archive.lock' }] })
  expect(await look(COMMAND, { ...ASYNC, '/spool/archive': {}, '/lock/main-archive.lock': { text: '', uid: CLUSTER.owner.uid, mode: 0o640 } })).toMatchObject({ refused: [] })
})
