import type { Step } from '../plan.ts'
import { daemonReload } from './daemon-reload.ts'
import { makeDirectory } from './make-directory.ts'
import { reload } from './reload.ts'
import { restart } from './restart.ts'
import { sql } from './sql.ts'
import type { StepKind } from './step-kind.ts'
import { writeFile } from './write-file.ts'

/** Every kind of step, sorted. */
export const stepKinds = [daemonReload, makeDirectory, reload, restart, sql, writeFile] as const

/** The code behind a step. */
export function kindOf(step: Step): StepKind {
  // The kinds together cover the union; the compiler cannot tie a step to its own kind.
  return stepKinds.find(({ kind }) => kind === step.kind) as unknown as StepKind
}
