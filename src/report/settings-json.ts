import { clusterJson, SCHEMA } from './json.ts'
import { redactAbout, redactLine, redactValue } from './redact.ts'
import type { SettingsReport, SettingView } from './settings-report.ts'

/** One report as the contract has it; several below `clusters`, each in the same form. */
export function settingsJson(reports: readonly SettingsReport[]): object {
  const head = { schema: SCHEMA, command: 'settings' }
  const [only] = reports
  return only !== undefined && reports.length === 1 ? { ...head, ...reportJson(only) } : { ...head, clusters: reports.map(reportJson) }
}

function reportJson({ cluster, file, major, files, loads, errors, unreadable, notSeen, settings }: SettingsReport): object {
  return {
    ...(cluster === undefined ? {} : { cluster: clusterJson(cluster) }),
    configFile: file,
    serverVersion: major,
    files,
    loads,
    errors: errors.map(({ text = '', ...error }) => ({ ...error, message: redactAbout(error.message, text), ...(text === '' ? {} : { text: redactLine(text) }) })),
    unreadable,
    notSeen,
    settings: Object.fromEntries(settings.map((setting) => [setting.name, settingJson(setting)])),
  }
}

function settingJson({ name, value, source, from, lines, running, pending, blocked, flagged, overriddenFor }: SettingView): object {
  const shown = (text: string | null) => (text === null ? null : redactValue(name, text))
  const known = pending !== 'unknown'
  return {
    value: shown(value),
    source,
    from,
    lines: lines.map((line) => ({ ...line, value: shown(line.value) })),
    running: shown(running),
    pendingRestart: known ? pending === 'restart' : null,
    pendingReload: known ? pending === 'reload' : null,
    wouldChange: known ? pending !== 'none' && !blocked : null,
    flaggedPendingRestart: flagged,
    overriddenFor: overriddenFor.map((one) => ({ ...one, value: shown(one.value) })),
  }
}
