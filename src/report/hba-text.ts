import type { Finding } from '../checks/check.ts'
import { messages } from '../messages/messages.ts'
import type { Alternative, Dependency, HbaQuestion, HbaTrap, Unreachable } from '../postgres/hba/index.ts'
import { clusterHeading } from './clusters-text.ts'
import { fileNames, type FileNames } from './file-names.ts'
import { loadsOf, type HbaReport } from './hba-report.ts'
import { redactAbout, redactLine } from './redact.ts'
import { mark, paint, safe, symbolsOf, type Style } from './style.ts'
import { compose, findingWords, type Worded } from './words.ts'
import { hang } from './wrap.ts'

export interface HbaTextOptions {
  /** Where the words of the traps are: the check that knows them. */
  readonly words: readonly Worded[]
  /** Every trap and every rule that never decides, however many. */
  readonly verbose?: boolean
}

/** Of a long list only this much is shown without --verbose. */
const LIST_LINES = 12

/** The check whose texts explain a trap. */
export function trapFinding({ code, severity, file, line, params }: HbaTrap): Finding & { readonly check: string } {
  const shown = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, typeof value === 'string' ? redactLine(value) : value]))
  return { check: 'hba-traps', code, severity, params: shown, at: { file, line } }
}

/** The answer first, then whether the file loads, what never decides, and what is not what it seems. */
export function hbaText(report: HbaReport, style: Style, options: HbaTextOptions): string {
  const { hba, question } = report
  const names = fileNames(hba.files.map(({ path }) => path))
  const blocks = [heading(report, style)]
  if (question !== undefined) blocks.push(answer(report, question, names, style))
  blocks.push(state(report, style))
  const lists = [unreachableList(report, names, style, options), trapList(report, names, style, options)].filter((list) => list !== undefined)
  blocks.push(...lists)
  if (lists.length === 0 && question === undefined && loadsOf(report) === true) blocks[blocks.length - 1] += `\n  ${messages(style.locale).hba.none}`
  return blocks.join('\n\n')
}

function heading({ cluster, file, major, hba }: HbaReport, style: Style): string {
  const { bold, dim } = paint(style)
  const name = cluster === undefined ? `${bold(safe(file))} ${symbolsOf(style).dot} PostgreSQL ${major}` : clusterHeading(cluster, style)
  return [name, ...hba.files.filter(({ path }) => cluster !== undefined || path !== file).map(({ path }) => dim(`  ${safe(path)}`))].join('\n')
}

function answer({ decision }: HbaReport, question: HbaQuestion, names: FileNames, style: Style): string {
  const { hba: words } = messages(style.locale)
  const { dim, bold } = paint(style)
  if (decision === undefined) return ''
  const lines = [dim(hang(asked(question, style), 0, style.width))]
  const { rule, method, dependsOn } = decision
  const symbol = mark(style, dependsOn.length > 0 ? 'warning' : method === 'reject' ? 'error' : 'pass')
  if (rule === null) lines.push(`${symbol} ${bold(words.noRule)}`)
  else lines.push(`${symbol} ${bold(compose(words.decides, { method, place: names(rule) }, style.locale))}`, `    ${hang(safe(redactLine(rule.text.trim())), 4, style.width)}`)
  for (const alternative of dependsOn) lines.push(...unless(alternative, names, style))
  return lines.join('\n')
}

function asked({ user, database, address, tls = false, gss = false }: HbaQuestion, style: Style): string {
  const { hba: words } = messages(style.locale)
  const encryption = tls && gss ? 'both' : tls ? 'tls' : gss ? 'gss' : 'plain'
  const say = (template: string, params: Record<string, string>) => compose(template, params, style.locale)
  return say(words.question, {
    user,
    database: typeof database === 'string' ? say(words.database, { name: database }) : words.replication,
    address: address === 'local' ? words.socket : say(words.from, { address }),
    encryption: words.encryption[encryption],
  })
}

function unless({ rule, method, on }: Alternative, names: FileNames, style: Style): string[] {
  const { hba: words } = messages(style.locale)
  const conditions = on.map((dependency) => condition(dependency, style)).join(words.and)
  return [
    `  ${hang(compose(words.unless, { place: names(rule), method, conditions }, style.locale), 2, style.width)}`,
    `    ${paint(style).dim(hang(safe(redactLine(rule.text.trim())), 4, style.width))}`,
  ]
}

