/** settings: for each setting what the files say, which line decides, which lines lost, and what the server runs with. */
import type { Context, Selection } from '../base-command.ts'
import { UserError } from '../errors.ts'
import { configurationFact } from '../facts/configuration.ts'
import type { ConfigurationFact } from '../facts/configuration.ts'
import { configuredValue, pendingOf } from '../facts/effective-settings.ts'
import type { Outcome } from '../facts/fact.ts'
import { allLiveSettingsFact } from '../facts/live-settings.ts'
import type { LiveSetting } from '../facts/live-settings.ts'
import { roleSettingsFact } from '../facts/role-settings.ts'
import type { RoleSetting } from '../facts/role-settings.ts'
import { hostFileSource } from '../host/file-source.ts'
import type { Cluster } from '../platforms/platform.ts'
import { typedPath } from '../platforms/index.ts'
import { checkLoads, readConfiguration } from '../postgres/conf/index.ts'
import type { Effective, SettingLine } from '../postgres/conf/index.ts'
import { nearestNames, NEWEST_MAJOR, OLDEST_MAJOR, settingInfo, settingName, settingNames } from '../postgres/settings/index.ts'
import type { FileErrorView, LineView, SettingsReport, SettingView } from '../report/settings-report.ts'
import { compose } from '../report/words.ts'
import { fileAlone, unreadable } from './files-alone.ts'
import { gatheringFor } from './gathering.ts'
import { connectionOf } from './options.ts'
import { hostOf, selectTargets } from './remote.ts'
import type { Target } from './remote.ts'

export interface SettingsOptions {
  /** In any case, old names too; none: everything that is set. */
  readonly names: readonly string[]
  /** Read as this major does; the server is not asked. With a configuration file no cluster is needed. */
  readonly serverVersion?: number
}

/**
 * A report a cluster, or one for a file alone.
 * @throws UserError `unknown-setting`, `setting-of-other-major` for a name that none of them has; `needs-server-version`, `no-such-file`, `not-readable`
 */
export async function settingsReports(context: Context, selection: Selection, options: SettingsOptions): Promise<SettingsReport[]> {
  const { serverVersion, names } = options
  const reports: SettingsReport[] = []
  if (serverVersion !== undefined && selection.configFile !== undefined) reports.push(await ofFile(context, selection, serverVersion, names))
  else for (const target of await targetsOf(context, selection)) reports.push(await ofCluster(context, selection, target, options))
  for (const name of names) {
    if (!reports.some(({ settings }) => settings.some((setting) => setting.asked === name))) throw unknownName(name, reports[0]!.major)
  }
  return reports
}

/** A file that was named and belongs to no cluster wants a version, and that is all it wants. */
async function targetsOf(context: Context, selection: Selection): Promise<readonly Target[]> {
  try {
    return await selectTargets(context, selection)
  } catch (error) {
    if (error instanceof UserError && error.code === 'no-such-cluster' && selection.configFile !== undefined) {
      const { path } = await fileAlone(context.host, selection.configFile)
      throw new UserError('needs-server-version', { path })
    }
    throw error
  }
}

async function ofFile({ host }: Context, { configFile, dataDir }: Selection, major: number, names: readonly string[]): Promise<SettingsReport> {
  const { path, as } = await fileAlone(host, configFile!)
  const configuration = await readConfiguration(hostFileSource(host, as), {
    configFile: path,
    major,
    windows: host.os === 'win32',
    ...(dataDir === undefined ? {} : { dataDir: await typedPath(host, dataDir) }),
  })
  const main = configuration.reads.files.get(path)
  const refused = main !== undefined && 'failed' in main ? unreadable(path, main.failed) : undefined
  if (refused !== undefined) throw refused
  const files = { configuration, complete: true, unreadable: [], errors: checkLoads(configuration).errors }
  return reportOf({ file: path, major, files: { ok: true, value: files } }, names)
}

