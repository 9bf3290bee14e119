import { messages } from '../messages/messages.ts'
import { clusterHeading } from './clusters-text.ts'
import { fileNames, type FileNames } from './file-names.ts'
import { redactAbout, redactValue } from './redact.ts'
import type { LineView, SettingsReport, SettingView } from './settings-report.ts'
import { columns, mark, pad, paint, safe, symbolsOf, type Style } from './style.ts'
import { compose, reasonWords } from './words.ts'
import { hang } from './wrap.ts'

/** Names longer than this do not push the values of all others to the right. */
const NAME_COLUMNS = 32

/** Of each cluster or file whether it loads, and the settings: those that wait for something first, then those with lines that lost. */
export function settingsText(reports: readonly SettingsReport[], style: Style): string {
  return reports.map((report) => block(report, style)).join('\n\n')
}

function block(report: SettingsReport, style: Style): string {
  const { settings: words } = messages(style.locale)
  const names = fileNames([...report.files, ...report.errors.map(({ file }) => file), ...report.settings.flatMap(({ lines }) => lines.map(({ file }) => file))])
  const rank = (setting: SettingView): number => (isWaiting(setting) ? 0 : setting.lines.some(({ wins }) => !wins) || setting.overriddenFor.length > 0 ? 1 : 2)
  const sorted = report.settings.map((setting, at) => ({ setting, at })).sort((a, b) => rank(a.setting) - rank(b.setting) || a.at - b.at).map(({ setting }) => setting)
  const width = Math.min(NAME_COLUMNS, Math.max(0, ...sorted.map(({ name }) => columns(safe(name)))))
  const blocks = [heading(report, style), verdict(report, style)]
  blocks.push(sorted.length === 0 ? words.nothingSet : sorted.map((setting) => settingText(setting, width, names, style)).join('\n'))
  return blocks.join('\n\n')
}

function heading({ cluster, file, files, major }: SettingsReport, style: Style): string {
  const { dim, bold } = paint(style)
  const name = cluster === undefined ? `${bold(safe(file))} ${symbolsOf(style).dot} PostgreSQL ${major}` : clusterHeading(cluster, style)
  // The rows below name a file by its last part.
  return [name, ...files.filter((path) => cluster !== undefined || path !== file).map((path) => dim(`  ${safe(path)}`))].join('\n')
}

function verdict({ cluster, loads, errors, unreadable, notSeen, major }: SettingsReport, style: Style): string {
  const { settings: words } = messages(style.locale)
  const lines: string[] = []
  if (loads === true) lines.push(`${mark(style, 'pass')} ${words.loads}`)
  if (loads === false) lines.push(`${mark(style, 'error')} ${paint(style).bold(words.doesNotLoad)}`)
  for (const { file, line, message, text = '' } of errors) lines.push(`    ${safe(file)}${line > 0 ? `:${line}` : ''}`, `      ${hang(safe(redactAbout(message, text)), 6, style.width)}`)
  for (const path of unreadable) lines.push(`${mark(style, 'skip')} ${hang(compose(words.unreadable, { path }, style.locale), 2, style.width)}`)
  if (cluster !== undefined && cluster.major !== major) lines.push(`${mark(style, 'skip')} ${compose(words.asOtherMajor, { major }, style.locale)}`)
  if (notSeen !== undefined) lines.push(`${mark(style, 'skip')} ${hang(compose(words.notSeen, { reason: reasonWords(notSeen, style.locale) }, style.locale), 2, style.width)}`)
  return lines.join('\n')
}

function isWaiting({ pending }: SettingView): boolean {
  return pending === 'restart' || pending === 'reload'
}

function settingText(setting: SettingView, width: number, names: FileNames, style: Style): string {
  const { settings: words } = messages(style.locale)
  const { bold, dim } = paint(style)
  const { name, value, source, from, lines, running, pending, blocked, flagged, overriddenFor } = setting
  const show = (text: string) => shown(name, text)
  const place = source === 'command line' ? words.commandLine : source === null ? (from === 'default' ? words.default : '') : names(source)
  const first = `${isWaiting(setting) ? mark(style, 'warning') : ' '} ${bold(pad(safe(name), width))} `
  const indent = columns(first) + 1
  const rows = [first + ' ' + withPlace(value === null ? words.notSet : show(value), place, indent, style)]
  const below = (text: string) => rows.push(`    ${hang(text, 4, style.width)}`)
  for (const line of lines) if (!line.wins) rows.push(`    ${withPlace(show(line.value), names(line), 4, style)}`, `      ${dim(hang(compose(words.lost[line.because ?? 'server'], lostParams(line, names), style.locale), 6, style.width))}`)
  for (const { role, database, value: own } of overriddenFor) {
    const key = role === null ? 'database' : database === null ? 'role' : 'both'
    below(compose(words.overridden[key], { role: role ?? '', database: database ?? '', value: show(own) }, style.locale))
  }
  if (pending === 'restart' || pending === 'reload') below(compose(words.pending[blocked ? 'blocked' : pending], { value: show(running ?? '') }, style.locale))
  else if (running !== null && value === null) below(compose(words.running, { value: show(running) }, style.locale))
  if (flagged === true && pending === 'none') below(dim(words.flagged))
  return rows.join('\n')
}

function lostParams({ lostTo }: LineView, names: FileNames): Record<string, string | number> {
  return lostTo === undefined || lostTo === null || lostTo === 'command line' ? {} : { place: names(lostTo), line: lostTo.line }
}

/** A value and where it comes from, on one line where both fit. */
function withPlace(value: string, place: string, indent: number, style: Style): string {
  const text = hang(value, indent, style.width)
  if (place === '') return text
  const last = text.slice(text.lastIndexOf('\n') + 1)
  const used = text.includes('\n') ? columns(last) : indent + columns(last)
  return text + (used + 2 + columns(place) <= style.width ? '  ' : `\n${' '.repeat(indent)}`) + paint(style).dim(place)
}

function shown(name: string, value: string): string {
  return value === '' ? "''" : safe(redactValue(name, value))
}
