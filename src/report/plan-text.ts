import type { Plan, Step } from '../plan/plan.ts'
import { messages } from '../messages/messages.ts'
import { printableLine } from './printable.ts'
import { redact } from './redact.ts'
import { columns, mark, pad, paint, safe, type Style } from './style.ts'
import { compose, formFor } from './words.ts'
import { hang } from './wrap.ts'

/** A step as people and scripts see it: what `steps/<kind>.ts` describes. */
export interface StepView {
  readonly kind: Step['kind']
  readonly path?: string
  /** Unified, as `diff -u` prints it. */
  readonly diff?: string
  /** The file or directory does not exist yet. */
  readonly creates?: boolean
  /** Name of the account that will own what is made. */
  readonly owner?: string
  /** Octal, `0700`. */
  readonly mode?: string
  /** What statements are about. */
  readonly about?: string
  readonly statements?: readonly string[]
}

export interface PlanTextOptions {
  readonly verbose?: boolean
  /** What is restarted or reloaded, as the platform calls it: `postgresql@15-main`. */
  readonly service: string
}

/** Lines of a new file, or of one that goes, that are shown without --verbose. */
const NEW_FILE_LINES = 4

type Folding = (width: number) => string[]

interface Row {
  readonly verb: string
  readonly subject: string
  readonly detail?: string
  /** Lines below, each folded to a number of columns. */
  readonly below?: readonly Folding[]
}

/** What will happen, a row a step, with the diff of each file in colour. */
export function planText(steps: readonly StepView[], effects: Plan['effects'], style: Style, options: PlanTextOptions): string {
  const rows = steps.map((step) => rowOf(step, effects, style, options))
  const later = effects.restart ? [] : effects.restartFor
  const chalk = paint(style)
  const verbWidth = Math.max(0, ...rows.map(({ verb }) => columns(verb)))
  const indent = 2 + verbWidth + 1
  const subjectWidth = Math.max(0, ...rows.filter(({ detail }) => detail !== undefined).map(({ subject }) => columns(subject)))
  const lines = rows.map(({ verb, subject, detail, below }) => {
    const head = `  ${chalk.bold(pad(verb, verbWidth))} `
    const aligned = detail !== undefined && indent + subjectWidth + 3 + columns(detail) <= style.width
    const own = detail !== undefined && indent + columns(subject) + 3 + columns(detail) <= style.width
    const tail = detail === undefined ? '' : aligned ? `${' '.repeat(subjectWidth - columns(subject))}   ${chalk.dim(detail)}` : own ? `   ${chalk.dim(detail)}` : `\n${' '.repeat(indent)}${chalk.dim(detail)}`
    return [head + subject + tail, ...(below ?? []).flatMap((line) => line(style.width - indent)).map((line) => ' '.repeat(indent) + line)].join('\n')
  })
  if (later.length > 0) {
    const { plan, listSeparator } = messages(style.locale)
    lines.push(`  ${mark(style, 'warning')} ${hang(compose(plan.restartLater, { names: later.join(listSeparator), count: later.length }, style.locale), 4, style.width)}`)
  }
  if (effects.endsArchive !== undefined) {
    const { endsArchive } = messages(style.locale).plan
    const { directory } = effects.endsArchive
    const params = directory === undefined ? {} : { path: safe(directory) }
    lines.push(`  ${mark(style, 'warning')} ${hang(compose(formFor(endsArchive, params), params, style.locale), 4, style.width)}`)
  }
  return lines.join('\n')
}

function rowOf(step: StepView, effects: Plan['effects'], style: Style, options: PlanTextOptions): Row {
  const { plan } = messages(style.locale)
  const subject = safe(step.path ?? '')
  const ownership = [step.owner, step.mode].filter((part) => part !== undefined).map((part) => safe(part)).join(' ')
  switch (step.kind) {
    case 'make-directory':
      return { verb: plan.verb.create, subject, ...(ownership === '' ? {} : { detail: ownership }) }
    case 'write-file': {
      const gone = step.diff !== undefined && /^\+\+\+ \/dev\/null\s*$/m.test(step.diff.slice(0, step.diff.indexOf('\n@@')))
      const below = step.diff === undefined ? [] : diffLines(step.diff, style, options.verbose === true || (step.creates !== true && !gone) ? Infinity : NEW_FILE_LINES)
      const detail = step.creates === true && ownership !== '' ? { detail: ownership } : {}
      const verb = step.creates === true ? plan.verb.create : gone ? plan.verb.remove : plan.verb.edit
      return { verb, subject, ...detail, below }
    }
    case 'sql':
      return { verb: plan.verb.sql, subject: safe(step.about ?? ''), below: (step.statements ?? []).map((statement) => (width) => fold(safe(statement), width).map((part) => paint(style).dim(part))) }
    case 'daemon-reload':
      return { verb: plan.verb.sql, subject: safe(step.about ?? '') }
    case 'restart':
      return { verb: plan.verb.restart, subject: safe(options.service), detail: connections(effects, style) }
    case 'reload':
      return { verb: plan.verb.reload, subject: safe(options.service) }
  }
}

function connections({ connectionsDropped }: Plan['effects'], style: Style): string {
  const { plan } = messages(style.locale)
  if (connectionsDropped === null) return plan.unknownConnections
  return connectionsDropped === 0 ? plan.noConnections : compose(plan.connectionsDropped, { count: connectionsDropped }, style.locale)
}

/** The hunks of a unified diff in colour, without the lines that name the files; at most `limit` lines of them. */
export function diffLines(diff: string, style: Style, limit = Infinity): Folding[] {
  const chalk = paint(style)
  const lines = diff.split('\n')
  const start = lines.findIndex((line) => line.startsWith('@@'))
  if (start < 0) return []
  const hunks = lines.slice(start)
  if (hunks.at(-1) === '') hunks.pop()
  const shown = hunks.slice(0, limit).map((line): Folding => {
    // The sign takes a column that the file does not have: tabs are counted behind it.
    const text = /^[-+ ]/.test(line) ? line.slice(0, 1) + printableLine(redact(line.slice(1))) : safe(line)
    const colour = line.startsWith('@@') ? chalk.cyan : line.startsWith('+') ? chalk.green : line.startsWith('-') ? chalk.red : line.startsWith('\\') ? chalk.dim : undefined
    return (width) => fold(text, width).map((part) => (colour === undefined ? part : colour(part)))
  })
  const more = hunks.length - shown.length
  return more === 0 ? shown : [...shown, () => [chalk.dim(compose(messages(style.locale).plan.showAll, { count: more }, style.locale))]]
}

/** A line cut where the terminal would cut it; what follows stands two columns in, so that the lines of a diff stay apart. */
function fold(text: string, width: number): string[] {
  const parts: string[] = []
  let part = ''
  let used = 0
  for (const character of text) {
    const size = columns(character)
    if (used + size > Math.max(20, width)) {
      parts.push(part)
      part = '  '
      used = 2
    }
    part += character
    used += size
  }
  return [...parts, part]
}
