// Why an archive command failed, from how it ended and from what it printed.
// Statuses: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02
import type { ArchiverLine } from '../../facts/log-lines.ts'

export type ArchivingCause =
  | 'program-not-found' | 'program-not-executable' | 'connection-failed' | 'timed-out' | 'killed' | 'system-call-blocked' | 'crashed'
  | 'permission-denied' | 'no-such-file' | 'read-only' | 'no-space' | 'quota-exceeded' | 'io-error' | 'name-refused' | 'in-use'
  | 'other'

/** Messages of the C library, which programs print as they are: English first, then as its own catalogues translate them (de, es, fr, it, ja, ko, pl, pt_BR, ru, sv, tr, uk, zh_CN, zh_TW); then Windows' own for the same. */
const ERRORS: readonly (readonly [ArchivingCause, readonly string[]])[] = [
  ['no-space', ['No space left on device', 'There is not enough space on the disk', 'kein Speicherplatz mehr verfügbar', 'No queda espacio en el dispositivo', 'Aucun espace disponible sur le périphérique', 'Spazio esaurito sul device', 'デバイスに空き領域がありません', '장치에 남은 공간이 없음', 'Brak miejsca na urządzeniu', 'Não há espaço disponível no dispositivo', 'На устройстве не осталось свободного места', 'Enheten är full', 'Aygıt üzerinde boş yer yok', 'Недостатньо місця на пристрої', '设备上没有空间', '裝置上已無多餘空間', '磁碟空間不足', '磁盘空间不足', 'nicht genügend Speicherplatz auf dem Datenträger', 'Espace insuffisant sur le disque', 'Espacio en disco insuficiente', 'ディスクに十分な空き領域がありません']],
  ['quota-exceeded', ['Disk quota exceeded', '(Quota) ist überschritten', 'Se ha excedido la cuota de disco', "Débordement du quota d'espace disque", 'Quota disco superata', 'ディスク使用量制限を超過しました', '디스크 할당량이 초과됨', 'Przekroczony limit dyskowy', 'Cota da disco excedida', 'Превышена дисковая квота', 'Diskkvot överskriden', 'Disk kotası aşıldı', 'Перевищено квоту диска', '超出磁盘限额', '磁碟配額已滿']],
  ['read-only', ['Read-only file system', 'Das Dateisystem ist nur lesbar', 'Sistema de ficheros de sólo lectura', 'Système de fichiers accessible en lecture seulement', 'File system in sola lettura', '読み込み専用ファイルシステム', '읽기전용 파일 시스템', 'System plików wyłącznie do odczytu', 'Sistema de arquivos somente para leitura', 'Файловая система доступна только для чтения', 'Skrivskyddat filsystem', 'Salt-okunur dosya sistemi', 'Файлова система тільки для зчитування', '只读文件系统', '唯讀的檔案系統']],
  ['in-use', ['being used by another process', 'von einem anderen Prozess verwendet', '正由另一個程序使用']],
  ['permission-denied', ['Permission denied', 'Operation not permitted', 'Access is denied', 'Keine Berechtigung', 'Die Operation ist nicht erlaubt', 'Permiso denegado', 'Operación no permitida', 'Permission non accordée', 'Opération non permise', 'Permesso negato', 'Operazione non permessa', '許可がありません', '許可されていない操作です', '허가 거부', '명령을 허용하지 않음', 'Brak dostępu', 'Operacja niedozwolona', 'Permissão negada', 'Operação não permitida', 'Отказано в доступе', 'Операция не позволена', 'Åtkomst nekas', 'Operationen inte tillåten', 'Erişim engellendi', 'İşleme izin verilmedi', 'Відмовлено у доступі', 'Дію заборонено', '权限不够', '不允许的操作', '拒絕不符權限的操作', '此項操作並不被允許', '存取被拒', '拒绝访问', 'Zugriff verweigert', 'Accès refusé', 'Acceso denegado', 'アクセスが拒否されました']],
  ['io-error', ['Input/output error', 'Stale file handle', 'Transport endpoint is not connected', 'Eingabe-/Ausgabefehler', 'Error de entrada/salida', "Erreur d'entrée/sortie", 'Errore di input/output', '入力/出力エラー', '입력/출력 오류', 'Błąd wejścia/wyjścia', 'Erro de entrada/saída', 'Ошибка ввода/вывода', 'In/ut-fel', 'Girdi/Çıktı hatası', 'Помилка введення-виведення', '输入/输出错误', '輸入/輸出錯誤', '過舊的檔案控柄']],
  ['connection-failed', ['Host key verification failed', 'Connection refused', 'Connection timed out', 'Connection reset by peer', 'Could not resolve host', 'Name or service not known', 'No route to host', 'Network is unreachable', 'Permission denied (publickey', 'Unable to locate credentials', 'ExpiredToken', 'InvalidAccessKeyId', 'Could not connect to the endpoint']],
  ['no-such-file', ['No such file or directory', 'The system cannot find the path specified', 'The system cannot find the file specified', 'Datei oder Verzeichnis nicht gefunden', 'No existe el fichero o el directorio', 'Aucun fichier ou dossier de ce type', 'File o directory non esistente', 'そのようなファイルやディレクトリはありません', '그런 파일이나 디렉터리가 없습니다', 'Nie ma takiego pliku ani katalogu', 'Arquivo ou diretório inexistente', 'Нет такого файла или каталога', 'Filen eller katalogen finns inte', 'Böyle bir dosya ya da dizin yok', 'Немає такого файла або каталогу', '没有那个文件或目录', '沒有此一檔案或目錄', '系統找不到指定的路徑', '系統找不到指定的檔案', '系统找不到指定的路径', '系统找不到指定的文件', 'Das System kann den angegebenen Pfad nicht finden', 'Das System kann die angegebene Datei nicht finden', '指定されたパスが見つかりません', '指定されたファイルが見つかりません']],
]

const SEGMENT = /^[0-9A-F]{24}$/
/** Ended by the shell for a child that was killed: 128 and the number of the signal. */
const SIGNALLED = 128
const SIGSYS: ReadonlySet<number> = new Set([31, 12])

/**
 * @param next the file that the archiver is at
 */
export function archivingCause(line: ArchiverLine, next?: string): ArchivingCause {
  if (line.exception !== undefined) return 'crashed'
  const text = [line.cause ?? '', line.message].join('\n')
  const told = ERRORS.find(([cause, words]) => cause === 'connection-failed' && words.some((word) => text.includes(word)))?.[0] ?? ERRORS.find(([, words]) => words.some((word) => text.includes(word)))?.[0]
  const { exitCode = 0 } = line
  const signal = line.signal ?? (exitCode > SIGNALLED && exitCode < SIGNALLED + 65 ? exitCode - SIGNALLED : undefined)
  if (signal !== undefined) return SIGSYS.has(signal) ? 'system-call-blocked' : 'killed'
  if (exitCode === 127) return 'program-not-found'
  if (exitCode === 126) return 'program-not-executable'
  if (exitCode === 255) return 'connection-failed'
  if (told !== undefined) return told
  // timeout(1) says so by its status alone.
  if (exitCode === 124) return 'timed-out'
  if (next !== undefined && !SEGMENT.test(next)) return 'name-refused'
  return 'other'
}
