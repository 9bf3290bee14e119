// What a unit's settings leave of the file system to its service.
// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Sandboxing
import { splitWords } from './systemd.ts'
import type { UnitProperties } from './systemd.ts'

/** `hidden`: the service has another directory there, or none at all. */
export type SandboxAccess = 'open' | 'read-only' | 'hidden'

/** What `systemctl show` is asked for. */
export const SANDBOX_PROPERTIES = [
  'ProtectSystem', 'ProtectHome', 'PrivateTmp', 'ReadWritePaths', 'ReadOnlyPaths', 'InaccessiblePaths', 'TemporaryFileSystem', 'BindPaths', 'BindReadOnlyPaths', 'RootDirectory', 'RootImage',
  'RuntimeDirectory', 'StateDirectory', 'CacheDirectory', 'LogsDirectory', 'ConfigurationDirectory',
] as const

interface Rule {
  readonly path: string
  readonly access: SandboxAccess
  /** The line of the unit, for people. */
  readonly line: string
}

/** Which line of a unit decides about a path, and what it leaves of it. The innermost path that a line names decides. */
export function sandboxAccess(unit: UnitProperties, path: string): { readonly access: SandboxAccess; readonly line?: string } {
  let found: Rule | undefined
  for (const rule of rulesOf(unit)) {
    // Of lines for the same path, the stricter ones come first.
    if (isWithin(path, rule.path) && (found === undefined || rule.path.length > found.path.length)) found = rule
  }
  return found === undefined ? { access: 'open' } : { access: found.access, line: found.line }
}

function rulesOf(unit: UnitProperties): Rule[] {
  const value = (name: (typeof SANDBOX_PROPERTIES)[number]): string => unit.get(name) ?? ''
  const line = (name: (typeof SANDBOX_PROPERTIES)[number]): string => `${name}=${value(name)}`
  const of = (name: (typeof SANDBOX_PROPERTIES)[number], access: SandboxAccess, paths: readonly string[]): Rule[] => paths.map((path) => ({ path, access, line: line(name) }))
  // `-` passes over what is missing, `+` counts from the service's own root.
  const listed = (name: (typeof SANDBOX_PROPERTIES)[number]): string[] => splitWords(value(name)).map((word) => word.replace(/^[-+]+/, '').replace(/(.)\/+$/, '$1'))
  const targets = (name: (typeof SANDBOX_PROPERTIES)[number]): string[] => listed(name).map((word) => word.split(':')[1] ?? word)
  const home = value('ProtectHome')
  const system = value('ProtectSystem')
  const own = (name: (typeof SANDBOX_PROPERTIES)[number], parent: string): Rule[] => of(name, 'open', listed(name).map((word) => `${parent}/${word.split(':')[0]!}`))
  return [
    ...of('RootDirectory', 'hidden', value('RootDirectory') === '' ? [] : ['/']),
    ...of('RootImage', 'hidden', value('RootImage') === '' ? [] : ['/']),
    ...of('InaccessiblePaths', 'hidden', listed('InaccessiblePaths')),
    ...of('TemporaryFileSystem', 'hidden', listed('TemporaryFileSystem').map((word) => word.split(':')[0]!)),
    ...of('BindReadOnlyPaths', 'read-only', targets('BindReadOnlyPaths')),
    ...of('BindPaths', 'open', targets('BindPaths')),
    ...of('ReadOnlyPaths', 'read-only', listed('ReadOnlyPaths')),
    ...of('ReadWritePaths', 'open', listed('ReadWritePaths')),
    ...of('PrivateTmp', 'hidden', ['yes', 'connected', 'disconnected'].includes(value('PrivateTmp')) ? ['/tmp', '/var/tmp'] : []),
    ...of('ProtectHome', home === 'read-only' ? 'read-only' : 'hidden', ['yes', 'read-only', 'tmpfs'].includes(home) ? ['/home', '/root', '/run/user'] : []),
    ...own('RuntimeDirectory', '/run'), ...own('StateDirectory', '/var/lib'), ...own('CacheDirectory', '/var/cache'), ...own('LogsDirectory', '/var/log'), ...own('ConfigurationDirectory', '/etc'),
    ...of('ProtectSystem', 'read-only', { strict: ['/'], full: ['/usr', '/boot', '/efi', '/etc'], yes: ['/usr', '/boot', '/efi'] }[system] ?? []),
  ]
}

function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`)
}

/** Our own file among the unit's drop-ins. */
export function dropInPath(unit: string): string {
  return `/etc/systemd/system/${unit}.service.d/pgwal.conf`
}

/**
 * The line that opens a directory to a service. With `-`, a service whose archive is not mounted still starts: a server
 * that keeps its WAL is better than none.
 */
export function readWriteLine(directory: string): string {
  const path = directory.replaceAll('%', '%%')
  return /^[\w%@+:,./-]+$/.test(path) ? `ReadWritePaths=-${path}` : `ReadWritePaths="-${path.replaceAll(/[\\"]/g, '\\$&')}"`
}

/** Our drop-in with a directory more in it; what is there already stays. */
export function withReadWritePath(text: string | null, directory: string): string {
  const line = readWriteLine(directory)
  if (text === null) return `# Made by pgwal: the server may write its archive. \`pgwal undo\` takes it back.\n[Service]\n${line}\n`
  if (text.split('\n').some((one) => one.trim() === line)) return text
  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}[Service]\n${line}\n`
}
