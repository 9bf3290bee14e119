// One check on literal facts, and the words for what it found in every language.
import { expect } from 'vitest'
import { CannotJudge } from '../../src/checks/check.ts'
import type { Check, CheckContext, Finding } from '../../src/checks/check.ts'
import { mergeSettings } from '../../src/facts/effective-settings.ts'
import type { EffectiveSettings } from '../../src/facts/effective-settings.ts'
import type { Outcome, Unavailable } from '../../src/facts/fact.ts'
import type { LiveSetting } from '../../src/facts/live-settings.ts'
import { fills, LOCALES } from '../../src/messages/locale.ts'
import type { Cluster } from '../../src/platforms/platform.ts'
import { checkLoads, readConfiguration } from '../../src/postgres/conf/index.ts'
import { settingInfo } from '../../src/postgres/settings/index.ts'
import { wordsOn } from '../../src/report/words.ts'

export const CLUSTER: Cluster = {
  platform: 'linux-apt', id: '15/main', version: '15.20', major: 15, dataDir: '/data', configFile: '/etc/postgresql.conf', hbaFile: '/etc/pg_hba.conf',
  owner: { name: 'postgres', uid: 105, gid: 110 }, port: 5432, socketDirs: ['/run'], commandLine: [], running: true, pid: 42,
  service: { kind: 'systemd', name: 'postgresql@15-main' }, evidence: [], notes: [],
}
export const NOW = new Date('2026-03-01T12:00:00Z')

export function context(over: Partial<CheckContext> = {}): CheckContext {
  return { cluster: CLUSTER, now: NOW, wanted: { replicationUser: 'postgres', allowFrom: [] }, ...over }
}

export function known<T>(value: T): Outcome<T> {
  return { ok: true, value }
}

export function unknown(code: string, params: Unavailable['params'] = {}): Outcome<never> {
  return { ok: false, why: { code, params } }
}

/** Runs a check; what `uses` leaves out is unknown. A skip comes back as its reason. */
export function run(check: Check, facts: object, uses: object = {}, over: Partial<CheckContext> = {}): readonly Finding[] | { skip: Unavailable } {
  const where = context(over)
  const missing = Object.fromEntries(Object.keys(check.uses ?? {}).map((key) => [key, unknown('server-down')]))
  if (check.appliesTo?.(facts as never, where) === false) return { skip: { code: 'not-applicable', params: {} } }
  try {
    const findings = check.run(facts as never, { ...missing, ...uses } as never, where)
    for (const finding of findings) sayable(check, finding, where.cluster)
    return findings
  } catch (error) {
    if (error instanceof CannotJudge) return { skip: error.why }
    throw error
  }
}

/** Codes alone, with the severity: `error off`. */
export function codes(found: readonly Finding[] | { skip: Unavailable }): string[] {
  return 'skip' in found ? [`skip ${found.skip.code}`] : (found as readonly Finding[]).map(({ severity, code }) => `${severity} ${code}`)
}

/** Every word of the text is there, and every name in it has a parameter. */
function sayable(check: Check, { code, params }: Finding, cluster: Cluster): void {
  const [there] = wordsOn([check], cluster)
  for (const locale of LOCALES) {
    const found = there!.text[locale].findings[code]
    expect(found, `${check.id}/${code} in ${locale}`).toBeDefined()
    for (const template of [found!.message, found!.why, found!.remedy]) expect(fills(template, params), `${check.id}/${code} in ${locale}: ${template}`).toBe(true)
  }
}

/** What the files say, as text by path; `auto` is postgresql.auto.conf. */
export interface FilesOf {
  readonly conf?: string
  readonly auto?: string
  readonly more?: Readonly<Record<string, string>>
  readonly commandLine?: readonly (readonly [string, string])[]
  /** Paths that are closed to us. */
  readonly closed?: readonly string[]
}

/** Effective settings as the real merge makes them, from files and from what the server says it runs with. */
export async function settings(files: FilesOf | undefined, running?: Readonly<Record<string, string>>, major = 15): Promise<EffectiveSettings> {
  return mergeSettings(major, files === undefined ? undefined : await configuration(files, major), running === undefined ? undefined : live(running, major))
}

export async function configuration(files: FilesOf, major = 15) {
  const content: Record<string, string> = { '/etc/postgresql.conf': files.conf ?? '', '/data/postgresql.auto.conf': files.auto ?? '', ...files.more }
  const read = await readConfiguration({
    async read(path) {
      if (files.closed?.includes(path) === true) throw Object.assign(new Error(path), { code: 'EACCES' })
      const text = content[path]
      if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' })
      return new TextEncoder().encode(text)
    },
    list: async () => [],
  }, { configFile: '/etc/postgresql.conf', dataDir: '/data', major, commandLine: files.commandLine ?? [] })
  const unreadable = files.closed ?? []
  return { configuration: read, complete: unreadable.length === 0, unreadable, errors: checkLoads(read).errors }
}

function live(running: Readonly<Record<string, string>>, major: number): Map<string, LiveSetting> {
  return new Map(Object.entries(running).map(([name, given]) => {
    const info = settingInfo(name, major)
    const [value, source = 'configuration file'] = given.split('@') as [string, string?]
    return [name, { name, value, source, sourceFile: null, sourceLine: null, pendingRestart: false, bootValue: info?.default ?? null, unit: info?.unit ?? null, context: info?.context ?? 'sighup' }]
  }))
}
