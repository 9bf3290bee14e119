import type { Finding, Place, Severity } from '../checks/check.ts'
import { shellWord } from '../checks/support/shell-word.ts'
import { HostError } from '../errors.ts'
import { isOurFault } from '../facts/fact.ts'
import { messages, type Messages } from '../messages/messages.ts'
import { clusterHeading } from './clusters-text.ts'
import { findingsOf, type CheckResult, type ClusterReport } from './report.ts'
import { statementLines } from './statement.ts'
import { columns, emphasise, mark, pad, paint, safe, type Style } from './style.ts'
import { compose, findingWords, passWords, reasonWords, type Worded, wordsOn } from './words.ts'
import { timeLines } from './times.ts'
import { hang } from './wrap.ts'

export interface TextOptions {
  /** The words of every check and probe that a report may hold. */
  readonly words: readonly Worded[]
  /** Shows why each finding matters, what passed, and what does not apply. */
  readonly verbose?: boolean
  /** Findings only: nothing that passed, no closing sentence. */
  readonly quiet?: boolean
  /** Whether the caller may act as root; if not, the next command begins with `sudo`. */
  readonly privileged?: boolean
  /** Whether the next command must name the cluster: where there are several, and where the user chose one. */
  readonly nameCluster?: boolean
}

/** Rows of a table with one column for the symbol, one for the id and one for the words. */
interface Row {
  readonly kind: Severity | 'pass' | 'skip'
  readonly id: string
  readonly lines: readonly Line[]
}

interface Line {
  readonly text: string
  readonly dim?: boolean
  /** A path or command, which must be copied in one piece. */
  readonly whole?: boolean
}

/** What doctor found: of each cluster its heading, the findings with the worst first, the counts, and what to do next. */
export function doctorText(reports: readonly ClusterReport[], style: Style, options: TextOptions): string {
  return reports.map((report) => doctorBlock(report, style, { ...options, words: wordsOn(options.words, report.cluster), nameCluster: options.nameCluster ?? reports.length > 1 })).join('\n\n')
}

function doctorBlock(report: ClusterReport, style: Style, options: TextOptions): string {
  const places = placeNames(report)
  const told = new Set<string>()
  const rows = [
    ...crashRows(report.checks, style),
    ...findingsOf(report).map(({ id, finding }) => findingRow(id, finding, style, options, places, told, options.quiet !== true)),
    ...(options.verbose === true ? quietRows(report.checks, style, options) : []),
  ]
  const blocks = [clusterHeading(report.cluster, style)]
  if (rows.length > 0) blocks.push(table(rows, style))
  if (options.quiet === true) return blocks.join('\n\n')
  const counts = countsLine(report, style, options)
  if (rows.length > 0) blocks[blocks.length - 1] += `\n${counts}`
  else blocks.push(counts)
  const times = report.times === undefined ? [] : timeLines(report.times, style.locale)
  if (times.length > 0) blocks.push(times.map((line) => hang(line, 0, style.width)).join('\n'))
  blocks.push(closing(report, style, options))
  return blocks.join('\n\n')
}

/** What verify proved and found, in the order of the procedure. */
export function verifyText(reports: readonly ClusterReport[], style: Style, options: TextOptions): string {
  return reports.map((report) => verifyBlock(report, style, { ...options, words: wordsOn(options.words, report.cluster) })).join('\n\n')
}

