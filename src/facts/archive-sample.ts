/**
 * A few segments of the archive, the newest and the oldest by name, with their headers: the system identifier in them tells
 * whose archive it is.
 */
import { parseWalName, readSegmentHeader, SEGMENT_HEADER_BYTES } from '../postgres/wal/index.ts'
import { archiveDirectoryFact } from './archive-directory.ts'
import { acting, required, unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'

export interface SampledSegment {
  readonly name: string
  /** Decimal; absent where the file is no WAL segment. */
  readonly systemIdentifier?: string
  readonly major?: number
}

export interface ArchiveSampleFact {
  readonly path: string
  /** Names seen; beyond the limit the rest was not looked at. */
  readonly names: number
  readonly truncated: boolean
  readonly segments: readonly SampledSegment[]
}

/** Names read at most: doctor has to answer within moments. */
const MOST_NAMES = 200_000
const NEWEST = 4
const OLDEST = 2

export const archiveSampleFact: Fact<ArchiveSampleFact> = {
  name: 'archive-sample',
  async gather(from) {
    const directory = await required(from, archiveDirectoryFact)
    if (directory.state === 'missing') throw unavailable('not-found', { target: directory.path })
    if (directory.state !== 'directory') throw unavailable('not-readable', { target: directory.path })
    return sample(from, directory.path)
  },
}

/** Samples a directory; also one that is only about to become the archive. */
export async function sample(from: Gathering, path: string): Promise<ArchiveSampleFact> {
  let names = 0
  let newest: string[] = []
  let oldest: string[] = []
  for await (const name of from.host.listStream(path, acting(from))) {
    if (++names > MOST_NAMES) break
    if (parseWalName(name).kind !== 'segment') continue
    if (newest.length < NEWEST || name > newest.at(-1)!) newest = [...newest, name].sort().reverse().slice(0, NEWEST)
    if (oldest.length < OLDEST || name < oldest.at(-1)!) oldest = [...oldest, name].sort().slice(0, OLDEST)
  }
  const segments: SampledSegment[] = []
  for (const name of new Set([...newest, ...oldest])) {
    const header = readSegmentHeader(await from.host.readPart(`${path}/${name}`, 0, SEGMENT_HEADER_BYTES, acting(from)))
    segments.push('error' in header ? { name } : { name, systemIdentifier: String(header.systemIdentifier), ...(header.major === undefined ? {} : { major: header.major }) })
  }
  return { path, names: Math.min(names, MOST_NAMES), truncated: names > MOST_NAMES, segments }
}
