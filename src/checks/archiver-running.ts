// https://www.postgresql.org/docs/current/monitoring-stats.html: backend_type archiver
import { archiverFact } from '../facts/archiver.ts'
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import { processesFact } from '../facts/processes.ts'
import { serverFact } from '../facts/server.ts'
import { CannotJudge, cannotJudge, defineCheck } from './check.ts'
import { archivesNow } from './support/archives-now.ts'
import { finding } from './support/finding.ts'
import { inForce } from './support/settings.ts'

export default defineCheck({
  id: 'archiver-running',
  source: 'https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL',
  needs: { settings: effectiveSettingsFact },
  uses: { archiver: archiverFact, processes: processesFact, server: serverFact },

  run({ settings }, { archiver, processes, server }, { cluster }) {
    if (!cluster.running) throw cannotJudge('server-down')
    archivesNow(settings, server, processes)
    if (archiver.ok && archiver.value.present === false && archiver.value.inRecovery === true && inForce(settings, 'archive_mode') === 'on') throw cannotJudge('in-recovery')
    const seen = archiver.ok ? archiver.value.present : null
    const present = seen ?? (processes.ok ? processes.value.some(({ role }) => role === 'archiver') : undefined)
    if (present === undefined) throw archiver.ok ? cannotJudge('no-privilege', server.ok ? { user: server.value.login } : {}) : new CannotJudge(archiver.why)
    return present ? [] : [finding('not-running', 'error')]
  },

  text: {
    en: {
      title: 'the archiver process is there',
      about: 'With archive_mode on the server has one archiver process. It ends when the archive command exits with a status above 125 or is killed, or when a library cannot be loaded, and is started again after a pause; none of that is counted in pg_stat_archiver. Seen in pg_stat_activity (14 and newer) or among the server\'s child processes.',
      findings: {
        'not-running': {
          message: 'archive_mode is on, but there is no archiver process',
          why: 'Nothing is archived now. The archiver dies when its command cannot be started (exit 127 or 126) or is killed, and pg_stat_archiver does not count that as a failure.',
          remedy: 'read the newest FATAL lines of the server\'s log, correct the archive command, then `pgwal verify`',
        },
      },
    },
    'zh-TW': {
      title: 'archiver 行程存在',
      about: 'archive_mode 開啟時，伺服器會有一個 archiver 行程。當歸檔命令的結束狀態大於 125、被訊號終止，或程式庫無法載入時，它會結束，並在一段時間後重新啟動；這些都不會計入 pg_stat_archiver。這裡從 pg_stat_activity（14 版起）或伺服器的子行程中查看。',
      findings: {
        'not-running': {
          message: 'archive_mode 已開啟，但沒有 archiver 行程',
          why: '目前沒有任何內容被歸檔。歸檔命令無法啟動（結束狀態 127 或 126）或被終止時，archiver 就會結束，而 pg_stat_archiver 不會將其計為失敗。',
          remedy: '查看伺服器記錄檔中最新的 FATAL 訊息，修正歸檔命令後執行 `pgwal verify`',
        },
      },
    },
  },
})
