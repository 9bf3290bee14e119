/**
 * What pgBackRest is told for archive-push, where the archive command runs it: its directories, and whether it may drop WAL.
 * In asynchronous mode it stands or falls with its spool and its locks, and its reasons go to a log of its own.
 * @see https://pgbackrest.org/configuration.html
 */
import { codeOf } from '../errors.ts'
import { directoryOf, statOf } from '../platforms/reading.ts'
import { pgbackrestOption, readPgbackrest, readPgbackrestConf } from '../postgres/archive-command/index.ts'
import { archiveCommandFact } from './archive-command.ts'
import { acting, actsAsOwner, required, unavailable } from './fact.ts'
import type { Fact, Gathering } from './fact.ts'
import { serverEnvironment } from './server-environment.ts'

export interface PgbackrestFact {
  /** The main configuration file; absent where there is none. */
  readonly file?: string
  readonly stanza: string
  readonly asynchronous: boolean
  /** archive-push-queue-max as it is written. */
  readonly queueMax?: string
  /** What it may not write, of what asynchronous archiving writes. */
  readonly refused: readonly { readonly what: 'log' | 'lock' | 'spool'; readonly path: string; readonly place: string; readonly code: string }[]
}

const DIRECTORY = '/etc/pgbackrest'
/** Where it was before 2.02, and still is looked for. */
const OLD_FILE = '/etc/pgbackrest.conf'

export const pgbackrestFact: Fact<PgbackrestFact> = {
  name: 'pgbackrest',
  async gather(from) {
    const { via, text } = await required(from, archiveCommandFact)
    const command = via === 'command' ? readPgbackrest(text) : undefined
    if (command === undefined) throw unavailable('not-applicable')
    const environment = await serverEnvironment(from)
    const named = (name: string) => pgbackrestOption(name, command, environment, new Map())
    const base = named('config-path') ?? DIRECTORY
    const { file, texts } = await configuration(from, named('config'), base, named('config-include-path') ?? `${base}/conf.d`)
    const sections = readPgbackrestConf(texts)
    const option = (name: string) => pgbackrestOption(name, command, environment, sections)

    const stanza = named('stanza') ?? ''
    const asynchronous = option('archive-async') === 'y'
    const queueMax = option('archive-push-queue-max')
    const writes = [
      { what: 'spool', path: `${option('spool-path') ?? '/var/spool/pgbackrest'}/archive/${stanza}/out` },
      { what: 'lock', path: option('lock-path') ?? '/tmp/pgbackrest', name: `${stanza}-archive.lock` },
      ...(option('log-level-file') === 'off' ? [] : [{ what: 'log', path: option('log-path') ?? '/var/log/pgbackrest', name: `${stanza}-archive-push-async.log` } as const]),
    ] as const
    const refused = asynchronous && (await actsAsOwner(from)) ? await Promise.all(writes.map(async (one) => ({ ...one, ...(await refusal(from, one.path, 'name' in one ? one.name : undefined)) }))) : []
    return {
      ...(file === undefined ? {} : { file }), stanza, asynchronous, ...(queueMax === undefined ? {} : { queueMax }),
      refused: refused.flatMap(({ what, path, place, code }) => (place === undefined || code === undefined ? [] : [{ what, path, place, code }])),
    }
  },
}

async function configuration(from: Gathering, named: string | undefined, base: string, include: string): Promise<{ readonly file?: string; readonly texts: readonly string[] }> {
  const { host } = from
  const read = async (path: string) => new TextDecoder().decode(await host.read(path, { ...acting(from), limit: 1 << 20 }))
  const texts: string[] = []
  let file: string | undefined
  for (const path of named === undefined ? [`${base}/pgbackrest.conf`, ...(base === DIRECTORY ? [OLD_FILE] : [])] : [named]) {
    try {
      texts.push(await read(path))
      file = path
      break
    } catch (error) {
      // A file that is named must be there.
      if (named !== undefined || codeOf(error) !== 'ENOENT') throw error
    }
  }
  const more = (await host.list(include, acting(from)).catch(() => [])).map(({ name }) => name).filter((name) => name.endsWith('.conf')).sort()
  for (const name of more) texts.push(await read(`${include}/${name}`))
  return { ...(file === undefined ? {} : { file }), texts }
}

/** Why a file cannot be made in a directory, which pgBackRest makes itself with all that is missing above; nothing where it can. */
async function refusal(from: Gathering, directory: string, name: string | undefined): Promise<{ readonly place?: string; readonly code?: string }> {
  const { host, cluster } = from
  const as = acting(from)
  let place = directory
  while (place !== '/' && await statOf(host, place, as) === undefined) place = directoryOf(place)
  const can = await host.canWriteInto(place, as)
  if (!can.ok) return { place, code: can.code }
  const file = name === undefined ? undefined : await statOf(host, `${directory}/${name}`, as)
  // Left behind by a run as root, as a rule.
  if (file !== undefined && file.uid !== cluster.owner.uid && (file.mode & 0o022) === 0) return { place: `${directory}/${name}`, code: 'EACCES' }
  return {}
}
