// What systemd says about units, and which unit a process belongs to.
// https://www.freedesktop.org/software/systemd/man/latest/systemctl.html, …/systemd.exec.html, https://systemd.io/CGROUP_DELEGATION/
import type { Host } from '../host/host.ts'
import { ran, statOf } from './reading.ts'

/** Whether systemd is the init of this machine: the program alone may be installed without. */
export async function systemdIsBooted(host: Host): Promise<boolean> {
  if (host.os !== 'linux') return false
  return (await statOf(host, '/run/systemd/system'))?.kind === 'directory'
}

export type UnitProperties = ReadonlyMap<string, string>

/** Blocks of `Name=Value` lines, one block a unit, as `systemctl show` prints them. */
export function parseShow(text: string): UnitProperties[] {
  return text.split(/\n\s*\n/).flatMap((block) => {
    const properties = new Map<string, string>()
    for (const line of block.split('\n')) {
      const cut = line.indexOf('=')
      if (cut <= 0) continue
      const name = line.slice(0, cut)
      // Some properties (EnvironmentFiles, ExecStart) are printed once a value.
      const before = properties.get(name)
      properties.set(name, before === undefined ? line.slice(cut + 1) : `${before}\n${line.slice(cut + 1)}`)
    }
    return properties.size === 0 ? [] : [properties]
  })
}

/** Properties of loaded or loadable units, by the name asked for. Units that do not exist are left out. */
export async function showUnits(host: Host, units: readonly string[], properties: readonly string[]): Promise<ReadonlyMap<string, UnitProperties>> {
  if (units.length === 0) return new Map()
  const shown = await ran(host, 'systemctl', ['show', '--no-pager', '-p', ['Id', 'Names', 'LoadState', ...properties].join(','), '--', ...units])
  const found = new Map<string, UnitProperties>()
  for (const unit of parseShow(shown?.stdout ?? '')) {
    if (unit.get('LoadState') !== 'loaded') continue
    const names = [unit.get('Id') ?? '', ...(unit.get('Names') ?? '').split(' ')]
    for (const name of units) if (names.includes(name)) found.set(name, unit)
  }
  return found
}

/** Words as systemd quotes them: blanks between, quotes around, C escapes within. */
export function splitWords(text: string): string[] {
  const words: string[] = []
  let word: string | undefined
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === '\\' && quote !== "'" && at + 1 < text.length) {
      const next = text[++at]!
      const hex = next === 'x' ? /^[0-9a-fA-F]{2}/.exec(text.slice(at + 1))?.[0] : undefined
      if (hex !== undefined) at += 2
      word = (word ?? '') + (hex !== undefined ? String.fromCharCode(Number.parseInt(hex, 16)) : { n: '\n', t: '\t', s: ' ' }[next] ?? next)
    } else if (quote === '' && (char === '"' || char === "'")) {
      quote = char
      word ??= ''
    } else if (char === quote) {
      quote = ''
    } else if (quote === '' && /\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      word = (word ?? '') + char
    }
  }
  if (word !== undefined) words.push(word)
  return words
}

/** `Environment=` of `systemctl show`, and lines of an environment file. */
export function parseEnvironment(text: string): Map<string, string> {
  const variables = new Map<string, string>()
  for (const word of splitWords(text)) {
    const cut = word.indexOf('=')
    if (cut > 0) variables.set(word.slice(0, cut), word.slice(cut + 1))
  }
  return variables
}

/** An EnvironmentFile= or a file of /etc/sysconfig: a variable a line. */
export function parseEnvironmentFile(text: string): Map<string, string> {
  const variables = new Map<string, string>()
  for (const line of text.split('\n')) {
    const found = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line)
    if (found !== null) variables.set(found[1]!, splitWords(found[2]!).join(' '))
  }
  return variables
}

/** Each command of `ExecStart=` as `systemctl show` prints it: program and words, variables not expanded. */
export function parseExecStart(text: string): { readonly path: string; readonly words: readonly string[] }[] {
  return [...text.matchAll(/\{ path=(.*?) ; argv\[\]=(.*?) ; (?:ignore_errors|flags)=/g)].map((found) => ({ path: found[1]!, words: splitWords(found[2]!) }))
}

export interface ProcessUnit {
  /** Without `.service`. */
  readonly name: string
  /** A unit of this user's own systemd. */
  readonly user?: number
}

/** The `name=systemd` or unified line of /proc/PID/cgroup. */
function systemdPath(cgroup: string): string {
  const lines = cgroup.split('\n')
  const named = lines.find((line) => /^\d+:name=systemd:/.test(line) && !line.endsWith(':/')) ?? lines.find((line) => line.startsWith('0::'))
  return named === undefined ? '' : named.slice(named.indexOf(':', named.indexOf(':') + 1) + 1)
}

/**
 * The service that supervises a process, from its /proc/PID/cgroup; undefined for a login session, for a user's manager
 * itself, and where no systemd is.
 */
export function unitOfCgroup(cgroup: string): ProcessUnit | undefined {
  const parts = systemdPath(cgroup).split('/').map((part) => part.replaceAll(/\\x([0-9a-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))))
  const service = parts.findLastIndex((part) => part.endsWith('.service'))
  if (service === -1 || parts.slice(service + 1).some((part) => part.endsWith('.scope'))) return undefined
  const name = parts[service]!.slice(0, -'.service'.length)
  if (/^user@\d+$/.test(name)) return undefined
  const manager = parts.slice(0, service).map((part) => /^user@(\d+)\.service$/.exec(part)).find((found) => found !== null)
  return { name, ...(manager === undefined || manager === null ? {} : { user: Number(manager[1]) }) }
}

export interface ProcessContainer {
  readonly runtime: 'docker' | 'podman' | 'kubernetes' | 'lxc' | 'systemd-nspawn' | 'container'
  readonly id: string
}

/** The container that a process lives in, from its /proc/PID/cgroup. */
export function containerOfCgroup(cgroup: string): ProcessContainer | undefined {
  const id = '[0-9a-f]{12,64}'
  const patterns: readonly (readonly [ProcessContainer['runtime'], RegExp])[] = [
    ['kubernetes', new RegExp(`/kubepods[^\n]*?(${id})(?:\\.scope)?(?:/|$)`, 'm')],
    ['podman', new RegExp(`/libpod(?:-payload)?[-_/](${id})`, 'm')],
    ['docker', new RegExp(`/docker[-/](${id})`, 'm')],
    ['container', new RegExp(`/(?:cri-containerd|crio|containerd)[-:](${id})`, 'm')],
    ['lxc', /\/lxc(?:\.payload)?[./]([^/\n]+)/m],
    ['systemd-nspawn', /\/machine\.slice\/(?:systemd-nspawn@|machine-)([^/\n]+?)\.(?:service|scope)/m],
  ]
  for (const [runtime, pattern] of patterns) {
    const found = pattern.exec(cgroup)
    if (found !== null) return { runtime, id: found[1]! }
  }
  return undefined
}
