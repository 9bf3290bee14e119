import { describe, expect, it } from 'vitest'
import { HostError } from '../../src/errors.ts'
import { columns, PLAIN, type Style } from '../../src/report/style.ts'
import { doctorText, verifyText } from '../../src/report/text.ts'
import { archiveDirectory, archiveMode, broken, cluster, passes, replicationRule, reportOf, skipped, words } from './example.ts'

const CHINESE: Style = { ...PLAIN, locale: 'zh-TW' }

/** The column at which something begins, as the terminal counts. */
function columnOf(line: string, part: string): number {
  return columns(line.slice(0, line.indexOf(part)))
}

function lineWith(text: string, part: string): string {
  const line = text.split('\n').find((one) => one.includes(part))
  if (line === undefined) throw new Error(`no line with ${part} in\n${text}`)
  return line
}

describe('doctor', () => {
  it('shows the machine of the manual in English', () => {
    expect(doctorText([broken], PLAIN, { words })).toBe(`15/main · PostgreSQL 15.20 · Debian · port 5432 · running
  /var/lib/postgresql/15/main

✖ archive-mode       WAL is not archived: archive_mode is off
                     /etc/postgresql/15/main/postgresql.conf:241
✖ replication-rule   nobody can take a base backup over ::1
▲ archive-directory  same file system as the data: one full disk stops both
                     move the archive to another disk
✔ 24 passed   ○ 2 not checked (the log is not readable: run as root)

If this disk died now, everything since the last dump would be lost.
Next: sudo pgwal enable`)
  })

  it('and in Traditional Chinese, with the words in the same column', () => {
    const text = doctorText([broken], CHINESE, { words })
    expect(text).toContain('15/main · PostgreSQL 15.20 · Debian · 連接埠 5432 · 執行中\n')
    expect(lineWith(text, '✖ archive-mode')).toBe('✖ archive-mode       WAL 未歸檔：archive_mode 為 off')
    expect(text).toContain('✔ 24 項通過   ○ 2 項未檢查（無法讀取 the log：請以 root 執行）')
    expect(text).toContain('下一步：sudo pgwal enable')
    for (const part of ['WAL 未歸檔', '/etc/postgresql', '無法經由', '與資料位於', '將歸檔目錄']) expect(columnOf(lineWith(text, part), part)).toBe(21)
  })

  it.each([40, 60, 80, 100].flatMap((width) => (['en', 'zh-TW'] as const).map((locale) => ({ width, locale }))))('keeps within $width columns in $locale, but for what must be copied whole', ({ width, locale }) => {
    for (const line of doctorText([broken], { ...PLAIN, width, locale }, { words, verbose: true }).split('\n')) {
      if (!/\/\w+\/|·/.test(line)) expect(columns(line), line).toBeLessThanOrEqual(width)
    }
  })

  it('colours change nothing but the colours', () => {
    const coloured = doctorText([broken], { ...PLAIN, colour: 1 }, { words })
    expect(coloured).toContain('\u001b[31m✖')
    expect(coloured).toContain('\u001b[33m▲')
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(doctorText([broken], PLAIN, { words }))
  })

  it('is pure ASCII in English where the terminal has no more', () => {
    expect(doctorText([broken], { ...PLAIN, unicode: false }, { words, verbose: true })).toMatch(/^[\n -~]*$/)
  })

  it('names a file in full once', () => {
    const again = { ...archiveMode, id: 'archive-mode-2' }
    const text = doctorText([reportOf(archiveMode, again)], PLAIN, { words })
    expect(text.match(/\/etc\/postgresql\/15\/main\/postgresql\.conf:241/g)).toHaveLength(1)
    expect(text).toMatch(/^ +postgresql\.conf:241$/m)
  })

  it('leaves to the next command what that repairs, unless asked for more', () => {
    expect(doctorText([broken], PLAIN, { words })).not.toContain('set archive_mode = on')
    expect(doctorText([broken], PLAIN, { words, verbose: true })).toContain('set archive_mode = on and restart')
    expect(doctorText([broken], PLAIN, { words, quiet: true })).toContain('set archive_mode = on and restart')
    expect(verifyText([reportOf(archiveMode)], PLAIN, { words })).toContain('set archive_mode = on and restart')
  })

  it('gives the same advice once, and the id of a check once in a row', () => {
    const verdict = { kind: 'fail', findings: archiveMode.verdict.kind === 'fail' ? [...archiveMode.verdict.findings, ...archiveMode.verdict.findings] : [] } as const
    const text = doctorText([reportOf({ id: 'archive-mode', verdict })], PLAIN, { words, verbose: true })
    expect(text.match(/set archive_mode = on/g)).toHaveLength(1)
    expect(text.match(/archive-mode /g)).toHaveLength(1)
  })

  it('lists the reasons for what was not checked, the commonest first, and leaves out what does not apply', () => {
    const report = reportOf(...passes(3), skipped('a', 'not-readable', { target: '/var/log/x' }), skipped('b', 'server-down'), skipped('c', 'server-down'), skipped('d', 'not-applicable'), skipped('e', 'who-knows'))
    expect(doctorText([report], PLAIN, { words })).toContain(`✔ 3 passed   ○ 4 not checked
  2  the server is down
  1  /var/log/x is not readable: run as root
  1  could not be seen (who-knows)`)
    expect(doctorText([report], PLAIN, { words, privileged: true })).not.toContain('run as root')
  })

  it('says how bad it is, and what to do next', () => {
    const end = (...checks: Parameters<typeof reportOf>) => doctorText([reportOf(...checks)], PLAIN, { words }).split('\n\n').at(-1)
    expect(end(replicationRule)).toBe('Until these are put right, a recovery to a point in time cannot be relied on.\nNext: sudo pgwal enable')
    expect(end(archiveDirectory)).toBe('No error, but what is marked above makes a recovery less certain.\nNext: pgwal checks archive-directory')
    expect(end(...passes(2))).toBe('Nothing wrong was found. Only a test proves that a segment arrives.\nNext: pgwal verify')
    expect(end(...passes(2), skipped('a', 'server-down'))).toContain('the rest is unknown')
    expect(doctorText([broken], PLAIN, { words, privileged: true })).toContain('Next: pgwal enable')
    expect(doctorText([broken, broken], PLAIN, { words })).toContain('Next: sudo pgwal enable --cluster 15/main')
    expect(doctorText([{ ...broken, cluster: { ...cluster, id: "/srv/da ta's" } }], PLAIN, { words, nameCluster: true })).toContain(`Next: sudo pgwal enable --cluster '/srv/da ta'\\''s'`)
  })

  it('keeps a crash apart from a finding', () => {
    const text = doctorText([reportOf({ id: 'archive-mode', verdict: { kind: 'crash', error: new Error('x of undefined') } })], PLAIN, { words })
    expect(text).toContain('✖ archive-mode  this check broke, which is a fault in pgwal: x of undefined')
    expect(text).toContain('the rest is unknown')
    const refused = doctorText([reportOf({ id: 'archive-mode', verdict: { kind: 'crash', error: new HostError('stat', '/wal/1', 'EIO') } })], PLAIN, { words })
    expect(refused).toContain('✖ archive-mode  this check could not look to its end: stat /wal/1: EIO')
  })

  it('shows everything with verbose and only the findings with quiet', () => {
    const verbose = doctorText([reportOf(archiveMode, ...passes(1), skipped('log', 'server-down'))], PLAIN, { words, verbose: true })
    expect(verbose).toContain('Without archived WAL only whole dumps can be restored.')
    expect(verbose).toContain('✔ check-0')
    expect(verbose).toMatch(/○ log +the server is down/)
    const quiet = doctorText([broken], PLAIN, { words, quiet: true })
    expect(quiet).toContain('✖ archive-mode')
    expect(quiet).not.toMatch(/passed|Next/)
  })

  it('shows the code of a finding that has no words', () => {
    const text = doctorText([reportOf({ id: 'new', verdict: { kind: 'fail', findings: [{ code: 'odd', severity: 'info', params: {} }] } })], PLAIN, { words })
    expect(text).toContain('· new  finding odd')
  })

  it('lets nothing from outside draw on the terminal or show a secret', () => {
    const nasty = { code: 'off', severity: 'error', params: { value: "\u001b[2J\npassword=hunter2\u202e" }, at: { file: '/tmp/\u001b]0;x\u0007.conf', line: 1 } } as const
    const report = { ...reportOf({ id: 'archive-mode', verdict: { kind: 'fail', findings: [nasty] } }), cluster: { ...cluster, id: 'x\u009b', dataDir: '/d\u0007' } }
    const text = doctorText([report], PLAIN, { words })
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(text).toContain('\\x1b[2J\\npassword=••••')
    expect(text).not.toContain('hunter2')
  })

  it('says that a cluster is managed by somebody else, or not of a tested version', () => {
    const report = { ...broken, cluster: { ...cluster, major: 19, version: '19beta1', manager: { name: 'Patroni', command: 'patronictl edit-config', evidence: '/etc/patroni.yml' } } }
    const text = doctorText([report], PLAIN, { words })
    expect(text).toContain('PostgreSQL 19 is not among the tested versions (12 to 18)')
    expect(text).toContain('Patroni manages this configuration')
  })
})

