import { expect, it } from 'vitest'
import check from '../../src/checks/configuration-backslashes.ts'
import { codes, configuration, run } from '../support/run-check.ts'
import type { FilesOf } from '../support/run-check.ts'

const found = async (files: FilesOf) => run(check, { configuration: await configuration(files) })

it.each<[string, FilesOf, string[]]>([
  ['a path of Windows', { conf: String.raw`archive_command = 'copy "%p" "C:\new\archive\%f"'` }, ['error lost']],
  ['doubled', { conf: String.raw`archive_command = 'copy "%p" "C:\\new\\archive\\%f"'` }, []],
  ['with slashes', { conf: 'archive_command = \'copy "%p" "C:/new/archive/%f"\'' }, []],
  ['for a restore', { conf: String.raw`restore_command = 'copy "C:\archive\%f" "%p"'` }, ['warning lost']],
  ['the directory of a library', { conf: String.raw`Basic_Archive.Archive_Directory = 'C:\archive'` }, ['error lost']],
  ['a line that another one beats', { conf: String.raw`archive_command = 'copy "%p" "C:\new\%f"'`, auto: "archive_command = 'true'" }, []],
  ['another setting', { conf: String.raw`log_line_prefix = '\%t'` }, []],
  ['a file is closed to us', { conf: "include_if_exists 'more.conf'", closed: ['/etc/more.conf'] }, ['skip not-readable']],
])('%s', async (_, files, wanted) => {
  expect(codes(await found(files))).toEqual(wanted)
})

it('says where, and how it is written', async () => {
  expect(await found({ conf: String.raw`# x
archive_command = 'copy "%p" "C:\new\%f"'` })).toMatchObject([{ at: { file: '/etc/postgresql.conf', line: 2 }, params: { value: 'copy "%p" "C:\new%f"', right: String.raw`'copy "%p" "C:\\new\\%f"'` } }])
})
