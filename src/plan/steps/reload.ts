import { ServerFailure, reloadServer } from '../restart.ts'
import { NOTHING } from './step-kind.ts'
import type { StepKind } from './step-kind.ts'

export const reload: StepKind<{ readonly kind: 'reload' }> = {
  kind: 'reload',
  describe: (step) => ({ kind: step.kind }),
  describeUndo: () => undefined,
  state: () => Promise.resolve('before'),
  async apply(_, context) {
    const done = await reloadServer(context)
    if (!done.ok) throw new ServerFailure(done)
    return { status: 'done', code: 'reloaded' }
  },
  // The server follows its files: see revert.ts.
  undo: () => Promise.resolve(NOTHING),
  undoWhen: () => 'before-restart',
}
