import type { Params } from '../../checks/check.ts'

/** What a drill can end with. */
export type DrillCode =
  | 'not-archived' | 'segment-missing' | 'segment-damaged' | 'segment-foreign' | 'segment-different' | 'history-missing' | 'archive-unreadable'
  | 'restore-command-failed' | 'restore-command-empty' | 'restore-command-wrong' | 'segment-unfinished'
  | 'stopped-early' | 'did-not-start' | 'library-needed' | 'relation-missing' | 'stalled' | 'no-space' | 'space-ran-out' | 'copy-failed' | 'directory-unusable' | 'archive-touched' | 'refused'

/** Thrown inside of a drill: it ends here, everything is cleaned up, and this is its finding. */
export class DrillFailure extends Error {
  constructor(readonly code: DrillCode, readonly params: Params, readonly file?: string) {
    super(code)
  }
}
