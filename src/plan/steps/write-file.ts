import { codeOf, UserError } from '../../errors.ts'
import type { Acting } from '../../host/host.ts'
import type { FileState, WriteFileStep } from '../plan.ts'
import { actingFor, octal } from '../../platforms/reading.ts'
import type { ServerContext } from '../server-context.ts'
import { unifiedDiff } from '../unified-diff.ts'
import { NOTHING, notUndone, undone } from './step-kind.ts'
import type { StepKind, StepState, UndoContext, Undone } from './step-kind.ts'

function acting(step: WriteFileStep, context: ServerContext): Acting {
  return step.asRoot === true ? {} : actingFor(context.self, step.owner)
}

/** The content now, or null when there is no file. */
async function present(step: WriteFileStep, context: ServerContext): Promise<FileState | null> {
  try {
    const bytes = await context.host.read(step.path, acting(step, context))
    return { bytes, sha256: context.host.sha256(bytes) }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

function judge(step: WriteFileStep, now: FileState | null): StepState {
  if (now?.sha256 === step.after.sha256) return 'after'
  return (now?.sha256 ?? null) === (step.before?.sha256 ?? null) ? 'before' : 'other'
}

/** Puts back what was before over what is there now, if that is still what was looked at. */
async function putBack(step: WriteFileStep, now: FileState | null, context: UndoContext): Promise<Undone> {
  const { path, before } = step
  const as = acting(step, context)
  if (before === null) {
    if (now !== null) await context.host.removeFile(path, as)
    return undone('file-removed', { path })
  }
  await context.host.replace(path, before.bytes, { ...as, expect: now?.sha256 ?? null, ...(step.mode === undefined ? {} : { mode: step.mode }) })
  return undone('file-restored', { path })
}

export const writeFile: StepKind<WriteFileStep> = {
  kind: 'write-file',

  describe: (step) => ({
    kind: step.kind,
    path: step.path,
    diff: unifiedDiff(step.path, step.before?.bytes ?? null, step.after.bytes),
    ...(step.before === null ? { creates: true, owner: step.asRoot === true ? 'root' : step.owner.name, ...(step.mode === undefined ? {} : { mode: octal(step.mode) }) } : {}),
  }),

  describeUndo: (step) => ({ kind: step.kind, path: step.path, diff: unifiedDiff(step.path, step.after.bytes, step.before?.bytes ?? null) }),

  state: async (step, context) => judge(step, await present(step, context)),

  async apply(step, context) {
    const { path, before, after } = step
    const now = await present(step, context)
    const state = judge(step, now)
    if (state === 'other') throw new UserError('changed', { path })
    if (state === 'before') {
      await context.host.replace(path, after.bytes, { ...acting(step, context), expect: before?.sha256 ?? null, ...(step.mode === undefined ? {} : { mode: step.mode }) }).catch((error: unknown) => {
        throw codeOf(error) === 'changed' ? new UserError('changed', { path }, { cause: error }) : error
      })
    }
    return { status: 'done', code: before === null ? 'file-made' : 'file-written', params: { path } }
  },

  async undo(step, context) {
    const { path } = step
    const now = await present(step, context)
    const state = judge(step, now)
    if (state === 'before') return NOTHING
    try {
      if (state === 'after') return await putBack(step, now, context)
      if (!context.force) return notUndone('edited-since', { path })
      const copy = now === null ? undefined : await context.keep(path, now.bytes)
      const { changed } = await putBack(step, now, context)
      return { ok: true, changed, happenings: [{ status: 'warned', code: 'overwritten', params: { path, ...(copy === undefined ? {} : { copy }) } }] }
    } catch (error) {
      if (codeOf(error) === 'changed') return notUndone('edited-since', { path })
      throw error
    }
  },

  // The archiver calls the script until the server stops archiving.
  undoWhen: (step) => (step.role === 'archive-script' ? 'after-restart' : 'before-restart'),
}
