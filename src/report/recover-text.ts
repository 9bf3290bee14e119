// pgwal recover: the plan before the question, and the guide after it.
import { messages } from '../messages/messages.ts'
import type { Messages } from '../messages/messages.ts'
import type { GoLiveStep, Moment, RecoverReport } from './recover-report.ts'
import { columns, mark, pad, paint, safe, type Style } from './style.ts'
import { compose, size } from './words.ts'
import { hang, wrap } from './wrap.ts'

type Words = Messages['recover']

/** Of several restore points with one name, this many are told besides the first. */
const MOST_SAME = 3

/** The plan: what goes where, and what will be in and what not. */
export function recoverPlanText(report: RecoverReport, style: Style): string {
  const words = messages(style.locale).recover
  const say = (template: string, params: Record<string, string | number> = {}): string => compose(template, params, style.locale)
  const { backup, archive, target, into, tablespaces } = report
  const rows: [label: string, lines: string[]][] = [
    [words.label.backup, [
      safe(backup.path),
      [say(words.format[backup.format]), ...(backup.begunAt === undefined ? [] : [say(words.begun, { at: safe(backup.begunAt) })]), say(backup.bytesCertain ? '{bytes}' : words.atLeast, { bytes: size(backup.bytes) })].join(words.semicolon),
      backup.end === undefined ? words.endUnknown : say(words.end, { start: backup.start, end: backup.end }),
      ...(backup.manifest ? [] : [words.noManifest]),
    ]],
    [words.label.archive, [
      safe(archive.path),
      say(words.segments, { count: archive.count, first: archive.first, last: archive.last }),
      ...(archive.copiedTo === undefined ? [] : [say(words.copied, { to: safe(archive.copiedTo) })]),
      ...(archive.remainder.length === 0 ? [] : [say(words.remainder, { count: archive.remainder.length, from: safe(archive.remainderFrom ?? '') })]),
    ]],
    [words.label.target, targetLines(report, words, say)],
    [words.label.into, [
      // Windows has no modes.
      `${safe(into.path)}   ${safe(into.owner)}${report.shell === 'cmd' ? '' : ' 0700'}`,
      say(words.space, { neededBytes: into.neededBytes, freeBytes: into.freeBytes }),
      ...(into.replaces === undefined ? [] : [say(words.replaces, { since: safe(into.replaces.since) })]),
    ]],
    ...tablespaces.map(({ oid, location, path }): [string, string[]] => [words.label.tablespace, [
      safe(path), say(location === undefined ? words.tablespaceOid : backup.format === 'plain' ? words.tablespaceFrom : words.tablespace, { oid, location: safe(location ?? '') }),
    ]]),
    [words.label.atTarget, [words.action[target.kind === 'latest' ? 'latest' : target.action]]],
  ]
  const chalk = paint(style)
  const width = Math.max(...rows.map(([label]) => columns(label)))
  const body = rows.map(([label, lines]) => lines.map((line, index) => {
    const head = index === 0 ? chalk.bold(pad(label, width)) : ' '.repeat(width)
    const text = hang(line, width + 4, style.width)
    return `  ${head}  ${index === 0 ? text : chalk.dim(text)}`
  }).join('\n'))
  const warnings = [
    ...report.passedOver.map(({ path, code, what }) => say(words.passedOver, { path: safe(path), reason: say(words.unusable[code as keyof Words['unusable']] ?? code, { what, problem: what }) })),
    ...report.makes.map(({ oid, location }) => say(words.makes, { oid, location: safe(location), owner: safe(into.owner) })),
    ...(target.seen ? [] : [words.targetUnseen]),
    ...(archive.partial === undefined ? [] : [say(words.partial, { file: safe(archive.partial.file), name: archive.partial.name, time: safe(archive.partial.local ?? '–') })]),
    ...(target.clockBack === undefined ? [] : [say(words.clockBack, { time: safe(target.clockBack.local), lsn: safe(target.clockBack.lsn) })]),
    ...(target.sameName === undefined ? [] : [say(words.sameName, { count: target.sameName.length, first: safe(target.sameName[0]!.local), others: target.sameName.slice(1).slice(-MOST_SAME).map(({ local, lsn }) => `${safe(local)} (--to ${safe(lsn)})`).join(messages(style.locale).listSeparator) })]),
    ...(report.binDir === undefined ? [say(words.noPrograms, { major: backup.major ?? '?' })] : []),
  ]
  return [...body, ...warnings.map((text) => `  ${mark(style, 'warning')} ${hang(text, 4, style.width)}`)].join('\n')
}