function verifyBlock(report: ClusterReport, style: Style, options: TextOptions): string {
  const places = placeNames(report)
  const told = new Set<string>()
  const rows = report.checks.flatMap((result): Row[] => {
    const { id, verdict } = result
    if (verdict.kind === 'fail') return verdict.findings.map((finding) => findingRow(id, finding, style, options, places, told))
    if (verdict.kind === 'crash') return crashRows([result], style)
    if (verdict.kind === 'pass') return options.quiet === true ? [] : [{ kind: 'pass', id, lines: [{ text: passWords(options.words, id, verdict, style.locale) }] }]
    if (verdict.why.code === 'not-applicable' && options.verbose !== true) return []
    return [{ kind: 'skip', id, lines: [{ text: reasonWords(verdict.why, style.locale), dim: true }] }]
  })
  const blocks = [clusterHeading(report.cluster, style)]
  if (rows.length > 0) blocks.push(table(rows, style))
  if (options.quiet === true) return blocks.join('\n\n')
  const words = messages(style.locale).verify.closing
  blocks.push(hang(words[proofOf(report)], 0, style.width))
  if (report.statement !== undefined) blocks[blocks.length - 1] += `\n${statementLines(report.statement, style.locale).map((line) => hang(line, 0, style.width)).join('\n')}`
  return blocks.join('\n\n')
}

/** Only the round trip proves archiving, and only where the segment was seen in the archive. */
function proofOf({ checks, summary }: ClusterReport): keyof Messages['verify']['closing'] {
  if (summary.error > 0 || summary.crash > 0) return 'failed'
  const verdict = checks.find(({ id }) => id === 'archive-round-trip')?.verdict
  if (verdict?.kind !== 'pass') return 'unproved'
  return verdict.detail?.code === 'reported' ? 'reported' : 'proved'
}

function findingRow(id: string, finding: Finding, style: Style, options: TextOptions, places: PlaceNames, told: Set<string>, advised = false): Row {
  const { message, why, remedy } = findingWords(options.words, id, finding, style.locale)
  const lines: Line[] = [{ text: message }]
  if (finding.at !== undefined) lines.push({ text: places(finding.at), whole: true })
  if (options.verbose === true && why !== undefined) lines.push({ text: why })
  // What the next command does about it is not said here as well, and the same advice for several findings is given once.
  const known = advised && options.verbose !== true && finding.fix !== undefined && finding.severity !== 'info'
  if (remedy !== undefined && !known && !told.has(remedy)) {
    told.add(remedy)
    lines.push({ text: remedy, dim: true })
  }
  return { kind: finding.severity, id, lines }
}

function crashRows(checks: readonly CheckResult[], style: Style): Row[] {
  return checks.flatMap(({ id, verdict }) => {
    if (verdict.kind !== 'crash') return []
    const error = verdict.error instanceof Error ? verdict.error.message : String(verdict.error)
    const told = verdict.error instanceof HostError && !isOurFault(verdict.error) ? 'unfinished' : 'crashed'
    return [{ kind: 'error' as const, id, lines: [{ text: compose(messages(style.locale).doctor[told], { error }, style.locale) }] }]
  })
}

/** What a terse report only counts. */
function quietRows(checks: readonly CheckResult[], style: Style, options: TextOptions): Row[] {
  const row = ({ id, verdict }: CheckResult): Row[] => {
    if (verdict.kind === 'pass') return [{ kind: 'pass', id, lines: [{ text: passWords(options.words, id, verdict, style.locale) }] }]
    if (verdict.kind === 'skip') return [{ kind: 'skip', id, lines: [{ text: reasonWords(verdict.why, style.locale), dim: true }] }]
    return []
  }
  return [...checks.filter(({ verdict }) => verdict.kind === 'pass'), ...checks.filter(({ verdict }) => verdict.kind === 'skip')].flatMap(row)
}

function table(rows: readonly Row[], style: Style): string {
  const chalk = paint(style)
  const idWidth = rows.reduce((widest, { id }) => Math.max(widest, columns(id)), 0)
  // On a narrow terminal the words go below the id.
  const beside = idWidth + 4 <= style.width / 2
  const indent = beside ? idWidth + 4 : 4
  let above = ''
  return rows
    .map(({ kind, id, lines }) => {
      const name = id === above ? '' : id
      above = id
      const head = `${mark(style, kind)} ${beside ? `${pad(name, idWidth)}  ` : `${name}\n    `}`
      const body = lines.map(({ text, dim, whole }) => {
        const laid = whole === true ? text : emphasise(hang(text, indent, style.width), style)
        return dim === true ? chalk.dim(laid) : laid
      })
      return head + body.join(`\n${' '.repeat(indent)}`)
    })
    .join('\n')
}

