import { describe, expect, it } from 'vitest'
import { messages } from '../../src/messages/messages.ts'
import { checksText, checkText } from '../../src/report/checks-text.ts'
import { clustersText } from '../../src/report/clusters-text.ts'
import { historyText, type RunView } from '../../src/report/history-text.ts'
import { endingText, outcomeText } from '../../src/report/outcome-text.ts'
import { columns, PLAIN, type Style } from '../../src/report/style.ts'
import { duration, size } from '../../src/report/words.ts'
import { cluster, words } from './example.ts'

const CHINESE: Style = { ...PLAIN, locale: 'zh-TW' }

describe('outcomes', () => {
  it('tells of a failure as the moment when people need us most', () => {
    const lines = [
      { status: 'failed', code: 'start-failed', log: ['FATAL:  could not map anonymous shared memory: Cannot allocate memory'] },
      { status: 'done', code: 'files-restored', params: { count: 2 } },
      { status: 'done', code: 'server-restored', params: { downMs: 3100 } },
    ] as const
    expect(lines.map((line) => outcomeText(line, PLAIN)).join('\n')).toBe(`✖ the server did not start with the new configuration
    FATAL:  could not map anonymous shared memory: Cannot allocate memory
  ✔ 2 files put back, byte for byte
  ✔ the server runs again with the old configuration (down for 3.1 s)`)
  })

  it('agrees in number, and has Chinese words', () => {
    expect(outcomeText({ status: 'done', code: 'files-restored', params: { count: 1 } }, PLAIN)).toBe('  ✔ 1 file put back, byte for byte')
    expect(outcomeText({ status: 'done', code: 'restarted', params: { elapsedMs: 1400 } }, CHINESE)).toBe('  ✔ 已重新啟動，費時 1.4 秒')
    expect(endingText('applied', { command: 'pgwal undo' }, CHINESE)).toBe('隨時可以復原：pgwal undo')
  })

  it('chooses the form of which it knows everything', () => {
    expect(outcomeText({ status: 'warned', code: 'overwritten', params: { path: '/x', copy: '/y' } }, { ...PLAIN, width: 100 })).toBe('  ▲ /x had been edited since, and is put back; the edited content is in /y')
    expect(outcomeText({ status: 'warned', code: 'overwritten', params: { path: '/x' } }, PLAIN)).toBe('  ▲ /x had been edited since, and is put back')
  })

  it('shows the newest lines of a long log, without what could draw or betray', () => {
    const log = [...Array.from({ length: 40 }, (_, line) => `line ${line}`), '\u001b[2Jpassword=hunter2']
    const text = outcomeText({ status: 'failed', code: 'start-failed', log }, PLAIN)
    expect(text).not.toContain('line 28\n')
    expect(text).toContain('line 39\n')
    expect(text.split('\n').at(-1)).toBe('    \\x1b[2Jpassword=••••')
  })
})

describe('clusters', () => {
  it('shows where everything is and how it was found, in columns', () => {
    expect(clustersText([cluster], PLAIN)).toBe(`15/main · PostgreSQL 15.20 · Debian · port 5432 · running
  /var/lib/postgresql/15/main
  configuration  /etc/postgresql/15/main/postgresql.conf
  access rules   /etc/postgresql/15/main/pg_hba.conf
  log            /var/log/postgresql/postgresql-15-main.log
  programs       /usr/lib/postgresql/15/bin
  owner          postgres
  service        systemd postgresql@15-main
  seen in        running postmaster 812, pg_lsclusters 15 main`)
    const values = ['/etc/postgresql/15/main/postgresql.conf', '/var/log', 'systemd', '執行中的 postmaster']
    const lines = clustersText([cluster], CHINESE).split('\n')
    expect(new Set(values.map((value) => {
      const line = lines.find((one) => one.includes(value))!
      return columns(line.slice(0, line.indexOf(value)))
    }))).toEqual(new Set([12]))
  })

  it('names a source build once', () => {
    const text = clustersText([{ ...cluster, id: '/srv/pg', dataDir: '/srv/pg', platform: 'source', running: false }], PLAIN)
    expect(text.split('\n')[0]).toBe('/srv/pg · PostgreSQL 15.20 · source build · port 5432 · down')
    expect(text.match(/\/srv\/pg/g)).toHaveLength(1)
  })

  it('tells what is odd about one, below its heading', () => {
    const notes = [{ code: 'unit-failed', params: { unit: 'postgresql@15-main', command: 'systemctl reset-failed' } }] as const
    expect(clustersText([{ ...cluster, notes }], PLAIN).split('\n')[2]).toBe('  ▲ postgresql@15-main counts as failed, although the server runs; to put it')
    expect(clustersText([{ ...cluster, major: 0, version: '?' }], PLAIN)).not.toContain('tested versions')
  })

  it('says so when there is none', () => {
    expect(clustersText([], PLAIN)).toContain('No PostgreSQL cluster')
  })
})

describe('history', () => {
  const run = (hour: number, state: RunView['state'], name = '15/main'): RunView => ({ run: `20261123-${hour}`, at: new Date(2026, 10, 23, hour).toISOString(), command: 'enable', cluster: { id: name }, state })

  it('is a table, the newest first, whatever the width of a name', () => {
    expect(historyText([run(10, 'undone'), run(11, 'applied', '/srv/資料')], PLAIN)).toBe(`run          when                 cluster    command  state
20261123-11  2026-11-23 11:00:00  /srv/資料  enable   in force
20261123-10  2026-11-23 10:00:00  15/main    enable   undone

Undo the newest: pgwal undo`)
  })

  it('points at a run that was interrupted', () => {
    expect(historyText([run(10, 'interrupted'), run(11, 'applied')], PLAIN)).toContain('pgwal undo 20261123-10')
    expect(historyText([run(10, 'undone')], PLAIN)).not.toContain('pgwal undo')
    expect(historyText([{ run: '20261123-9', at: '', command: '', state: 'unreadable' }], PLAIN)).toMatch(/^20261123-9 +not readable$/m)
    expect(historyText([], CHINESE)).toBe(messages('zh-TW').history.none)
  })
})

describe('checks', () => {
  it('lists them in one column', () => {
    const lines = checksText(words.slice(0, 3), words.slice(3), CHINESE).split('\n')
    expect(lines[0]).toBe('archive-mode        archive_mode 為 on')
    expect(lines.at(-1)).toBe('查看說明：pgwal checks ID')
  })

  it('explains one: every finding with why it matters and what to do', () => {
    const text = checkText(words[0]!, PLAIN)
    for (const part of ['WAL is handed to', 'WAL is not archived: archive_mode is {value}', 'Without archived WAL', 'set archive_mode = on', 'https://www.postgresql.org/']) expect(text).toContain(part)
  })
})

describe('numbers', () => {
  it.each([[0, '0 ms'], [41.4, '41 ms'], [999.6, '1.0 s'], [1400, '1.4 s'], [59_960, '1 min 0 s'], [125_000, '2 min 5 s'], [7_260_000, '2 h 1 min']])('%d ms is %s', (ms, text) => {
    expect(duration(ms, 'en')).toBe(text)
  })
  it.each([[0, '0 B'], [1023, '1023 B'], [1536, '1.5 kB'], [16 * 1024 ** 2, '16 MB'], [1.25 * 1024 ** 4, '1.3 TB']])('%d bytes is %s', (bytes, text) => {
    expect(size(bytes)).toBe(text)
  })
})