function condition(dependency: Dependency, style: Style): string {
  const { kind, ...params } = dependency
  return compose(messages(style.locale).hba.condition[kind], params, style.locale)
}

function state(report: HbaReport, style: Style): string {
  const { hba: words } = messages(style.locale)
  const { hba, notReloaded, cluster } = report
  const lines: string[] = []
  const loads = loadsOf(report)
  if (loads === true) lines.push(`${mark(style, 'pass')} ${compose(words.loads, { count: hba.rules.length }, style.locale)}`)
  if (loads === null) lines.push(`${mark(style, 'skip')} ${hang(words.incomplete, 2, style.width)}`)
  if (loads === false) lines.push(`${mark(style, 'error')} ${paint(style).bold(words.doesNotLoad)}`)
  const texts = new Map(hba.lines.map((line) => [`${line.file}\0${line.line}`, line.text]))
  for (const { file, line, message, fatal } of hba.errors) {
    // A rule that cannot match is among the traps.
    if (fatal) lines.push(`    ${safe(file)}${line > 0 ? `:${line}` : ''}`, `      ${hang(safe(redactAbout(message, texts.get(`${file}\0${line}`) ?? '')), 6, style.width)}`)
  }
  if (loads === false && cluster?.running === true) lines.push(`  ${hang(words.keepsOld, 2, style.width)}`)
  if (notReloaded === true) lines.push(`${mark(style, 'warning')} ${hang(words.notReloaded, 2, style.width)}`)
  for (const { file, line, word } of hba.uncertain) lines.push(`${mark(style, 'skip')} ${safe(file)}:${line}`, `    ${hang(compose(words.uncertain, { word: redactLine(word) }, style.locale), 4, style.width)}`)
  return lines.join('\n')
}

function unreachableList({ unreachable }: HbaReport, names: FileNames, style: Style, options: HbaTextOptions): string | undefined {
  const { hba: words } = messages(style.locale)
  return list(words.unreachable, unreachable, style, options, (one) => {
    const { rule } = one
    return [
      `  ${names(rule)}  ${safe(redactLine(rule.text.trim().replace(/[ \t]+/g, ' ')))}`,
      `    ${paint(style).dim(hang(never(one, names, style), 4, style.width))}`,
    ]
  })
}

function never({ because, shadowedBy }: Unreachable, names: FileNames, style: Style): string {
  const { hba: words, listSeparator } = messages(style.locale)
  if (because === 'ssl-off') return words.neverSsl
  if (because === 'not-built') return words.neverBuilt
  return compose(words.never, { by: shadowedBy.map(names).join(listSeparator) }, style.locale)
}

function trapList({ traps }: HbaReport, names: FileNames, style: Style, options: HbaTextOptions): string | undefined {
  const rank = { error: 0, warning: 1, info: 2 }
  const sorted = traps.map((trap, at) => ({ trap, at })).sort((a, b) => rank[a.trap.severity] - rank[b.trap.severity] || a.at - b.at).map(({ trap }) => trap)
  return list(messages(style.locale).hba.traps, sorted, style, options, (trap) => {
    const finding = trapFinding(trap)
    const { message, remedy } = findingWords(options.words, finding.check, finding, style.locale)
    return [
      `${mark(style, trap.severity)} ${names(trap)}  ${paint(style).dim(trap.code)}`,
      `    ${hang(message, 4, style.width)}`,
      ...(remedy === undefined ? [] : [`    ${paint(style).dim(hang(remedy, 4, style.width))}`]),
    ]
  })
}

function list<T>(title: string, items: readonly T[], style: Style, { verbose }: HbaTextOptions, draw: (item: T) => string[]): string | undefined {
  if (items.length === 0) return undefined
  const shown = verbose === true ? items : items.slice(0, LIST_LINES)
  const more = items.length - shown.length
  return [paint(style).bold(title), ...shown.flatMap(draw), ...(more === 0 ? [] : [`  ${compose(messages(style.locale).plan.showAll, { count: more }, style.locale)}`])].join('\n')
}