function countsLine(report: ClusterReport, style: Style, options: TextOptions): string {
  const words = messages(style.locale)
  const passed = `${mark(style, 'pass')} ${compose(words.doctor.passed, { count: report.summary.pass }, style.locale)}`
  const reasons = new Map<string, number>()
  for (const { verdict } of report.checks) {
    if (verdict.kind !== 'skip' || verdict.why.code === 'not-applicable') continue
    const advice = options.privileged === true || verdict.why.code !== 'not-readable' ? '' : `${words.colon}${words.runAsRoot}`
    const reason = reasonWords(verdict.why, style.locale) + advice
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  const skipped = [...reasons.values()].reduce((sum, count) => sum + count, 0)
  if (skipped === 0) return passed
  const line = `${passed}   ${mark(style, 'skip')} ${compose(words.doctor.notChecked, { count: skipped }, style.locale)}`
  const sorted = [...reasons].sort((a, b) => b[1] - a[1])
  const only = compose(words.parentheses, {}, style.locale).replace('{text}', () => sorted[0]![0])
  if (sorted.length === 1 && columns(line + only) <= style.width) return line + only
  const digits = String(sorted[0]![1]).length
  return [line, ...sorted.map(([reason, count]) => `  ${String(count).padStart(digits)}  ${hang(reason, digits + 4, style.width)}`)].join('\n')
}

/** One sentence that says what it means, and the command to go on with. */
function closing(report: ClusterReport, style: Style, options: TextOptions): string {
  const { doctor } = messages(style.locale)
  const findings = findingsOf(report)
  const errors = findings.filter(({ finding }) => finding.severity === 'error')
  const unseen = report.checks.some(({ verdict }) => verdict.kind === 'crash' || (verdict.kind === 'skip' && verdict.why.code !== 'not-applicable'))
  const warned = findings.some(({ finding }) => finding.severity === 'warning')
  const key = errors.some(({ finding }) => stopsArchiving(finding)) ? 'lost' : errors.length > 0 ? 'broken' : warned ? 'weak' : unseen ? 'unseen' : 'well'
  const selector = options.nameCluster === true ? ` --cluster ${shellWord(safe(report.cluster.id))}` : ''
  const sudo = options.privileged === true ? '' : 'sudo '
  const fixable = findings.some(({ finding }) => finding.fix !== undefined && finding.severity !== 'info')
  const next = fixable ? `${sudo}pgwal enable${selector}` : errors.length > 0 || warned ? `pgwal checks ${findings[0]!.id}` : `pgwal verify${selector}`
  return `${hang(doctor.closing[key], 0, style.width)}\n${doctor.next}${paint(style).bold(next)}`
}

/** Whether WAL is not archived at all: what would repair it says so. */
function stopsArchiving({ fix }: Finding): boolean {
  if (fix === undefined) return false
  return fix.kind === 'archive' || (fix.kind === 'setting' && ['archive_mode', 'archive_command', 'archive_library', 'wal_level'].includes(fix.name))
}

type PlaceNames = (place: Place) => string

/** `file:line`; a file that was named in full before goes by its last part, where no other file of the report has that. */
function placeNames(report: ClusterReport): PlaceNames {
  const files = new Set(findingsOf(report).flatMap(({ finding }) => (finding.at === undefined ? [] : [finding.at.file])))
  const shown = new Set<string>()
  return ({ file, line }) => {
    const short = lastPart(file)
    const unique = [...files].filter((other) => lastPart(other) === short).length === 1
    const name = shown.has(file) && unique ? short : file
    shown.add(file)
    return safe(name) + (line === undefined ? '' : `:${line}`)
  }
}

function lastPart(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}
