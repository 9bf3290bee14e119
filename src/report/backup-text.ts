// What `pgwal backup` made, and what it removed or would remove.
import type { BackupRecord } from '../backup/set.ts'
import type { Removal } from '../backup/retention.ts'
import type { BackupResult, RetentionOutcome } from '../backup/result.ts'
import { messages } from '../messages/messages.ts'
import { clusterJson, SCHEMA } from './json.ts'
import { mark, safe, type Style } from './style.ts'
import { compose } from './words.ts'
import { hang } from './wrap.ts'

/** The result on stdout. */
export function backupText({ backup: { path, record }, elapsedMs, retention }: BackupResult, giveUpOthers: boolean, style: Style): string {
  const { made, facts, method } = messages(style.locale).backup
  const line = (text: string): string => `  ${mark(style, 'pass')} ${hang(text, 4, style.width)}`
  const say = (template: string): string => compose(template, { path, ...paramsOf(record), elapsedMs, method: method[record.method] }, style.locale)
  return [
    hang(say(made), 0, style.width),
    line(say(facts.size)),
    line(say(record.wal === 'included' ? facts.range : facts.needsArchive)),
    line(say(record.manifestBy === 'server' ? facts.serverManifest : facts.ownManifest)),
    ...(retention === undefined ? [] : ['', retentionText(retention, giveUpOthers, style)]),
  ].join('\n')
}

function paramsOf({ bytes, files, startSegment, stopSegment }: BackupRecord) {
  return { dataBytes: bytes, files, startSegment, stopSegment }
}

/** What would go, a line each. */
export function removalText({ plan, archive, wal, walBytes, withheld }: Removal, giveUpOthers: boolean, style: Style): string {
  const words = messages(style.locale).backup.plan
  const say = (template: string, params: Readonly<Record<string, string | number>>): string => compose(template, params, style.locale)
  const oldest = plan.others[0]
  return [
    ...plan.remove.map(({ path, record }) => `  ${say(words.backup, { path, dataBytes: record.bytes })}`),
    ...(wal.length === 0 || archive === undefined ? [] : [`  ${hang(say(words.wal, { files: wal.length, archive, dataBytes: walBytes, segment: plan.keepFrom }), 10, style.width)}`]),
    `  ${say(words.keep, { count: plan.keep.length, at: plan.keep.at(-1)!.finishedAt })}`,
    ...plan.standbys.map(({ name, segment }) => `  ${mark(style, 'warning')} ${hang(say(words.standby, { name: safe(name), segment }), 4, style.width)}`),
    ...(wal.length === 0 ? [] : [`  ${hang(say(words.standbysUnseen, {}), 2, style.width)}`]),
    ...(oldest === undefined ? [] : [
      `  ${mark(style, 'warning')} ${hang(say(words.others, { count: plan.others.length, segment: oldest.startSegment, label: oldest.label, at: oldest.startTime }), 4, style.width)}`,
      ...(giveUpOthers ? [`    ${say(words.givenUp, {})}`] : withheld.files > 0 ? [`    ${hang(say(words.withheld, { files: withheld.files, dataBytes: withheld.bytes }), 4, style.width)}`] : []),
    ]),
  ].join('\n')
}

function retentionText(retention: RetentionOutcome, giveUpOthers: boolean, style: Style): string {
  const { retention: words, refusal } = messages(style.locale).backup
  const say = (template: string, params: Readonly<Record<string, string | number>>): string => hang(compose(template, params, style.locale), 2, style.width)
  switch (retention.outcome) {
    case 'refused': return `${mark(style, 'warning')} ${say(words.refused, { reason: compose(refusal[retention.refusal.code], { ...retention.refusal }, style.locale) })}`
    case 'nothing-to-do': return [say(words.nothing, { count: retention.removal.plan.keep.length }), ...(retention.removal.plan.others.length + retention.removal.plan.standbys.length === 0 ? [] : [removalText(retention.removal, giveUpOthers, style)])].join('\n')
    case 'planned': return [removalText(retention.removal, giveUpOthers, style), '', say(words.planned, {})].join('\n')
    case 'interrupted': return `${mark(style, 'warning')} ${say(words.interrupted, { count: retention.removed?.backups.length ?? 0, files: retention.removed?.files ?? 0 })}`
    case 'cancelled': return say(words.cancelled, {})
    case 'applied': {
      const { removed: { backups, files, failed }, removal } = retention
      return [
        `${mark(style, failed.length === 0 ? 'pass' : 'warning')} ${say(words.applied, { count: backups.length, files, dataBytes: removal.walBytes })}`,
        ...failed.map((one) => `  ${mark(style, 'error')} ${say(words.failed, { ...one })}`),
      ].join('\n')
    }
  }
}


export function backupJson({ cluster, backup: { path, record }, elapsedMs, retention }: BackupResult): object {
  return { schema: SCHEMA, command: 'backup', cluster: clusterJson(cluster), backup: { path, elapsedMs, ...record }, ...(retention === undefined ? {} : { retention: retentionJson(retention) }) }
}

function retentionJson(retention: RetentionOutcome): object {
  if (retention.outcome === 'refused') return { outcome: 'refused', refusal: retention.refusal }
  if (retention.removal === undefined) return { outcome: retention.outcome }
  const { plan, archive, wal, walBytes, withheld } = retention.removal
  return {
    outcome: retention.outcome,
    keep: plan.keep.map(({ path }) => path), remove: plan.remove.map(({ path, record }) => ({ path, bytes: record.bytes })),
    wal: { archive, keepFrom: plan.keepFrom, files: wal.length, bytes: walBytes }, others: plan.others, standbys: plan.standbys, withheld,
    ...('removed' in retention ? { removed: retention.removed } : {}),
  }
}
