/** doctor on every cluster that was chosen. */
import type { Context, Selection } from '../base-command.ts'
import { UserError } from '../errors.ts'
import { facts } from '../facts/index.ts'
import { packCluster } from '../facts/saved/file.ts'
import type { ClusterReport } from '../report/report.ts'
import { compose } from '../report/words.ts'
import { diagnose, judgeSeen } from './diagnose.ts'
import { readFacts, writeFacts } from './facts-file.ts'
import { forVersionOf } from './for-version.ts'
import { connectionOf, wantedOf } from './options.ts'
import type { WantedOptions } from './options.ts'
import { hostOf, selectTargets } from './remote.ts'

export interface DoctorOptions extends WantedOptions {
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
  /** As the user gave it. */
  readonly forVersion?: string
  readonly measure?: boolean
  readonly deep?: boolean
  /** Where to put what was seen. */
  readonly saveFacts?: string
}

/**
 * A report a cluster. With `-h` of another machine, only what SQL shows is looked at.
 * @throws UserError `for-version-unknown`, `for-version-not-newer`, `for-version-newest`
 */
export async function diagnoseAll(context: Context, selection: Selection, options: DoctorOptions): Promise<ClusterReport[]> {
  const reports: ClusterReport[] = []
  const saved: object[] = []
  const targets = await selectTargets(context, selection)
  const upgrade = forVersionOf(options.forVersion, targets.map(({ cluster }) => cluster))
  for (const target of targets) {
    const { cluster, sources } = target
    const looking = context.ui.progress(compose(context.ui.words.progress.diagnosing, { cluster: cluster.id }, context.locale))
    try {
      reports.push(await diagnose(hostOf(context.host, target), cluster, {
        ...(sources === undefined ? {} : { sources }),
        connection: connectionOf(selection),
        wanted: wantedOf(options),
        ...(options.only === undefined ? {} : { only: options.only }),
        ...(options.skip === undefined ? {} : { skip: options.skip }),
        ...upgrade,
        ...(options.deep === undefined ? {} : { deep: options.deep }),
        ...(options.measure === undefined ? {} : { measure: options.measure }),
        ...(options.saveFacts === undefined ? {} : { keep: async (seen) => void saved.push(await packCluster(seen, facts)) }),
      }))
    } finally {
      looking.done()
    }
  }
  if (options.saveFacts !== undefined) await writeFacts(context.host, options.saveFacts, saved)
  return reports
}

/** The same from a file of facts, whose machine may be far away. `id` names one of its clusters. */
export async function diagnoseSaved(context: Context, path: string, id: string | undefined, options: Pick<DoctorOptions, 'only' | 'skip' | 'measure' | 'forVersion'>): Promise<{ readonly reports: ClusterReport[]; readonly privileged: boolean }> {
  const { clusters, privileged } = await readFacts(context.host, path)
  const chosen = clusters.filter(({ cluster }) => id === undefined || cluster.id === id)
  if (chosen.length === 0) throw id === undefined ? new UserError('facts-malformed', { path, where: 'clusters' }) : new UserError('no-such-cluster', { target: id })
  const { forVersion, ...judging } = options
  const upgrade = forVersionOf(forVersion, chosen.map(({ cluster }) => cluster))
  return { reports: await Promise.all(chosen.map((seen) => judgeSeen(seen, { ...judging, ...upgrade }))), privileged }
}
