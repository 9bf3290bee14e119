import type { Host } from '../host/host.ts'

/** What tells a process from a later one with the same number. */
export interface ProcessMark {
  readonly pid: number
  /** Start time in clock ticks since boot, where the system tells (field 22 of /proc/PID/stat, proc(5)). */
  readonly started?: string
  /** Of this boot: numbers and times of another one mean nothing. */
  readonly boot?: string
}

/** The mark of a process as it is now. */
export async function markOf(host: Host, pid: number): Promise<ProcessMark> {
  const [started, boot] = [await startTime(host, pid), await bootId(host)]
  return { pid, ...(started === undefined ? {} : { started }), ...(boot === undefined ? {} : { boot }) }
}

/** Whether the very process that left the mark still lives. */
export async function isAlive(host: Host, mark: ProcessMark): Promise<boolean> {
  const boot = await bootId(host)
  if (mark.boot !== undefined && boot !== undefined && mark.boot !== boot) return false
  if (!(await host.processExists(mark.pid))) return false
  const started = await startTime(host, mark.pid)
  return mark.started === undefined || started === undefined || mark.started === started
}

async function startTime(host: Host, pid: number): Promise<string | undefined> {
  const text = await textOf(host, `/proc/${pid}/stat`)
  // The name in parentheses may hold anything, parentheses and blanks too; field 3 follows the last one.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19]
}

async function bootId(host: Host): Promise<string | undefined> {
  return (await textOf(host, '/proc/sys/kernel/random/boot_id'))?.trim()
}

async function textOf(host: Host, path: string): Promise<string | undefined> {
  if (host.os !== 'linux') return undefined
  return host.read(path, { limit: 65_536 }).then((bytes) => new TextDecoder('latin1').decode(bytes), () => undefined)
}
