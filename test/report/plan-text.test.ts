import { describe, expect, it } from 'vitest'
import { diffLines, planText, type StepView } from '../../src/report/plan-text.ts'
import { columns, PLAIN } from '../../src/report/style.ts'

const diff = `--- /etc/postgresql/15/main/postgresql.conf
+++ /etc/postgresql/15/main/postgresql.conf
@@ -241,2 +241,3 @@
 #archive_mode = off
+archive_mode = on
-primary_conninfo = 'password=hunter2'
\t#\u001b[31m
`
const steps: readonly StepView[] = [
  { kind: 'make-directory', path: '/var/lib/postgresql/backups/wal', owner: 'postgres', mode: '0700', creates: true },
  { kind: 'write-file', path: '/etc/postgresql/15/main/postgresql.conf', diff },
  { kind: 'sql', about: 'archive_timeout', statements: ["ALTER SYSTEM SET archive_timeout = '5min'"] },
  { kind: 'restart' },
]
const effects = { restart: true, reload: false, connectionsDropped: 7, restartFor: ['archive_mode'] }

describe('a plan', () => {
  it('is a row a step, with the diff below and the details in one column', () => {
    expect(planText(steps, effects, PLAIN, { service: 'postgresql@15-main' })).toBe(`  create  /var/lib/postgresql/backups/wal   postgres 0700
  edit    /etc/postgresql/15/main/postgresql.conf
          @@ -241,2 +241,3 @@
           #archive_mode = off
          +archive_mode = on
          -primary_conninfo = 'password=••••'
          \\t#\\x1b[31m
  run     archive_timeout
          ALTER SYSTEM SET archive_timeout = '5min'
  restart postgresql@15-main                7 connections will drop`)
  })

  it('lines up in Chinese as well', () => {
    const lines = planText(steps, effects, { ...PLAIN, locale: 'zh-TW' }, { service: 'postgresql@15-main' }).split('\n')
    const at = (part: string) => {
      const line = lines.find((one) => one.includes(part))!
      return columns(line.slice(0, line.indexOf(part)))
    }
    expect(lines[0]).toMatch(/^ {2}建立 {5}/)
    expect(new Set(['/var/lib', '/etc', '@@', 'postgresql@15'].map(at)).size).toBe(1)
    expect(at('postgres 0700')).toBe(at('將中斷 7 個連線'))
  })

  it('says what happens to connections', () => {
    const restart = (connectionsDropped: number | null) => planText([{ kind: 'restart' }], { ...effects, connectionsDropped }, PLAIN, { service: 's' })
    expect(restart(1)).toBe('  restart s   1 connection will drop')
    expect(restart(0)).toContain('no connection is open')
    expect(restart(null)).toContain('open connections will drop')
    expect(planText([{ kind: 'reload' }], effects, PLAIN, { service: 's' })).toBe('  reload s')
  })

  it('says what will wait for a restart that it does not do', () => {
    const without = { ...effects, restart: false, restartFor: ['archive_mode', 'wal_level'] }
    expect(planText([{ kind: 'reload' }], without, PLAIN, { service: 's' })).toBe('  reload s\n  ▲ archive_mode, wal_level wait for a restart, which is not part of this')
  })

  it('shows the beginning of a long new file, and all of it with verbose', () => {
    const script: StepView = { kind: 'write-file', path: '/x.sh', creates: true, owner: 'postgres', mode: '0755', diff: `@@ -0,0 +1,30 @@\n${Array.from({ length: 30 }, (_, line) => `+line ${line}\n`).join('')}` }
    expect(planText([script], effects, PLAIN, { service: 's' })).toMatch(/\+line 2\n +27 more lines: --verbose$/)
    expect(planText([script], effects, PLAIN, { service: 's', verbose: true })).toMatch(/\+line 29$/)
  })

  it('says of a file that goes that it goes', () => {
    const step: StepView = { kind: 'write-file', path: '/x.sh', diff: '--- /x.sh\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-line\n' }
    expect(planText([step], effects, PLAIN, { service: 's' })).toBe('  remove /x.sh\n         @@ -1,1 +0,0 @@\n         -line')
    const text: StepView = { ...step, diff: '--- /x.sh\n+++ /x.sh\n@@ -1,1 +1,1 @@\n-line\n+++ /dev/null\n' }
    expect(planText([text], effects, PLAIN, { service: 's' })).toMatch(/^ {2}edit /)
  })

  it('colours what is added and taken away', () => {
    const [head, , added, removed] = diffLines(diff, { ...PLAIN, colour: 1 }).flatMap((line) => line(70))
    expect(head).toBe('\u001b[36m@@ -241,2 +241,3 @@\u001b[39m')
    expect(added).toBe('\u001b[32m+archive_mode = on\u001b[39m')
    expect(removed).toBe("\u001b[31m-primary_conninfo = 'password=••••'\u001b[39m")
  })

  it('has nothing to show of two equal files', () => {
    expect(diffLines('--- a\n+++ b\n', PLAIN)).toEqual([])
  })
})
