import { expect, it } from 'vitest'
import check from '../../src/checks/archive-library.ts'
import type { ArchiveLibraryFact } from '../../src/facts/archive-library.ts'
import { codes, known, run, settings } from '../support/run-check.ts'

const conf = (library: string, more = '') => settings({ conf: `archive_mode = on\narchive_library = '${library}'\n${more}` }, undefined, 17)
const there = (library: string, over: Partial<ArchiveLibraryFact> = {}): ArchiveLibraryFact => ({ library, tried: [`/lib/${library}.so`], found: true, ...over })
const log = (message: string) => known({ source: '/log', archiverLines: [{ text: message, message }] })
const waiting = known({ ready: 2, done: 0, oldest: { name: '000000010000000000000007', since: new Date('2026-03-01T11:00:00Z') } })
const archiver = (present: boolean, lastArchivedAt: Date | null = null) => known({ archivedCount: 0, lastArchivedWal: null, lastArchivedAt, failedCount: 0, lastFailedWal: null, lastFailedAt: null, present })

const DIRECTORY = "basic_archive.archive_directory = '/a'\n"

it.each([
  ['basic_archive', DIRECTORY, {}, []],
  ['$libdir/basic_archive', DIRECTORY, {}, []],
  ['basic_archive', DIRECTORY, { found: false }, ['error missing']],
  ['basic_archive', '', {}, ['error unset']],
  ['basic_archive', "basic_archive.archive_dir = '/a'\n", {}, ['error unknown-parameter']],
  ['basic_archive', `${DIRECTORY}basic_archive.compress = on\n`, {}, ['warning unknown-parameter']],
  ['basic_archive', "Basic_Archive.Archive_Directory = '/a'\n", {}, []],
  ['mine', 'mine.target = x\n', {}, []],
])('%s with %j, %j', async (library, more, over, wanted) => {
  expect(codes(run(check, { settings: await conf(library, more), library: there(library, over) }))).toEqual(wanted)
})

it('what only the log tells', async () => {
  const facts = { settings: await conf('mine'), library: { library: 'mine', tried: [] } }
  const failed = log('could not load library "/lib/mine.so": undefined symbol: x')
  expect(codes(run(check, facts, { log: failed }))).toEqual(['error not-loaded'])
  expect(codes(run(check, facts, { log: failed, archiver: archiver(true) }))).toEqual([])
  const unset = log('archive_mode enabled, yet archiving is not configured')
  expect(codes(run(check, facts, { log: unset, status: waiting, archiver: archiver(true) }))).toEqual(['error not-configured'])
  // It has been corrected since, and the queue is being worked off.
  expect(codes(run(check, facts, { log: unset, status: waiting, archiver: archiver(true, new Date('2026-03-01T11:59:00Z')) }))).toEqual([])
  expect(codes(run(check, facts, { log: unset, status: known({ ready: 0, done: 1 }), archiver: archiver(true) }))).toEqual([])
})
