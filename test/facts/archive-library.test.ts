// Where installations keep their libraries, and whether the one that is asked for is there.
import { expect, it } from 'vitest'
import { archiveLibraryFact } from '../../src/facts/archive-library.ts'
import type { Gathering } from '../../src/facts/fact.ts'
import { FakeHost, LINUX } from '../support/fake-host.ts'
import { CLUSTER, settings } from '../support/run-check.ts'

async function look(binDir: string | undefined, library: string, files: readonly string[], path?: string) {
  const effective = await settings({ conf: `archive_library = '${library}'\n${path === undefined ? '' : `dynamic_library_path = '${path}'\n`}` })
  const machine = { ...LINUX, '/lib': { kind: 'directory' as const }, ...(binDir === undefined ? {} : { [`${binDir}/postgres`]: '' }), ...Object.fromEntries(files.map((file) => [file, ''])) }
  return archiveLibraryFact.gather({
    host: new FakeHost({ files: machine }).host, cluster: { ...CLUSTER, ...(binDir === undefined ? {} : { binDir }) },
    fact: (fact: { readonly name: string }) => Promise.resolve({ ok: true, value: fact.name === 'effective-settings' ? effective : { via: 'library', text: library } }),
  } as unknown as Gathering)
}

it.each([
  ['Debian', '/usr/lib/postgresql/15/bin', '/usr/lib/postgresql/15/lib'],
  ['PGDG on RHEL', '/usr/pgsql-15/bin', '/usr/pgsql-15/lib'],
  ['Fedora', '/usr/bin', '/usr/lib64/pgsql'],
  ['Alpine', '/usr/libexec/postgresql15', '/usr/lib/postgresql15'],
  ['from source', '/usr/local/pgsql/bin', '/usr/local/pgsql/lib'],
])('%s', async (_name, binDir, directory) => {
  expect(await look(binDir, 'basic_archive', [`${directory}/libpqwalreceiver.so`, `${directory}/basic_archive.so`])).toMatchObject({ found: true })
  expect(await look(binDir, 'basic_archive', [`${directory}/libpqwalreceiver.so`])).toEqual({ library: 'basic_archive', tried: [`${directory}/basic_archive`, `${directory}/basic_archive.so`], found: false })
})

const BIN = '/usr/pgsql-15/bin'
const OWN = '/usr/pgsql-15/lib/libpqwalreceiver.so'
it('dynamic_library_path, $libdir, and a path', async () => {
  expect(await look(BIN, 'mine', [OWN, '/opt/more/mine.so'], '/opt/more:$libdir')).toMatchObject({ found: true })
  expect(await look(BIN, 'mine', [OWN, '/opt/other/mine.so'], '/opt/more:$libdir')).toMatchObject({ found: false })
  expect(await look(BIN, '$libdir/mine', [OWN, '/usr/pgsql-15/lib/mine.so'])).toMatchObject({ found: true })
  expect(await look(BIN, '/opt/mine.so', [OWN, '/opt/mine.so'])).toMatchObject({ found: true })
  expect(await look(BIN, 'sub/mine', [OWN, '/data/sub/mine.so'])).toMatchObject({ found: true })
})

it('nothing tells where the server has its libraries', async () => {
  expect(await look(undefined, 'basic_archive', [])).toEqual({ library: 'basic_archive', tried: [] })
  expect(await look(BIN, 'basic_archive', [])).toEqual({ library: 'basic_archive', tried: [] })
})
