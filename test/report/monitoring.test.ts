import { describe, expect, it } from 'vitest'
import { nagios } from '../../src/report/nagios.ts'
import { prometheus } from '../../src/report/prometheus.ts'
import type { ClusterReport, Measures } from '../../src/report/report.ts'
import { archiveDirectory, archiveMode, broken, cluster, passes, reportOf, skipped, words } from './example.ts'

const measures: Measures = { atSeconds: 1_772_366_400, backlogSegments: 3, backlogBytes: 50_331_648, backlogAgeSeconds: 61, archivedAgeSeconds: 75, archiverArchived: 7, archiverFailures: 2, walFreeBytes: 1024 }
const called = (id: string, report: ClusterReport): ClusterReport => ({ ...report, cluster: { ...cluster, id } })
const crashed = { id: 'x', verdict: { kind: 'crash', error: new Error('bug') } } as const

describe('nagios', () => {
  it.each<[string, readonly ClusterReport[], number, RegExp]>([
    ['well', [reportOf(...passes(3), skipped('log', 'not-readable'))], 0, /^PGWAL OK - 3 checks judged, 1 skipped \| /],
    ['a warning', [reportOf(archiveDirectory)], 1, /^PGWAL WARNING - 1 warning: same file system as the data.* \[archive-directory\/same-file-system\] \| /],
    ['errors first', [broken], 2, /^PGWAL CRITICAL - 2 errors, 1 warning: WAL is not archived: archive_mode is off \[archive-mode\/off\] \| /],
    ['a crash', [reportOf(...passes(1), crashed)], 3, /^PGWAL UNKNOWN - 1 check crashed: x \| /],
    ['a warning and a crash', [reportOf(archiveDirectory, crashed)], 1, /^PGWAL WARNING/],
    ['nothing seen', [reportOf(skipped('log', 'not-readable'))], 3, /^PGWAL UNKNOWN - 0 checks judged, 1 skipped/],
    ['the worst of several clusters', [called('a', reportOf(archiveDirectory)), called('b', reportOf(archiveMode))], 2, /^PGWAL CRITICAL - 1 error, 1 warning: b: WAL is not archived/],
  ])('%s', (_what, reports, exitCode, first) => {
    const result = nagios(reports, words)
    expect(result.exitCode).toBe(exitCode)
    expect(result.text).toMatch(first)
  })

  it('performance data by the guidelines, each label once', () => {
    const [first, ...rest] = nagios([{ ...broken, measures }], words).text.split('\n')
    const data = first!.split(' | ')[1]!
    expect(data).toBe("'errors'=2;;;0 'warnings'=1;;;0 'backlog'=3;;;0 'backlog_size'=50331648B;;;0 'backlog_age'=61s;;;0 'archived_age'=75s;;;0 'archiver_failures'=2c;;;0 'wal_free'=1024B;;;0")
    expect(rest).toHaveLength(3)
    const two = nagios([called('15/main', reportOf()), called("o'd|d=", reportOf())], words).text
    expect(two).toContain("'15/main errors'=0;;;0")
    expect(two).toContain("'o_d_d_ errors'=0;;;0")
  })

  it('only one bar, no line of its own from outside, no secret', () => {
    const nasty = reportOf({ id: 'archive-mode', verdict: { kind: 'fail', findings: [{ code: 'off', severity: 'error', params: { value: 'a|b\nc password=hunter2' } }] } })
    const { text } = nagios([nasty], words)
    expect(text.match(/\|/g)).toHaveLength(1)
    expect(text.split('\n')).toHaveLength(1)
    expect(text).not.toContain('hunter2')
  })
})

describe('prometheus', () => {
  const LINE = /^([a-z_]+)\{([a-z_]+="(?:[^"\\\n]|\\["\\n])*")(,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\} -?\d+(\.\d+)?$/
  const text = prometheus([{ ...broken, measures }, called('we"i\\rd\nid', reportOf(...passes(1), crashed))])
  const lines = text.split('\n')

  it('is well-formed: HELP and TYPE once before the samples of each metric, which stand together, no sample twice', () => {
    expect(text.endsWith('\n')).toBe(true)
    let metric = ''
    const seen = new Set<string>()
    for (const line of lines.slice(0, -1)) {
      const [, name] = /^# HELP ([a-z_]+) \S/.exec(line) ?? []
      if (name !== undefined) {
        expect(seen.has(name)).toBe(false)
        seen.add(metric = name)
      } else if (line.startsWith('#')) expect(line).toMatch(new RegExp(`^# TYPE ${metric} (gauge|counter)$`))
      else expect(LINE.exec(line)?.[1], line).toBe(metric)
    }
    for (const name of seen) expect(name).toMatch(/^pgwal_/)
    const series = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')))
    expect(new Set(series).size).toBe(series.length)
  })

  it('says what the report says', () => {
    for (const line of [
      'pgwal_cluster_running{cluster="15/main"} 1',
      'pgwal_check_verdict{cluster="15/main",check="archive-mode",verdict="fail"} 1',
      'pgwal_check_verdict{cluster="15/main",check="archive-mode",verdict="pass"} 0',
      'pgwal_check_findings{cluster="15/main",check="archive-mode",severity="error"} 1',
      'pgwal_check_findings{cluster="15/main",check="check-0",severity="error"} 0',
      'pgwal_findings{cluster="15/main",severity="error"} 2',
      'pgwal_archive_backlog_segments{cluster="15/main"} 3',
      'pgwal_archive_newest_age_seconds{cluster="15/main"} 75',
      'pgwal_archiver_failures_total{cluster="15/main"} 2',
      'pgwal_check_verdict{cluster="we\\"i\\\\rd\\nid",check="x",verdict="crash"} 1',
    ]) expect(lines).toContain(line)
    // What was not looked at has no number.
    expect(text).not.toMatch(/check_findings\{cluster="15\/main",check="log"/)
    expect(text).not.toMatch(/backlog_segments\{cluster="we/)
  })
})
