// Rates and what a segment takes, of real servers: an old and the newest major, with everything open and over SQL alone.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatheringFor } from '../../src/app/gathering.ts'
import { archiveGrowthFact } from '../../src/facts/archive-growth.ts'
import { archiverPaceFact } from '../../src/facts/archiver-pace.ts'
import type { Fact, Outcome } from '../../src/facts/fact.ts'
import { walFlowFact } from '../../src/facts/wal-flow.ts'
import { remoteHostOver } from '../../src/host/remote-host.ts'
import { clusterOf } from '../support/cluster-of.ts'
import { eventually } from '../support/eventually.ts'
import { Patient } from '../support/patient.ts'

const MIB = 1 << 20

describe.each([13, 18] as const)('PostgreSQL %i', (major) => {
  let patient: Patient
  const gather = async <T>(fact: Fact<T>, user = 'postgres', host = patient.host): Promise<Outcome<T>> => {
    const open = await gatheringFor(host, await clusterOf(patient.server), { connection: { user, host: '127.0.0.1' } })
    try {
      return await open.gathering.fact(fact)
    } finally {
      await open.close()
    }
  }
  const value = <T>(outcome: Outcome<T>): T => {
    if (!outcome.ok) throw new Error(JSON.stringify(outcome.why))
    return outcome.value
  }

  beforeAll(async () => {
    patient = await Patient.create(major, major === 13 ? '' : 'summarize_wal = on')
    await patient.server.query('CREATE ROLE joe LOGIN')
    for (let at = 0; at < 3; at++) await patient.switchWal()
    await patient.drain()
    // Before 15 the statistics arrive late.
    await eventually(async () => (await patient.server.query('SELECT 1 FROM pg_stat_archiver WHERE archived_count > 2')).length === 1, 'the count of archived files')
  })
  afterAll(() => patient.remove())

  it('the marks lie in order, end at the present one, and are of finished segments', async () => {
    const { now, checkpoint, segments, files, archived, summarized } = value(await gather(walFlowFact))
    expect(segments.length).toBeGreaterThan(2)
    for (const [at, { lsn, at: time }] of segments.entries()) {
      expect(lsn % BigInt(MIB)).toBe(0n)
      expect(lsn <= now.lsn).toBe(true)
      if (at > 0) expect(time.getTime()).toBeGreaterThanOrEqual(segments[at - 1]!.at.getTime())
    }
    expect(checkpoint.lsn < now.lsn).toBe(true)
    expect(files).toBeGreaterThanOrEqual(segments.length)
    expect(archived!.count).toBeGreaterThan(2)
    expect(typeof summarized).toBe(major === 18 ? 'bigint' : 'undefined')
  })

  it('a login that may not list pg_wal: the directory itself where it is open, else no marks', async () => {
    const { segments } = value(await gather(walFlowFact, 'joe'))
    expect(segments.length).toBeGreaterThan(process.getuid?.() === 0 || patient.server.account.uid === process.getuid?.() ? 2 : -1)
  })

  it('what a segment takes in the archive', async () => {
    expect(value(await gather(archiveGrowthFact))).toMatchObject({ storedBytes: MIB })
  })

  it('no pace without a queue', async () => {
    expect(await gather(archiverPaceFact)).toEqual({ ok: false, why: { code: 'not-applicable', params: {} } })
    expect(await gather(archiveGrowthFact, 'postgres', remoteHostOver(patient.host))).toMatchObject({ ok: false })
  })
})
