// https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-CONFIGURATION-FILE
import { configurationFact } from '../facts/configuration.ts'
import { withItsBackslashes } from '../postgres/conf/index.ts'
import { settingName } from '../postgres/settings/index.ts'
import { cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'

/** Settings that hold commands or the archive's directory, and what a wrong path in them costs: the archive, or a restore. */
const COMMANDS = { archive_command: 'error', 'basic_archive.archive_directory': 'error', restore_command: 'warning', archive_cleanup_command: 'warning', recovery_end_command: 'warning' } as const

export default defineCheck({
  id: 'configuration-backslashes',
  source: 'https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-CONFIGURATION-FILE',
  needs: { configuration: configurationFact },

  run({ configuration: { configuration, complete, unreadable } }, _uses, { cluster }) {
    const findings = configuration.lines.flatMap((line) => {
      const name = settingName(line.name, cluster.major)
      const file = configuration.files.find(({ path }) => path === line.file)
      if (!(name in COMMANDS) || !line.wins || file === undefined) return []
      const right = withItsBackslashes(file, line)
      return right === undefined ? [] : [finding('lost', COMMANDS[name as keyof typeof COMMANDS], { name, value: line.value, right }, { at: { file: line.file, line: line.line } })]
    })
    if (findings.length === 0 && !complete) throw cannotJudge('not-readable', { target: unreadable[0]! })
    return findings
  },

  text: {
    en: {
      title: 'the backslashes of commands and paths arrive',
      about: 'In a quoted value of postgresql.conf a backslash escapes what follows it: \\n is a line end, \\a is an a. A path of Windows, or a blank that was escaped for the shell, becomes another text without a word. ALTER SYSTEM doubles backslashes by itself; in a file that is a person\'s task. The lines are read as they are written, and compared with what the server makes of them.',
      findings: {
        lost: {
          message: 'backslashes in {name} are lost; the server has: {value}',
          why: 'The path or the command is another one than was meant: segments go elsewhere, or nowhere.',
          remedy: 'double each backslash: {name} = {right}   (in a path on Windows / does as well), then reload',
        },
      },
    },
    'zh-TW': {
      title: '命令與路徑中的反斜線都有效',
      about: '在 postgresql.conf 以引號括住的值中，反斜線會跳脫其後的字元：\\n 是換行，\\a 則只剩 a。Windows 的路徑，或為 shell 跳脫的空白，會在沒有任何訊息的情況下變成另一段文字。ALTER SYSTEM 會自動將反斜線重複一次；在檔案中則須自行處理。這裡將各行的原文與伺服器讀到的值比對。',
      findings: {
        lost: {
          message: '{name} 中的反斜線遺失了；伺服器讀到的是：{value}',
          why: '路徑或命令已不是原本的意思：區段會送往別處，或根本無處可去。',
          remedy: '將每個反斜線重複一次：{name} = {right}　（Windows 的路徑也可使用 /），然後重新載入',
        },
      },
    },
  },
})
