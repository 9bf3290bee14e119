import { describe, expect, it } from 'vitest'
import { findArchiverLines } from '../../src/facts/log-lines.ts'

const COMMAND = "cp %p /mnt/walarchive/%f"
const RAN = 'cp pg_wal/000000010000000000000007 /mnt/walarchive/000000010000000000000007'

describe('text', () => {
  it('a counted failure: the command\'s words, the status, the command as it was run', () => {
    const log = [
      '2026-03-01 12:00:00.000 UTC [10] LOG:  database system is ready to accept connections',
      "cp: cannot create regular file '/mnt/walarchive/000000010000000000000007': No such file or directory",
      '2026-03-01 12:00:01.123 UTC [12] LOG:  archive command failed with exit code 1',
      `2026-03-01 12:00:01.123 UTC [12] DETAIL:  The failed archive command was: ${RAN}`,
      '2026-03-01 12:00:02.000 UTC [11] LOG:  checkpoint starting: time',
      '',
    ].join('\n')
    expect(findArchiverLines(log, 'stderr', COMMAND)).toEqual([{
      text: "cp: cannot create regular file '/mnt/walarchive/000000010000000000000007': No such file or directory (archive command failed with exit code 1)",
      message: 'archive command failed with exit code 1',
      cause: "cp: cannot create regular file '/mnt/walarchive/000000010000000000000007': No such file or directory",
      command: RAN, exitCode: 1, time: '2026-03-01 12:00:01.123 UTC',
    }])
  })

  it('one that is not counted, and one by a signal', () => {
    const log = [
      'sh: 1: /no/such: not found',
      '2026-03-01 12:00:01.123 UTC [12] FATAL:  archive command failed with exit code 127',
      '2026-03-01 12:00:01.123 UTC [12] DETAIL:  The failed archive command was: /no/such x',
      '2026-03-01 12:00:05.123 UTC [13] FATAL:  archive command was terminated by signal 9: Killed',
    ].join('\n')
    expect(findArchiverLines(log, 'stderr')).toMatchObject([{ exitCode: 127, cause: 'sh: 1: /no/such: not found' }, { signal: 9 }])
  })

  it('in another language, by the text of the command', () => {
    const log = [
      '2026-03-01 12:00:01.123 CET [12] LOG:  Archivbefehl ist fehlgeschlagen mit Statuscode 1',
      `2026-03-01 12:00:01.123 CET [12] DETAIL:  Der fehlgeschlagene Archivbefehl war: ${RAN}`,
      `2026-03-01 12:00:02.123 CST [12] 日誌:  封存命令失敗，結束代碼 2`,
      `2026-03-01 12:00:02.123 CST [12] 詳細內容:  失敗的封存命令: ${RAN}`,
    ].join('\n')
    expect(findArchiverLines(log, 'stderr', COMMAND)).toMatchObject([{ exitCode: 1, command: RAN }, { command: RAN }])
  })

  it('without a prefix, with Debian\'s, and with a message of several lines', () => {
    expect(findArchiverLines('LOG:  archive command failed with exit code 1\n', 'stderr')).toHaveLength(1)
    expect(findArchiverLines('2026-03-01 12:00:01.123 UTC [12] [unknown]@[unknown] LOG:  archive command failed with exit code 1\n', 'stderr')).toHaveLength(1)
    expect(findArchiverLines('LOG:  statement: select 1\n\tarchive command failed, says my table\nLOG:  x\n', 'stderr')).toEqual([
      expect.objectContaining({ message: 'statement: select 1\narchive command failed, says my table' })])
  })

  it('nothing about the archiver', () => {
    expect(findArchiverLines('2026-03-01 12:00:00 UTC [1] LOG:  checkpoint complete: wrote 3 buffers\n2026-03-01 12:00:00 UTC [1] ERROR:  relation "x" does not exist\n', 'stderr', COMMAND)).toEqual([])
  })
})

it('CSV, with line breaks and quotes inside', () => {
  const row = (message: string, detail: string) => `2026-03-01 12:00:01.123 UTC,,,12,,69a,1,,2026-03-01 12:00:00 UTC,,0,LOG,00000,"${message}","${detail}",,,,,,,,"","archiver",,0\n`
  const log = row('statement: select ""1""\n, 2', '') + row('archive command failed with exit code 1', `The failed archive command was: ${RAN}`)
  expect(findArchiverLines(log, 'csvlog', COMMAND)).toMatchObject([{ exitCode: 1, command: RAN, time: '2026-03-01 12:00:01.123 UTC' }])
})

it('JSON, and a line that is cut', () => {
  const log = `{"timestamp":"2026-03-01 12:00:01.123 UTC","error_severity":"LOG","message":"archive command failed with exit code 1","detail":"The failed archive command was: ${RAN}"}\n{"timestamp":"2026-`
  expect(findArchiverLines(log, 'jsonlog', COMMAND)).toMatchObject([{ exitCode: 1, command: RAN }])
})
