// systemd reads its units again, so that a drop-in counts at the next restart.
import { reloadUnits, ServerFailure } from '../restart.ts'
import { NOTHING } from './step-kind.ts'
import type { StepKind } from './step-kind.ts'

export const daemonReload: StepKind<{ readonly kind: 'daemon-reload' }> = {
  kind: 'daemon-reload',
  describe: (step) => ({ kind: step.kind, about: 'systemctl daemon-reload' }),
  describeUndo: () => undefined,
  // Once more is no harm.
  state: () => Promise.resolve('before'),
  async apply(_, context) {
    const done = await reloadUnits(context)
    if (!done.ok) throw new ServerFailure(done)
    return { status: 'done', code: 'units-reloaded' }
  },
  // systemd follows its files: see revert.ts.
  undo: () => Promise.resolve(NOTHING),
  undoWhen: () => 'before-restart',
}
