import { expect, it } from 'vitest'
import { pgbackrestOption, readPgbackrest, readPgbackrestConf } from '../../../src/postgres/archive-command/index.ts'

const options = (command: string) => Object.fromEntries(readPgbackrest(command)?.options ?? [])

it.each<[string, Record<string, string>]>([
  ['pgbackrest --stanza=main archive-push %p', { stanza: 'main' }],
  ['/usr/bin/pgbackrest --stanza main --archive-async archive-push "%p"', { stanza: 'main', 'archive-async': 'y' }],
  ['timeout 60 pgbackrest --no-archive-async --config="/etc/my conf" --stanza=main archive-push %p || exit 1', { 'archive-async': 'n', config: '/etc/my conf', stanza: 'main' }],
  ['"/opt/pg backrest/pgbackrest" --stanza=main archive-push %p; exit 0', { stanza: 'main' }],
  ['pgbackrest --stanza=main archive-push --archive-async %p', { stanza: 'main', 'archive-async': 'y' }],
])('%s', (command, wanted) => {
  expect(options(command)).toEqual(wanted)
})

it.each(['/usr/local/bin/archive.sh %p', 'pgbackrest --stanza=main check', 'cp %p /srv/pgbackrest/%f', ''])('%s does not run it', (command) => {
  expect(readPgbackrest(command)).toBeUndefined()
})

it('what decides first: the command line, the environment, then the sections from the nearest one', () => {
  const command = readPgbackrest('pgbackrest --stanza=main --lock-path=/line archive-push %p')!
  const sections = readPgbackrestConf([
    '# x\n[global]\nspool-path = /global \nlock-path=/global\nlog-path=/global\narchive-async=n\n[global:archive-push]\narchive-async=y\n[global:archive-get]\nlog-path=/get\n',
    '[main]\nspool-path=/main\n[other]\nlog-path=/other\n',
  ])
  const option = (name: string, environment?: ReadonlyMap<string, string>) => pgbackrestOption(name, command, environment, sections)
  expect(option('lock-path', new Map([['PGBACKREST_LOCK_PATH', '/env']]))).toBe('/line')
  expect(option('spool-path', new Map([['PGBACKREST_SPOOL_PATH', '/env']]))).toBe('/env')
  expect(option('spool-path')).toBe('/main')
  expect(option('log-path')).toBe('/global')
  expect(option('archive-async')).toBe('y')
  expect(option('archive-push-queue-max')).toBeUndefined()
})
