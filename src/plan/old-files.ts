// Before undo puts anything back: would the server start with the old files? What was added on top of the new ones since then
// (a replication slot, a setting elsewhere) may need them, and the old server would not come up.
// https://github.com/postgres/postgres/blob/master/src/backend/replication/slot.c (RestoreSlotFromDisk)
import { UserError } from '../errors.ts'
import { entriesOf, readControlFile, unlessRefused } from '../platforms/reading.ts'
import { checkLoads, valueOrDefault } from '../postgres/conf/index.ts'
import type { Configuration } from '../postgres/conf/index.ts'
import { parseValue } from '../postgres/settings/index.ts'
import type { Plan } from './plan.ts'
import { readClusterConfiguration, readClusterHba } from './read-files.ts'
import { asOwner } from './server-context.ts'
import type { ServerContext } from './server-context.ts'
import { kindOf } from './steps/index.ts'

const LEVELS = ['minimal', 'replica', 'logical']

/** In a slot's `state` file: after four numbers and the name, the database (0 for a physical slot) and how lasting it is (0: it outlives a restart). */
const SLOT_OFFSET = 16 + 64

/**
 * @param begun steps that are to be undone
 * @throws UserError `old-files-refused` where the server starts with its files as they are, and would not with the old ones
 */
export async function refuseOldFiles(context: ServerContext, plan: Plan, begun: ReadonlySet<number>): Promise<void> {
  const old = new Map<string, Uint8Array>()
  for (const [at, step] of plan.steps.entries()) {
    if (!begun.has(at)) continue
    if (step.kind === 'write-file' && step.before !== null && (step.role === 'postgresql.conf' || step.role === 'pg_hba.conf')) old.set(step.path, step.before.bytes)
    // Where others changed it too, only our settings are taken back, by ALTER SYSTEM.
    if (step.kind === 'sql' && step.autoConf !== undefined && await kindOf(step).state(step, context) === 'after') old.set(step.autoConf.path, step.autoConf.before.bytes)
  }
  if (old.size === 0) return
  const problems = await problemsWith(context, plan, old)
  if (problems[0] === undefined || (await problemsWith(context, plan, new Map())).length > 0) return
  throw new UserError('old-files-refused', { cluster: context.cluster.id, reason: problems[0] })
}

/** Why the server would not start with its files, some of them replaced. */
async function problemsWith(context: ServerContext, plan: Plan, replaced: ReadonlyMap<string, Uint8Array>): Promise<string[]> {
  const configuration = await readClusterConfiguration(context, replaced)
  const hba = await readClusterHba(context, replaced)
  const faults = [...checkLoads(configuration, { walSegmentSize: plan.segmentSize }).errors, ...hba.errors.filter(({ fatal }) => fatal)]
  return [...faults.map(({ file, line, message }) => `${file}:${line}: ${message}`), ...await slotsAbove(context, configuration.get('wal_level')?.value ?? 'replica'), ...await limitsBelow(context, configuration)]
}

/** A standby needs at least as much of these as its primary had, which pg_control tells. */
async function limitsBelow({ host, cluster, self }: ServerContext, configuration: Configuration): Promise<string[]> {
  const control = await unlessRefused(readControlFile(host, cluster.dataDir, asOwner({ self, cluster })))
  if (control === undefined || 'problem' in control || (control.state !== 'in-archive-recovery' && control.state !== 'shut-down-in-recovery')) return []
  return Object.entries(control.limits).flatMap(([name, needed]) => {
    const value = valueOrDefault(configuration, name)
    const parsed = parseValue(name, value, cluster.major)
    return parsed.ok && Number(parsed.value) < Number(needed) ? [`${name} = ${value}, and a standby of a primary that had ${needed} recovers no further`] : []
  })
}

/** Slots that need a higher wal_level. */
async function slotsAbove(context: ServerContext, level: string): Promise<string[]> {
  const { host, cluster } = context
  const found: string[] = []
  for (const { name, kind } of await entriesOf(host, `${cluster.dataDir}/pg_replslot`, asOwner(context))) {
    const state = kind === 'directory' ? await unlessRefused(host.readPart(`${cluster.dataDir}/pg_replslot/${name}/state`, SLOT_OFFSET, 8, asOwner(context))) : undefined
    if (state?.length !== 8 || state.subarray(4).some((byte) => byte !== 0)) continue
    const needed = state.subarray(0, 4).some((byte) => byte !== 0) ? 'logical' : 'replica'
    if (LEVELS.indexOf(level.toLowerCase()) < LEVELS.indexOf(needed)) found.push(`replication slot "${name}" exists, but wal_level = ${level}`)
  }
  return found
}