describe('verify', () => {
  const arrived = { id: 'archive-round-trip', verdict: { kind: 'pass', detail: { code: 'identical', params: { segment: '000000010000000000000004', elapsedMs: 41 } } } } as const

  it('is a checklist in the order of the procedure, with what was proved', () => {
    const pass = { id: 'archive-mode', verdict: { kind: 'pass' } } as const
    expect(verifyText([reportOf(pass, arrived, skipped('replication-login', 'no-wal-senders'), skipped('x', 'not-applicable'))], PLAIN, { words })).toBe(`15/main · PostgreSQL 15.20 · Debian · port 5432 · running
  /var/lib/postgresql/15/main

✔ archive-mode        archive_mode is on
✔ archive-round-trip  000000010000000000000004 archived in 41 ms, identical to
                      the server's
○ replication-login   max_wal_senders is 0

Archiving works: a segment written just now is in the archive.`)
  })

  it('claims nothing that was not tested', () => {
    expect(verifyText([reportOf(...passes(1), skipped('archive-round-trip', 'server-down'))], CHINESE, { words })).toContain('尚未證明歸檔有效')
    const login = { id: 'replication-login', verdict: { kind: 'pass', detail: { code: 'in', params: {} } } } as const
    expect(verifyText([reportOf(login, skipped('archive-round-trip', 'in-recovery'))], PLAIN, { words })).toContain('archiving is not proved')
    expect(verifyText([reportOf({ id: 'archive-round-trip', verdict: { kind: 'pass', detail: { code: 'reported', params: {} } } })], PLAIN, { words })).toContain('was not seen')
    expect(verifyText([reportOf(archiveMode, arrived)], PLAIN, { words })).toContain('Archiving is not proved.')
  })
})
