/** Which backup is taken for a target, and what is said where none leads there. */
import { UserError } from '../errors.ts'
import { targetSettings } from '../postgres/recovery/configuration.ts'
import { localOffset, parseTarget, timeInUtc, timeInZone } from '../postgres/recovery/target.ts'
import type { RecoveryTarget } from '../postgres/recovery/target.ts'
import type { Host } from '../host/host.ts'
import { needsProgram } from './archive.ts'
import type { Archive } from './archive.ts'
import { hasFetched } from './backup.ts'
import type { Backup, FoundBackups, Unusable } from './backup.ts'
import { judge } from './judge.ts'
import type { Judging, Obstacle, Route } from './judge.ts'
import type { Restoring } from './working.ts'

/** A target as it was typed. @throws UserError `bad-target-…` */
export function readTarget(text: string): RecoveryTarget {
  const target = parseTarget(text, localOffset)
  if ('problem' in target) throw new UserError(`bad-target-${target.problem}`, { text })
  return target
}

/** There is none that could be restored: the reason of the first that is nearly one. */
export function noBackup(path: string, unusable: readonly Unusable[]): UserError {
  const [first] = unusable
  return first === undefined ? new UserError('no-backup', { path }) : new UserError(`backup-${first.code}`, { path: first.path, what: first.what, problem: first.what })
}

/** A backup that is not taken, and why. */
export interface PassedOver {
  readonly path: string
  readonly code: string
  readonly what: string
}

export interface Chosen {
  readonly route: Route
  readonly passedOver: readonly PassedOver[]
}

/** The newest backup from which there is a way. @throws UserError with what stands in the way of the newest, or of the oldest where the target is too old for all */
export async function choose(restoring: Restoring, archive: Archive, { usable, unusable }: FoundBackups, target: RecoveryTarget, judging: Judging): Promise<Chosen> {
  const met: { backup: Backup; obstacle: Obstacle }[] = []
  for (const backup of usable) {
    let found = await judge(restoring, archive, backup, target, judging)
    if ('code' in found && found.code === 'start-missing' && await hasFetched(restoring, backup, found.segment)) found = await judge(restoring, archive, { ...backup, wal: 'packed' }, target, judging)
    if (!('code' in found)) {
      const passedOver = [...unusable, ...met.map((one) => ({ path: one.backup.path, code: one.obstacle.code, what: 'program' in one.obstacle ? one.obstacle.program : '' }))]
      return { route: found, passedOver }
    }
    met.push({ backup, obstacle: found })
  }
  const telling = met.every(({ obstacle }) => obstacle.code === 'before-backup') ? met.at(-1)! : met.find(({ obstacle }) => obstacle.code !== 'before-backup')!
  throw obstacleError(restoring.host, telling.backup, telling.obstacle, archive, target)
}

/** A name whose blanks at its ends can be seen. */
function visible(name: string): string {
  return name === name.trim() ? name : `"${name}"`
}

/** What stands in the way, as an error. */
export function obstacleError(host: Pick<Host, 'os'>, backup: Backup, obstacle: Obstacle, archive: Archive, target: RecoveryTarget): UserError {
  const asked = targetSettings(target, 'current', 'pause')[0]![1]
  const moment = (time: bigint | undefined): string => (time === undefined ? '–' : `${timeInZone(time, localOffset)} (${timeInUtc(time)})`)
  switch (obstacle.code) {
    case 'other-cluster': return new UserError('target-other-cluster', { path: archive.path, found: obstacle.found, own: obstacle.own })
    case 'no-timeline': return new UserError('target-no-timeline', { path: archive.path, timeline: obstacle.timeline, file: obstacle.file })
    case 'other-timeline': return new UserError('target-other-timeline', { backup: backup.path, timeline: obstacle.timeline, own: obstacle.own })
    case 'start-missing': return new UserError('target-start-missing', { path: archive.path, segment: obstacle.segment, backup: backup.path })
    case 'end-missing': return new UserError('target-end-missing', { path: archive.path, segment: obstacle.segment, backup: backup.path, end: obstacle.end })
    case 'gap': return new UserError('target-gap', { path: archive.path, first: obstacle.first, last: obstacle.last, count: obstacle.count })
    case 'damaged': return new UserError('target-damaged', { file: obstacle.file, problem: obstacle.problem })
    case 'before-backup': return new UserError('target-before-backup', { target: asked, backup: backup.path, end: obstacle.end, time: moment(obstacle.time) })
    case 'beyond-archive': return new UserError('target-beyond-archive', { target: asked, path: archive.path, last: obstacle.last, time: moment(obstacle.time) })
    case 'tablespace-made': return new UserError('target-tablespace-made', { backup: backup.path, location: obstacle.location, segment: obstacle.segment })
    case 'needs-program': return needsProgram(host, archive.path, obstacle.program)
    case 'in-partial': return new UserError('target-in-partial', { target: target.kind === 'name' ? visible(target.name) : asked, path: archive.path, file: obstacle.partial.file, name: obstacle.partial.name, time: moment(obstacle.partial.time) })
    case 'no-such-point': return new UserError('target-no-such-point', { name: visible(obstacle.name), path: archive.path, known: obstacle.known.map(visible).join(', ') || '–' })
  }
}
