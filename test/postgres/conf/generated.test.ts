// Generated files against all servers: every assignment, every error and its line, every verdict on a value.
// PGWAL_SEED picks other files, PGWAL_LONG=1 many more.
import fs from 'node:fs/promises'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MAJORS } from '../../support/server.ts'
import { binDirectory } from '../../support/install-servers.mjs'
import { LONG, SEED } from '../../support/seed.ts'
import { damaged, manyLines, oddFiles, soundFiles } from './arbitraries.ts'
import { Oracles, disagreements } from './oracle.ts'
import type { Files } from './oracle.ts'

const TIMES = LONG ? 25 : 1

let oracles: Oracles
beforeAll(async () => {
  oracles = await Oracles.start()
})
afterAll(async () => {
  await oracles.stop()
})

async function agree(files: Files): Promise<void> {
  await oracles.write(files)
  await Promise.all(oracles.all.map(async (oracle) => {
    const [server, ours] = await Promise.all([oracle.ask(), oracles.read(oracle)])
    expect(disagreements(oracle.major, ours, server), `PostgreSQL ${oracle.major}`).toEqual([])
  }))
}

async function check(kind: string, files: fc.Arbitrary<Files>, numRuns: number): Promise<void> {
  console.log(`${kind}: ${numRuns * TIMES} cases for each of ${MAJORS.length} majors, PGWAL_SEED=${SEED}`)
  await fc.assert(fc.asyncProperty(files.map((each) => ({ ...each, [fc.toStringMethod]: () => JSON.stringify(Object.fromEntries(Object.entries(each).map(([name, raw]) => [name, Buffer.from(raw).toString('latin1')]))) })), agree), { seed: SEED, numRuns: numRuns * TIMES, endOnFailure: false })
}

test('files that mostly load', async () => {
  await check('sound files', soundFiles, 700)
}, 3_600_000)

test('files with all that can go wrong', async () => {
  await check('odd files', oddFiles, 700)
}, 3_600_000)

test('single lines', async () => {
  await check('up to 25 files of one line', manyLines, 120)
}, 3_600_000)

test('real files after an accident', async () => {
  const samples = await Promise.all(MAJORS.map((major) => fs.readFile(path.join(binDirectory(major), '..', 'share', 'postgresql', 'postgresql.conf.sample'))))
  await check('damaged samples', damaged(samples), 600)
}, 3_600_000)
