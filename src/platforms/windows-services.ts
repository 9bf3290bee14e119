// Windows services that run PostgreSQL: their command lines, accounts and states.
// Source: pgwin32_CommandLine in src/bin/pg_ctl/pg_ctl.c; https://learn.microsoft.com/en-us/cpp/c-language/parsing-c-command-line-arguments,
// https://learn.microsoft.com/en-us/windows/win32/services/service-user-accounts, …/windows-server/identity/ad-ds/manage/understand-security-identifiers
import type { Account, Host } from '../host/host.ts'
import { parseServerOptions } from './command-line.ts'
import type { Pairs } from './command-line.ts'
import { directoryOf, ran } from './reading.ts'

/** A path as the rest of pgwal has it. */
export function forward(path: string): string {
  return path.replaceAll('\\', '/').replace(/(?<=[^:/])\/+$/, '')
}

/** Parts a command line as the C library of Windows does: backslashes mean something only before a quote. */
export function parseWindowsArguments(text: string): string[] {
  const words: string[] = []
  let word = ''
  let begun = false
  let quoted = false
  for (let at = 0; at < text.length;) {
    const slashes = /^\\*/.exec(text.slice(at))![0].length
    if (slashes > 0 && text[at + slashes] === '"') {
      word += '\\'.repeat(Math.floor(slashes / 2))
      begun = true
      at += slashes
      if (slashes % 2 === 1) {
        word += '"'
        at++
      }
      continue
    }
    const letter = text[at]!
    at++
    if (letter === '"') {
      if (quoted && text[at] === '"') {
        word += '"'
        at++
      } else quoted = !quoted
      begun = true
    } else if (!quoted && /\s/.test(letter)) {
      if (begun) words.push(word)
      word = ''
      begun = false
    } else {
      word += letter
      begun = true
    }
  }
  return begun ? [...words, word] : words
}

export interface ServiceCommand {
  /** Where pg_ctl is, with slashes. */
  readonly binDir?: string
  readonly directory: string
  /** From `-o`. */
  readonly settings: Pairs
}

/** What a service's command line says, if it runs a PostgreSQL server through `pg_ctl runservice`; undefined for any other. */
export function parseServiceCommand(imagePath: string, env: Readonly<Record<string, string | undefined>> = {}): ServiceCommand | undefined {
  const variables = new Map(Object.entries(env).map(([name, value]) => [name.toLowerCase(), value]))
  const text = imagePath.replace(/%([^%]+)%/g, (all, name: string) => variables.get(name.toLowerCase()) ?? all)
  // A program that nobody put in quotes may still have blanks in its path.
  const found = /^\s*(?:"([^"]+)"|(.*?pg_ctl(?:\.exe)?))(?:\s+(.*))?$/is.exec(text)
  const program = forward(found?.[1] ?? found?.[2] ?? '')
  if (!/(?:^|\/)pg_ctl(?:\.exe)?$/i.test(program)) return undefined
  const words = parseWindowsArguments(found?.[3] ?? '')
  if (words[0]?.toLowerCase() !== 'runservice') return undefined
  let directory: string | undefined
  let settings: Pairs = []
  for (let at = 1; at < words.length; at++) {
    const word = words[at]!
    const [, letter, attached] = /^-([A-Za-z])(.*)$/s.exec(word) ?? []
    const long = /^--(pgdata|options)(?:=(.*))?$/s.exec(word)
    const option = long === null ? letter : long[1] === 'pgdata' ? 'D' : 'o'
    // The options of pg_ctl that have a value.
    if (option === undefined || !'DNPStUeolpmc'.includes(option) || option === 'c') continue
    const inline = long === null ? attached : long[2]
    const value = inline !== undefined && inline !== '' ? inline : words[++at] ?? ''
    if (option === 'D') directory = value
    else if (option === 'o') settings = parseServerOptions(parseWindowsArguments(value)).settings
  }
  if (directory === undefined || directory === '') return undefined
  return { directory: forward(directory), settings, ...(program.includes('/') ? { binDir: directoryOf(program) } : {}) }
}

/** The accounts whose names Windows translates. */
const WELL_KNOWN: readonly (readonly [pattern: RegExp, name: string, sid: string])[] = [
  [/^(?:nt authority\\)?(?:localsystem|system)$/i, 'LocalSystem', 'S-1-5-18'],
  [/^nt authority\\local ?service$/i, 'NT AUTHORITY\\LocalService', 'S-1-5-19'],
  [/^nt authority\\network ?service$/i, 'NT AUTHORITY\\NetworkService', 'S-1-5-20'],
]

/** The account of a service. One without a SID that is the same everywhere goes by the name that this machine gave it. */
export function serviceAccount(objectName: string, computer: string): Account {
  for (const [pattern, name, sid] of WELL_KNOWN) if (pattern.test(objectName)) return { name, uid: -1, gid: -1, sid }
  return { name: objectName.replace(/^\.\\/, `${computer}\\`), uid: -1, gid: -1 }
}

/** 1 stopped, 2 starting, 3 stopping, 4 running …: https://learn.microsoft.com/en-us/windows/win32/api/winsvc/ns-winsvc-service_status */
export const STOPPED = 1

/** The state in the output of `sc.exe queryex`. Labels are translated, numbers and their order are not: the type comes first, then the state. */
export function parseServiceState(text: string): number | undefined {
  const numbers = [...text.matchAll(/^\s+[^:\r\n]+:\s*([0-9a-f]+)\s+[A-Z]/gim)].map((found) => found[1]!)
  const state = Number(numbers[1])
  return Number.isInteger(state) && state >= 1 && state <= 7 ? state : undefined
}

export async function serviceState(host: Host, name: string): Promise<number | undefined> {
  const said = await ran(host, 'sc.exe', ['queryex', name])
  return said?.code === 0 ? parseServiceState(said.stdout) : undefined
}

/** Services in the output of `sc.exe enumdepend`, the ones that depend on others last. */
export function parseDependents(text: string): string[] {
  return [...text.matchAll(/^SERVICE_NAME\s*:\s*(\S.*?)\s*$/gim)].map((found) => found[1]!)
}

/** Running services that stop when this one does, in the order in which they start again; undefined when nobody tells. */
export async function runningDependents(host: Host, name: string): Promise<string[] | undefined> {
  const said = await ran(host, 'sc.exe', ['enumdepend', name])
  if (said?.code !== 0) return undefined
  const running: string[] = []
  for (const dependent of parseDependents(said.stdout)) if (await serviceState(host, dependent) === 4) running.push(dependent)
  return running.reverse()
}

/** The program of a process as `tasklist /fo csv /nh` tells it, in lower case; undefined when it does not. */
export async function programOfProcess(host: Host, pid: number): Promise<string | undefined> {
  const said = await ran(host, 'tasklist.exe', ['/fo', 'csv', '/nh', '/fi', `PID eq ${pid}`])
  return /^\s*"([^"]+)","(\d+)"/m.exec(said?.stdout ?? '')?.[1]?.toLowerCase()
}
