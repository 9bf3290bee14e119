import type { HbaRule } from '../postgres/hba/index.ts'
import { loadsOf, type HbaReport } from './hba-report.ts'
import { trapFinding } from './hba-text.ts'
import { clusterJson, SCHEMA } from './json.ts'
import { redactAbout, redactLine } from './redact.ts'
import { findingWords, type Worded } from './words.ts'

/** The report as the contract has it. Words are English whatever the language. */
export function hbaJson(report: HbaReport, words: readonly Worded[]): object {
  const { cluster, file, major, hba, complete, notReloaded, question, decision, unreachable, traps } = report
  const texts = new Map(hba.lines.map((line) => [`${line.file}\0${line.line}`, line.text]))
  const errors = hba.errors.map(({ message, ...error }) => ({ ...error, message: redactAbout(message, texts.get(`${error.file}\0${error.line}`) ?? '') }))
  return {
    schema: SCHEMA,
    command: 'hba',
    ...(cluster === undefined ? {} : { cluster: clusterJson(cluster) }),
    hbaFile: file,
    serverVersion: major,
    files: hba.files.map(({ path }) => path),
    rules: hba.rules.length,
    loads: loadsOf(report),
    complete,
    notReloaded,
    errors: errors.filter(({ fatal }) => fatal),
    warnings: errors.filter(({ fatal }) => !fatal),
    uncertain: hba.uncertain,
    ...(question === undefined ? {} : { question }),
    ...(decision === undefined ? {} : {
      decision: {
        rule: decision.rule === null ? null : ruleJson(decision.rule),
        method: decision.method,
        certain: decision.dependsOn.length === 0,
        dependsOn: decision.dependsOn.map(({ rule, method, on }) => ({ rule: ruleJson(rule), method, on })),
      },
    }),
    unreachable: unreachable.map(({ rule, shadowedBy, because }) => ({
      ...ruleJson(rule),
      shadowedBy: shadowedBy[0] === undefined ? null : { file: shadowedBy[0].file, line: shadowedBy[0].line },
      shadowedByAll: shadowedBy.map(({ file: by, line }) => ({ file: by, line })),
      because,
    })),
    traps: traps.map((trap) => {
      const finding = trapFinding(trap)
      const { message, remedy } = findingWords(words, finding.check, finding, 'en')
      return { ...trap, params: finding.params, message, remedy }
    }),
  }
}

function ruleJson({ file, line, text }: HbaRule): object {
  return { file, line, text: redactLine(text.trim()) }
}
