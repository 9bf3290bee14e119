// doctor on real servers: healthy ones, and each classic complaint made for real.
import fs from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { diagnose } from '../../src/app/diagnose.ts'
import type { DiagnoseOptions } from '../../src/app/diagnose.ts'
import { NodeHost } from '../../src/host/node-host.ts'
import type { ClusterReport } from '../../src/report/report.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { TestServer } from '../support/server.ts'

const host = new NodeHost({ PATH: process.env['PATH'] })

async function doctor(server: TestServer, options: DiagnoseOptions = {}): Promise<ClusterReport> {
  return diagnose(host, await clusterOf(server), options)
}

/** `check/code` of every finding at or above a severity. */
function codes(report: ClusterReport, severities = ['error', 'warning']): string[] {
  return report.checks.flatMap(({ id, verdict }) => (verdict.kind === 'fail' ? verdict.findings.filter(({ severity }) => severities.includes(severity)).map(({ code }) => `${id}/${code}`) : []))
}

function verdictOf(report: ClusterReport, id: string) {
  return report.checks.find((check) => check.id === id)?.verdict
}

describe.each([14, 17] as const)('PostgreSQL %i', (major) => {
  let server: TestServer
  beforeAll(async () => {
    server = await TestServer.create(major)
    await server.start()
  })
  afterAll(() => server.remove())

  it('fresh', async () => {
    const report = await doctor(server)
    expect(codes(report)).toContain('archive-mode/off')
    expect(report.summary.crash).toBe(0)
  })

  it('archive_mode edited, not restarted', async () => {
    await fs.appendFile(path.join(server.dataDir, 'postgresql.conf'), 'archive_mode = on\n')
    await server.pgCtl('reload')
    const report = await doctor(server)
    expect(codes(report)).toContain('archive-mode/off-until-restart')
    expect(codes(report)).toContain('settings-in-force/restart-pending')
    expect(verdictOf(report, 'wal-level')).toEqual({ kind: 'pass' })
  })
})
