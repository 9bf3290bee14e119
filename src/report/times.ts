// What doctor says of time: one line a fact, only where it was measured, and always over which span.
import type { WalHold, WalTimes } from '../checks/support/wal-times.ts'
import type { Locale } from '../messages/locale.ts'
import { messages } from '../messages/messages.ts'
import { compose } from './words.ts'

const DAY = 86_400_000
/** Further than this nobody looks. */
const HORIZON_MS = 365 * DAY
/** Below this nobody asks who keeps it. */
const MUCH = 2 ** 30

/** The lines for one cluster; none where nothing is known. */
export function timeLines({ rate, archiveFullMs, walFullMs, loss, holds }: WalTimes, locale: Locale): string[] {
  const { times: words, listSeparator } = messages(locale)
  const say = (template: string, params: Record<string, string | number> = {}): string => compose(template, params, locale)
  const rooms = [[words.archiveRoom, archiveFullMs], [words.walRoom, walFullMs]] as const
  const room = rooms.flatMap(([template, roomMs]) => (roomMs === undefined ? [] : [roomMs > HORIZON_MS ? say(template.ample) : say(template.some, { roomMs })]))
  return [
    ...(rate === undefined ? [] : [
      (rate.bytes === 0 ? say(words.idle, { spanMs: rate.spanMs }) : say(words.rate, { hourBytes: Math.round(rate.bytesPerSecond * 3600), spanMs: rate.spanMs }))
      + (room.length === 0 ? '' : say(words.room, { list: room.join(listSeparator) })),
    ]),
    ...(loss === undefined ? [] : [loss.bytes === 0 ? words.nothingToLose : say(loss.seen ? words.loss : words.lossBelieved, { lossBytes: loss.bytes, ageMs: loss.ageMs })]),
    ...keptLine(holds, locale),
  ]
}

/** Who keeps the most, where that is more than the server needs for itself. */
function keptLine(holds: readonly WalHold[], locale: Locale): string[] {
  const [first] = holds
  if (first === undefined || first.by === 'checkpoint' || first.bytes < MUCH) return []
  const { kept, holder } = messages(locale).times
  const who = compose(first.by === 'slot' && first.application !== undefined ? holder.standby : holder[first.by], { name: first.name ?? '', application: first.application ?? '' }, locale)
  return [compose(kept, { keptBytes: first.bytes, who }, locale)]
}
