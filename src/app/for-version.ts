/** The major that `doctor --for-version` names. */
import { UserError } from '../errors.ts'
import type { Cluster } from '../platforms/platform.ts'
import { NEWEST_MAJOR, OLDEST_MAJOR } from '../postgres/settings/index.ts'

const UPGRADES = Array.from({ length: NEWEST_MAJOR - OLDEST_MAJOR }, (_, at) => OLDEST_MAJOR + 1 + at)

/**
 * The major out of the flag's text, behind which a minor may stand; nothing where the flag is not given. Of several clusters
 * those that are not older are left out of the question, as long as one is older.
 * @throws UserError `for-version-unknown`, `for-version-not-newer`, `for-version-newest`
 */
export function forVersionOf(asked: string | undefined, clusters: readonly Cluster[]): { readonly forVersion?: number } {
  if (asked === undefined) return {}
  const wanted = UPGRADES.find((major) => /^(\d+)(?:\.\d+)?$/.exec(asked)?.[1] === String(major))
  if (wanted === undefined) throw new UserError('for-version-unknown', { asked, allowed: UPGRADES.join(', ') })
  const [oldest] = [...clusters].sort((a, b) => a.major - b.major)
  if (oldest === undefined || oldest.major < wanted) return { forVersion: wanted }
  const params = { asked, cluster: oldest.id, major: oldest.major }
  const allowed = UPGRADES.filter((major) => major > oldest.major)
  if (allowed.length === 0) throw new UserError('for-version-newest', params)
  throw new UserError('for-version-not-newer', { ...params, allowed: allowed.join(', ') })
}
