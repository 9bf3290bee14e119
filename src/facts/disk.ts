/** Room on the file systems of the data directory and of pg_wal. */
import type { FileSystemInfo } from '../host/host.ts'
import { acting } from './fact.ts'
import type { Fact } from './fact.ts'

export interface DiskFact {
  readonly data: FileSystemInfo
  readonly wal: FileSystemInfo
}

export const diskFact: Fact<DiskFact> = {
  name: 'disk',
  async gather(from) {
    const { dataDir } = from.cluster
    const [data, wal] = await Promise.all([from.host.fileSystem(dataDir, acting(from)), from.host.fileSystem(`${dataDir}/pg_wal`, acting(from))])
    return { data, wal }
  },
}
