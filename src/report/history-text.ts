import { messages, wordsFor } from '../messages/messages.ts'
import { columns, pad, paint, safe, type Style } from './style.ts'
import { compose } from './words.ts'

/** A run of enable or undo, as the journal has it. */
export interface RunView {
  readonly run: string
  readonly at: Date
  readonly command: string
  /** Id of the cluster. */
  readonly cluster: string
  readonly state: 'applied' | 'undone' | 'rolled-back' | 'interrupted' | 'running'
}

/** The runs as a table, the newest first, and what to do about the newest. */
export function historyText(runs: readonly RunView[], style: Style): string {
  const { history } = messages(style.locale)
  if (runs.length === 0) return history.none
  const chalk = paint(style)
  const sorted = [...runs].sort((a, b) => b.at.getTime() - a.at.getTime())
  const rows = sorted.map(({ run, at, command, cluster, state }) => [safe(run), localTime(at), safe(cluster), safe(command), wordsFor(history.state, state) ?? state])
  const head = [history.columns.run, history.columns.when, history.columns.cluster, history.columns.command, history.columns.state]
  const widths = head.map((title, column) => Math.max(columns(title), ...rows.map((row) => columns(row[column]!))))
  const draw = (row: readonly string[]) => row.map((cell, column) => pad(cell, widths[column]!)).join('  ').trimEnd()
  const interrupted = sorted.find(({ state }) => state === 'interrupted')
  const advice = interrupted !== undefined ? compose(history.finish, { run: interrupted.run }, style.locale) : sorted.some(({ state }) => state === 'applied') ? history.undo : undefined
  return [chalk.dim(draw(head)), ...rows.map(draw), ...(advice === undefined ? [] : ['', advice])].join('\n')
}

/** `2026-11-23 10:15:00` in the time zone of the machine, like the server's log. */
function localTime(at: Date): string {
  const two = (part: number) => String(part).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}
