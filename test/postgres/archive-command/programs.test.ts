// Programs that are looked up in the server's PATH, and archivers that take what is not theirs yet.
import { describe, expect, it } from 'vitest'
import { readArchiveCommand } from '../../../src/postgres/archive-command/index.ts'

const read = (text: string, environment?: ReadonlyMap<string, string>, scripts: Readonly<Record<string, string>> = {}) =>
  readArchiveCommand(text, { shell: 'sh', major: 15, environment, script: (path) => scripts[path] })

describe('looked up in the PATH', () => {
  it.each<[string, readonly string[] | undefined]>([
    ['pgbackrest --stanza=main archive-push %p', ['pgbackrest']],
    ['test ! -f /a/%f && cp %p /a/%f', ['cp']],
    ['timeout 60 wal-g wal-push %p || exit 1', ['wal-g']],
    ['my-archiver "%p" %f', ['my-archiver']],
    ['/usr/bin/pgbackrest --stanza=main archive-push %p', undefined],
    ['PATH=/opt/bin:$PATH pgbackrest --stanza=main archive-push %p', undefined],
    ['export PATH=/opt/bin; pgbackrest --stanza=main archive-push %p', undefined],
    ['. /etc/profile; pgbackrest --stanza=main archive-push %p', undefined],
    ['env PATH=/opt/bin pgbackrest --stanza=main archive-push %p', undefined],
    ['sudo -u backup store %p %f', undefined],
    ['store() { /bin/cp "$1" /a/; }; store %p', undefined],
    ['echo %p', undefined],
  ])('%s', (text, wanted) => {
    expect(read(text).lookedUp).toEqual(wanted)
  })
})

describe('A29: two archivers in one command', () => {
  const ahead = (text: string, environment?: ReadonlyMap<string, string>) => read(text, environment).problems.find(({ code }) => code === 'takes-ahead')?.detail
  const RENAMES = new Map([['PG_READY_RENAME', 'true']])

  it.each<[string, ReadonlyMap<string, string> | undefined, string | undefined]>([
    ['wal-e wal-push %p && cp %p /a/%f', undefined, 'wal-e'],
    ['cp %p /a/%f && wal-e wal-push %p', undefined, 'wal-e'],
    ['pgbackrest --stanza=main archive-push %p && wal-g wal-push %p', RENAMES, 'wal-g'],
    ['PG_READY_RENAME=1 wal-g wal-push %p && cp %p /a/%f', undefined, 'wal-g'],
    ['pg_probackup archive-push -B /b --instance=x --wal-file-name=%f -j 4 --batch-size=10 && cp %p /a/%f', undefined, 'pg_probackup'],
    // Alone, or without taking anything ahead, each gets all of it.
    ['wal-e wal-push %p', undefined, undefined],
    ['wal-e wal-push --pool-size 1 %p && cp %p /a/%f', undefined, undefined],
    ['wal-g wal-push %p', RENAMES, undefined],
    ['pgbackrest --stanza=main archive-push %p && wal-g wal-push %p', undefined, undefined],
    ['pg_probackup archive-push -B /b --instance=x --wal-file-name=%f && cp %p /a/%f', undefined, undefined],
    ['pg_probackup archive-push -B /b --instance=x --wal-file-name=%f --batch-size=10 --no-ready-rename && cp %p /a/%f', undefined, undefined],
    ['cp %p /a/.%f && mv /a/.%f /a/%f', RENAMES, undefined],
  ])('%s', (text, environment, wanted) => {
    expect(ahead(text, environment)).toBe(wanted)
  })
})
