import { describe, expect, it } from 'vitest'
import { redactAbout, redactLine, redactValue } from '../../src/report/redact.ts'
import type { SettingsReport, SettingView } from '../../src/report/settings-report.ts'
import { settingsJson } from '../../src/report/settings-json.ts'
import { settingsText } from '../../src/report/settings-text.ts'
import { columns, PLAIN } from '../../src/report/style.ts'
import { cluster } from './example.ts'

const MAIN = '/etc/postgresql/15/main/postgresql.conf'

function setting(name: string, value: string, line: number, more: Partial<SettingView> = {}): SettingView {
  return {
    name, asked: name, value, source: { file: MAIN, line }, from: 'file', lines: [{ file: MAIN, line, value, wins: true, auto: false }],
    running: value, pending: 'none', blocked: false, flagged: false, overriddenFor: [], ...more,
  }
}

function reportOf(settings: SettingView[], more: Partial<SettingsReport> = {}): SettingsReport {
  return { file: MAIN, major: 15, cluster, files: [MAIN], loads: true, errors: [], unreadable: [], settings, ...more }
}

const report = reportOf([
  setting('archive_command', 'test ! -f /srv/archive/%f && cp "%p" /srv/archive/%f && sync /srv/archive/%f', 240),
  setting('archive_mode', 'on', 241, {
    lines: [{ file: MAIN, line: 12, value: 'off', wins: false, auto: false, lostTo: { file: MAIN, line: 241 }, because: 'duplicate' }, { file: MAIN, line: 241, value: 'on', wins: true, auto: false }],
    running: 'off', pending: 'restart',
  }),
  setting('work_mem', '8MB', 300, { overriddenFor: [{ role: 'joe', database: null, value: '1GB' }], flagged: true }),
])

describe('settings as text', () => {
  it('shows what waits first, with the place, and what lost with its reason', () => {
    const text = settingsText([report], PLAIN)
    const lines = text.split('\n')
    expect(lines.find((line) => line.startsWith('▲'))).toMatch(/^▲ archive_mode {5}on {2}postgresql\.conf:241$/)
    expect(text.indexOf('archive_mode')).toBeLessThan(text.indexOf('archive_command'))
    expect(text).toContain('    off  postgresql.conf:12\n      has no effect: line 241 decides')
    expect(text).toContain('the server runs with off until it is restarted')
    expect(text).toContain('sessions of joe have 1GB (ALTER ROLE)')
    expect(text).toContain('a restart is pending; it would change nothing')
  })

  it.each(['en', 'zh-TW'] as const)('stays within 80 columns in %s', (locale) => {
    for (const line of settingsText([report], { ...PLAIN, locale }).split('\n')) expect(columns(line)).toBeLessThanOrEqual(80)
  })

  it('has the same words without colour and with it', () => {
    const coloured = settingsText([report], { ...PLAIN, colour: 1 })
    expect(coloured).toContain('\u001b[')
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(settingsText([report], PLAIN))
  })

  it('never counts what could not be read as well', () => {
    const closed = reportOf([], { loads: null, unreadable: ['/etc/postgresql/secret.conf'] })
    const text = settingsText([closed], PLAIN)
    expect(text).toContain('/etc/postgresql/secret.conf is not readable')
    expect(text).not.toContain('would start')
    expect(settingsJson([closed])).toMatchObject({ loads: null })
  })
})

describe('settings as JSON', () => {
  it('one report stands at the top, several below clusters', () => {
    expect(settingsJson([report])).toMatchObject({ schema: 1, command: 'settings', loads: true, settings: { archive_mode: { value: 'on', running: 'off', pendingRestart: true, wouldChange: true } } })
    expect(settingsJson([report, report])).toMatchObject({ schema: 1, command: 'settings', clusters: [{ cluster: { id: '15/main' }, loads: true }, {}] })
  })
})

describe('secrets in lines', () => {
  it.each([
    ["app.password = 'x y'", 'x y'], ['app.password x', ' x'], ['host all all 10.0.0.0/8 ldap "ldapbindpasswd=a b" ldapserver=c', 'a b'],
    ['host all all ::/0 radius radiussecrets="a,b"', 'a,b'], ["primary_conninfo = 'password=''a b'' host=c'", 'a b'],
  ])('%s', (line, secret) => expect(redactLine(line)).not.toContain(secret))

  it.each(['archive_mode = on', 'host all all 10.0.0.0/8 md5', 'password_encryption = md5'])('%s is left as it is', (line) => expect(redactLine(line)).toBe(line))

  it('hides in a message what it hides in the line, and nothing else', () => {
    expect(redactAbout('syntax error near token "bar"', 'app.token foo bar')).toBe('syntax error near token "••••"')
    expect(redactAbout('authentication option not in name=value format: b', 'host all all ::/0 ldap ldapbindpasswd=a b')).not.toMatch(/: b$/)
    expect(redactAbout('invalid connection type "hots"', 'hots all all ::/0 ldap ldapbindpasswd=a')).toContain('"hots"')
  })

  it('hides a value by its name', () => {
    expect([redactValue('app.secret', 'x'), redactValue('app.secret', ''), redactValue('work_mem', '4MB')]).toEqual(['••••', '', '4MB'])
  })
})
