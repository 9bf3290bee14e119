import { describe, expect, it } from 'vitest'
import { droppedFiles, findArchiverLines, lastLooseLine } from '../../src/facts/log-lines.ts'

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

  it('words of several lines, and what was dropped', () => {
    const log = [
      'something before',
      'ERROR: [082]: unable to push WAL file \'000000010000000000000007\' to the archive asynchronously after 3 second(s)',
      '       HINT: check \'/log/main-archive-push-async.log\' for errors.',
      '2026-03-01 12:00:01.123 UTC [12] LOG:  archive command failed with exit code 82',
      'WARN: dropped WAL file \'000000010000000000000008\' because archive queue exceeded 1GB',
    ].join('\n')
    expect(findArchiverLines(log, 'stderr')).toMatchObject([{ exitCode: 82, cause: 'ERROR: [082]: unable to push WAL file \'000000010000000000000007\' to the archive asynchronously after 3 second(s) HINT: check \'/log/main-archive-push-async.log\' for errors.' }])
    expect(droppedFiles(log)).toEqual(['000000010000000000000008'])
  })

  // PostgreSQL 15's own translations; the labels of LOG and DETAIL, an exit status, a signal, the DETAIL.
  it.each([
    ['de', 'LOG', 'DETAIL', 'Archivbefehl ist fehlgeschlagen mit Statuscode 1', 'Archivbefehl wurde von Signal 9 beendet: Getötet', 'Der fehlgeschlagene Archivbefehl war: %s'],
    ['es', 'LOG', 'DETALLE', 'la orden de archivado falló con código de retorno 1', 'la orden de archivado fue terminada por una señal 9: Terminado (killed)', 'La orden fallida era: «%s»'],
    ['fr', 'LOG', 'DÉTAIL', 'échec de la commande d\'archivage avec un code de retour 1', 'la commande d\'archivage a été terminée par le signal 9 : Processus arrêté', 'La commande d\'archivage qui a échoué était : %s'],
    ['it', 'LOG', 'DETTAGLI', 'comando di archiviazione fallito con codice di uscita 1', 'comando di archiviazione terminato dal segnale 9: Ucciso', 'Il comando di archiviazione fallito era: %s'],
    ['ja', 'LOG', '詳細', 'アーカイブコマンドがリターンコード 1で失敗しました', 'アーカイブコマンドはシグナル9により終了しました: 強制終了', '失敗したアーカイブコマンドは次のとおりです: %s'],
    ['ka', 'ჟურნალი', 'დეტალები', 'არქივაციის ბრძანების შეცდომა. შეცდომის კოდი: 1', 'არქივაციის ბრძანება დასრულდა სიგნალით 9: Killed', 'არქივირების წარუმატებლად გაშვებული ბრძანება იყო: %s'],
    ['ko', '로그', '상세정보', '아카이브 명령 실패, 종료 코드: 1', '9번 시그널로 인해 아카이브 명령이 종료됨: 죽었음', '실패한 아카이브 명령: %s'],
    ['ru', 'СООБЩЕНИЕ', 'ПОДРОБНОСТИ', 'команда архивации завершилась ошибкой с кодом 1', 'команда архивации завершена по сигналу 9: Убито', 'Команда архивации с ошибкой: %s'],
    ['sv', 'LOGG', 'DETALJ', 'arkiveringskommando misslyckades med felkod 1', 'arkiveringskommandot terminerades av signal 9: Dödad', 'Det misslyckade arkiveringskommandot var: %s'],
    ['uk', 'ЗАПИСУВАННЯ', 'ВІДОМОСТІ', 'команда архівації завершилась помилкой з кодом 1', 'команда архівації була перервана сигналом 9: Вбито', 'Команда архівації з помилкою: %s'],
    ['zh_CN', '日志', '详细信息', '归档命令执行失败，退出代码为 1', '归档命令被信号9终止：已杀死', '执行失败的归档命令是: %s'],
    ['zh_TW', '日誌', '詳細內容', '封存命令失敗，結束代碼 1', '封存命令被信號 9 結束: 已砍掉', '失敗的封存命令: %s'],
  ])('in %s: by the command as it was run, and the place of the number', (_language, log, part, exited, killed, detail) => {
    const lines = [exited, killed].flatMap((message) => [
      `2026-03-01 12:00:01.123 CET [12] ${log}:  ${message}`,
      `2026-03-01 12:00:01.123 CET [12] ${part}:  ${detail.replace('%s', RAN)}`,
      `2026-03-01 12:00:02.000 CET [11] ${log}:  checkpoint 7: 8`,
    ])
    const found = findArchiverLines(lines.join('\n'), 'stderr', COMMAND)
    expect(found).toMatchObject([{ exitCode: 1 }, { signal: 9 }])
    expect(found[0]!.command).toContain(RAN)
    // Also a command of a few letters.
    expect(findArchiverLines(lines.join('\n').replaceAll(RAN, 'x pg_wal/000000010000000000000007'), 'stderr', 'x %p')).toMatchObject([{ exitCode: 1 }, { signal: 9 }])
  })

  it('a crash on Windows', () => {
    expect(findArchiverLines('LOG:  archive command was terminated by exception 0xC0000005\nHINT:  See C include file "ntstatus.h" for a description of the hexadecimal value.', 'stderr')).toMatchObject([{ exception: '0xC0000005' }])
    expect(findArchiverLines('LOG:  アーカイブコマンドが例外0xC0000005で終了しました\nDETAIL:  失敗した: copy "pg_wal\\000000010000000000000007" "C:\\a\\000000010000000000000007"', 'stderr', 'copy "%p" "C:\\a\\%f"')).toMatchObject([{ exception: '0xC0000005' }])
  })

  it('an error of a library is its own cause', () => {
    expect(findArchiverLines('2026-03-01 12:00:01 UTC [12] ERROR:  could not create file "/a/archtemp.000000010000000000000007.12.1": No such file or directory', 'stderr')).toMatchObject([
      { cause: 'could not create file "/a/archtemp.000000010000000000000007.12.1": No such file or directory' }])
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
  const row = (message: string, detail: string, backend = 'archiver', severity = 'LOG', state = '00000') => `2026-03-01 12:00:01.123 UTC,,,12,,69a,1,,2026-03-01 12:00:00 UTC,,0,${severity},${state},"${message}","${detail}",,,,,,,,"","${backend}",,0\n`
  const log = row('statement: select ""1""\n, 2', '', 'client backend') + row('archive command failed with exit code 1', `The failed archive command was: ${RAN}`)
  expect(findArchiverLines(log, 'csvlog', COMMAND)).toMatchObject([{ exitCode: 1, command: RAN, time: '2026-03-01 12:00:01.123 UTC' }])
  // The column says who writes: the words may be of any language, and the command another by now.
  const translated = row('Archivbefehl ist fehlgeschlagen mit Statuscode 3', 'Der fehlgeschlagene Archivbefehl war: something else')
    + row('konnte Datei »/a/archtemp.1« nicht erstellen: Keine Berechtigung', '', 'archiver', 'FEHLER', '42501') + row('starte neu', '')
  expect(findArchiverLines(translated, 'csvlog', COMMAND)).toMatchObject([{ exitCode: 3 }, { cause: expect.stringContaining('Keine Berechtigung') as string }])
})

it('JSON, and a line that is cut', () => {
  const log = `{"timestamp":"2026-03-01 12:00:01.123 UTC","error_severity":"LOG","message":"archive command failed with exit code 1","detail":"The failed archive command was: ${RAN}"}\n{"timestamp":"2026-`
  expect(findArchiverLines(log, 'jsonlog', COMMAND)).toMatchObject([{ exitCode: 1, command: RAN }])
})

it('what a command printed where the messages go elsewhere', () => {
  expect(lastLooseLine("2026-03-01 12:00:00 UTC [1] LOG:  ending log output to stderr\n2026-03-01 12:00:00 UTC [1] HINT:  Future log output will go to log destination \"csvlog\".\ncp: first\ncp: second\n")).toBe('cp: second')
  expect(lastLooseLine('LOG:  x\n')).toBeUndefined()
})
