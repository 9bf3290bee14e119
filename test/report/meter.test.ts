import { expect, it } from 'vitest'
import { stepLabels } from '../../src/app/waiting.ts'
import type { Host } from '../../src/host/host.ts'
import { messages } from '../../src/messages/messages.ts'
import { Meter } from '../../src/report/meter.ts'
import type { Ui } from '../../src/terminal/ui.ts'

it('the pace is that of the last ten seconds, and unknown before one', () => {
  const meter = new Meter()
  expect(meter.take(0, 0, 100)).toBeUndefined()
  expect(meter.take(999, 5, 100)).toBeUndefined()
  expect(meter.take(1000, 10, 100)).toEqual({ rateBytes: 10, leftMs: 9000 })
  for (let second = 2; second <= 20; second++) meter.take(second * 1000, 10 + second - 1, 100)
  expect(meter.take(20_000, 29, 100)).toEqual({ rateBytes: 1, leftMs: 71_000 })
  // It stands still: nothing is promised.
  for (let second = 21; second <= 40; second++) meter.take(second * 1000, 29, 100)
  expect(meter.take(41_000, 29, 100)).toBeUndefined()
  // More than was estimated.
  expect(meter.take(42_000, 129, 100)).toMatchObject({ leftMs: 0 })
  expect(meter.take(43_000, 0, 100)).toBeUndefined()
})

it.each([
  ['en', ['copying the cluster: 0 B of 5 GB', 'copying the cluster: 512 MB of 5 GB, 256 MB/s, 18 s left', 'the copy is replaying X', 'copying the cluster: 6 GB of 6 GB']],
  ['zh-TW', ['正在複製叢集：0 B／5 GB', '正在複製叢集：512 MB／5 GB，每秒 256 MB，剩餘 18 秒', '副本正在重播 X', '正在複製叢集：6 GB／6 GB']],
] as const)('in words: %s', (locale, lines) => {
  let now = 0
  const label = stepLabels({ ui: { words: messages(locale) } as Ui, locale, host: { now: () => new Date(now) } as Host })
  const copying = (doneBytes: number) => label({ code: 'drill-copying', params: { doneBytes, totalBytes: 5 * 2 ** 30 } })
  const said = [copying(0)]
  now = 2000
  said.push(copying(512 << 20), label({ code: 'drill-replaying', params: { segment: 'X' } }), copying(6 * 2 ** 30))
  expect(said).toEqual(lines)
})