async function ofCluster(context: Context, selection: Selection, target: Target, { names, serverVersion }: SettingsOptions): Promise<SettingsReport> {
  const { cluster, sources } = target
  const major = serverVersion ?? cluster.major
  if (major === 0) throw new UserError('needs-server-version', { path: cluster.configFile })
  const looking = context.ui.progress(compose(context.ui.words.progress.diagnosing, { cluster: cluster.id }, context.locale))
  // Of another major there is no server to ask.
  const asked = serverVersion === undefined ? cluster : { ...cluster, major, running: false }
  const { gathering, close } = await gatheringFor(hostOf(context.host, target), asked, { connection: connectionOf(selection), ...(sources === undefined ? {} : { sources }) })
  try {
    const [files, live, roles] = await Promise.all([gathering.fact(configurationFact), gathering.fact(allLiveSettingsFact), gathering.fact(roleSettingsFact)])
    if (!files.ok && !live.ok) throw unreadable(cluster.configFile, String(files.why.params['cause'] ?? '')) ?? new UserError('not-readable', { path: cluster.configFile })
    return reportOf({ file: cluster.configFile, major, cluster, files, ...(serverVersion === undefined ? { live } : {}), ...(roles.ok ? { roles: roles.value } : {}) }, names)
  } finally {
    await close()
    looking.done()
  }
}

interface Known {
  readonly file: string
  readonly major: number
  readonly cluster?: Cluster
  readonly files: Outcome<ConfigurationFact>
  readonly live?: Outcome<ReadonlyMap<string, LiveSetting>>
  readonly roles?: readonly RoleSetting[]
}

function reportOf(known: Known, names: readonly string[]): SettingsReport {
  const { file, major, cluster, live } = known
  const files = known.files.ok ? known.files.value : undefined
  const errors = files === undefined ? [] : fileErrors(files)
  return {
    file,
    major,
    ...(cluster === undefined ? {} : { cluster }),
    files: files?.configuration.files.map(({ path }) => path) ?? [],
    // An error is certain also where a file could not be read; that there is none is not.
    loads: errors.length > 0 ? false : files?.complete === true ? true : null,
    errors,
    unreadable: files?.unreadable ?? [file],
    ...(live === undefined || live.ok ? {} : { notSeen: live.why }),
    settings: settingViews(known, names),
  }
}

/** The errors with the text of their lines. */
function fileErrors({ configuration, errors }: ConfigurationFact): FileErrorView[] {
  const texts = new Map<string, string[]>()
  const textOf = (path: string, line: number): string | undefined => {
    const bytes = configuration.files.find((file) => file.path === path)?.bytes
    if (bytes === undefined || line === 0) return undefined
    if (!texts.has(path)) texts.set(path, new TextDecoder().decode(bytes).split('\n'))
    return texts.get(path)![line - 1]
  }
  return errors.map(({ file, line, message, code }) => {
    const text = textOf(file, line)
    return { file, line, message, code, ...(text === undefined ? {} : { text: text.trim() }) }
  })
}

/** The settings that were asked for and exist, in that order; with no names all that are set or wait for a restart, by name. */
function settingViews(known: Known, names: readonly string[]): SettingView[] {
  const { major } = known
  const files = known.files.ok ? known.files.value : undefined
  const live = byKey(known.live?.ok === true ? known.live.value : undefined, major)
  const lines = groupLines(files?.configuration.lines ?? [], major)
  const commandLine = new Map((files?.configuration.options.commandLine ?? []).map(([name]) => [settingName(name.replaceAll('-', '_'), major), name]))
  const view = (key: string, asked: string): SettingView => viewOf(key, asked, known, lines.get(key) ?? [], live.get(key))

  if (names.length > 0) {
    const exists = (key: string): boolean => lines.has(key) || commandLine.has(key) || live.has(key) || key.includes('.') || settingInfo(key, major) !== undefined
    return names.map((name) => [settingName(name, major), name] as const).filter(([key]) => exists(key)).map(([key, name]) => view(key, name))
  }
  const waiting = [...live].filter(([, setting]) => setting.pendingRestart || setting.source === 'configuration file').map(([key]) => key)
  return [...new Set([...lines.keys(), ...commandLine.keys(), ...waiting])].sort().map((key) => view(key, key))
}

function byKey(live: ReadonlyMap<string, LiveSetting> | undefined, major: number): Map<string, LiveSetting> {
  return new Map([...live ?? []].map(([name, setting]) => [settingName(name, major), setting]))
}

