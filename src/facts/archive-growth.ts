/**
 * What a segment takes in the archive: the size of the newest files there. An archive command may compress; without that a
 * segment has its full size whatever is in it.
 * @see https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-ARCHIVE-TIMEOUT
 */
import { codeOf } from '../errors.ts'
import { parseWalName, numberedSegment, segmentNumber } from '../postgres/wal/index.ts'
import { archiveCommandFact } from './archive-command.ts'
import { archiveContentsFact } from './archive-contents.ts'
import { acting, optional, required, unavailable } from './fact.ts'
import type { Fact } from './fact.ts'
import { identityFact } from './identity.ts'

export interface ArchiveGrowthFact {
  /** Mean size of the newest segments as they are stored, in bytes. */
  readonly storedBytes: number
  /** Of how many it is the mean. */
  readonly files: number
}

/** The newest segments that are looked at. */
const NEWEST = 8
const SUFFIXES = ['', '.gz', '.zst', '.lz4', '.bz2', '.xz']

export const archiveGrowthFact: Fact<ArchiveGrowthFact> = {
  name: 'archive-growth',
  async gather(from) {
    const [{ path, timelines }, { segmentSize }, command] = await Promise.all([required(from, archiveContentsFact), required(from, identityFact), optional(from, archiveCommandFact)])
    const newest = timelines.at(-1)
    if (newest === undefined) throw unavailable('not-found', { target: path })
    const parsed = parseWalName(newest.last)
    const last = parsed.kind === 'segment' ? segmentNumber(parsed, segmentSize) ?? 0 : 0
    const suffixes = [...new Set([command?.judgement?.suffix ?? '', ...SUFFIXES])]
    const sizeOf = async (number: number): Promise<number[]> => {
      for (const suffix of suffixes) {
        const size = await from.host.stat(`${path}/${numberedSegment(newest.timeline, number, segmentSize)}${suffix}`, acting(from)).then((info) => info.size, (error: unknown) => {
          if (codeOf(error) === '') throw error
          return undefined
        })
        if (size !== undefined) return [size]
      }
      return []
    }
    const sizes = (await Promise.all(Array.from({ length: Math.min(NEWEST, last + 1) }, (_, back) => sizeOf(last - back)))).flat()
    if (sizes.length === 0) throw unavailable('not-found', { target: path })
    return { storedBytes: Math.round(sizes.reduce((sum, size) => sum + size, 0) / sizes.length), files: sizes.length }
  },
}
