/** Which clusters a command is about. */
import type { Context, Selection } from '../base-command.ts'
import { UserError } from '../errors.ts'
import { detectClusters } from '../platforms/index.ts'
import type { Cluster } from '../platforms/platform.ts'

/** Every cluster that the selection leaves; with none chosen, all of this machine. An empty list is no error here. */
export async function findClusters(context: Context, selection: Selection): Promise<Cluster[]> {
  const looking = context.ui.progress(context.ui.words.progress.looking)
  try {
    return await detectClusters(context.host, selection)
  } finally {
    looking.done()
  }
}

/**
 * The clusters for doctor and verify: each that was found.
 *
 * @throws UserError `no-such-cluster` when one was named that is not there, `no-clusters` when there is none at all
 */
export async function selectClusters(context: Context, selection: Selection): Promise<Cluster[]> {
  const clusters = await findClusters(context, selection)
  if (clusters.length > 0) return clusters
  const target = selection.id ?? selection.dataDir ?? selection.configFile
  if (target !== undefined) throw new UserError('no-such-cluster', { target })
  throw new UserError('no-clusters')
}

/**
 * The one cluster for enable: asked for where there are several and somebody can answer.
 *
 * @throws UserError `several-clusters` without a terminal
 */
export async function selectCluster(context: Context, selection: Selection): Promise<Cluster> {
  const clusters = await selectClusters(context, selection)
  const [only] = clusters
  if (only !== undefined && clusters.length === 1) return only
  if (!context.ui.interactive || context.json) throw new UserError('several-clusters', { list: clusters.map(({ id }) => id).join(', ') })
  return context.ui.select({
    message: context.ui.words.prompts.cluster,
    choices: clusters.map((cluster) => ({ value: cluster, name: `${cluster.id} · PostgreSQL ${cluster.version} · ${cluster.dataDir}` })),
  })
}
