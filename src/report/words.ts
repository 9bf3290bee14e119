import type { CheckText, Finding, Params, Verdict } from '../checks/check.ts'
import type { Unavailable } from '../facts/fact.ts'
import { fill, fills, type Locale } from '../messages/locale.ts'
import { messages, problemWords, wordsFor } from '../messages/messages.ts'
import type { Cluster } from '../platforms/platform.ts'
import { localOffset, timeInZone } from '../postgres/recovery/target.ts'
import { safe } from './style.ts'

/** A check or a probe, as far as its words go. */
export interface Worded {
  readonly id: string
  readonly source: string
  readonly text: Readonly<Record<Locale, CheckText<string> & { readonly passed?: Readonly<Record<string, string>> }>>
}

export interface FindingWords {
  readonly message: string
  readonly why?: string
  readonly remedy?: string
}

/** The words for a cluster's machine: what to do is another thing on Windows. */
export function wordsOn(words: readonly Worded[], { platform }: Pick<Cluster, 'platform'>): readonly Worded[] {
  if (platform !== 'windows') return words
  const there = <T extends Worded['text'][Locale]>(text: T): T => ({
    ...text, findings: Object.fromEntries(Object.entries(text.findings).map(([code, { windows, ...found }]) => [code, windows === undefined ? found : { ...found, remedy: windows }])),
  })
  return words.map((one) => ({ ...one, text: { en: there(one.text.en), 'zh-TW': there(one.text['zh-TW']) } }))
}

/** A template with its parameters in, each of them made safe. Durations (`…Ms`) and sizes (`…Bytes`) given as numbers get their unit; instants, our zone. */
export function compose(template: string, params: Params, locale: Locale): string {
  return fill(template, Object.fromEntries(Object.entries(params).map(([name, value]) => [name, show(name, value, locale)])))
}

function show(name: string, value: string | number | boolean, locale: Locale): string | number | boolean {
  if (typeof value === 'string') return INSTANT.test(value) ? instant(value) : safe(name === 'problem' ? problemWords(value, locale) : value)
  if (typeof value === 'number' && name.endsWith('Ms')) return duration(value, locale)
  if (typeof value === 'number' && name.endsWith('Bytes')) return size(value)
  return value
}

/** As JSON has it. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/

/** For people, in this machine's zone and to the second: `2026-11-23 18:15:30+08:00`. */
function instant(text: string): string {
  return timeInZone(BigInt(Math.floor(Date.parse(text) / 1000)) * 1_000_000n, localOffset)
}

/** Milliseconds for people: `41 ms`, `1.4 s`, `2 min 5 s`, `3 d 4 h`. */
export function duration(ms: number, locale: Locale): string {
  const words = messages(locale).duration
  if (ms < 999.5) return fill(words.milliseconds, { n: Math.round(ms) })
  if (ms < 59_950) return fill(words.seconds, { n: (ms / 1000).toFixed(1) })
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return fill(words.minutes, { minutes: Math.floor(seconds / 60), seconds: seconds % 60 })
  if (seconds >= 2 * 86_400) return fill(words.days, { days: Math.floor(seconds / 86_400), hours: Math.floor((seconds % 86_400) / 3600) })
  return fill(words.hours, { hours: Math.floor(seconds / 3600), minutes: Math.floor((seconds % 3600) / 60) })
}

/** Bytes for people, in the units of postgresql.conf (1024). */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${units[unit]!}`
}

/** The words of a finding; one that nobody has words for shows its code. */
export function findingWords(words: readonly Worded[], id: string, finding: Finding, locale: Locale): FindingWords {
  const text = words.find((one) => one.id === id)?.text[locale].findings
  const found = text === undefined ? undefined : wordsFor(text, finding.code)
  if (found === undefined) return { message: compose(messages(locale).doctor.unknownFinding, { code: finding.code }, locale) }
  const say = (template: string) => compose(template, finding.params, locale)
  return { message: say(found.message), why: say(found.why), remedy: say(found.remedy) }
}

/** What a pass proved, else what was looked at. */
export function passWords(words: readonly Worded[], id: string, verdict: Verdict & { readonly kind: 'pass' }, locale: Locale): string {
  const text = words.find((one) => one.id === id)?.text[locale]
  const template = verdict.detail === undefined || text?.passed === undefined ? undefined : wordsFor(text.passed, verdict.detail.code)
  if (template !== undefined && verdict.detail !== undefined) return compose(template, verdict.detail.params, locale)
  return text?.title ?? id
}

/** The first of several forms of which every name is given; the last where none is. */
export function formFor(forms: string | readonly string[], params: Params): string {
  return typeof forms === 'string' ? forms : (forms.find((form) => fills(form, params)) ?? forms.at(-1) ?? '')
}

/** Why something could not be seen. */
export function reasonWords(why: Unavailable, locale: Locale): string {
  const { reasons, unknownReason } = messages(locale)
  const forms = wordsFor(reasons, why.code)
  return forms === undefined ? compose(unknownReason, { code: why.code }, locale) : compose(formFor(forms, why.params), why.params, locale)
}
