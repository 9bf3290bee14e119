// Statements with an undo of their own. ALTER SYSTEM: https://www.postgresql.org/docs/current/sql-altersystem.html
import { codeOf, HostError, UserError } from '../../errors.ts'
import type { Connection } from '../../host/host.ts'
import { parseConf } from '../../postgres/conf/index.ts'
import { sameBytes } from '../bytes.ts'
import type { SqlStep } from '../plan.ts'
import { actingFor } from '../../platforms/reading.ts'
import type { ServerContext } from '../server-context.ts'
import { NOTHING, notUndone, undone } from './step-kind.ts'
import type { StepKind, StepState, Undone, UndoContext } from './step-kind.ts'

type AutoConf = NonNullable<SqlStep['autoConf']>

/**
 * Judges postgresql.auto.conf by what it says: the server writes it anew with each ALTER SYSTEM, in an order of its own.
 * `after`: our settings have our values, and nothing else differs from before.
 */
export function judgeAutoConf({ before, set }: Pick<AutoConf, 'before' | 'set'>, bytes: Uint8Array): StepState {
  if (sameBytes(bytes, before.bytes)) return 'before'
  const [now, then] = [assignments(bytes), assignments(before.bytes)]
  for (const [name, value] of Object.entries(set)) {
    if (now.get(name) !== value) return 'other'
    now.delete(name)
    then.delete(name)
  }
  return now.size === then.size && [...now].every(([name, value]) => then.get(name) === value) ? 'after' : 'other'
}

function assignments(bytes: Uint8Array): Map<string, string> {
  return new Map(parseConf(bytes).entries.map(({ name, value }) => [name.toLowerCase(), value]))
}

function connectionOf(context: ServerContext, about: string): Connection {
  if (context.connection === undefined) throw new HostError('query', about, 'no-login', 'there is no login to the server')
  return context.connection
}

async function runAll(context: ServerContext, statements: readonly string[], about: string): Promise<void> {
  const session = await context.host.connect(connectionOf(context, about))
  try {
    for (const statement of statements) await session.query(statement)
  } finally {
    await session.close()
  }
}

async function readAutoConf(step: AutoConf, context: ServerContext): Promise<Uint8Array> {
  return context.host.read(step.path, actingFor(context.self, step.owner))
}

async function undoAutoConf(step: SqlStep, autoConf: AutoConf, context: UndoContext): Promise<Undone> {
  const { path, before, set } = autoConf
  const now = await readAutoConf(autoConf, context)
  const state = judgeAutoConf(autoConf, now)
  if (state === 'before') return NOTHING
  if (state === 'after') {
    // ALTER SYSTEM back would leave another order of lines; these are the very bytes, if nobody was faster.
    try {
      await context.host.replace(path, before.bytes, { ...actingFor(context.self, autoConf.owner), expect: context.host.sha256(now) })
    } catch (error) {
      if (codeOf(error) === 'changed') return notUndone('edited-since', { path })
      throw error
    }
    return undone('file-restored', { path })
  }
  const found = assignments(now)
  if (!context.force || Object.entries(set).every(([name, value]) => found.get(name) !== value)) return notUndone('edited-since', { path })
  // Somebody's own ALTER SYSTEM stands beside ours: only ours is taken back, and theirs stays.
  await runAll(context, step.undo, step.about)
  return undone('statement-undone', { about: step.about })
}

async function answer(step: SqlStep, context: ServerContext): Promise<string | undefined> {
  if (step.tell === undefined) return undefined
  return JSON.stringify(await context.host.query(connectionOf(context, step.about), step.tell.query, step.tell.parameters))
}

export const sql: StepKind<SqlStep> = {
  kind: 'sql',

  describe: (step) => ({ kind: step.kind, about: step.about, statements: step.apply, ...(step.autoConf === undefined ? {} : { path: step.autoConf.path }) }),

  describeUndo: (step) => ({ kind: step.kind, about: step.about, statements: step.undo, ...(step.autoConf === undefined ? {} : { path: step.autoConf.path }) }),

  async state(step, context) {
    if (step.autoConf !== undefined) return judgeAutoConf(step.autoConf, await readAutoConf(step.autoConf, context))
    const found = await answer(step, context)
    if (found === step.tell?.after) return 'after'
    return found === step.tell?.before ? 'before' : 'other'
  },

  async apply(step, context) {
    const state = await sql.state(step, context)
    // A role that is there already is somebody's: it must not be dropped by our undo.
    if (state === 'other' || (state === 'after' && step.tell !== undefined)) throw new UserError('changed', { path: step.autoConf?.path ?? step.about })
    if (state === 'before') await runAll(context, step.apply, step.about)
    return { status: 'done', code: 'statement-run', params: { about: step.about } }
  },

  async undo(step, context) {
    if (step.autoConf !== undefined) return undoAutoConf(step, step.autoConf, context)
    const found = await answer(step, context)
    if (found === step.tell?.before) return NOTHING
    if (found !== step.tell?.after && !context.force) return notUndone('edited-since', { path: step.about })
    await runAll(context, step.undo, step.about)
    return undone('statement-undone', { about: step.about })
  },

  // A role is asked for over SQL, so the server must be up again; its own file is put back before that.
  undoWhen: (step) => (step.autoConf === undefined ? 'after-restart' : 'before-restart'),
}
