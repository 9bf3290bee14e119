/**
 * pg_hba.conf as the server would read it now, and what decides a rule besides the file.
 * @see https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
 */
import { HostError } from '../errors.ts'
import { readHba } from '../postgres/hba/index.ts'
import type { HbaFeatures, HbaFile, HbaOptions } from '../postgres/hba/index.ts'
import { configurationFiles } from './configuration-files.ts'
import { effectiveSettingsFact } from './effective-settings.ts'
import { actsAsOwner, optional } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'
import { redactHba, storedSource, storeReads } from './saved/files.ts'
import type { StoredReads } from './saved/files.ts'

export interface HbaFact {
  readonly hba: HbaFile
  /** The newest change of any of the files. */
  readonly modified: Date
  /** False when a file that the server may read was closed to us. */
  readonly complete: boolean
  /** Addresses of this machine in CIDR form. */
  readonly interfaces: readonly string[]
}

const CLOSED = ['EACCES', 'EPERM']

export const hbaFact: Fact<HbaFact> = {
  name: 'hba',
  async gather(from) {
    const { host, cluster } = from
    const files = await configurationFiles(from)
    const hba = await readHba(files, {
      hbaFile: cluster.hbaFile,
      major: cluster.major,
      features: await hbaFeatures(from),
    })
    const main = hba.snapshot.files.get(cluster.hbaFile)
    if (main !== undefined && 'code' in main) throw new HostError('read', cluster.hbaFile, main.code)
    const times = await Promise.all(hba.files.map(async ({ path }) => (await files.modified(path)).getTime()))
    const closed = [...hba.snapshot.files.values(), ...hba.snapshot.directories.values()].some((content) => 'code' in content && CLOSED.includes(content.code))
    return {
      hba,
      modified: new Date(Math.max(0, ...times)),
      complete: !closed || (await actsAsOwner(from)),
      interfaces: host.interfaces(),
    }
  },
  saved: {
    pack({ hba: { options, snapshot }, ...rest }) {
      const failed = <T extends object>(reads: ReadonlyMap<string, T | { readonly code: string }>) =>
        new Map([...reads].map(([path, read]) => [path, 'code' in read ? { failed: read.code } : read]))
      return { options, reads: storeReads(failed(snapshot.files), failed(snapshot.directories), redactHba), ...rest }
    },
    async unpack(data) {
      const { options, reads, ...rest } = data as Omit<HbaFact, 'hba'> & { readonly options: HbaOptions; readonly reads: StoredReads }
      return { hba: await readHba(storedSource(reads), options), ...rest }
    },
  },
}

/** What decides a rule besides the file. */
export async function hbaFeatures(from: Gathering): Promise<HbaFeatures> {
  const ssl = (await optional(from, effectiveSettingsFact))?.get('ssl')
  const on = ssl?.running?.value ?? ssl?.configured?.value
  return on === undefined ? {} : { ssl: on === 'on' }
}
