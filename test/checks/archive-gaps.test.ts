// The check on real directories, through the fact that lists them.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import check from '../../src/checks/archive-gaps.ts'
import type { Finding } from '../../src/checks/check.ts'
import { ArchiveDirectory, between, segment } from '../support/archive-directory.ts'
import { codes, run } from '../support/run-check.ts'

let archive: ArchiveDirectory
beforeEach(async () => { archive = await ArchiveDirectory.create() })
afterEach(() => archive.remove())

async function found(current?: number, number?: number) {
  return codes(run(check, { contents: await archive.contents(current, number) }))
}

describe('no false alarm', () => {
  it('an empty archive, and one that begins anywhere', async () => {
    expect(await found(1)).toEqual([])
    await archive.put(...between(3, 250, 260))
    expect(await found(3)).toEqual([])
  })

  it('timelines with history, backup and partial files, compressed ones and strangers', async () => {
    await archive.put(...between(1, 5, 7), `${segment(1, 8)}.partial`, ...between(2, 8, 9), 'notes.txt', `.${segment(2, 10)}`, `${segment(2, 12)}.tmp`)
    await archive.put(...between(2, 10, 14).map((name) => `${name}.gz`), `${segment(2, 15)}.zst`)
    await archive.history(2, '1\t0/8800000\tno recovery target specified')
    await archive.backup(1, 6)
    for (const current of [2, 3, undefined]) expect(await found(current)).toEqual([])
  })

  it('what still waits for the archiver is no gap', async () => {
    await archive.put(...between(1, 5, 6), ...between(1, 9, 10))
    await archive.wait(...between(1, 7, 8))
    expect(await found(1)).toEqual([])
    await fs.rm(path.join(archive.root, `pg_wal/archive_status/${segment(1, 8)}.ready`))
    expect(await found(1)).toEqual(['warning gap'])
  })
})

describe('a gap', () => {
  beforeEach(() => archive.put(...between(1, 5, 10), ...between(1, 13, 20)))

  it('is named from its first to its last segment', async () => {
    const [finding] = run(check, { contents: await archive.contents(1) }) as readonly Finding[]
    expect(finding).toMatchObject({ code: 'gap', params: { first: segment(1, 11), last: segment(1, 12), count: 2, timeline: 1 }, at: { file: archive.path() } })
  })

  it('counts by the base backups around it', async () => {
    await archive.backup(1, 6)
    expect(await found(1)).toEqual(['error gap-since-backup'])
    await archive.backup(1, 15)
    expect(await found(1)).toEqual(['warning gap-after-backup'])
    await fs.rm(archive.path(`${segment(1, 6)}.00000028.backup`))
    expect(await found(1)).toEqual(['info older-than-backups'])
  })

  it('is not excused by a backup that never ended or needs another', async () => {
    await archive.backup(1, 15, 'INCREMENTAL FROM LSN: 0/6000028\n')
    await fs.writeFile(archive.path(`${segment(1, 16)}.00000028.backup`), `START WAL LOCATION: 0/10000028 (file ${segment(1, 16)})\n`)
    expect(await found(1)).toEqual(['warning gap'])
  })

  it('that is still in pg_wal can be put right from there', async () => {
    await archive.hold(segment(1, 11))
    expect(await found(1)).toEqual(['warning gap'])
    await archive.hold(segment(1, 12))
    await archive.backup(1, 6)
    const [finding] = run(check, { contents: await archive.contents(1) }) as readonly Finding[]
    expect(finding).toMatchObject({ code: 'still-in-pg-wal', severity: 'error', params: { count: 2, status: '/data/pg_wal/archive_status/00000001000000000000000B.ready' } })
    await archive.wait(...between(1, 11, 12))
    expect(await found(1)).toEqual([])
  })

  it('up to what the server writes now, where it is up and archives', async () => {
    await archive.put(...between(1, 11, 12))
    expect(await found(1, 21)).toEqual([])
    expect(await found(1, 24)).toEqual(['warning gap'])
    await archive.wait(...between(1, 21, 22))
    expect(await found(1, 24)).toEqual(['warning gap'])
    await archive.wait(segment(1, 23))
    expect(await found(1, 24)).toEqual([])
    expect(await found()).toEqual([])
  })

  it('that base backups cannot meet because they are broken themselves counts as if there were none', async () => {
    await archive.backup(1, 9, '', 13)
    expect(await found(1)).toEqual(['warning gap'])
  })

  it('only the newest are named, the others counted', async () => {
    await archive.put(...Array.from({ length: 8 }, (_, index) => segment(1, 22 + 2 * index)))
    expect(await found(1)).toEqual([...Array.from({ length: 5 }, () => 'warning gap'), 'info more-gaps'])
  })

  it('on a timeline that the server left is information; on its way to the present it is not', async () => {
    await archive.put(...between(2, 8, 20))
    await archive.history(2, '1\t0/8800000\tx')
    expect(await found(2)).toEqual(['info other-timeline'])
    await archive.history(2, '1\t0/F800000\tx')
    expect(await found(2)).toEqual(['warning gap'])
    expect(await found()).toEqual(['warning gap'])
  })
})
