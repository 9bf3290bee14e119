import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonText } from '../../src/report/json-text.ts'
import { clustersJson, historyJson, reportsJson, runJson } from '../../src/report/json.ts'
import { PLAIN } from '../../src/report/style.ts'
import { doctorText } from '../../src/report/text.ts'
import { broken, cluster, reportOf, skipped, words } from './example.ts'

const asRead = (value: unknown) => JSON.parse(jsonText(value))

describe('JSON', () => {
  it('has the contract\'s names for doctor and verify', () => {
    const report = asRead(reportsJson('doctor', [broken], words))
    expect(report).toMatchObject({
      schema: 1,
      command: 'doctor',
      clusters: [{
        cluster: { id: '15/main', platform: 'linux-apt', version: '15.20', dataDir: '/var/lib/postgresql/15/main', configFile: '/etc/postgresql/15/main/postgresql.conf', hbaFile: '/etc/postgresql/15/main/pg_hba.conf', port: 5432, running: true },
        summary: { pass: 24, fail: 3, skip: 2, crash: 0, error: 2, warning: 1, info: 0 },
      }],
    })
    const checks = report.clusters[0].checks
    expect(checks.find((check: { id: string }) => check.id === 'archive-mode')).toEqual({
      id: 'archive-mode',
      verdict: 'fail',
      findings: [{
        code: 'off', severity: 'error', message: 'WAL is not archived: archive_mode is off', params: { value: 'off' },
        at: { file: '/etc/postgresql/15/main/postgresql.conf', line: 241 }, remedy: 'set archive_mode = on and restart', fixable: true,
      }],
    })
    expect(checks.find((check: { id: string }) => check.id === 'archive-directory').findings[0].fixable).toBe(false)
    expect(checks.find((check: { id: string }) => check.id === 'log')).toEqual({ id: 'log', verdict: 'skip', reason: 'the log is not readable', code: 'not-readable', params: { target: 'the log' } })
  })

  it('says what to do on the cluster\'s machine', () => {
    const there = words.map((one) => (one.id !== 'archive-mode' ? one : {
      ...one, text: { ...one.text, en: { ...one.text.en, findings: { off: { ...one.text.en.findings['off']!, windows: 'net stop {value}' } } } },
    }))
    const remedyOn = (platform: 'linux-apt' | 'windows') => asRead(reportsJson('doctor', [{ ...broken, cluster: { ...cluster, platform } }], there)).clusters[0].checks
      .find((check: { id: string }) => check.id === 'archive-mode').findings[0].remedy
    expect(remedyOn('windows')).toBe('net stop off')
    expect(remedyOn('linux-apt')).toBe('set archive_mode = on and restart')
    expect(doctorText([{ ...broken, cluster: { ...cluster, platform: 'windows' } }], PLAIN, { words: there, verbose: true })).toContain('net stop off')
  })

  it('keeps a crash and what a probe proved', () => {
    const detail = { code: 'identical', params: { segment: 'x', elapsedMs: 41 } }
    const report = asRead(reportsJson('verify', [reportOf({ id: 'a', verdict: { kind: 'crash', error: new Error('boo') } }, { id: 'b', verdict: { kind: 'pass', detail } }, skipped('c', 'server-down'))], words))
    expect(report.clusters[0].checks).toMatchObject([{ verdict: 'crash', error: 'boo' }, { verdict: 'pass', detail }, { verdict: 'skip', reason: 'the server is down' }])
  })

  it('has the contract\'s names for enable and undo', () => {
    const steps = [{ kind: 'write-file', path: '/x', diff: "+password = 'hunter2'" }] as const
    expect(asRead(runJson('enable', { cluster, steps, effects: { restart: true }, outcome: 'applied', run: '20261123-1', verify: broken }, words))).toMatchObject({
      schema: 1, command: 'enable', cluster: { id: '15/main' }, plan: { steps: [{ kind: 'write-file', path: '/x', diff: '+password = ••••' }], effects: { restart: true } },
      outcome: 'applied', run: '20261123-1', verify: { summary: { pass: 24 } },
    })
    expect(asRead(runJson('undo', { cluster, steps: [], effects: {}, outcome: 'nothing-to-do' }, words))).not.toHaveProperty('run')
  })

  it('lists runs', () => {
    const run = { run: '20261123-101500-4f2a', at: '2026-11-23T10:15:00.000Z', command: 'enable', cluster: { id: '15/main' }, state: 'applied' } as const
    expect(asRead(historyJson([run]))).toEqual({ schema: 1, command: 'history', runs: [run] })
  })

  it('lists clusters with their evidence', () => {
    expect(asRead(clustersJson([cluster]))).toMatchObject({ schema: 1, command: 'clusters', clusters: [{ id: '15/main', owner: 'postgres', evidence: [{ kind: 'postmaster', detail: '812' }, { kind: 'pg_lsclusters' }] }] })
  })

  it('says the same to a parser, and nothing to a terminal', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => !/password|md5|scram|secret|token|:\/\//i.test(text)), (text) => {
      const json = jsonText({ text })
      expect(JSON.parse(json)).toEqual({ text })
      expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }))
    expect(jsonText({ 'na\u202eme': '\u{e0041}' })).toContain('\\u202e')
  })
})
