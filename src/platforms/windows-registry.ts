// What reg.exe prints. https://learn.microsoft.com/en-us/windows-server/administration/windows-commands/reg-query
import type { Host } from '../host/host.ts'
import { ran } from './reading.ts'

/** One key: its values by name, as text (`0x1538` for a number). */
export interface RegistryKey {
  /** `HKEY_LOCAL_MACHINE\…`. */
  readonly path: string
  readonly values: ReadonlyMap<string, string>
}

/** Keys in the output of `reg query`. A value is four blanks, its name (which may hold blanks), four blanks, its type, four blanks, its content. */
export function parseRegQuery(text: string): RegistryKey[] {
  const keys: { path: string; values: Map<string, string> }[] = []
  for (const line of text.split(/\r?\n/)) {
    if (/^HKEY_[A-Z_]+\\/.test(line)) {
      keys.push({ path: line.trimEnd(), values: new Map() })
      continue
    }
    const value = /^ {4}(.*?) {4}REG_[A-Z_]+(?: {4}(.*))?$/.exec(line)
    if (value !== null) keys.at(-1)?.values.set(value[1]!, value[2] ?? '')
  }
  return keys
}

/** The name of a key without those above it. */
export function keyName({ path }: RegistryKey): string {
  return path.slice(path.lastIndexOf('\\') + 1)
}

const SERVICES = 'HKLM\\SYSTEM\\CurrentControlSet\\Services'
const INSTALLATIONS = 'HKLM\\SOFTWARE\\PostgreSQL\\Installations'

/**
 * Runs one of the fixed queries below. When its output is no console, reg.exe writes in the console's code page, in which letters of other
 * languages are lost: so the code page is UTF-8 for as long as it runs.
 */
async function query(host: Host, words: string): Promise<RegistryKey[]> {
  const done = await ran(host, 'cmd.exe', ['/d', '/s', '/c', `chcp 65001 >nul & reg.exe query ${words}`], { timeoutMs: 60_000 })
  return parseRegQuery(done?.stdout ?? '')
}

export interface RegisteredService {
  readonly name: string
  /** The command line, as registered. */
  readonly imagePath: string
  /** The account, as registered: `LocalSystem`, `NT AUTHORITY\NetworkService`, `.\postgres`. */
  readonly account: string
}

/** Every service that has a command line. */
export async function registeredServices(host: Host, wanted: (imagePath: string) => boolean): Promise<RegisteredService[]> {
  const found = (await query(host, `${SERVICES} /s /v ImagePath`)).filter((key) => wanted(key.values.get('ImagePath') ?? ''))
  // Services that run PostgreSQL are few, and their accounts are all that is missing.
  if (found.length === 0) return []
  const accounts = new Map((await query(host, `${SERVICES} /s /v ObjectName`)).map((key) => [key.path.toLowerCase(), key.values.get('ObjectName')]))
  return found.map((key) => ({ name: keyName(key), imagePath: key.values.get('ImagePath')!, account: accounts.get(key.path.toLowerCase()) ?? 'LocalSystem' }))
}

export interface RegisteredInstallation {
  readonly name: string
  readonly baseDirectory: string
  readonly dataDirectory: string
}

/** What EDB's installer wrote down when it ran: hints, which nobody keeps up to date. */
export async function registeredInstallations(host: Host): Promise<RegisteredInstallation[]> {
  const keys = await query(host, `${INSTALLATIONS} /s`)
  return keys.flatMap((key) => {
    const [baseDirectory, dataDirectory] = [key.values.get('Base Directory'), key.values.get('Data Directory')]
    return baseDirectory === undefined || dataDirectory === undefined || dataDirectory === '' ? [] : [{ name: keyName(key), baseDirectory, dataDirectory }]
  })
}