function groupLines(lines: readonly SettingLine[], major: number): Map<string, SettingLine[]> {
  const groups = new Map<string, SettingLine[]>()
  for (const line of lines) {
    const key = settingName(line.name, major)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [line])
    else group.push(line)
  }
  return groups
}

/** Sources that are about our own session: what they say is not what the server runs with. */
const OWN_SESSION = new Set(['client', 'session', 'database', 'user', 'database user', 'interactive', 'test'])

function viewOf(key: string, asked: string, { major, files: outcome, roles = [] }: Known, settingLines: readonly SettingLine[], live: LiveSetting | undefined): SettingView {
  const files = outcome.ok ? outcome.value : undefined
  const lines = settingLines.map((line): LineView => {
    const { file, line: number, value, wins, auto, lostTo } = line
    const winner = settingLines.find((other) => other.wins)
    return { file, line: number, value, wins, auto, ...(wins ? {} : { lostTo: lostTo ?? null, because: reasonFor(line, winner) }) }
  })
  const said = files?.configuration.get(key)
  const configured = configuredValue(key, major, files, lines, live)
  const running = live === undefined || OWN_SESSION.has(live.source) ? undefined : live
  const fallback = files === undefined ? undefined : placeOf(key, files) ?? (configured?.from === 'default' ? configured.value : settingInfo(key, major)?.default)
  const fromServer = files === undefined && live !== undefined && live.sourceFile !== null && live.sourceLine !== null ? { file: live.sourceFile, line: live.sourceLine } : null
  const pending = running === undefined ? 'unknown' : pendingOf(key, major, configured, running)
  return {
    name: live?.name ?? settingInfo(key, major)?.name ?? settingLines[0]?.name ?? asked,
    asked,
    value: said?.value ?? fallback ?? null,
    source: said?.source ?? fromServer,
    from: said === undefined ? (files === undefined ? 'unknown' : 'default') : said.source === 'command line' ? 'command line' : settingLines.find(({ wins }) => wins)?.auto === true ? 'auto' : 'file',
    lines,
    running: running?.value ?? null,
    pending,
    blocked: files !== undefined && isBlocked(pending, files, said?.source),
    flagged: live?.pendingRestart ?? null,
    overriddenFor: roles.filter(({ name }) => settingName(name, major) === key).map(({ role, database, value }) => ({ role, database, value })),
  }
}

function reasonFor(line: SettingLine, winner: SettingLine | undefined): NonNullable<LineView['because']> {
  if (line.lostTo === 'command line') return 'command line'
  if (winner === undefined || line.lostTo === undefined) return 'server'
  if (winner.auto && !line.auto) return 'auto'
  return winner.file === line.file ? 'duplicate' : 'include'
}

/** Where the files are, which the server knows without any line. */
function placeOf(key: string, { configuration }: ConfigurationFact): string | undefined {
  return key === 'data_directory' ? configuration.dataDir : key === 'config_file' ? configuration.configFile : undefined
}

/** With these a reload takes nothing over; with the others it only leaves out the setting concerned. */
const STOPS_RELOAD = /^(?:syntax|too-many-errors|unknown-name|include-.*)$/

function isBlocked(pending: SettingView['pending'], { errors }: ConfigurationFact, source: Effective['source'] | undefined): boolean {
  if (pending === 'restart') return errors.length > 0
  const own = typeof source === 'object' ? source : undefined
  return pending === 'reload' && errors.some(({ code, file, line }) => STOPS_RELOAD.test(code) || (file === own?.file && line === own.line))
}

function unknownName(name: string, major: number): UserError {
  const others = Array.from({ length: NEWEST_MAJOR - OLDEST_MAJOR + 1 }, (_, at) => OLDEST_MAJOR + at).filter((other) => settingInfo(name, other) !== undefined)
  if (others.length > 0) return new UserError('setting-of-other-major', { name, major, others: others.length === 1 ? String(others[0]) : `${others[0]}–${others.at(-1)}` })
  return new UserError('unknown-setting', { name, major, suggestions: nearestNames(name, settingNames(major), 3).join(', ') })
}
