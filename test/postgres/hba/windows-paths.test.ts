// What an include names on Windows, where an absolute path begins with a drive.
import { expect, it } from 'vitest'
import { readHba } from '../../../src/postgres/hba/index.ts'

it('files are found relative to the including file, with its drive, or by their own', async () => {
  const files: Record<string, string> = {
    'C:/Program Files/data/pg_hba.conf': 'include sub/../one.conf\ninclude "D:\\other\\two.conf"\nlocal all all @names\n',
    'C:/Program Files/data/one.conf': 'local one all trust\n',
    'D:/other/two.conf': 'local two all trust\n',
    'C:/Program Files/data/names': 'alice\n',
  }
  const source = {
    read: async (path: string) => {
      const text = files[path]
      if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' })
      return new TextEncoder().encode(text)
    },
    list: async () => [],
  }
  const hba = await readHba(source, { hbaFile: 'C:/Program Files/data/pg_hba.conf', major: 17 })
  expect(hba.files.map(({ path }) => path).sort()).toEqual(['C:/Program Files/data/one.conf', 'C:/Program Files/data/pg_hba.conf', 'D:/other/two.conf'])
  expect(hba.rules.slice(0, 2).map(({ file }) => file)).toEqual(['C:/Program Files/data/one.conf', 'D:/other/two.conf'])
})
