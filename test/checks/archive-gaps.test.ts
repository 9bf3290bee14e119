// The check on real directories, through the fact that lists them.
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import check from '../../src/checks/archive-gaps.ts'
import type { Finding } from '../../src/checks/check.ts'
import { archiveContentsFact } from '../../src/facts/archive-contents.ts'
import type { Fact, Gathering } from '../../src/facts/fact.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import { numberedSegment } from '../../src/postgres/wal/index.ts'
import { CLUSTER, codes, known, run, unknown } from '../support/run-check.ts'

const SIZE = 16 << 20
const segment = (timeline: number, number: number) => numberedSegment(timeline, number, SIZE)
const between = (timeline: number, from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => segment(timeline, from + index))

let root: string
beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'pgwal-gaps-'))
  await fs.mkdir(path.join(root, 'archive'))
  await fs.mkdir(path.join(root, 'pg_wal/archive_status'), { recursive: true })
})
afterEach(() => fs.rm(root, { recursive: true, force: true }))

async function put(...names: readonly string[]) {
  for (const name of names) await fs.writeFile(path.join(root, 'archive', name), '')
}

async function backup(timeline: number, number: number, more = '') {
  const name = segment(timeline, number)
  const low = (number * SIZE).toString(16).toUpperCase()
  await fs.writeFile(path.join(root, 'archive', `${name}.00000028.backup`),
    `START WAL LOCATION: 0/${low} (file ${name})\nSTOP WAL LOCATION: 0/${low} (file ${name})\n${more}BACKUP METHOD: streamed\n`)
}

async function history(timeline: number, ...lines: readonly string[]) {
  await fs.writeFile(path.join(root, 'archive', `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`), lines.join('\n'))
}

/** @param current the server's timeline; none: it is down */
async function contents(current?: number) {
  const session = { query: async () => [{ timeline: current === undefined ? null : current.toString(16).padStart(8, '0') }], close: async () => undefined }
  const facts: Record<string, unknown> = { 'archive-directory': { path: path.join(root, 'archive'), state: 'directory' }, identity: { systemIdentifier: '1', segmentSize: SIZE } }
  const gathering = {
    host: new NodeHost(), cluster: { ...CLUSTER, dataDir: root },
    session: async () => (current === undefined ? unknown('server-down') : known(session)),
    fact: async ({ name }: Fact<unknown>) => known(facts[name]),
  }
  return archiveContentsFact.gather(gathering as unknown as Gathering)
}

async function found(current?: number) {
  return codes(run(check, { contents: await contents(current) }))
}

describe('no false alarm', () => {
  it('an empty archive, and one that begins anywhere', async () => {
    expect(await found(1)).toEqual([])
    await put(...between(3, 250, 260))
    expect(await found(3)).toEqual([])
  })

  it('timelines with history, backup and partial files, compressed ones and strangers', async () => {
    await put(...between(1, 5, 7), `${segment(1, 8)}.partial`, ...between(2, 8, 9), 'notes.txt', `.${segment(2, 10)}`, `${segment(2, 12)}.tmp`)
    await put(...between(2, 10, 14).map((name) => `${name}.gz`), `${segment(2, 15)}.zst`)
    await history(2, '1\t0/8800000\tno recovery target specified')
    await backup(1, 6)
    for (const current of [2, 3, undefined]) expect(await found(current)).toEqual([])
  })

  it('what still waits for the archiver is no gap', async () => {
    await put(...between(1, 5, 6), ...between(1, 9, 10))
    for (const name of between(1, 7, 8)) await fs.writeFile(path.join(root, `pg_wal/archive_status/${name}.ready`), '')
    expect(await found(1)).toEqual([])
    await fs.rm(path.join(root, `pg_wal/archive_status/${segment(1, 8)}.ready`))
    expect(await found(1)).toEqual(['warning gap'])
  })
})

describe('a gap', () => {
  beforeEach(() => put(...between(1, 5, 10), ...between(1, 13, 20)))

  it('is named from its first to its last segment', async () => {
    const [finding] = run(check, { contents: await contents(1) }) as readonly Finding[]
    expect(finding).toMatchObject({ code: 'gap', params: { first: segment(1, 11), last: segment(1, 12), count: 2, timeline: 1 }, at: { file: path.join(root, 'archive') } })
  })

  it('counts by the base backups around it', async () => {
    await backup(1, 6)
    expect(await found(1)).toEqual(['error gap-since-backup'])
    await backup(1, 15)
    expect(await found(1)).toEqual(['warning gap-after-backup'])
    await fs.rm(path.join(root, 'archive', `${segment(1, 6)}.00000028.backup`))
    expect(await found(1)).toEqual(['info older-than-backups'])
  })

  it('is not excused by a backup that never ended or needs another', async () => {
    await backup(1, 15, 'INCREMENTAL FROM LSN: 0/6000028\n')
    await fs.writeFile(path.join(root, 'archive', `${segment(1, 16)}.00000028.backup`), `START WAL LOCATION: 0/10000028 (file ${segment(1, 16)})\n`)
    expect(await found(1)).toEqual(['warning gap'])
  })

  it('on a timeline that the server left is information; on its way to the present it is not', async () => {
    await put(...between(2, 8, 20))
    await history(2, '1\t0/8800000\tx')
    expect(await found(2)).toEqual(['info other-timeline'])
    await history(2, '1\t0/F800000\tx')
    expect(await found(2)).toEqual(['warning gap'])
    expect(await found()).toEqual(['warning gap'])
  })
})

describe('timelines', () => {
  it('a history that is missing between two of them', async () => {
    await put(...between(1, 5, 8), ...between(2, 8, 9))
    expect(await found(2)).toEqual(['warning history-missing'])
  })

  it('one that is newer than the server\'s', async () => {
    await put(...between(1, 5, 8), ...between(2, 8, 9))
    await history(2, '1\t0/8800000\tx')
    expect(await found(1)).toEqual(['warning newer-timeline'])
    expect(await found(2)).toEqual([])
    expect(await found()).toEqual([])
  })
})
