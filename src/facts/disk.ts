/** Room on the file systems of the data directory and of pg_wal. */
import type { FileSystemInfo } from '../host/host.ts'
import { acting } from './fact.ts'
import type { Fact } from './fact.ts'

export interface DiskFact {
  readonly data: FileSystemInfo
  readonly wal: FileSystemInfo
  /** Where pg_wal lies without the links on the way; absent where that cannot be seen. */
  readonly walPath?: string
}

export const diskFact: Fact<DiskFact> = {
  name: 'disk',
  async gather(from) {
    const { dataDir } = from.cluster
    const [data, wal] = await Promise.all([from.host.fileSystem(dataDir, acting(from)), from.host.fileSystem(`${dataDir}/pg_wal`, acting(from))])
    const walPath = await from.host.realPath(`${dataDir}/pg_wal`, acting(from)).catch(() => undefined)
    return { data, wal, ...(walPath === undefined ? {} : { walPath }) }
  },
}
