import { describe, expect, it } from 'vitest'
import { worded } from '../../src/app/present.ts'
import { decide, HBA_TRAPS, parseHba, traps, unreachable } from '../../src/postgres/hba/index.ts'
import type { HbaQuestion } from '../../src/postgres/hba/index.ts'
import { hbaJson } from '../../src/report/hba-json.ts'
import type { HbaReport } from '../../src/report/hba-report.ts'
import { hbaText, trapFinding } from '../../src/report/hba-text.ts'
import { columns, PLAIN } from '../../src/report/style.ts'
import { findingWords } from '../../src/report/words.ts'
import { cluster } from './example.ts'

function reportOf(text: string, question?: HbaQuestion, more: Partial<HbaReport> = {}): HbaReport {
  const hba = parseHba(new TextEncoder().encode(text), { hbaFile: cluster.hbaFile, major: 15 })
  return {
    file: cluster.hbaFile, major: 15, cluster, hba, complete: true, notReloaded: false,
    ...(question === undefined ? {} : { question, decision: decide(hba, question) }),
    unreachable: unreachable(hba), traps: traps(hba), ...more,
  }
}

const show = (report: HbaReport, locale: 'en' | 'zh-TW' = 'en', verbose = false) => hbaText(report, { ...PLAIN, locale }, { words: worded, verbose })

describe('hba as text', () => {
  const report = reportOf('host all all .example.com reject\nhost all all samenet reject\nhost all +a,+b 10.0.0.0/8 md5\nhost all all 10.0.0.0/8 trust\nhost all joe 10.1.0.0/16 reject\n', { user: 'joe', database: 'shop', address: '10.1.2.3' })

  it('answers first, and says on what the answer depends', () => {
    const text = show(report)
    expect(text).toContain('▲ trust, by pg_hba.conf:4')
    expect(text.replace(/\s+/g, ' ')).toContain('pg_hba.conf:1 decides with reject, if the name of 10.1.2.3 is .example.com')
    expect(text.replace(/\s+/g, ' ')).toContain('if 10.1.2.3 is in samenet of the server\'s machine')
    expect(text).toContain('never decides: pg_hba.conf:4 takes all that it matches')
  })

  it.each(['en', 'zh-TW'] as const)('stays within 80 columns in %s', (locale) => {
    for (const line of show(report, locale).split('\n')) expect(columns(line)).toBeLessThanOrEqual(80)
  })

  it('a rejection is no success, a file that was not read is no answer', () => {
    const rejected = reportOf('local all all peer\n', { user: 'joe', database: 'shop', address: '::1' })
    expect(show(rejected)).toContain('✖ no rule matches: the connection is rejected')
    const closed = reportOf('local all all peer\n', undefined, { complete: false })
    expect(show(closed)).not.toContain('would load')
    expect(hbaJson(closed, worded)).toMatchObject({ loads: null })
  })

  it('a long list is cut, and whole with --verbose', () => {
    const many = reportOf(`host all all all trust\n${'host all all 10.0.0.0/8 md5\n'.repeat(30)}`)
    expect(show(many)).toContain('18 more lines: --verbose')
    expect(show(many, 'en', true)).toContain('pg_hba.conf:31')
  })

  it('every trap has words in both languages', () => {
    for (const code of Object.keys(HBA_TRAPS) as (keyof typeof HBA_TRAPS)[]) {
      const finding = trapFinding({ code, severity: 'warning', file: '/x', line: 1, params: {} })
      for (const locale of ['en', 'zh-TW'] as const) expect([code, findingWords(worded, finding.check, finding, locale).remedy]).toEqual([code, expect.any(String)])
    }
  })
})
