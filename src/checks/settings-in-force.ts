// https://www.postgresql.org/docs/current/config-setting.html and facts of pg_settings.pending_restart, which is not believed here.
import { effectiveSettingsFact } from '../facts/effective-settings.ts'
import type { EffectiveSetting, EffectiveSettings, SettingLineView } from '../facts/effective-settings.ts'
import { strayFilesFact } from '../facts/stray-files.ts'
import type { StrayFilesFact } from '../facts/stray-files.ts'
import type { Cluster } from '../platforms/platform.ts'
import { sameValue } from '../postgres/settings/index.ts'
import type { Finding } from './check.ts'
import { CannotJudge, cannotJudge, defineCheck } from './check.ts'
import { finding } from './support/finding.ts'
import { numberOf } from './support/settings.ts'

/** Not about archiving, or told by the server itself. */
const NOT_TOLD = new Set(['server_version', 'config_file', 'data_directory', 'wal_segment_size', 'shared_preload_libraries'])

export default defineCheck({
  id: 'settings-in-force',
  source: 'https://www.postgresql.org/docs/current/config-setting.html',
  needs: { settings: effectiveSettingsFact },
  uses: { strays: strayFilesFact },

  run({ settings }, { strays }, { cluster }) {
    const told = settings.all.filter(({ name }) => !NOT_TOLD.has(name))
    const stray = strays.ok ? strays.value.conf : undefined
    const findings = [
      ...told.flatMap((setting) => [...pending(setting), ...overridden(setting, cluster.major)]),
      ...(stray === undefined ? [] : otherFile(stray, settings, cluster)),
    ]
    if (findings.length > 0) return findings
    // With the server down nothing else is in force; while it runs, its values are what counts.
    if (settings.complete && cluster.running && settings.liveMissing !== undefined) throw new CannotJudge(settings.liveMissing)
    if (settings.complete) return []
    if (settings.filesMissing !== undefined) throw new CannotJudge(settings.filesMissing)
    throw settings.unreadable === undefined ? cannotJudge('config-unreadable') : cannotJudge('not-readable', { target: settings.unreadable })
  },

  text: {
    en: {
      title: 'what the files say is what the server runs with',
      about: 'A line in a file counts only when nothing later says otherwise (a second line, an included file, postgresql.auto.conf, the command line), and only once the server has read it: with a reload, or for some settings with a restart. pg_settings.pending_restart stays true after a change was taken back, so the values themselves are compared.',
      findings: {
        'restart-pending': {
          message: '{name}: the files say {configured}, the server runs with {running}; it needs a restart',
          why: 'This setting counts from the start of the server on; a reload leaves it as it is.',
          remedy: 'restart the server when you can look after it; `pgwal enable` does that for what it sets itself, and for nothing that others left waiting',
        },
        'reload-pending': {
          message: '{name}: the files say {configured}, the server runs with {running}; it was not reloaded',
          why: 'The server reads its files when it is told to.',
          remedy: 'as a superuser: SELECT pg_reload_conf()',
        },
        'overridden-by-command-line': {
          message: '{name} = {value} has no effect: the server was started with {winner} on its command line',
          why: 'What the command line says beats every file, after a restart too.',
          remedy: 'change the unit or script that starts the server; postmaster.opts in the data directory shows the options',
        },
        'overridden-by-auto-conf': {
          message: '{name} = {value} has no effect: {place} says {winner}',
          why: 'postgresql.auto.conf is read last; ALTER SYSTEM writes it.',
          remedy: 'ALTER SYSTEM RESET {name} gives the line back its effect; else remove the line',
        },
        'overridden-by-include': {
          message: '{name} = {value} has no effect: {place} says {winner}',
          why: 'The last line in reading order wins, and included files are read where the include stands.',
          remedy: 'keep one of the two lines',
        },
        'overridden-by-duplicate': {
          message: '{name} = {value} has no effect: line {winnerLine} of the same file says {winner}',
          why: 'Of several lines the last one wins.',
          remedy: 'keep one of the two lines',
        },
        'other-file': {
          message: 'what {path} says of {names} has no effect: this server reads {configFile}',
          why: 'The file lies in the data directory, but the server was started with another one, where {first} is {winner}.',
          remedy: 'write into {configFile} what is meant, and move the other file away',
        },
      },
    },
    'zh-TW': {
      title: '伺服器執行時採用的值與設定檔一致',
      about: '設定檔中的一行只有在其後沒有其他內容推翻它（重複的行、引入的檔案、postgresql.auto.conf、命令列），而且伺服器已經讀取之後才會生效：有些重新載入即可，有些必須重新啟動。pg_settings.pending_restart 在變更被撤回之後仍會是 true，因此這裡直接比對數值。',
      findings: {
        'restart-pending': {
          message: '{name}：設定檔為 {configured}，伺服器以 {running} 執行；需要重新啟動',
          why: '此設定只在伺服器啟動時生效；重新載入不會改變它。',
          remedy: '請在能夠照看時重新啟動伺服器；`pgwal enable` 只為它自己設定的項目重新啟動，不為他人留下待生效的項目',
        },
        'reload-pending': {
          message: '{name}：設定檔為 {configured}，伺服器以 {running} 執行；尚未重新載入',
          why: '伺服器只在收到指示時才會讀取設定檔。',
          remedy: '以超級使用者執行：SELECT pg_reload_conf()',
        },
        'overridden-by-command-line': {
          message: '{name} = {value} 沒有作用：伺服器啟動時的命令列指定為 {winner}',
          why: '命令列優先於任何檔案，重新啟動後亦然。',
          remedy: '修改啟動伺服器的單元或指令稿；資料目錄中的 postmaster.opts 會顯示啟動選項',
        },
        'overridden-by-auto-conf': {
          message: '{name} = {value} 沒有作用：{place} 設為 {winner}',
          why: 'postgresql.auto.conf 最後讀取，由 ALTER SYSTEM 寫入。',
          remedy: '執行 ALTER SYSTEM RESET {name} 讓該行生效；否則請移除該行',
        },
        'overridden-by-include': {
          message: '{name} = {value} 沒有作用：{place} 設為 {winner}',
          why: '依讀取順序以最後一行為準，引入的檔案在引入處讀取。',
          remedy: '兩行只保留一行',
        },
        'overridden-by-duplicate': {
          message: '{name} = {value} 沒有作用：同一檔案的第 {winnerLine} 行設為 {winner}',
          why: '有多行時以最後一行為準。',
          remedy: '兩行只保留一行',
        },
        'other-file': {
          message: '{path} 中的 {names} 沒有作用：此伺服器讀取的是 {configFile}',
          why: '該檔案位於資料目錄中，但伺服器啟動時採用的是另一個檔案，其中 {first} 為 {winner}。',
          remedy: '將想要的設定寫入 {configFile}，並移走另一個檔案',
        },
      },
    },
  },
})

