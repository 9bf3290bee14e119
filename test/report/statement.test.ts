import { expect, it } from 'vitest'
import { LOCALES } from '../../src/messages/locale.ts'
import { statementLines } from '../../src/report/statement.ts'
import type { Statement } from '../../src/report/statement.ts'

// Times are told in the zone of whoever reads.
process.env['TZ'] = 'Asia/Taipei'

const bare: Statement = { notProved: ['archiving', 'restore', 'base-backup'] }
const full: Statement = {
  archivedUntil: '2026-03-01T12:00:00.000Z', ageMs: 1500,
  drill: { at: '2026-03-01T12:00:01.000Z', outcome: 'proved', thisRun: true, bytes: 24 << 20, elapsedMs: 1200 },
  backup: { label: 'nightly', startTime: '2026-02-28 03:00:00 UTC', segment: '000000010000000000000004' },
  notProved: ['other-backups'],
}

it('claims nothing that was not seen', () => {
  expect(statementLines(bare, 'en')).toEqual([
    'How far the archive reaches is not known.',
    'No restore from this archive is on record.',
    'No base backup is known: an archive without one restores nothing.',
    'Not proved: that new segments reach the archive, that a restore works (pgwal verify --drill), that there is a base backup.',
  ])
})

it('says how and when each thing was proved', () => {
  const lines = statementLines(full, 'en').join('\n')
  expect(lines).toContain('Everything committed until 2026-03-01 20:00:00+08:00 is in the archive (1.5 s ago).')
  expect(lines).toContain('(24 MB) was restored from the archive to a mark written for it, just now, in 1.2 s.')
  expect(lines).toContain('"nightly", begun 2026-02-28 03:00:00 UTC')
  expect(lines).toContain('Not proved: that this backup is still there and complete.')
  expect(statementLines({ ...full, drill: { ...full.drill!, thisRun: false } }, 'en').join('\n')).toContain('was last restored from the archive at 2026-03-01 20:00:01+08:00')
  expect(statementLines({ ...full, drill: { at: 'x', outcome: 'failed', thisRun: true, code: 'segment-missing' } }, 'en').join('\n')).toContain('failed at x (segment-missing)')
})

const proved = { at: '2026-03-01T12:00:01.000Z', path: '/backups/one', begunAt: '2026-02-28T03:00:00.000Z', target: 'now' }

it('a kept backup: proved now, proved before, or not', () => {
  const say = (more: Partial<Statement>): string => statementLines({ ...bare, ...more }, 'en').join('\n')
  expect(say({ provedBackup: { ...proved, thisRun: true } })).toContain('Proved: the backup /backups/one (begun 2026-02-28 11:00:00+08:00) and the archive since then restore to now.')
  expect(say({ provedBackup: { ...proved, thisRun: false } })).toContain('Proved at 2026-03-01 20:00:01+08:00: the backup /backups/one')
  expect(say({ provedBackup: { ...proved, thisRun: false, target: 'before' } })).toMatch(/Proved at .* restored to before\./)
  expect(say({ failedBackup: { at: 'x', path: '/backups/one', code: 'backup-damaged' } })).toContain('The last restore of a kept backup (/backups/one) failed at x (backup-damaged).')
  expect(say({ failedBackup: { at: 'x', path: '/backups/one', code: 'backup-damaged' } })).not.toContain('No restore')
})

it.each(LOCALES)('leaves no name unfilled in %s', (locale) => {
  for (const statement of [bare, full, { ...bare, provedBackup: { ...proved, thisRun: false } }, { ...bare, failedBackup: { at: 'x', path: '/b', code: 'y' } }]) expect(statementLines(statement, locale).join('')).not.toMatch(/[{}]/)
})
