import { ServerFailure, driveServer } from '../restart.ts'
import { NOTHING } from './step-kind.ts'
import type { StepKind } from './step-kind.ts'

export const restart: StepKind<{ readonly kind: 'restart' }> = {
  kind: 'restart',
  describe: (step) => ({ kind: step.kind }),
  describeUndo: () => undefined,
  // The server itself says; a restart more is no harm.
  state: () => Promise.resolve('before'),
  async apply(_, context) {
    const done = await driveServer(context, 'restart')
    if (!done.ok) throw new ServerFailure(done)
    return { status: 'done', code: 'restarted', params: { elapsedMs: done.elapsedMs } }
  },
  // The server follows its files: see revert.ts.
  undo: () => Promise.resolve(NOTHING),
  undoWhen: () => 'before-restart',
}
