/** What long work says of itself, in words: what is being waited for, and of bytes how many, how fast, and how long it will take. */
import type { Context } from '../base-command.ts'
import type { Params } from '../checks/check.ts'
import type { Messages } from '../messages/messages.ts'
import { Meter } from '../report/meter.ts'
import { compose, duration } from '../report/words.ts'

export interface Step {
  readonly code: keyof Messages['progress']
  /** With `doneBytes` and `totalBytes`, the pace is told as well. */
  readonly params: Params
}

/** The label for each step of one work, for {@link Progress.update}. */
export function stepLabels({ ui, locale, host }: Pick<Context, 'ui' | 'locale' | 'host'>): (step: Step) => string {
  const { progress, amount } = ui.words
  let code: Step['code'] | undefined
  let meter = new Meter()
  return (step) => {
    if (step.code !== code) meter = new Meter()
    code = step.code
    const { doneBytes, totalBytes } = step.params
    const label = compose(progress[step.code], step.params, locale)
    if (typeof doneBytes !== 'number' || typeof totalBytes !== 'number') return label
    // An estimate may be too small.
    const known = { doneBytes, totalBytes: Math.max(doneBytes, totalBytes) }
    const pace = meter.take(host.now().getTime(), doneBytes, totalBytes)
    if (pace === undefined) return label + compose(amount.plain, known, locale)
    const left = duration(Math.max(1, Math.ceil(pace.leftMs / 1000)) * 1000, locale).replace('.0', '')
    return label + compose(amount.paced, { ...known, rateBytes: Math.round(pace.rateBytes), left }, locale)
  }
}