function targetLines({ target }: RecoverReport, words: Words, say: (template: string, params?: Record<string, string | number>) => string): string[] {
  const moment = (template: string, at: Moment): string => say(template, { local: at.local, at: at.at, lsn: at.lsn })
  const { lastIn, firstOut } = target
  return [
    say(words.target[target.kind], { value: safe(target.value ?? ''), local: target.local ?? '' }),
    ...(lastIn === undefined ? [] : [moment(words.lastIn, lastIn)]),
    ...(firstOut === undefined ? [] : [moment(words.firstOut, firstOut)]),
    say(words.timeline, { timeline: target.timeline }),
  ]
}

/** How to go on: each step with its commands, which are never broken. */
export function recoverGuideText(report: RecoverReport, style: Style): string {
  const words = messages(style.locale).recover.guide
  const { commands, target } = report
  const paused = target.kind !== 'latest' && target.action === 'pause'
  const steps: [text: string, lines: readonly string[]][] = [
    [report.shell === 'cmd' ? words.startWindows : words.start, commands.start],
    [words.watch, commands.watch],
    [compose(words.stuck, { path: safe(report.into.path) }, style.locale), []],
    [paused ? words.lookPaused : words.lookOpen, commands.look],
    [words.takeTable, commands.takeTable],
    ...(commands.accept.length === 0 ? [] : [[words.accept, commands.accept] as [string, readonly string[]]]),
    ...(commands.prepared.length === 0 ? [] : [[words.prepared, commands.prepared] as [string, readonly string[]]]),
  ]
  const chalk = paint(style)
  const live = (code: GoLiveStep['code']): string => compose(words.live[code === 'move-new' && report.tablespaces.length > 0 ? 'move-new-tablespaces' : code], { path: report.into.path }, style.locale)
  const shown = (line: string): string => `  ${chalk.cyan(safe(line, Infinity))}`
  return [
    ...steps.map(([text, lines]) => [hang(text, 0, style.width), ...lines.map(shown)].join('\n')),
    [hang(report.shell === 'cmd' ? words.goLiveWindows : words.goLive, 0, style.width), ...commands.goLive.flatMap(({ code, command }) => [...wrap(live(code), style.width - 4).map((line) => `  ${chalk.dim(`# ${line}`)}`), shown(command)])].join('\n'),
    [hang(words.discard, 0, style.width), ...commands.discard.map(shown)].join('\n'),
  ].join('\n\n')
}

/** What stands on stdout at the end. */
export function recoverText(report: RecoverReport, style: Style): string {
  const { recover } = messages(style.locale)
  if (report.outcome === 'cancelled') return report.takenAway === true ? hang(compose(recover.takenAway, { path: report.into.path }, style.locale), 0, style.width) : recover.cancelled
  if (report.outcome === 'planned') return `${recoverPlanText(report, style)}\n\n${compose(recover.planned, {}, style.locale)}`
  const { done } = report
  const lines = done === undefined ? [] : [
    `${mark(style, 'pass')} ${hang(compose(done.compared ? recover.doneCompared : recover.done, { files: done.files, dataBytes: done.bytes, elapsedMs: done.elapsedMs }, style.locale), 2, style.width)}`,
    `${mark(style, 'pass')} ${hang(compose(report.shell === 'cmd' ? recover.readyWindows : recover.ready, { path: report.into.path, port: report.port }, style.locale), 2, style.width)}`,
    '',
  ]
  return [...lines, recoverGuideText(report, style)].join('\n')
}
