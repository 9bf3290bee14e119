import fs from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import check from '../../src/checks/archive-leftovers.ts'
import { ArchiveDirectory, between, segment } from '../support/archive-directory.ts'
import { codes, known, run } from '../support/run-check.ts'

let archive: ArchiveDirectory
beforeEach(async () => { archive = await ArchiveDirectory.create() })
afterEach(() => archive.remove())

async function found({ current = 1, number = 0, archivedCount = 5 } = {}) {
  return codes(run(check, { contents: await archive.contents(current, number) }, { archiver: known({ archivedCount }) }))
}

describe('no false alarm', () => {
  it('names of every kind that a healthy archive has', async () => {
    expect(await found()).toEqual([])
    await archive.put(...between(1, 5, 7), `${segment(1, 8)}.partial`, ...between(2, 8, 9), `.${segment(2, 10)}`, `archtemp.${segment(2, 10)}.42.1`, 'README', 'lost+found')
    await archive.history(2, '1\t0/8800000\tx')
    await archive.backup(1, 6)
    expect(await found({ current: 2, number: 10 })).toEqual([])
  })

  it('what pg_receivewal is still filling', async () => {
    await archive.put(...between(1, 5, 7), `${segment(1, 8)}.partial`)
    expect(await found({ number: 8 })).toEqual([])
    expect(await found({ number: 9 })).toEqual([])
  })

  it('one form alone, whatever it is', async () => {
    await archive.put(...between(1, 5, 7).map((name) => `${name}.zst`))
    expect(await found()).toEqual([])
  })
})

it('one file again and again', async () => {
  await archive.put('wal')
  expect(await found()).toEqual(['error no-segment-names'])
  expect(await found({ archivedCount: 0 })).toEqual([])
  await archive.put(segment(1, 5))
  expect(await found()).toEqual([])
})

it('names of segments of another size', async () => {
  await archive.put(...between(1, 5, 7), '0000000100000000000003E8')
  expect(await found()).toEqual(['warning impossible-names'])
})

it('a partial segment that nothing makes up for', async () => {
  await archive.put(...between(1, 5, 7), `${segment(1, 8)}.partial`)
  expect(await found({ number: 12 })).toEqual(['info partial-only'])
  await archive.put(segment(1, 8))
  expect(await found({ number: 12 })).toEqual([])
})

it('two forms, and segments in both', async () => {
  await archive.put(...between(1, 5, 7), ...between(1, 8, 9).map((name) => `${name}.gz`))
  expect(await found()).toEqual(['info mixed-forms'])
  await archive.put(`${segment(1, 7)}.gz`)
  expect(await found()).toEqual(['info twice', 'info mixed-forms'])
})

it('copies that were never finished, once nobody writes to them any more', async () => {
  const names = [`.${segment(1, 6)}`, `${segment(1, 6)}.tmp`, `archtemp.${segment(1, 6)}.42.1`, `${segment(1, 6)}.part`]
  await archive.put(segment(1, 5), ...names)
  expect(await found()).toEqual([])
  const old = new Date(Date.now() - 2 * 3_600_000)
  for (const name of names) await fs.utimes(archive.path(name), old, old)
  expect(await found()).toEqual(['info unfinished-copies'])
})
