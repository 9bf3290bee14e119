/**
 * What the server runs with: pg_settings for everything that archiving and base backups depend on.
 * @see https://www.postgresql.org/docs/current/view-pg-settings.html
 */
import type { Row } from '../host/host.ts'
import { sessionOf } from './fact.ts'
import type { Fact } from './fact.ts'
import { RELEVANT_SETTINGS } from './relevant-settings.ts'

export interface LiveSetting {
  readonly name: string
  /** As SHOW prints it; for archive_command the text even while archive_mode is off, when SHOW prints `(disabled)`. */
  readonly value: string
  /** `default`, `configuration file`, `command line`, `override` … */
  readonly source: string
  /** Null unless the login may see it (superuser, pg_read_all_settings). */
  readonly sourceFile: string | null
  readonly sourceLine: number | null
  /** Sticky: a change that was taken back leaves it true. */
  readonly pendingRestart: boolean
  /** In the unit of pg_settings; null where there is none. */
  readonly bootValue: string | null
  readonly unit: string | null
  readonly context: string
}

const COLUMNS = `name, CASE name WHEN 'archive_command' THEN reset_val ELSE current_setting(name) END AS value, source,
              sourcefile, sourceline, pending_restart, boot_val, unit, context`

export const liveSettingsFact: Fact<ReadonlyMap<string, LiveSetting>> = {
  name: 'live-settings',
  async gather(from) {
    const session = await sessionOf(from)
    return byName(await session.query(
      `SELECT ${COLUMNS} FROM pg_catalog.pg_settings WHERE name = ANY ($1) OR name LIKE 'basic\\_archive.%' OR pending_restart`,
      [RELEVANT_SETTINGS]))
  },
}

/** Every setting of the server, for those who ask about any; most reports need only the relevant ones. */
export const allLiveSettingsFact: Fact<ReadonlyMap<string, LiveSetting>> = {
  name: 'all-live-settings',
  async gather(from) {
    const session = await sessionOf(from)
    return byName(await session.query(`SELECT ${COLUMNS} FROM pg_catalog.pg_settings`))
  },
}

function byName(rows: readonly Row[]): Map<string, LiveSetting> {
  return new Map(rows.map((row) => [String(row['name']), {
    name: String(row['name']),
    value: String(row['value'] ?? ''),
    source: String(row['source']),
    sourceFile: row['sourcefile'] === null ? null : String(row['sourcefile']),
    sourceLine: row['sourceline'] === null ? null : Number(row['sourceline']),
    pendingRestart: row['pending_restart'] === true,
    bootValue: row['boot_val'] === null ? null : String(row['boot_val']),
    unit: row['unit'] === null ? null : String(row['unit']),
    context: String(row['context']),
  }]))
}
