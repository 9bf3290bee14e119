// Where a drill keeps its copy: one directory that only the cluster's owner may enter, with a mark of who works there.
import { codeOf, HostError } from '../../errors.ts'
import type { Account, Acting, Host } from '../../host/host.ts'
import { readPostmaster } from '../../plan/postmaster.ts'
import { drillPlaces, rememberDrillPlace } from '../../plan/drill-record.ts'
import { isAlive, markOf } from '../../plan/process-mark.ts'
import type { ProcessMark } from '../../plan/process-mark.ts'
import { programData } from '../../plan/state-directory.ts'
import type { Cluster } from '../../platforms/platform.ts'
import { archiveScripting } from '../../postgres/archive-command/index.ts'
import { DrillFailure } from './failure.ts'
import { stopWindowsCopy } from './windows.ts'

/** A place for large files that is never in memory, and that every account can reach. */
export function defaultDrillDirectory(host: Host): string {
  return host.os === 'win32' ? programData(host) : '/var/tmp'
}

const PREFIX = 'pgwal-drill-'
const MARKER = 'pgwal-drill.json'
/** sockaddr_un has 104 bytes on macOS and 108 on Linux; the socket's own name takes up to 15 of them. */
const MAX_SOCKET_DIRECTORY = 85

/** Left free beside the copy: whoever else uses this file system goes on working. */
const RESERVE = { leastBytes: 64 << 20, share: 0.02, mostBytes: 4 * 2 ** 30 }

export interface DrillPlace {
  readonly root: string
  readonly dataDir: string
  readonly socketDir: string
  readonly logFile: string
  readonly tablespaces: string
}

export interface Working {
  readonly host: Host
  readonly cluster: Cluster
  readonly self: Account & { readonly privileged: boolean }
  readonly as: Acting
}

/**
 * Makes the directory of one drill.
 * @throws DrillFailure `directory-unusable`
 */
export async function makePlace({ host, self, cluster, as }: Working, parent: string): Promise<DrillPlace> {
  const root = `${parent.replace(/(?<=.)\/+$/, '')}/${PREFIX}${host.randomId(6)}`
  const place = { root, dataDir: `${root}/data`, socketDir: `${root}/s`, logFile: `${root}/server.log`, tablespaces: `${root}/tablespaces` }
  const unusable = (reason: string) => new DrillFailure('directory-unusable', { path: parent, reason })
  // tablespace_map would need an escape for it.
  const windows = host.os === 'win32'
  const problem = archiveScripting(windows ? 'cmd' : 'sh').directoryProblem(root)
  if (problem !== undefined || root.includes('\\')) throw unusable(problem ?? 'backslash')
  if (!windows && Buffer.byteLength(place.socketDir) > MAX_SOCKET_DIRECTORY) throw unusable('too long for a socket')
  if (parent !== defaultDrillDirectory(host)) await rememberDrillPlace(host, parent)
  try {
    const mayMake = windows || (await host.canWriteInto(parent, as)).ok
    // There the copy's server runs in our own name.
    if (windows) await host.makeDirectory(root, { mode: 0o700, owner: self })
    else if (mayMake || !self.privileged) await host.makeDirectory(root, { ...as, mode: 0o700 })
    else await host.makeDirectory(root, { mode: 0o700, owner: cluster.owner })
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw unusable(codeOf(error))
  }
  try {
    const marker = { process: await markOf(host, host.pid), cluster: cluster.dataDir }
    await host.replace(`${root}/${MARKER}`, new TextEncoder().encode(`${JSON.stringify(marker)}\n`), { ...as, expect: null, mode: 0o600 })
    for (const directory of [place.dataDir, place.socketDir, place.tablespaces]) await host.makeDirectory(directory, { ...as, mode: 0o700 })
  } catch (error) {
    await host.removeTree(root, as).catch(() => undefined)
    if (codeOf(error) === '') throw error
    // Above it something may be closed to the owner.
    throw unusable(codeOf(error))
  }
  return place
}

/** Bytes that must stay free on the file system of the drill. */
export async function reserveBytes({ host, as }: Working, path: string): Promise<{ readonly freeBytes: number; readonly reserveBytes: number }> {
  const { freeBytes, totalBytes } = await host.fileSystem(path, as)
  return { freeBytes, reserveBytes: Math.min(RESERVE.mostBytes, Math.max(RESERVE.leastBytes, totalBytes * RESERVE.share)) }
}

/**
 * Looks whether the reserve stays free when `bytes` more are written.
 * @throws DrillFailure `space-ran-out`
 */
export async function watchSpace(working: Working, path: string, bytes = 0): Promise<void> {
  const space = await reserveBytes(working, path)
  if (space.freeBytes - bytes < space.reserveBytes) throw new DrillFailure('space-ran-out', { path, freeBytes: space.freeBytes, reserveBytes: space.reserveBytes })
}

/** A directory in which something appears meanwhile; on Windows what a process that is just ending still has open. */
const BUSY = ['ENOTEMPTY', ...(process.platform === 'win32' ? ['EBUSY', 'EPERM', 'EACCES'] : [])]
const MOST_ATTEMPTS = 25

/** Stops the copy's server, if one runs, and removes the directory. */
export async function removePlace(working: Working, root: string): Promise<void> {
  const { host, as } = working
  await stopCopy(working, root)
  for (let attempt = 1; ; attempt++) {
    try {
      // In the owner's name: no link that was planted in there leads root astray. The directory itself may lie where only root may remove it.
      await host.removeTree(root, as).catch(() => undefined)
      await host.removeTree(root)
      return
    } catch (error) {
      // Something that is ending has made one more file.
      if (!BUSY.includes(codeOf(error)) || attempt === MOST_ATTEMPTS) throw error
      await host.sleep(200)
    }
  }
}

