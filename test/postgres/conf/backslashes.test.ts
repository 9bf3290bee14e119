import { expect, it } from 'vitest'
import { readConfiguration, withItsBackslashes } from '../../../src/postgres/conf/index.ts'

async function look(literal: string): Promise<string | undefined> {
  const { files, lines } = await readConfiguration({
    read: (path) => path === '/conf' ? Promise.resolve(new TextEncoder().encode(`archive_command = '${literal}'\n`)) : Promise.reject(Object.assign(new Error(path), { code: 'ENOENT' })),
    list: () => Promise.resolve([]),
  }, { configFile: '/conf', dataDir: '/data', major: 17 })
  return withItsBackslashes(files[0]!, lines[0]!)?.slice(1, -1)
}

it.each([
  [String.raw`copy "%p" "C:\new\archive\%f"`, String.raw`copy "%p" "C:\\new\\archive\\%f"`],
  [String.raw`copy "%p" C:\\new\archive\%f`, String.raw`copy "%p" C:\\new\\archive\\%f`],
  [String.raw`copy "%p" "\\\\nas\wal\%f"`, String.raw`copy "%p" "\\\\nas\\wal\\%f"`],
  [String.raw`copy "%p" "C:\archive\"`, String.raw`copy "%p" "C:\\archive\\"`],
  [String.raw`cp %p /srv/new\ archive/%f`, String.raw`cp %p /srv/new\\ archive/%f`],
  [String.raw`test $(echo \$HOME)`, String.raw`test $(echo \\$HOME)`],
])('%s', async (literal, wanted) => {
  expect(await look(literal)).toBe(wanted)
  // Written so, nothing is lost any more.
  expect(await look(wanted)).toBeUndefined()
})

it.each([
  String.raw`copy "%p" "C:\\new\\archive\\%f"`,
  'copy "%p" "C:/new/archive/%f"',
  String.raw`test ! -f /a/%f && cp \'%p\' /a/%f`,
  String.raw`sh -c "test -f \"%p\""`,
  String.raw`printf "%%s\n" %p`,
  String.raw`sed s/\\.gz// %p`,
  "test ! -f ''/a/%f''",
  '',
])('nothing is lost of %s', async (literal) => {
  expect(await look(literal)).toBeUndefined()
})
