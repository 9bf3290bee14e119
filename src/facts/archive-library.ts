/**
 * Where the server would find its archive_library. A library that is not there ends the archiver each time it is started,
 * which no statistics count.
 * @see https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-DYNAMIC-LIBRARY-PATH
 */
import { absolute, directoryOf, isAbsolute, realPathOf, serverProgram, statOf } from '../platforms/reading.ts'
import { archiveCommandFact } from './archive-command.ts'
import { effectiveSettingsFact } from './effective-settings.ts'
import { acting, required, unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'

export interface ArchiveLibraryFact {
  /** As archive_library has it. */
  readonly library: string
  /** The files that the server tries; empty where its own library directory could not be told. */
  readonly tried: readonly string[]
  /** Absent where that cannot be told. */
  readonly found?: boolean
}

/** Each server has it in its library directory. */
const LANDMARK = 'libpqwalreceiver'

export const archiveLibraryFact: Fact<ArchiveLibraryFact> = {
  name: 'archive-library',
  async gather(from) {
    const { via, text: library } = await required(from, archiveCommandFact)
    if (via !== 'library') throw unavailable('not-applicable')
    const settings = await required(from, effectiveSettingsFact)
    const path = settings.get('dynamic_library_path')
    const tried = await candidates(from, library, path?.running?.value ?? path?.configured?.value ?? '$libdir')
    if (tried === undefined) return { library, tried: [] }
    const there = await Promise.all(tried.map((file) => statOf(from.host, file, acting(from))))
    if (there.some((info) => info?.kind === 'file')) return { library, tried, found: true }
    // A directory that is closed to us may hold it.
    const seen = await Promise.all(tried.map((file) => statOf(from.host, directoryOf(file), acting(from))))
    return { library, tried, ...(seen.some((info) => info?.kind === 'directory') ? { found: false } : {}) }
  },
}

/** src/backend/utils/fmgr/dfmgr.c: the name as it is, then with the suffix of this system, in each directory of the path. */
async function candidates(from: Gathering, library: string, path: string): Promise<string[] | undefined> {
  const { host, cluster } = from
  const own = await ownDirectories(from)
  const expand = (name: string): string[] => (/^\$libdir(?=[\\/]|$)/.test(name) ? own.map((directory) => `${directory}${name.slice('$libdir'.length)}`) : [name])
  const places = /[\\/]/.test(library)
    ? expand(library).map((file) => (isAbsolute(file) ? file : absolute(cluster.dataDir, file)))
    : path.split(host.os === 'win32' ? ';' : ':').flatMap((part) => expand(part.trim())).filter(isAbsolute).map((directory) => `${directory}/${library}`)
  if (places.length === 0) return undefined
  return places.flatMap((file) => ['', ...suffixes(host.os)].map((suffix) => `${file}${suffix}`))
}

/** macOS had `.so` up to 15. */
function suffixes(os: NodeJS.Platform): readonly string[] {
  return os === 'win32' ? ['.dll'] : os === 'darwin' ? ['.dylib', '.so'] : ['.so']
}

/** `$libdir`: the server reckons it from where its program lies, and installations differ in the way there. */
async function ownDirectories({ host, cluster }: Gathering): Promise<string[]> {
  if (cluster.binDir === undefined) return []
  const program = serverProgram(host, cluster.binDir, 'postgres')
  const bin = directoryOf((await realPathOf(host, program))?.replaceAll('\\', '/') ?? program)
  const { major } = cluster
  const usual = ['../lib', '../lib/postgresql', '../lib64', '../lib64/pgsql', `../lib/postgresql${major}`, `../../lib/postgresql${major}`, ...(host.os === 'darwin' ? [`../../../../lib/postgresql@${major}`] : [])]
  const found = await Promise.all([...new Set(usual.map((way) => absolute(bin, way)))].map(async (directory) => {
    const marks = await Promise.all(suffixes(host.os).map((suffix) => statOf(host, `${directory}/${LANDMARK}${suffix}`)))
    return marks.some((info) => info?.kind === 'file') ? [directory] : []
  }))
  return found.flat()
}