/** Without a mark so long after it was made, nobody is going to write one. */
const UNMARKED_MS = 600_000

/**
 * Removes what drills of this cluster's owner left behind whose pgwal is gone: below `parent`, and wherever else a drill of
 * this account had its copy.
 */
export async function removeLeftovers(working: Working, parent: string): Promise<void> {
  for (const one of new Set([parent, defaultDrillDirectory(working.host), ...await drillPlaces(working.host)])) await removeLeftoversBelow(working, one)
}

async function removeLeftoversBelow(working: Working, parent: string): Promise<void> {
  const { host, cluster, as } = working
  for (const { name, kind } of await host.list(parent, as).catch(() => [])) {
    if (kind !== 'directory' || !/^pgwal-drill-[0-9a-f]{12}$/.test(name)) continue
    const root = `${parent.replace(/(?<=.)\/+$/, '')}/${name}`
    try {
      const info = await host.stat(root, { ...as, followLinks: false })
      // In a directory for everybody, somebody else's is not ours to believe. Windows tells neither owner nor rights this way.
      if (host.os !== 'win32' && (info.uid !== cluster.owner.uid || (info.mode & 0o077) !== 0)) continue
      const marker = await host.read(`${root}/${MARKER}`, { ...as, limit: 65_536 }).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return undefined
        throw error
      })
      const used = marker === undefined
        ? host.now().getTime() - info.modified.getTime() < UNMARKED_MS
        : await isAlive(host, (JSON.parse(new TextDecoder().decode(marker)) as { process: ProcessMark }).process)
      if (!used) await removePlace(working, root)
    } catch {
      // Just being removed by somebody else, or not to be read: what is not understood stays.
    }
  }
}

const STOP_MS = 30_000
const STOP_POLL_MS = 20

/** Ends whatever runs on a copy: its server, and what a pgwal that was killed had under way. */
async function stopCopy(working: Working, root: string): Promise<void> {
  const { host, as } = working
  if (host.os === 'win32') return stopWindowsCopy(working, root)
  let running = await processesOn(working, root)
  for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
    for (const pid of running) await host.signal(pid, signal, as).catch(() => undefined)
    const left: number[] = []
    for (const pid of running) {
      let waited = 0
      for (; waited < STOP_MS && await host.processExists(pid); waited += STOP_POLL_MS) await host.sleep(STOP_POLL_MS)
      if (waited >= STOP_MS) left.push(pid)
    }
    running = left
  }
}

/** Whether the server of a copy is there, or on its way. */
export async function isUnderWay(working: Working, root: string): Promise<boolean> {
  return (await processesOn(working, root)).length > 0
}

/**
 * The processes that work on a copy, told by their own command lines, never by a number that somebody left in a file: the
 * server and pg_ctl by their data directory, cp by where it copies to.
 * @throws HostError where the system does not tell: that is no proof that nothing runs
 */
async function processesOn({ host, cluster, self }: Working, root: string): Promise<number[]> {
  const dataDir = `${root}/data`
  const copy = { host, self, cluster: { ...cluster, dataDir } }
  const known = (await readPostmaster(copy).catch(() => undefined))?.pid
  if (known !== undefined && worksOn(await argumentsOf(host, known), root)) return [known]
  if (host.os !== 'linux') {
    const { code, stdout } = await host.run('ps', ['-axww', '-o', 'pid=,args='])
    if (code !== 0) throw new HostError('run', 'ps', `exit ${code}`)
    return stdout.split('\n').flatMap((line) => {
      const [, pid, command] = /^\s*(\d+) (.*)$/.exec(line) ?? []
      return command !== undefined && (command.includes(` -D ${dataDir}`) || (/(?:^|\/| )cp -- /.test(command) && command.includes(` ${root}/`))) ? [Number(pid)] : []
    })
  }
  const found: number[] = []
  for (const { name } of await host.list('/proc').catch(() => [])) {
    if (/^\d+$/.test(name) && worksOn(await argumentsOf(host, Number(name)), root)) found.push(Number(name))
  }
  return found
}

function worksOn(argv: readonly string[], root: string): boolean {
  const dataDir = `${root}/data`
  // The second is the shell that pg_ctl starts it with.
  if (argv.some((word, at) => (word === '-D' && argv[at + 1] === dataDir) || word.includes(` "-D" "${dataDir}"`) || word.includes(` -D "${dataDir}"`))) return true
  return argv.some((word) => word === 'cp' || word.endsWith('/cp')) && (argv.at(-1) ?? '').startsWith(`${root}/`)
}

async function argumentsOf(host: Host, pid: number): Promise<string[]> {
  if (host.os === 'linux') {
    const text = await host.read(`/proc/${pid}/cmdline`, { limit: 1 << 20 }).then((bytes) => new TextDecoder().decode(bytes), () => '')
    return text.split('\0').slice(0, -1)
  }
  // Of one that is gone it says nothing.
  const { stdout } = await host.run('ps', ['-ww', '-o', 'args=', '-p', String(pid)])
  // ps has only blanks between the words; the copy's directory has none in its own name, but its parents may.
  const at = stdout.indexOf(' -D ')
  return at === -1 ? [] : [stdout.slice(0, at), '-D', stdout.slice(at + 4).trim()]
}
