// What is kept of an archive does not grow with the number of its files: real directories, one ten times as large as the other,
// and one full of names that nobody expects.
import fs from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import type { ArchiveContentsFact } from '../../src/facts/archive-contents.ts'
import { ArchiveDirectory, between, segment } from '../support/archive-directory.ts'

let archive: ArchiveDirectory | undefined
afterEach(() => archive?.remove())

async function of(names: Iterable<string>): Promise<ArchiveContentsFact> {
  await archive?.remove()
  archive = await ArchiveDirectory.create()
  for (const name of names) fs.writeFileSync(archive.path(name), '')
  return archive.contents()
}

/** Each number and name of a segment as long as any other. */
function shape(contents: ArchiveContentsFact): string {
  return JSON.stringify({ ...contents, path: '', oldestChanged: '' }).replaceAll(/[0-9A-F]{24}/g, 'S').replaceAll(/\d+/g, '0')
}

it('keeps of a whole archive as much as of one with a tenth of the segments', async () => {
  const [few, many] = [await of(between(1, 10, 509)), await of(between(1, 10, 5009))]
  expect(many).toMatchObject({ names: 5000, gaps: [], timelines: [{ count: 5000, last: segment(1, 5009) }] })
  expect(shape(many)).toBe(shape(few))
})

it('keeps a few examples of 20,000 names of every unusual kind, and counts all', async () => {
  const kinds: readonly ((at: number) => string)[] = [
    (at) => `note ${at}.txt`,
    (at) => `${segment(1, at)}.tmp`,
    (at) => `${segment(1, at)}.partial`,
    (at) => `${segment(1, at)}.00000028.backup`,
    (at) => `${(at + 2).toString(16).toUpperCase().padStart(8, '0')}.history`,
    (at) => `00000001${(at + 1).toString(16).toUpperCase().padStart(8, '0')}00000ABC`,
    (at) => `${segment(1, 2 * at)}.gz`,
    (at) => `\u001b[31m${segment(1, at)} \n`,
  ]
  const contents = await of(Array.from({ length: 20_000 }, (_, at) => kinds[at % kinds.length]!(at)))
  expect(contents).toMatchObject({
    names: 20_000, others: { count: 5000 }, impossible: { count: 2500 }, forms: [{ suffix: '.gz', count: 2500 }], timelines: [{ timeline: 1, count: 2500 }], moreGaps: 1999,
  })
  expect(contents.gaps).toHaveLength(500)
  for (const [key, kept] of Object.entries(contents)) if (Array.isArray(kept)) expect([key, kept.length <= 500]).toEqual([key, true])
  for (const { names } of [contents.others, contents.impossible, contents.leftovers]) expect(names.length).toBeLessThanOrEqual(10)
})
