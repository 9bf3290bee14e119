/** doctor on every cluster that was chosen. */
import type { Context, Selection } from '../base-command.ts'
import type { ClusterReport } from '../report/report.ts'
import { compose } from '../report/words.ts'
import { diagnose } from './diagnose.ts'
import { connectionOf, wantedOf } from './options.ts'
import type { WantedOptions } from './options.ts'
import { selectTargets } from './remote.ts'

export interface DoctorOptions extends WantedOptions {
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
}

/** A report a cluster. With `-h` of another machine, only what SQL shows is looked at. */
export async function diagnoseAll(context: Context, selection: Selection, options: DoctorOptions): Promise<ClusterReport[]> {
  const reports: ClusterReport[] = []
  for (const { cluster, host, sources } of await selectTargets(context, selection)) {
    const looking = context.ui.progress(compose(context.ui.words.progress.diagnosing, { cluster: cluster.id }, context.locale))
    try {
      reports.push(await diagnose(host, cluster, {
        ...(sources === undefined ? {} : { sources }),
        connection: connectionOf(selection),
        wanted: wantedOf(options),
        ...(options.only === undefined ? {} : { only: options.only }),
        ...(options.skip === undefined ? {} : { skip: options.skip }),
      }))
    } finally {
      looking.done()
    }
  }
  return reports
}
