import type { Params } from '../checks/check.ts'
import { messages, type Messages } from '../messages/messages.ts'
import { mark, paint, safe, type Style } from './style.ts'
import { compose, formFor } from './words.ts'
import { hang } from './wrap.ts'

export type OutcomeCode = keyof Messages['outcome']

/** Something that was done, or went wrong: data, until it is shown. */
export interface OutcomeLine {
  readonly status: 'done' | 'failed' | 'warned' | 'skipped'
  readonly code: OutcomeCode
  readonly params?: Params
  /** Lines of a log, shown as they are. */
  readonly log?: readonly string[]
}

const MARKS = { done: 'pass', failed: 'error', warned: 'warning', skipped: 'skip' } as const

/** Lines of a log that are shown: the newest say why. */
const LOG_LINES = 12

/** `  ✔ restarted in 1.4 s`; a failure begins at the margin, and its log lines stand below. */
export function outcomeText({ status, code, params = {}, log = [] }: OutcomeLine, style: Style): string {
  const margin = status === 'failed' ? '' : '  '
  const text = hang(compose(formFor(messages(style.locale).outcome[code], params), params, style.locale), margin.length + 2, style.width)
  return [`${margin}${mark(style, MARKS[status])} ${text}`, ...logLines(log, style)].join('\n')
}

/** The newest lines of a log, indented. */
function logLines(log: readonly string[], style: Style): string[] {
  return log.slice(-LOG_LINES).map((line) => `    ${paint(style).dim(safe(line))}`)
}

/** How a command ended: `Undo at any time: pgwal undo`. */
export function endingText(code: keyof Messages['ending'], params: Params, style: Style): string {
  return hang(compose(messages(style.locale).ending[code], params, style.locale), 0, style.width)
}
