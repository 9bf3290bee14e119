import { codeOf, UserError } from '../../errors.ts'
import type { Acting } from '../../host/host.ts'
import type { MakeDirectoryStep } from '../plan.ts'
import { actingFor, octal } from '../../platforms/reading.ts'
import type { ServerContext } from '../server-context.ts'
import { NOTHING, notUndone, undone } from './step-kind.ts'
import type { StepKind } from './step-kind.ts'

function acting(step: MakeDirectoryStep, context: ServerContext): Acting {
  return step.asRoot === true ? {} : actingFor(context.self, step.owner)
}

export const makeDirectory: StepKind<MakeDirectoryStep> = {
  kind: 'make-directory',

  describe: (step) => ({ kind: step.kind, path: step.path, owner: step.owner.name, mode: octal(step.mode), creates: true }),

  describeUndo: () => undefined,

  async state(step, context) {
    try {
      return (await context.host.stat(step.path, { ...acting(step, context), followLinks: false })).kind === 'directory' ? 'after' : 'other'
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return 'before'
      throw error
    }
  },

  async apply(step, context) {
    const { path, mode } = step
    const as = acting(step, context)
    await context.host.makeDirectory(path, { ...as, mode, ...(step.asRoot === true || context.host.os === 'win32' ? { owner: step.owner } : {}) }).catch((error: unknown) => {
      throw codeOf(error) === 'EEXIST' ? new UserError('changed', { path }, { cause: error }) : error
    })
    return { status: 'done', code: 'directory-made', params: { path } }
  },

  async undo(step, context) {
    const { path } = step
    try {
      await context.host.removeDirectory(path, acting(step, context))
      return undone('directory-removed', { path })
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT') return NOTHING
      // WAL that was archived meanwhile is worth more than a tidy disk.
      if (code === 'ENOTEMPTY' || code === 'EEXIST') return { ok: true, changed: false, happenings: [{ status: 'skipped', code: 'directory-kept', params: { path } }] }
      if (code === 'ENOTDIR') return notUndone('edited-since', { path })
      throw error
    }
  },

  undoWhen: () => 'after-restart',
}
