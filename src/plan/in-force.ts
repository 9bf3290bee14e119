import { codeOf, NO_PRIVILEGE } from '../errors.ts'
import { sameValue, settingInfo } from '../postgres/settings/index.ts'
import type { Happening } from './happening.ts'
import type { Plan } from './plan.ts'
import type { ServerContext } from './server-context.ts'

/** SHOW says `(disabled)` of archive_command while archive_mode is off; reset_val has the text. */
const RUNNING = `SELECT name, CASE name WHEN 'archive_command' THEN reset_val ELSE current_setting(name) END AS value
  FROM pg_settings WHERE name = ANY ($1::text[])`

export type InForce =
  | { readonly ok: true; readonly happenings: readonly Happening[] }
  | { readonly ok: false; readonly name: string; readonly wanted: string; readonly found: string }

/**
 * Whether the server runs with what the plan wanted; after a reload it may take a moment. Without a login nothing is
 * claimed.
 */
export async function checkInForce(context: ServerContext, plan: Plan): Promise<InForce> {
  const { host, connection, cluster, timing } = context
  if (connection === undefined) return { ok: true, happenings: [] }
  const wanted = Object.entries(plan.wanted.settings).filter(([name]) => plan.effects.restart || settingInfo(name, cluster.major)?.restart === false)
  const began = host.now().getTime()
  for (;;) {
    const running = await runningValues(context, wanted.map(([name]) => name))
    const wrong = wanted.find(([name, value]) => {
      const found = running.get(name)
      return found !== undefined && !sameValue(name, found, value, cluster.major)
    })
    if (wrong === undefined) {
      const seen = wanted.filter(([name]) => running.has(name))
      return { ok: true, happenings: seen.map(([name, value]) => ({ status: 'done', code: 'in-force', params: { name, value } })) }
    }
    if (host.now().getTime() - began >= timing.reloadMs) return { ok: false, name: wrong[0], wanted: wrong[1], found: running.get(wrong[0])! }
    await host.sleep(timing.pollMs)
  }
}

/** What the server runs with; settings that the login may not see are left out. */
async function runningValues(context: Pick<ServerContext, 'host' | 'connection'>, names: readonly string[]): Promise<Map<string, string>> {
  if (context.connection === undefined || names.length === 0) return new Map()
  try {
    const rows = await context.host.query(context.connection, RUNNING, [names])
    return new Map(rows.map((row) => [String(row['name']), String(row['value'])]))
  } catch (error) {
    if (codeOf(error) === NO_PRIVILEGE) return new Map()
    throw error
  }
}
