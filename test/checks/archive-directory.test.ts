import { expect, it } from 'vitest'
import check from '../../src/checks/archive-directory.ts'
import type { ArchiveDirectoryFact } from '../../src/facts/archive-directory.ts'
import type { Finding } from '../../src/checks/check.ts'
import { findingWords, wordsOn } from '../../src/report/words.ts'
import { CLUSTER, codes, run } from '../support/run-check.ts'

const GOOD: ArchiveDirectoryFact = {
  path: '/srv/wal', state: 'directory', kind: 'directory', owner: { uid: 105, name: 'postgres' }, mode: 0o700, writable: { ok: true },
  insideDataDirectory: false, sameFileSystemAsData: false, sameFileSystemAsWal: false,
}
const found = (over: Partial<ArchiveDirectoryFact>) => run(check, { directory: { ...GOOD, ...over } })

it('a directory of its own, on a disk of its own', () => {
  expect(found({})).toEqual([])
  expect(found({ mode: 0o750, owner: { uid: 0, name: 'root' } })).toEqual([])
})

it('the path is missing, or a part of it', () => {
  expect(found({ state: 'missing', obstacle: '/srv/wal' })).toMatchObject([{ code: 'missing', severity: 'error', at: { file: '/srv/wal' }, params: { owner: 'postgres', word: '/srv/wal' }, fix: { kind: 'archive', directory: '/srv/wal' } }])
  expect(found({ state: 'missing', obstacle: '/srv' })).toMatchObject([{ code: 'parent-missing', params: { obstacle: '/srv' } }])
})

it('permissions: of the directory, and of what is above it', () => {
  expect(found({ writable: { ok: false, code: 'EACCES' }, owner: { uid: 0, name: 'root' }, mode: 0o755 })).toMatchObject([{ code: 'not-writable', params: { found: 'root', mode: '0755', owner: 'postgres' } }])
  expect(found({ state: 'closed', obstacle: '/srv' })).toMatchObject([{ code: 'blocked', at: { file: '/srv' } }])
})

it.each([['EROFS', 'error read-only'], ['ENOSPC', 'error full'], ['EDQUOT', 'error full'], ['EPERM', 'error not-writable']])('%s', (code, expected) => {
  expect(codes(found({ writable: { ok: false, code } }))).toEqual([expected])
})

it.each<[string, Partial<ArchiveDirectoryFact>, string[]]>([
  ['a file in its place', { state: 'not-a-directory', obstacle: '/srv/wal' }, ['error not-a-directory']],
  ['inside the data directory, which is on the same disk of course', { insideDataDirectory: true, sameFileSystemAsData: true }, ['error inside-data-directory']],
  ['the disk of the data', { sameFileSystemAsData: true, sameFileSystemAsWal: true }, ['warning same-file-system']],
  ['the disk of pg_wal', { sameFileSystemAsWal: true }, ['warning same-file-system']],
  ['somebody else\'s', { owner: { uid: 1000, name: 'joe' } }, ['warning foreign-owner']],
  ['open to all', { mode: 0o777 }, ['warning open-to-all']],
  ['a disk of this machine', { mount: { type: 'ext4', source: '/dev/sdb1' } }, []],
  ['a file system in memory that is one\'s own', { mount: { type: 'fuse.mergerfs', source: 'disks' } }, []],
  ['a file server', { mount: { type: 'nfs4', source: 'nas:/wal' } }, ['info network']],
  ['Windows\' kind', { mount: { type: 'cifs', source: '//nas/wal' } }, ['info network']],
  ['an object store', { mount: { type: 'fuse.s3fs', source: 's3fs' } }, ['warning object-store']],
  ['sticky', { mode: 0o1777 }, []],
])('%s', (_what, over, expected) => {
  expect(codes(found(over))).toEqual(expected)
})

it('a path is one word of the command that is shown', () => {
  expect(found({ path: "/srv/w al's", state: 'missing', obstacle: "/srv/w al's" })).toMatchObject([{ params: { word: "'/srv/w al'\\''s'" } }])
})

it('Windows: a command that its prompt takes, for the service\'s account', () => {
  const service = { ...CLUSTER, platform: 'windows' as const, owner: { name: 'NT AUTHORITY\\NetworkService', uid: -1, gid: -1, sid: 'S-1-5-20' } }
  const there = (over: Partial<ArchiveDirectoryFact>) => {
    const { state, kind, writable, insideDataDirectory } = GOOD
    return run(check, { directory: { state, kind, writable, insideDataDirectory, path: 'D:/pg wal', ...over } }, {}, { cluster: service }) as readonly Finding[]
  }
  const remedies = (found: readonly Finding[]) => found.map((one) => findingWords(wordsOn([check], service), check.id, one, 'en').remedy)
  expect(remedies(there({ state: 'missing', obstacle: 'D:/pg wal' }))).toEqual(['in an administrator\'s command prompt: mkdir "D:\\pg wal" && icacls "D:\\pg wal" /grant "*S-1-5-20:(OI)(CI)M"   (or `pgwal enable`)'])
  const refused = there({ writable: { ok: false, code: 'EPERM' } })
  expect(codes(refused)).toEqual(['error no-access'])
  expect(remedies(refused)).toEqual(['icacls "D:\\pg wal" /grant "*S-1-5-20:(OI)(CI)M"'])
  expect(there({ share: '//nas/wal/pg wal' })).toMatchObject([{ code: 'mapped-drive', severity: 'warning', params: { share: '\\\\nas\\wal\\pg wal', owner: 'NT AUTHORITY\\NetworkService' } }])
  expect(there({})).toEqual([])
})
