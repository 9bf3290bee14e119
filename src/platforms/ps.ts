// Servers in the output of ps, where there is no /proc: macOS and the BSDs.
// https://man.freebsd.org/cgi/man.cgi?query=ps, https://man.freebsd.org/cgi/man.cgi?query=procstat, https://github.com/lsof-org/lsof/blob/master/Lsof.8 (-F)
import type { Host } from '../host/host.ts'
import { ran } from './reading.ts'

/** Everybody's processes, with lines as long as they are. */
export const PS = ['-axww', '-o', 'pid,ppid,user,lstart,command']

interface Listed {
  readonly pid: number
  readonly parent: number
  readonly user: string
  readonly command: string
}

/** What ps prints with {@link PS}; the start stands in five words, as in C's asctime. */
function parsePs(text: string): Listed[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+\S+\s+\S+\s+\S+\s+[\d:]+\s+\d{4}\s+(.*?)\s*$/.exec(line)
    return found === null ? [] : [{ pid: Number(found[1]), parent: Number(found[2]), user: found[3]!, command: found[4]! }]
  })
}

/**
 * A server's command line in words again. ps has only blanks between them, also where a path has some, so an option is
 * taken to go on until the next one.
 */
function wordsOfCommand(command: string, names: ReadonlySet<string>): string[] | undefined {
  const [program] = command.split(/ (?=-)/, 1)
  if (program === undefined || !names.has(program.slice(program.lastIndexOf('/') + 1))) return undefined
  const options = command.slice(program.length).split(/\s+(?=-)/).filter((part) => part !== '')
  return [program, ...options.flatMap((part) => /^(-\S+)\s+(.+)$/.exec(part)?.slice(1) ?? [part])]
}

interface ListedServer {
  readonly pid: number
  readonly user: string
  readonly argv: readonly string[]
  readonly parent: { readonly pid: number; readonly name: string; readonly command: string }
}

/** Servers whose parent is none, and whether ps showed everybody's processes. */
export function postmastersOfPs(text: string, names: ReadonlySet<string>): { readonly servers: readonly ListedServer[]; readonly complete: boolean } {
  const processes = new Map(parsePs(text).map((one) => [one.pid, one]))
  const servers = [...processes.values()].flatMap(({ pid, parent, user, command }): ListedServer[] => {
    const argv = wordsOfCommand(command, names)
    const above = processes.get(parent)?.command ?? ''
    if (argv === undefined || wordsOfCommand(above, names) !== undefined) return []
    return [{ pid, user, argv, parent: { pid: parent, name: above.split(' ', 1)[0]!.replace(/^.*\//, ''), command: above } }]
  })
  return { servers, complete: processes.has(1) }
}

/** The path that a descriptor of a process is open on, or its working directory; undefined where that is none of our business. */
export async function fileOfDescriptor(host: Host, pid: number, descriptor: string): Promise<string | undefined> {
  if (host.os === 'freebsd') {
    const said = await ran(host, 'procstat', ['-f', String(pid)])
    // PID COMM FD T V FLAGS REF OFFSET PRO NAME
    const row = (said?.stdout ?? '').split('\n').find((line) => new RegExp(`^\\s*${pid}\\s+\\S+\\s+${descriptor}\\s`).test(line))
    return /\s(\/.*?)\s*$/.exec(row ?? '')?.[1]
  }
  const said = await ran(host, 'lsof', ['-a', '-p', String(pid), '-d', descriptor, '-Fn'])
  return /^n(\/.*)$/m.exec(said?.stdout ?? '')?.[1]
}
