import { messages } from '../messages/messages.ts'
import type { Cluster, Note } from '../platforms/platform.ts'
import { columns, mark, pad, paint, safe, symbolsOf, type Style } from './style.ts'
import { compose } from './words.ts'
import { hang } from './wrap.ts'

const TESTED = { from: 12, to: 18 }

/** `15/main · PostgreSQL 15.20 · Debian · port 5432 · running`, and the data directory below unless it is the name. */
export function clusterHeading(cluster: Cluster, style: Style): string {
  const words = messages(style.locale).cluster
  const chalk = paint(style)
  const state = cluster.running ? chalk.green(words.running) : chalk.yellow(words.down)
  const parts = [chalk.bold(safe(cluster.id)), `PostgreSQL ${safe(cluster.version)}`, cluster.product ?? words.platform[cluster.platform], compose(words.port, { port: cluster.port }, style.locale), state]
  const dot = ` ${symbolsOf(style).dot} `
  // A long name (a data directory) has a line of its own, so that nothing is cut in the middle.
  const lines = columns(parts.join(dot)) <= style.width ? [parts.join(dot)] : [parts[0]!, `  ${parts.slice(1).join(dot)}`]
  if (cluster.id !== cluster.dataDir) lines.push(chalk.dim(`  ${safe(cluster.dataDir)}`))
  if (cluster.major !== 0 && (cluster.major > TESTED.to || cluster.major < TESTED.from)) lines.push(`  ${chalk.yellow(compose(words.untestedMajor, { major: cluster.major }, style.locale))}`)
  if (cluster.manager !== undefined) {
    lines.push(`  ${chalk.yellow(hang(compose(words.managedBy, { manager: cluster.manager.name, command: cluster.manager.command }, style.locale), 2, style.width))}`)
  }
  for (const note of cluster.notes) lines.push(`  ${noteText(note, style)}`)
  return lines.join('\n')
}

/** Something odd that was seen on the way. */
function noteText({ code, params }: Note, style: Style): string {
  return `${mark(style, 'warning')} ${hang(compose(messages(style.locale).cluster.notes[code], params, style.locale), 4, style.width)}`
}

/** Every cluster with where its parts are and how it was found. */
export function clustersText(clusters: readonly Cluster[], style: Style): string {
  const words = messages(style.locale).cluster
  if (clusters.length === 0) return `${words.none}\n${words.noneRemedy}`
  return clusters.map((cluster) => block(cluster, style)).join('\n\n')
}

function block(cluster: Cluster, style: Style): string {
  const { cluster: words, listSeparator } = messages(style.locale)
  const service = cluster.service.kind === 'unknown' ? words.service.unknown : `${words.service[cluster.service.kind]} ${safe(cluster.service.name)}`
  const evidence = cluster.evidence.map(({ kind, detail }) => `${words.evidence[kind]} ${safe(detail)}`.trim())
  const rows: [string, string][] = [
    [words.labels.config, safe(cluster.configFile)],
    [words.labels.hba, safe(cluster.hbaFile)],
    ...(cluster.logFile === undefined ? [] : [[words.labels.log, safe(cluster.logFile)] as [string, string]]),
    ...(cluster.binDir === undefined ? [] : [[words.labels.programs, safe(cluster.binDir)] as [string, string]]),
    [words.labels.owner, safe(cluster.owner.name)],
    [words.labels.service, service],
    [words.labels.evidence, evidence.join(listSeparator)],
  ]
  const width = Math.max(...rows.map(([label]) => columns(label)))
  const dim = paint(style).dim
  return [clusterHeading(cluster, style), ...rows.map(([label, value]) => `  ${dim(pad(label, width))}  ${hang(value, width + 4, style.width)}`)].join('\n')
}
