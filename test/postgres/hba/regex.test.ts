// Our judgement of regular expressions against the servers' engine: which are refused and why, and what the others match.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compilePattern } from '../../../src/postgres/hba/regex.ts'
import { TestServer } from '../../support/server.ts'
import { regexParts } from './generate.ts'

const LONG = process.env.PGWAL_LONG === '1'
const SEED = process.env.PGWAL_SEED !== undefined ? Number(process.env.PGWAL_SEED) : LONG ? Date.now() % 2 ** 31 : 20_240_917
const RUNS = LONG ? 500_000 : 20_000
const here = process.platform === 'linux' && process.arch === 'x64'

const SUBJECTS = ['', 'a', 'b', 'ab', 'ba', 'aa', 'A', 'abc', 'a b', 'a-b', '0', '9', 'a9', '_', 'a.b', '\\', '(', ']', '[', '-', '^', '$', '{', 'aab', 'aaab', '\xe9', 'caf\xc3\xa9', '\x07', '\x1b', 'a\nb', '\n', 'a{1}', '*', ',', ':', 'x', 'foo_bar']
const NAMED = ['[a-', '[a-]', '[a-\\', '[^', '(?#', '(?', '(?=', '***', '***=a(', '\\99', '(a)\\1', 'a{1,2}{3}', '\\m*', '(?i)[A-C]', '(?i)\\x41', '[[.hyphen.]-a]', '[[:<:]]a', 'x|', '()', '(|a)b', '\\Ya\\Y', '^\\Z$', '[\\s\\d]+', '\\cA', 'a??b', '(?:a|b)*?$', '\\x141', '\\u0061', '[^\\w]', '(?c)A(?i)a', '(?s).', '(?t)a', '\\10', '(((((((((((a)))))))))))\\11']

describe.skipIf(!here)('regular expressions as the servers’ engine takes them (needs the packaged servers for Linux x64)', () => {
  const servers: TestServer[] = []
  beforeAll(async () => {
    servers.push(...await Promise.all(([16, 18] as const).map(async (major) => TestServer.create(major))))
    await Promise.all(servers.map(async (server) => {
      await server.start()
      await server.query("create database bytes template template0 encoding 'SQL_ASCII'")
      // One character a subject: 1 matches, 0 does not; or the engine's complaint.
      await server.query(`create function judge(pattern text, subjects text[]) returns text language plpgsql as $$
        begin return (select string_agg(case when s ~ (pattern collate "C") then '1' else '0' end, '' order by n) from unnest(subjects) with ordinality as t(s, n));
        exception when invalid_regular_expression then return sqlerrm; end $$`, [], { database: 'bytes' })
    }))
  })
  afterAll(async () => {
    await Promise.all(servers.map(async (server) => server.remove()))
  })

  const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex')
  async function judge(server: TestServer, patterns: readonly string[]): Promise<string[]> {
    const rows = await server.query<{ said: string }>(
      `select judge(convert_from(decode(p, 'hex'), 'SQL_ASCII'), (select array_agg(convert_from(decode(s, 'hex'), 'SQL_ASCII') order by n) from unnest($2::text[]) with ordinality as s(s, n))) as said
       from unnest($1::text[]) with ordinality as t(p, n) order by n`, [patterns.map(hex), SUBJECTS.map(hex)], { database: 'bytes' })
    return rows.map((row) => row.said)
  }

  function differences(patterns: readonly string[], said: readonly string[]): { found: string[]; known: number } {
    let known = 0
    const found = patterns.flatMap((pattern, index) => {
      const ours = compilePattern(pattern)
      if (ours.state === 'unknown') return []
      known++
      const own = ours.state === 'invalid' ? `invalid regular expression: ${ours.message}` : SUBJECTS.map((one) => (ours.test(one) ? '1' : '0')).join('')
      return own === said[index] ? [] : [`${JSON.stringify(pattern)}: server ${said[index]!}, ours ${own}`]
    })
    return { found, known }
  }

  it('agrees on named ones', async () => {
    for (const server of servers) expect(differences(NAMED, await judge(server, NAMED)).found).toEqual([])
  })

  it(`agrees on ${RUNS} generated ones, seed ${SEED}`, async () => {
    console.log(`regular expressions: ${RUNS}, PGWAL_SEED=${SEED}`)
    const patterns = fc.sample(fc.array(regexParts, { maxLength: 8 }).map((parts) => parts.join('')), { numRuns: RUNS, seed: SEED })
    let known = 0
    for (let at = 0; at < patterns.length; at += 2_000) {
      const some = patterns.slice(at, at + 2_000)
      await Promise.all(servers.map(async (server) => {
        const result = differences(some, await judge(server, some))
        expect(result.found.slice(0, 5)).toEqual([])
        known += result.known
      }))
    }
    // What is left open must stay the exception.
    expect(known).toBeGreaterThan(RUNS * servers.length * 0.9)
  }, LONG ? 1_800_000 : 120_000)
})