function pending({ name, pending: state, running, configured, at }: EffectiveSetting) {
  if ((state !== 'restart' && state !== 'reload') || running === undefined || configured === undefined) return []
  const severity = stops(name, running.value) && !stops(name, configured.value) ? 'error' : 'warning'
  const params = { name, configured: shown(configured.value), running: shown(running.value) }
  const more = { at, fix: { kind: 'in-force' } } as const
  return [state === 'restart' ? finding('restart-pending', severity, params, more) : finding('reload-pending', severity, params, more)]
}

/** The last line that loses with another value: what somebody wrote and does not get. */
function overridden(setting: EffectiveSetting, major: number) {
  const { name, lines, configured } = setting
  if (configured === undefined) return []
  const loser = lines.findLast((line) => !line.wins && !sameValue(name, line.value, configured.value, major))
  if (loser === undefined) return []
  const winner = lines.find((line) => line.wins)
  const severity: Finding['severity'] = stops(name, configured.value) && !stops(name, loser.value) ? 'warning' : 'info'
  const params = { name, value: shown(loser.value), winner: shown(configured.value) }
  const at = { file: loser.file, line: loser.line }
  if (winner === undefined) return configured.from === 'command line' ? [finding('overridden-by-command-line', severity, params, { at })] : []
  return [beaten(winner, loser, severity, { ...params, place: `${winner.file}:${winner.line}`, winnerLine: winner.line }, at)]
}

function beaten(winner: SettingLineView, loser: SettingLineView, severity: Finding['severity'], params: Finding['params'], at: Finding['at']) {
  if (winner.auto && !loser.auto) return finding('overridden-by-auto-conf', severity, params, { at })
  if (winner.file !== loser.file) return finding('overridden-by-include', severity, params, { at })
  return finding('overridden-by-duplicate', severity, params, { at })
}

/** What the file that nobody reads says otherwise than the one that counts. */
function otherFile({ path, settings: lines }: NonNullable<StrayFilesFact['conf']>, settings: EffectiveSettings, { configFile, major }: Cluster) {
  const differing = lines.flatMap(({ name, value, line }) => {
    const configured = settings.get(name)?.configured
    return configured === undefined || sameValue(name, value, configured.value, major) ? [] : [{ name, value, line, winner: configured.value }]
  })
  const [first] = differing
  if (first === undefined) return []
  const severity = differing.some(({ name, value, winner }) => stops(name, winner) && !stops(name, value)) ? 'warning' : 'info'
  const params = { names: differing.map(({ name }) => name).join(', '), path, configFile, first: first.name, winner: shown(first.winner) }
  return [finding('other-file', severity, params, { at: { file: path, line: first.line } })]
}

/** Whether a value keeps archiving or base backups from working. */
function stops(name: string, value: string): boolean {
  switch (name) {
    case 'archive_mode': return value === 'off'
    case 'wal_level': return value === 'minimal'
    case 'archive_command': return value === ''
    case 'max_wal_senders': return numberOf(value) === 0
    default: return false
  }
}

function shown(value: string): string {
  return value === '' ? "''" : value
}
