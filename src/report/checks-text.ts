import { messages } from '../messages/messages.ts'
import { columns, pad, paint, type Style } from './style.ts'
import type { Worded } from './words.ts'
import { hang } from './wrap.ts'

/** The checks of doctor and the probes of verify, a line each. */
export function checksText(checks: readonly Worded[], probes: readonly Worded[], style: Style): string {
  const words = messages(style.locale).checks
  const width = Math.max(...[...checks, ...probes].map(({ id }) => columns(id)))
  const draw = ({ id, text }: Worded) => `${paint(style).bold(pad(id, width))}  ${hang(text[style.locale].title, width + 2, style.width)}`
  return [...checks.map(draw), '', words.probes, ...probes.map(draw), '', words.explain].join('\n')
}

/** One check in full: what it looks at, and everything that it can find with why it matters and what to do. */
export function checkText({ id, source, text }: Worded, style: Style): string {
  const { checks: words, colon } = messages(style.locale)
  const { title, about, findings } = text[style.locale]
  const chalk = paint(style)
  // The templates are shown with their names in braces: there is no machine to take values from.
  const blocks = Object.entries(findings).map(([code, { message, why, remedy, windows }]) => [
    `  ${chalk.bold(code)}`,
    ...[message, why].map((part) => `    ${hang(part, 4, style.width)}`),
    ...[remedy, ...(windows === undefined ? [] : [`Windows${colon}${windows}`])].map((part) => `    ${chalk.dim(hang(part, 4, style.width))}`),
  ].join('\n'))
  return [
    `${chalk.bold(id)}${colon}${hang(title, columns(id + colon), style.width)}`,
    hang(about, 0, style.width),
    `${words.findings}${colon.trimEnd()}\n${blocks.join('\n\n')}`,
    `${words.source}${colon}${source}`,
  ].join('\n\n')
}
