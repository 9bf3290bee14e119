// Rules that can never decide: what is claimed is checked against every connection of a small world.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide, parseHba, PHYSICAL_REPLICATION, unreachable, type HbaFile, type HbaFeatures, type HbaKnowledge, type HbaQuestion } from '../../../src/postgres/hba/index.ts'
import { fromByteString } from '../../../src/postgres/hba/bytes.ts'

const read = (text: string, major = 17, features: HbaFeatures = {}): HbaFile => parseHba(fromByteString(text), { major, features })
const found = (text: string, major = 17, features: HbaFeatures = {}): string[] => unreachable(read(text, major, features)).map(({ rule, shadowedBy, because }) => `${rule.line} by ${shadowedBy.map((one) => one.line).join('+')}${because === 'shadowed' ? '' : because}`)

describe('named cases', () => {
  const cases: [name: string, text: string, expected: string[]][] = [
    ['nothing', 'local all all trust\nhost all all all md5\n', []],
    ['the same twice', 'local all all trust\nlocal all all reject\n', ['2 by 1']],
    ['all does not take replication', 'host all all all trust\nhost replication all all trust\n', []],
    ['replication does not take all', 'host replication all all trust\nhost all all all trust\n', []],
    ['a quoted replication is a database', 'host all all all trust\nhost "replication" all all trust\n', ['2 by 1']],
    ['a wider network', 'host all all 10.0.0.0/8 md5\nhost all all 10.1.2.3/32 trust\n', ['2 by 1']],
    ['a narrower network', 'host all all 10.1.2.3/32 md5\nhost all all 10.0.0.0/8 trust\n', []],
    ['IPv4 does not take IPv6', 'host all all 0.0.0.0/0 md5\nhost all all ::1/128 trust\n', []],
    ['IPv4 does not take all', 'host all all 0.0.0.0/0 md5\nhost all all all trust\n', []],
    ['both families take all', 'host all all 0.0.0.0/0 md5\nhost all all ::/0 md5\nhost all all all trust\nhost a b samenet trust\nhost a b x.y trust\n', ['3 by 1+2', '4 by 1+2', '5 by 1+2']],
    ['hostssl and hostnossl take host', 'hostssl all all all md5\nhostnossl all all all md5\nhost a b all trust\n', ['3 by 1+2']],
    ['hostssl does not take host', 'hostssl all all all md5\nhost a b all trust\n', []],
    ['hostgssenc and hostnogssenc take hostssl', 'hostgssenc all all all md5\nhostnogssenc all all all md5\nhostssl a b all trust\n', ['3 by 1+2']],
    ['lists are taken part by part', 'local a all trust\nlocal b all trust\nlocal a,b x,y reject\n', ['3 by 1+2']],
    ['lists are not taken when a part is left', 'local a all trust\nlocal a,b x reject\n', []],
    ['a group is not its members', 'local all +g trust\nlocal all g trust\n', []],
    ['a group is itself', 'local all +g trust\nlocal all +g reject\n', ['2 by 1']],
    ['a quoted plus is a name', 'local all "+g" trust\nlocal all +g reject\n', []],
    ['sameuser of one user', 'local u u trust\nlocal sameuser u reject\n', ['2 by 1']],
    ['sameuser of all', 'local u u trust\nlocal sameuser all reject\n', []],
    ['samerole does not take sameuser', 'local samerole all trust\nlocal sameuser all reject\n', []],
    ['samegroup is samerole', 'local samegroup all trust\nlocal samerole all reject\n', ['2 by 1']],
    ['the same pattern', 'local /^a all trust\nlocal "/^a" all reject\n', ['2 by 1']],
    ['suffixes of host names', 'host all all .example.org md5\nhost all all a.Example.org md5\nhost all all example.org md5\nhost all all .b.example.org md5\n', ['2 by 1', '4 by 1']],
    ['samenet takes samehost', 'host all all samenet md5\nhost all all samehost md5\n', ['2 by 1']],
    ['samehost does not take samenet', 'host all all samehost md5\nhost all all samenet md5\n', []],
    ['a mask with holes', 'host all all 10.0.0.1 255.0.0.255 md5\nhost all all 10.9.9.1/32 md5\nhost all all 10.9.9.2/32 md5\n', ['2 by 1']],
    ['a network takes a mask with holes', 'host all all 10.0.0.0/8 md5\nhost all all 10.0.0.1 255.0.0.255 md5\n', ['2 by 1']],
    ['a network under an included hole', 'host all all 10.0.0.1 255.0.0.255 md5\nhost all all 10.0.0.0/8 md5\n', []],
    ['local is its own world', 'local all all trust\nhost all all all trust\nlocal a b trust\n', ['3 by 1']],
  ]
  it.each(cases)('%s', (_, text, expected) => {
    expect(found(text)).toEqual(expected)
  })
  it('what this server can never match', () => {
    expect(found('hostssl all all all md5\nhost all all all md5\n', 17, { ssl: false })).toEqual(['1 by ssl-off'])
    expect(found('hostgssenc all all all md5\nhost all all all md5\n', 17, { builtWith: { gss: false } })).toEqual(['1 by not-built'])
    expect(found('hostssl all all all md5\nhost a b all md5\n', 17, { builtWith: { ssl: false } })).toEqual(['1 by not-built'])
  })
})

