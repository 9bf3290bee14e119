import { messages } from '../messages/messages.ts'
import type { RunState } from '../plan/journal.ts'
import { columns, pad, paint, safe, type Style } from './style.ts'
import { compose } from './words.ts'

/** A run of enable or undo, as the journal has it. */
export interface RunView {
  readonly run: string
  /** When it began, ISO 8601; empty when that cannot be read. */
  readonly at: string
  readonly command: string
  /** Undefined when that cannot be read. */
  readonly cluster?: { readonly id: string }
  readonly state: RunState
}

/** The runs as a table, the newest first, and what to do about the newest. */
export function historyText(runs: readonly RunView[], style: Style): string {
  const { history } = messages(style.locale)
  if (runs.length === 0) return history.none
  const chalk = paint(style)
  const sorted = [...runs].sort((a, b) => (a.run < b.run ? 1 : -1))
  const rows = sorted.map(({ run, at, command, cluster, state }) => [safe(run), localTime(at), safe(cluster?.id ?? ''), safe(command), history.state[state]])
  const head = [history.columns.run, history.columns.when, history.columns.cluster, history.columns.command, history.columns.state]
  const widths = head.map((title, column) => Math.max(columns(title), ...rows.map((row) => columns(row[column]!))))
  const draw = (row: readonly string[]) => row.map((cell, column) => pad(cell, widths[column]!)).join('  ').trimEnd()
  const halfDone = sorted.find(({ state }) => state === 'interrupted' || state === 'failed')
  const advice = halfDone !== undefined ? compose(history.finish, { run: halfDone.run }, style.locale) : sorted.some(({ state }) => state === 'applied') ? history.undo : undefined
  return [chalk.dim(draw(head)), ...rows.map(draw), ...(advice === undefined ? [] : ['', advice])].join('\n')
}

/** `2026-11-23 10:15:00` in the time zone of the machine, like the server's log. */
function localTime(iso: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return ''
  const two = (part: number) => String(part).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}
