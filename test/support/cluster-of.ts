import type { Cluster } from '../../src/platforms/platform.ts'
import type { TestServer } from './server.ts'

/** The cluster of a test server, as detection would describe it. */
export async function clusterOf(server: TestServer): Promise<Cluster> {
  const pid = await server.pid()
  return {
    platform: 'source',
    id: server.dataDir,
    version: `${server.major}.0`,
    major: server.major,
    binDir: server.binDir,
    dataDir: server.dataDir,
    configFile: `${server.dataDir}/postgresql.conf`,
    hbaFile: `${server.dataDir}/pg_hba.conf`,
    owner: server.account,
    port: server.port,
    socketDirs: [server.socketDir],
    commandLine: [],
    running: pid !== undefined,
    ...(pid === undefined ? {} : { pid }),
    service: { kind: 'pg_ctl', name: server.dataDir },
    logFile: server.logFile,
    evidence: [],
    notes: [],
  }
}
