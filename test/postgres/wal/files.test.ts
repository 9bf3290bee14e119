import { describe, expect, it } from 'vitest'
import { parseBackupHistory } from '../../../src/postgres/wal/backup-history.ts'
import { parseHistory } from '../../../src/postgres/wal/history-file.ts'

describe('parseHistory', () => {
  it('reads what PostgreSQL writes', () => {
    expect(parseHistory('1\t0/3000158\tno recovery target specified\n\n2\t1/A0000000\tbefore 2024-05-01 10:00:00+02\n', 3)).toEqual({
      parents: [
        { timeline: 1, switchLsn: 0x3000158n, reason: 'no recovery target specified' },
        { timeline: 2, switchLsn: 0x1A0000000n, reason: 'before 2024-05-01 10:00:00+02' },
      ],
      problems: [],
    })
  })

  it('takes timelines as decimal, comments and missing reasons', () => {
    expect(parseHistory('# by hand\n10\t0/5000000\n', 11).parents).toEqual([{ timeline: 10, switchLsn: 0x5000000n, reason: '' }])
  })

  it.each([
    ['', [{ code: 'empty' }]],
    ['one\t0/1\tx\n', [{ code: 'syntax', line: 1 }]],
    ['1\t0:1\tx\n', [{ code: 'syntax', line: 1 }]],
    ['1\t0/1\ta\n1\t0/2\tb\n', [{ code: 'order', line: 2 }]],
    ['3\t0/1\ta\n', [{ code: 'order', line: 1 }]],
  ])('%j', (text, problems) => {
    expect(parseHistory(text, 3).problems).toEqual(problems)
  })
})

describe('parseBackupHistory', () => {
  const text = `START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
STOP WAL LOCATION: 0/2000138 (file 000000010000000000000002)
CHECKPOINT LOCATION: 0/2000060
BACKUP METHOD: streamed
BACKUP FROM: primary
START TIME: 2024-05-01 10:00:00 UTC
LABEL: nightly: full, "all"
START TIMELINE: 1
STOP TIME: 2024-05-01 10:01:00 UTC
STOP TIMELINE: 2
`
  it('reads every field', () => {
    expect(parseBackupHistory(text)).toEqual({
      start: { lsn: 0x2000028n, segment: '000000010000000000000002' },
      stop: { lsn: 0x2000138n, segment: '000000010000000000000002' },
      checkpoint: 0x2000060n, method: 'streamed', from: 'primary', label: 'nightly: full, "all"',
      startTime: '2024-05-01 10:00:00 UTC', stopTime: '2024-05-01 10:01:00 UTC', startTimeline: 1, stopTimeline: 2,
    })
  })

  it('reads a backup_label, and an incremental one', () => {
    const label = text.split('\n').filter((line) => !line.startsWith('STOP')).join('\n')
    expect(parseBackupHistory(label)).not.toHaveProperty('stop')
    expect(parseBackupHistory(`${label}INCREMENTAL FROM LSN: 0/1000028\nINCREMENTAL FROM TLI: 1\n`)).toMatchObject({ incrementalFrom: 0x1000028n })
  })

  it.each(['', 'LABEL: x\n', 'START WAL LOCATION: 0/2000028\n', text.replace('STOP WAL LOCATION: 0/', 'STOP WAL LOCATION: ')])('undefined for %j', (broken) => {
    expect(parseBackupHistory(broken)).toBeUndefined()
  })
})
