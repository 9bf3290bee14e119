// https://www.postgresql.org/docs/current/view-pg-file-settings.html
import { configurationFact } from '../facts/configuration.ts'
import { cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

export default defineCheck({
  id: 'configuration-loads',
  source: 'https://www.postgresql.org/docs/current/view-pg-file-settings.html',
  needs: { configuration: configurationFact },

  run({ configuration: { errors, complete, unreadable } }) {
    if (errors.length === 0 && !complete) throw cannotJudge('not-readable', { target: unreadable[0]! })
    return errors.map(({ file, line, message, code, name }) => {
      const at = line > 0 ? { file, line } : { file }
      const params = { reason: message, name: name ?? '' }
      switch (code) {
        case 'unknown-name': return finding('unknown-name', 'error', params, { at })
        case 'bad-value': return finding('bad-value', 'error', params, { at })
        case 'fixed':
        case 'conflict': return finding('conflict', 'error', params, { at })
        case 'syntax':
        case 'too-many-errors': return finding('syntax', 'error', params, { at })
        default: return finding('include', 'error', params, { at })
      }
    })
  },

  text: {
    en: {
      title: 'the server would start with its configuration files',
      about: 'A running server keeps its old values when a reload meets an error, and says so only in its log; pg_reload_conf() answers true all the same. The mistake then keeps the server down at the next restart. The files are read here as the server would read them: main file, includes, postgresql.auto.conf, and the rules between settings that are only tested at start.',
      findings: {
        syntax: {
          message: 'the server would not start: {reason}',
          why: 'With a syntax error anywhere a reload changes nothing at all, and a restart leaves the server down.',
          remedy: 'correct that line; text values belong in single quotes, and a quote inside is doubled',
        },
        'unknown-name': {
          message: 'the server would not start: {reason}',
          why: 'A name that this major does not know is an error; settings come and go between majors.',
          remedy: 'correct the spelling of {name}, or remove the line',
        },
        'bad-value': {
          message: 'the server would not start: {reason}',
          why: 'A reload skips the line; a restart leaves the server down.',
          remedy: 'give {name} a value that the server takes',
        },
        conflict: {
          message: 'the server would not start: {reason}',
          why: 'Settings that contradict each other are found out only at start, after the old server is gone.',
          remedy: 'change one of the settings named',
        },
        include: {
          message: 'the server would not start: {reason}',
          why: 'A file that is included must be there and readable for the server\'s account.',
          remedy: 'restore the file, or remove the include line (include_if_exists may miss its file)',
        },
      },
    },
    'zh-TW': {
      title: '伺服器能以目前的設定檔啟動',
      about: '執行中的伺服器在重新載入遇到錯誤時會保留舊值，且只寫入記錄檔；pg_reload_conf() 仍會回傳 true。這個錯誤會在下次重新啟動時讓伺服器無法啟動。這裡依照伺服器的方式讀取檔案：主設定檔、引入的檔案、postgresql.auto.conf，以及只在啟動時檢查的設定間規則。',
      findings: {
        syntax: {
          message: '伺服器將無法啟動：{reason}',
          why: '只要有語法錯誤，重新載入就完全不會生效，而重新啟動會讓伺服器停擺。',
          remedy: '修正該行；文字值須以單引號括住，內含的單引號要重複一次',
        },
        'unknown-name': {
          message: '伺服器將無法啟動：{reason}',
          why: '此主要版本不認得的名稱即為錯誤；各主要版本的設定會有增減。',
          remedy: '修正 {name} 的拼寫，或移除該行',
        },
        'bad-value': {
          message: '伺服器將無法啟動：{reason}',
          why: '重新載入會略過該行；重新啟動則會讓伺服器停擺。',
          remedy: '將 {name} 設為伺服器可接受的值',
        },
        conflict: {
          message: '伺服器將無法啟動：{reason}',
          why: '互相矛盾的設定要到啟動時才會被發現，那時舊的伺服器已經停止。',
          remedy: '變更上述設定之一',
        },
        include: {
          message: '伺服器將無法啟動：{reason}',
          why: '被引入的檔案必須存在，且伺服器的帳號能夠讀取。',
          remedy: '還原該檔案，或移除引入的那一行（include_if_exists 允許檔案不存在）',
        },
      },
    },
  },
})