const word = (...words: string[]): fc.Arbitrary<string> => fc.constantFrom(...words)
const listOf = (one: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.array(one, { minLength: 1, maxLength: 2 }).map((words) => words.join(','))
const rule = fc.oneof(
  fc.tuple(listOf(word('all', 'a', 'b', 'replication', 'sameuser', 'samerole', '"all"', '/^a')), listOf(word('all', 'a', 'b', '+g', '/^[ab]$', '"+g"'))).map(([databases, users]) => `local ${databases} ${users} trust`),
  fc.tuple(word('host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc'), listOf(word('all', 'all', 'a', 'b', 'replication', 'sameuser', 'samerole')), listOf(word('all', 'all', 'a', 'b', '+g')),
    word('all', '0.0.0.0/0', '::/0', '10.0.0.0/8', '10.0.0.0/9', '10.128.0.0/9', '10.0.0.1/32', '10.0.0.1 255.0.0.255', '10.1.0.1 255.255.0.255', '::1/128', 'samehost', 'samenet', '.org', 'a.org', 'b.a.org')).map((parts) => `${parts.join(' ')} md5`),
)
const ADDRESSES = ['local', '10.0.0.1', '10.0.0.2', '10.1.0.1', '10.200.0.1', '11.0.0.1', '::1', '::2']
const WORLD: HbaQuestion[] = ADDRESSES.flatMap((address) => ['a', 'b', 'c'].flatMap((user) => [...['a', 'b', 'all', 'c'], PHYSICAL_REPLICATION].flatMap((database) => (address === 'local' ? [[false, false]] : [[false, false], [true, false], [false, true], [true, true]]).map(([tls, gss]) => ({ address, user, database, tls: tls!, gss: gss! })))))
const knowledge: fc.Arbitrary<HbaKnowledge> = fc.record({
  members: fc.uniqueArray(word('a>g', 'b>g', 'a>b', 'b>a', 'c>g', 'c>all', 'a>c'), { maxLength: 4 }),
  names: fc.array(fc.constantFrom('a.org', 'b.a.org', 'c.org', 'org', 'x.net', null), { minLength: 8, maxLength: 8 }),
  interfaces: fc.uniqueArray(fc.constantFrom({ address: '10.0.0.1', mask: '255.0.0.0' }, { address: '::1', mask: 'ffff::' }, { address: '11.0.0.1', mask: '255.255.255.255' }), { maxLength: 2 }),
}).map(({ members, names, interfaces }) => ({
  memberOf: (user, role) => user === role || members.includes(`${user}>${role}`),
  hostName: (address) => names[ADDRESSES.indexOf(address)] ?? null,
  interfaces,
}))

describe('soundness', () => {
  it('no claimed rule ever decides, and its shadows stand above it', () => {
    let claims = 0
    fc.assert(fc.property(fc.array(rule, { minLength: 2, maxLength: 8 }), knowledge, (lines, known) => {
      const hba = read(`${lines.join('\n')}\n`)
      const claimed = unreachable(hba)
      claims += claimed.length
      if (claimed.length === 0) return
      const never = new Set(claimed.map((one) => one.rule))
      for (const { rule: one, shadowedBy } of claimed) for (const shadow of shadowedBy) expect(shadow.index).toBeLessThan(one.index)
      for (const question of WORLD) {
        const decision = decide(hba, question, known)
        expect(decision.dependsOn).toEqual([])
        if (decision.rule !== null && never.has(decision.rule)) throw new Error(`line ${decision.rule.line} decides ${JSON.stringify(question)}`)
      }
    }), { numRuns: 1500, seed: 20_240_917 })
    expect(claims).toBeGreaterThan(300)
  })

  it('without knowledge an answer names what it depends on, and knowledge then picks among what it names', () => {
    fc.assert(fc.property(fc.array(rule, { minLength: 1, maxLength: 6 }), knowledge, fc.constantFrom(...WORLD), (lines, known, question) => {
      const hba = read(`${lines.join('\n')}\n`)
      const open = decide(hba, question)
      const certain = decide(hba, question, known)
      const named = [open.rule, ...open.dependsOn.map((one) => one.rule)]
      expect(named).toContain(certain.rule)
    }), { numRuns: 2000, seed: 20_240_917 })
  })
})

it('takes a large file: every rule of 20,000 that repeats an earlier one', () => {
  const lines = Array.from({ length: 20_000 }, (_, n) => `host db${n % 500} user${n % 1000} 10.${(n >> 8) & 255}.${n & 255}.0/24 scram-sha-256`)
  const hba = read([...lines, ...lines.slice(0, 100), 'host all all 0.0.0.0/0 reject', 'host x y 10.0.0.0/8 md5'].join('\n'))
  expect(unreachable(hba).map((one) => one.rule.line)).toEqual([...Array.from({ length: 100 }, (_, n) => 20_001 + n), 20_102])
})
