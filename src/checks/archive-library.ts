// https://www.postgresql.org/docs/current/archive-modules.html
// https://www.postgresql.org/docs/current/basic-archive.html
import { archiveLibraryFact } from '../facts/archive-library.ts'
import { archiveStatusFact } from '../facts/archive-status.ts'
import type { ArchiveStatusFact } from '../facts/archive-status.ts'
import { archiverFact } from '../facts/archiver.ts'
import type { ArchiverFact } from '../facts/archiver.ts'
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import type { Outcome } from '../facts/fact.ts'
import { logFact } from '../facts/log.ts'
import { nearestNames } from '../postgres/settings/index.ts'
import { defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { inForce, knownValue } from './support/settings.ts'

/** All parameters of a library, the one that it cannot do without first. contrib/basic_archive/basic_archive.c, 15 to 18 */
const PARAMETERS: Readonly<Record<string, readonly [needed: string, ...more: string[]]>> = { basic_archive: ['basic_archive.archive_directory'] }

/** The server's words for a library that it cannot use: dfmgr.c, pgarch.c. */
const NOT_LOADED = /could not (access file|load library|find function) |incompatible library |archive modules have to /

export default defineCheck({
  id: 'archive-library',
  source: 'https://www.postgresql.org/docs/current/archive-modules.html',
  needs: { settings: effectiveSettingsFact, library: archiveLibraryFact },
  uses: { log: logFact, status: archiveStatusFact, archiver: archiverFact },

  run({ settings, library: { library, tried, found } }, { log, status, archiver }, { cluster: { major } }) {
    const { at } = settings.get('archive_library') ?? {}
    const newest = log.ok && log.value.rotated !== true ? log.value.archiverLines.at(-1) : undefined
    const archives = inForce(settings, 'archive_mode') !== 'off'
    if (found === false) return [finding('missing', 'error', { library, tried: tried.join(', '), major }, { at })]
    if (archives && newest !== undefined && NOT_LOADED.test(newest.message) && !(archiver.ok && archiver.value.present === true)) {
      return [finding('not-loaded', 'error', { library, cause: newest.message, major }, { at })]
    }

    const name = /([^\\/]+?)(\.\w+)?$/.exec(library)?.[1] ?? library
    const known = PARAMETERS[name]
    if (known === undefined) {
      if (!archives || newest === undefined || !/archiving is not configured/.test(newest.message) || !waits(status, archiver)) return []
      return [finding('not-configured', 'error', { library }, { at })]
    }
    const unset = (knownValue(settings.get(known[0])) ?? '') === ''
    const unknown = settings.all.filter((setting) => setting.name.startsWith(`${name}.`) && !known.includes(setting.name) && setting.lines.length > 0)
    if (unknown.length === 0) return unset && archives ? [finding('unset', 'error', { library, name: known[0] }, { at })] : []
    return unknown.map((setting) => finding('unknown-parameter', unset && archives ? 'error' : 'warning', { library, name: setting.name, meant: nearestNames(setting.name, known, 1)[0]! }, { at: setting.at }))
  },

  text: {
    en: {
      title: 'the archive library is there, and its parameters are its own',
      about: 'archive_library (15 and newer) names a file that the archiver loads. One that is missing ends the archiver each time it starts; a parameter that the library does not know is dropped with a warning in the log, and without its directory basic_archive stores nothing. None of that is counted as a failure. The file is looked for as the server does: in dynamic_library_path, with and without its suffix.',
      findings: {
        missing: {
          message: 'archive_library is {library}, but there is no such file: nothing is archived',
          why: 'The archiver ends with "could not access file" each time it is started, pg_stat_archiver counts no failure, and pg_wal grows until its disk is full. Looked for: {tried}',
          remedy: 'correct the name, or install the package that has it (basic_archive is one of the contrib modules: sudo dnf install postgresql{major}-contrib, sudo apt install postgresql-{major}); or set archive_library = \'\' and run `pgwal enable`',
          windows: 'correct the name, or put the library that belongs to PostgreSQL {major} into the server\'s lib directory; or set archive_library = \'\' and run `pgwal enable`',
        },
        'not-loaded': {
          message: 'archive_library is {library}, but the server cannot use it: {cause}',
          why: 'The archiver ends each time it is started, pg_stat_archiver counts no failure, and pg_wal grows until its disk is full.',
          remedy: 'install the library that belongs to PostgreSQL {major}, or set archive_library = \'\' and run `pgwal enable`',
        },
        'not-configured': {
          message: '{library} says that it is not configured: nothing is archived',
          why: 'The server keeps all WAL until its disk is full; no failure is counted.',
          remedy: 'set the parameters that its documentation asks for, spelt as there, and reload',
        },
        unset: {
          message: '{library} archives into the directory {name}, which is not set: nothing is archived',
          why: 'The server logs "archiving is not configured" and keeps all WAL until its disk is full; no failure is counted.',
          remedy: 'set {name} to a directory of the server\'s account, and reload',
        },
        'unknown-parameter': {
          message: '{library} has no parameter {name}; it has {meant}',
          why: 'The server takes any name with a dot for one of an extension; only the archiver notices, and removes it with a warning in the log. What it was to set is not set.',
          remedy: 'write {meant} in that line, and reload',
        },
      },
    },
    'zh-TW': {
      title: '歸檔程式庫存在，且其參數皆為它所有',
      about: 'archive_library（15 版起）指定由 archiver 載入的檔案。檔案不存在時，archiver 每次啟動都會結束；程式庫不認得的參數會被移除，只在記錄檔留下警告，而 basic_archive 沒有目錄就不會保存任何內容。這些都不會計為失敗。這裡依照伺服器的方式尋找檔案：在 dynamic_library_path 中，分別嘗試有無副檔名。',
      findings: {
        missing: {
          message: 'archive_library 為 {library}，但沒有這個檔案：沒有任何內容被歸檔',
          why: 'archiver 每次啟動都會以「could not access file」結束，pg_stat_archiver 不會計為失敗，pg_wal 將持續增長直到磁碟滿載。尋找過的位置：{tried}',
          remedy: '修正名稱，或安裝含有它的套件（basic_archive 屬於 contrib 模組：sudo dnf install postgresql{major}-contrib、sudo apt install postgresql-{major}）；或設定 archive_library = \'\' 後執行 `pgwal enable`',
          windows: '更正名稱，或將屬於 PostgreSQL {major} 的程式庫放入伺服器的 lib 目錄；或設定 archive_library = \'\' 並執行 `pgwal enable`',
        },
        'not-loaded': {
          message: 'archive_library 為 {library}，但伺服器無法使用它：{cause}',
          why: 'archiver 每次啟動都會結束，pg_stat_archiver 不會計為失敗，pg_wal 將持續增長直到磁碟滿載。',
          remedy: '安裝屬於 PostgreSQL {major} 的程式庫，或設定 archive_library = \'\' 後執行 `pgwal enable`',
        },
        'not-configured': {
          message: '{library} 表示自己尚未設定完成：沒有任何內容被歸檔',
          why: '伺服器會保留所有 WAL 直到磁碟滿載，且不會計為失敗。',
          remedy: '依照其文件設定所需的參數（拼寫須一致），並重新載入',
        },
        unset: {
          message: '{library} 歸檔至 {name} 所指的目錄，但它尚未設定：沒有任何內容被歸檔',
          why: '伺服器會記錄「archiving is not configured」並保留所有 WAL 直到磁碟滿載，且不會計為失敗。',
          remedy: '將 {name} 設為伺服器帳號所擁有的目錄，並重新載入',
        },
        'unknown-parameter': {
          message: '{library} 沒有 {name} 這個參數；它有的是 {meant}',
          why: '伺服器會把任何含有句點的名稱視為擴充模組的參數；只有 archiver 會發現並將其移除，且只在記錄檔留下警告。原本要設定的內容因此沒有設定。',
          remedy: '將該行改為 {meant}，並重新載入',
        },
      },
    },
  },
})

/** Whether something waits for the archiver that came after its last success: a queue that is being worked off is older. */
function waits(status: Outcome<ArchiveStatusFact>, archiver: Outcome<ArchiverFact>): boolean {
  if (!status.ok || status.value.oldest === undefined) return false
  const last = archiver.ok ? archiver.value.lastArchivedAt : null
  return last === null || last <= status.value.oldest.since
}
