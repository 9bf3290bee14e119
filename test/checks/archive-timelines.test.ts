import fs from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import check from '../../src/checks/archive-timelines.ts'
import { ArchiveDirectory, between, historyFile } from '../support/archive-directory.ts'
import { codes, run } from '../support/run-check.ts'

let archive: ArchiveDirectory
beforeEach(async () => { archive = await ArchiveDirectory.create() })
afterEach(() => archive.remove())

async function found(current?: number) {
  return codes(run(check, { contents: await archive.contents(current) }))
}

const BRANCH = '1\t0/8800000\tno recovery target specified\n'

describe('no false alarm', () => {
  it('an empty archive, one that begins on a later timeline, one with all its histories', async () => {
    expect(await found(1)).toEqual([])
    await archive.put(...between(3, 8, 9))
    expect(await found(3)).toEqual([])
    await archive.put(...between(1, 5, 8), ...between(2, 8, 9))
    await archive.history(2, BRANCH)
    await archive.history(3, `${BRANCH}2\t0/9800000\tx\n`)
    for (const current of [3, undefined]) expect(await found(current)).toEqual([])
  })

  it('a history that still waits for the archiver, and one that the server has as well', async () => {
    await archive.put(...between(1, 5, 8))
    await archive.wait(historyFile(2))
    expect(await found(2)).toEqual([])
    await archive.history(2, BRANCH)
    await archive.hold(historyFile(2))
    await fs.writeFile(path.join(archive.root, 'pg_wal', historyFile(2)), BRANCH)
    expect(await found(2)).toEqual([])
  })

  it('compressed histories', async () => {
    await archive.put(...between(1, 5, 8), ...between(2, 8, 9), `${historyFile(2)}.gz`)
    expect(await found(2)).toEqual([])
  })
})

it('a timeline that is newer than the server\'s: by its history recovery goes there', async () => {
  await archive.put(...between(1, 5, 8), ...between(2, 8, 9))
  expect(await found(1)).toEqual(['warning newer-segments'])
  await archive.history(2, BRANCH)
  expect(await found(1)).toEqual(['error newer-timeline'])
  expect(await found(2)).toEqual([])
  expect(await found()).toEqual([])
  await archive.take(...between(2, 8, 9))
  expect(await found(1)).toEqual(['error newer-timeline'])
})

it('a history that is missing between two timelines, and the server\'s own', async () => {
  await archive.put(...between(1, 5, 8))
  expect(await found(2)).toEqual(['warning history-missing'])
  await archive.put(...between(2, 8, 9))
  expect(await found(2)).toEqual(['warning history-missing'])
  expect(await found()).toEqual(['warning history-missing'])
})

it('a history that is empty, none, or another than the server\'s', async () => {
  await archive.put(...between(1, 5, 8), ...between(2, 8, 9))
  for (const text of ['', 'nonsense\n']) {
    await archive.history(2, text)
    expect(await found(2)).toEqual(['warning history-unreadable'])
  }
  await archive.history(2, '1\t0/5800000\tx\n')
  await fs.writeFile(path.join(archive.root, 'pg_wal', historyFile(2)), BRANCH)
  expect(await found(2)).toEqual(['error history-differs'])
})
