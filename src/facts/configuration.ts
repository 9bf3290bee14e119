/**
 * postgresql.conf with all that it includes and postgresql.auto.conf, as the server would read them now.
 * @see https://www.postgresql.org/docs/current/config-setting.html
 */
import { HostError } from '../errors.ts'
import { checkLoads, readConfiguration } from '../postgres/conf/index.ts'
import type { ConfError, Configuration, ConfigurationOptions } from '../postgres/conf/index.ts'
import { redactValue } from '../report/redact.ts'
import { configurationFiles, hasWindowsPaths } from './configuration-files.ts'
import { actsAsOwner } from './fact.ts'
import type { Fact } from './fact.ts'
import { identityFact } from './identity.ts'
import { redactConf, storedSource, storeReads } from './saved/files.ts'
import type { StoredReads } from './saved/files.ts'

export interface ConfigurationFact {
  readonly configuration: Configuration
  /** False when a file could not be read by us that the server may well read: then no value is certain. */
  readonly complete: boolean
  /** The files that we could not read. */
  readonly unreadable: readonly string[]
  /** What would keep the server from starting with these files. */
  readonly errors: readonly ConfError[]
}

const CLOSED = ['EACCES', 'EPERM']

export const configurationFact: Fact<ConfigurationFact> = {
  name: 'configuration',
  async gather(from) {
    const { cluster } = from
    const identity = await from.fact(identityFact)
    const configuration = await readConfiguration(await configurationFiles(from), {
      configFile: cluster.configFile,
      dataDir: cluster.dataDir,
      major: cluster.major,
      commandLine: cluster.commandLine,
      windows: hasWindowsPaths(from),
    })
    const main = configuration.reads.files.get(cluster.configFile)
    if (main !== undefined && 'failed' in main) throw new HostError('read', cluster.configFile, main.failed)
    // What the owner may not read the server cannot read either: that is an error of the configuration, not of our sight.
    const unreadable = (await actsAsOwner(from)) ? [] : failed(configuration)
    const errors = checkLoads(configuration, identity.ok ? { walSegmentSize: identity.value.segmentSize } : {}).errors
      .filter(({ code, name }) => !(code === 'include-unreadable' && unreadable.length > 0) && !(code === 'conflict' && /wal_size$/.test(name ?? '') && !identity.ok))
    return { configuration, complete: unreadable.length === 0, unreadable, errors }
  },
  saved: {
    pack({ configuration: { options, reads }, ...rest }) {
      const files = new Map([...reads.files].map(([path, file]) => [path, 'failed' in file ? file : file.bytes]))
      const commandLine = options.commandLine?.map(([name, value]) => [name, redactValue(name, value)])
      return { options: { ...options, commandLine }, reads: storeReads(files, reads.directories, redactConf), ...rest }
    },
    async unpack(data) {
      const { options, reads, ...rest } = data as Omit<ConfigurationFact, 'configuration'> & { readonly options: ConfigurationOptions; readonly reads: StoredReads }
      return { configuration: await readConfiguration(storedSource(reads), options), ...rest }
    },
  },
}

function failed({ reads }: Configuration): string[] {
  return [...reads.files, ...reads.directories].flatMap(([path, content]) => ('failed' in content && CLOSED.includes(content.failed) ? [path] : []))
}
