// Our reading of pg_hba.conf against the servers' own, row by row of pg_hba_file_rules.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asRows, HbaDirectory, HbaServer, type HbaTree, type RuleRow } from '../../support/hba-server.ts'
import { MAJORS } from '../../support/server.ts'
import type { HbaFile } from '../../../src/postgres/hba/index.ts'
import { CASES } from './cases.ts'
import { trees } from './generate.ts'

const LONG = process.env.PGWAL_LONG === '1'
const RUNS = LONG ? 50_000 : 2_000
const SEED = process.env.PGWAL_SEED !== undefined ? Number(process.env.PGWAL_SEED) : LONG ? Date.now() % 2 ** 31 : 20_240_917
const here = process.platform === 'linux' && process.arch === 'x64'

/** What differs, in words; null where both say the same. */
function difference(server: readonly RuleRow[], hba: HbaFile): string | null {
  const ours = asRows(hba)
  if (server.length !== ours.length) return `${server.length} rows, ours ${ours.length}: ${JSON.stringify(server)} / ${JSON.stringify(ours)}`
  // A pattern that we cannot judge may be too complex for the server: what we do not claim is not compared.
  const excused = (row: RuleRow): boolean => hba.uncertain.some((one) => one.line === row.line && (row.file === null || one.file === row.file))
  let numbered = true
  for (const [index, row] of server.entries()) {
    const own = ours[index]!
    if (JSON.stringify(row) === JSON.stringify(own)) continue
    if (excused(row) && row.type === null) {
      numbered = false
      continue
    }
    if (!numbered && JSON.stringify({ ...row, number: 0 }) === JSON.stringify({ ...own, number: 0 })) continue
    return `server ${JSON.stringify(row)}\nours   ${JSON.stringify(own)}`
  }
  return null
}

describe.skipIf(!here)('pg_hba.conf as seven servers read it (needs the packaged servers for Linux x64)', () => {
  let directory: HbaDirectory
  let servers: HbaServer[] = []
  beforeAll(async () => {
    directory = HbaDirectory.create()
    servers = await Promise.all(MAJORS.map(async (major) => HbaServer.start(major, directory)))
  })
  afterAll(async () => {
    await Promise.all(servers.map(async (server) => server.remove()))
    directory.remove()
  })

  async function compare(tree: HbaTree): Promise<string[]> {
    directory.write(tree)
    const found = await Promise.all(servers.map(async (server) => {
      const rows = await server.rows()
      const differs = difference(rows, await server.ours())
      return differs === null ? [] : [`PostgreSQL ${server.major}: ${differs}`]
    }))
    return found.flat()
  }

  it(`says the same for ${CASES.length} named files`, async () => {
    expect(CASES.length).toBeGreaterThan(400)
    expect(new Set(CASES.map((one) => one.name)).size).toBeGreaterThan(400)
    const disagreements: string[] = []
    for (const { name, tree } of CASES) disagreements.push(...(await compare(tree)).map((found) => `${name}: ${found}`))
    expect(disagreements).toEqual([])
  }, 300_000)

  it(`says the same for ${RUNS} generated files a server, seed ${SEED}`, async () => {
    console.log(`pg_hba.conf: ${RUNS} generated files for each of ${servers.length} servers, PGWAL_SEED=${SEED}`)
    await fc.assert(fc.asyncProperty(trees, async (tree) => {
      const found = await compare(tree)
      if (found.length > 0) throw new Error(found.join('\n'))
    }), { numRuns: RUNS, seed: SEED })
  }, LONG ? 7_200_000 : 300_000)
})
