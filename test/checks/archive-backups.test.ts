import fs from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import check from '../../src/checks/archive-backups.ts'
import { ArchiveDirectory, between, segment } from '../support/archive-directory.ts'
import { codes, run } from '../support/run-check.ts'

let archive: ArchiveDirectory
beforeEach(async () => { archive = await ArchiveDirectory.create() })
afterEach(() => archive.remove())

const identity = { systemIdentifier: '1', segmentSize: 16 << 20 }

async function found(now = new Date()) {
  return codes(run(check, { contents: await archive.contents(1), identity }, {}, { now }))
}

it('none: information while the archive is young, a warning when nobody took one in a week', async () => {
  expect(await found()).toEqual([])
  await archive.put(...between(1, 1, 9))
  expect(await found()).toEqual(['info none'])
  const old = new Date(Date.now() - 8 * 86_400_000)
  await fs.utimes(archive.path(segment(1, 1)), old, old)
  expect(await found()).toEqual(['warning none'])
  await archive.backup(1, 3)
  expect(await found()).toEqual([])
})

describe('what a base backup needs', () => {
  beforeEach(() => archive.put(...between(1, 5, 10)))

  it('is there, waits for the archiver, or is incomplete', async () => {
    await archive.backup(1, 9, '', 11)
    expect(await found()).toEqual(['error incomplete'])
    await archive.wait(segment(1, 11))
    expect(await found()).toEqual([])
    await archive.take(segment(1, 10))
    expect(await found()).toEqual(['error incomplete'])
  })

  it('an older one that is incomplete matters less than the newest', async () => {
    await archive.backup(1, 5, '', 7)
    await archive.take(segment(1, 6))
    expect(await found()).toEqual(['error incomplete'])
    await archive.backup(1, 9)
    expect(await found()).toEqual(['warning incomplete'])
  })

  it('was removed by a retention: no fault, unless none is left', async () => {
    await archive.backup(1, 2)
    expect(await found()).toEqual(['warning none-left'])
    await archive.backup(1, 7)
    expect(await found()).toEqual([])
  })

  it('ends on a boundary: nothing of the next segment is needed', async () => {
    const name = await archive.backup(1, 10)
    await fs.writeFile(archive.path(name), `START WAL LOCATION: 0/A000028 (file ${segment(1, 10)})\nSTOP WAL LOCATION: 0/B000000 (file ${segment(1, 11)})\n`)
    expect(await found()).toEqual([])
  })
})

describe('of a time that was undone', () => {
  const now = async () => codes(run(check, { contents: await archive.contents(2, 12), identity }))
  beforeEach(async () => {
    await archive.put(...between(1, 1, 10), ...between(2, 6, 11))
    await archive.history(2, '1\t0/6000000\tno recovery target specified')
  })

  it('leads nowhere: one from before the fork does, and one since then', async () => {
    await archive.backup(1, 8)
    expect(await now()).toEqual(['warning undone'])
    await archive.backup(1, 3)
    expect(await now()).toEqual([])
    await archive.take(segment(1, 3))
    expect(await now()).toEqual(['error incomplete'])
    await archive.backup(2, 9)
    expect(await now()).toEqual(['warning incomplete'])
  })
})
