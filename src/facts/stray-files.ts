/**
 * Files in the data directory that look as if they counted there: a postgresql.conf and a pg_hba.conf beside those that the
 * server reads, and the label of a base backup.
 * @see https://www.postgresql.org/docs/current/runtime-config-file-locations.html
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
import { codeOf } from '../errors.ts'
import { parseConf } from '../postgres/conf/index.ts'
import { settingName } from '../postgres/settings/index.ts'
import { redactValue } from '../report/redact.ts'
import { acting } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'

/** Settings without which nothing is archived, streamed or found again. */
const TOLD: ReadonlySet<string> = new Set([
  'archive_command', 'archive_library', 'archive_mode', 'archive_timeout', 'listen_addresses', 'max_replication_slots', 'max_slot_wal_keep_size',
  'max_wal_senders', 'restore_command', 'summarize_wal', 'wal_keep_segments', 'wal_keep_size', 'wal_level',
])
/** What makes a cluster writes these files; a change so soon after that is nobody's edit. */
const MADE_MS = 10 * 60_000
const LIMIT = 1 << 20

interface StraySetting {
  readonly name: string
  readonly value: string
  readonly line: number
}

export interface StrayFilesFact {
  /** A postgresql.conf that the server does not read; the last line of each setting that archiving depends on. */
  readonly conf?: { readonly path: string; readonly settings: readonly StraySetting[] }
  /** A pg_hba.conf that the server does not read. `edited`: well after the cluster was made. */
  readonly hba?: { readonly path: string; readonly modified: Date; readonly edited: boolean }
  /** backup_label. `exclusive`: the server made it there, for a backup of that kind (up to 14). */
  readonly label?: { readonly path: string; readonly modified: Date; readonly exclusive: boolean }
}

export const strayFilesFact: Fact<StrayFilesFact> = {
  name: 'stray-files',
  async gather(from) {
    const { cluster: { dataDir, configFile, hbaFile, major } } = from
    const confFile = `${dataDir}/postgresql.conf`
    const ownHba = `${dataDir}/pg_hba.conf`
    const labelFile = `${dataDir}/backup_label`
    const unlessSame = async (file: string, used: string) => ((await same(from, file, used)) ? undefined : changed(from, file))
    const [made, conf, hba, label] = await Promise.all([changed(from, `${dataDir}/PG_VERSION`), unlessSame(confFile, configFile), unlessSame(ownHba, hbaFile), changed(from, labelFile)])
    return {
      ...(conf === undefined ? {} : { conf: { path: confFile, settings: await settingsIn(from, confFile, major) } }),
      ...(hba === undefined ? {} : { hba: { path: ownHba, modified: hba, edited: made !== undefined && hba.getTime() - made.getTime() > MADE_MS } }),
      ...(label === undefined ? {} : { label: { path: labelFile, modified: label, exclusive: await ofExclusiveBackup(from, labelFile) } }),
    }
  },
  saved: {
    pack: ({ conf, ...rest }) => ({
      ...rest, ...(conf === undefined ? {} : { conf: { ...conf, settings: conf.settings.map((setting) => ({ ...setting, value: redactValue(setting.name, setting.value) })) } }),
    }),
    unpack: (data) => data as StrayFilesFact,
  },
}

/** Whether both are one file, by whatever links. */
async function same(from: Gathering, one: string, other: string): Promise<boolean> {
  if (one === other) return true
  const [mine, theirs] = await Promise.all([one, other].map((path) => from.host.realPath(path, acting(from)).catch(() => path)))
  return mine === theirs
}

/** When it was changed; undefined where there is none. */
async function changed(from: Gathering, path: string): Promise<Date | undefined> {
  try {
    return (await from.host.stat(path, acting(from))).modified
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return undefined
  }
}

async function settingsIn(from: Gathering, path: string, major: number): Promise<StraySetting[]> {
  const found = new Map<string, StraySetting>()
  for (const { kind, name: written, value, line } of parseConf(await from.host.read(path, { ...acting(from), limit: LIMIT })).entries) {
    const name = settingName(written, major)
    if (kind === 'setting' && TOLD.has(name)) found.set(name, { name, value, line })
  }
  return [...found.values()]
}

/** Up to 14 that is all that the server itself goes by: pg_is_in_backup() looks for the file. */
async function ofExclusiveBackup(from: Gathering, path: string): Promise<boolean> {
  if (from.cluster.major >= 15) return false
  return /^BACKUP METHOD: pg_start_backup$/m.test(new TextDecoder().decode(await from.host.readPart(path, 0, 4096, acting(from))))
}
