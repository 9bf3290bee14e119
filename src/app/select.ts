/** Which clusters a command is about. */
import type { Context, Selection } from '../base-command.ts'
import { UserError } from '../errors.ts'
import { chooseCluster, detectClusters } from '../platforms/index.ts'
import type { Choice } from '../platforms/index.ts'
import type { Cluster } from '../platforms/platform.ts'

/** Every cluster of this machine, or those that the flags name. An empty list is no error here. */
export async function findClusters(context: Context, selection: Selection): Promise<readonly Cluster[]> {
  const { clusters, choice } = await look(context, selection)
  if (!isNamed(selection)) return clusters
  return choice.kind === 'one' ? [choice.cluster] : choice.kind === 'several' ? choice.clusters : []
}

/**
 * The clusters for doctor and verify: the one that was chosen by flags or environment, else each that was found.
 *
 * @throws UserError `no-such-cluster` when one was named that is not there, `no-clusters` when there is none at all
 */
export async function selectClusters(context: Context, selection: Selection): Promise<readonly Cluster[]> {
  const { choice } = await look(context, selection)
  switch (choice.kind) {
    case 'one': return [choice.cluster]
    case 'several': return choice.clusters
    case 'none': throw choice.target === undefined ? new UserError('no-clusters') : new UserError('no-such-cluster', { target: choice.target })
  }
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

function isNamed({ id, dataDir, configFile, port }: Selection): boolean {
  return [id, dataDir, configFile, port].some((part) => part !== undefined)
}

async function look(context: Context, selection: Selection): Promise<{ readonly clusters: readonly Cluster[]; readonly choice: Choice }> {
  const looking = context.ui.progress(context.ui.words.progress.looking)
  try {
    const clusters = await detectClusters(context.host, selection)
    // A port names a cluster as well as psql's -p does.
    const there = selection.port === undefined ? clusters : clusters.filter(({ port }) => port === selection.port)
    if (there.length === 0 && selection.port !== undefined) return { clusters, choice: { kind: 'none', target: `port ${selection.port}` } }
    return { clusters, choice: await chooseCluster(context.host, there, selection) }
  } finally {
    looking.done()
  }
}
