/**
 * What archives: archive_command or archive_library, as it counts now, and where it puts the segments as far as that can be
 * told from its text (and from its script, where that can be read).
 * @see https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-ARCHIVING-WAL
 * @see https://www.postgresql.org/docs/current/basic-archive.html
 */
import { codeOf } from '../errors.ts'
import { absolute, statOf } from '../platforms/reading.ts'
import { readArchiveCommand } from '../postgres/archive-command/index.ts'
import type { Judgement } from '../postgres/archive-command/index.ts'
import type { Place } from '../postgres/conf/index.ts'
import { effectiveSettingsFact } from './effective-settings.ts'
import type { EffectiveSettings } from './effective-settings.ts'
import { acting, required, unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'
import { serverEnvironment } from './server-environment.ts'

export interface ArchiveCommandFact {
  readonly via: 'command' | 'library' | 'none'
  /** The command or the library's name, as the server has it. */
  readonly text: string
  /** Both are set: 15 prefers the library without a word, from 16 on nothing is archived. */
  readonly both: boolean
  readonly at?: Place
  /** For a command. */
  readonly judgement?: Judgement
  /** The directory on this machine that gets the segments, where that can be told. */
  readonly destination?: string
  /** Files do not stay in the destination: Barman moves them on. Here it is certain for a directory on this machine; elsewhere its name tells. */
  readonly spool?: true
  /** A program that none of the directories of the server's PATH holds; `elsewhere` is where our own PATH has it. */
  readonly offPath?: { readonly program: string; readonly path: string; readonly elsewhere?: string }
  /** A program of the command that has no text to read, so that the judgement is of the command alone; `missing` it cannot be run either. */
  readonly unread?: { readonly path: string; readonly why: 'missing' | 'closed' | 'not-text' }
}

/** Bytes of a script that are looked at; what archives WAL is not longer. */
const SCRIPT_LIMIT = 256 << 10
/** How deep scripts are followed that call scripts. */
const SCRIPT_DEPTH = 3

export const archiveCommandFact: Fact<ArchiveCommandFact> = {
  name: 'archive-command',
  async gather(from) {
    const settings = await required(from, effectiveSettingsFact)
    const library = valueOf(settings, 'archive_library') ?? ''
    const command = valueOf(settings, 'archive_command')
    if (command === undefined) throw unavailable('config-unreadable')
    const both = library !== '' && command !== ''
    if (library !== '') {
      const directory = /(^|\/)basic_archive(\.\w+)?$/.test(library) ? valueOf(settings, 'basic_archive.archive_directory') : undefined
      return { via: 'library', text: library, both, ...place(settings, 'archive_library'), ...(directory === undefined || directory === '' ? {} : { destination: directory }) }
    }
    if (command.trim() === '') return { via: 'none', text: '', both, ...place(settings, 'archive_command') }
    const environment = await serverEnvironment(from)
    const { judgement, unread } = await judge(from, command, environment)
    const offPath = await lookUp(from, judgement.lookedUp ?? [], environment?.get('PATH'))
    const destination = judgement.destination === undefined ? undefined : (from.host.os === 'win32' ? judgement.destination.replaceAll('\\', '/') : judgement.destination).replace(/(.)\/+$/, '$1')
    return {
      via: 'command', text: command, both, judgement, ...place(settings, 'archive_command'),
      ...(destination === undefined ? {} : { destination }),
      ...(judgement.spool === true && (destination === undefined || (await besideWals(from, destination))) ? { spool: true } : {}),
      ...(unread === undefined ? {} : { unread }),
      ...(offPath === undefined ? {} : { offPath }),
    }
  },
}

function valueOf(settings: EffectiveSettings, name: string): string | undefined {
  const setting = settings.get(name)
  return setting?.running?.value ?? setting?.configured?.value
}

function place(settings: EffectiveSettings, name: string): { at?: Place } {
  const at = settings.get(name)?.at
  return at === undefined ? {} : { at }
}

/** Whether the directory lies beside Barman's `wals`, where what came in ends up. */
async function besideWals(from: Gathering, directory: string): Promise<boolean> {
  return from.host.stat(directory.replace(/[^/]+$/, 'wals'), acting(from)).then(() => true, () => false)
}

/** The first program that the server's shell would not find; undefined where there is none, or its PATH is not known. */
async function lookUp(from: Gathering, programs: readonly string[], path: string | undefined): Promise<ArchiveCommandFact['offPath']> {
  if (path === undefined) return undefined
  // An empty part is the directory that the archiver runs in.
  const directories = path.split(':').map((directory) => absolute(from.cluster.dataDir, directory === '' ? '.' : directory))
  for (const program of programs) {
    const there = await Promise.all(directories.map((directory) => statOf(from.host, `${directory}/${program}`, acting(from))))
    if (there.some((info) => info?.kind === 'file')) continue
    const elsewhere = await from.host.which(program)
    return { program, path, ...(elsewhere === undefined ? {} : { elsewhere }) }
  }
  return undefined
}

type Script = { readonly text: string } | { readonly why: 'missing' | 'closed' | 'not-text' }

/** Reads the command, then again with the text of each script that it turned out to run. */
async function judge(from: Gathering, command: string, environment: ReadonlyMap<string, string> | undefined): Promise<Pick<ArchiveCommandFact, 'unread'> & { readonly judgement: Judgement }> {
  const scripts = new Map<string, Script>()
  const options = { shell: from.host.os === 'win32' ? 'cmd' : 'sh', major: from.cluster.major, environment } as const
  for (let depth = 0; ; depth++) {
    const asked: string[] = []
    const judgement = readArchiveCommand(command, {
      ...options,
      script(path) {
        const script = scripts.get(path)
        if (script === undefined) asked.push(path)
        return script !== undefined && 'text' in script ? script.text : undefined
      },
    })
    if (asked.length === 0 || depth === SCRIPT_DEPTH) {
      const [unread] = [...scripts].flatMap(([path, script]) => ('why' in script ? [{ path, why: script.why }] : []))
      return unread === undefined ? { judgement } : { judgement, unread }
    }
    for (const path of asked) scripts.set(path, await scriptOf(from, path))
  }
}

async function scriptOf(from: Gathering, path: string): Promise<Script> {
  // A bare name is looked up in the server's PATH, which is not ours.
  if (!/[\\/]/.test(path)) return { why: 'not-text' }
  // The archiver runs in the data directory.
  const absolute = path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path) ? path : `${from.cluster.dataDir}/${path}`
  try {
    const bytes = await from.host.read(absolute, { ...acting(from), limit: SCRIPT_LIMIT })
    // A compiled program is no script.
    return bytes.includes(0) ? { why: 'not-text' } : { text: new TextDecoder().decode(bytes) }
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return { why: 'missing' }
    return { why: code === 'EACCES' || code === 'EPERM' ? 'closed' : 'not-text' }
  }
}
