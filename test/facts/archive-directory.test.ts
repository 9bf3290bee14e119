// Windows, where the drives of who asks are not those of the server's service.
import { expect, it } from 'vitest'
import { archiveDirectoryFact, examine } from '../../src/facts/archive-directory.ts'
import type { Gathering } from '../../src/facts/fact.ts'
import { CLUSTER } from '../support/run-check.ts'

/** `net use Z: \\nas\pg`: the system resolves such a letter to the share. https://nodejs.org/api/fs.html#fsrealpathsyncnativepath-options */
const mapped = (path: string) => path.replaceAll('\\', '/').replace(/^Z:/, '//nas/pg')

const from = {
  cluster: { ...CLUSTER, platform: 'windows', dataDir: 'C:/pg/data' },
  host: {
    os: 'win32',
    stat: (path: string) => Promise.resolve({ kind: 'directory', mode: 0, uid: 0, gid: 0, device: /^[Zz\\]/.test(path) ? 2 : 1 }),
    realPath: (path: string) => Promise.resolve(mapped(path)),
    self: () => Promise.resolve({ name: 'joe', uid: -1, gid: -1, privileged: true, sid: 'S-1-5-21-1' }),
    account: () => Promise.resolve(undefined),
    fileSystem: () => Promise.resolve({ freeBytes: 1, totalBytes: 2, freeInodes: 0 }),
  },
} as unknown as Gathering

it.each<[string, string | undefined]>([
  ['Z:/wal', '//nas/pg/wal'],
  ['Z:\\wal', '//nas/pg/wal'],
  ['D:/wal', undefined],
  ['\\\\nas\\pg\\wal', undefined],
])('%s', async (path, share) => {
  const found = await examine(from, path)
  expect(found).toMatchObject({ path, state: 'directory', insideDataDirectory: false })
  expect(found.share).toBe(share)
})

it('is what the command names', async () => {
  const command = { ok: true, value: { destination: 'Z:/wal', via: 'command' } }
  expect(await archiveDirectoryFact.gather({ ...from, fact: () => Promise.resolve(command) } as unknown as Gathering)).toMatchObject({ share: '//nas/pg/wal' })
})
