// https://www.postgresql.org/docs/current/view-pg-hba-file-rules.html
import { hbaFact } from '../facts/hba.ts'
import { serverFact } from '../facts/server.ts'
import { strayFilesFact } from '../facts/stray-files.ts'
import { cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

export default defineCheck({
  id: 'hba-loads',
  source: 'https://www.postgresql.org/docs/current/view-pg-hba-file-rules.html',
  needs: { hba: hbaFact },
  uses: { server: serverFact, strays: strayFilesFact },

  run({ hba: { hba, complete, modified } }, { server, strays }, { cluster }) {
    if (!complete) throw cannotJudge('not-readable', { target: cluster.hbaFile })
    const broken = hba.errors.filter(({ fatal }) => fatal)
      .map(({ file, line, message }) => finding('broken', 'error', { reason: message }, { at: line > 0 ? { file, line } : { file } }))
    if (broken.length > 0) return broken
    const stray = strays.ok ? strays.value.hba : undefined
    const other = stray?.edited === true && stray.modified > modified
      ? [finding('other-file', 'info', { path: stray.path, hbaFile: cluster.hbaFile, changed: stray.modified.toISOString() }, { at: { file: stray.path } })]
      : []
    if (server.ok && modified > server.value.configurationLoadedAt) {
      return [finding('not-reloaded', 'warning', { changed: modified.toISOString() }, { at: { file: cluster.hbaFile }, fix: { kind: 'in-force' } }), ...other]
    }
    return other
  },

  text: {
    en: {
      title: 'the server can load pg_hba.conf, and has',
      about: 'With one bad line a reload keeps all the old rules and only the log says so; the next restart then leaves the server down. pg_hba_file_rules shows the file as it is now, not what the server has loaded, so the time of the last change is compared with the time of the last load.',
      findings: {
        broken: {
          message: 'the server would not start with this pg_hba.conf: {reason}',
          why: 'A reload keeps the old rules silently; at the next restart the server stays down: "could not load pg_hba.conf".',
          remedy: 'correct that line, then reload; `pgwal hba` reads the file as the server does',
        },
        'not-reloaded': {
          message: 'pg_hba.conf was changed at {changed}, after the server last read it',
          why: 'The server goes on with the old rules, whatever the file says.',
          remedy: 'as a superuser: SELECT pg_reload_conf()',
        },
        'other-file': {
          message: '{path} was changed at {changed} and has no effect: this server reads {hbaFile}',
          why: 'The file lies in the data directory, but hba_file names another one, which was not changed since.',
          remedy: 'write the rules that are meant into {hbaFile}, reload, and move the other file away',
        },
      },
    },
    'zh-TW': {
      title: '伺服器能夠載入 pg_hba.conf，且已經載入',
      about: '只要有一行錯誤，重新載入就會保留全部舊規則，而且只寫入記錄檔；下次重新啟動時伺服器將無法啟動。pg_hba_file_rules 顯示的是檔案目前的內容，而非伺服器已載入的內容，因此這裡比對最後修改時間與最後載入時間。',
      findings: {
        broken: {
          message: '伺服器無法以這個 pg_hba.conf 啟動：{reason}',
          why: '重新載入會默默保留舊規則；下次重新啟動時伺服器將無法啟動：「could not load pg_hba.conf」。',
          remedy: '修正該行後重新載入；`pgwal hba` 會以伺服器的方式讀取這個檔案',
        },
        'not-reloaded': {
          message: 'pg_hba.conf 於 {changed} 修改，晚於伺服器最後一次讀取',
          why: '無論檔案內容為何，伺服器仍沿用舊規則。',
          remedy: '以超級使用者執行：SELECT pg_reload_conf()',
        },
        'other-file': {
          message: '{path} 於 {changed} 修改，但沒有作用：此伺服器讀取的是 {hbaFile}',
          why: '該檔案位於資料目錄中，但 hba_file 指定的是另一個檔案，而後者在那之後並未修改。',
          remedy: '將想要的規則寫入 {hbaFile} 並重新載入，再移走另一個檔案',
        },
      },
    },
  },
})
